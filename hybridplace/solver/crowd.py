"""Who runs in each slot of each group while a walk goes on, and who would rather."""

from __future__ import annotations

import numpy as np

from hybridplace.solver.compiled import bare_inner, compiled
from hybridplace.solver.draws import uniform
from hybridplace.solver.instance import Indices, Ints
from hybridplace.solver.walking import SMALLEST_USD, Plan, Table

LOOKED_AT = 6
"""Jobs of which the one is found that would gain most."""


@compiled
def covered(first: Ints, cell: Ints, length: Ints, most: int, cells: int) -> Ints:
    """Return how many jobs have one of their first `most` pairs in each cell: slot of a group.

    Parameters
    ----------
    first : ints, (J + 1,)
        Pairs of each job.
    cell, length : ints, (P,)
        The first cell of each pair, -1 is none, and how many follow each other.
    """
    counts, last = np.zeros(cells, np.int64), np.full(cells, -1, np.int64)
    for job in range(len(first) - 1):
        for p in range(first[job], min(first[job + 1], first[job] + most)):
            for k in range(cell[p], cell[p] + length[p] if cell[p] >= 0 else -1):
                if last[k] != job:
                    last[k] = job
                    counts[k] += 1
    return counts


@compiled
def coverers(first: Ints, cell: Ints, length: Ints, most: int, begin: Ints) -> Indices:
    """Return those jobs, cell by cell (CSR that begins at `begin`)."""
    at, last = begin.copy(), np.full(len(begin), -1, np.int64)
    found = np.empty(begin[-1], np.int32)
    for job in range(len(first) - 1):
        for p in range(first[job], min(first[job + 1], first[job] + most)):
            for k in range(cell[p], cell[p] + length[p] if cell[p] >= 0 else -1):
                if last[k] != job:
                    last[k] = job
                    found[at[k]] = job
                    at[k] += 1
    return found


@bare_inner
def join(table: Table, plan: Plan, job: int, p: int) -> None:
    """Count a job among those that run in the slots of a pair."""
    base, cell = table.stay_first[job], table.cell[p]
    if cell < 0:
        return
    for since in range(table.length[p]):
        k = cell + since
        at = plan.crowds[k]
        plan.crowd[table.crowd_first[k] + at] = job
        plan.spot[base + since] = at
        plan.crowds[k] = at + 1


@bare_inner
def depart(table: Table, plan: Plan, job: int, p: int) -> None:
    """Count a job no more among those that run in the slots of its pair."""
    base, cell = table.stay_first[job], table.cell[p]
    if cell < 0:
        return
    for since in range(table.length[p]):
        k = cell + since
        at, last = plan.spot[base + since], plan.crowds[k] - 1
        moved = plan.crowd[table.crowd_first[k] + last]
        plan.crowd[table.crowd_first[k] + at] = moved
        plan.spot[table.stay_first[moved] + k - table.cell[plan.pair[moved]]] = at
        plan.crowds[k] = last


@bare_inner
def anybody(table: Table, plan: Plan, cell: int) -> int:
    """Return a job, drawn from those that run in a slot of a group; -1 if there is none."""
    size = plan.crowds[cell]
    if size == 0:
        return -1
    return int(plan.crowd[table.crowd_first[cell] + int(uniform(plan.draw) * size)])


@bare_inner
def gain(table: Table, plan: Plan, job: int, cell: int) -> float:
    """Return what a job would pay less if it ran in a slot of a group, prices included."""
    for p in range(table.first[job], table.first[job + 1]):
        usd = plan.reduced_usd[job] - table.usd[p] - table.toll_usd[p]
        if usd <= SMALLEST_USD:
            break
        if 0 <= table.cell[p] <= cell < table.cell[p] + table.length[p]:
            return float(usd)
    return 0.0


@bare_inner
def wisher(table: Table, plan: Plan, cell: int) -> int:
    """Return who would gain much by a slot of a group, of some that are drawn; -1 if nobody."""
    begin, size = table.wisher_first[cell], table.wisher_first[cell + 1]
    best, most_usd = -1, SMALLEST_USD
    anywhere = uniform(plan.draw) < 0.5
    if size > begin:
        for _ in range(LOOKED_AT):
            job = table.wisher[begin + int(uniform(plan.draw) * (size - begin))]
            if anywhere:
                usd = plan.reduced_usd[job] - table.least_usd[job]
            else:
                usd = gain(table, plan, job, cell)
            if usd > most_usd:
                best, most_usd = job, usd
    return best
