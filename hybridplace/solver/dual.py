r"""The smoothed dual of a master problem, raised by Newton steps while the temperature falls.

At temperature :math:`\tau` job j, whose unit of cost is :math:`u_j`, spreads over its columns and
its rejection by their reduced costs, :math:`\tau_j = \tau u_j`, and the dual function is smooth:

.. math:: D_\tau(\lambda) = -\sum_j \tau_j \log \Big(e^{-p_j / \tau_j}
          + \sum_{i \in j} e^{-\bar c_i / \tau_j}\Big) - b \lambda
          + \min\nolimits_\tau(\varphi, \textstyle\sum_u \nu_u)

(Nesterov, "Smooth minimization of non-smooth functions", Mathematical Programming 103 (2005),
doi:10.1007/s10107-004-0552-5, section 4, with the entropy as distance.) It is maximised over
:math:`\lambda \ge 0` by projected Newton steps (Bertsekas, "Projected Newton methods for
optimization problems with simple constraints", SIAM Journal on Control and Optimization 20 (1982),
doi:10.1137/0320018), as long as the model of their gain can be trusted (Conn, Gould and Toint,
"Trust region methods", 2000, doi:10.1137/1.9780898719857, chapter 6). A row that nobody is
undecided about has no curvature: its steps are bounded each by itself.

Only columns near the best of their job count at a temperature, and hot temperatures look at a
sample of the jobs, so a stage costs less the colder it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hybridplace.solver.instance import Bools, Floats
from hybridplace.solver.jobwise import bend_jobs, spread_jobs
from hybridplace.solver.master import Master, core

STAGES = 12
"""Temperatures at most; at the first all jobs are undecided, at the last few are."""

HOTTEST = 1.0
"""The first temperature."""

COOLING = 2.0
"""By how much the temperature falls from stage to stage."""

SAMPLE = 5_000
"""Jobs that the hot stages look at, of more."""

ALL_JOBS = 4
"""The stage from which on all jobs count; before, at least a quarter of those of the next stage."""

REACH = 10.0
"""Half the width of a stage's box, in temperatures, for a column that uses little of the row."""

MARGIN = 8.0
"""How much above the best of half the box a column still counts, in temperatures."""

MOVES = 8
"""Boxes of a stage: the next one is around the prices that lie at the edge of the last."""

WIDER = 8.0
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

LIGHT = 1e-4
"""Columns with less weight are left out of the curvature."""

FLAT = 0.1
"""Rows with less curvature than so many undecided jobs would give are moved with care."""

FEW_COLUMNS = 5_000
"""A stage with fewer columns is the last: a linear program takes it from there."""

FINAL_REACH = 4.0
"""How far from the optimum prices are thought to end, in last temperatures."""

STEP_ROUNDS = 2
"""Of finding which rows a step holds at their bounds."""

HALVES = 10
"""Of a step, at most, until it gains."""


@dataclass(frozen=True, slots=True)
class _Smooth:
    r"""The dual at one temperature.

    Parameters
    ----------
    tau : float
        In units of the jobs.
    job_usd, column_usd : floats, (J,) and (n,)
        :math:`\tau_j`, of each job and once more for each of its columns.
    worst_usd : float
        The same for `m`.
    scale : floats, (m,)
        `row_scale` of the whole.
    """

    master: Master
    tau: float
    job_usd: Floats
    column_usd: Floats
    worst_usd: float
    scale: Floats


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


def raise_prices(master: Master) -> tuple[Floats, Floats]:
    """Return prices that nearly maximise the Lagrangian, and how far from them the best may be.

    Returns
    -------
    price, box : floats, (m,)
        Prices are not below 0, boxes above.
    """
    price, scale, tau = np.zeros(len(master.at_most)), row_scale(master), HOTTEST
    if not len(price) or not len(master.counts):
        return price, tau / scale
    anywhere = np.full(len(price), np.inf)
    price, _ = _newton(_smooth(_sample(master, SAMPLE), tau, scale), price, anywhere, FIRST_STEPS)
    for stage in range(1, STAGES):
        tau /= COOLING
        jobs = max(SAMPLE, len(master.counts) >> 2 * max(ALL_JOBS - stage, 0))
        price, columns = _stage(_sample(master, jobs), price, tau, scale)
        if columns < FEW_COLUMNS and jobs >= len(master.counts):
            break
    return price, FINAL_REACH * tau / scale


def _stage(master: Master, price: Floats, tau: float, scale: Floats) -> tuple[Floats, int]:
    """Return better prices at one temperature, and how many columns counted near them."""
    box = REACH * tau / scale
    for _ in range(MOVES):
        near = core(master, price, box / 2, MARGIN * tau)
        if not len(near.columns):
            break
        moved, done = _newton(_smooth(near.master, tau, scale), price, box, STEPS)
        at_edge = np.abs(moved - price) >= 0.99 * box
        price = moved
        if done and not at_edge.any():
            break
        box = np.where(at_edge, WIDER * box, box)
    return price, len(near.columns)


def row_scale(master: Master) -> Floats:
    """Return the harmonic mean of what columns use of each row for a unit of their jobs; (m,)."""
    rows = len(master.at_most)
    unit = np.repeat(np.repeat(master.unit_usd, master.counts), np.diff(master.uses.indptr))
    inverse = np.bincount(master.uses.indices, unit / np.abs(master.uses.data), rows)
    count = np.bincount(master.uses.indices, minlength=rows)
    return np.where(count > 0, count / np.where(count > 0, inverse, 1.0), 1.0)


