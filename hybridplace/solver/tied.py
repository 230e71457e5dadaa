"""Moves jobs whose data ties them to others, with whoever reads what they make."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from hybridplace.solver.holdings import Holdings
from hybridplace.solver.instance import Choice, Instance
from hybridplace.solver.rounding import all_pairs

if TYPE_CHECKING:
    from hybridplace.solver.seating import Seating


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
    state = holdings.state
    for job in reversed(moving):
        seating.leave(int(state.option[job]), int(state.start[job]))
        holdings.remove(job)
    for job in moving:
        for option, start, usd in _fitting(holdings, job):
            if seating.take(option, start):
                holdings.place(option, start, usd)
                break


def _with_readers(holdings: Holdings, jobs: list[int]) -> set[int]:
    """Return some jobs and the placed ones that read what these make, directly or not."""
    found, queue = set(jobs), list(jobs)
    while queue:
        for made in holdings.makes[queue.pop()]:
            new = {job for job in holdings.readers[made] if holdings.site[job] >= 0} - found
            found |= new
            queue += sorted(new)
    return found


def _fitting(holdings: Holdings, job: int) -> Iterator[tuple[int, int, float]]:
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
