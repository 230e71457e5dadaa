"""Moves jobs whose data ties them to others, with whoever reads what they make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from hybridplace.solver.holdings import Holdings
from hybridplace.solver.instance import Choice, Instance
from hybridplace.solver.rounding import all_pairs

if TYPE_CHECKING:
    from hybridplace.solver.seating import Seating

TRIED = 12
"""Pairs of a job that are tried, of the cheapest and of those that end soonest."""

Pair = tuple[int, int, float]
"""Option, start, and what it costs without copies."""


def held(instance: Instance, choice: Choice) -> Holdings:
    """Return what a choice holds: jobs come after the makers of what they read."""
    holdings = Holdings(instance)
    placed = np.flatnonzero(choice.option >= 0)
    for job in placed[np.argsort(holdings.depth[placed], kind="stable")].tolist():
        holdings.place(int(choice.option[job]), int(choice.start[job]))
    return holdings


def resettle(seating: Seating, holdings: Holdings, homeless: list[int]) -> None:
    """Move jobs that found no nodes, with all who read of them, to where they cost the least."""
    moving = sorted(_with_readers(holdings, homeless), key=lambda job: (holdings.depth[job], job))
    readers = {job: _with_readers(holdings, [job]) - {job} for job in moving}
    for job in reversed(moving):
        seating.leave(int(holdings.state.option[job]), int(holdings.state.start[job]))
        holdings.remove(job)
    for job in moving:
        if holdings.site[job] < 0:
            _settle(seating, holdings, job, [one for one in moving if one in readers[job]])


def _settle(seating: Seating, holdings: Holdings, job: int, readers: list[int]) -> None:
    """Place a job and who reads of it: at the cheapest pair if all then find a place.

    Else where all of it costs the least, of some cheap pairs and some that end soon.
    """
    best: list[Pair] = []
    least_usd = np.inf
    for pair in _tries(holdings, job):
        placed = _take_first(seating, holdings, [pair])
        if not placed:
            continue
        for reader in readers:
            if holdings.site[reader] < 0:
                placed += _take_first(seating, holdings, _fitting(holdings, reader))
        if all(holdings.site[reader] >= 0 for reader in readers):
            return
        if (usd := holdings.total_usd()) < least_usd:
            least_usd, best = usd, placed
        for option, start, _ in reversed(placed):
            seating.leave(option, start)
            holdings.remove(int(holdings.instance.options.job[option]))
    for pair in best:
        _take_first(seating, holdings, [pair])


def _tries(holdings: Holdings, job: int) -> list[Pair]:
    """Return pairs of a job to try, the cheapest first."""
    pairs, slots = list(_fitting(holdings, job)), holdings.instance.options.slots
    soon = sorted(pairs[TRIED:], key=lambda pair: pair[1] + int(slots[pair[0]]))
    return pairs[:TRIED] + soon[:TRIED]


def _take_first(seating: Seating, holdings: Holdings, pairs: Iterable[Pair]) -> list[Pair]:
    """Place a job at the first of some pairs that has nodes for it; return that one, if any."""
    for option, start, usd in pairs:
        if seating.take(option, start):
            holdings.place(option, start, usd)
            return [(option, start, usd)]
    return []


def _with_readers(holdings: Holdings, jobs: list[int]) -> set[int]:
    """Return some jobs and the placed ones that read what these make, directly or not."""
    found, queue = set(jobs), list(jobs)
    while queue:
        for made in holdings.makes[queue.pop()]:
            new = {job for job in holdings.readers[made] if holdings.site[job] >= 0} - found
            found |= new
            queue += sorted(new)
    return found


def _fitting(holdings: Holdings, job: int) -> Iterator[Pair]:
    """Yield the pairs of a job that break nothing, the cheapest with its copies first.

    Each option is yielded at its best start. USD is without copies.
    """
    state, site = holdings.state, holdings.instance.options.site
    option, start = all_pairs(state, job)
    copies_usd = holdings.usd_at(job)[site[option]]
    come = np.flatnonzero(np.isfinite(copies_usd))
    come = come[holdings.fits(job, option[come], start[come])]
    usd = state.costs(option[come], start[come])
    total_usd = usd + copies_usd[come]
    order = np.lexsort((start[come], option[come], total_usd))
    order = order[total_usd[order] < holdings.instance.jobs.reject_usd[job]]
    _, first = np.unique(option[come][order], return_index=True)
    for k in order[np.sort(first)].tolist():
        yield int(option[come[k]]), int(start[come[k]]), float(usd[k])
