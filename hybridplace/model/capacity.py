"""Who uses what, slot by slot: quotas count what machines have, own nodes what workers take."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hybridplace.model.cost import placement_run
from hybridplace.model.forecast import Figure, slots_between
from hybridplace.model.job import Shape
from hybridplace.model.plan import Placement
from hybridplace.model.problem import Problem
from hybridplace.model.run import first_slot, workers_per_machine
from hybridplace.model.site import Measure, Offer, Pool

SIZE_TOLERANCE = 1e-6
"""Of a CPU, a GiB or an accelerator: what sums of decimal fractions may differ by."""

LARGEST_SUM = 10_000
"""Sums of larger quotas leave too little over to be worth the search."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeUse:
    """What workers take of one node in one slot; `devices` by index, in accelerators."""

    devices: tuple[float, ...]
    cpus: float
    memory_gib: float


def closed(problem: Problem, pool: Pool) -> frozenset[tuple[str, int]]:
    """Return the (node, slot) pairs of a pool that maintenance keeps from being used."""
    return frozenset(
        (node.id, slot)
        for one in problem.maintenance
        if one.pool == pool.id
        for slot in slots_between(one.start_h, one.end_h, problem.slot_h)
        for node in pool.nodes
        if one.node in (None, node.id)
    )


def quota_size(problem: Problem, pool: Pool, slot: int) -> float:
    """Return how much of a quota may be in use in a slot: the least of the slot's hours."""
    by_slot = problem.by_slot.get((pool.id, Figure.AT_MOST))
    if by_slot is not None:
        return by_slot[min(slot, len(by_slot) - 1)]
    return math.inf if pool.at_most is None else pool.at_most


def machine_counts(problem: Problem) -> dict[str, frozenset[float]]:
    """Return, for each quota, what one machine counts towards it, of each offer that it bounds."""
    found: dict[str, set[float]] = {
        pool.id: set() for pool in problem.pools if pool.measure is not None
    }
    for offer in problem.offers:
        if offer.pool in found:
            match problem.pool[offer.pool].measure:
                case Measure.CPUS:
                    found[offer.pool].add(float(offer.cpus))
                case Measure.ACCELERATORS:
                    found[offer.pool].add(float(offer.accelerators))
                case _:
                    found[offer.pool].add(1.0)
    return {pool: frozenset(counts) for pool, counts in found.items()}


def whole_machines(at_most: float, counts: Iterable[float]) -> float:
    """Return the most of a quota that whole machines can use: the largest sum of `counts` in it.

    No plan uses more, so a bound may count on no more (the rounding of Chvatal, "Edmonds polytopes
    and a hierarchy of combinatorial problems", Discrete Mathematics 4 (1973),
    doi:10.1016/0012-365X(73)90167-2). Counts that are not whole, and quotas of more than
    `LARGEST_SUM` times the least count, are left as they are.
    """
    sizes = sorted({float(count) for count in counts if 0 < count <= at_most + SIZE_TOLERANCE})
    if not sizes:
        return 0.0 if any(count > 0 for count in counts) else at_most
    whole = all(size.is_integer() for size in sizes)
    if not whole or math.isinf(at_most):
        return at_most
    unit = math.gcd(*map(int, sizes))
    most = math.floor(at_most + SIZE_TOLERANCE) // unit
    if int(sizes[0]) == unit or most > LARGEST_SUM:
        return float(most * unit)
    reached = 1  # bit k: k units are a sum of sizes
    for size in (int(size) // unit for size in sizes):
        shift = size
        while shift <= most:
            reached |= reached << shift
            shift *= 2
        reached &= (1 << (most + 1)) - 1
    return float((reached.bit_length() - 1) * unit)


def quota_use(offer: Offer, shape: Shape, workers: int, measure: Measure) -> float:
    """Return what `workers` on an offer count towards a quota."""
    machines = math.ceil(workers / workers_per_machine(shape, offer))
    match measure:
        case Measure.MACHINES:
            return machines
        case Measure.CPUS:
            return machines * offer.cpus
        case Measure.ACCELERATORS:
            return machines * offer.accelerators


def quota_uses(problem: Problem, pool: Pool, placements: Iterable[Placement]) -> dict[int, float]:
    """Return how much of a quota is used in each slot where any of it is."""
    assert pool.measure is not None  # noqa: S101 - a pool without nodes is a quota
    used: defaultdict[int, float] = defaultdict(float)
    for slot, placement, workers in _by_slot(problem, pool, placements):
        offer = problem.offer[placement.offer]
        shape = problem.job[placement.job].shapes[placement.shape]
        used[slot] += quota_use(offer, shape, workers, pool.measure)
    return dict(used)


def node_uses(
    problem: Problem, pool: Pool, placements: Iterable[Placement]
) -> dict[tuple[str, int], NodeUse]:
    """Return what is used of each node in each slot where any of it is.

    In a slot with fewer workers than shares, the first shares are those at work.
    """
    counts = {node.id: node.accelerators for node in pool.nodes}
    devices: dict[tuple[str, int], list[float]] = {}
    sizes: defaultdict[tuple[str, int], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for slot, placement, workers in _by_slot(problem, pool, placements):
        shape = problem.job[placement.job].shapes[placement.shape]
        for share in placement.shares[:workers]:
            where = (share.node, slot)
            size = sizes[where]
            size[0] += shape.cpus
            size[1] += shape.memory_gib
            loads = devices.setdefault(where, [0.0] * counts.get(share.node, 0))
            for device in {*share.devices} & {*range(len(loads))}:
                loads[device] += min(shape.accelerators, 1.0)
    return {
        where: NodeUse(devices=tuple(devices[where]), cpus=cpus, memory_gib=memory_gib)
        for where, (cpus, memory_gib) in sizes.items()
    }


def by_pool(problem: Problem, placements: Iterable[Placement]) -> dict[str, list[Placement]]:
    """Return the placements in each pool, of pools that have any."""
    found: defaultdict[str, list[Placement]] = defaultdict(list)
    for placement in placements:
        pool = problem.offer[placement.offer].pool
        if pool is not None:
            found[pool].append(placement)
    return dict(found)


def _by_slot(
    problem: Problem, pool: Pool, placements: Iterable[Placement]
) -> Iterator[tuple[int, Placement, int]]:
    """Yield (slot, placement, workers at work) for the placements in a pool."""
    for placement in placements:
        if problem.offer[placement.offer].pool != pool.id:
            continue
        first = first_slot(problem, placement.start_h)
        for position, workers in enumerate(placement_run(problem, placement).workers):
            yield first + position, placement, workers
