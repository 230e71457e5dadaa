r"""Raise the Lagrangian over a working set, slot by slot: gradient steps with momentum.

The gradient is that of the Lagrangian smoothed at a small temperature :math:`\tau`, where a job
spreads over its pairs with weights :math:`\propto e^{-\bar c / \tau}` (Nesterov, "Smooth
minimization of non-smooth functions", Mathematical Programming 103 (2005),
doi:10.1007/s10107-004-0552-5, section 4); the value that is compared is not smoothed. Steps average
gradients (Barahona and Anbil, "The volume algorithm", Mathematical Programming 87 (2000),
doi:10.1007/s101070050002); where they do not gain, the search goes back to the best prices with
shorter steps and a lower temperature. Slots are too many for Newton: thousands that all matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hybridplace.solver.instance import Floats, Ints
from hybridplace.solver.working import Lines, Working

MOMENTUM = 0.9
PATIENCE = 12
"""Steps without a gain before they become shorter."""

SHORTER = 0.6

SHORTEST = 0.02
"""Of the first step: then the search ends."""

GAIN = 1e-5
"""Relative; less is none."""

WIDTH = 8.0
"""Pairs whose reduced cost is so many temperatures above the least weigh nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How the prices are searched.

    Parameters
    ----------
    steps : int
        At most.
    step : float
        The first, as a share of `pace`.
    temperature_usd : float
        The first.
    """

    steps: int
    step: float
    temperature_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ascent:
    """What a search comes to.

    Parameters
    ----------
    price : floats, (slots of all lines + L + tenants,)
        The best.
    usd : float
        The Lagrangian of the working set there.
    parts : floats, (k,)
        How much of its job each pair gets, on average over the last steps.
    """

    price: Floats
    usd: float
    parts: Floats


def ascend(lines: Lines, working: Working, price: Floats, pace: Floats, search: Search) -> Ascent:
    """Return better prices, if there are, for a working set.

    Parameters
    ----------
    price, pace : floats, (slots of all lines + L + tenants,)
        Where to start, and by how much each price moves for a unit that is missing.
    """
    at_most = np.concatenate([lines.capacity.ravel(), lines.at_most, np.zeros(lines.tenants)])
    step, tau = search.step, search.temperature_usd
    best, best_usd, gained = price, -np.inf, 0
    drift, parts = np.zeros_like(price), np.zeros(len(working.option))
    lagrangian = _Lagrangian(lines, working, at_most)
    for k in range(search.steps):
        usd, slope, near, weight = lagrangian(price, tau)
        parts *= MOMENTUM
        parts[near] += (1 - MOMENTUM) * weight
        if usd > best_usd:
            if usd > best_usd + GAIN * abs(best_usd) or not np.isfinite(best_usd):
                gained = k
            best, best_usd = price, usd
        if k - gained > PATIENCE:
            step, tau, gained = SHORTER * step, SHORTER * tau, k
            if step < SHORTEST * search.step:
                break
            price, drift = best, np.zeros_like(price)
            continue
        drift = MOMENTUM * drift + (1 - MOMENTUM) * pace * slope
        price = np.maximum(price + step * drift, 0.0)
    return Ascent(price=best, usd=best_usd, parts=parts)


class _Lagrangian:
    """The Lagrangian of a working set, and its smoothed gradient."""

    def __init__(self, lines: Lines, working: Working, at_most: Floats) -> None:
        self.lines, self.working, self.at_most = lines, working, at_most
        self.counts = np.diff(working.first)
        self.owner = np.repeat(np.arange(len(self.counts)), self.counts)

    def __call__(self, price: Floats, tau: float) -> tuple[float, Floats, Ints, Floats]:
        """Return the value, the slope, and the weights of pairs, at some prices."""
        working = self.working
        usd = working.cost_usd + working.uses @ self._knots(price)
        best = np.minimum(np.minimum.reduceat(usd, working.first[:-1]), working.reject_usd)
        fair, fair_slope = self._fair(price)
        value = float(best.sum()) - float((self.at_most * price).sum()) + fair
        near = np.flatnonzero(usd < (best + WIDTH * tau)[self.owner])
        owner = self.owner[near]
        weight = np.exp((best[owner] - usd[near]) / tau)
        total = np.bincount(owner, weight, len(best)) + np.exp((best - working.reject_usd) / tau)
        weight /= total[owner]
        slope = self._slots(self._used(near, weight)) - self.at_most
        if self.lines.tenants:
            slope[-self.lines.tenants :] += fair_slope
        return value, slope, near, weight

    def _used(self, near: Ints, weight: Floats) -> Floats:
        """Return what some pairs use of each knot, limit and share."""
        uses = self.working.uses
        begin, count = uses.indptr[near], np.diff(uses.indptr)[near]
        before = np.cumsum(count) - count
        at = np.arange(int(count.sum())) + np.repeat(begin - before, count)
        parts = np.repeat(weight, count) * uses.data[at]
        return np.bincount(uses.indices[at], parts, uses.shape[1]).astype(np.float64, copy=False)

    def _knots(self, price: Floats) -> Floats:
        """Return cumulative prices of slots, then the others."""
        count, slots = self.lines.capacity.shape
        knots = np.zeros((count, slots + 1))
        np.cumsum(price[: count * slots].reshape(count, slots), axis=1, out=knots[:, 1:])
        return np.concatenate([knots.ravel(), price[count * slots :]])

    def _slots(self, used: Floats) -> Floats:
        """Return what is used of slots, then of the others; the transpose of `_knots`."""
        count, slots = self.lines.capacity.shape
        knots = used[: self.lines.knots].reshape(count, slots + 1)
        booked = -np.cumsum(knots, axis=1)[:, :slots] * self.lines.limited
        return np.concatenate([booked.ravel(), used[self.lines.knots :]])

    def _fair(self, price: Floats) -> tuple[float, float]:
        r"""Return :math:`\min(\varphi, \sum \nu)` and its slope."""
        if not self.lines.tenants:
            return 0.0, 0.0
        paid = float(price[-self.lines.tenants :].sum())
        return min(self.lines.unfair_usd, paid), float(paid < self.lines.unfair_usd)
