"""What depends on the place alone: whether data may come and go, how far users are, what is denied.

Jobs that are alike in this share a row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from hybridplace.checker.columns import Bools, Floats, Ints
from hybridplace.checker.copies import Copies
from hybridplace.checker.spreads import Spreads
from hybridplace.model.job import Inference, Job, Users
from hybridplace.model.problem import Denial, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Jobs at sites, and on offers.

    Parameters
    ----------
    row : ints, (jobs,)
        Row of the next two; row 0 is that of jobs to which all sites are alike.
    ready_h, usd : floats, (rows, sites)
        When the data that a job reads can be there, inf if it may not run there; and what being
        there costs.
    denied : ints, (jobs,)
        Row of `allowed`; row 0 is that of jobs which nothing forbids.
    allowed : bools, (rows, offers)
        What policies leave.
    """

    row: Ints
    ready_h: Floats
    usd: Floats
    denied: Ints
    allowed: Bools


def places_of(problem: Problem, copies: Copies, spreads: Spreads) -> Places:
    """Return what places mean to each job of a problem."""
    row: list[int] = []
    found: dict[tuple[object, ...], int] = {((), None, ()): 0}
    ready_h, usd = [np.zeros(len(problem.sites))], [np.zeros(len(problem.sites))]
    seen_ms = cache(lambda users: _latency_ms(problem, users))
    for job in problem.jobs:
        key = (copies.alike(job), _near(job), spreads.alike(job))
        if key not in found:
            found[key] = len(found)
            ready_h.append(copies.ready_h(job))
            usd.append(copies.charges_usd(job) + spreads.charges_usd(job))
            if isinstance(job.work, Inference) and key[1] is not None:
                ms = seen_ms(job.work.users) + job.work.service_ms
                ready_h[-1] = np.where(_is_too_far(job.work, ms), np.inf, ready_h[-1])
                usd[-1] = usd[-1] + _latency_usd(job.work, ms)
        row.append(found[key])
    denied, allowed = _denied(problem)
    return Places(
        row=np.array(row, dtype=np.int64),
        ready_h=np.array(ready_h),
        usd=np.array(usd),
        denied=denied,
        allowed=allowed,
    )


def _near(job: Job) -> tuple[object, ...] | None:
    """Return what jobs share that are as far from their users; None where that does not matter."""
    work = job.work
    if not isinstance(work, Inference) or not work.users:
        return None
    priced = work.latency_target_ms is not None and work.latency_usd_ms_h > 0
    price = (work.latency_target_ms, work.latency_usd_ms_h, work.hours) if priced else None
    if price is None and work.latency_limit_ms is None:
        return None
    return (work.users, work.service_ms, work.latency_limit_ms, price)


def _latency_ms(problem: Problem, users: tuple[Users, ...]) -> Floats:
    """Return the round trip between each group of users and each site; NaN is not known."""
    links = [[problem.link(one.site, site.id) for site in problem.sites] for one in users]
    ms = [[math.nan if a.latency_ms is None else a.latency_ms for a in row] for row in links]
    return np.array(ms)


def _is_too_far(work: Inference, ms: Floats) -> Bools:
    limit_ms = math.inf if work.latency_limit_ms is None else work.latency_limit_ms
    far = ms > limit_ms
    if work.latency_limit_ms is not None:
        far |= np.isnan(ms)
    return np.asarray(far.any(axis=0))


def _latency_usd(work: Inference, ms: Floats) -> Floats:
    """Return the cost of latency beyond the target by site; NaN where one is not known."""
    if work.latency_target_ms is None or work.latency_usd_ms_h == 0.0:
        return np.zeros(ms.shape[1])
    share = np.array([users.share for users in work.users])
    beyond_ms = share @ np.maximum(0.0, ms - work.latency_target_ms)
    usd: Floats = work.latency_usd_ms_h * work.hours * beyond_ms
    return usd


def _denied(problem: Problem) -> tuple[Ints, Bools]:
    by_job: dict[str, list[Denial]] = {}
    for denial in problem.denials:
        if denial.action == "place":
            for name in denial.subjects:
                by_job.setdefault(name, []).append(denial)
    at_site: dict[str, list[int]] = {}
    for number, offer in enumerate(problem.offers):
        at_site.setdefault(offer.site, []).append(number)
    row: list[int] = []
    found: dict[tuple[object, ...], int] = {(): 0}
    allowed = [np.ones(len(problem.offers), dtype=bool)]
    for job in problem.jobs:
        denials = by_job.get(job.id, [])
        key = tuple(map(id, denials))
        if key not in found:
            found[key] = len(found)
            allowed.append(_allowed(problem, denials, at_site))
        row.append(found[key])
    return np.array(row, dtype=np.int64), np.array(allowed)


def _allowed(problem: Problem, denials: list[Denial], at_site: dict[str, list[int]]) -> Bools:
    allowed = np.ones(len(problem.offers), dtype=bool)
    for denial in denials:
        rows = [row for site in denial.sites for row in at_site.get(site, [])]
        allowed[[row for row in rows if denial.covers(problem.offers[row])]] = False
    return allowed
