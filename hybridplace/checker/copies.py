"""What data means to jobs at sites: when it can be there, and what they pay for it.

Readers of a dataset share its copy at a site. In the bound each pays a part, by its prices; what
they pay beyond the cost of the copy is lost again. Where a result is copied from depends on where
its maker runs: readers pay by where they are, and the maker earns the price of where it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cache

import numpy as np

from hybridplace.checker.columns import Floats
from hybridplace.model.data import room_gib
from hybridplace.model.job import Dataset, Job
from hybridplace.model.problem import LimitMeasure, Problem
from hybridplace.model.site import Link
from hybridplace.units import GIGABITS_PER_GIB, SECONDS_PER_HOUR

CopyPrices = Mapping[tuple[str, str], Mapping[str, float]]
"""What a reader pays for a dataset, by (job, dataset), then by site."""


def least_mean_usd_gib(link: Link, sizes: list[float]) -> float:
    """Return the least that a GiB costs on average, whatever of these sizes goes over a link.

    A plan moves nothing over it, or at least the smallest and at most all. From one tier to the
    next the mean only falls or only rises.
    """
    starts = [0.0, *(tier.beyond_gib for tier in link.tiers)]
    prices = [link.usd_gib or 0.0, *(tier.usd_gib for tier in link.tiers)]

    def paid_usd(until_gib: float) -> float:
        ends = [*starts[1:], math.inf]
        each = zip(starts, ends, prices, strict=True)
        return sum(usd * max(0.0, min(end, until_gib) - begin) for begin, end, usd in each)

    before_usd = paid_usd(link.used_gib)
    if not sizes:
        return prices[sum(begin <= link.used_gib for begin in starts) - 1]
    least, most = min(sizes), math.fsum(sizes)
    inside = [begin - link.used_gib for begin in starts]
    volumes = [least, most, *(gib for gib in inside if least < gib < most)]
    return min((paid_usd(link.used_gib + gib) - before_usd) / gib for gib in volumes)


class Copies:
    """The data of a problem at some prices; arrays are by site.

    Parameters
    ----------
    prices : mapping
        See `CopyPrices`.
    limit_usd : floats, (limits,)
        Price of each limit: what copying counts towards one costs that much more.
    """

    def __init__(self, problem: Problem, prices: CopyPrices, limit_usd: Floats) -> None:
        self._problem, self._limit_usd = problem, limit_usd
        self._row = {site.id: row for row, site in enumerate(problem.sites)}
        links = [[problem.link(a.id, b.id) for b in problem.sites] for a in problem.sites]
        usd_gib = [[math.inf if o.usd_gib is None else o.usd_gib for o in row] for row in links]
        gbps = [
            [problem.assumptions.transfer_gbps if o.gbps is None else o.gbps for o in row]
            for row in links
        ]
        self._usd_gib, self._gbps = np.array(usd_gib), np.array(gbps)
        for link in problem.links:
            if link.tiers and link.usd_gib is not None:
                at = self._row[link.source], self._row[link.target]
                self._usd_gib[at] = least_mean_usd_gib(link, self._carried_gib(link))
        np.fill_diagonal(self._gbps, np.inf)
        self._paid = {
            read: np.array([at.get(site.id, 0.0) for site in problem.sites])
            for read, at in prices.items()
        }
        self._most_gib = np.array([room_gib(site) for site in problem.sites])
        self._room_gib = np.maximum(self._most_gib - self._delivered_gib(), 0.0)
        self._denied = any(denial.action == "transfer" for denial in problem.denials)
        self._over = cache(self._surcharge)

    def alike(self, job: Job) -> tuple[object, ...]:
        """Return what jobs share to which data means the same; empty where there is none."""
        if not job.inputs and not job.outputs:
            return ()
        pays = any((job.id, name) in self._paid for name in job.inputs)
        return (job.inputs, job.outputs, job.id if pays else None)

    def ready_h(self, job: Job) -> Floats:
        """Return when what a job reads can be there; inf if that, or a result, may not be moved."""
        ready_h = self._within_caches(job)
        for dataset in self._datasets(job.inputs):
            if dataset.homes:
                gigabits = dataset.size_gib * GIGABITS_PER_GIB
                hours = gigabits / self._gbps[self._homes(dataset)] / SECONDS_PER_HOUR
                hours[np.isinf(self._from_homes(dataset))] = np.inf
                ready_h = np.maximum(ready_h, hours.min(axis=0))
        for dataset in self._datasets(job.outputs):
            barred = np.isinf(self._usd(dataset)[:, self._deliveries(dataset)]).any(axis=1)
            ready_h = np.where(barred, np.inf, ready_h)
        return ready_h

    def _within_caches(self, job: Job) -> Floats:
        """Return 0 where caches hold what a job brings there and has delivered, inf elsewhere."""
        come_gib, go_gib = np.zeros((2, len(self._row)))
        for dataset in self._datasets(job.inputs):
            if dataset.homes:
                there = [*self._homes(dataset), *self._deliveries(dataset)]
                come_gib[np.isin(np.arange(len(come_gib)), there, invert=True)] += dataset.size_gib
        for dataset in self._datasets(job.outputs):
            go_gib[self._deliveries(dataset)] += dataset.size_gib
        full = go_gib > self._room_gib
        return np.where((come_gib > self._room_gib) | (full.sum() > full), np.inf, 0.0)

    def charges_usd(self, job: Job) -> Floats:
        """Return what a job pays for data: its reads, and deliveries, less what readers pay it."""
        usd = np.zeros(len(self._row))
        for name in dict.fromkeys(job.inputs):
            usd = usd + self._paid.get((job.id, name), 0.0)
        for dataset in self._datasets(job.outputs):
            usd = usd + self._usd(dataset)[:, self._deliveries(dataset)].sum(axis=1)
            for reader in self._problem.readers.get(dataset.id, ()):
                usd = usd - self._paid.get((reader, dataset.id), 0.0)
        return usd

    def lost_usd(self) -> Iterator[float]:
        r"""Yield what deliveries from homes cost, and what is lost where readers pay too much.

        With homes :math:`\sum_s \min(0, f_{ds} - \sum_j \kappa_{jds})`; made, with q where it is,
        :math:`\min_q \sum_t \min(0, f_{dqt} - \sum_j \max(0, \omega_{jdt} - \omega_{jdq}))`, where
        copies that are delivered in any case cost readers nothing.
        """
        for dataset in self._problem.datasets:
            if dataset.homes:
                targets = self._deliveries(dataset)
                yield float(self._from_homes(dataset)[:, targets].min(axis=0).sum())
        by_dataset: dict[str, list[Floats]] = {}
        for (_, name), paid in sorted(self._paid.items(), key=lambda item: item[0]):
            by_dataset.setdefault(name, []).append(paid)
        for dataset in self._datasets(tuple(sorted(by_dataset))):
            paid = np.array(by_dataset[dataset.id])
            if dataset.homes:
                fee_usd = self._from_homes(dataset).min(axis=0)
                fee_usd[self._deliveries(dataset)] = 0.0
                yield float(np.minimum(0.0, fee_usd - paid.sum(axis=0)).sum())
                continue
            fee_usd = self._usd(dataset)
            fee_usd[:, self._deliveries(dataset)] = 0.0
            more = np.maximum(0.0, paid[:, None, :] - paid[:, :, None]).sum(axis=0)
            yield float(np.minimum(0.0, fee_usd - more).sum(axis=1).min())

    def _delivered_gib(self) -> Floats:
        """Return what data with homes takes of each cache, whatever the plan."""
        gib = np.zeros(len(self._row))
        for dataset in self._problem.datasets:
            if dataset.homes:
                gib[list({*self._deliveries(dataset)} - {*self._homes(dataset)})] += (
                    dataset.size_gib
                )
        return gib

    def _carried_gib(self, link: Link) -> list[float]:
        """Return the sizes of all datasets that some plan may bring over a link."""
        problem, found = self._problem, []
        for dataset in problem.datasets:
            held = link.source in dataset.homes or dataset.id in problem.producer
            asked = dataset.id in problem.readers or link.target in dataset.deliver_to
            shut = problem.denied("transfer", dataset.id, link.target)
            if held and asked and not shut and link.target not in dataset.homes:
                found.append(dataset.size_gib)
        return [gib for gib in found if gib > 0]

    def _datasets(self, names: tuple[str, ...]) -> Iterator[Dataset]:
        return (self._problem.dataset[name] for name in dict.fromkeys(names))

    def _homes(self, dataset: Dataset) -> list[int]:
        return [self._row[home] for home in dict.fromkeys(dataset.homes)]

    def _deliveries(self, dataset: Dataset) -> list[int]:
        return [self._row[target] for target in dict.fromkeys(dataset.deliver_to)]

    def _from_homes(self, dataset: Dataset) -> Floats:
        """Return what a copy from each home to each site costs; 0 at every home."""
        usd = self._usd(dataset)[self._homes(dataset)]
        usd[:, self._homes(dataset)] = 0.0
        return usd

    def _usd(self, dataset: Dataset) -> Floats:
        """Return what a copy from site to site costs; inf if none may be made, 0 in place."""
        with np.errstate(invalid="ignore"):
            usd: Floats = dataset.size_gib * self._usd_gib * self._over(dataset.tenant)
        usd[np.isinf(self._usd_gib)] = np.inf
        if self._denied:
            denied = [bool(self._problem.denied("transfer", dataset.id, one)) for one in self._row]
            usd[:, denied] = np.inf
        usd[:, dataset.size_gib > self._most_gib] = np.inf
        np.fill_diagonal(usd, 0.0)
        return usd

    def _surcharge(self, tenant: str) -> Floats:
        """Return 1 and the prices of the limits that a tenant's copies count towards, by target."""
        over = np.ones(len(self._row))
        for usd, limit in zip(self._limit_usd, self._problem.limits, strict=True):
            narrow = (limit.job, limit.market, limit.accelerator) != (None, None, None)
            if limit.measure is LimitMeasure.USD and not narrow and limit.tenant in (None, tenant):
                for row, site in enumerate(self._problem.sites):
                    place = (site.id, site.provider, site.country)
                    wanted = (limit.site, limit.provider, limit.country)
                    if all(one in (None, got) for one, got in zip(wanted, place, strict=True)):
                        over[row] += usd
        return over
