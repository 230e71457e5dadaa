"""Few jobs are decided outright: one integer program of all that a cheaper plan could hold.

With prices, a plan that is cheaper than the best one known has no option whose reduced cost is
above its job's least by more than the gap (reduced cost fixing: Nemhauser and Wolsey, "Integer and
Combinatorial Optimization" (1988), section II.5.2, doi:10.1002/9781118627372). What remains is the
master problem, with whole jobs and the true price of unfairness. What CP-SAT proves of it holds for
all plans, but nobody can compute it again from prices: it is told apart from what these prove.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from hybridplace.solver.instance import Bools, Choice, Floats, Instance, Ints, Prices
from hybridplace.solver.knapsack import unit_of
from hybridplace.solver.master import Master, static_master
from hybridplace.solver.pricing import costs_at, reduced
from hybridplace.solver.state import State
from hybridplace.solver.stop import keep_interrupts

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

Rounded = Callable[[Floats], Floats]
"""Makes sizes whole: up or down."""

MOST_COLUMNS = 8_000
"""More options are not decided at once."""

STEPS = 1e7
"""Of what a plan costs, and of what is not counted in eighths: finer ones are too many for CP-SAT's
linear program.
"""

NEARER = 0.9
"""Of the gap that is asked for: it is meant of the plan found, which costs less than the first."""

LARGEST_SUM = 2.0**61

TINY = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Outright:
    """What the program found.

    Parameters
    ----------
    choice : Choice or None
        None if it found none that breaks no row.
    bound_usd : float
        No plan costs less; at most what the plan costs that it began with.
    interrupted : bool
        Ctrl-C ended the search.
    """

    choice: Choice | None
    bound_usd: float
    interrupted: bool


@dataclass(frozen=True, slots=True)
class _Columns:
    """Options that a cheaper plan could hold, by job.

    Parameters
    ----------
    option, job : ints
        Rows of `Options`, and the job's place in `master`.
    uses : csc_array
        Rows of the master problem are columns here.
    now : bools
        Of the plan that is known.
    """

    option: Ints
    job: Ints
    master: Master
    uses: Any
    now: Bools


@dataclass(frozen=True, slots=True)
class _Program:
    """Variables: of each column, of each job whether it is left out, and what the worst-off has."""

    model: cp_model.CpModel
    taken: list[Any]
    left_out: list[Any]
    worst: Any
    steps_usd: float


def decide_outright(
    instance: Instance,
    prices: Prices,
    choice: Choice,
    usd: float,
    *,
    gap: float,
    work: float,
    seed: int = 0,
) -> Outright | None:
    """Look for a plan of one slot that is cheaper; None if there is too much to decide.

    Parameters
    ----------
    choice : Choice
        The best plan known.
    usd : float
        What it costs.
    gap : float
        The search ends at this distance of plan and bound.
    work : float
        CP-SAT's deterministic seconds.
    """
    columns = _columns(instance, prices, choice, usd)
    if columns is None:
        return None
    state = State(instance)
    solved = partial(_solved, instance, columns, usd, gap=gap, work=work, seed=seed)
    # Sizes rounded down prove a bound. If the plan then breaks a row, they are rounded up.
    found = solved(np.floor)
    if not _breaks(state, found.choice) or found.interrupted:
        return found
    again = solved(np.ceil)
    return replace(again, bound_usd=found.bound_usd)


def _breaks(state: State, choice: Choice | None) -> bool:
    if choice is None:
        return False
    state.load(choice)
    return state.breaks_limits() or bool((state.room[0] < 0).any())


def _columns(instance: Instance, prices: Prices, choice: Choice, usd: float) -> _Columns | None:
    """Return what a cheaper plan could hold; None if that is nothing or too much."""
    rows = np.arange(len(instance.options.job))
    master, _ = static_master(instance, costs_at(instance, rows, np.zeros_like(rows)))
    now = np.zeros(len(rows), dtype=np.bool_)
    now[choice.option[choice.option >= 0]] = True
    one = reduced(instance, prices)
    spare_usd = max(usd - one.bound_usd, 0.0) + TINY * abs(usd)
    near = one.usd - one.job_usd[instance.options.job] <= spare_usd
    option = np.flatnonzero(near | now)
    most = np.abs(master.cost_usd[option]).sum() + master.reject_usd.sum() + master.unfair_usd
    if not 0 < len(option) <= MOST_COLUMNS or most * _steps_usd(usd) > LARGEST_SUM:
        return None
    job = np.repeat(np.arange(len(master.counts)), master.counts)[option]
    return _Columns(option, job, master, master.uses[option].tocsc(), now[option])


def _steps_usd(usd: float) -> float:
    """Return how many steps of the objective a dollar has."""
    return STEPS / max(abs(usd), TINY)


def _program(instance: Instance, columns: _Columns, usd: float, rounded: Rounded) -> _Program:
    """Return the program of whole jobs."""
    from ortools.sat.python import cp_model

    weighted_sum, master = cp_model.LinearExpr.weighted_sum, columns.master
    model, steps_usd = cp_model.CpModel(), _steps_usd(usd)
    taken = [model.new_bool_var("") for _ in columns.option]
    left_out = [model.new_bool_var("") for _ in master.reject_usd]
    ways = [[one] for one in left_out]
    for job, column in zip(columns.job.tolist(), taken, strict=True):
        ways[job].append(column)
    for of_job in ways:
        model.add_exactly_one(of_job)
    for row, some, uses in _rows(columns):
        sizes, most = _whole(uses, float(master.at_most[row]), rounded)
        if np.maximum(sizes, 0).sum() > most:
            model.add(weighted_sum([taken[k] for k in some], sizes.tolist()) <= most)
    worst = model.new_int_var(0, round(_unfair_usd(master) * steps_usd), "")
    for some, earned in _earned(columns, steps_usd):
        model.add(weighted_sum([taken[k] for k in some], earned.tolist()) >= worst)
    cost_usd = np.concatenate([master.cost_usd[columns.option], master.reject_usd])
    steps = np.append(np.rint(cost_usd * steps_usd).astype(np.int64), -1)
    model.minimize(weighted_sum([*taken, *left_out, worst], steps.tolist()))
    _tie(model, instance, columns, taken)
    return _Program(model, taken, left_out, worst, steps_usd)


def _unfair_usd(master: Master) -> float:
    return master.unfair_usd if master.shares else 0.0


def _rows(columns: _Columns) -> Iterator[tuple[int, Ints, Floats]]:
    """Yield the rows of capacity and limits, which columns use them, and how much."""
    first = columns.uses.indptr
    for row in range(len(first) - 1 - columns.master.shares):
        part = slice(first[row], first[row + 1])
        yield row, columns.uses.indices[part], columns.uses.data[part]


def _earned(columns: _Columns, steps_usd: float) -> Iterator[tuple[Ints, Ints]]:
    """Yield what adds to each tenant's share, in steps of the price of unfairness."""
    first, unfair_usd = columns.uses.indptr, _unfair_usd(columns.master)
    for row in range(len(first) - 1 - columns.master.shares, len(first) - 1):
        part = slice(first[row], first[row + 1])
        steps = np.ceil(-columns.uses.data[part] * unfair_usd * steps_usd)
        yield columns.uses.indices[part], steps.astype(np.int64)


