r"""Many identical jobs: how many of each class take which option, then who does.

Jobs that differ in their id and program alone are one class. A class is one large job whose options
may be taken in part, so its relaxation is that of any instance, and its prices prove the same bound
as those of single jobs: :math:`N \min_i \bar c_i = \sum_{j} \min_i \bar c_i`. Whole numbers near
that optimum are found by CP-SAT, where other solvers of integer programs do poorly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from hybridplace.model.job import Job
from hybridplace.model.problem import Problem
from hybridplace.solver.alike import price_whole
from hybridplace.solver.compile import compile_instance, dues_of
from hybridplace.solver.instance import Bools, Choice, Floats, Instance, Ints, Jobs
from hybridplace.solver.knapsack import JobPrices
from hybridplace.solver.lp import relax
from hybridplace.solver.master import static_master
from hybridplace.solver.pricing import costs_at, limit_uses_at, reduced
from hybridplace.solver.rounding import Fractional
from hybridplace.solver.static import Relaxation

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

FEWER = 4
"""Classes are worth it where there are so many times more jobs."""

KEPT = 12
"""Options of each class that its jobs may take, those of least reduced cost."""

AROUND = 3
"""Jobs by which a count may differ from what the relaxation takes, rounded down."""

DEAREST_USD = 1e6
"""Of a unit of anything, where the search for prices begins; it goes on if some is dearer."""

WORK = 0.5
"""CP-SAT's deterministic seconds."""

NEAR = 0.0001
"""Of the bound: how far from the best whole numbers is near enough."""

USD_STEPS = 1_000
"""Of a dollar in the objective."""

USE_STEPS = 10_000
"""Of an accelerator, a CPU, a GiB or a unit of a limit; uses are rounded up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Classes:
    """Jobs that differ in their id and program alone.

    Parameters
    ----------
    row : ints, (J,)
        The class of each job, numbered by their first jobs.
    first : ints, (C,)
        The first job of each class.
    count : ints, (C,)
        How many jobs it has.
    tied : bool
        Counts cannot tell: there are several slots, or jobs are tied by data or to each other.
    """

    row: Ints
    first: Ints
    count: Ints
    tied: bool

    @property
    def are_few(self) -> bool:
        """Say whether there are so few that counting pays."""
        return not self.tied and len(self.row) >= FEWER * len(self.first)


def classes_of(problem: Problem) -> Classes:
    """Return the classes of a problem; jobs that others, limits or data name are one each."""
    found: dict[tuple[object, ...], int] = {}
    names, denied = _named(problem), _denials(problem)
    row = np.empty(len(problem.jobs), dtype=np.int64)
    for number, job in enumerate(problem.jobs):
        own = job.id if job.id in names else None
        key = (problem.kind[job.id], own, denied.get(job.id, ()))
        row[number] = found.setdefault(key, len(found))
    _, first, count = np.unique(row, return_index=True, return_counts=True)
    return Classes(
        row=row,
        first=first.astype(np.int64),
        count=count.astype(np.int64),
        tied=problem.slots > 1 or any(map(_is_tied, problem.jobs)),
    )


def _is_tied(job: Job) -> bool:
    return bool(job.inputs or job.outputs or job.same_site_as or job.apart_from)


def _named(problem: Problem) -> set[str]:
    """Return the jobs that something else names, or whose results others may read."""
    names = {limit.job for limit in problem.limits if limit.job is not None}
    names |= {job for spread in problem.spreads for job in spread.jobs}
    for job in problem.jobs:
        names.update(job.same_site_as, job.apart_from, (job.id,) if job.outputs else ())
    return names


def _denials(problem: Problem) -> dict[str, tuple[int, ...]]:
    """Return, for each job of which policies deny anything, which denials concern it."""
    found: dict[str, list[int]] = {}
    alike: dict[tuple[object, ...], int] = {}
    for one in problem.denials:
        if one.action == "place":
            number = alike.setdefault((one.sites, one.market, one.confidential), len(alike))
            for job in one.subjects:
                found.setdefault(job, []).append(number)
    return {job: tuple(denied) for job, denied in found.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A problem decided by classes.

    Parameters
    ----------
    instance : Instance
        Of all jobs, each with the options of its class that are worth a look.
    choice : Choice
    relaxed : Relaxation
        Its prices and bound are those of all jobs and options.
    whole : JobPrices or None
        What knapsacks prove beyond that.
    interrupted : bool
        Whether an interrupt ended the search for whole numbers.
    """

    instance: Instance
    choice: Choice
    relaxed: Relaxation
    whole: JobPrices | None
    interrupted: bool


