"""Limits held by moving jobs: of what is exceeded, the moves that cost least per unit.

A budget or a cap binds many jobs, each a little. Whoever needs room in it takes it first, and then
others move to where they count less.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hybridplace.solver.ejection import SMALLEST_USD, Ask, Ejection
from hybridplace.solver.instance import Floats, Ints
from hybridplace.solver.pricing import limit_uses_at

MOST_MOVES = 12
"""To hold limits again after one job was placed."""

TRIES = 6
"""Moves that are tried, the cheapest per unit first."""


@dataclass(frozen=True, slots=True)
class _Moves:
    """Moves that use less of a limit: whose, to which pair (-1: none), at what cost there."""

    job: Ints
    option: Ints
    start: Ints
    usd: Floats


def overdraw(chains: Ejection, job: int, depth: int) -> float:
    """Move a job to a place that limits forbid, and others so that they hold; return USD saved."""
    state = chains.state
    before = float(state.usd[job])
    chains.done.clear()
    chains.leave(job)
    ask = Ask(before - SMALLEST_USD, depth, frozenset([job]))
    state.limit_floor[:] = -np.inf
    paid = chains.insert(job, ask)
    state.limit_floor[:] = 0.0
    if paid is not None:
        more = hold_limits(chains, Ask(ask.budget_usd - paid, depth, ask.busy), MOST_MOVES)
        if more is not None:
            return before - paid - more
    chains.undo(0)
    return 0.0


def hold_limits(chains: Ejection, ask: Ask, most: int) -> float | None:
    """Make limits hold by moving jobs; None if `most` moves or the budget do not suffice.

    Returns
    -------
    float or None
        What these jobs cost more.
    """
    state, paid = chains.state, 0.0
    for _ in range(most):
        if not state.breaks_limits():
            return paid
        scale = np.maximum(1.0, np.abs(state.instance.at_most))
        limit = int((state.limit_room[:-1] / scale).argmin())
        more = _move_one(chains, limit, Ask(ask.budget_usd - paid, ask.depth, ask.busy))
        if more is None:
            return None
        paid += more
    return None if state.breaks_limits() else paid


def _move_one(chains: Ejection, limit: int, ask: Ask) -> float | None:
    """Move one job to where it counts less towards a limit; return what it costs more."""
    state = chains.state
    moves = _moves(chains, limit, ask)
    for job, i, t, usd in zip(
        moves.job.tolist(),
        moves.option.tolist(),
        moves.start.tolist(),
        moves.usd.tolist(),
        strict=True,
    ):
        mark, was = len(chains.done), float(state.usd[job])
        state.limit_floor[:] = np.minimum(state.limit_room, 0.0)
        chains.leave(job)
        paid: float | None = usd
        if i >= 0 and state.fits(np.array([i]), np.array([t]))[0]:
            chains.enter(i, t, usd)
        elif i >= 0:
            paid = chains.eject((i, t, usd), Ask(was + ask.budget_usd, 1, ask.busy | {job}))
        state.limit_floor[:] = 0.0
        if paid is not None and paid < was + ask.budget_usd:
            return paid - was
        chains.undo(mark)
    return None


def _moves(chains: Ejection, limit: int, ask: Ask) -> _Moves:
    """Return the moves that promise to cost least per unit of a limit that is exceeded."""
    state, pairs, instance = chains.state, chains.pairs, chains.state.instance
    placed = np.flatnonzero(state.option >= 0)
    counted = _uses(chains, limit, state.option[placed], state.start[placed])
    some = np.flatnonzero(counted > 0)
    some = some[~np.isin(placed[some], list(ask.busy))]
    jobs, counted = placed[some], counted[some]
    position, whose = pairs.of_all(jobs)
    state.limit_floor[:] = -np.inf
    fit = np.append(state.fits(pairs.option[position], pairs.start[position]), jobs >= 0)
    state.limit_floor[:] = 0.0
    option = np.append(pairs.option[position], np.full(len(jobs), -1))
    start = np.append(pairs.start[position], np.zeros(len(jobs), dtype=np.int64))
    usd = np.append(pairs.usd[position], instance.jobs.reject_usd[jobs])
    expected = np.append(pairs.reduced_usd[position], instance.jobs.reject_usd[jobs])
    there = np.append(
        _uses(chains, limit, option[: len(position)], start[: len(position)]), 0 * counted
    )
    whose = np.append(whose, np.arange(len(jobs)))
    relief = np.minimum(counted[whose] - there, -state.limit_room[limit])
    more = np.where(fit, usd, expected) - state.usd[jobs][whose]
    able = np.flatnonzero((relief > 0) & (more < ask.budget_usd))
    ratio = np.maximum(more[able], 0.0) / relief[able]
    best = able[np.lexsort((able, ratio))][:TRIES]
    return _Moves(job=jobs[whose[best]], option=option[best], start=start[best], usd=usd[best])


def _uses(chains: Ejection, limit: int, option: Ints, start: Ints) -> Floats:
    """Return how much pairs count towards a limit."""
    instance = chains.state.instance
    of_limit = instance.options.limit[option] == limit
    uses: Floats = np.where(of_limit, limit_uses_at(instance, option, start), 0.0).sum(axis=1)
    return uses
