"""Problems of four to eight jobs in which all families of constraints meet, drawn from a seed.

Two crowded problems on the estate of the first: their jobs, data, limits, spreads and running jobs
together, and earliest starts and deadlines besides. Some have one slot, as long as the horizon.
"""

from __future__ import annotations

import random
from dataclasses import replace

from hybridplace.errors import InputError
from hybridplace.model.job import Dataset, Job
from hybridplace.model.problem import Problem
from hybridplace.model.site import Market, Offer
from tests.solver.crowding import crowded_problem


def mixed_problem(seed: int) -> Problem:
    """Return a problem of up to eight jobs; the exact model solves it in a moment.

    Where what is delivered in any case does not fit, that of another seed.
    """
    try:
        return _mixed(seed)
    except InputError:
        return mixed_problem(seed + 1_000_003)


def _mixed(seed: int) -> Problem:
    draw = random.Random(f"mixed {seed}")
    one, other = (_named(crowded_problem(2 * seed + part), "ab"[part]) for part in (0, 1))
    kept = {offer.id for offer in one.offers}
    problem = replace(
        one,
        jobs=tuple(_timed(draw, job, one.horizon_h) for job in (*one.jobs, *other.jobs)),
        datasets=(*one.datasets, *other.datasets),
        limits=(*one.limits, *other.limits),
        spreads=(*one.spreads, *other.spreads),
        denials=(*one.denials, *other.denials),
        leases=(*one.leases, *(lease for lease in other.leases if lease.offer in kept)),
        offers=tuple(_reserved(draw, offer) for offer in one.offers),
    )
    if draw.random() < 0.5:
        problem = _without_data(problem)
    return _in_one_slot(problem) if draw.random() < 0.4 else problem


def _named(problem: Problem, prefix: str) -> Problem:
    """Return a problem whose jobs and all that is said of them begin with a letter."""

    def named(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(prefix + name for name in names)

    return replace(
        problem,
        jobs=tuple(
            replace(
                job,
                id=prefix + job.id,
                inputs=named(job.inputs),
                outputs=named(job.outputs),
                same_site_as=named(job.same_site_as),
                apart_from=named(job.apart_from),
            )
            for job in problem.jobs
        ),
        datasets=tuple(replace(one, id=prefix + one.id) for one in problem.datasets),
        limits=tuple(replace(one, id=prefix + one.id) for one in problem.limits),
        spreads=tuple(
            replace(one, id=prefix + one.id, jobs=named(one.jobs)) for one in problem.spreads
        ),
        denials=tuple(replace(one, subjects=named(one.subjects)) for one in problem.denials),
        leases=tuple(
            replace(one, id=prefix + one.id, job=prefix + (one.job or "")) for one in problem.leases
        ),
    )


def _timed(draw: random.Random, job: Job, horizon_h: float) -> Job:
    """Return a job that may start later, or must end earlier, in a third of all cases each."""
    earliest_h = draw.choice((0.0, 0.0, 1.0))
    deadline_h = draw.choice((None, None, horizon_h - 1.0))
    return replace(job, earliest_h=earliest_h, deadline_h=deadline_h)


def _reserved(draw: random.Random, offer: Offer) -> Offer:
    """Return an offer on demand that is paid for already, in a quarter of all cases."""
    if offer.market is not Market.ON_DEMAND or draw.random() < 0.75:
        return offer
    return replace(offer, market=Market.RESERVED)


def _without_data(problem: Problem) -> Problem:
    jobs = tuple(replace(job, inputs=(), outputs=()) for job in problem.jobs)
    denials = tuple(one for one in problem.denials if one.action == "place")
    return replace(problem, jobs=jobs, datasets=(), denials=denials)


def _in_one_slot(problem: Problem) -> Problem:
    """Return a problem in which all happens at once: nothing is made before it is read."""

    def with_homes(one: Dataset) -> Dataset:
        return replace(one, homes=one.homes or (problem.sites[0].id,))

    jobs = tuple(replace(job, earliest_h=0.0, outputs=()) for job in problem.jobs)
    links = tuple(replace(link, gbps=1e6) for link in problem.links)
    datasets = tuple(map(with_homes, problem.datasets))
    return replace(problem, jobs=jobs, datasets=datasets, links=links, slot_h=problem.horizon_h)
