r"""The smoothed dual of a master problem, raised by Newton steps while the temperature falls.

At temperature :math:`\tau` a job spreads over its columns and its rejection by their reduced
costs, and the dual function is smooth:

.. math:: D_\tau(\lambda) = -\tau \sum_j \log \Big(e^{-p_j / \tau}
          + \sum_{i \in j} e^{-\bar c_i / \tau}\Big) - b \lambda
          + \min\nolimits_\tau(\varphi, \textstyle\sum_u \nu_u)

(Nesterov, "Smooth minimization of non-smooth functions", Mathematical Programming 103 (2005),
doi:10.1007/s10107-004-0552-5, section 4, with the entropy as distance.) It is maximised over
:math:`\lambda \ge 0` by projected Newton steps (Bertsekas, "Projected Newton methods for
optimization problems with simple constraints", SIAM Journal on Control and Optimization 20 (1982),
doi:10.1137/0320018) within a box that follows what the steps achieve: a row that nobody is
undecided about has no curvature.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hybridplace.solver.instance import Bools, Floats
from hybridplace.solver.master import Master, core

if TYPE_CHECKING:
    from scipy.sparse import csr_array

STAGES = 12
"""Temperatures; at the first all jobs are undecided, at the last few are."""

COOLING = 2.0
"""By how much the temperature falls from stage to stage."""

SAMPLE = 5_000
"""Jobs that the hot stages look at, of more."""

ALL_JOBS = 7
"""The stage from which on all jobs count; before, at least a quarter of those of the next stage."""

REACH = 10.0
"""Half the width of a stage's box, in temperatures, for a column that uses little of the row."""

MARGIN = 8.0
"""How much above the best of half the box a column still counts, in temperatures."""

MOVES = 4
"""Boxes of a stage: the next one is around the prices that lie at the edge of the last."""

WIDER = 4.0
"""By how much the box of a row grows if its price is at the edge."""

STEPS = 8
"""Newton steps in a box."""

FIRST_STEPS = 40
"""Newton steps in the first stage, which starts anywhere."""

SMALL_GAIN = 0.05
"""Steps end where the slope promises less than this share of the temperature for each row."""

TRUST = 8.0
"""By how much the first step may change reduced costs, in temperatures."""

HEAVY = 0.05
"""Columns with at least this weight limit steps."""

FLAT = 0.1
"""Rows with less curvature than so many undecided jobs would give are moved with care."""

FINAL_REACH = 4.0
"""How far from the optimum prices are thought to end, in last temperatures."""

DENSE = 6
"""Matrices with more than one entry in so many are multiplied as dense ones."""

DENSE_ROWS = 4_096
"""Rows of a matrix that are multiplied at once."""


@dataclass(frozen=True, slots=True)
class _Spread:
    r"""The smoothed dual at some prices.

    Parameters
    ----------
    slope : floats, (m,)
        :math:`\nabla D_\tau`: what is used of each row, less what there is.
    weight : floats, (n,)
        How much of its job each column gets.
    worst : float
        The same of `m`, the share of the worst-off tenant.
    """

    usd: float
    slope: Floats
    weight: Floats
    worst: float


def raise_prices(master: Master) -> Floats:
    """Return prices of the rows that nearly maximise the Lagrangian; (m,), none below 0."""
    price = np.zeros(len(master.at_most))
    if not len(price) or not len(master.counts):
        return price
    scale, jobs, tau = row_scale(master), len(master.counts), hottest_usd(master)
    price = _newton(_sample(master, SAMPLE), price, tau, np.full(len(price), np.inf), scale)
    for stage in range(1, STAGES):
        tau /= COOLING
        part = _sample(master, max(SAMPLE, jobs >> 2 * max(ALL_JOBS - stage, 0)))
        price = _stage(part, price, tau, scale)
    return price


def _stage(master: Master, price: Floats, tau: float, scale: Floats) -> Floats:
    """Return better prices at one temperature, looking at what may count near them."""
    box = REACH * tau / scale
    for _ in range(MOVES):
        near = core(master, price, box / 2, MARGIN * tau)
        moved = _newton(near.master, price, tau, box, scale)
        at_edge = np.abs(moved - price) >= 0.99 * box
        price = moved
        if not at_edge.any():
            break
        box = np.where(at_edge, WIDER * box, box)
    return price


def hottest_usd(master: Master) -> float:
    """Return the first temperature: what a job costs on average at no prices, if anything."""
    for usd in (master.best(master.cost_usd), master.cost_usd, master.reject_usd):
        if usd.any():
            return float(np.abs(usd).mean())
    return 1.0


def price_box(master: Master) -> Floats:
    """Return how far from those of `raise_prices` optimal prices are thought to be; (m,)."""
    return FINAL_REACH * hottest_usd(master) / COOLING ** (STAGES - 1) / row_scale(master)


def _sample(master: Master, jobs: int) -> Master:
    """Return so many jobs if there are more, always the same."""
    if len(master.counts) <= jobs:
        return master
    order = np.random.default_rng(0).permutation(len(master.counts))
    return master.sample(np.sort(order[:jobs]))


def row_scale(master: Master) -> Floats:
    """Return the harmonic mean of what columns use of each row, where they do; (m,), above 0."""
    rows = len(master.at_most)
    inverse = np.bincount(master.uses.indices, 1 / np.abs(master.uses.data), rows)
    count = np.bincount(master.uses.indices, minlength=rows)
    return np.where(count > 0, count / np.where(count > 0, inverse, 1.0), 1.0)


