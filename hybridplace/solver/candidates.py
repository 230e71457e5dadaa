"""What is left to choose from: the undominated (offer, shape, start) of each job, as CSR arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hybridplace.model.capacity import closed, quota_use
from hybridplace.model.cost import lateness_usd, run_costs, run_use
from hybridplace.model.fairness import dominant_share
from hybridplace.model.job import Inference, Job, Shape
from hybridplace.model.problem import Problem
from hybridplace.model.run import TIME_TOLERANCE_H, first_start_h, load_workers, run_of, slot_count
from hybridplace.model.site import Market, Measure, Node
from hybridplace.solver.instance import Floats, Ints
from hybridplace.solver.offers import OfferTable
from hybridplace.solver.packing import Closed
from hybridplace.solver.place import own_nodes
from hybridplace.solver.tables import Compiled, Pairs, start_h


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """The choices of each job; those of job ``j`` are rows ``first[j]`` to ``first[j + 1]``.

    Parameters
    ----------
    job, offer, shape, start : ints
        Rows of `Problem.jobs`, `Problem.offers`, `Job.shapes`, and the slot of the start.
    end_h, usd : floats
        Expected end; cost with lateness, without moving data.
    limit_use : floats
        What it counts towards each of `Problem.limits`, one row per limit.
    per_machine : ints
        Workers that fit into one machine.
    """

    problem: Problem
    first: Ints
    job: Ints
    offer: Ints
    shape: Ints
    start: Ints
    end_h: Floats
    usd: Floats
    limit_use: Floats
    per_machine: Ints

    def of(self, job: int) -> range:
        """Return the rows of a job."""
        return range(int(self.first[job]), int(self.first[job + 1]))

    @cached_property
    def site(self) -> list[str]:
        """Return the site of each row."""
        of_offer = [offer.site for offer in self.problem.offers]
        return [of_offer[offer] for offer in self.offer]

    def shape_of(self, row: int) -> Shape:
        """Return the shape of a candidate."""
        return self.problem.jobs[int(self.job[row])].shapes[int(self.shape[row])]

    def share(self, row: int) -> float:
        """Return the dominant share of the own nodes that a candidate books."""
        job = self.problem.jobs[int(self.job[row])]
        return share_of(self.problem, job, int(self.shape[row]), int(self.offer[row]))

    def in_pool(self, pool: str) -> list[int]:
        """Return the rows whose offers are in a pool."""
        offers = [row for row, offer in enumerate(self.problem.offers) if offer.pool == pool]
        return [int(row) for row in np.flatnonzero(np.isin(self.offer, offers))]

    @cached_property
    def by_nodes(self) -> tuple[tuple[tuple[Node, ...], Closed, list[int]], ...]:
        """Return the nodes of each pool and accelerator, when not to be used, and their rows."""
        found: dict[tuple[str, str], tuple[tuple[Node, ...], Closed, list[int]]] = {}
        for row, offer in enumerate(self.problem.offers[number] for number in self.offer):
            nodes = own_nodes(self.problem, offer)
            if nodes:
                key = (offer.pool or "", offer.accelerator or "")
                if key not in found:
                    found[key] = (nodes, closed(self.problem, self.problem.pool[key[0]]), [])
                found[key][2].append(row)
        return tuple(found[key] for key in sorted(found))

    def quota_uses(self, row: int, measure: Measure) -> Iterator[tuple[int, float]]:
        """Yield what a candidate counts towards a quota in each slot."""
        offer, shape = self.problem.offers[int(self.offer[row])], self.shape_of(row)
        for slot, workers in enumerate(self.workers(row), int(self.start[row])):
            yield slot, quota_use(offer, shape, workers, measure)

    def workers(self, row: int) -> tuple[int, ...]:
        """Return how many work in each slot from the start."""
        job, shape = self.problem.jobs[int(self.job[row])], self.shape_of(row)
        if isinstance(job.work, Inference):
            profile = serving_workers(self.problem, job, shape)
            owned = self.problem.offers[int(self.offer[row])].market is Market.OWNED
            return profile if owned else (max(profile),) * len(profile)
        begin = float(self.start[row]) * self.problem.slot_h
        return (shape.workers,) * slot_count(self.problem, begin, float(self.end_h[row]))


def choose_candidates(compiled: Compiled) -> Candidates:
    """Return what a cheapest plan may need of all pairs, expanded by start.

    A pair is dropped if another one of the same job, which competes for the same or nothing, at
    the same site if the site matters, costs no more, counts no more towards any limit or quota,
    and, if time matters, takes no longer. Exact: what is dropped can be replaced in any plan.
    """
    problem = compiled.problem
    rows = [
        row
        for number, job in enumerate(problem.jobs)
        for row in sorted(_rows(compiled, number, job))
    ]
    counts = np.zeros(len(problem.jobs) + 1, dtype=np.int64)
    for row in rows:
        counts[row[0] + 1] += 1
    job, usd, offer, shape, start, end_h, per_machine, use = (
        [row[field] for row in rows] for field in range(8)
    )
    return Candidates(
        problem=problem,
        first=np.cumsum(counts),
        job=np.array(job, dtype=np.int64),
        offer=np.array(offer, dtype=np.int64),
        shape=np.array(shape, dtype=np.int64),
        start=np.array(start, dtype=np.int64),
        end_h=np.array(end_h, dtype=np.float64),
        usd=np.array(usd, dtype=np.float64),
        limit_use=np.array(use, dtype=np.float64).reshape(len(rows), len(problem.limits)).T,
        per_machine=np.array(per_machine, dtype=np.int64),
    )


_Row = tuple[int, float, int, int, int, float, int, tuple[float, ...]]


def _rows(compiled: Compiled, number: int, job: Job) -> Iterator[_Row]:
    """Yield (job, usd, offer, shape, start, end, per machine, use of each limit) of one job."""
    problem, tables = compiled.problem, compiled.pairs[number]
    uses = [table.limit_use for table in tables]
    waits = _may_wait(problem, job)
    for shape, offer in _undominated(compiled, number, job, uses):
        table, varies = tables[shape], bool(compiled.varies[offer])
        hours, use = float(table.hours[offer]), tuple(float(u) for u in uses[shape][:, offer])
        usd = float(table.usd[offer])
        pooled = problem.offers[offer].pool is not None
        for start in _starts(problem, job, table, offer, several=pooled or waits or varies):
            end_h = start * problem.slot_h + hours
            if varies:
                usd, use = _by_start(problem, job, shape, offer, start * problem.slot_h)
            late_usd = lateness_usd(job, end_h)
            per_machine = int(table.per_machine[offer])
            yield number, usd + late_usd, offer, shape, start, end_h, per_machine, use


def _by_start(
    problem: Problem, job: Job, shape: int, row: int, start_h: float
) -> tuple[float, tuple[float, ...]]:
    """Return cost without lateness, and use of each limit, where they depend on the start."""
    offer, needs = problem.offers[row], job.shapes[shape]
    run = run_of(problem, job, offer, needs, start_h)
    assert run is not None  # noqa: S101 - a pair that may be used fits its offer
    costs = run_costs(problem, job, offer, needs, run)
    use = tuple(run_use(problem, limit, job, offer, needs, run) for limit in problem.limits)
    return costs.total_usd - costs.lateness_usd, use


def serving_workers(problem: Problem, job: Job, shape: Shape) -> tuple[int, ...]:
    """Return the replicas of an inference job in each slot from its start."""
    assert isinstance(job.work, Inference)  # noqa: S101 - its callers ask for those only
    begin = start_h(problem, job)
    first = round(begin / problem.slot_h)
    slots = range(first, first + slot_count(problem, begin, begin + job.work.hours))
    return tuple(
        max(job.work.min_replicas, load_workers(problem, job.work, shape, slot)) for slot in slots
    )


def _relatives(problem: Problem, job: Job) -> tuple[str, ...]:
    """Return the jobs whose time is tied to this one's: makers of inputs, readers of outputs."""
    makers = [problem.producer[one] for one in job.inputs if one in problem.producer]
    readers = [reader for one in job.outputs for reader in problem.readers.get(one, ())]
    return (*makers, *readers)


