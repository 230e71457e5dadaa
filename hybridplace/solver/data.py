"""Which data jobs read and make, and what bringing it to a site costs, as arrays."""

from __future__ import annotations

import numpy as np

from hybridplace.model.problem import LimitMeasure, Problem
from hybridplace.solver.instance import Data, Floats
from hybridplace.solver.sites import Copies, Links, site_rows


def data_of(problem: Problem, links: Links, copies: Copies) -> Data | None:
    """Return the data of a problem; None if no job reads or makes any.

    What is delivered over links with tiers is data, too: what it counts towards limits depends on
    where it comes from.
    """
    number = {dataset.id: row for row, dataset in enumerate(problem.datasets)}
    row_of = {job.id: row for row, job in enumerate(problem.jobs)}
    site = site_rows(problem)
    reads = sorted(
        {(row, number[name]) for row, job in enumerate(problem.jobs) for name in job.inputs}
    )
    makers = {number[name]: row_of[job] for name, job in problem.producer.items()}
    tiered = bool(copies.sunk_usd.any()) and any(link.tiers for link in problem.links)
    if not reads and not makers and not tiered:
        return None
    maker = np.full(len(number), -1, dtype=np.int32)
    maker[list(makers)] = list(makers.values())
    deliver = [
        (data, site[target])
        for data in sorted(makers)
        for target in problem.datasets[data].deliver_to
    ]
    return Data(
        reads=np.array(reads, dtype=np.int64).reshape(len(reads), 2),
        maker=maker,
        fee_usd=copies.fee_usd,
        ready_h=copies.ready_h,
        size_gib=np.array([dataset.size_gib for dataset in problem.datasets], dtype=np.float64),
        usd_gib=np.where(np.isnan(links.usd_gib), np.inf, links.usd_gib),
        gbps=links.gbps,
        copy_gib=copies.gib,
        cache_gib=copies.cache_gib,
        deliver=np.array(deliver, dtype=np.int64).reshape(len(deliver), 2),
        limit=limits_of_copies(problem),
    )


def sunk_uses(problem: Problem, copies: Copies) -> Floats:
    """Return what deliveries of data with homes count towards each limit, whatever the plan."""
    uses = np.zeros(len(problem.limits))
    limit, dataset, site = limits_of_copies(problem).T
    np.add.at(uses, limit, copies.sunk_usd[dataset, site])
    return uses


def limits_of_copies(problem: Problem) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Return each (limit, dataset, site) where a copy counts: `cost.covers_transfer`."""
    found = [
        (row, data, at)
        for row, limit in enumerate(problem.limits)
        if limit.measure is LimitMeasure.USD
        and limit.job is limit.market is limit.accelerator is None
        for data, dataset in enumerate(problem.datasets)
        if limit.tenant in (None, dataset.tenant)
        for at, site in enumerate(problem.sites)
        if limit.site in (None, site.id)
        and limit.provider in (None, site.provider)
        and limit.country in (None, site.country)
    ]
    return np.array(found, dtype=np.int64).reshape(len(found), 3)
