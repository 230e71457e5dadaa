"""What the mocked AWS holds, read from moto's own tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ec2.models import ec2_backends
from moto.ec2.models.instances import Instance

from hybridplace.mock.aws_effects import ends_at, instances
from hybridplace.mock.cloud import Thing

TAG = "hybridplace:"
OPEN_REQUESTS = ("open", "active")


def things() -> Iterator[Thing]:
    """Yield what has not ended and costs, or could start again.

    Machines, disks, network interfaces, addresses and spot requests.
    """
    for region, machine in instances():
        if machine.state != "terminated":
            yield _machine(region, machine)
    for region, backend in dict(ec2_backends[DEFAULT_ACCOUNT_ID]).items():
        requests = backend.spot_instance_requests.values()
        beside: dict[str, list[Any]] = {
            "volume": list(backend.volumes.values()),
            "interface": list(backend.enis.values()),
            "address": list(backend.addresses),
            "spot-request": [one for one in requests if one.state in OPEN_REQUESTS],
        }
        for kind, found in beside.items():
            yield from (_thing(region, kind, one) for one in found)


def _machine(region: str, machine: Instance) -> Thing:
    when = ends_at(machine)
    tags = _tags(machine)
    return Thing(
        kind="instance",
        id=machine.id,
        place=region,
        machine=True,
        owner=tags.get(f"{TAG}owner"),
        lease=tags.get(f"{TAG}lease"),
        tags=tags,
        public=machine.public_ip is not None,
        ends_at=None if when is None else when.isoformat(),
    )


def _thing(region: str, kind: str, one: Any) -> Thing:
    tags = _tags(one)
    name = one.allocation_id if kind == "address" else one.id
    return Thing(
        kind=kind,
        id=str(name),
        place=region,
        owner=tags.get(f"{TAG}owner"),
        lease=tags.get(f"{TAG}lease"),
        tags=tags,
    )


def _tags(one: Any) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in one.get_tags()}
