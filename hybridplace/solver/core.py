"""Small cores: some jobs are decided again together, exactly, while all others stay.

Chains move few jobs at a time. A core is an integer program over the near pairs of some hundred
jobs that compete for the same groups (large neighbourhood search by relatedness: Shaw, "Using
constraint programming and local search methods to solve vehicle routing problems", CP 1998,
doi:10.1007/3-540-49481-2_30).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hybridplace.solver.instance import Bools, Floats, Ints
from hybridplace.solver.pairs import Pairs, rank
from hybridplace.solver.pricing import limit_uses_at
from hybridplace.solver.state import State

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

USD_STEPS = 10_000
"""Of a dollar in the objective."""

USE_STEPS = 10_000
"""Of an accelerator, a CPU, a GiB or a unit of a limit; uses are rounded up."""

FEW = 3
"""Pairs of a job that lead on to who else competes."""

SHARES = 6
"""A group gives at most one in so many of the jobs of a core."""


@dataclass(frozen=True, slots=True)
class _Columns:
    """Pairs of a core.

    Parameters
    ----------
    option, start : ints
    usd : floats
    whose : ints
        Place of the job among those of the core.
    now : bools
        Where the job is now.
    """

    option: Ints
    start: Ints
    usd: Floats
    whose: Ints
    now: Bools


@dataclass(frozen=True, slots=True)
class _Row:
    """What some pairs of a core may take together of one row."""

    pairs: Ints
    uses: Floats
    room: float


def decide_again(
    state: State, pairs: Pairs, jobs: Ints, *, work: float, ways: int, seed: int = 0
) -> float:
    """Decide some jobs again, at the least cost if `work` suffices; return the USD saved.

    Jobs that are to be with or apart from others stay where they are.

    Parameters
    ----------
    work : float
        CP-SAT's deterministic seconds.
    ways : int
        Pairs of each job that it may take, those of least excess, beside the one of now.
    """
    jobs = np.array([job for job in jobs.tolist() if job not in state.partners], dtype=np.int64)
    columns = _columns(state, pairs, jobs, ways)
    before = float(state.usd[jobs].sum())
    for job in jobs[state.option[jobs] >= 0].tolist():
        state.remove(job)
    rows = [*_capacity_rows(state, columns), *_limit_rows(state, columns)]
    reject_usd = state.instance.jobs.reject_usd[jobs]
    for k in np.flatnonzero(_cheapest(columns, rows, reject_usd, work, seed)).tolist():
        state.place(int(columns.option[k]), int(columns.start[k]), float(columns.usd[k]))
    return before - float(state.usd[jobs].sum())


def related(state: State, pairs: Pairs, excess: Floats, job: int, size: int) -> Ints:
    """Return jobs that compete with one, and with whom these compete: those that move easily.

    All of them, if there are no more than `size`.
    """
    if len(excess) <= size:
        return np.arange(len(excess))
    second = np.full(len(excess), np.inf)
    some = np.flatnonzero(np.diff(pairs.first) > 1)
    second[some] = pairs.reduced_usd[pairs.first[some] + 1] - pairs.best_usd[some]
    reluctance = second - 2 * excess
    chosen, queue, seen = {job}, deque([job]), {len(state.members) - 1}
    while queue and len(chosen) < size:
        one = queue.popleft()
        first = pairs.option[pairs.of(one)][:FEW]
        for group in state.group[np.append(first, state.option[[one]])].tolist():
            if group in seen:
                continue
            seen.add(group)
            members = np.array([m for m in state.members[group] if m not in chosen], dtype=np.int64)
            easy = members[np.lexsort((members, reluctance[members]))][: max(1, size // SHARES)]
            more = easy[: size - len(chosen)].tolist()
            chosen.update(more)
            queue.extend(more)
    return np.array(sorted(chosen), dtype=np.int64)


def _columns(state: State, pairs: Pairs, jobs: Ints, ways: int) -> _Columns:
    """Return the nearest pairs of some jobs, and where these are now."""
    position, whose = pairs.of_all(jobs)
    nearest = rank(whose) < ways
    position, whose = position[nearest], whose[nearest]
    option, start = pairs.option[position], pairs.start[position]
    now = (option == state.option[jobs][whose]) & (start == state.start[jobs][whose])
    far = np.setdiff1d(np.flatnonzero(state.option[jobs] >= 0), whose[now])
    return _Columns(
        option=np.append(option, state.option[jobs[far]]),
        start=np.append(start, state.start[jobs[far]]),
        usd=np.append(pairs.usd[position], state.usd[jobs[far]]),
        whose=np.append(whose, far),
        now=np.append(now, np.ones(len(far), dtype=np.bool_)),
    )


def _capacity_rows(state: State, columns: _Columns) -> list[_Row]:
    """Return what the columns could exceed of groups; of equal rows the tightest."""
    options = state.instance.options
    length = options.slots[columns.option].astype(np.int64)
    pair = np.repeat(np.arange(len(length)), length)
    since = np.arange(len(pair)) - np.repeat(np.cumsum(length) - length, length)
    option, slot = columns.option[pair], columns.start[pair] + since
    uses = state.use[option]
    if state.has_curves:
        curve = options.curve[option]
        uses = uses * np.where(curve < 0, 1.0, options.curves[curve, since])[:, None]
    cell = state.group[option] * state.instance.slots + slot
    order = np.argsort(cell, kind="stable")
    cells, heads = np.unique(cell[order], return_index=True)
    room = state.room[0].reshape(-1, uses.shape[1])[cells]
    wanted = np.add.reduceat(uses[order], heads) if len(heads) else room
    ends = np.append(heads, len(order))[1:]
    found: dict[bytes, _Row] = {}
    for k, resource in zip(*np.nonzero(wanted > room), strict=True):
        part = order[heads[k] : ends[k]]
        row = _Row(pair[part], uses[part, resource], float(room[k, resource]))
        same = row.pairs.tobytes() + row.uses.tobytes()
        if same not in found or found[same].room > row.room:
            found[same] = row
    return list(found.values())


def _limit_rows(state: State, columns: _Columns) -> list[_Row]:
    """Return what the columns could exceed of limits."""
    if not state.has_limits:
        return []
    limit = state.instance.options.limit[columns.option]
    counted = limit_uses_at(state.instance, columns.option, columns.start)
    rows = []
    for one, room in enumerate(state.limit_room[:-1].tolist()):
        uses = np.where(limit == one, counted, 0.0).sum(axis=1)
        some = np.flatnonzero(uses)
        if uses.clip(0).sum() > room:
            rows.append(_Row(some, uses[some], room))
    return rows


def _cheapest(
    columns: _Columns, rows: list[_Row], reject_usd: Floats, work: float, seed: int
) -> Bools:
    """Return the cheapest columns, one per job or none; those of now if no others are found."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    x = [model.new_bool_var("") for _ in columns.usd]
    left_out = [model.new_bool_var("") for _ in reject_usd]
    ways = [[one] for one in left_out]
    for job, column in zip(columns.whose.tolist(), x, strict=True):
        ways[job].append(column)
    for of_job in ways:
        model.add_exactly_one(of_job)
    for row in rows:
        uses = np.ceil(row.uses * USE_STEPS - 1e-6).astype(np.int64)
        taken = [x[k] for k in row.pairs.tolist()]
        most = int(np.floor(row.room * USE_STEPS))
        model.add(cp_model.LinearExpr.weighted_sum(taken, uses.tolist()) <= most)
    usd = np.rint(np.append(columns.usd, reject_usd) * USD_STEPS).astype(np.int64)
    model.minimize(cp_model.LinearExpr.weighted_sum([*x, *left_out], usd.tolist()))
    for column, value in zip(x, columns.now.tolist(), strict=True):
        model.add_hint(column, value)
    solver = _solver(work, seed)
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return columns.now
    found = np.array(solver.values([*x, *left_out]), dtype=np.bool_)
    now = np.append(columns.now, np.bincount(columns.whose[columns.now], minlength=len(ways)) == 0)
    return (found if usd[found].sum() < usd[now].sum() else now)[: len(x)]


def _solver(work: float, seed: int) -> cp_model.CpSolver:
    """Return a solver that relies on its linear relaxation: rows are knapsacks."""
    from ortools.sat.python import cp_model

    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed
    solver.parameters.max_deterministic_time = work
    solver.parameters.linearization_level = 2
    solver.parameters.symmetry_level = 0
    solver.parameters.cp_model_probing_level = 0
    solver.parameters.catch_sigint_signal = False  # Python raises once the solver returns
    return solver
