"""Writes prices down by name, so that whoever has the problem can compute the bound again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hybridplace.model.certificate import (
    Capacity,
    CapacityPrice,
    Certificate,
    CopyPrice,
    JobPrice,
    Knapsack,
    LimitPrice,
    SharePrice,
    SlotPrice,
    SpreadPrice,
)
from hybridplace.model.fairness import dues
from hybridplace.model.problem import Problem
from hybridplace.solver.groups import groups_of
from hybridplace.solver.instance import Floats, Ints, Prices
from hybridplace.solver.knapsack import JobPrices
from hybridplace.solver.slotprices import SlotPrices
from hybridplace.solver.spreads import spreads_of

_OWN = (Capacity.ACCELERATORS, Capacity.CPUS, Capacity.MEMORY_GIB)


def certificate_of(
    problem: Problem,
    prices: Prices,
    bound_usd: float,
    *,
    whole: JobPrices | None = None,
    by_slot: SlotPrices | None = None,
    searched_usd: float | None = None,
) -> Certificate:
    """Return the certificate of a bound.

    Parameters
    ----------
    prices : Prices
        Of the problem's `Instance`, as `compile_instance` orders it.
    bound_usd : float
        The value of the Lagrangian at these prices, that of data included.
    whole : JobPrices or None
        Prices of jobs, where groups are knapsacks.
    by_slot : SlotPrices or None
        Those of jobs in slots, where groups are knapsacks over time.
    searched_usd : float or None
        A higher bound that a search proved.
    """
    limits, spread_usd = len(problem.limits), prices.limit[len(problem.limits) :]
    return Certificate(
        bound_usd=bound_usd,
        capacity=tuple(_capacity(problem, prices.capacity)),
        limits=tuple(
            LimitPrice(limit=limit.id, price_usd=float(usd))
            for limit, usd in zip(problem.limits, prices.limit[:limits], strict=True)
            if usd > 0
        ),
        spreads=tuple(
            SpreadPrice(spread=spread, domain=domain, price_usd=float(usd))
            for (spread, domain), usd in zip(spreads_of(problem).rows, spread_usd, strict=True)
            if usd > 0
        ),
        shares=tuple(
            SharePrice(tenant=name, price_usd=float(usd))
            for name, usd in zip(_due_tenants(problem, prices), prices.share, strict=True)
            if usd > 0
        ),
        copies=tuple(_copies(problem, prices)),
        jobs=() if whole is None else tuple(_jobs(problem, whole)),
        knapsacks=tuple(
            one
            for found in (whole, by_slot)
            if found is not None
            for one in _knapsacks(problem, found.groups)
        ),
        slot_prices=() if by_slot is None else tuple(_slot_prices(problem, by_slot)),
        searched_usd=searched_usd,
    )


def _due_tenants(problem: Problem, prices: Prices) -> list[str]:
    return list(dues(problem)) if len(prices.share) else []


def _jobs(problem: Problem, whole: JobPrices) -> Iterator[JobPrice]:
    for job, usd in zip(problem.jobs, whole.job_usd.tolist(), strict=True):
        yield JobPrice(job=job.id, price_usd=usd)


def _slot_prices(problem: Problem, by_slot: SlotPrices) -> Iterator[SlotPrice]:
    claims, groups = by_slot.claims, groups_of(problem)
    for k in range(len(claims.at)):
        at, begin = claims.at[k], claims.from_slot[k]
        usd = by_slot.price[at + begin : at + claims.to_slot[k]]
        some = np.flatnonzero(usd)
        if len(some):
            pool, accelerator = groups[int(claims.group[k])]
            yield SlotPrice(
                job=problem.jobs[int(claims.job[k])].id,
                pool=pool,
                accelerator=accelerator,
                accelerators=tuple(
                    claims.sizes[claims.size_first[k] : claims.size_first[k + 1]].tolist()
                ),
                first_slot=int(begin + some[0]),
                prices_usd=tuple(usd[some[0] : some[-1] + 1].tolist()),
            )


def _knapsacks(problem: Problem, rows: Ints) -> Iterator[Knapsack]:
    groups = groups_of(problem)
    for row in sorted(rows.tolist()):
        pool, accelerator = groups[row]
        yield Knapsack(pool=pool, accelerator=accelerator or None)


def _capacity(problem: Problem, capacity: Floats) -> Iterator[CapacityPrice]:
    """Yield the prices of each group and resource, slots that follow with the same price as one."""
    groups = groups_of(problem)
    for row, resource in np.argwhere((capacity > 0).any(axis=2)):
        usd, (pool, accelerator) = capacity[row, resource], groups[row]
        counted = _OWN[resource] if problem.pool[pool].nodes else Capacity.QUOTA
        if counted is Capacity.ACCELERATORS and not accelerator:
            continue  # there are none, and nobody takes any
        first = np.flatnonzero(np.diff(usd, prepend=np.nan))
        for begin, end in zip(first, [*first[1:], len(usd)], strict=True):
            if usd[begin] > 0:
                yield CapacityPrice(
                    pool=pool,
                    accelerator=accelerator or None,
                    capacity=counted,
                    first_slot=int(begin),
                    slots=int(end - begin),
                    price_usd=float(usd[begin]),
                )


def _copies(problem: Problem, prices: Prices) -> Iterator[CopyPrice]:
    """Yield what readers pay: of data with homes its `copy`, of made data its `edge` prices."""
    if prices.copy is None and prices.edge is None:
        return
    dataset_row = {dataset.id: row for row, dataset in enumerate(problem.datasets)}
    reads = sorted(
        (row, dataset_row[name])
        for row, job in enumerate(problem.jobs)
        for name in dict.fromkeys(job.inputs)
    )
    for number, (job, dataset) in enumerate(reads):
        paid = prices.copy if problem.datasets[dataset].homes else prices.edge
        if paid is None:
            continue
        for site in np.flatnonzero(paid[number]):
            yield CopyPrice(
                job=problem.jobs[job].id,
                dataset=problem.datasets[dataset].id,
                site=problem.sites[site].id,
                price_usd=float(paid[number, site]),
            )
