"""Fault scripts on AWS: see tests/mock/scripts.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given, settings

from hybridplace.mock.aws import MockAws
from hybridplace.mock.script import FaultKind
from hybridplace.model.site import Market
from hybridplace.plugin.interfaces import Settings
from hybridplace_aws.provider import AwsProvider
from hybridplace_aws.session import Clients

from .conftest import OFFERS, OWNER, REGION, offer, request_for
from .scripts import FaultScript, Story, fault_scripts

REQUESTS = (request_for(offer("p4d.24xlarge", Market.SPOT)), request_for(offer()))

DEAD_AFTER_RUN = 7
"""The calls of acquiring up to RunInstances: what was started then, nobody was told of."""


@pytest.fixture(scope="module")
def cloud():
    """Give a mocked AWS."""
    with MockAws(offers=OFFERS) as running:
        yield running


@pytest.fixture(scope="module")
def start(cloud) -> Callable[[], AwsProvider]:
    """Make drivers that know nothing of each other; they share connections, which is faster."""
    told = Settings(owner=OWNER, regions=(REGION,), endpoint=cloud.endpoint)
    clients = Clients(cloud.endpoint)

    def one() -> AwsProvider:
        made = AwsProvider(told)
        made._clients = clients
        return made

    yield one
    clients.close()


@settings(max_examples=200)
@given(script=fault_scripts())
# Machines that fail as they start are no lease.
@example(script=FaultScript(faults=((FaultKind.PARTIAL, 0),)))
@example(script=FaultScript(machines=2, faults=((FaultKind.FAILED_OPERATION, 0),)))
# A list that lags hides what a dead process started in one zone, and only the next one has room.
@example(
    script=FaultScript(
        faults=((FaultKind.STALE_LIST, 1), (FaultKind.CAPACITY, 1)), cut=DEAD_AFTER_RUN
    )
)
# The same, and all that is heard of the second zone is that its list lags, too.
@example(
    script=FaultScript(
        faults=((FaultKind.STALE_LIST, 1), (FaultKind.CAPACITY, 1), (FaultKind.STALE_LIST, 2)),
        cut=DEAD_AFTER_RUN,
    )
)
# The same, and nothing more may be started: the lease that there is must still be told.
@example(
    script=FaultScript(faults=((FaultKind.STALE_LIST, 1), (FaultKind.QUOTA, 1)), cut=DEAD_AFTER_RUN)
)
def test_one_lease_and_nothing_left(cloud, start, script):
    """Whatever befalls the processes, a key is one lease, and the sweeper leaves nothing."""
    cloud.reset()
    Story(cloud, start, REQUESTS).play(script, key="key-1")
