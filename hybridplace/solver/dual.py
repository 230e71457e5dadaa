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

import numpy as np

from hybridplace.solver.instance import Bools, Floats
from hybridplace.solver.master import Master, core

COOLING = 3.0
"""By how much the temperature falls from stage to stage."""

FLAT = 0.1
"""Rows with less curvature than so many undecided jobs would give are moved with care."""

HEAVY = 0.05
"""Columns with at least this weight limit how far a step may go."""

STAGES = 8
"""The first is as hot as jobs are dear on average, at no prices."""

STEPS = 12
"""At most, of one stage around the same prices."""

MOVES = 4
"""How often a stage may go on around the prices it came to, if these are at the edge of its box."""

WIDER = 4.0
"""What the box of a row at the edge then grows by."""

REACH = 10.0
"""Half the width of the box, in temperatures for a column of typical use."""

MARGIN = 8.0
"""How much above the best a column still counts, in temperatures, at half the box."""

SMALL_GAIN = 0.05
"""A stage ends when a step would gain less than this share of the temperature for each row."""

SAMPLE = 5_000
"""Jobs that the hot stages of a problem with at least twice as many are made of."""

SAMPLED_STAGES = 4


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
    price, stage = np.zeros(len(master.at_most)), 0
    if not len(price) or not len(master.counts):
        return price
    sample = _sample(master)
    scale = row_scale(master)
    for stage in range(STAGES):
        tau = temperature_usd(master, stage)
        part = sample if stage < SAMPLED_STAGES else master
        if stage == 0:
            box = np.full(len(price), np.inf)
            price = _newton(part, price, tau, box, scale)
            continue
        box = REACH * tau / scale
        for _ in range(MOVES):
            near = core(part, price, box / 2, MARGIN * tau)
            moved = _newton(near.master, price, tau, box, scale)
            at_edge = np.abs(moved - price) >= 0.99 * box
            price = moved
            if not at_edge.any():
                break
            box = np.where(at_edge, WIDER * box, box)
    return price


def temperature_usd(master: Master, stage: int) -> float:
    """Return the temperature of a stage."""
    best_usd = master.best(master.cost_usd)
    return float(np.abs(best_usd).mean()) / COOLING**stage


def price_box(master: Master) -> Floats:
    """Return how far the optimal prices may be from those of `raise_prices`, typically; (m,)."""
    if not len(master.counts):
        return np.ones(len(master.at_most))
    return REACH * temperature_usd(master, STAGES - 1) / row_scale(master)


def _sample(master: Master) -> Master:
    """Return a part of the jobs if there are many, always the same."""
    jobs = len(master.counts)
    if jobs < 2 * SAMPLE:
        return master
    order = np.random.default_rng(0).permutation(jobs)
    return master.sample(np.sort(order[:SAMPLE]))


def row_scale(master: Master) -> Floats:
    """Return what the columns that use a row use of it on average; (m,), above 0."""
    rows = len(master.at_most)
    inverse = np.bincount(master.uses.indices, 1 / np.abs(master.uses.data), rows)
    count = np.bincount(master.uses.indices, minlength=rows)
    return np.where(count > 0, count / np.where(count > 0, inverse, 1.0), 1.0)


def _newton(master: Master, price: Floats, tau: float, box: Floats, scale: Floats) -> Floats:
    """Return better prices at one temperature, no further than `box` away."""
    low, high = np.maximum(price - box, 0.0), price + box
    trust_usd = 4.0 * tau
    spread = _spread(master, price, tau)
    hessian, damping = _curvature(master, spread, tau, scale)
    for _ in range(STEPS if np.isfinite(box).all() else 5 * STEPS):
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
    mean = by_job.toarray()
    hessian = second - mean.T @ mean
    if master.shares:
        open_share = spread.worst * (1 - spread.worst / master.worst)
        hessian[-master.shares :, -master.shares :] += open_share
    return hessian / tau, (1e-4 * alone + 1e-6 * scale**2) / tau


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
