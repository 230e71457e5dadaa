"""Spreads over failure domains as limits: one for each spread and domain, that jobs count 1 to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hybridplace.model.problem import Problem, Spread
from hybridplace.solver.instance import Floats, Indices, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Spreads:
    """The spreads that can bind, and the limits that they are.

    Parameters
    ----------
    rows : tuple of (str, str)
        Spread and domain of each limit, in the order of `Instance.at_most`, where they come last.
    at_most : floats, (rows,)
    of_job : indices, (J, most)
        The spreads of each job, -1 from the first empty place on.
    limit : indices, (spreads + 1, S)
        The limit that a job of a spread counts towards at a site; -1 in the last row.
    """

    rows: tuple[tuple[str, str], ...]
    at_most: Floats
    of_job: Indices
    limit: Indices

    def limits_of(self, job: Ints, site: Indices) -> Indices:
        """Return the limits that options count towards, by their jobs and sites; (n, most)."""
        limits: Indices = self.limit[self.of_job[job], site[:, None]]
        return limits


def spreads_of(problem: Problem) -> Spreads:
    """Return the spreads of a problem; those with few jobs bind nothing, and are left out."""
    binding = [one for one in problem.spreads if len(one.jobs) > one.at_most]
    number = {job.id: row for row, job in enumerate(problem.jobs)}
    found: list[list[int]] = [[] for _ in problem.jobs]
    rows: list[tuple[str, str]] = []
    limit = np.full((len(binding) + 1, len(problem.sites)), -1, dtype=np.int32)
    for row, spread in enumerate(binding):
        for job in spread.jobs:
            found[number[job]].append(row)
        domains = _domains(problem, spread)
        first, place = len(problem.limits) + len(rows), {name: k for k, name in enumerate(domains)}
        for site, one in enumerate(problem.sites):
            if (name := one.within(spread.domain)) in place:
                limit[row, site] = first + place[name]
        rows += [(spread.id, name) for name in domains]
    most = {spread.id: float(spread.at_most) for spread in binding}
    width = max(map(len, found), default=0)
    of_job = [[*one, *[-1] * (width - len(one))] for one in found]
    return Spreads(
        rows=tuple(rows),
        at_most=np.array([most[spread] for spread, _ in rows]),
        of_job=np.array(of_job, dtype=np.int32).reshape(len(found), width),
        limit=limit,
    )


def _domains(problem: Problem, spread: Spread) -> list[str]:
    """Return the failure domains in which anything is offered."""
    offered = {offer.site for offer in problem.offers}
    return sorted({problem.site[site].within(spread.domain) for site in offered})


def no_spreads(problem: Problem, jobs: int) -> Spreads:
    """Return what there is to jobs that are not to be spread."""
    return Spreads(
        rows=(),
        at_most=np.zeros(0),
        of_job=np.zeros((jobs, 0), dtype=np.int32),
        limit=np.full((1, len(problem.sites)), -1, dtype=np.int32),
    )
