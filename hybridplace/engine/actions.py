"""From a plan to what must be done now: pure, and what a dry run shows."""

from __future__ import annotations

from collections.abc import Iterable

from hybridplace.model.canonical import digest
from hybridplace.model.plan import Action, Placement, Plan, Verb
from hybridplace.model.run import TIME_TOLERANCE_H
from hybridplace.model.site import Lease, LeaseState

ALIVE = (LeaseState.PENDING, LeaseState.ACTIVE)


def key_of(owner: str, plan: str, placement: Placement) -> str:
    """Return the idempotency key of a placement: the same for the same owner, plan and job."""
    return (
        "hp-" + digest([owner, plan, placement.job, placement.offer]).removeprefix("sha256:")[:24]
    )


def plan_id(plan: Plan) -> str:
    """Return a short name of a plan, for tags: equal plans have equal names."""
    return digest(plan).removeprefix("sha256:")[:16]


def times_h(plan: Plan) -> tuple[float, ...]:
    """Return the hours at which something starts or ends."""
    edges = {hour for one in plan.placements for hour in (one.start_h, one.end_h)}
    return tuple(sorted(edges))


def due(plan: Plan, at_h: float) -> tuple[Placement, ...]:
    """Return the placements that run at an hour."""
    return tuple(
        placement
        for placement in plan.placements
        if placement.start_h <= at_h + TIME_TOLERANCE_H
        and placement.end_h > at_h + TIME_TOLERANCE_H
    )


def diff(owner: str, plan: Plan, leases: Iterable[Lease], *, at_h: float) -> tuple[Action, ...]:
    """Return the steps from the leases that exist to what the plan wants at an hour.

    Releases come first: what they free may be needed. A lease of the same job on the same offer
    is kept, whichever plan acquired it; what is ending or gone is nobody's any more.

    Parameters
    ----------
    owner : str
        Name of the estate; leases of others are left alone.
    at_h : float
        Hours since `Problem.now`.
    """
    name = plan_id(plan)
    wanted = {(one.job, one.offer): one for one in due(plan, at_h)}
    held = {
        (lease.job, lease.offer): lease
        for lease in sorted(leases, key=lambda lease: lease.id)
        if lease.owner == owner and lease.state in ALIVE
    }
    spare = [
        lease
        for lease in leases
        if lease.owner == owner
        and lease.state in ALIVE
        and ((lease.job, lease.offer) not in wanted or held[lease.job, lease.offer] is not lease)
    ]
    releases = [
        Action(
            verb=Verb.RELEASE,
            job=lease.job,
            offer=lease.offer,
            machines=len(lease.machines),
            key=lease.id,
            provider=lease.provider,
        )
        for lease in sorted(spare, key=lambda lease: lease.id)
    ]
    acquires = [
        Action(
            verb=Verb.ACQUIRE,
            job=placement.job,
            offer=placement.offer,
            machines=placement.machines,
            key=key_of(owner, name, placement),
        )
        for pair, placement in sorted(wanted.items())
        if pair not in held
    ]
    return (*releases, *acquires)
