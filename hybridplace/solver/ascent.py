r"""Raise the Lagrangian over time: gradient steps with momentum while the temperature falls.

The Lagrangian is smoothed at a temperature :math:`\tau`, where a job whose unit of cost is
:math:`u_j` spreads over all its options and starts with weights :math:`w \propto
e^{-\bar c / \tau u_j}` (Nesterov, "Smooth minimization of non-smooth functions", Mathematical
Programming 103 (2005), doi:10.1007/s10107-004-0552-5, section 4). Its curvature is at most

.. math:: \sum_j \frac{1}{\tau u_j} \sum_{i,t \in j} w_{it} a_{it} a_{it}^T \preceq
          \operatorname{diag} \Big( \sum_j \frac{1}{\tau u_j} \sum_{i,t \in j}
          w_{it} n_{it} a_{it}^2 \Big)

where pair i, t uses :math:`n_{it}` rows that are free to move, so a step of each row by itself
gains; steps gather momentum (Nesterov, "A method of solving a convex programming problem with
convergence rate O(1/k^2)", Soviet Mathematics Doklady 27 (1983)) until they lead back (O'Donoghue
and Candes, "Adaptive restart for accelerated gradient schemes", Foundations of Computational
Mathematics 15 (2015), doi:10.1007/s10208-013-9150-3). Slots are too many for Newton: thousands
that all matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybridplace.solver.instance import Bools, Floats, Ints
from hybridplace.solver.lines import Lines, pairs_of
from hybridplace.solver.starts import Table, add_up, price_pairs, weigh_pairs

UNDECIDED = 0.05
"""Of a job: the least curvature of a row is what so much of one that is undecided would give."""

TRUST = 1.0
"""By how much a step may change what a mean use of a slot costs, in temperatures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ascent:
    """What a search comes to.

    Parameters
    ----------
    price : floats, (slots of all lines + L + tenants,)
        The best.
    usd : float
        The Lagrangian there.
    latest : floats
        The last, where the smoothed Lagrangian is nearly as good as can be.
    """

    price: Floats
    usd: float
    latest: Floats


@dataclass(frozen=True, slots=True)
class Point:
    """What is known at some prices and a temperature.

    Parameters
    ----------
    usd, smooth_usd : float
        The Lagrangian, and smoothed.
    slope, stiffness : floats, (slots of all lines + L + tenants,)
        Of the smoothed Lagrangian: what is used beyond what there is, and by how much of that a
        dollar relieves each row, at most.
    """

    usd: float
    smooth_usd: float
    slope: Floats
    stiffness: Floats


class Lagrangian:
    """The Lagrangian of some jobs, with their part of what is scarce, smoothed."""

    def __init__(self, lines: Lines, table: Table, jobs: Ints) -> None:
        self.lines, self.table, self.jobs = lines, table, jobs
        self.part = len(jobs) / len(table.reject_usd) if len(jobs) else 1.0
        self.pairs = pairs_of(table)
        there = [lines.capacity.ravel(), lines.at_most, np.zeros(lines.tenants)]
        self.at_most = self.part * np.concatenate(there)
        others = np.ones(len(lines.at_most) + lines.tenants, dtype=bool)
        self.limited = np.concatenate([lines.limited.ravel(), others])
        self.unit_usd = float(table.unit_usd[jobs].sum()) / max(len(jobs), 1) or 1.0

    def __call__(self, price: Floats, tau: float, free: Bools) -> Point:
        """Return what is known at some prices.

        Parameters
        ----------
        free : bools
            Which prices may move.
        """
        lines, table, jobs, pairs = self.lines, self.table, self.jobs, self.pairs
        value, smooth = self.weigh(price, tau)
        used, stiff = lines.filled(), lines.filled()
        add_up(table, jobs, tau, pairs, lines.knots(free.astype(np.float64)), used, stiff)
        slope = (lines.sums(used) - self.at_most) * self.limited
        stiffness = lines.sums(stiff)
        sold_usd = float(self.at_most @ price)
        if lines.tenants:
            sold_usd -= self._fair(price, tau, slope, stiffness)
        return Point(value - sold_usd, smooth - sold_usd, slope, stiffness)

    def weigh(self, price: Floats, tau: float) -> tuple[float, float]:
        """Write the parts that pairs get; return what all jobs cost, and smoothed."""
        price_pairs(self.table, self.jobs, self.lines.knots(price), tau, self.pairs)
        smooth_usd = weigh_pairs(self.table, self.jobs, tau, self.pairs)
        return float(self.pairs.best_usd[self.jobs].sum()), smooth_usd

    def _fair(self, price: Floats, tau: float, slope: Floats, stiffness: Floats) -> float:
        r"""Return :math:`\min(\varphi, \sum \nu)`; add its smoothed slope."""
        tenants, unfair_usd = self.lines.tenants, self.lines.unfair_usd
        paid_usd, soft_usd = float(price[-tenants:].sum()), tau * self.unit_usd
        worst = float(np.exp(-np.logaddexp(0.0, (paid_usd - unfair_usd) / soft_usd)))
        slope[-tenants:] += self.part * worst
        stiffness[-tenants:] += self.part * tenants * worst * (1 - worst) / soft_usd
        return self.part * min(unfair_usd, paid_usd)


