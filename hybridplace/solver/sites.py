"""What depends on the site alone: links, data that may come and go, how far users are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hybridplace.model.data import room_gib
from hybridplace.model.egress import mean_range_usd_gib
from hybridplace.model.job import Inference, Job
from hybridplace.model.problem import Problem
from hybridplace.solver.instance import Bools, Floats, Indices
from hybridplace.solver.needs import JobTable
from hybridplace.solver.reasons import Reason
from hybridplace.units import GIGABITS_PER_GIB, SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """From site (row) to site (column); NaN is not known, inf is instant.

    Parameters
    ----------
    usd_gib : floats
        Where a link has tiers, what a GiB costs on average at least, so that bounds are bounds.
    gbps : floats
        The assumed rate where a link has none.
    """

    usd_gib: Floats
    latency_ms: Floats
    gbps: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """Datasets at sites: (D, S) each.

    Parameters
    ----------
    barred : bools
        Policies forbid a copy there, or it is too large.
    fee_usd : floats
        Of the cheapest copy from a home: 0 at homes and where it is delivered, inf where none may
        come. Of data without a home 0 where policies let a copy come.
    ready_h : floats
        When a copy from a home can be there, at the earliest.
    gib : floats
        What a copy takes of the cache of the site; 0 at homes and where it is delivered.
    cache_gib : floats, (S,)
        How much it has: `data.room_gib`, less what is delivered there from homes.
    sunk_usd : floats
        What delivering data with homes costs, whatever the plan.
    """

    barred: Bools
    fee_usd: Floats
    ready_h: Floats
    gib: Floats
    cache_gib: Floats
    sunk_usd: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteTable:
    """Some jobs at all sites: (S, jobs) each.

    Parameters
    ----------
    reasons : ints
        Bits of `Reason`.
    usd : floats
        Latency beyond the target.
    ready_h : floats
        When what a job reads from homes can be there, at the earliest.
    """

    reasons: Indices
    usd: Floats
    ready_h: Floats


def site_rows(problem: Problem) -> dict[str, int]:
    """Return the row of each site."""
    return {site.id: row for row, site in enumerate(problem.sites)}


def links_of(problem: Problem) -> Links:
    """Return all links as matrices."""
    row, sites = site_rows(problem), len(problem.sites)
    usd_gib, latency_ms = (np.full((sites, sites), np.nan) for _ in range(2))
    gbps = np.full((sites, sites), problem.assumptions.transfer_gbps)
    for link in problem.links:
        at = row[link.source], row[link.target]
        if link.usd_gib is not None:
            usd_gib[at] = link.usd_gib
        if link.latency_ms is not None:
            latency_ms[at] = link.latency_ms
        if link.gbps is not None:
            gbps[at] = link.gbps
    for (source, target), (least, _) in mean_range_usd_gib(problem).items():
        usd_gib[row[source], row[target]] = least
    np.fill_diagonal(usd_gib, 0.0)
    np.fill_diagonal(latency_ms, 0.0)
    np.fill_diagonal(gbps, np.inf)
    return Links(usd_gib=usd_gib, latency_ms=latency_ms, gbps=gbps)


def copies_of(problem: Problem, links: Links) -> Copies:
    """Return which datasets may be copied where, from when on, and for how much."""
    row, shape = site_rows(problem), (len(problem.datasets), len(problem.sites))
    barred = np.zeros(shape, dtype=bool)
    number = {dataset.id: row for row, dataset in enumerate(problem.datasets)}
    for denial in problem.denials:
        if denial.action == "transfer":
            subjects = [number[one] for one in denial.subjects if one in number]
            sites = [row[site] for site in denial.sites if site in row]
            barred[np.ix_(subjects, sites)] = True
    gib = np.zeros(shape)
    for one, dataset in enumerate(problem.datasets):
        gib[one] = dataset.size_gib
        gib[one, [row[home] for home in dataset.homes]] = 0.0
    cache_gib = np.array([room_gib(site) for site in problem.sites])
    barred |= gib > cache_gib
    fee_usd, ready_h = np.zeros(shape), np.zeros(shape)
    priced = ~np.isnan(links.usd_gib)
    for one, dataset in enumerate(problem.datasets):
        homes = [row[home] for home in dataset.homes]
        open_ = priced[homes] & ~barred[one] if homes else ~barred[one][None]
        tariff = links.usd_gib[homes] if homes else np.zeros((1, 1))
        hours = dataset.size_gib * GIGABITS_PER_GIB / links.gbps[homes] / SECONDS_PER_HOUR
        fee_usd[one] = np.where(open_, dataset.size_gib * tariff, np.inf).min(axis=0)
        if homes:
            ready_h[one] = np.where(open_, hours, np.inf).min(axis=0)
            fee_usd[one, homes] = ready_h[one, homes] = 0.0
    comes = _delivered(problem)
    sunk_usd = np.where(comes, fee_usd, 0.0)
    fee_usd[comes] = 0.0
    cache_gib = np.maximum(cache_gib - np.where(comes, gib, 0.0).sum(axis=0), 0.0)
    gib[comes] = 0.0
    return Copies(
        barred=barred,
        fee_usd=fee_usd,
        ready_h=ready_h,
        gib=gib,
        cache_gib=cache_gib,
        sunk_usd=sunk_usd,
    )


def _delivered(problem: Problem) -> Bools:
    """Return where data with homes comes whatever the plan; (D, S)."""
    row = site_rows(problem)
    comes = np.zeros((len(problem.datasets), len(problem.sites)), dtype=bool)
    for one, dataset in enumerate(problem.datasets):
        if dataset.homes:
            comes[one, [row[target] for target in dataset.deliver_to]] = True
            comes[one, [row[home] for home in dataset.homes]] = False
    return comes


def site_table(problem: Problem, table: JobTable, links: Links, copies: Copies) -> SiteTable:
    """Return what sites are to jobs."""
    shape = (len(problem.sites), len(table.jobs))
    reasons = np.zeros(shape, dtype=np.int32)
    ready_h, usd = np.zeros(shape), np.zeros(shape)
    with_data = [(one, job) for one, job in enumerate(table.jobs) if job.inputs or job.outputs]
    number = {data.id: row for row, data in enumerate(problem.datasets if with_data else ())}
    row = site_rows(problem) if with_data else {}
    for one, job in with_data:
        come_gib, go_gib = _copied_gib(problem, job, number, copies)
        reasons[come_gib > copies.cache_gib, one] |= Reason.DATA.value
        reasons[_elsewhere(go_gib > copies.cache_gib), one] |= Reason.RESULTS.value
        for name in job.inputs:
            data = number[name]
            if problem.datasets[data].homes:
                reasons[np.isinf(copies.fee_usd[data]), one] |= Reason.DATA.value
                np.maximum(ready_h[:, one], copies.ready_h[data], out=ready_h[:, one])
        for name in job.outputs:
            data = number[name]
            for target in (row[site] for site in problem.datasets[data].deliver_to):
                shut = np.isnan(links.usd_gib[:, target]) | copies.barred[data, target]
                shut[target] = False
                reasons[shut, one] |= Reason.RESULTS.value
    _add_latency(problem, table, links, reasons, usd)
    return SiteTable(reasons=reasons, usd=usd, ready_h=ready_h)


def _copied_gib(
    problem: Problem, job: Job, number: Mapping[str, int], copies: Copies
) -> tuple[Floats, Floats]:
    """Return what a job that is at a site brings there, and what it has delivered to a site."""
    come_gib, go_gib = np.zeros((2, len(problem.sites)))
    for name in dict.fromkeys(job.inputs):
        if problem.dataset[name].homes:
            come_gib += copies.gib[number[name]]
    for name in job.outputs:
        for site, target in enumerate(problem.sites):
            if target.id in problem.dataset[name].deliver_to:
                go_gib[site] += copies.gib[number[name], site]
    return come_gib, go_gib


def _elsewhere(wrong: Bools) -> Bools:
    """Return the sites but for which something is wrong at a site."""
    return np.asarray(wrong.sum() - wrong > 0)


def _add_latency(
    problem: Problem, table: JobTable, links: Links, reasons: Indices, usd: Floats
) -> None:
    """Add what latency costs, and who is too far."""
    serving = np.flatnonzero(table.serves).tolist()
    row = site_rows(problem) if serving else {}
    for one in serving:
        work = table.jobs[one].work
        assert isinstance(work, Inference)  # noqa: S101 - it serves
        priced = work.latency_target_ms is not None and work.latency_usd_ms_h != 0.0
        if not work.users or not (priced or work.latency_limit_ms is not None):
            continue
        seen = links.latency_ms[[row[users.site] for users in work.users]] + work.service_ms
        if work.latency_limit_ms is not None:
            far = ~(seen <= work.latency_limit_ms).all(axis=0)
            reasons[far, one] |= Reason.LATENCY.value
        if priced:
            share = np.array([users.share for users in work.users])[:, None]
            beyond_ms = (share * np.maximum(seen - (work.latency_target_ms or 0.0), 0.0)).sum(
                axis=0
            )
            cost_usd = work.latency_usd_ms_h * work.hours * beyond_ms
            reasons[np.isnan(cost_usd), one] |= Reason.LATENCY.value
            usd[:, one] = np.nan_to_num(cost_usd, nan=0.0)
