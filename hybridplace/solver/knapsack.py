r"""A better bound where few large jobs share a quota: prices of jobs instead of prices of capacity.

Capacity prices let a quota be filled to the last unit; whole jobs leave gaps. Here each job has a
price :math:`\pi_j`, what placing it is worth, and each scarce group chooses the jobs whose worth
exceeds their cost there by the most, as a knapsack of whole jobs, one option each:

.. math:: L(\pi) = \sum_j \pi_j - \sum_{g \in K} \max_x \Big\{ \sum_{i \in g} (\pi_j - \bar c_i) x_i
          : \sum_{i \in g} a_i x_i \le b_g, \sum_{i \in g \cap j} x_i \le 1 \Big\} - \dots

with :math:`\pi_j` at most what the job costs where no knapsack rules, so that nothing else can
gain by it. It is at least the linear bound, and usually closes most of what that leaves (Fisher,
Jaikumar and Van Wassenhove, "A multiplier adjustment method for the generalized assignment
problem", Management Science 32 (1986), doi:10.1287/mnsc.32.9.1095; Polyak's step: "Minimization of
unsmooth functionals", USSR Computational Mathematics and Mathematical Physics 9 (1969),
doi:10.1016/0041-5553(69)90061-5). For one slot: over time a knapsack is no longer easy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from hybridplace.model.capacity import SIZE_TOLERANCE
from hybridplace.solver.filling import most_worth
from hybridplace.solver.instance import Floats, Instance, Ints, Prices
from hybridplace.solver.pricing import reduced, scarcity_usd

UNITS = 400
"""Groups of more units are priced by capacity: in them the gaps weigh little."""

STEPS = 80
"""Of the ascent, at most."""

HOPED = 0.1
"""Of the gap: by so much a step tries to raise the best bound, at first."""

PATIENCE = 4
"""Steps without a better bound after which half as much is hoped for."""

MOST_ROWS = 2_500_000
"""Options that are worth more than they cost, over all steps: what a step costs grows with them."""

SAFE = 1.0001
"""Times what a choice loses: far above rounding errors."""

LEAST = 0.2
"""Of what a unit costs: what options may lose at least to be looked at first."""

KEPT = 0.8
"""Of the last direction, so that steps do not zigzag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPrices:
    r"""Prices of jobs, and what they prove.

    Parameters
    ----------
    prices : Prices
        Of all else: those of the groups that are knapsacks are 0.
    groups : ints
        The groups that are knapsacks, in what they have of their first resource.
    job_usd : floats, (J,)
        :math:`\pi_j`.
    bound_usd : float
    """

    prices: Prices
    groups: Ints
    job_usd: Floats
    bound_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sack:
    """A knapsack: the options of one group, by job.

    Parameters
    ----------
    option, job, units : ints, (k,)
        Rows of `Options`, whose they are, and what they take, in units; sorted by job.
    room : int
        Units that there are.
    unit_usd : float
        What one costs at the prices of capacity.
    """

    option: Ints
    job: Ints
    units: Ints
    room: int
    unit_usd: float


def lift(instance: Instance, prices: Prices, best_usd: float, *, target_gap: float) -> JobPrices:
    """Return prices of jobs whose bound is at least that of `prices`; of one slot.

    Parameters
    ----------
    best_usd : float
        What the best plan known costs.
    target_gap : float
        The ascent ends when the bound is that near.
    """
    knapsacks = dict(knapsacks_of(instance, prices))
    others, cost_usd, most = outside(instance, prices, knapsacks)
    start = np.minimum(reduced(instance, prices).job_usd, most)
    # Below what a job costs at its cheapest its price changes nothing; that is below 0 only where
    # a share is worth more.
    least = np.minimum(np.minimum(least_of(instance, cost_usd), most), 0.0)
    rest_usd = scarcity_usd(instance, others)
    ascent = _Ascent(list(knapsacks.values()), cost_usd, (least, most), rest_usd)
    job_usd, bound_usd = ascent.run(start, best_usd, best_usd / (1 + target_gap))
    return JobPrices(
        prices=others,
        groups=np.array(list(knapsacks), dtype=np.int64),
        job_usd=job_usd,
        bound_usd=bound_usd,
    )


