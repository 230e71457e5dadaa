"""What is asked of RunInstances: the image, the zones in order, the tags and the parameters."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hybridplace.errors import CapacityError, ProviderError
from hybridplace.model.site import Market
from hybridplace.plugin.interfaces import Request
from hybridplace_aws.failures import translated
from hybridplace_aws.session import Clients

TAG = "hybridplace:"
TAGGED = ("instance", "volume", "network-interface")

CPU_IMAGE = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{arch}"
GPU_IMAGE = (
    "/aws/service/deeplearning/ami/{arch}/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id"
)
NEURON_IMAGE = "/aws/service/neuron/dlami/base/ubuntu-24.04/latest/image_id"

DEAD_MAN = """#cloud-boothook
#!/bin/sh
# Ends this machine when its lease expires, even if nobody is left to release it.
left=$(( {epoch_s} - $(date +%s) ))
[ "$left" -gt 0 ] || left=0
systemd-run --unit=hybridplace-expiry --on-active="${{left}}s" systemctl poweroff \\
  || {{ sleep "$left"; poweroff; }} &
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A machine image, and the root disk that it brings."""

    id: str
    root_device: str
    root_gib: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """An availability zone, and the subnet to use there."""

    zone: str
    subnet: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """Who reaches a machine, and what it may do: nobody and nothing by default.

    Parameters
    ----------
    firewall : tuple of str
        Ids of security groups; empty is the network's default one, which lets nothing in.
    key : str or None
        Name of a key pair for SSH.
    role : str or None
        Name or ARN of an instance profile.
    """

    firewall: tuple[str, ...] = ()
    key: str | None = None
    role: str | None = None


def tags_of(request: Request, key: str) -> dict[str, str]:
    """Return the tags that everything created for a request carries."""
    offer = request.offer.id
    named = {"owner": request.owner, "plan": request.plan, "job": request.job, "offer": offer}
    return {TAG + name: tag for name, tag in {**named, "lease": key}.items()} | {
        TAG + "expires": request.expires
    }


def client_token(request: Request, key: str, *, zone: str, attempt: int) -> str:
    """Return EC2's idempotency token, at most 64 ASCII characters.

    EC2 refuses a token that comes back with other arguments, so whatever may differ between two
    calls for one key is part of it.
    """
    offer = request.offer
    parts = (request.owner, key, offer.instance_type, offer.market, zone)
    text = "\0".join((*parts, str(request.machines), str(attempt)))
    return "hp-" + hashlib.sha256(text.encode()).hexdigest()[:56]


def dead_man_switch(expires: str) -> str:
    """Return user data that powers the machine off at `expires`, also after a restart.

    Raises
    ------
    ProviderError
        When `expires` is no ISO 8601 time with an offset.
    """
    try:
        moment = datetime.fromisoformat(expires)
    except ValueError:
        raise ProviderError(f"expires: expected an ISO 8601 time, got {expires!r}") from None
    if moment.tzinfo is None:
        raise ProviderError(f"expires: expected a time with an offset, got {expires!r}")
    return DEAD_MAN.format(epoch_s=int(moment.astimezone(UTC).timestamp()))


def parameters(
    request: Request,
    *,
    key: str,
    image: Image,
    where: Where,
    security: Security,
    attempt: int,
) -> dict[str, Any]:
    """Return the arguments of RunInstances: all machines in one zone, or none."""
    tags = [{"Key": name, "Value": tag} for name, tag in tags_of(request, key).items()]
    spot = request.offer.market is Market.SPOT
    kinds = (*TAGGED, "spot-instances-request") if spot else TAGGED
    asked: dict[str, Any] = {
        "ImageId": image.id,
        "InstanceType": request.offer.instance_type,
        "MinCount": request.machines,
        "MaxCount": request.machines,
        "ClientToken": client_token(request, key, zone=where.zone, attempt=attempt),
        "Placement": {"AvailabilityZone": where.zone},
        "InstanceInitiatedShutdownBehavior": "terminate",
        "MetadataOptions": {"HttpTokens": "required", "HttpEndpoint": "enabled"},
        "UserData": dead_man_switch(request.expires),
        "BlockDeviceMappings": [_root_disk(image, request.disk_gib)],
        "NetworkInterfaces": [_interface(where.subnet, security.firewall, request.public)],
        "TagSpecifications": [{"ResourceType": kind, "Tags": tags} for kind in kinds],
    }
    if spot:
        once = {"SpotInstanceType": "one-time", "InstanceInterruptionBehavior": "terminate"}
        asked["InstanceMarketOptions"] = {"MarketType": "spot", "SpotOptions": once}
    if security.key is not None:
        asked["KeyName"] = security.key
    if security.role is not None:
        named = "Arn" if security.role.startswith("arn:") else "Name"
        asked["IamInstanceProfile"] = {named: security.role}
    return asked


def _root_disk(image: Image, disk_gib: float) -> dict[str, Any]:
    disk: dict[str, Any] = {"VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True}
    disk["VolumeSize"] = max(math.ceil(disk_gib), image.root_gib)
    return {"DeviceName": image.root_device, "Ebs": disk}


def _interface(subnet: str, firewall: tuple[str, ...], public: bool) -> dict[str, Any]:
    interface: dict[str, Any] = {"DeviceIndex": 0, "SubnetId": subnet}
    interface |= {"AssociatePublicIpAddress": public, "DeleteOnTermination": True}
    return interface | ({"Groups": list(firewall)} if firewall else {})


def zones(
    clients: Clients, region: str, instance_type: str, subnets: Sequence[str] = ()
) -> list[Where]:
    """Return the zones that have the type, by name, each with the subnet to use there.

    Without `subnets` these are the default ones.

    Raises
    ------
    CapacityError
        When no zone of the region has both.
    """
    ec2 = clients("ec2", region)
    only = {"Name": "default-for-az", "Values": ["true"]}
    if subnets:
        only = {"Name": "subnet-id", "Values": list(subnets)}
    with translated(f"{region}: zones of {instance_type}"):
        offered = {
            place["Location"]
            for page in ec2.get_paginator("describe_instance_type_offerings").paginate(
                LocationType="availability-zone",
                Filters=[{"Name": "instance-type", "Values": [instance_type]}],
            )
            for place in page["InstanceTypeOfferings"]
        }
        pages = ec2.get_paginator("describe_subnets").paginate(Filters=[only])
        found = [subnet for page in pages for subnet in page["Subnets"]]
    of_zone = {net["AvailabilityZone"]: net["SubnetId"] for net in sorted(found, key=_subnet_id)}
    both = sorted(offered & of_zone.keys())
    if not both:
        told = f"{region}: no zone has both {instance_type} and a subnet"
        raise CapacityError(told, code="Unsupported")
    return [Where(zone=zone, subnet=of_zone[zone]) for zone in both]


def _subnet_id(subnet: Mapping[str, str]) -> str:
    return subnet["SubnetId"]


def image_for(clients: Clients, region: str, instance_type: str, name: str | None = None) -> Image:
    """Return the image to start: that of an id or an SSM parameter, else AWS's own latest."""
    ec2 = clients("ec2", region)
    if name is None:
        with translated(f"{region}: description of {instance_type}"):
            answer = ec2.describe_instance_types(InstanceTypes=[instance_type])
        name = _public_image(answer["InstanceTypes"][0])
    if name.startswith("/"):
        with translated(f"{region}: image parameter {name} (or set the option image.{region})"):
            name = str(clients("ssm", region).get_parameter(Name=name)["Parameter"]["Value"])
    with translated(f"{region}: image {name}"):
        images = ec2.describe_images(ImageIds=[name])["Images"]
    if not images:
        raise ProviderError(f"{region}: image {name} is not there; set the option image.{region}")
    return _image(images[0])


def _public_image(spec: Mapping[str, Any]) -> str:
    architectures = spec.get("ProcessorInfo", {}).get("SupportedArchitectures", ())
    arch = "arm64" if "arm64" in architectures else "x86_64"
    makers = {gpu.get("Manufacturer") for gpu in spec.get("GpuInfo", {}).get("Gpus", ())}
    if "NVIDIA" in makers:
        return GPU_IMAGE.format(arch=arch)
    return NEURON_IMAGE if "NeuronInfo" in spec else CPU_IMAGE.format(arch=arch)


def _image(described: Mapping[str, Any]) -> Image:
    root = described.get("RootDeviceName", "/dev/xvda")
    sizes = [
        disk["Ebs"].get("VolumeSize", 8)
        for disk in described.get("BlockDeviceMappings", ())
        if disk.get("DeviceName") == root and "Ebs" in disk
    ]
    return Image(id=described["ImageId"], root_device=root, root_gib=max(sizes, default=8))
