"""What each tenant gets of the own nodes, against what it is due.

Weighted dominant resource fairness after Ghodsi et al., "Dominant Resource Fairness", NSDI 2011,
sections 4 and 5.1, additive per placement: each counts with its own dominant share, so that shares
can be added up job by job.
"""

from __future__ import annotations

from collections.abc import Mapping

from hybridplace.model.job import Job, Shape
from hybridplace.model.problem import Problem
from hybridplace.model.run import Run, first_start_h, run_of, workers_on
from hybridplace.model.site import Market, Offer


def dominant_share(problem: Problem, offer: Offer, shape: Shape, run: Run) -> float:
    r"""Return the share of all own nodes that a run books; 0 on bought machines.

    The largest, over accelerators, CPUs and memory, of
    ``use x booked hours / (total of all own pools x horizon)``.
    """
    if offer.market is not Market.OWNED:
        return 0.0
    booked_h = sum(run.workers) * problem.slot_h
    needs = (shape.accelerators, shape.cpus, shape.memory_gib)
    return max(
        need * booked_h / (total * problem.horizon_h)
        for need, total in zip(needs, problem.own_totals, strict=True)
        if need > 0
    )


def dues(problem: Problem) -> dict[str, float]:
    r"""Return what each tenant with demand is due, as a share of all own nodes.

    :math:`\min(w_u / \sum_v w_v, \sum_{j \in u} \max e_j)`: its weight among the tenants with
    demand, but no more than its jobs could book if each were placed where it books most.
    """
    if problem.due_shares:
        return dict(problem.due_shares)
    wanted = dict.fromkeys(problem.tenant_ids, 0.0)
    for job in problem.jobs:
        wanted[job.tenant] += largest_share(problem, job)
    asking = [tenant for tenant in problem.tenants if wanted[tenant.id] > 0]
    weights = sum(tenant.weight for tenant in asking)
    found = {tenant.id: min(tenant.weight / weights, wanted[tenant.id]) for tenant in asking}
    problem.due_shares.update(found)
    return found


def worst_off(got: Mapping[str, float], due: Mapping[str, float]) -> float:
    r"""Return :math:`m = \min(1, \min_u s_u / due_u)`: what the worst-off tenant has of its due."""
    return min(1.0, min((got[tenant] / share for tenant, share in due.items()), default=1.0))


def largest_share(problem: Problem, job: Job) -> float:
    """Return the largest dominant share that a job can book, by its size alone; 0 if none."""
    start_h = first_start_h(problem, job)
    shares = (
        dominant_share(problem, offer, shape, run)
        for offer in problem.own_offers
        for shape in job.shapes
        for run in (run_of(problem, job, offer, shape, start_h),)
        if run is not None and _holds(problem, offer, shape, max(run.workers))
    )
    return max(shares, default=0.0)


def _holds(problem: Problem, offer: Offer, shape: Shape, workers: int) -> bool:
    """Say whether the empty nodes of an offer hold as many workers."""
    nodes = problem.pool[offer.pool].nodes if offer.pool else ()
    room = 0
    for node in nodes:
        if node.accelerator == offer.accelerator:
            room += workers_on(shape, node)
        if room >= workers:
            return True
    return False