def _may_wait(problem: Problem, job: Job) -> bool:
    """Say whether a later start can pay off: for another job, or for the cheaper of two copies."""
    choice = any(len(problem.dataset[one].homes) > 1 for one in job.inputs)
    return choice or bool(_relatives(problem, job))


def _site_matters(problem: Problem, job: Job) -> bool:
    named = {other for one in problem.jobs for other in (*one.same_site_as, *one.apart_from)}
    named |= {other for spread in problem.spreads for other in spread.jobs}
    tied = bool(job.same_site_as or job.apart_from or job.id in named)
    return tied or bool(job.inputs or job.outputs)


def _undominated(
    compiled: Compiled, number: int, job: Job, uses: list[Floats]
) -> Iterator[tuple[int, int]]:
    """Yield (shape, offer) of the pairs that no other pair replaces."""
    problem, columns, tables = compiled.problem, compiled.offers, compiled.pairs[number]
    pool_row = {pool.id: row for row, pool in enumerate(problem.pools)}
    groups: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    by_site = _site_matters(problem, job)
    for shape, table in enumerate(tables):
        for offer in np.flatnonzero(table.reasons == 0):
            pool = problem.offers[offer].pool
            # Own nodes with different accelerators are packed apart, so they compete apart.
            group = pool_row[pool] if pool else -1
            if columns.owned[offer]:
                group = len(problem.pools) + int(offer)
            place = int(columns.site[offer]) if by_site else -1
            # Whose cost depends on the start is not compared: it may be cheaper at one of them.
            one = (shape, int(offer)) if compiled.varies[offer] else (-1, -1)
            groups.setdefault((place, group, *one), []).append((shape, int(offer)))
    timed = job.deadline_h is not None or job.due_h is not None or _may_wait(problem, job)
    for (_, group, *_), members in sorted(groups.items()):
        criteria = [
            _criteria(compiled, number, uses, shape, offer, timed=timed or group >= 0)
            for shape, offer in members
        ]
        for kept in pareto(np.array(criteria)):
            yield members[kept]


