"""The exact model: CP-SAT over all undominated choices, node packing as cuts.

A solution says which offer, shape and start each job gets. If the workers on some own nodes cannot
be packed, the jobs in conflict are excluded as a combination and the model is solved again
(logic-based Benders decomposition: Hooker and Ottosson, Mathematical Programming 96 (2003),
doi:10.1007/s10107-003-0375-9). Each round only adds what every plan must satisfy, so every bound
stays a bound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hybridplace.errors import Fault, InputError
from hybridplace.model.cost import plan_costs, rejection_costs, transfers_usd
from hybridplace.model.plan import Share, Transfer
from hybridplace.model.problem import Problem
from hybridplace.solver.candidates import Candidates
from hybridplace.solver.constraints import FAMILIES
from hybridplace.solver.egress import most_paid_usd, paid_steps
from hybridplace.solver.packing import Stay, conflict, pack
from hybridplace.solver.stop import Progress, Stop, keep_interrupts
from hybridplace.solver.transfers import Copy, transfers_for
from hybridplace.solver.variables import USD_STEPS, Variables, make_variables

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

Watch = Callable[[Progress], None]

SUM_LIMIT = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """What the exact model found: the chosen candidate of each placed job, and the bound.

    Parameters
    ----------
    rows : dict
        Row of `Candidates` by job id; a job that is absent is left out.
    shares : dict or None
        By job id, of jobs on own nodes; None if not all of them could be packed.
    copies : frozenset of Copy
        The copies that are made.
    interrupted : bool
        Ctrl-C ended the search.
    """

    rows: dict[str, int]
    shares: dict[str, tuple[Share, ...]] | None
    copies: frozenset[Copy] = frozenset()
    bound_usd: float
    interrupted: bool = False


def solve_exactly(
    candidates: Candidates, *, seed: int, stop: Stop, watch: Watch | None = None
) -> Solution:
    """Return a cheapest choice, or the best one found before `stop`, with a proven bound.

    Raises
    ------
    InputError
        When costs are so large that they could not be added up exactly.
    """
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    v = make_variables(model, candidates)
    for family in FAMILIES:
        family(model, v)
    minimise_cost(model, v)
    solution = _cheapest(model, v, seed=seed, stop=stop, watch=watch)
    if solution.shares is None:
        kept = evict(candidates, solution.rows, solution.bound_usd)
        return replace(kept, interrupted=solution.interrupted)
    return _earliest(model, v, solution, seed=seed, stop=stop)


def _cheapest(
    model: cp_model.CpModel,
    v: Variables,
    *,
    seed: int,
    stop: Stop,
    watch: Watch | None,
    exact: bool = True,
) -> Solution:
    """Solve, pack, cut off what cannot be packed, and solve again until everything is packed.

    Without `exact`, and where packing could not be decided, a cut may cut too much: plans still
    hold, and the bound stays that of the last round in which every cut was proven.
    """
    from ortools.sat.python import cp_model

    rows: dict[str, int] = {}
    bound_usd, proven = 0.0, True
    for number in range(stop.rounds):
        _hint(model, v, rows)
        solver = _solver(seed, stop)
        status = _watched(solver, model, number, watch)
        if proven:
            bound_usd = max(bound_usd, _bound_usd(v, solver))
        interrupted = _was_interrupted(solver, status, stop)
        if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            rows = _chosen(v, solver)
        elif not interrupted:
            break
        if interrupted:
            return Solution(rows=rows, shares=None, bound_usd=bound_usd, interrupted=True)
        packed = pack_all(v.candidates, rows, exact=exact)
        if not packed.conflicts:
            return Solution(
                rows=rows, shares=packed.shares, copies=_copies(v, solver), bound_usd=bound_usd
            )
        proven = proven and packed.proven
        for jobs in packed.conflicts:
            model.add_bool_or([v.x[rows[job]].negated() for job in jobs])
    return Solution(rows=rows, shares=None, bound_usd=bound_usd)


def _earliest(
    model: cp_model.CpModel, v: Variables, found: Solution, *, seed: int, stop: Stop
) -> Solution:
    """Return the solution with earlier starts, where they cost the same: nobody waits for nothing.

    Offers, shapes and copies stay, so cost and bound do too.
    """
    kept = {row for chosen in found.rows.values() for row in _same_but_start(v, chosen)}
    for row, variable in enumerate(v.x):
        if row not in kept:
            model.add(variable == 0)
    for job in found.rows:
        model.add(v.reject[job] == 0)
    for copy, variable in v.copy.items():
        if copy not in found.copies:
            model.add(variable == 0)
    model.minimize(sum(int(v.candidates.start[row]) * v.x[row] for row in sorted(kept)))
    early = _cheapest(
        model, v, seed=seed, stop=Stop(work=stop.work, rounds=3), watch=None, exact=False
    )
    return found if early.shares is None else replace(early, bound_usd=found.bound_usd)


def _same_but_start(v: Variables, chosen: int) -> list[int]:
    """Return the candidates that differ from one in their start alone, and cost no more."""
    c = v.candidates
    same = (c.job == c.job[chosen]) & (c.offer == c.offer[chosen]) & (c.shape == c.shape[chosen])
    return [int(row) for row in np.flatnonzero(same & (c.usd <= c.usd[chosen]))]


def minimise_cost(model: cp_model.CpModel, v: Variables) -> None:
    r"""Minimise :math:`\sum_c c_c x_c + \sum_{dqt} f_{dqt} y_{dqt} + \sum_j p_j r_j + \varphi - w`.

    In steps, of which a dollar has so many. Links with tiers cost `egress.paid_steps`.

    Raises
    ------
    InputError
        When costs are so large that they could not be added up exactly.
    """
    rejections = {job.id: rejection_costs(v.problem, job).total_usd for job in v.problem.jobs}
    usd = [(v.reject[job], cost) for job, cost in rejections.items()]
    usd += [(v.x[row], float(cost)) for row, cost in enumerate(v.candidates.usd)]
    alone = [(copied, _copy_usd(v.problem, copy), copy) for copy, copied in v.copy.items()]
    usd += [(copied, cost) for copied, cost, copy in alone if copy[1:] not in v.tier]
    tiered = [(copied, cost) for copied, cost, copy in alone if copy[1:] in v.tier]
    # What costs more than leaving everything out is in no cheapest plan, and could be too large.
    unfair_usd = v.problem.assumptions.unfair_usd
    most_usd = plan_costs(v.problem, (), transfers_for(v.problem, ()), rejections).total_usd + 1.0
    for variable, cost in (*usd, *tiered):
        if cost > most_usd:
            model.add(variable == 0)
    kept = [(variable, cost) for variable, cost in usd if cost <= most_usd]
    links_usd = sum(most_paid_usd(v, ends) for ends in v.tier)
    if (sum(cost for _, cost in kept) + unfair_usd + links_usd) * USD_STEPS > SUM_LIMIT:
        raise InputError([_too_dear(rejections)])
    steps = [round(cost * USD_STEPS) * variable for variable, cost in kept]
    steps += [paid_steps(model, v, ends, USD_STEPS) for ends in v.tier]
    unfair = 0 if v.earned is None else round(unfair_usd * USD_STEPS) - v.earned
    model.minimize(sum(steps) + unfair)


def _copy_usd(problem: Problem, copy: Copy) -> float:
    dataset, source, target = copy
    return transfers_usd(problem, (Transfer(dataset=dataset, source=source, target=target),))[0]


def _too_dear(rejections: dict[str, float]) -> Fault:
    job, most = max(rejections.items(), key=lambda pair: pair[1])
    return Fault(
        where="problem",
        path=f"jobs[{job}].reject_usd",
        expected=f"costs whose sum is below {SUM_LIMIT // USD_STEPS:.1e} USD",
        got=f"{most:g}",
        remedy="a smaller price of leaving it out",
    )


def _solver(seed: int, stop: Stop) -> cp_model.CpSolver:
    from ortools.sat.python import cp_model

    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed
    solver.parameters.relative_gap_limit = stop.gap
    solver.parameters.max_deterministic_time = stop.work
    return solver


def _watched(
    solver: cp_model.CpSolver, model: cp_model.CpModel, number: int, watch: Watch | None
) -> Any:
    """Solve, and tell `watch` of each better plan and each better bound."""
    from ortools.sat.python import cp_model

    if watch is None:
        with keep_interrupts():
            return solver.solve(model)
    best: list[float | None] = [None]

    def tell(bound: float) -> None:
        found = None if best[0] is None else best[0] / USD_STEPS
        watch(Progress(round=number, objective_usd=found, bound_usd=max(0.0, bound / USD_STEPS)))

    class Better(cp_model.CpSolverSolutionCallback):
        def on_solution_callback(self) -> None:
            best[0] = self.objective_value
            tell(self.best_objective_bound)

    solver.best_bound_callback = tell
    with keep_interrupts():
        return solver.solve(model, Better())


def _was_interrupted(solver: cp_model.CpSolver, status: Any, stop: Stop) -> bool:
    """Say whether CP-SAT took Ctrl-C for itself: it ended early, with nothing proven."""
    from ortools.sat.python import cp_model

    spent = solver.response_proto.deterministic_time
    early = status in (cp_model.FEASIBLE, cp_model.UNKNOWN)
    return bool(early and spent < stop.work * 0.9)


def _chosen(v: Variables, solver: cp_model.CpSolver) -> dict[str, int]:
    jobs = v.problem.jobs
    return {
        jobs[int(v.candidates.job[row])].id: row
        for row in range(len(v.x))
        if solver.boolean_value(v.x[row])
    }


def _copies(v: Variables, solver: cp_model.CpSolver) -> frozenset[Copy]:
    return frozenset(copy for copy, variable in v.copy.items() if solver.boolean_value(variable))


def _hint(model: cp_model.CpModel, v: Variables, rows: dict[str, int]) -> None:
    """Start from a choice: at first that of leaving everything out, which always holds."""
    model.clear_hints()  # type: ignore[no-untyped-call]
    chosen = set(rows.values())
    for row, variable in enumerate(v.x):
        model.add_hint(variable, row in chosen)
    for job, variable in v.reject.items():
        model.add_hint(variable, job not in rows)


def _bound_usd(v: Variables, solver: cp_model.CpSolver) -> float:
    """Return the bound in USD, lowered by what rounding each term can have added."""
    problem = v.problem
    read = sum(len(job.inputs) for job in problem.jobs)
    delivered = sum(len(dataset.deliver_to) for dataset in problem.datasets)
    # A job has a term in the cost, and one in what its tenant gets.
    terms = 2 * len(problem.jobs) + read + delivered + len(v.tier)
    return max(0.0, (solver.best_objective_bound - 0.5 * terms) / USD_STEPS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """Shares by job, and sets of jobs that cannot be packed; `proven` if that is certain."""

    shares: dict[str, tuple[Share, ...]]
    conflicts: tuple[tuple[str, ...], ...]
    proven: bool


def pack_all(candidates: Candidates, rows: dict[str, int], *, exact: bool = True) -> Packed:
    """Give each job on own nodes its shares, or tell which sets of jobs do not fit."""
    shares: dict[str, tuple[Share, ...]] = {}
    conflicts: list[tuple[str, ...]] = []
    proven = exact
    chosen = {row: job for job, row in rows.items()}
    for nodes, not_now, its_rows in candidates.by_nodes:
        jobs = sorted(chosen[row] for row in its_rows if row in chosen)
        if not jobs:
            continue
        stays = [_stay(candidates, rows[job]) for job in jobs]
        try:
            packed = pack(nodes, stays, not_now, exact=exact)
        except TimeoutError:
            packed, proven = None, False
        if packed is not None:
            shares |= dict(zip(jobs, packed, strict=True))
        elif proven:
            conflicts.append(tuple(jobs[one] for one in conflict(nodes, stays, not_now)))
        else:
            conflicts.append(tuple(jobs))
    return Packed(shares=shares, conflicts=tuple(conflicts), proven=proven)


def _stay(candidates: Candidates, row: int) -> Stay:
    return Stay(
        job=candidates.problem.jobs[int(candidates.job[row])],
        shape=candidates.shape_of(row),
        start=int(candidates.start[row]),
        workers=candidates.workers(row),
    )


def evict(candidates: Candidates, rows: dict[str, int], bound_usd: float) -> Solution:
    """Leave out jobs until all others can be packed: a plan when the rounds are used up."""
    rows = dict(rows)
    while True:
        packed = pack_all(candidates, rows)
        if not packed.conflicts:
            return Solution(rows=rows, shares=packed.shares, bound_usd=bound_usd)
        for jobs in packed.conflicts:
            usd = {candidates.problem.job[job].reject_usd: job for job in sorted(jobs)}
            _leave_out(candidates.problem, rows, usd[min(usd)])


def _leave_out(problem: Problem, rows: dict[str, int], job: str) -> None:
    """Take out a job, and whoever reads what it makes."""
    if rows.pop(job, None) is None:
        return
    for dataset in problem.job[job].outputs:
        for reader in problem.readers.get(dataset, ()):
            _leave_out(problem, rows, reader)