def _whole(uses: Floats, at_most: float, rounded: Rounded) -> tuple[Ints, int]:
    """Return whole numbers in place of uses, and what they may add up to."""
    unit = unit_of(uses)
    if unit > 0:
        return np.rint(uses / unit).astype(np.int64), int(np.floor(at_most / unit + TINY))
    steps = STEPS / max(abs(at_most), TINY)
    return rounded(uses * steps).astype(np.int64), int(np.floor(at_most * steps + TINY))


def _tie(model: cp_model.CpModel, instance: Instance, columns: _Columns, taken: list[Any]) -> None:
    """Let jobs be at one site, or not, if both are placed."""
    job, site = instance.options.job[columns.option], instance.options.site[columns.option]
    for pairs, together in ((instance.same, True), (instance.apart, False)):
        for one, other in pairs.tolist():
            here, there = np.flatnonzero(job == one), np.flatnonzero(job == other)
            for place in np.unique(site[here]).tolist():
                mine = here[site[here] == place]
                clash = there[(site[there] != place) == together]
                model.add(sum(taken[k] for k in (*mine.tolist(), *clash.tolist())) <= 1)


def _hint(columns: _Columns, program: _Program) -> None:
    """Begin with the plan that is known."""
    model, now = program.model, columns.now
    for variable, value in zip(program.taken, now.tolist(), strict=True):
        model.add_hint(variable, value)
    placed = np.bincount(columns.job[now], minlength=len(program.left_out)) > 0
    for variable, value in zip(program.left_out, placed.tolist(), strict=True):
        model.add_hint(variable, not value)
    most = round(_unfair_usd(columns.master) * program.steps_usd)
    for some, earned in _earned(columns, program.steps_usd):
        most = min(most, int(earned[now[some]].sum()))
    model.add_hint(program.worst, most)


def _solved(
    instance: Instance,
    columns: _Columns,
    usd: float,
    rounded: Rounded,
    *,
    gap: float,
    work: float,
    seed: int,
) -> Outright:
    from ortools.sat.python import cp_model

    program = _program(instance, columns, usd, rounded)
    _hint(columns, program)
    solver = _solver(gap, work, seed)
    with keep_interrupts():
        status = solver.solve(program.model)
    # Each term was rounded by half a step at most.
    steps = solver.best_objective_bound - 0.5 * (len(program.left_out) + 1)
    constant_usd = columns.master.constant_usd + _unfair_usd(columns.master)
    bound_usd = constant_usd + steps / program.steps_usd
    early = solver.response_proto.deterministic_time < 0.9 * work
    found = status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    near = found and solver.objective_value - solver.best_objective_bound <= gap * STEPS
    return Outright(
        choice=_chosen(instance, columns, solver.values(program.taken)) if found else None,
        bound_usd=min(bound_usd, usd),
        interrupted=status in (cp_model.FEASIBLE, cp_model.UNKNOWN) and early and not near,
    )


def _chosen(instance: Instance, columns: _Columns, values: Any) -> Choice:
    option = np.full(len(instance.jobs.reject_usd), -1, dtype=np.int64)
    rows = columns.option[np.array(values, dtype=np.bool_)]
    option[instance.options.job[rows]] = rows
    return Choice(option=option, start=np.zeros_like(option))


def _solver(gap: float, work: float, seed: int) -> cp_model.CpSolver:
    """Return a solver that relies on its linear relaxation: rows are knapsacks."""
    from ortools.sat.python import cp_model

    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed
    solver.parameters.relative_gap_limit = 0.0
    solver.parameters.absolute_gap_limit = NEARER * gap * STEPS
    solver.parameters.max_deterministic_time = work
    solver.parameters.linearization_level = 2
    solver.parameters.symmetry_level = 0
    solver.parameters.cp_model_probing_level = 0
    return solver
