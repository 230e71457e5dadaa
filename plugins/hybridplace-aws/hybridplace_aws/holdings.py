"""What we hold at AWS in one region, found by its tags, and how it is given back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from hybridplace.errors import ProviderError, TransientError
from hybridplace.model.site import Lease, LeaseState
from hybridplace_aws.failures import GONE, translated
from hybridplace_aws.launch import TAG
from hybridplace_aws.session import Clients

ALIVE = ("pending", "running", "stopping", "stopped")
SEEN = (*ALIVE, "shutting-down")
ENDED = ("shutting-down", "terminated")
ALREADY_ENDED = "IdempotentInstanceTerminated"
BUSY = ("VolumeInUse", "IncorrectState", "InvalidParameterValue", "InvalidNetworkInterface.InUse")
OPEN_REQUESTS = ("open", "active")

Thing = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of thing beside machines that can outlive them: how to find it, how to end it."""

    listing: str
    items: str
    id: str
    end: Callable[[Any, Thing], object]
    lingers: Callable[[Thing], bool]


def tags(thing: Thing) -> dict[str, str]:
    """Return our tags on a thing, without their prefix."""
    listed = thing.get("Tags") or thing.get("TagSet") or ()
    return {
        tag["Key"].removeprefix(TAG): tag["Value"] for tag in listed if tag["Key"].startswith(TAG)
    }


def _end_address(ec2: Any, address: Thing) -> object:
    if "AssociationId" in address:
        ec2.disassociate_address(AssociationId=address["AssociationId"])
    return ec2.release_address(AllocationId=address["AllocationId"])


def _detached(volume: Thing) -> bool:
    return not any(held.get("DeleteOnTermination") for held in volume.get("Attachments", ()))


def _unattached(interface: Thing) -> bool:
    return not interface.get("Attachment", {}).get("DeleteOnTermination")


SPOT_REQUEST = Kind(
    listing="describe_spot_instance_requests",
    items="SpotInstanceRequests",
    id="SpotInstanceRequestId",
    end=lambda ec2, thing: ec2.cancel_spot_instance_requests(
        SpotInstanceRequestIds=[thing["SpotInstanceRequestId"]]
    ),
    lingers=lambda thing: thing["State"] in OPEN_REQUESTS,
)
KINDS = (
    SPOT_REQUEST,
    Kind(
        listing="describe_addresses",
        items="Addresses",
        id="AllocationId",
        end=_end_address,
        lingers=lambda _: True,
    ),
    Kind(
        listing="describe_volumes",
        items="Volumes",
        id="VolumeId",
        end=lambda ec2, thing: ec2.delete_volume(VolumeId=thing["VolumeId"]),
        lingers=_detached,
    ),
    Kind(
        listing="describe_network_interfaces",
        items="NetworkInterfaces",
        id="NetworkInterfaceId",
        end=lambda ec2, thing: ec2.delete_network_interface(
            NetworkInterfaceId=thing["NetworkInterfaceId"]
        ),
        lingers=_unattached,
    ),
)
"""In the order in which they can be ended."""


