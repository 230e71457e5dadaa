"""Where jobs are and which data lie where in a partial plan, and what changes cost: exactly.

`State` knows capacity, limits and starts; `Holdings` adds copies, which jobs share, and pipelines.
"""

from __future__ import annotations

import numpy as np

from hybridplace.model.run import TIME_TOLERANCE_H
from hybridplace.solver.copies import data_usd
from hybridplace.solver.instance import Bools, Choice, Floats, Instance, Ints
from hybridplace.solver.pipelines import makers_before
from hybridplace.solver.pricing import limit_uses_at
from hybridplace.solver.state import State
from hybridplace.units import transfer_h


class Holdings:
    r"""A partial plan with its copies.

    Parameters
    ----------
    instance : Instance
        With data.

    Attributes
    ----------
    state : State
    site : ints, (J,)
        -1 if left out.
    count : ints, (D, S)
        Placed readers of a dataset at a site, and one for a delivery: more than 0 is a copy.
    fee_usd : floats, (D, S)
        What the next reader of data with homes would pay; 0 for made data.
    reads, makes : list of lists
        Datasets of each job.
    depth : ints, (J,)
        How many makers come before a job, at most: they are placed first.
    """

    def __init__(self, instance: Instance) -> None:
        assert instance.data is not None  # noqa: S101 - its callers have some
        self.instance, self.data = instance, instance.data
        data, jobs = self.data, len(instance.jobs.reject_usd)
        self.state = State(instance)
        self.homed = data.maker < 0
        self.sites = data.fee_usd.shape[1]
        self.full_usd = np.where(self.homed[:, None], data.fee_usd, 0.0)
        self.barred = ~self.homed[:, None] & np.isinf(data.fee_usd)
        self.reads: list[list[int]] = [[] for _ in range(jobs)]
        self.makes: list[list[int]] = [[] for _ in range(jobs)]
        self.readers: list[list[int]] = [[] for _ in data.maker]
        for job, dataset in data.reads.tolist():
            self.reads[job].append(dataset)
            self.readers[dataset].append(job)
        for dataset in np.flatnonzero(~self.homed).tolist():
            self.makes[data.maker[dataset]].append(dataset)
        self.limited: dict[int, list[tuple[int, int]]] = {}
        for limit, dataset, target in data.limit.tolist():
            self.limited.setdefault(dataset, []).append((limit, target))
        self.depth = makers_before(data, jobs)
        self.clear()

    def clear(self) -> None:
        """Leave every job out."""
        self.state.clear()
        self.site = np.full(len(self.reads), -1)
        self.count = np.zeros(self.full_usd.shape, dtype=np.int64)
        for dataset, target in self.data.deliver.tolist():
            self.count[dataset, target] += 1
        self.fee_usd = self.full_usd.copy()

    def total_usd(self) -> float:
        """Return what the plan costs."""
        return self.state.total_usd() + data_usd(self.data, self.site)

    def choice(self) -> Choice:
        """Return where jobs are."""
        return self.state.choice()

    def usd_at(self, job: int) -> Floats:
        """Return what a job that is left out adds to the cost of copies at each site; (S,).

        It is inf where it cannot be: a copy may not come, or its input is not made.
        """
        usd = np.zeros(self.sites)
        for d in self.reads[job]:
            if self.homed[d]:
                usd += self.fee_usd[d]
            else:
                usd += self.reading_usd(d)
        for d in self.makes[job]:
            usd += self.leaving_usd(d)
        return usd

    def place(self, i: int, t: int, usd: float | None = None) -> None:
        """Put the job of option `i` there from slot `t` on; `usd` is its cost without data."""
        job = int(self.instance.options.job[i])
        site = int(self.instance.options.site[i])
        self._count_copies(job, site, 1.0)
        self.state.place(i, t, usd)
        self.site[job] = site
        for d in self.reads[job]:
            self.count[d, site] += 1
            self.fee_usd[d, site] = 0.0

    def remove(self, job: int) -> None:
        """Leave a placed job out."""
        site = int(self.site[job])
        self.state.remove(job)
        self.site[job] = -1
        for d in self.reads[job]:
            self.count[d, site] -= 1
            if self.count[d, site] == 0:
                self.fee_usd[d, site] = self.full_usd[d, site]
        self._count_copies(job, site, -1.0)

    def fits(self, job: int, option: Ints, start: Ints) -> Bools:
        """Tell which pairs of a job that is left out break no row and no order in time."""
        fit = self.state.fits(option, start)
        if self.limited:
            fit &= self._within_limits(job, option, start)
        if np.isfinite(self.data.cache_gib).any():
            fit &= self._within_caches(job)[self.instance.options.site[option]]
        if self.instance.slots > 1:
            fit &= self._in_time(job, option, start)
        return fit

    def reading_usd(self, dataset: int) -> Floats:
        """Return what one more reader of a result costs at each site."""
        source = self.site[self.data.maker[dataset]]
        if source < 0:
            return np.full(self.sites, np.inf)
        usd = np.where(self.count[dataset] > 0, 0.0, self._from_usd(dataset)[source])
        usd[self.barred[dataset]] = np.inf
        usd[source] = 0.0
        return usd

    def leaving_usd(self, dataset: int) -> Floats:
        """Return what bringing a result to all who need it costs from each site."""
        targets = np.flatnonzero(self.count[dataset] > 0)
        usd = self._from_usd(dataset)[:, targets]
        usd = np.where(self.barred[dataset, targets], np.inf, usd)
        usd[targets, np.arange(len(targets))] = 0.0
        total: Floats = usd.sum(axis=1)
        return total

    def passing_usd(self, dataset: int) -> Floats:
        """Return what a result costs by (maker's site, reader's site), if copied for one reader."""
        usd = np.where(self.count[dataset] > 0, 0.0, self._from_usd(dataset))
        usd[:, self.barred[dataset]] = np.inf
        np.fill_diagonal(usd, 0.0)
        return usd

    def _from_usd(self, dataset: int) -> Floats:
        usd: Floats = self.data.size_gib[dataset] * self.data.usd_gib
        return usd

    def _within_limits(self, job: int, option: Ints, start: Ints) -> Bools:
        """Tell which pairs keep the limits when the copies that they need count too."""
        options, state = self.instance.options, self.state
        fit = np.ones(len(option), dtype=bool)
        uses = limit_uses_at(self.instance, option, start)
        for limit, usd in self._counted_usd(job).items():
            own = np.where(options.limit[option] == limit, uses, 0.0).sum(axis=1)
            copies = usd[options.site[option]]
            fit &= (copies <= 0) | (own + copies <= max(state.limit_room[limit], 0.0))
        return fit

    def _counted_usd(self, job: int) -> dict[int, Floats]:
        """Return what a job that is left out adds to limits by copies, at each site."""
        found: dict[int, Floats] = {}
        for d in self.reads[job]:
            for limit, target in self.limited.get(d, ()):
                usd = self.fee_usd[d] if self.homed[d] else self.reading_usd(d)
                row = found.setdefault(limit, np.zeros(len(usd)))
                row[target] += usd[target] if np.isfinite(usd[target]) else 0.0
        for d in self.makes[job]:
            for limit, target in self.limited.get(d, ()):
                if self.count[d, target] > 0:
                    row = found.setdefault(limit, np.zeros(self.sites))
                    row += np.where(np.arange(len(row)) == target, 0, self._from_usd(d)[:, target])
        return found

    def _within_caches(self, job: int) -> Bools:
        """Tell at which sites a job that is left out needs no more copies than caches hold."""
        data, gib = self.data, np.where(self.count > 0, self.data.copy_gib, 0.0)
        made = np.flatnonzero(~self.homed)
        source = self.site[data.maker[made]]
        gib[made[source < 0]] = 0.0
        gib[made[source >= 0], source[source >= 0]] = 0.0
        come, go = np.zeros((2, self.sites))
        for d in self.reads[job]:
            missing = np.where(self.count[d] > 0, 0.0, data.copy_gib[d])
            if not self.homed[d]:
                missing[self.site[data.maker[d]]] = 0.0  # if it is nowhere, no site will do
            come += missing
        for d in self.makes[job]:
            go += np.where(self.count[d] > 0, data.copy_gib[d], 0.0)
        room = data.cache_gib - gib.sum(axis=0)
        full = go > room
        return np.asarray((come <= room) & (full.sum() == full))

    def _count_copies(self, job: int, site: int, sign: float) -> None:
        """Count what a job that is left out would copy, were it at a site, in limits."""
        if self.limited:
            for limit, usd in self._counted_usd(job).items():
                self.state.limit_room[limit] -= sign * usd[site]

    def _in_time(self, job: int, option: Ints, start: Ints) -> Bools:
        """Tell which pairs start once inputs have come, and end in time for those who read."""
        options, slot_h = self.instance.options, self.instance.slot_h
        site = options.site[option]
        begin_h = start * slot_h + TIME_TOLERANCE_H
        end_h = start * slot_h + options.hours[option] - TIME_TOLERANCE_H
        fit = np.ones(len(option), dtype=bool)
        for d in self.reads[job]:
            maker = int(self.data.maker[d])
            if maker >= 0 and self.site[maker] >= 0:
                at = int(self.state.option[maker]), int(self.state.start[maker])
                fit &= begin_h >= self.ready_h(d, *at)[site]
        for d in self.makes[job]:
            for reader in self.readers[d]:
                if self.site[reader] >= 0:
                    come_h = end_h + self._hours(d)[site, self.site[reader]]
                    fit &= come_h <= self.state.start[reader] * slot_h
        return fit

    def ready_h(self, dataset: int, i: int, t: int) -> Floats:
        """Return when a result is at each site if its maker takes option `i` from slot `t` on."""
        options = self.instance.options
        end_h = float(t * self.instance.slot_h + options.hours[i])
        ready: Floats = end_h + self._hours(dataset)[options.site[i]]
        return ready

    def _hours(self, dataset: int) -> Floats:
        """Return how long a copy takes by (source, target); 0 on the diagonal."""
        with np.errstate(divide="ignore"):
            hours: Floats = transfer_h(float(self.data.size_gib[dataset]), 1.0) / self.data.gbps
        return hours
