r"""A better bound over time where own pools are few gangs large: prices of jobs in each slot.

Prices of capacity let parts of a gang run beside others. Here each job has prices of its own,
:math:`\mu_{jg\tau}` per accelerator in slot :math:`\tau` of pool g, and each slot of such a pool is
a knapsack that takes the whole jobs that pay the most (Guignard and Kim, "Lagrangean
decomposition", Mathematical Programming 39 (1987), doi:10.1007/BF02592954). The bound is

.. math:: L(\mu) = \sum_j \min\Big(\dots, \min_{i, t} c_{it} + \sum_\tau a_i \mu_{jg\tau}\Big)
          - \sum_{g, \tau} \max_x \Big\{ \sum_j a_i \mu_{jg\tau} x_i : \sum a_i x_i \le b_{g\tau},
          \sum_{i \in j} x_i \le 1 \Big\} - \dots

At :math:`\mu_{jg\tau} = \lambda_{g\tau}` it is at least the bound of the prices of capacity. From
there it rises by steps along its slope, each price by itself (Adam: Kingma and Ba, "Adam: a method
for stochastic optimization", ICLR 2015, doi:10.48550/arXiv.1412.6980).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hybridplace.solver.instance import Floats, Instance, Ints, Prices
from hybridplace.solver.pricing import reduced, scarcity_usd
from hybridplace.solver.slotclaims import claims_of
from hybridplace.solver.slotfilling import Asked, Claims, ask_jobs, fill_slots

ACCELERATORS = 64
"""Own pools of more are priced by capacity: in them gaps weigh little."""

MOST_PRICES = 150_000
"""Of jobs in slots: with more a step would take too long."""

WORK, FEWEST_STEPS, MOST_STEPS = 5_000_000, 150, 600
"""Prices that are looked at, over all steps, and how many these are."""

HOT, COLD = 0.12, 0.003
"""By how much the first and the last step change a price, of what it was and of the mean."""

INERTIA, MEMORY = 0.95, 0.99
"""Of the slope, and of its square."""

LEAST_SLOPE = 1e-3

TAU = 1e-3
"""Temperature, in units of the jobs: they are shared out among what costs nearly the same."""

DIGITS = 6
"""Of a price, after the point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotPrices:
    r"""Prices of jobs in slots of own pools, and what they prove.

    Parameters
    ----------
    prices : Prices
        Of all else: those of the accelerators of the pools that are knapsacks are 0.
    groups : ints
        The groups that are knapsacks.
    claims : Claims
        Whose prices they are, and where.
    price : floats
        :math:`\mu_{jg\tau}`, none below 0.
    bound_usd : float
    """

    prices: Prices
    groups: Ints
    claims: Claims
    price: Floats
    bound_usd: float


def price_slots(instance: Instance, prices: Prices) -> SlotPrices | None:
    """Return prices of jobs in slots that prove more than prices of capacity; None if none do."""
    groups = small_groups(instance, prices)
    if not len(groups):
        return None
    capacity = prices.capacity.copy()
    capacity[groups, 0] = 0.0
    others = replace(prices, capacity=capacity)
    claims = claims_of(instance, others, groups)
    if not 0 < int((claims.to_slot - claims.from_slot).sum()) <= MOST_PRICES:
        return None
    ascent = _Ascent(claims, scarcity_usd(instance, others))
    price, bound_usd = ascent.run(_first_price(claims, prices))
    if bound_usd <= reduced(instance, prices).bound_usd:
        return None
    return SlotPrices(prices=others, groups=groups, claims=claims, price=price, bound_usd=bound_usd)


def small_groups(instance: Instance, prices: Prices) -> Ints:
    """Return the groups of own nodes of few accelerators that have a price in some slot."""
    own = np.isfinite(instance.capacity[:, 1]).all(axis=1)
    few = instance.capacity[:, 0].max(axis=1) <= ACCELERATORS
    found: Ints = np.flatnonzero(own & few & (prices.capacity[:, 0] > 0).any(axis=1))
    return found


def _first_price(claims: Claims, prices: Prices) -> Floats:
    """Return the prices of capacity, claim by claim."""
    width = claims.to_slot - claims.from_slot
    claim = np.repeat(np.arange(len(width)), width)
    slot = np.arange(len(claim)) - claims.at[claim]
    return np.asarray(prices.capacity[claims.group[claim], 0, slot])


class _Ascent:
    """Raises the bound.

    Parameters
    ----------
    rest_usd : float
        What the bound has beside jobs and knapsacks.
    """

    def __init__(self, claims: Claims, rest_usd: float) -> None:
        self.claims, self.rest_usd = claims, rest_usd
        prices = int((claims.to_slot - claims.from_slot).sum())
        knots = prices + len(claims.at)
        pairs = int(np.diff(claims.cost_first[claims.first]).max(initial=0))
        jobs = len(claims.outside_usd)
        self._asked = Asked(np.zeros(jobs), np.zeros(knots), np.zeros(knots), np.zeros(pairs))
        rows = int(np.diff(claims.cell_first).max(initial=0)) + 1
        self._table = np.zeros((rows, int(claims.room.max(initial=0)) + 1))
        self.slope = np.zeros(prices)

    def bound(self, price: Floats) -> float:
        """Return the bound, and write by how much it grows with each price."""
        usd = ask_jobs(self.claims, price, TAU, self._asked, self.slope)
        return self.rest_usd + usd - fill_slots(self.claims, price, self._table, self.slope)

    def run(self, price: Floats) -> tuple[Floats, float]:
        """Return the best prices of some steps, and their bound."""
        reach = _reach(self.claims, price)
        best, bound_usd, point = price, -np.inf, price
        mean, square = np.zeros_like(price), np.zeros_like(price)
        steps = int(np.clip(WORK // len(price), FEWEST_STEPS, MOST_STEPS))
        for step, pace in enumerate(np.geomspace(HOT, COLD, steps).tolist(), start=1):
            usd = self.bound(point)
            if usd > bound_usd:
                best, bound_usd = point, usd
            mean = INERTIA * mean + (1 - INERTIA) * self.slope
            square = MEMORY * square + (1 - MEMORY) * self.slope**2
            size = np.sqrt(square / (1 - MEMORY**step)) + LEAST_SLOPE
            point = np.maximum(point + pace * reach * mean / (1 - INERTIA**step) / size, 0.0)
        best = np.round(best, DIGITS)
        return best, self.bound(best)


def _reach(claims: Claims, price: Floats) -> Floats:
    """Return what each price may change by: 0 where there is nothing, and prices keep all away."""
    there = np.zeros(len(price), np.bool_)
    cell = np.repeat(np.arange(len(claims.slot)), np.diff(claims.cell_first))
    there[claims.at[claims.cell_claim] + claims.slot[cell]] = claims.room[cell] > 0
    return np.where(there, (price + price[there].mean()) / 2 if there.any() else 0.0, 0.0)