def decide_by_classes(problem: Problem, classes: Classes, *, seed: int = 0) -> Counted:
    """Decide how many jobs of each class take which option, in problems of one slot."""
    firsts = problem.with_jobs(*(problem.jobs[row] for row in classes.first))
    single = compile_instance(firsts, dues_of(problem))
    whole = _times(single, classes.count)
    relaxed = _relax(whole)
    kept = _worth_a_look(whole, relaxed)
    part = np.zeros(len(single.options.job))
    part[relaxed.lp.option] = relaxed.lp.value
    counts, interrupted = _whole_numbers(single, classes.count, kept, part, relaxed, seed=seed)
    proven = price_whole(single, relaxed.prices, classes.count, bound_usd=relaxed.bound_usd)
    return Counted(
        instance=_of_each(single, classes, kept),
        choice=_handed_out(single, classes, kept, counts),
        relaxed=relaxed,
        whole=proven and replace(proven, job_usd=proven.job_usd[classes.row]),
        interrupted=interrupted,
    )


def _times(instance: Instance, count: Ints) -> Instance:
    """Return an instance in which each job is as large as `count` of it."""
    options, jobs = instance.options, instance.jobs
    each = count[options.job]
    return replace(
        instance,
        jobs=replace(jobs, reject_usd=jobs.reject_usd * count, late_usd_h=jobs.late_usd_h * count),
        options=replace(
            options,
            cost_usd=options.cost_usd * each,
            use=options.use * each[:, None],
            limit_use=options.limit_use * each[:, None],
            share=options.share * each,
        ),
    )


def _relax(instance: Instance) -> Relaxation:
    """Return the linear relaxation: of few jobs, the program with all options is solved at once."""
    rows = np.arange(len(instance.options.job))
    master, where = static_master(instance, costs_at(instance, rows, np.zeros_like(rows)))
    free = np.zeros(len(master.at_most))
    found = relax(master, free, np.full(len(free), DEAREST_USD))
    prices = where.prices(instance, found.price)
    return Relaxation(
        prices=prices,
        bound_usd=reduced(instance, prices).bound_usd,
        lp=Fractional(option=found.columns, start=np.zeros_like(found.columns), value=found.values),
        optimal=found.optimal,
    )


def _worth_a_look(instance: Instance, relaxed: Relaxation) -> Ints:
    """Return the options of least reduced cost of each job, and those that are taken in part."""
    job = instance.options.job
    usd = reduced(instance, relaxed.prices).usd
    order = np.lexsort((usd, job))
    place = np.arange(len(job)) - instance.options.first[job]
    best: Bools = np.zeros(len(job), dtype=bool)
    best[order[place < KEPT]] = True
    best[relaxed.lp.option] = True
    return np.flatnonzero(best)


def _whole_numbers(
    instance: Instance, count: Ints, kept: Ints, part: Floats, relaxed: Relaxation, *, seed: int
) -> tuple[Ints, bool]:
    """Return how many jobs take each option of `kept`, near the parts that are taken.

    And whether an interrupt ended the search; what the relaxation takes for whole is there then.
    """
    from ortools.sat.python import cp_model

    options = instance.options
    whose = options.job[kept].astype(np.int64)
    most = count[whose]
    floor = np.floor(part[kept] * most + 1e-6).astype(np.int64)
    model = cp_model.CpModel()
    low, high = np.maximum(floor - AROUND, 0), np.minimum(floor + AROUND, most)
    if not relaxed.optimal:
        low[:] = 0  # what it takes may be too much
    x = [model.new_int_var(a, b, "") for a, b in zip(low.tolist(), high.tolist(), strict=True)]
    for columns in np.split(np.arange(len(x)), np.flatnonzero(np.diff(whose)) + 1):
        model.add(sum(x[k] for k in columns.tolist()) <= int(most[columns[0]]))
    for columns, uses, room in _rows(instance, kept, high):
        steps = np.ceil(uses * USE_STEPS - 1e-6).astype(np.int64).tolist()
        taken = cp_model.LinearExpr.weighted_sum([x[k] for k in columns.tolist()], steps)
        model.add(taken <= int(np.floor(room * USE_STEPS)))
    saved = instance.jobs.reject_usd[whose] - _usd(instance, kept, relaxed)
    steps = np.rint(saved * USD_STEPS).astype(np.int64).tolist()
    model.maximize(cp_model.LinearExpr.weighted_sum(x, steps))
    for variable, value in zip(x, floor.tolist(), strict=True):
        model.add_hint(variable, value)
    solver, interrupted = _solver(seed, NEAR * abs(relaxed.bound_usd)), False
    try:
        found = solver.solve(model) in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    except KeyboardInterrupt:
        found, interrupted = False, True
    if not found:
        return (floor if relaxed.optimal else low), interrupted
    return np.array([solver.value(variable) for variable in x], dtype=np.int64), False


