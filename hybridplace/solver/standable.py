"""Which problems can be held as standing plans, and which jobs may come to them."""

from __future__ import annotations

from collections.abc import Iterable

from hybridplace.errors import HybridplaceError
from hybridplace.model.job import Job
from hybridplace.model.problem import LimitMeasure, Problem


class NotStandingError(HybridplaceError):
    """The change cannot be repaired in place, or the problem not be held: solve it in full."""


def beyond(problem: Problem) -> str:
    """Return what keeps a problem from being held; empty if nothing does."""
    if problem.spreads:
        return "jobs that are to be spread"
    if problem.assumptions.unfair_usd > 0:
        return "a price of unfairness"
    if any(limit.job is not None for limit in problem.limits):
        return "limits of single jobs"
    if any(limit.measure is LimitMeasure.MOVES for limit in problem.limits):
        return "limits on moves"
    if any(one.homes and one.deliver_to for one in problem.datasets):
        return "data that is delivered from its homes"
    return tie(problem.jobs)


def tie(jobs: Iterable[Job]) -> str:
    """Return what ties any of the jobs to data or to others; empty if nothing does."""
    for job in jobs:
        if job.inputs or job.outputs or job.same_site_as or job.apart_from:
            return f"data or other jobs that {job.id} depends on"
    return ""
