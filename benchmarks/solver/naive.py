"""Naive CP-SAT: one boolean for each pair of job and offer, straight from the formulas.

What one would write first: no dominance, no prices, no decomposition. Nodes are summed up per pool;
a job that then finds no node is left out. For problems of one slot without data.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.solver.judge import Decision, placement
from hybridplace.model.capacity import quota_use
from hybridplace.model.cost import UnknownFigureError, placement_use, run_costs
from hybridplace.model.job import Job, Shape
from hybridplace.model.plan import Share
from hybridplace.model.problem import Problem
from hybridplace.model.run import run_of
from hybridplace.model.site import Market, Offer
from hybridplace.model.verify_placement import breaches
from hybridplace.solver.packing import Stay, pack

DETERMINISTIC_LIMIT = 20.0
"""Of the search, in CP-SAT's units of work, about a second each."""

STEPS = 1000
"""Of a USD, a CPU, a GiB: CP-SAT counts in whole numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A job in one of its shapes on an offer: what it costs, and what it takes of which row."""

    job: str
    offer: Offer
    shape: int
    workers: int
    usd: float
    uses: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """Decisions by job, and what CP-SAT says of them; `pairs` is the number of booleans."""

    decisions: dict[str, Decision]
    bound_usd: float
    pairs: int


def naive(problem: Problem) -> Solved | None:
    """Return what CP-SAT finds within its limit; None if it finds no solution at all."""
    from ortools.sat.python import cp_model

    pairs = [pair for job in problem.jobs for pair in pairs_of(problem, job)]
    model = cp_model.CpModel()
    chosen = [model.new_bool_var("") for _ in pairs]
    mine: dict[str, list[int]] = defaultdict(list)
    rows: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for number, pair in enumerate(pairs):
        mine[pair.job].append(number)
        for name, use in pair.uses:
            rows[name].append((number, -int(-use * STEPS // 1)))
    left_out = {job.id: model.new_bool_var("") for job in problem.jobs}
    for job, variable in left_out.items():
        model.add_exactly_one([*(chosen[number] for number in mine[job]), variable])
    for name, most in _capacities(problem).items():
        model.add(sum(chosen[number] * use for number, use in rows[name]) <= int(most * STEPS))
    model.minimize(
        sum(round(pair.usd * STEPS) * chosen[number] for number, pair in enumerate(pairs))
        + sum(round(problem.job[job].reject_usd * STEPS) * one for job, one in left_out.items())
    )
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_deterministic_time = DETERMINISTIC_LIMIT
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    taken = [pair for pair, one in zip(pairs, chosen, strict=True) if solver.boolean_value(one)]
    return Solved(
        decisions=_seated(problem, taken),
        bound_usd=solver.best_objective_bound / STEPS,
        pairs=len(pairs),
    )


def pairs_of(problem: Problem, job: Job) -> Iterator[Pair]:
    """Yield every pair of a job that keeps the rules of a placement."""
    for offer in problem.offers:
        for number, shape in enumerate(job.shapes):
            pair = _pair(problem, job, offer, number, shape)
            if pair is not None:
                yield pair


def _pair(problem: Problem, job: Job, offer: Offer, number: int, shape: Shape) -> Pair | None:
    run = run_of(problem, job, offer, shape, 0.0)
    if run is None:
        return None
    placed = placement(problem, job.id, Decision(offer=offer.id, shape=number))
    owned = offer.market is Market.OWNED
    # Which nodes it gets is not known yet: that rule is kept by the packing.
    told = [one for one in breaches(problem, placed) if not (owned and "shares" in one)]
    told = [one for one in told if not (owned and "nodes" in one)]
    try:
        usd = run_costs(problem, job, offer, shape, run).total_usd
        limits = [(one.id, placement_use(problem, one, placed)) for one in problem.limits]
    except UnknownFigureError:
        return None
    if told:
        return None
    workers = max(run.workers)
    uses = [*limits, *_pool_uses(problem, offer, shape, workers)]
    return Pair(
        job=job.id,
        offer=offer,
        shape=number,
        workers=workers,
        usd=usd,
        uses=tuple((name, use) for name, use in uses if use > 0),
    )


def _pool_uses(
    problem: Problem, offer: Offer, shape: Shape, workers: int
) -> Iterator[tuple[str, float]]:
    pool = problem.pool[offer.pool] if offer.pool else None
    if pool is None:
        return
    if pool.measure is not None:
        yield pool.id, quota_use(offer, shape, workers, pool.measure)
        return
    yield f"{pool.id} accelerators", workers * shape.accelerators
    yield f"{pool.id} cpus", workers * shape.cpus
    yield f"{pool.id} memory", workers * shape.memory_gib


def _capacities(problem: Problem) -> dict[str, float]:
    found = {limit.id: limit.at_most for limit in problem.limits}
    for pool in problem.pools:
        if pool.at_most is not None:
            found[pool.id] = pool.at_most
            continue
        found[f"{pool.id} accelerators"] = float(sum(node.accelerators for node in pool.nodes))
        found[f"{pool.id} cpus"] = sum(node.cpus for node in pool.nodes)
        found[f"{pool.id} memory"] = sum(node.memory_gib for node in pool.nodes)
    return found


def _seated(problem: Problem, taken: list[Pair]) -> dict[str, Decision]:
    """Give nodes to those on own nodes, and leave out the last ones that find none."""
    decisions = {
        pair.job: Decision(offer=pair.offer.id, shape=pair.shape)
        for pair in taken
        if pair.offer.market is not Market.OWNED
    }
    for pool in problem.pools:
        here = [pair for pair in taken if pair.offer.pool == pool.id and pool.nodes]
        shares: tuple[tuple[Share, ...], ...] | None = None
        while here and shares is None:
            shares = pack(pool.nodes, [_stay(problem, pair) for pair in here], exact=False)
            here = here if shares is not None else here[:-1]
        for pair, its in zip(here, shares or (), strict=True):
            decisions[pair.job] = Decision(offer=pair.offer.id, shape=pair.shape, shares=its)
    return decisions


def _stay(problem: Problem, pair: Pair) -> Stay:
    job = problem.job[pair.job]
    return Stay(job=job, shape=job.shapes[pair.shape], start=0, workers=(pair.workers,))
