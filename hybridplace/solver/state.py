"""What a partial plan uses, and what else still fits: exact, within the tolerances of `verify`."""

from __future__ import annotations

import numpy as np

from hybridplace.model.capacity import SIZE_TOLERANCE
from hybridplace.solver.instance import Bools, Choice, Floats, Indices, Instance, Ints, Prices
from hybridplace.solver.pricing import limit_uses_at, no_prices, price_at, tariff_of

LIMIT_TOLERANCE = 0.5e-6
"""Relative, and absolute below one: half of what `verify` tolerates."""


class State:
    r"""Where jobs are, and what is left of each row.

    What is left of capacity is kept as a sparse table of minima, so that two look-ups tell whether
    a pair fits, however long it runs (Bender and Farach-Colton, "The LCA problem revisited",
    LATIN 2000, section 3, doi:10.1007/10719839_9).

    Parameters
    ----------
    instance : Instance
    share_usd : floats, (tenants,), optional
        :math:`\nu_u`: what a unit of a tenant's share is worth in judging moves, since the true
        term changes only with the worst-off tenant.
    limit_usd : floats, (L,), optional
        :math:`\mu_k`: what a unit of a limit is worth in judging moves, so that what one job saves
        of it another may take.

    Attributes
    ----------
    option, start : ints, (J,)
        The pair of each job; option -1 is left out.
    usd : floats, (J,)
        What each job costs where it is, as moves are judged:
        :math:`c_{it} + \sum_k l_{itk} \mu_k - \nu_u e_i`, or :math:`p_j`.
    room : floats, (levels, G + 1, T, resources)
        The least that is left over :math:`2^k` slots from each slot on, of resources that are
        limited anywhere.
    limit_room : floats, (L + 1,)
        What is left of each limit; inf in the last, which stands for none.
    share : floats, (tenants,)
        :math:`\sum e_i x_i` of each tenant.
    members : list of dict
        The jobs in each group, in the order of their arrival; those in no group come last.
    """

    def __init__(
        self,
        instance: Instance,
        *,
        share_usd: Floats | None = None,
        limit_usd: Floats | None = None,
    ) -> None:
        options, groups = instance.options, len(instance.capacity)
        self.instance = instance
        free = no_prices(instance)
        self.share_usd = free.share if share_usd is None else share_usd
        self.limit_usd = free.limit if limit_usd is None else limit_usd
        prices = Prices(capacity=free.capacity, limit=self.limit_usd, share=self.share_usd)
        self.tariff = tariff_of(instance, prices)
        limited = np.isfinite(instance.capacity).any(axis=(0, 2))
        self.resources = np.flatnonzero(limited) if limited.any() else np.array([0])
        self.use = self.limited(options.use)
        self.group = np.where(options.group < 0, groups, options.group)
        self.level = np.log2(np.arange(instance.slots + 1).clip(1)).astype(np.int64)
        self.has_curves = bool((options.curve >= 0).any())
        self.has_limits = len(instance.at_most) > 0
        self.partners = _partners(instance)
        self.clear()

    def limited(self, uses: Floats) -> Floats:
        """Return the columns of those resources that are limited anywhere."""
        return uses if len(self.resources) == uses.shape[1] else uses[:, self.resources]

    def clear(self) -> None:
        """Leave every job out."""
        instance, groups = self.instance, len(self.instance.capacity)
        shape = (int(self.level[-1]) + 1, groups + 1, instance.slots, len(self.resources))
        self.room = np.full(shape, np.inf)
        full = instance.capacity[:, self.resources] + SIZE_TOLERANCE / 2
        self.room[0, :groups] = full.transpose(0, 2, 1)
        self._flat = self.room.reshape(-1, len(self.resources))
        self.update_minima(slice(None), 0, instance.slots)
        self.limit_room = self.full_limit_room
        jobs = len(instance.jobs.reject_usd)
        self.option = np.full(jobs, -1, dtype=np.int64)
        self.start = np.zeros(jobs, dtype=np.int64)
        self.usd = instance.jobs.reject_usd.astype(np.float64)
        self.share = np.zeros(len(self.share_usd))
        self.members: list[dict[int, None]] = [{} for _ in range(groups + 1)]

    @property
    def full_limit_room(self) -> Floats:
        """Return what there is of each limit; inf in the last, which stands for none."""
        at_most = self.instance.at_most
        tolerance = LIMIT_TOLERANCE * np.maximum(1.0, np.abs(at_most))
        return np.append(at_most + tolerance, np.inf)

    def load(self, choice: Choice) -> None:
        """Take over a whole choice, whether or not it breaks rows."""
        self.clear()
        instance, options = self.instance, self.instance.options
        placed = np.flatnonzero(choice.option >= 0)
        option, start = choice.option[placed], choice.start[placed]
        self.option[placed], self.start[placed] = option, start
        self.usd[placed] = self.costs(option, start)
        if instance.slots == 1 and not self.has_curves:
            np.subtract.at(self.room[0, :, 0], self.group[option], self.use[option])
        else:
            for i, t in zip(option.tolist(), start.tolist(), strict=True):
                self._take(i, t, 1.0)
            self.update_minima(slice(None), 0, instance.slots)
        for j, g in zip(placed.tolist(), self.group[option].tolist(), strict=True):
            self.members[g][j] = None
        if len(self.share):
            np.add.at(self.share, instance.jobs.tenant[placed], options.share[option])
        if self.has_limits:
            limit, uses = options.limit[option], limit_uses_at(instance, option, start)
            np.subtract.at(self.limit_room, limit[limit >= 0], uses[limit >= 0])

    def choice(self) -> Choice:
        """Return where jobs are."""
        return Choice(option=self.option.copy(), start=self.start.copy())

    def costs(self, option: Ints, start: Ints) -> Floats:
        """Return what pairs cost, as moves are judged."""
        return price_at(self.tariff, option, start)

    def total_usd(self) -> float:
        r"""Return what the plan costs: :math:`\varphi (1 - m)` is what judging shares stood for."""
        usd = float(self.usd.sum()) + float(self.share_usd @ self.share)
        if self.limit_usd.any():
            usd -= float(self.limit_usd @ (self.full_limit_room[:-1] - self.limit_room[:-1]))
        return usd + self.instance.unfair_usd * (1.0 - float(self.share.min(initial=1.0)))

    def breaks_limits(self) -> bool:
        """Tell whether any limit is exceeded."""
        return self.has_limits and bool((self.limit_room < 0).any())

    def room_of(self, option: Ints, start: Ints) -> Floats:
        """Return the least that is left of each resource while pairs would run; (pairs, any)."""
        group, slots = self.group[option], self.instance.slots
        if slots == 1:
            return self._flat.take(group, axis=0)
        length = self.instance.options.slots[option]
        level = self.level[length]
        first = (level * len(self.members) + group) * slots + start
        last = first + length - (1 << level)
        least: Floats = np.minimum(self._flat.take(first, axis=0), self._flat.take(last, axis=0))
        return least

    def fits(self, option: Ints, start: Ints) -> Bools:
        """Tell which pairs of jobs that are left out break no row, each by itself."""
        room = self.room_of(option, start)
        fit: Bools
        if len(self.resources) == 1:
            fit = room[:, 0] >= self.use[option, 0]
        else:
            fit = np.asarray((room >= self.use[option]).all(axis=1))
        if self.has_curves:
            curved = self.instance.options.curve[option] >= 0
            for k in np.flatnonzero(curved & ~fit):
                fit[k] = self._fits_slot_by_slot(int(option[k]), int(start[k]))
        if self.has_limits:
            limit = self.instance.options.limit[option]
            uses = limit_uses_at(self.instance, option, start)
            # What is exceeded already may not grow.
            fit &= (uses <= np.maximum(self.limit_room, 0.0)[limit]).all(axis=1)
        if self.partners:
            self._part(option, fit)
        return fit

    def place(self, i: int, t: int, usd: float | None = None) -> None:
        """Put the job of option `i` there from slot `t` on; `usd` is what it costs, if known."""
        job = int(self.instance.options.job[i])
        if usd is None:
            usd = float(self.costs(np.array([i]), np.array([t]))[0])
        self.option[job], self.start[job], self.usd[job] = i, t, usd
        self.members[self.group[i]][job] = None
        self._count(job, i, t, 1.0)

    def remove(self, job: int) -> None:
        """Leave a placed job out."""
        i, t = int(self.option[job]), int(self.start[job])
        self.option[job], self.start[job] = -1, 0
        self.usd[job] = self.instance.jobs.reject_usd[job]
        del self.members[self.group[i]][job]
        self._count(job, i, t, -1.0)

    def place_many(self, option: Ints, start: Ints, usd: Floats) -> None:
        """Put the jobs of some options there, as `place` does: together, in one slot."""
        if self.instance.slots > 1:
            for one in zip(option.tolist(), start.tolist(), usd.tolist(), strict=True):
                self.place(*one)
            return
        job = self.instance.options.job[option]
        self.option[job], self.start[job], self.usd[job] = option, start, usd
        for j, g in zip(job.tolist(), self.group[option].tolist(), strict=True):
            self.members[g][j] = None
        self._count_many(job, option, start, 1.0)

    def remove_many(self, job: Ints) -> None:
        """Leave some placed jobs out, as `remove` does."""
        if self.instance.slots > 1:
            for one in job.tolist():
                self.remove(one)
            return
        option, start = self.option[job], self.start[job]
        self.option[job], self.start[job] = -1, 0
        self.usd[job] = self.instance.jobs.reject_usd[job]
        for j, g in zip(job.tolist(), self.group[option].tolist(), strict=True):
            del self.members[g][j]
        self._count_many(job, option, start, -1.0)

    def _count_many(self, job: Ints | Indices, option: Ints, start: Ints, sign: float) -> None:
        """Count some pairs in every row, where there is one slot."""
        instance, options = self.instance, self.instance.options
        np.subtract.at(self.room[0, :, 0], self.group[option], sign * self.use[option])
        if len(self.share):
            np.add.at(self.share, instance.jobs.tenant[job], sign * options.share[option])
        if self.has_limits:
            limit, uses = options.limit[option], limit_uses_at(instance, option, start)
            np.subtract.at(self.limit_room, limit[limit >= 0], sign * uses[limit >= 0])

    def _count(self, job: int, i: int, t: int, sign: float) -> None:
        """Count a pair in every row."""
        options = self.instance.options
        length = self._take(i, t, sign)
        if self.instance.slots > 1:
            self.update_minima(int(self.group[i]), t, t + length)
        if options.share[i] > 0:
            self.share[self.instance.jobs.tenant[job]] += sign * options.share[i]
        if self.has_limits:
            uses = limit_uses_at(self.instance, np.array([i]), np.array([t]))[0]
            for limit, use in zip(options.limit[i].tolist(), uses.tolist(), strict=True):
                if limit >= 0:
                    self.limit_room[limit] -= sign * use

    def _take(self, i: int, t: int, sign: float) -> int:
        """Count a pair in the slots that it runs in; return how many."""
        options = self.instance.options
        length = int(options.slots[i])
        row = self.room[0, self.group[i], t : t + length]
        if options.curve[i] >= 0:
            row -= sign * self.use[i] * options.curves[options.curve[i], :length, None]
        else:
            row -= sign * self.use[i]
        return length

    def update_minima(self, group: int | slice, begin: int, end: int) -> None:
        """Bring the minima over windows that touch these slots up to date."""
        for level in range(1, len(self.room)):
            half, slots = 1 << (level - 1), self.instance.slots
            low, high = max(0, begin - 2 * half + 1), min(end, slots - 2 * half + 1)
            below = self.room[level - 1, group]
            axis_low, axis_high = below[..., low:high, :], below[..., low + half : high + half, :]
            np.minimum(axis_low, axis_high, out=self.room[level, group, ..., low:high, :])

    def _fits_slot_by_slot(self, i: int, t: int) -> bool:
        """Tell whether a pair whose load varies has the capacity it needs."""
        options = self.instance.options
        length = int(options.slots[i])
        load = self.use[i] * options.curves[options.curve[i], :length, None]
        return bool((self.room[0, self.group[i], t : t + length] >= load).all())

    def _part(self, option: Ints, fit: Bools) -> None:
        """Clear `fit` where another job would have to be at the same site, or must not be."""
        options = self.instance.options
        for k, job in enumerate(options.job[option].tolist()):
            for other, together in self.partners.get(job, ()):
                where = self.option[other]
                if where >= 0:
                    fit[k] &= (options.site[where] == options.site[option[k]]) == together


def _partners(instance: Instance) -> dict[int, list[tuple[int, bool]]]:
    """Return for each job those that it must be together with, or apart from."""
    found: dict[int, list[tuple[int, bool]]] = {}
    for pairs, together in ((instance.same, True), (instance.apart, False)):
        for one, other in pairs.tolist():
            found.setdefault(one, []).append((other, together))
            found.setdefault(other, []).append((one, together))
    return found
