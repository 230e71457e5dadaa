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

import numpy as np

from hybridplace.model.capacity import SIZE_TOLERANCE
from hybridplace.solver.filling import most_worth
from hybridplace.solver.instance import Floats, Instance, Ints, Prices
from hybridplace.solver.pricing import reduced, scarcity_usd

UNITS = 400
"""Groups of more units are priced by capacity: in them the gaps weigh little."""

STEPS = 80
"""Of the ascent, at most."""

PATIENCE = 6
"""Steps without a better bound after which they are halved."""

MOST_ROWS = 100_000
"""Of knapsack tables, over all steps: what a step costs grows with the jobs."""

KEPT = 0.7
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
    """

    option: Ints
    job: Ints
    units: Ints
    room: int


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
                yield group, Sack(option=rows, job=job, units=units, room=int(room))


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
    """Maximises the bound over the prices of jobs."""

    def __init__(
        self,
        knapsacks: list[Sack],
        cost_usd: Floats,
        bounds_usd: tuple[Floats, Floats],
        rest_usd: float,
    ) -> None:
        self.knapsacks, self.cost_usd, self.rest_usd = knapsacks, cost_usd, rest_usd
        (self.least_usd, self.most_usd), self.rows = bounds_usd, 0

    def run(self, job_usd: Floats, best_usd: float, enough_usd: float) -> tuple[Floats, float]:
        """Return the best prices of some steps, and their bound."""
        usd, slope = self.bound(job_usd)
        best, bound_usd, direction = job_usd, usd, np.zeros_like(slope)
        factor, idle = 1.0, 0
        for _ in range(STEPS):
            direction = KEPT * direction + slope
            direction[(direction > 0) & (job_usd >= self.most_usd)] = 0.0
            length = float((direction**2).sum())
            if bound_usd >= enough_usd or length == 0.0 or self.rows > MOST_ROWS:
                break
            step = factor * (best_usd - usd) / length
            job_usd = np.clip(job_usd + step * direction, self.least_usd, self.most_usd)
            usd, slope = self.bound(job_usd)
            idle += 1
            if usd > bound_usd:
                best, bound_usd, idle = job_usd, usd, 0
            elif idle == PATIENCE:
                job_usd, factor, idle = best, factor / 2, 0
                usd, slope = self.bound(best)
                direction[:] = 0.0
        return best, bound_usd

    def bound(self, job_usd: Floats) -> tuple[float, Floats]:
        """Return the bound, and by how much it grows with each job's price."""
        usd = float(job_usd.sum()) + self.rest_usd
        taken = np.zeros(len(job_usd))
        for one in self.knapsacks:
            worth_usd = job_usd[one.job] - self.cost_usd[one.option]
            worth, jobs = fill(one, worth_usd)
            self.rows += int((worth_usd > 0).sum())
            usd -= worth
            taken[jobs] += 1.0
        # Where no knapsack rules, a job is placed once its price is what that costs.
        return usd, np.where((taken == 0) & (job_usd >= self.most_usd), 0.0, 1.0 - taken)


def fill(knapsack: Sack, worth_usd: Floats) -> tuple[float, Ints]:
    """Return the most that a group is worth with whole jobs, and the jobs that it takes."""
    rows = np.flatnonzero((worth_usd > 0) & (knapsack.units <= knapsack.room))
    if not len(rows):
        return 0.0, rows
    job, units, worth = knapsack.job[rows], knapsack.units[rows], worth_usd[rows]
    first = np.flatnonzero(np.append(True, job[1:] != job[:-1]))
    best = np.maximum.reduceat(worth, first)
    whole = np.maximum.reduceat(units, first)
    if whole.sum() <= knapsack.room:
        return float(best.sum()), job[first]
    ones = np.ones(len(rows), dtype=np.int64)
    usd, taken = most_worth(job, units, worth, ones, knapsack.room)
    return float(usd), job[taken > 0]
