from __future__ import annotations

import json
import re
from pathlib import Path

from hybridplace.model.site import Market

from .conftest import OWNER, REGION, offer, request_for
from .test_aws_release import left_behind, tagged

DOCS = (Path(__file__).parents[2] / "docs" / "providers" / "aws.md").read_text()
# Checked by AWS within RunInstances, and so no calls of their own.
WITHIN = {"ec2:CreateTags", "iam:CreateServiceLinkedRole"}


def _policy():
    """Return the actions that the page's policy allows."""
    (text,) = re.findall(r"```json\n(.*?)```", DOCS, re.DOTALL)
    statements = json.loads(text)["Statement"]
    listed = [one["Action"] for one in statements]
    return {name for one in listed for name in ([one] if isinstance(one, str) else one)}


def test_the_policy_allows_exactly_what_is_called(aws, make):
    """Every call that the driver makes is in the page's policy, and nothing else is."""
    other = make()
    left_behind(other._clients("ec2", REGION))
    lease = other.acquire(request_for(offer()), key="key-1")
    address = other._clients("ec2", REGION).allocate_address(
        Domain="vpc", TagSpecifications=tagged("elastic-ip", owner=OWNER, lease="key-1")
    )
    other._clients("ec2", REGION).associate_address(
        AllocationId=address["AllocationId"], InstanceId=lease.machines[0]
    )
    before = len(aws.calls)
    provider = make(instance_types="c5.large")
    for read in (provider.sites, provider.offers, provider.quotas, provider.notices):
        list(read())
    provider.leases(OWNER)
    provider.acquire(request_for(offer("p4d.24xlarge", Market.SPOT)), key="key-2")
    for key in ("key-1", "key-2"):
        provider.release(key)
    called = {f"{call.service}:{call.action}" for call in aws.calls[before:]}
    assert _policy() - WITHIN == called