def outside(
    instance: Instance, prices: Prices, sacks: Mapping[int, Sack]
) -> tuple[Prices, Floats, Floats]:
    """Return prices without those of some groups, what options cost at them, and jobs elsewhere.

    Returns
    -------
    Prices
    floats, (n,)
        The reduced cost of each option.
    floats, (J,)
        The least of each job in none of the groups, rejection included.
    """
    capacity = prices.capacity.copy()
    capacity[list(sacks), 0] = 0.0
    others = replace(prices, capacity=capacity)
    cost_usd = reduced(instance, others).usd
    free = cost_usd.copy()
    for one in sacks.values():
        free[one.option] = np.inf
    return others, cost_usd, np.minimum(instance.jobs.reject_usd, least_of(instance, free))


def knapsacks_of(
    instance: Instance, prices: Prices, most_units: int = UNITS
) -> Iterator[tuple[int, Sack]]:
    """Yield the groups that can become knapsacks: those with a price, in few units."""
    options = instance.options
    for group in np.flatnonzero(prices.capacity[:, 0, 0] > 0).tolist():
        rows = np.flatnonzero(options.group == group)
        use, curve = options.use[rows, 0], options.curve[rows]
        unit = unit_of(use[use > 0])
        part = options.curves[curve[curve >= 0], 0]
        if unit > 0 and (part == 1.0).all():
            room = (instance.capacity[group, 0, 0] + SIZE_TOLERANCE) // unit
            if room <= most_units:
                units = np.round(use / unit).astype(np.int64)
                job = options.job[rows].astype(np.int64)
                yield (
                    group,
                    Sack(
                        option=rows,
                        job=job,
                        units=units,
                        room=int(room),
                        unit_usd=float(prices.capacity[group, 0, 0]) * unit,
                    ),
                )


def unit_of(uses: Floats) -> float:
    """Return the largest power of two that divides all uses; 0 if none down to an eighth does."""
    for unit in (64.0, 32.0, 16.0, 8.0, 4.0, 2.0, 1.0, 0.5, 0.25, 0.125):
        if (np.abs(uses / unit - np.round(uses / unit)) < 1e-9).all():
            return unit
    return 0.0


def least_of(instance: Instance, usd: Floats) -> Floats:
    """Return the least figure of each job's options; inf without any."""
    least = np.full(len(instance.jobs.reject_usd), np.inf)
    np.minimum.at(least, instance.options.job, usd)
    return least


