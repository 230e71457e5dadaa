"""From a plan to what must be done now: pure, and what a dry run shows."""

from __future__ import annotations

from collections.abc import Iterable

from hybridplace.model.canonical import digest
from hybridplace.model.check_values import alive
from hybridplace.model.plan import Action, Placement, Plan, Verb
from hybridplace.model.run import TIME_TOLERANCE_H
from hybridplace.model.site import Lease, LeaseState

GRACE_H = 1.0
"""How long a lease outlives its placement if nobody releases it, and how late one may start."""


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
    is kept, whichever plan acquired it, unless it has another number of machines, or nodes that
    the plan now gives to others. What is ending or gone is nobody's any more. Once a plan has been
    over for an hour, what others than itself acquired is left alone: another plan may be in force.

    Parameters
    ----------
    owner : str
        Name of the estate; leases of others are left alone.
    at_h : float
        Hours since `Problem.now`.
    """
    name, running = plan_id(plan), due(plan, at_h)
    wanted = {(one.job, one.offer): one for one in running}
    over = bool(plan.placements) and at_h > max(times_h(plan)) + GRACE_H
    mine = [
        lease
        for lease in sorted(alive(leases), key=lambda lease: lease.id)
        if lease.owner == owner and (lease.plan == name or not over)
    ]
    kept = {
        (lease.job, lease.offer): lease
        for lease in mine
        if (placement := wanted.get((lease.job, lease.offer))) is not None
        and _serves(lease, placement, running)
    }
    releases = [release_of(one) for one in mine if kept.get((one.job, one.offer)) is not one]
    acquires = [
        _acquire(placement, key_of(owner, name, placement), at_h)
        for pair, placement in sorted(wanted.items())
        if pair not in kept
    ]
    return (*releases, *acquires)


def _serves(lease: Lease, placement: Placement, running: Iterable[Placement]) -> bool:
    """Say whether a lease is what a placement needs: a gang that lost a machine is none."""
    # While it starts, a provider may not list all of its machines yet.
    if lease.state is LeaseState.ACTIVE and len(lease.machines) != placement.machines:
        return False
    nodes = {share.node for share in placement.shares}
    # A job is not moved from node to node of a pool without need: that would start it over.
    others = {
        share.node
        for other in running
        if other.offer == placement.offer and other.job != placement.job
        for share in other.shares
    }
    return not nodes or nodes == set(lease.machines) or not others & set(lease.machines)


def release_of(lease: Lease) -> Action:
    """Return the action that gives back a lease."""
    return Action(
        verb=Verb.RELEASE,
        job=lease.job,
        offer=lease.offer,
        machines=len(lease.machines),
        key=lease.id,
        provider=lease.provider,
    )


def _acquire(placement: Placement, key: str, at_h: float) -> Action:
    return Action(
        verb=Verb.ACQUIRE,
        job=placement.job,
        offer=placement.offer,
        machines=placement.machines,
        key=key,
        late_h=max(at_h - placement.start_h, 0.0),
    )
