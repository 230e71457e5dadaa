"""The bound of a certificate by one loop over everything, which asks `verify` what may be.

It knows what a job may do only by building the plan in which it runs alone, and no solver.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from hybridplace.model.capacity import closed, machine_counts, quota_size, quota_use, whole_machines
from hybridplace.model.certificate import Capacity, Certificate
from hybridplace.model.cost import (
    covers_transfer,
    placement_costs,
    placement_run,
    placement_use,
    rejection_costs,
)
from hybridplace.model.data import room_gib
from hybridplace.model.egress import mean_range_usd_gib
from hybridplace.model.fairness import dominant_share, dues
from hybridplace.model.job import Job
from hybridplace.model.plan import Placement, Transfer
from hybridplace.model.problem import LimitMeasure, Problem
from hybridplace.model.run import first_slot
from hybridplace.model.site import Market
from hybridplace.model.verify import breaches
from tests.brute import _choices, _transfers, stated


def slow_bound_usd(problem: Problem, certificate: Certificate) -> float:
    """Return the bound that the prices prove."""
    price = _prices(certificate)
    limit = {one.limit: one.price_usd for one in certificate.limits}
    bound = 0.0
    for job in problem.jobs:
        usd = [rejection_costs(problem, job).total_usd]
        for placement in _alone(problem, job):
            site = problem.offer[placement.offer].site
            usd.append(placement_costs(problem, placement).total_usd)
            usd[-1] += _capacity_usd(problem, price, placement)
            usd[-1] += sum(
                limit[one.id] * placement_use(problem, one, placement)
                for one in problem.limits
                if limit.get(one.id)
            )
            usd[-1] += sum(_charges(problem, certificate, limit, job, site))
            usd[-1] += _spreads_usd(problem, certificate, job, site)
            usd[-1] -= _share_usd(problem, certificate, placement)
        bound += min(usd)
    bound -= sum(
        usd * _amount(problem, pool, accelerator, part, slot)
        for (pool, accelerator, part, slot), usd in price.items()
    )
    bound -= sum(limit.get(one.id, 0.0) * one.at_most for one in problem.limits)
    most = {one.id: one.at_most for one in problem.spreads}
    bound -= sum(one.price_usd * most[one.spread] for one in certificate.spreads)
    bound += min(problem.assumptions.unfair_usd, sum(one.price_usd for one in certificate.shares))
    return bound + sum(_lost(problem, certificate, limit))


def _alone(problem: Problem, job: Job) -> Iterator[Placement]:
    """Yield each placement of a job, with any shares, that holds if all others are left out.

    What it reads of others is taken to be there.
    """
    rest = tuple(one.id for one in problem.jobs if one.id != job.id)
    read = tuple(one for one in job.inputs if problem.dataset[one].homes)
    others = [one for one in problem.jobs if one.id != job.id]
    alone = problem.with_jobs(replace(job, inputs=read), *others)
    for choice in _choices(alone, alone.job[job.id]):
        for placement in choice.alternatives:
            if any(
                not breaches(alone, stated(alone, (placement,), transfers, rest))
                for transfers in product(*_transfers(alone, (placement,)))
            ):
                yield placement
                break


def _charges(problem, certificate, limit, job: Job, site: str) -> Iterator[float]:
    """Yield what a job pays for data at a site, and earns."""
    for one in certificate.copies:
        if (one.job, one.site) == (job.id, site):
            yield one.price_usd
        if one.dataset in job.outputs and one.site == site:
            yield -one.price_usd
    for dataset in job.outputs:
        for target in set(problem.dataset[dataset].deliver_to) - {site}:
            yield _fee(problem, dataset, site, target, limit)


def _spreads_usd(problem, certificate, job: Job, site: str) -> float:
    """Return what a job pays for being in the failure domains of its spreads."""
    spreads = {one.id: one for one in problem.spreads if job.id in one.jobs}
    return sum(
        price.price_usd
        for price in certificate.spreads
        if price.spread in spreads
        and problem.site[site].within(spreads[price.spread].domain) == price.domain
    )


def _share_usd(problem, certificate, placement: Placement) -> float:
    """Return what a placement earns for the share of its tenant."""
    job, offer = problem.job[placement.job], problem.offer[placement.offer]
    run, due = placement_run(problem, placement), dues(problem)
    return sum(
        price.price_usd
        * min(1.0, dominant_share(problem, offer, job.shapes[placement.shape], run) / due[tenant])
        for price in certificate.shares
        for tenant in (price.tenant,)
        if tenant == job.tenant
    )


def _prices(certificate: Certificate) -> dict[tuple[str, str | None, Capacity, int], float]:
    return {
        (one.pool, one.accelerator, one.capacity, slot): one.price_usd
        for one in certificate.capacity
        for slot in range(one.first_slot, one.first_slot + one.slots)
    }


def _capacity_usd(problem, price, placement) -> float:
    offer = problem.offer[placement.offer]
    if offer.pool is None:
        return 0.0
    shape = problem.job[placement.job].shapes[placement.shape]
    run, pool, usd = placement_run(problem, placement), problem.pool[offer.pool], 0.0
    for slot, workers in enumerate(run.workers, first_slot(problem, placement.start_h)):
        if offer.market is Market.OWNED:
            takes = {
                Capacity.ACCELERATORS: shape.accelerators,
                Capacity.CPUS: shape.cpus,
                Capacity.MEMORY_GIB: shape.memory_gib,
            }
            usd += sum(
                workers * amount * price.get((pool.id, offer.accelerator, part, slot), 0.0)
                for part, amount in takes.items()
            )
        else:
            amount = quota_use(offer, shape, workers, pool.measure)
            usd += amount * price.get((pool.id, None, Capacity.QUOTA, slot), 0.0)
    return usd


def _amount(
    problem: Problem, pool: str, accelerator: str | None, part: Capacity, slot: int
) -> float:
    one = problem.pool[pool]
    if part is Capacity.QUOTA:
        most = quota_size(problem, one, slot)
        return whole_machines(most, machine_counts(problem)[pool])
    return sum(
        getattr(node, part.value)
        for node in one.nodes
        if node.accelerator == accelerator and (node.id, slot) not in closed(problem, one)
    )


def _lost(problem: Problem, certificate: Certificate, limit) -> Iterator[float]:
    """Yield what is delivered from homes, and lost where readers pay more than copies cost."""
    for one in problem.datasets:
        for t in {*one.deliver_to} - {*one.homes} if one.homes else ():
            yield min(_fee(problem, one.id, home, t, limit) for home in one.homes)
    paid = defaultdict(dict)
    for one in certificate.copies:
        paid[one.dataset].setdefault(one.job, {})[one.site] = one.price_usd
    sites = [site.id for site in problem.sites]
    for dataset, readers in paid.items():
        one = problem.dataset[dataset]
        if one.homes:
            for t in sites:
                fee = min(_fee(problem, dataset, home, t, limit) for home in one.homes)
                fee = 0.0 if t in (*one.homes, *one.deliver_to) else fee
                yield min(0.0, fee - sum(pay.get(t, 0.0) for pay in readers.values()))
        else:
            yield min(
                sum(
                    min(
                        0.0,
                        (0.0 if t in one.deliver_to else _fee(problem, dataset, q, t, limit))
                        - sum(
                            max(0.0, pay.get(t, 0.0) - pay.get(q, 0.0)) for pay in readers.values()
                        ),
                    )
                    for t in sites
                )
                for q in sites
            )


def _fee(problem, dataset, home, site, limit) -> float:
    if home == site:
        return 0.0
    if problem.denied("transfer", dataset, site):
        return math.inf
    if problem.dataset[dataset].size_gib > room_gib(problem.site[site]):
        return math.inf
    copy = Transfer(dataset=dataset, source=home, target=site)
    usd_gib = problem.link(home, site).usd_gib
    if usd_gib is None:
        return math.inf
    usd_gib = mean_range_usd_gib(problem).get((home, site), (usd_gib,))[0]
    return (
        problem.dataset[dataset].size_gib
        * usd_gib
        * (
            1.0
            + sum(
                limit.get(one.id, 0.0)
                for one in problem.limits
                if one.measure is LimitMeasure.USD and covers_transfer(problem, one, copy)
            )
        )
    )
