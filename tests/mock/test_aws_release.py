from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from hybridplace.errors import TransientError
from hybridplace.mock.script import ScriptedFault
from hybridplace.model.site import LeaseState, Market

from .conftest import OWNER, REGION, machines_of, offer, request_for

SPOT = offer("p4d.24xlarge", Market.SPOT)


def tagged(kind, **named):
    """Return the argument that gives a new thing our tags."""
    tags = [{"Key": f"hybridplace:{name}", "Value": value} for name, value in named.items()]
    return [{"ResourceType": kind, "Tags": tags}]


def _ec2(provider, region=REGION):
    return provider._clients("ec2", region)


def test_release_leaves_nothing(aws, provider):
    """After a release nothing exists in the cloud, and no lease is told."""
    provider.acquire(request_for(SPOT, machines=2), key="key-1")
    provider.acquire(request_for(offer(), public=True), key="key-2")
    assert aws.things()
    provider.release("key-1")
    provider.release("key-2")
    assert () == aws.things()
    assert [] == provider.leases(OWNER)


def test_release_twice_and_of_nothing(aws, make):
    """Releasing what is gone, or never was, is success."""
    provider = make()
    provider.acquire(request_for(SPOT), key="key-1")
    for one in (provider, provider, make()):
        one.release("key-1")
    provider.release("never")
    assert () == aws.things()


def test_release_from_a_new_process_in_any_region(aws, make):
    """A provider that knows nothing finds the lease in whichever allowed region it is."""
    regions = (REGION, "eu-west-1")
    make(regions=regions).acquire(request_for(offer(region="eu-west-1")), key="key-1")
    make(regions=regions).release("key-1")
    assert () == aws.things()


@pytest.mark.parametrize("pattern", ["*", "key-?", "key-*"])
def test_release_knows_no_wild_cards(aws, provider, pattern):
    """A key that EC2's filters would read as a pattern releases nothing else."""
    provider.acquire(request_for(offer()), key="key-1")
    before = aws.things()
    provider.release(pattern)
    assert before == aws.things()


def test_others_are_left_alone(aws, make, provider):
    """Machines of other owners, or without tags, are neither told nor ended."""
    ec2 = _ec2(provider)
    image = ec2.describe_images()["Images"][0]["ImageId"]
    plain = {"ImageId": image, "InstanceType": "c5.large", "MinCount": 1, "MaxCount": 1}
    ec2.run_instances(**plain)
    ec2.run_instances(**plain, TagSpecifications=tagged("instance", owner="other", lease="key-1"))
    ec2.run_instances(**plain, TagSpecifications=tagged("instance", owner=OWNER))
    before = aws.things()
    assert [] == provider.leases(OWNER)
    provider.release("key-1")
    assert before == aws.things()


def left_behind(ec2):
    """Make one of each thing that can outlive its machine, tagged with a lease."""
    named = {"owner": OWNER, "lease": "key-1", "job": "retrain"}
    zone, size = f"{REGION}a", 10
    ec2.create_volume(AvailabilityZone=zone, Size=size, TagSpecifications=tagged("volume", **named))
    ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip", **named))
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    ec2.create_network_interface(
        SubnetId=subnet, TagSpecifications=tagged("network-interface", **named)
    )
    image = ec2.describe_images()["Images"][0]["ImageId"]
    ec2.request_spot_instances(
        LaunchSpecification={"ImageId": image, "InstanceType": "c5.large"},
        TagSpecifications=tagged("spot-instances-request", **named),
    )


def test_leftovers_are_told_and_released(aws, provider):
    """Disks, addresses, interfaces and spot requests left of a lease are told as ending, and go."""
    left_behind(_ec2(provider))
    (machine,) = machines_of(aws)
    _ec2(provider).terminate_instances(InstanceIds=[machine])
    kinds = {thing.kind for thing in aws.things()}
    assert {"volume", "address", "interface", "spot-request"} <= kinds
    (lease,) = provider.leases(OWNER)
    assert ("key-1", "retrain", (), LeaseState.ENDING) == (
        lease.id,
        lease.job,
        lease.machines,
        lease.state,
    )
    provider.release("key-1")
    assert [] == provider.leases(OWNER)
    assert [] == [thing for thing in aws.things() if thing.kind != "interface"]


def test_address_in_use_is_released(aws, provider):
    """An address that is bound to a machine goes with the lease."""
    lease = provider.acquire(request_for(offer()), key="key-1")
    ec2 = _ec2(provider)
    tags = tagged("elastic-ip", owner=OWNER, lease="key-1")
    address = ec2.allocate_address(Domain="vpc", TagSpecifications=tags)
    ec2.associate_address(AllocationId=address["AllocationId"], InstanceId=lease.machines[0])
    provider.release("key-1")
    assert () == aws.things()