def _sample(master: Master, jobs: int) -> Master:
    """Return so many jobs if there are more, always the same."""
    if len(master.counts) <= jobs:
        return master
    order = np.random.default_rng(0).permutation(len(master.counts))
    return master.sample(np.sort(order[:jobs]))


def _smooth(master: Master, tau: float, scale: Floats) -> _Smooth:
    job_usd = tau * master.unit_usd
    return _Smooth(
        master=master,
        tau=tau,
        job_usd=job_usd,
        column_usd=np.repeat(job_usd, master.counts),
        worst_usd=float(job_usd.mean()),
        scale=scale,
    )


def _newton(smooth: _Smooth, price: Floats, box: Floats, steps: int) -> tuple[Floats, bool]:
    """Return better prices, no further than `box` away, and whether they are nearly the best."""
    low, high = np.maximum(price - box, 0.0), price + box
    small_usd = SMALL_GAIN * float(smooth.job_usd.mean()) * len(price)
    trust = TRUST
    spread = _spread(smooth, price)
    hessian, damping, flat = _curvature(smooth, spread)
    for _ in range(steps):
        reach = np.where(flat, trust * smooth.tau / smooth.scale, np.inf)
        step = _step(
            spread.slope,
            hessian + np.diag(damping),
            np.maximum(low - price, -reach),
            np.minimum(high - price, reach),
        )
        if spread.slope @ step <= small_usd:
            return price, True
        change = _change(smooth, price, spread, step)
        trust = min(trust, change)
        step *= trust / change if change > 0 else 1.0
        expected_usd = float(spread.slope @ step - step @ hessian @ step / 2)
        tried = np.clip(price + step, low, high)
        after = _spread(smooth, tried)
        gain_usd = after.usd - spread.usd
        if gain_usd > expected_usd / 2:
            trust *= 4
        if gain_usd > expected_usd / 20:
            price, spread = tried, after
            hessian, damping, flat = _curvature(smooth, spread)
        else:
            trust /= 4
    return price, False


def _change(smooth: _Smooth, price: Floats, spread: _Spread, step: Floats) -> float:
    """Return by how many temperatures a step changes columns that have weight, at most.

    For `m` only what lies beyond its turning point counts.
    """
    master = smooth.master
    change = np.abs(master.uses @ step) / smooth.column_usd
    most = float(change[spread.weight > HEAVY].max(initial=0.0))
    if master.shares:
        paid_usd = float(price[-master.shares :].sum())
        more_usd = float(step[-master.shares :].sum())
        free_usd = (master.unfair_usd - paid_usd) * np.sign(more_usd)
        most = max(most, (abs(more_usd) - max(free_usd, 0.0)) / smooth.worst_usd)
    return most


def _spread(smooth: _Smooth, price: Floats) -> _Spread:
    """Return the smoothed dual; exponents are at most 0, so nothing overflows."""
    master = smooth.master
    weight, slope = np.empty(len(master.cost_usd)), -master.at_most
    usd = spread_jobs(master.columns, price, smooth.job_usd, weight, slope)
    usd -= float(master.at_most @ price)
    worst = 0.0
    if master.shares:
        paid_usd = float(price[-master.shares :].sum())
        apart = (paid_usd - master.unfair_usd) / smooth.worst_usd
        usd += master.worst * (paid_usd - smooth.worst_usd * float(np.logaddexp(0.0, apart)))
        worst = master.worst * float(np.exp(-np.logaddexp(0.0, apart)))
        slope[-master.shares :] += worst
    return _Spread(usd, slope, weight, worst)


def _curvature(smooth: _Smooth, spread: _Spread) -> tuple[Floats, Floats, Bools]:
    """Return minus the Hessian, what damps its diagonal, and which rows have next to none.

    The damping is a small part of its first sum, and of what one undecided job would give.
    """
    master, rows = smooth.master, len(smooth.scale)
    hessian, alone = np.zeros((rows, rows)), np.zeros(rows)
    bend_jobs(master.columns, smooth.job_usd, spread.weight, LIGHT, hessian, alone)
    if master.shares:
        open_share = spread.worst * (1 - spread.worst / master.worst) / smooth.worst_usd
        hessian[-master.shares :, -master.shares :] += open_share
    # Of an undecided job of the mean unit.
    one = smooth.scale**2 * float(master.unit_usd.mean()) / smooth.tau
    return hessian, 1e-4 * alone + 1e-6 * one, np.diag(hessian) < FLAT * one


def _step(slope: Floats, system: Floats, low: Floats, high: Floats) -> Floats:
    r"""Return the maximum of :math:`g^T d - d^T H d / 2` within bounds around 0, or nearly.

    A Newton step in the rows that may move, projected on the bounds and cut until it gains.
    """
    step = np.zeros_like(slope)
    for _ in range(STEP_ROUNDS):
        rest = slope - system @ step
        rows = np.flatnonzero(((step > low) | (rest > 0)) & ((step < high) | (rest < 0)))
        if not len(rows):
            break
        move = _solve(system[np.ix_(rows, rows)], rest[rows])
        for _ in range(HALVES):
            moved = np.zeros_like(step)
            moved[rows] = np.clip(step[rows] + move, low[rows], high[rows]) - step[rows]
            if rest @ moved > moved @ system @ moved / 2:
                break
            move /= 2
        else:
            break
        step = np.clip(step + moved, low, high)
        if (moved[rows] == move).all():
            break
    return step


def _solve(system: Floats, right: Floats) -> Floats:
    """Solve a system that is positive definite, but for rounding."""
    from scipy.linalg.lapack import dposv

    _, solution, fault = dposv(system, right)
    if fault:
        solution = np.linalg.solve(system, right)
    return np.asarray(solution, dtype=np.float64)
