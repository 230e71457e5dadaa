from __future__ import annotations

import base64
import subprocess

import pytest

from hybridplace.errors import CapacityError, ProviderError, QuotaError
from hybridplace.mock.script import ScriptedFault
from hybridplace.model.site import LeaseState, Market
from hybridplace.plugin.interfaces import Settings
from hybridplace_aws.provider import AwsProvider

from .conftest import OWNER, REGION, machines_of, offer, request_for, runs_of

SPOT = offer("p4d.24xlarge", Market.SPOT)


def _described(provider, lease):
    ec2 = provider._clients("ec2", REGION)
    answer = ec2.describe_instances(InstanceIds=list(lease.machines))
    return [machine for run in answer["Reservations"] for machine in run["Instances"]]


def test_lease_tells_what_runs(aws, provider):
    """A lease names its key, its job, its offer and one machine per machine asked for."""
    asked = request_for(SPOT, machines=3)
    lease = provider.acquire(asked, key="key-1")
    told = (lease.id, lease.provider, lease.owner, lease.plan, lease.job, lease.offer)
    assert ("key-1", "aws", OWNER, "plan-1", "retrain", SPOT.id) == told
    assert (asked.expires, LeaseState.ACTIVE) == (lease.expires, lease.state)
    assert sorted(machines_of(aws)) == sorted(lease.machines)
    assert [lease] == provider.leases(OWNER)


def test_everything_made_is_tagged(aws, provider):
    """Machines, disks, interfaces and spot requests carry owner, plan, job, offer, key, expiry."""
    asked = request_for(SPOT, machines=2)
    provider.acquire(asked, key="key-1")
    expected = {
        "hybridplace:owner": OWNER,
        "hybridplace:plan": "plan-1",
        "hybridplace:job": "retrain",
        "hybridplace:offer": SPOT.id,
        "hybridplace:lease": "key-1",
        "hybridplace:expires": asked.expires,
    }
    ec2 = provider._clients("ec2", REGION)
    left = aws.things()
    assert {"instance", "volume", "interface", "spot-request"} == {one.kind for one in left}
    for one in left:
        thing = {"Name": "resource-id", "Values": [one.id]}
        listed = ec2.describe_tags(Filters=[thing])["Tags"]
        assert expected == {tag["Key"]: tag["Value"] for tag in listed}, one
        assert expected == one.tags


def test_machines_are_private_and_encrypted(provider):
    """IMDSv2 is required, the disk is encrypted gp3 of the size asked for, no public address."""
    lease = provider.acquire(request_for(offer(), disk_gib=100.2), key="key-1")
    (machine,) = _described(provider, lease)
    ec2 = provider._clients("ec2", REGION)
    disk = machine["BlockDeviceMappings"][0]["Ebs"]
    (volume,) = ec2.describe_volumes(VolumeIds=[disk["VolumeId"]])["Volumes"]
    assert ("gp3", 101, True) == (volume["VolumeType"], volume["Size"], volume["Encrypted"])
    assert disk["DeleteOnTermination"]
    assert machine["NetworkInterfaces"][0]["Attachment"]["DeleteOnTermination"]
    assert "required" == machine["MetadataOptions"]["HttpTokens"]
    assert "PublicIpAddress" not in machine
    assert "InstanceLifecycle" not in machine