def ascend(lagrangian: Lagrangian, price: Floats, temperatures: Floats) -> Ascent:
    """Return better prices, if there are.

    Parameters
    ----------
    price : floats, (slots of all lines + L + tenants,)
        Where to start.
    temperatures : floats
        Of each step, in units of the jobs.
    """
    use, least = scales_of(lagrangian)
    best, best_usd, before_usd = price, -np.inf, -np.inf
    point, last, inertia = price, price, 1.0
    slope = lagrangian(price, float(temperatures[0]), lagrangian.limited).slope
    for tau in temperatures.tolist():
        there = lagrangian(point, tau, ((point > 0) | (slope > 0)) & lagrangian.limited)
        if there.usd > best_usd:
            best, best_usd = point, there.usd
        slope = there.slope
        moved = stepped(point, there, tau, use / lagrangian.unit_usd, least)
        if there.smooth_usd < before_usd or slope @ (moved - last) < 0:
            inertia = 1.0
        more = (1 + np.sqrt(1 + 4 * inertia**2)) / 2
        point = np.maximum(moved + (inertia - 1) / more * (moved - last), 0.0)
        before_usd, last, inertia = there.smooth_usd, moved, more
    return Ascent(price=best, usd=best_usd, latest=point)


def stepped(price: Floats, there: Point, tau: float, use: Floats, least: Floats) -> Floats:
    """Return where a step leads, with a mean use of a slot and curvatures of `scales_of`."""
    reach = TRUST * tau / use
    step = np.clip(there.slope / (there.stiffness + least / tau), -reach, reach)
    return np.maximum(price + step, 0.0)


def scales_of(lagrangian: Lagrangian) -> tuple[Floats, Floats]:
    """Return what is used of each row at a time, and its least curvature at temperature 1."""
    table, lines = lagrangian.table, lagrangian.lines
    count, slots = lines.capacity.shape
    line, use = table.loads["line"], table.loads["use"]
    length = np.repeat(table.rows["slots"], table.rows["load_end"] - table.rows["load"])
    means = _means(line, [use, use**2 * length], count)
    limits = table.limit.ravel()
    use = np.abs(table.limit_use.ravel())
    of_limits = _means(limits, [use, use**2], len(lines.at_most))
    share = table.rows["share"]
    of_shares = _means(table.rows["tenant"], [share, share**2], lines.tenants)
    mean, square = (
        np.concatenate([np.repeat(one, slots), limit, tenant])
        for one, limit, tenant in zip(means, of_limits, of_shares, strict=True)
    )
    return mean, UNDECIDED * square / lagrangian.unit_usd


def _means(row: NDArray[np.integer], figures: list[Floats], rows: int) -> list[Floats]:
    """Return the mean of each figure in each row, 1 where there is none; -1 is no row."""
    users = np.bincount(row + 1, minlength=rows + 1)[1:]
    sums = (np.bincount(row + 1, figure, rows + 1)[1:] for figure in figures)
    return [np.where(one > 0, one / np.maximum(users, 1), 1.0) for one in sums]
