r"""Every option at every start, job by job: the Lagrangian itself, smoothed, and its slope.

An option that starts in slot t books a run of slots, so with :math:`\Lambda_t = \sum_{\tau < t}
\lambda_\tau` ("knots") it pays :math:`a (\Lambda_{t + d} - \Lambda_t)`, however long it runs. What
it costs where nothing is scarce is the least it ever costs: options for which that is above the
best of their job need no look, and most are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hybridplace.solver.compiled import compiled, inner
from hybridplace.solver.instance import Bools, Floats, Indices, Ints

Records = NDArray[np.void]

WIDTH = 10.0
"""Pairs whose reduced cost is so many temperatures above the least weigh nothing."""


OPTION = np.dtype(
    [
        ("floor_usd", np.float64),
        ("cost_usd", np.float64),
        ("late_h", np.float64),
        ("late_usd_h", np.float64),
        ("share", np.float64),
        ("hours", np.float64),
        ("load", np.int64),
        ("load_end", np.int64),
        ("begin", np.int32),
        ("count", np.int32),
        ("slots", np.int32),
        ("curve", np.int32),
        ("tenant", np.int32),
        ("limits", np.int32),
    ],
    align=True,
)
"""What of an option is read together lies together: `floor_usd` is the least that it costs where
nothing has a price, `cost_usd` what of that does not depend on the start; it ends `late_h` after
the due hour if it starts in slot 0 (before: below 0); `hours` are counted in slots; its loads are
``loads[load:load_end]``; it may start in `count` slots from `begin` on, and books `slots`;
`tenant` is -1 where shares cost nothing; `limits` says how many it counts towards."""

LOAD = np.dtype([("line", np.int64), ("use", np.float64)], align=True)


class Table(NamedTuple):
    r"""Options of each job by ascending `floor_usd`; n rows of J jobs.

    Parameters
    ----------
    first : ints, (J + 1,)
        Rows of job j are ``first[j]:first[j + 1]``.
    option : ints, (n,)
        Rows of `Options`.
    rows, loads : records, (n,) and (any,)
        Of `OPTION` and `LOAD`.
    curves, limit, limit_use : floats, indices, floats
        As in `Options`.
    rate, row, cumulative, cost_weight, limit_weight : floats, indices, floats
        As in `Hourly`, the last with a row of zeros at its end; no columns if nothing varies.
    reject_usd, unit_usd : floats, (J,)
        The unit is what a job costs, roughly: its temperature is so many times that of all.
    slot_h : float
    """

    first: Ints
    option: Ints
    rows: Records
    loads: Records
    curves: Floats
    limit: Indices
    limit_use: Floats
    rate: Floats
    row: Indices
    cumulative: Floats
    cost_weight: Floats
    limit_weight: Floats
    reject_usd: Floats
    unit_usd: Floats
    slot_h: float


class Scarce(NamedTuple):
    """A figure for each thing that is scarce.

    Parameters
    ----------
    line : floats, (lines, T + 1)
        By knots.
    limit, share : floats, (L + 1,) and (tenants + 1,)
        The last of each is of what is not there.
    """

    line: Floats
    limit: Floats
    share: Floats


class Pairs(NamedTuple):
    """Options at all their starts, as far as they may weigh; room for all.

    Parameters
    ----------
    usd : floats
        What they cost, later the parts of their jobs that they get.
    begin : ints, (n + 1,)
        Where those of a row begin.
    end : ints, (J,)
        Rows of each job from this one on were not looked at.
    best_usd : floats, (J,)
    rows : floats
        Room for all starts of an option.
    """

    usd: Floats
    begin: Ints
    end: Ints
    best_usd: Floats
    rows: Floats


@compiled
def price_pairs(table: Table, jobs: Ints, prices: Scarce, tau: float, pairs: Pairs) -> None:
    """Write what the options of some jobs cost at all their starts, and the least of each job."""
    at, hourly, wide, usd = 0, table.rate.shape[1], prices.line.shape[1], pairs.usd
    knots, priced, slot_h = prices.line.ravel(), prices.line[:, -1] > 0.0, table.slot_h
    for j in jobs:
        best, p, last = table.reject_usd[j], table.first[j], table.first[j + 1]
        width = WIDTH * tau * table.unit_usd[j]
        while p < last and table.rows[p].floor_usd < best + width:
            row = table.rows[p]
            count, late_h = row.count, row.late_h + row.begin * slot_h
            fixed = row.cost_usd - prices.share[row.tenant] * row.share
            for k in range(row.limits):
                fixed += prices.limit[table.limit[p, k]] * table.limit_use[p, k]
            for s in range(count):
                late = late_h + s * slot_h
                usd[at + s] = fixed + (row.late_usd_h * late if late > 0.0 else 0.0)
            for e in range(row.load, row.load_end):
                load = table.loads[e]
                if priced[load.line]:
                    begin = load.line * wide + row.begin
                    if row.curve >= 0:
                        usd[at] += load.use * _paid(
                            table.curves, row.curve, knots, begin, row.slots
                        )
                    else:
                        _add_growth(usd, at, count, load.use, knots, begin, row.slots)
            if hourly:
                _add_figures(table, p, prices.limit, usd[at : at + count])
            for s in range(at, at + count):
                best = min(best, usd[s])
            pairs.begin[p] = at
            at, p = at + count, p + 1
            pairs.begin[p] = at
        pairs.end[j], pairs.best_usd[j] = p, best


@inner
def _add_growth(
    usd: Floats, at: int, count: int, use: float, knots: Floats, begin: int, slots: int
) -> None:
    """Add by how much knots grow over the run of each start."""
    for s in range(count):
        usd[at + s] += use * (knots[begin + s + slots] - knots[begin + s])


@compiled
def _paid(curves: Floats, curve: int, knots: Floats, begin: int, slots: int) -> float:
    """Return what a load pays that varies."""
    usd = 0.0
    for t in range(slots):
        usd += curves[curve, t] * (knots[begin + t + 1] - knots[begin + t])
    return usd


@compiled
def _figure(table: Table, p: int, part: int, start: int) -> float:
    """Return by how much a figure of a row of the table adds up over its run."""
    figures, end = table.cumulative[table.row[p, part]], start + table.rows[p].hours
    whole, last = int(end), table.cumulative.shape[1] - 1
    low, high = figures[min(whole, last)], figures[min(whole + 1, last)]
    added: float = low + (end - whole) * (high - low) - figures[start]
    return added


@inner
def _add_figures(table: Table, p: int, limit_price: Floats, usd: Floats) -> None:
    """Add what figures cost that vary by the hour, themselves and in limits."""
    for part in range(table.rate.shape[1]):
        if table.row[p, part] >= 0:
            weight = table.cost_weight[part]
            for k in range(table.rows[p].limits):
                limit = table.limit[p, k]
                weight += limit_price[limit] * table.limit_weight[limit, part]
            weight *= table.rate[p, part]
            for s in range(len(usd)):
                usd[s] += weight * _figure(table, p, part, table.rows[p].begin + s)


@compiled
def weigh_pairs(table: Table, jobs: Ints, tau: float, pairs: Pairs) -> float:
    """Turn what pairs cost into the parts that they get; return the smoothed value of all jobs."""
    smooth_usd = 0.0
    for j in jobs:
        best, cold = pairs.best_usd[j], 1.0 / (tau * table.unit_usd[j])
        total = np.exp((best - table.reject_usd[j]) * cold)
        if pairs.end[j] > table.first[j]:
            part = pairs.usd[pairs.begin[table.first[j]] : pairs.begin[pairs.end[j]]]
            for s in range(len(part)):
                above = (part[s] - best) * cold
                part[s] = np.exp(-above) if above < WIDTH else 0.0
                total += part[s]
            for s in range(len(part)):
                part[s] /= total
        smooth_usd += best - np.log(total) / cold
    return smooth_usd


@compiled
def add_up(
    table: Table, jobs: Ints, tau: float, pairs: Pairs, free: Scarce, used: Scarce, stiff: Scarce
) -> None:
    """Add what pairs use in part, and how that changes with prices, as differences between slots.

    Parameters
    ----------
    free : Scarce
        How many slots before each knot are free to move; 1 or 0 for limits and shares.
    """
    free_knots, moves = free.line.ravel(), free.line[:, -1] > 0.0
    knots, stiff_knots = used.line.ravel(), stiff.line.ravel()
    hourly = table.rate.shape[1] > 0
    for j in jobs:
        cold = 1.0 / (tau * table.unit_usd[j])
        for p in range(table.first[j], pairs.end[j]):
            row, at, whole = table.rows[p], pairs.begin[p], 0.0
            for s in range(at, at + row.count):
                whole += pairs.usd[s]
            if whole > 0.0:
                others = free.share[row.tenant]
                for k in range(row.limits):
                    others += free.limit[table.limit[p, k]]
                _use(table, p, pairs.usd, at, whole, knots, used.line.shape[1])
                heavy = _stiffen(table, p, pairs, at, others, cold, free_knots, moves, stiff_knots)
                used.share[row.tenant] -= whole * row.share
                stiff.share[row.tenant] += heavy * row.share**2
                if hourly:
                    _count_by_hour(table, p, pairs, at, used.limit, stiff.limit)
                else:
                    for k in range(row.limits):
                        limit, use = table.limit[p, k], table.limit_use[p, k]
                        used.limit[limit] += whole * use
                        stiff.limit[limit] += heavy * use**2


@compiled
def _use(
    table: Table, p: int, parts: Floats, at: int, whole: float, knots: Floats, wide: int
) -> None:
    """Add what an option loads."""
    row = table.rows[p]
    for e in range(row.load, row.load_end):
        load = table.loads[e]
        begin = load.line * wide + row.begin
        if row.curve >= 0:
            _book_curve(knots, begin, load.use * whole, table.curves, row.curve, row.slots)
        else:
            _book(knots, begin, load.use, parts, at, row.count, row.slots)


@inner
def _stiffen(
    table: Table,
    p: int,
    pairs: Pairs,
    at: int,
    others: float,
    cold: float,
    free: Floats,
    moves: Bools,
    stiff: Floats,
) -> float:
    """Add the curvature of an option's pairs; return that of all its rows of limits and shares.

    A pair that uses the amounts a of some rows has the curvature :math:`a a^T`, which is at most
    its diagonal times the number of rows; only rows that are free to move count.
    """
    row, rows, heavy = table.rows[p], pairs.rows, 0.0
    wide = len(free) // len(moves) if len(moves) else 0
    rows[: row.count] = others
    for e in range(row.load, row.load_end):
        load = table.loads[e]
        if moves[load.line]:
            _add_growth(rows, 0, row.count, 1.0, free, load.line * wide + row.begin, row.slots)
    for s in range(row.count):
        rows[s] *= pairs.usd[at + s] * cold
        heavy += rows[s]
    for e in range(row.load, row.load_end):
        load = table.loads[e]
        if moves[load.line]:
            begin = load.line * wide + row.begin
            _book(stiff, begin, load.use**2, rows, 0, row.count, row.slots)
    return heavy


@inner
def _book(
    knots: Floats, begin: int, use: float, part: Floats, at: int, count: int, slots: int
) -> None:
    """Add use over the runs of all starts, as differences."""
    for s in range(count):
        knots[begin + s] += use * part[at + s]
    for s in range(count):
        knots[begin + s + slots] -= use * part[at + s]


@inner
def _book_curve(
    knots: Floats, begin: int, use: float, curves: Floats, curve: int, slots: int
) -> None:
    """Add use that varies, as differences."""
    for t in range(slots):
        knots[begin + t] += use * curves[curve, t]
        knots[begin + t + 1] -= use * curves[curve, t]


@inner
def _count_by_hour(
    table: Table, p: int, pairs: Pairs, at: int, used: Floats, stiff: Floats
) -> None:
    """Add what counts towards limits where figures vary; `pairs.rows` has the curvature."""
    row = table.rows[p]
    for s in range(row.count):
        if pairs.usd[at + s] > 0.0:
            for k in range(row.limits):
                limit, use = table.limit[p, k], table.limit_use[p, k]
                for part in range(table.rate.shape[1]):
                    if table.row[p, part] >= 0:
                        weight = table.limit_weight[limit, part] * table.rate[p, part]
                        use += weight * _figure(table, p, part, row.begin + s)
                used[limit] += pairs.usd[at + s] * use
                stiff[limit] += pairs.rows[s] * use**2
