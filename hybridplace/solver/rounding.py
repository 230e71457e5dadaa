"""From a fractional solution to a plan: the largest part of each job, evictions, refills."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hybridplace.solver.ejection import Ejection, cover, regrets, relief_of
from hybridplace.solver.instance import Choice, Floats, Indices, Ints
from hybridplace.solver.pairs import Pairs
from hybridplace.solver.pricing import Tariff, limit_uses_at, price_at
from hybridplace.solver.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Fractional:
    """What a linear program chose.

    Parameters
    ----------
    option, start : ints, (k,)
        Pairs that have a part.
    value : floats, (k,)
        In (0, 1]; the parts of a job sum to at most 1, and what is missing is left out.
    """

    option: Ints
    start: Ints
    value: Floats


def largest_parts(job: Indices, jobs: int, lp: Fractional) -> Choice:
    """Return the pair of each job that has the largest part, the first of equal ones.

    Parameters
    ----------
    job : indices, (n,)
        Of each option.
    """
    option, start = np.full(jobs, -1, dtype=np.int64), np.zeros(jobs, dtype=np.int64)
    owner = job[lp.option]
    order = np.lexsort((lp.start, lp.option, -lp.value, owner))
    _, heads = np.unique(owner[order], return_index=True)
    best = order[heads]
    option[owner[best]], start[owner[best]] = lp.option[best], lp.start[best]
    return Choice(option=option, start=start)


def round_off(chains: Ejection, tariff: Tariff, lp: Fractional) -> None:
    """Make the state a plan near a fractional solution.

    Parameters
    ----------
    tariff : Tariff
        At the prices of all rows.
    """
    state = chains.state
    state.load(largest_parts(state.instance.options.job, len(state.option), lp))
    _evict_from_groups(state, chains.pairs)
    _part_partners(state)
    _evict_from_limits(state)
    if state.breaks_limits():
        state.clear()
    refill(state, tariff)


def refill(state: State, tariff: Tariff) -> None:
    """Place jobs that are left out where they fit at the least reduced cost, the dearest first."""
    instance = state.instance
    out = np.flatnonzero((state.option < 0) & (np.diff(instance.options.first) > 0))
    for job in out[np.lexsort((out, -instance.jobs.reject_usd[out]))].tolist():
        option, start = all_pairs(state, job)
        fit = np.flatnonzero(state.fits(option, start))
        if len(fit):
            option, start = option[fit], start[fit]
            best = int(price_at(tariff, option, start).argmin())
            pair = option[[best]], start[[best]]
            usd = float(state.costs(*pair)[0])
            if usd < instance.jobs.reject_usd[job]:
                state.place(int(option[best]), int(start[best]), usd)


def all_pairs(state: State, job: int) -> tuple[Ints, Ints]:
    """Return all that a job may choose."""
    options = state.instance.options
    rows = np.arange(options.first[job], options.first[job + 1])
    if state.instance.slots == 1:
        return rows, np.zeros(len(rows), dtype=np.int64)
    count = (options.latest[rows] - options.earliest[rows]).astype(np.int64) + 1
    option = np.repeat(rows, count)
    before = np.cumsum(count) - count
    return option, np.arange(len(option)) + np.repeat(options.earliest[rows] - before, count)


def _evict_from_groups(state: State, pairs: Pairs) -> None:
    """Leave out jobs until no group is asked for more than it has."""
    slots = state.instance.slots
    for group in np.flatnonzero((state.room[0] < 0).any(axis=(1, 2))).tolist():
        need = -state.room[0, group].reshape(-1)
        short = np.flatnonzero(need > 0)
        jobs = np.array(list(state.members[group]), dtype=np.int64)
        relief = relief_of(state, jobs, short)
        regret = regrets(state, pairs, jobs, (group, 0, slots), full_too=True)
        chosen = cover(need[short], relief, regret, np.inf, most=len(jobs))
        for job in jobs.tolist() if chosen is None else jobs[chosen].tolist():
            state.remove(job)


def _evict_from_limits(state: State) -> None:
    """Leave out jobs, those of little regret per unit, until limits hold as far as that helps."""
    options = state.instance.options
    for limit in np.flatnonzero(state.limit_room < 0).tolist():
        placed = np.flatnonzero(state.option >= 0)
        pair = state.option[placed], state.start[placed]
        counted = np.where(options.limit[pair[0]] == limit, limit_uses_at(state.instance, *pair), 0)
        relief = counted.sum(axis=1, keepdims=True)
        regret = state.instance.jobs.reject_usd[placed] - state.usd[placed]
        need = -state.limit_room[[limit]]
        chosen = cover(need, relief, regret, np.inf, most=len(placed))
        for job in [] if chosen is None else placed[chosen].tolist():
            state.remove(job)


def _part_partners(state: State) -> None:
    """Leave out jobs that are not at the same site as, or apart from, an earlier one."""
    site = state.instance.options.site
    for job, others in sorted(state.partners.items()):
        for other, together in others:
            placed = state.option[job] >= 0 and state.option[other] >= 0
            if placed and (site[state.option[job]] == site[state.option[other]]) != together:
                state.remove(max(job, other))