def test_disk_is_never_smaller_than_the_image(provider):
    """A request without a disk gets what the image needs: EC2 refuses a smaller one."""
    lease = provider.acquire(request_for(offer()), key="key-1")
    volume = _described(provider, lease)[0]["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    ec2 = provider._clients("ec2", REGION)
    assert 15 == ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["Size"]


def test_public_address_when_asked(provider):
    """A public address comes with the machine if the request says so."""
    lease = provider.acquire(request_for(offer(), public=True), key="key-1")
    assert _described(provider, lease)[0]["PublicIpAddress"]


def test_dead_man_switch(provider):
    """The machine powers itself off at expiry, and powering off ends it."""
    lease = provider.acquire(request_for(offer()), key="key-1")
    ec2 = provider._clients("ec2", REGION)

    def attribute(name):
        return ec2.describe_instance_attribute(InstanceId=lease.machines[0], Attribute=name)

    behaviour = attribute("instanceInitiatedShutdownBehavior")
    assert "terminate" == behaviour["InstanceInitiatedShutdownBehavior"]["Value"]
    script = base64.b64decode(attribute("userData")["UserData"]["Value"]).decode()
    assert script.startswith("#cloud-boothook\n#!/bin/sh\n")
    assert "1893456000 - $(date +%s)" in script  # 2030-01-01T00:00:00Z
    checked = subprocess.run(["/bin/sh", "-n"], input=script, text=True, check=False)
    assert 0 == checked.returncode


@pytest.mark.parametrize("expires", ["tomorrow", "2030-01-01T00:00:00"])
def test_unreadable_expiry_starts_nothing(aws, provider, expires):
    """A machine without a readable end is not started."""
    with pytest.raises(ProviderError, match="expires"):
        provider.acquire(request_for(offer(), expires=expires), key="key-1")
    assert () == aws.things()


def test_spot_is_one_time(provider):
    """A spot machine has a visible one-time request that ends with it."""
    lease = provider.acquire(request_for(SPOT), key="key-1")
    (machine,) = _described(provider, lease)
    ec2 = provider._clients("ec2", REGION)
    (asked,) = ec2.describe_spot_instance_requests()["SpotInstanceRequests"]
    assert "spot" == machine["InstanceLifecycle"]
    assert machine["SpotInstanceRequestId"] == asked["SpotInstanceRequestId"]
    told = (asked["Type"], asked["InstanceInterruptionBehavior"], asked["State"])
    assert ("one-time", "terminate", "active") == told
    provider.release("key-1")
    (asked,) = ec2.describe_spot_instance_requests()["SpotInstanceRequests"]
    assert "closed" == asked["State"]


def test_next_zone_when_one_is_sold_out(aws, provider):
    """A zone without capacity is passed over; the whole gang stands in the next one."""
    sold_out = ScriptedFault(
        action="RunInstances", code="InsufficientInstanceCapacity", status=500, zone=f"{REGION}a"
    )
    aws.script(sold_out)
    lease = provider.acquire(request_for(SPOT, machines=2), key="key-1")
    zones = {machine["Placement"]["AvailabilityZone"] for machine in _described(provider, lease)}
    assert {f"{REGION}b"} == zones
    outcomes = ["InsufficientInstanceCapacity", "ok"]
    assert outcomes == [call.outcome for call in runs_of(aws)]


def test_sold_out_everywhere(aws, provider):
    """When no zone has capacity it is a CapacityError with AWS's code, and nothing is left."""
    fault = ScriptedFault(
        action="RunInstances", code="InsufficientInstanceCapacity", status=500, times=None
    )
    aws.script(fault)
    with pytest.raises(CapacityError, match=r"p4d\.24xlarge/spot") as raised:
        provider.acquire(request_for(SPOT, machines=2), key="key-1")
    assert "InsufficientInstanceCapacity" == raised.value.code
    tried = [call.parameters["Placement.AvailabilityZone"] for call in runs_of(aws)]
    assert sorted(tried) == tried
    assert len(set(tried)) == len(tried) > 1
    assert () == aws.things()


def test_faults_match_market_and_type(aws, provider):
    """A fault scripted for spot leaves on-demand alone."""
    fault = ScriptedFault(
        action="RunInstances",
        code="MaxSpotInstanceCountExceeded",
        market="spot",
        instance_type="p4d.24xlarge",
    )
    aws.script(fault)
    provider.acquire(request_for(offer("p4d.24xlarge")), key="key-1")
    with pytest.raises(QuotaError):
        provider.acquire(request_for(SPOT), key="key-2")
    provider.acquire(request_for(SPOT), key="key-2")


def test_quota_is_not_tried_elsewhere(aws, provider):
    """A quota holds for the region: no other zone is asked."""
    aws.script(ScriptedFault(action="RunInstances", code="VcpuLimitExceeded"))
    with pytest.raises(QuotaError):
        provider.acquire(request_for(SPOT), key="key-1")
    assert 1 == len(runs_of(aws))
    assert () == aws.things()


def test_slow_answer(aws, provider):
    """A slow answer is waited for."""
    aws.script(ScriptedFault(action="RunInstances", delay_s=0.2))
    assert provider.acquire(request_for(offer()), key="key-1").machines


def test_no_zone_has_the_type(aws, make):
    """A type that a region does not sell is sold out there, before anything is asked of it."""
    with pytest.raises(CapacityError, match="no zone"):
        make(regions=("eu-west-3",)).acquire(
            request_for(offer("p4d.24xlarge", region="eu-west-3")), key="key-1"
        )
    assert [] == runs_of(aws)


@pytest.mark.parametrize(
    ("changed", "options", "told"),
    [
        ({"offer": offer("x9.huge")}, {}, "x9.huge"),
        ({"offer": offer()}, {"image": "ami-12345678"}, "ami-12345678"),
        ({"offer": offer()}, {f"image.{REGION}": "/aws/service/none"}, "/aws/service/none"),
        ({"offer": offer(region="us-east-1")}, {}, "not an allowed region"),
        ({"offer": offer(), "owner": "someone"}, {}, "someone asks"),
    ],
)
def test_refused_requests(aws, make, changed, options, told):
    """What cannot be right is a ProviderError that names it, and starts nothing."""
    with pytest.raises(ProviderError, match=told) as raised:
        make(**options).acquire(request_for(**changed), key="key-1")
    assert ProviderError is type(raised.value)
    assert () == aws.things()


def test_options_are_used(aws, make, provider):
    """Subnets, security groups and image of the options are those of the machine."""
    ec2 = provider._clients("ec2", REGION)
    subnet = ec2.describe_subnets()["Subnets"][1]
    group = ec2.create_security_group(GroupName="g", Description="g", VpcId=subnet["VpcId"])
    image = ec2.describe_images()["Images"][3]["ImageId"]
    options = {"subnet": f"{subnet['SubnetId']}, subnet-elsewhere", f"image.{REGION}": image}
    options["firewall"] = group["GroupId"]
    chosen = make(**options)
    (machine,) = _described(chosen, chosen.acquire(request_for(offer()), key="key-1"))
    assert (subnet["SubnetId"], image) == (machine["SubnetId"], machine["ImageId"])
    (interface,) = machine["NetworkInterfaces"]
    assert [group["GroupId"]] == [one["GroupId"] for one in interface["Groups"]]


def test_nobody_logs_in_and_nothing_is_allowed_unasked(aws, make):
    """Key pair and instance profile are those of the options; without them there are none."""
    plain = make()
    ec2, iam = plain._clients("ec2", REGION), plain._clients("iam", REGION)
    ec2.create_key_pair(KeyName="ops")
    made = iam.create_instance_profile(InstanceProfileName="train")["InstanceProfile"]
    (bare,) = _described(plain, plain.acquire(request_for(offer()), key="key-1"))
    assert not {"KeyName", "IamInstanceProfile"} & bare.keys()
    for number, role in enumerate(("train", made["Arn"]), start=2):
        chosen = make(**{"key": "other", f"key.{REGION}": "ops", "role": role})
        lease = chosen.acquire(request_for(offer()), key=f"key-{number}")
        (machine,) = _described(chosen, lease)
        assert ("ops", made["Arn"]) == (machine["KeyName"], machine["IamInstanceProfile"]["Arn"])


def test_no_region_allowed(aws):
    """A provider without allowed regions has nothing and acquires nothing."""
    nowhere = AwsProvider(Settings(owner=OWNER, endpoint=aws.endpoint))
    assert [] == [*nowhere.offers(), *nowhere.leases(OWNER), *nowhere.notices(), *nowhere.sites()]
    with pytest.raises(ProviderError, match="allowed: none"):
        nowhere.acquire(request_for(offer()), key="key-1")
