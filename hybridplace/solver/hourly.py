"""What options cost by when they start, where figures change over time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridplace.model.problem import LimitMeasure, Problem
from hybridplace.solver.block import Block
from hybridplace.solver.instance import Floats, Indices, Ints
from hybridplace.solver.supply import Supply
from hybridplace.solver.tariffs import carbon_usd_g

Columns = dict[str, NDArray[Any]]
"""Options, named as in `Options`, and more that dominance looks at."""

PARTS = 3
"""Machines, energy, emissions: those of `Hourly`."""

_LIMIT_WEIGHT = {
    LimitMeasure.USD: (1.0, 1.0, 0.0),
    LimitMeasure.CARBON_G: (0.0, 0.0, 1.0),
    LimitMeasure.ACCELERATOR_H: (0.0, 0.0, 0.0),
    LimitMeasure.MOVES: (0.0, 0.0, 0.0),
}


def cost_weight(problem: Problem) -> Floats:
    """Return what each part weighs in the objective."""
    return np.array([1.0, 1.0, carbon_usd_g(problem)])


def limit_weight(problem: Problem) -> Floats:
    """Return what each part weighs in each limit."""
    rows = [_LIMIT_WEIGHT[limit.measure] for limit in problem.limits]
    return np.array(rows, dtype=np.float64).reshape(len(rows), PARTS)


def rates(block: Block, o: Ints, s: Ints) -> tuple[Floats, Indices]:
    """Return :math:`r_{ik}` of pairs and the rows of `Hourly.cumulative`."""
    table, offers = block.table, block.offers[o]
    row, kind = table.tariffs.row[offers], block.kind[o]
    machines = block.runs.machine_h[kind, s] / block.runs.hours[kind, s]
    power_kw = machines * table.machine_kw[offers]
    own = np.flatnonzero(o < block.own)
    kwh = block.own_kwh[o[own], s[own]] * table.pue[offers[own]]
    power_kw[own] = kwh / block.runs.hours[kind[own], s[own]]
    rate = np.stack([machines, power_kw, power_kw], axis=1)
    return np.where(row >= 0, rate, 0.0), row


def by_start(c: Columns, rows: Ints, start: Ints, *, weight: Floats, supply: Supply) -> Floats:
    r"""Return :math:`\sum_k w_k r_k (C_q(t + h) - C_q(t))` of options, for some starts of each.

    Parameters
    ----------
    c : dict
        Options as columns; `rows` are of these.
    start : ints, (rows, any)
        Slots :math:`t`.
    weight : floats, (3,)
        :math:`w_k`.
    """
    cumulative, slots = supply.offers.tariffs.cumulative, supply.slots
    flat, found = cumulative.reshape(-1), np.zeros(start.shape)
    end = np.minimum(start + (c["hours"][rows] / supply.problem.slot_h)[:, None], slots)
    whole = np.minimum(end.astype(np.int64), slots - 1)
    part = end - whole
    begin = np.minimum(start, slots)
    for k in np.flatnonzero(weight):
        some = np.flatnonzero(c["row"][rows, k] >= 0)
        if len(some):
            series = c["row"][rows[some], k, None].astype(np.int64) * (slots + 1)
            before, after = flat[series + whole[some]], flat[series + whole[some] + 1]
            spent = before + part[some] * (after - before) - flat[series + begin[some]]
            found[some] += weight[k] * c["rate"][rows[some], k, None] * spent
    return found


def courses(c: Columns, supply: Supply) -> Iterator[tuple[Ints, Floats]]:
    """Yield rows of options, and what each costs by its start: those of jobs that wait as long.

    Starts count from the earliest of the job on; inf is a slot where an option may not start.
    """
    first = np.full(int(c["job"].max(initial=0)) + 1, supply.slots)
    last = np.zeros_like(first)
    np.minimum.at(first, c["job"], c["earliest"].astype(np.int64))
    np.maximum.at(last, c["job"], c["latest"].astype(np.int64))
    first, waits = first[c["job"]], (last - first)[c["job"]]
    width = 1
    while True:
        rows = np.flatnonzero((waits < width) & (waits >= width // 2))
        if len(rows):
            start = first[rows, None] + np.arange(width)
            yield rows, _course(c, rows, start, supply)
        if width > waits.max(initial=0):
            return
        width *= 2


def _course(c: Columns, rows: Ints, start: Ints, supply: Supply) -> Floats:
    problem = supply.problem
    usd = c["cost_usd"][rows, None] + by_start(
        c, rows, start, weight=cost_weight(problem), supply=supply
    )
    late = np.flatnonzero(np.isfinite(c["due_h"][rows]))
    end_h = start[late] * problem.slot_h + c["hours"][rows[late], None]
    late_h = np.maximum(0.0, end_h - c["due_h"][rows[late], None])
    usd[late] += c["late_usd_h"][rows[late], None] * late_h
    shut = (start < c["earliest"][rows, None]) | (start > c["latest"][rows, None])
    usd[shut] = np.inf
    return usd


def limit_bounds(c: Columns, supply: Supply) -> tuple[Floats, Floats]:
    """Return the least and the most that options count towards each limit, whenever they start."""
    uses, limit = c["limit_use"], c["limit"]
    if not supply.varies or not limit.shape[1]:
        return uses, uses
    weight = np.where(limit[:, :, None] >= 0, limit_weight(supply.problem)[limit], 0.0)
    figures = np.diff(supply.offers.tariffs.cumulative, axis=1) / supply.problem.slot_h
    amount, found = c["rate"] * c["hours"][:, None], []
    for bound in (figures.min(axis=1), figures.max(axis=1)):
        part = np.where(c["row"] >= 0, amount * bound[c["row"]], 0.0)
        found.append(uses + (weight * part[:, None]).sum(axis=2))
    return found[0], found[1]
