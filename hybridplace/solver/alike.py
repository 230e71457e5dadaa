"""A better bound where many jobs are alike: what gangs cannot fill of a quota.

At the prices of the linear relaxation each class has a price, what its cheapest pair costs. A group
that is filled with whole jobs, each gaining what its price exceeds its cost there, is worth at most
what the capacity price says, and less where gangs do not add up to what there is: by so much the
bound is higher. `knapsack` states the formula, where single jobs are worth an ascent; here they
are so many that their prices are good already.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hybridplace.solver.filling import most_worth
from hybridplace.solver.instance import Floats, Instance, Ints, Prices
from hybridplace.solver.knapsack import JobPrices, Sack, knapsacks_of, outside
from hybridplace.solver.pricing import reduced, scarcity_usd

UNITS = 2_000
"""Groups of more units are priced by capacity: in them the gaps weigh little."""

WORTH_IT = 1e-6
"""Of the bound: what a knapsack adds at least."""


def fill_alike(sack: Sack, worth_usd: Floats, count: Ints) -> float:
    """Return the most that a group is worth with whole jobs of classes.

    Parameters
    ----------
    worth_usd : floats, (k,)
        Of one job in each option.
    count : ints, (C,)
    """
    rows = np.flatnonzero((worth_usd > 0) & (sack.units <= sack.room))
    if not len(rows):
        return 0.0
    job = sack.job[rows]
    return float(most_worth(job, sack.units[rows], worth_usd[rows], count[job], sack.room)[0])


def price_whole(
    instance: Instance, prices: Prices, count: Ints, *, bound_usd: float
) -> JobPrices | None:
    """Return prices of classes with whole jobs, of one slot; None where they prove no more.

    Parameters
    ----------
    instance : Instance
        Of one job of each class.
    prices : Prices
        Of the relaxation.
    count : ints, (C,)
        How many jobs each class has.
    """
    sacks = dict(knapsacks_of(instance, prices, UNITS))
    tried = _Trial.of(instance, prices, sacks)
    price, room = prices.capacity[:, 0, 0], instance.capacity[:, 0, 0]
    worth = {group: tried.worth_usd(one, count) for group, one in sacks.items()}
    least_usd = WORTH_IT * abs(bound_usd)
    kept = {
        group: sacks[group]
        for group, usd in worth.items()
        if float(price[group] * room[group]) - usd > least_usd
    }
    if not kept:
        return None
    final = _Trial.of(instance, prices, kept)
    found = float(count @ final.job_usd) + scarcity_usd(instance, final.prices)
    found -= sum(final.worth_usd(one, count) for one in kept.values())
    groups = np.array(list(kept), dtype=np.int64)
    return JobPrices(prices=final.prices, groups=groups, job_usd=final.job_usd, bound_usd=found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    """Prices without those of some groups, what options cost at them, and what jobs are worth."""

    prices: Prices
    cost_usd: Floats
    job_usd: Floats

    @staticmethod
    def of(instance: Instance, prices: Prices, sacks: dict[int, Sack]) -> _Trial:
        others, cost_usd, most = outside(instance, prices, sacks)
        job_usd = np.minimum(reduced(instance, prices).job_usd, most)
        return _Trial(prices=others, cost_usd=cost_usd, job_usd=job_usd)

    def worth_usd(self, sack: Sack, count: Ints) -> float:
        """Return what a group is worth with whole jobs."""
        return fill_alike(sack, self.job_usd[sack.job] - self.cost_usd[sack.option], count)
