"""What happens after a plan was made: each event as the problem that has to be planned next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.solver.demand import draw_demand, write_jobs
from hybridplace.model.job import Job
from hybridplace.model.plan import Plan
from hybridplace.model.problem import Problem
from hybridplace.model.site import Market

CHURN = 0.03
"""Share of the jobs that end, and of new ones that come, in one round."""

PRICE_STEP = 1.5
"""Times what the spot machine that most jobs are on costs after the price moved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened, and the problem afterwards.

    Parameters
    ----------
    name : str
        ``arrival, preemption, node, price`` or ``churn``.
    jobs : tuple of str
        Ids of the jobs that have to be placed anew, at least.
    """

    name: str
    problem: Problem
    jobs: tuple[str, ...]


def events(problem: Problem, plan: Plan, seed: int, *, singles: int = 1) -> Iterator[Event]:
    """Yield events of each kind, each by itself after `plan`; `singles` arrivals and preemptions.

    They depend on the seed and the plan alone.
    """
    draw = np.random.default_rng((seed, 4))
    for job in new_jobs(problem, singles, seed):
        yield Event(name="arrival", problem=with_new(problem, job), jobs=(job.id,))
    on_spot = [one for one in plan.placements if _market(problem, one.offer) is Market.SPOT]
    for at in draw.permutation(len(on_spot))[:singles].tolist():
        lost = on_spot[at]
        offers = tuple(
            replace(offer, available=False) if offer.id == lost.offer else offer
            for offer in problem.offers
        )
        stuck = tuple(one.job for one in plan.placements if one.offer == lost.offer)
        yield Event(name="preemption", problem=replace(problem, offers=offers), jobs=stuck)
    yield _node_lost(problem, plan, draw)
    yield _price_moved(problem, plan)
    yield churned(problem, draw, seed)


def new_jobs(problem: Problem, count: int, seed: int) -> tuple[Job, ...]:
    """Return `count` jobs like those of the problem, which may run anywhere."""
    waits = problem.slot_h < problem.horizon_h
    demand = draw_demand(count, seed + 1_000_000, horizon_h=problem.horizon_h, waits=waits)
    return tuple(replace(job, id=f"new{n:06}") for n, job in enumerate(write_jobs(demand)))


def with_new(problem: Problem, *jobs: Job) -> Problem:
    """Return the problem with these jobs as well."""
    return problem.with_jobs(*problem.jobs, *jobs)


def churned(problem: Problem, draw: np.random.Generator, seed: int) -> Event:
    """Return a round in which jobs have ended and as many new ones have come."""
    count = max(1, round(CHURN * len(problem.jobs)))
    ended = set(draw.choice(len(problem.jobs), count, replace=False).tolist())
    stay = [job for row, job in enumerate(problem.jobs) if row not in ended]
    come = new_jobs(problem, count, seed)
    after = problem.with_jobs(*stay, *come)
    return Event(name="churn", problem=after, jobs=tuple(job.id for job in come))


def _node_lost(problem: Problem, plan: Plan, draw: np.random.Generator) -> Event:
    """Return the loss of a node that jobs are on, if any is used; no pool loses its last one."""
    spare = [pool for pool in problem.pools if len(pool.nodes) > 1]
    used = {
        (problem.offer[one.offer].pool, share.node)
        for one in plan.placements
        for share in one.shares
    }
    nodes = [(pool.id, node.id) for pool in spare for node in pool.nodes]
    nodes = [node for node in nodes if node in used] or nodes
    pool_id, node_id = nodes[int(draw.integers(len(nodes)))]
    pools = tuple(
        replace(pool, nodes=tuple(node for node in pool.nodes if node.id != node_id))
        if pool.id == pool_id
        else pool
        for pool in problem.pools
    )
    stuck = tuple(
        one.job
        for one in plan.placements
        if problem.offer[one.offer].pool == pool_id
        and any(share.node == node_id for share in one.shares)
    )
    return Event(name="node", problem=replace(problem, pools=pools), jobs=stuck)


def _price_moved(problem: Problem, plan: Plan) -> Event:
    """Return a rise of the price of the spot machine that most jobs are on."""
    counts: dict[str, int] = {}
    for one in plan.placements:
        if _market(problem, one.offer) is Market.SPOT:
            counts[one.offer] = counts.get(one.offer, 0) + 1
    most = max(sorted(counts), key=lambda name: counts[name], default=problem.offers[0].id)
    offers = tuple(
        replace(offer, price_usd_h=(offer.price_usd_h or 0.0) * PRICE_STEP)
        if offer.id == most
        else offer
        for offer in problem.offers
    )
    stuck = tuple(one.job for one in plan.placements if one.offer == most)
    return Event(name="price", problem=replace(problem, offers=offers), jobs=stuck)


def _market(problem: Problem, offer: str) -> Market:
    return problem.offer[offer].market