def _criteria(
    compiled: Compiled, number: int, uses: list[Floats], shape: int, offer: int, *, timed: bool
) -> list[float]:
    """Return what must be no larger for one pair to replace another, the cost first."""
    table, columns = compiled.pairs[number][shape], compiled.offers
    job = compiled.problem.jobs[number]
    found = [float(table.usd[offer]), *(float(use) for use in uses[shape][:, offer])]
    if compiled.problem.assumptions.unfair_usd > 0:
        found.append(-share_of(compiled.problem, job, shape, offer))
    if timed:
        found.append(float(table.hours[offer]))
        found.append(float(table.ready_h[offer]))
    if compiled.problem.offers[offer].pool is not None:
        found += _demand(job, job.shapes[shape], table, columns, offer)
    return found


def share_of(problem: Problem, job: Job, shape: int, row: int) -> float:
    """Return the dominant share of the own nodes that a pair books."""
    offer, needs = problem.offers[row], job.shapes[shape]
    run = run_of(problem, job, offer, needs, first_start_h(problem, job))
    return 0.0 if run is None else dominant_share(problem, offer, needs, run)


def _demand(job: Job, shape: Shape, table: Pairs, columns: OfferTable, offer: int) -> list[float]:
    """Return what a pair takes of its pool, so that less of everything always fits as well."""
    serving = isinstance(job.work, Inference)
    # Replicas follow the load: the more one of them does, the fewer there are in any slot.
    workers = -shape.units_h if serving else float(shape.workers)
    if columns.owned[offer]:
        return [workers, shape.accelerators, shape.cpus, shape.memory_gib]
    per_machine = float(table.per_machine[offer])
    if serving:
        return [float(columns.quota[offer]), -per_machine, workers]
    return [float(columns.quota[offer]) * float(np.ceil(workers / per_machine))]


def pareto(criteria: Floats) -> list[int]:
    """Return the rows that no other row is below or equal to in every column.

    Of equal rows the first is kept; the answer is in the order of the first column.
    """
    left = np.lexsort((np.arange(len(criteria)), criteria[:, 0]))
    kept: list[int] = []
    while len(left):
        best, rest = left[0], left[1:]
        kept.append(int(best))
        left = rest[(criteria[rest] < criteria[best]).any(axis=1)]
    return kept


def _starts(problem: Problem, job: Job, table: Pairs, offer: int, *, several: bool) -> range:
    """Return the slots in which a pair may start; only the first one if waiting cannot help."""
    first = round(start_h(problem, job, float(table.ready_h[offer])) / problem.slot_h)
    if isinstance(job.work, Inference) or not several:
        return range(first, first + 1)
    latest_h = problem.horizon_h if job.deadline_h is None else job.deadline_h
    latest_h = min(latest_h, problem.horizon_h) - float(table.hours[offer]) + TIME_TOLERANCE_H
    return range(first, int(np.floor(latest_h / problem.slot_h + TIME_TOLERANCE_H)) + 1)
