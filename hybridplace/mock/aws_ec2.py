"""What moto's EC2 lacks and the driver relies on, added to it in place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import RLock
from typing import Any, cast

from moto import settings
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend, amis
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS
from moto.ec2.models.instances import Instance, Reservation
from moto.ec2.models.spot_requests import SpotInstanceRequest
from moto.ec2.utils import random_spot_request_id


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """A run that a client token stands for, and what was asked."""

    asked: str
    reservation: Reservation


class GrantedSpotRequest(SpotInstanceRequest):
    """The spot request behind a machine that RunInstances started."""

    def __init__(self, ec2_backend: Any, instance: Instance, tags: dict[str, Any]) -> None:
        self._granted = instance
        self._state = "open"
        self._changed = _now()
        super().__init__(
            ec2_backend=ec2_backend,
            spot_request_id=random_spot_request_id(),
            price="",
            image_id=instance.image_id,
            spot_instance_type="one-time",
            valid_from=None,
            valid_until=None,
            launch_group=None,
            availability_zone_group=None,
            key_name="",
            security_groups=[],
            user_data=None,
            instance_type=instance.instance_type,
            placement=instance.availability_zone,
            kernel_id=None,
            ramdisk_id=None,
            monitoring_enabled=False,
            subnet_id=instance.subnet_id or "",
            tags=tags,
            spot_fleet_id=None,
            instance_interruption_behaviour="terminate",
        )

    def launch_instance(self) -> Instance:
        """Return the machine that runs already."""
        return self._granted

    @property
    def state(self) -> str:
        """Closed once the machine has ended: requests are one-time."""
        return "closed" if self._granted.state == "terminated" else self._state

    @state.setter
    def state(self, state: str) -> None:
        """Take what moto sets."""
        self._state = state

    @property
    def status(self) -> dict[str, Any]:
        """What EC2 says about the request, and since when."""
        return {"Code": self._status_code, "Message": "", "UpdateTime": self._changed}

    @property
    def create_time(self) -> str:
        """When the machine was asked for."""
        return self._granted.launch_time.strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def tell(self, code: str) -> None:
        """Change the status code, as EC2 does before and after it takes a machine."""
        self._status_code = code
        self._changed = _now()


@contextmanager
def completed() -> Iterator[None]:
    """Give moto's EC2 client tokens, zones without the type, spot requests and strict images.

    Of its images only those are kept that public parameters name; the thousand others take some
    tenths of a second in each region.
    """
    original = EC2Backend.run_instances
    lock = RLock()
    tokens: dict[tuple[str, str | None], _Run] = {}

    def run_instances(self: Any, *given: Any, **named: Any) -> Any:
        """Stand for moto's own, which RequestSpotInstances calls too, without a token."""
        with lock:
            # One call changes the arguments it is given, so they are written down before it.
            asked = repr((given, sorted(named.items(), key=str)))
            token = (self.region_name, named.get("client_token"))
            known = tokens.get(token)
            # The same run, and not one with its id: after a reset ids are made up anew.
            if known and self.reservations.get(known.reservation.id) is known.reservation:
                return _repeated(known, asked)
            _check_zone(self.region_name, named)
            tags = named.get("tags", {})
            reservation = original(self, *given, **named)
            _finish(self, reservation, tags, spot=named.get("instance_market_options") == "spot")
            if token[1] is not None:
                tokens[token] = _Run(asked=asked, reservation=reservation)
            return reservation

    strict = ("ENABLE_AMI_VALIDATION", "EC2_ENABLE_INSTANCE_TYPE_VALIDATION")
    before = {name: getattr(settings, name) for name in strict}
    images: Any = amis  # moto's module, which does not export what it reads its tables with
    load = images.load_resource
    for name in strict:
        setattr(settings, name, True)
    setattr(EC2Backend, "run_instances", run_instances)  # noqa: B010
    images.load_resource = lambda path: [] if "/ecs/" in path else load(path)
    try:
        yield
    finally:
        images.load_resource = load
        del EC2Backend.run_instances
        for name in strict:
            setattr(settings, name, before[name])


def _repeated(known: _Run, asked: str) -> Reservation:
    if known.asked != asked:
        raise EC2ClientError(
            "IdempotentParameterMismatch",
            "The client token was used before with other arguments.",
        )
    if all(instance.state == "terminated" for instance in known.reservation.instances):
        raise EC2ClientError(
            "IdempotentInstanceTerminated", "The machines of this client token have ended."
        )
    return known.reservation


def _check_zone(region: str, named: dict[str, Any]) -> None:
    zone, kind = named.get("placement"), named.get("instance_type")
    places = INSTANCE_TYPE_OFFERINGS["availability-zone"].get(region, ())
    if zone and not any(p["Location"] == zone and p["InstanceType"] == kind for p in places):
        raise EC2ClientError("Unsupported", f"{kind} is not offered in {zone}.")


def _finish(backend: Any, reservation: Reservation, tags: dict[str, Any], *, spot: bool) -> None:
    for instance in reservation.instances:
        for interface in instance.nics.values():
            interface.add_tags(tags.get("network-interface", {}))
        for device in instance.block_device_mapping.values():
            volume = backend.volumes[device.volume_id]
            volume.attachment.delete_on_termination = device.delete_on_termination
        if spot:
            request = GrantedSpotRequest(backend, instance, tags)
            backend.spot_instance_requests[request.id] = request
            cast(Any, instance).spot_instance_request_id = request.id


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