def _usd(instance: Instance, kept: Ints, relaxed: Relaxation) -> Floats:
    """Return what options cost, less what they are worth to the shares of tenants."""
    price = np.append(relaxed.prices.share, 0.0)  # of those that no share counts
    share_usd = price[instance.jobs.tenant[instance.options.job[kept]]]
    usd = costs_at(instance, kept, np.zeros_like(kept))
    return usd - share_usd * instance.options.share[kept]


def _rows(instance: Instance, kept: Ints, most: Ints) -> Iterator[tuple[Ints, Floats, float]]:
    """Yield (options, what one job takes there, how much there is) of each row that may bind."""
    options = instance.options
    curve = options.curve[kept]
    part = np.where(curve >= 0, options.curves[curve, 0], 1.0) if len(options.curves) else 1.0
    use = options.use[kept] * np.reshape(part, (-1, 1))
    for group in np.unique(options.group[kept]):
        some = np.flatnonzero(options.group[kept] == group)
        for resource in range(use.shape[1]) if group >= 0 else ():
            room = float(instance.capacity[group, resource, 0])
            if use[some, resource] @ most[some] > room:
                yield some, use[some, resource], room
    limit_use = limit_uses_at(instance, kept, np.zeros_like(kept))
    for limit, room in enumerate(instance.at_most.tolist()):
        uses = np.where(options.limit[kept] == limit, limit_use, 0.0).sum(axis=1)
        some = np.flatnonzero(uses)
        if uses.clip(0) @ most > room:
            yield some, uses[some], room


def _solver(seed: int, enough_usd: float) -> cp_model.CpSolver:
    from ortools.sat.python import cp_model

    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed
    solver.parameters.max_deterministic_time = WORK
    solver.parameters.absolute_gap_limit = enough_usd * USD_STEPS
    solver.parameters.linearization_level = 2
    solver.parameters.catch_sigint_signal = False  # Python raises once the solver returns
    return solver


def _of_each(instance: Instance, classes: Classes, kept: Ints) -> Instance:
    """Return the instance of all jobs, with the kept options of their classes."""
    first = np.searchsorted(kept, instance.options.first)
    counts = np.diff(first)[classes.row]
    job_first = np.concatenate([[0], np.cumsum(counts)])
    whose = np.repeat(np.arange(len(counts)), counts)
    row = kept[np.arange(len(whose)) - job_first[whose] + first[classes.row[whose]]]
    options = instance.options
    shared = ("first", "job", "curves")
    names = [one.name for one in fields(options) if one.name not in shared]
    columns = {name: getattr(options, name)[row] for name in names}
    jobs = {one.name: getattr(instance.jobs, one.name)[classes.row] for one in fields(Jobs)}
    return replace(
        instance,
        jobs=Jobs(**jobs),
        options=replace(options, first=job_first, job=whose.astype(np.int32), **columns),
    )


def _handed_out(instance: Instance, classes: Classes, kept: Ints, counts: Ints) -> Choice:
    """Return who takes what: the jobs of a class in their order, and its options in theirs."""
    first = np.searchsorted(kept, instance.options.first)
    job_first = np.concatenate([[0], np.cumsum(np.diff(first)[classes.row])[:-1]])
    order = np.argsort(classes.row, kind="stable")
    begin = np.concatenate([[0], np.cumsum(classes.count)[:-1]])
    whose = instance.options.job[kept]
    placed = np.repeat(np.arange(len(kept)), counts)
    of_class = np.concatenate([[0], np.cumsum(counts)])[first[:-1]]
    place = begin[whose[placed]] + np.arange(len(placed)) - of_class[whose[placed]]
    option = np.full(len(classes.row), -1, dtype=np.int64)
    jobs = order[place]
    option[jobs] = job_first[jobs] + placed - first[whose[placed]]
    return Choice(option=option, start=np.zeros_like(option))