class Holdings:
    """Everything tagged as ours in one region."""

    def __init__(self, clients: Clients, region: str) -> None:
        self._ec2 = clients("ec2", region)
        self.region = region

    def run(self, told: str, asked: Mapping[str, Any]) -> list[Thing]:
        """Start machines; `told` names the call in errors.

        Raises
        ------
        ProviderError
            Also with the code `ALREADY_ENDED`, when EC2 answers a repeated token with machines that
            are ending, as it does for a while.
        """
        with translated(told):
            started = self._ec2.run_instances(**asked)
        if any(machine["State"]["Name"] in ENDED for machine in started["Instances"]):
            raise ProviderError(f"{told}: these machines are ending", code=ALREADY_ENDED)
        run = {"ReservationId": started["ReservationId"]}
        return [{**machine, **run} for machine in started["Instances"]]

    def machines(self, states: Iterable[str], **wanted: str) -> list[Thing]:
        """Return the machines in these states whose tags are exactly `wanted`."""
        in_state = {"Name": "instance-state-name", "Values": list(states)}
        pages = self._pages("describe_instances", wanted, in_state)
        return [
            {**machine, "ReservationId": reservation["ReservationId"]}
            for page in pages
            for reservation in page["Reservations"]
            for machine in reservation["Instances"]
            if _matches(machine, wanted)
        ]

    def lingering(self, kind: Kind, **wanted: str) -> list[Thing]:
        """Return what does not go away with its machine, with exactly these tags."""
        return [thing for thing in self.listed(kind, **wanted) if kind.lingers(thing)]

    def listed(self, kind: Kind, **wanted: str) -> list[Thing]:
        """Return all things of a kind with exactly these tags, ended ones too."""
        pages = self._pages(kind.listing, wanted)
        return [thing for page in pages for thing in page[kind.items] if _matches(thing, wanted)]

    def terminate(self, machines: Iterable[Thing]) -> None:
        """Terminate machines, one call each: one that is gone must not spare the others."""
        for name in sorted(machine["InstanceId"] for machine in machines):
            with translated(f"{self.region}: terminate {name}"), _gone_is_success():
                self._ec2.terminate_instances(InstanceIds=[name])

    def release(self, **wanted: str) -> None:
        """End everything with exactly these tags.

        Raises
        ------
        TransientError
            When something is still attached to a machine that is shutting down: repeat.
        """
        self.terminate(self.machines(ALIVE, **wanted))
        for kind in KINDS:
            for thing in self.lingering(kind, **wanted):
                asked = f"{self.region}: release {thing[kind.id]}"
                with translated(asked), _still_attached(asked), _gone_is_success():
                    kind.end(self._ec2, thing)

    def leases(self, provider: str, owner: str) -> list[Lease]:
        """Return the leases of `owner` here, and as ending ones what is left of others."""
        gangs: dict[str, list[Thing]] = {}
        for machine in self.machines(SEEN, owner=owner):
            if "lease" in tags(machine):
                gangs.setdefault(tags(machine)["lease"], []).append(machine)
        found = {key: lease_of(provider, gang) for key, gang in gangs.items()}
        for kind in KINDS:
            for thing in self.lingering(kind, owner=owner):
                key = tags(thing).get("lease")
                if key is not None and key not in found:
                    found[key] = _lease(provider, tags(thing), (), LeaseState.ENDING)
        return [lease for _, lease in sorted(found.items())]

    def _pages(self, listing: str, wanted: Mapping[str, str], *more: Thing) -> Iterator[Thing]:
        by_tag = [{"Name": f"tag:{TAG}{name}", "Values": [tag]} for name, tag in wanted.items()]
        filters = [*by_tag, *more]
        with translated(f"{self.region}: {listing}"):
            if not self._ec2.can_paginate(listing):
                yield getattr(self._ec2, listing)(Filters=filters)
                return
            yield from self._ec2.get_paginator(listing).paginate(Filters=filters)


def lease_of(provider: str, machines: list[Thing]) -> Lease:
    """Return the lease that these machines are; they share one lease tag."""
    states = {machine["State"]["Name"] for machine in machines}
    state = LeaseState.ENDING
    if states <= {"pending", "running"}:
        state = LeaseState.PENDING if "pending" in states else LeaseState.ACTIVE
    ordered = sorted(
        machines, key=lambda machine: (machine["AmiLaunchIndex"], machine["InstanceId"])
    )
    ids = tuple(machine["InstanceId"] for machine in ordered)
    return _lease(provider, tags(machines[0]), ids, state)


def _lease(
    provider: str, named: Mapping[str, str], machines: tuple[str, ...], state: LeaseState
) -> Lease:
    return Lease(
        id=named.get("lease", ""),
        provider=provider,
        owner=named.get("owner", ""),
        plan=named.get("plan", ""),
        job=named.get("job", ""),
        offer=named.get("offer", ""),
        machines=machines,
        state=state,
        expires=named.get("expires"),
    )


def _matches(thing: Thing, wanted: Mapping[str, str]) -> bool:
    """Compare again: EC2 filters read ``*`` and ``?`` as wild cards."""
    named = tags(thing)
    return all(named.get(name) == tag for name, tag in wanted.items())


@contextmanager
def _gone_is_success() -> Iterator[None]:
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") not in GONE:
            raise


@contextmanager
def _still_attached(asked: str) -> Iterator[None]:
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code")
        if code not in BUSY:
            raise
        told = f"{asked}: still attached to a machine that is shutting down"
        raise TransientError(told, code=code) from None