def _newton(master: Master, price: Floats, tau: float, box: Floats, scale: Floats) -> Floats:
    """Return better prices at one temperature, no further than `box` away."""
    low, high = np.maximum(price - box, 0.0), price + box
    trust_usd = TRUST * tau
    spread = _spread(master, price, tau)
    hessian, damping = _curvature(master, spread, tau, scale)
    for _ in range(STEPS if np.isfinite(box).all() else FIRST_STEPS):
        flat = np.diag(hessian) * tau < FLAT * scale**2
        reach = np.where(flat, trust_usd / scale, np.inf)
        step = _step(
            spread.slope,
            hessian + np.diag(damping),
            np.maximum(low - price, -reach),
            np.minimum(high - price, reach),
        )
        if spread.slope @ step <= SMALL_GAIN * tau * len(price):
            break
        change_usd = _change_usd(master, price, spread, step)
        trust_usd = min(trust_usd, change_usd)
        step *= trust_usd / change_usd if change_usd > 0 else 1.0
        expected_usd = float(spread.slope @ step - step @ hessian @ step / 2)
        after = _spread(master, price + step, tau)
        gain_usd = after.usd - spread.usd
        if gain_usd > expected_usd / 2:
            trust_usd *= 4
        if gain_usd > expected_usd / 20:
            price, spread = price + step, after
            hessian, damping = _curvature(master, spread, tau, scale)
        else:
            trust_usd /= 4
    return price


def _change_usd(master: Master, price: Floats, spread: _Spread, step: Floats) -> float:
    """Return by how much a step changes the reduced cost of columns that have weight, at most.

    For `m` only what lies beyond its turning point counts.
    """
    heavy = spread.weight > HEAVY
    change_usd = float(np.abs(master.uses @ step)[heavy].max(initial=0.0))
    if master.shares:
        paid_usd = float(price[-master.shares :].sum())
        more_usd = float(step[-master.shares :].sum())
        free_usd = (master.unfair_usd - paid_usd) * np.sign(more_usd)
        change_usd = max(change_usd, abs(more_usd) - max(free_usd, 0.0))
    return change_usd


def _spread(master: Master, price: Floats, tau: float) -> _Spread:
    """Return the smoothed dual; exponents are at most 0, so nothing overflows."""
    reduced = master.reduced(price)
    best = master.best(reduced)
    weight = np.exp((np.repeat(best, master.counts) - reduced) / tau)
    rejected = np.exp((best - master.reject_usd) / tau)
    total = master.sum_by_job(weight) + rejected
    weight /= np.repeat(total, master.counts)
    slope = master.uses.T @ weight - master.at_most
    usd = float(best.sum()) - tau * float(np.log(total).sum()) - float(master.at_most @ price)
    worst = 0.0
    if master.shares:
        paid_usd = float(price[-master.shares :].sum())
        apart = (paid_usd - master.unfair_usd) / tau
        usd += master.worst * (paid_usd - tau * float(np.logaddexp(0.0, apart)))
        worst = master.worst * float(np.exp(-np.logaddexp(0.0, apart)))
        slope[-master.shares :] += worst
    return _Spread(usd, slope, weight, worst)


def _curvature(master: Master, spread: _Spread, tau: float, scale: Floats) -> tuple[Floats, Floats]:
    r"""Return minus the Hessian, and what damps its diagonal.

    .. math:: \frac{1}{\tau} \sum_j \Big(\sum_{i \in j} w_i a_i a_i^T
              - \sum_{i \in j} w_i a_i \sum_{i \in j} w_i a_i^T\Big)

    The damping is a small part of the first sum, and of what one undecided job would give.
    """
    from scipy.sparse import csr_array

    uses, rows = master.uses, len(master.at_most)
    entries = np.diff(uses.indptr)
    used = np.repeat(spread.weight, entries) * uses.data
    alone = np.bincount(uses.indices, used * uses.data, rows)
    by_job = csr_array((used, uses.indices, uses.indptr[master.first]), (len(master.counts), rows))
    weighted = csr_array((used, uses.indices, uses.indptr), uses.shape)
    second = np.diag(alone) if entries.max(initial=0) < 2 else (uses.T @ weighted).toarray()
    hessian = second - _square(by_job)
    if master.shares:
        open_share = spread.worst * (1 - spread.worst / master.worst)
        hessian[-master.shares :, -master.shares :] += open_share
    return hessian / tau, (1e-4 * alone + 1e-6 * scale**2) / tau


def _square(matrix: csr_array) -> Floats:
    """Return the product of a matrix, transposed, with itself."""
    size, rows = matrix.shape
    square = np.zeros((rows, rows))
    if matrix.nnz * DENSE < size * rows:
        square += (matrix.T @ matrix).toarray()
        return square
    for begin in range(0, size, DENSE_ROWS):
        part = matrix[begin : begin + DENSE_ROWS].toarray()
        square += part.T @ part
    return square


def _step(slope: Floats, system: Floats, low: Floats, high: Floats) -> Floats:
    """Return the step that the system asks for, within bounds around 0.

    Rows that leave their bounds are held there, and the others solved again, a few times.
    """
    step = np.zeros_like(slope)
    free: Bools = ~(((low >= 0) & (slope <= 0)) | ((high <= 0) & (slope >= 0)))
    for _ in range(4):
        rows = np.flatnonzero(free)
        step[rows] = np.linalg.solve(
            system[np.ix_(rows, rows)], slope[rows] - system[np.ix_(rows, ~free)] @ step[~free]
        )
        wanted, step = step, np.clip(step, low, high)
        if (wanted == step).all():
            break
        free &= wanted == step
    return step