class _Ascent:
    """Maximises the bound over the prices of jobs.

    Parameters
    ----------
    knapsacks : list of Sack
    cost_usd : floats, (n,)
        Of each option.
    bounds_usd : tuple of two floats, (J,)
        The prices of jobs are between them.
    rest_usd : float
        What the bound has beside jobs and knapsacks.
    """

    def __init__(
        self,
        knapsacks: list[Sack],
        cost_usd: Floats,
        bounds_usd: tuple[Floats, Floats],
        rest_usd: float,
    ) -> None:
        (self.least_usd, self.most_usd), self.rest_usd = bounds_usd, rest_usd
        self.sacks, self.rows = knapsacks, 0
        self.reach_usd = [one.unit_usd for one in knapsacks]
        parts = [_can_be_worth(one, cost_usd, self.most_usd) for one in knapsacks]
        self.sack = np.repeat(np.arange(len(parts)), [len(one.job) for one in parts])
        self.job = _joined([one.job for one in parts])
        self.units = _joined([one.units for one in parts])
        self.cost_usd = cost_usd[_joined([one.option for one in parts])]

    def run(self, job_usd: Floats, best_usd: float, enough_usd: float) -> tuple[Floats, float]:
        """Return the best prices of some steps, and their bound."""
        usd, slope = self.bound(job_usd)
        best, bound_usd, direction = job_usd, usd, np.zeros_like(slope)
        hoped_usd, idle = HOPED * max(best_usd - usd, 0.0), 0
        for _ in range(STEPS):
            direction = KEPT * direction + slope
            direction[(direction > 0) & (job_usd >= self.most_usd)] = 0.0
            length = float((direction**2).sum())
            if bound_usd >= enough_usd or length == 0.0 or self.rows > MOST_ROWS:
                break
            step = (bound_usd + hoped_usd - usd) / length
            job_usd = np.clip(job_usd + step * direction, self.least_usd, self.most_usd)
            usd, slope = self.bound(job_usd)
            idle += 1
            if usd > bound_usd:
                best, bound_usd, idle = job_usd, usd, 0
            elif idle == PATIENCE:
                job_usd, hoped_usd, idle = best, hoped_usd / 2, 0
                usd, slope = self.bound(best)
                direction[:] = 0.0
        return best, bound_usd

    def bound(self, job_usd: Floats) -> tuple[float, Floats]:
        """Return the bound, and by how much it grows with each job's price."""
        worth = job_usd[self.job] - self.cost_usd
        rows = np.flatnonzero(worth > 0)
        worthy = _Worthy(self.sack[rows], self.job[rows], self.units[rows], worth[rows])
        lost_usd, most_usd = worthy.lost_usd(self.sacks)
        self.rows += len(rows)
        usd, taken = float(job_usd.sum()) + self.rest_usd, np.zeros(len(job_usd))
        ends = np.searchsorted(worthy.sack, np.arange(len(self.sacks)), side="right").tolist()
        for k, (begin, end) in enumerate(zip([0, *ends], ends, strict=False)):
            if begin < end:
                gained, jobs = self._fill(k, worthy, begin, lost_usd[begin:end], most_usd[k])
                usd -= gained
                taken[jobs] += 1.0
        # Where no knapsack rules, a job is placed once its price is what that costs.
        return usd, np.where((taken == 0) & (job_usd >= self.most_usd), 0.0, 1.0 - taken)

    def _fill(
        self, k: int, worthy: _Worthy, begin: int, lost_usd: Floats, most_usd: float
    ) -> tuple[float, Ints]:
        """Return the most that a knapsack is worth, and the jobs that it takes.

        Options that lose more than the best choice does are in no best choice.
        """
        while True:
            near = begin + np.flatnonzero(lost_usd <= self.reach_usd[k])
            job, ones = worthy.job[near], np.ones_like(near)
            gained, times = most_worth(
                job, worthy.units[near], worthy.usd[near], ones, self.sacks[k].room
            )
            loses, reach = SAFE * (most_usd - gained), self.reach_usd[k]
            self.reach_usd[k] = max(loses, LEAST * self.sacks[k].unit_usd)
            if loses <= reach:
                return gained, job[times > 0]


class _Worthy(NamedTuple):
    """Options that are worth more than they cost, sorted by knapsack and job; a row each."""

    sack: Ints
    job: Ints
    units: Ints
    usd: Floats

    def lost_usd(self, sacks: list[Sack]) -> tuple[Floats, Floats]:
        r"""Return what each option loses of the most that its knapsack can be worth, and that.

        With :math:`\lambda` for a unit no choice is worth more than :math:`\lambda b + \sum_j s_j`,
        :math:`s_j` the best of :math:`w_i - \lambda a_i` and 0, and less by
        :math:`s_j - (w_i - \lambda a_i)` if option i is in it.
        """
        unit_usd = np.array([one.unit_usd for one in sacks])
        room = np.array([one.room for one in sacks])
        saved = self.usd - unit_usd[self.sack] * self.units
        changes = (np.diff(self.sack) != 0) | (np.diff(self.job) != 0)
        heads = np.flatnonzero(np.append(len(saved) > 0, changes))
        best = np.maximum(np.maximum.reduceat(saved, heads), 0.0) if len(heads) else saved
        counts = np.diff(np.append(heads, len(saved)))
        most = unit_usd * room + np.bincount(self.sack[heads], best, len(sacks))
        return np.repeat(best, counts) - saved, most


def _can_be_worth(sack: Sack, cost_usd: Floats, most_usd: Floats) -> Sack:
    """Return the options that fit, and of which some price of their jobs exceeds the cost."""
    rows = (sack.units <= sack.room) & (cost_usd[sack.option] < most_usd[sack.job])
    return replace(sack, option=sack.option[rows], job=sack.job[rows], units=sack.units[rows])


def _joined(parts: list[Ints]) -> Ints:
    return np.concatenate([np.zeros(0, dtype=np.int64), *parts])