@pytest.mark.parametrize("code", ["VolumeInUse", "IncorrectState"])
def test_disk_of_a_machine_that_is_shutting_down(aws, provider, code):
    """What hangs on a machine that is still shutting down is to be repeated, and then goes."""
    tags = tagged("volume", owner=OWNER, lease="key-1")
    _ec2(provider).create_volume(AvailabilityZone=f"{REGION}a", Size=1, TagSpecifications=tags)
    aws.script(ScriptedFault(action="DeleteVolume", code=code))
    with pytest.raises(TransientError) as raised:
        provider.release("key-1")
    assert code == raised.value.code
    provider.release("key-1")
    assert () == aws.things()


@pytest.mark.parametrize(
    ("action", "code"),
    [
        ("TerminateInstances", "InvalidInstanceID.NotFound"),
        ("DeleteVolume", "InvalidVolume.NotFound"),
    ],
)
def test_gone_in_between_is_success(aws, provider, action, code):
    """A thing that goes between being listed and being ended is no error."""
    provider.acquire(request_for(offer()), key="key-1")
    tags = tagged("volume", owner=OWNER, lease="key-1")
    _ec2(provider).create_volume(AvailabilityZone=f"{REGION}a", Size=1, TagSpecifications=tags)
    aws.script(ScriptedFault(action=action, code=code))
    provider.release("key-1")
    assert code in [call.outcome for call in aws.calls]


def test_one_machine_gone_does_not_spare_the_others(aws, provider):
    """When EC2 no longer knows one machine of a gang, the others still end."""
    provider.acquire(request_for(SPOT, machines=3), key="key-1")
    aws.script(ScriptedFault(action="TerminateInstances", code="InvalidInstanceID.NotFound"))
    provider.release("key-1")
    assert 1 == len(machines_of(aws))
    provider.release("key-1")
    assert () == aws.things()


def test_leases_of_all_regions_and_pages(aws, make):
    """All leases are found: over several regions, and over several pages of each."""
    regions = (REGION, "eu-west-1")
    provider = make(regions=regions)
    for number in range(3):
        provider.acquire(request_for(offer()), key=f"key-{number}")
    provider.acquire(request_for(offer(region="eu-west-1"), job="other"), key="key-w")
    aws._wire.page_size, before = 2, len(aws.calls)
    found = make(regions=regions).leases(OWNER)
    assert ["key-0", "key-1", "key-2", "key-w"] == [lease.id for lease in found]
    assert "other" == found[-1].job
    pages = [call.region for call in aws.calls[before:] if call.action == "DescribeInstances"]
    assert [REGION, REGION, "eu-west-1"] == pages


def test_stopped_machine_is_ending(provider):
    """A lease whose machine was stopped by hand is not told as running, and can be released."""
    lease = provider.acquire(request_for(offer()), key="key-1")
    _ec2(provider).stop_instances(InstanceIds=list(lease.machines))
    (told,) = provider.leases(OWNER)
    assert replace(lease, state=LeaseState.ENDING) == told


def test_notice_ahead(aws, provider):
    """A spot machine marked for termination gives a notice with a deadline two minutes on."""
    lease = provider.acquire(request_for(SPOT, machines=2), key="key-1")
    assert [] == list(provider.notices())
    aws.warn(lease.machines[:1])
    (notice,) = provider.notices()
    assert ("key-1", "marked-for-termination") == (notice.lease, notice.reason)
    left = datetime.fromisoformat(notice.deadline) - datetime.now().astimezone()
    assert timedelta(minutes=1) < left <= timedelta(minutes=2)


def test_notice_after(aws, provider):
    """A machine that was taken back gives a notice, and is no part of the lease any more."""
    lease = provider.acquire(request_for(SPOT, machines=2), key="key-1")
    aws.take(lease.machines[:1])
    (notice,) = provider.notices()
    assert ("key-1", "Server.SpotInstanceTermination", None) == (
        notice.lease,
        notice.reason,
        notice.deadline,
    )
    (told,) = provider.leases(OWNER)
    assert lease.machines[1:] == told.machines
    aws.take(lease.machines[1:])
    assert [] == provider.leases(OWNER)
    assert () == aws.things()


def test_no_notice_of_our_own_release(provider):
    """Machines that we ended ourselves are no news."""
    provider.acquire(request_for(SPOT), key="key-1")
    provider.release("key-1")
    assert [] == list(provider.notices())
