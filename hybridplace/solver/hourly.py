"""What options cost by when they start, where figures change over time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridplace.model.problem import LimitMeasure, Problem
from hybridplace.solver.compiled import compiled
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


@compiled
def by_start(
    start: int, hours: float, rate: Floats, row: Indices, cumulative: Floats, weight: Floats
) -> float:
    r"""Return :math:`\sum_k w_k r_k (C_q(t + h) - C_q(t))` of an option that starts in slot t.

    Parameters
    ----------
    hours : float
        In slots.
    rate, row, weight : floats and indices, (3,)
    """
    slots, usd = cumulative.shape[1] - 1, 0.0
    end = min(start + hours, slots)
    whole = min(int(end), slots - 1)
    for k in range(PARTS):
        if row[k] >= 0 and weight[k] != 0:
            figure = cumulative[row[k]]
            spent = figure[whole] + (end - whole) * (figure[whole + 1] - figure[whole])
            usd += weight[k] * rate[k] * (spent - figure[min(start, slots)])
    return usd


@compiled
def courses(
    first: Ints,
    cost_usd: Floats,
    hours: Floats,
    earliest: Ints,
    latest: Ints,
    due_h: Floats,
    late_usd_h: Floats,
    rate: Floats,
    row: Indices,
    cumulative: Floats,
    weight: Floats,
    slot_h: float,
) -> tuple[Ints, Floats]:
    """Return what options cost by their start: ``course[begin[i] : begin[i + 1]]``.

    Starts count from the earliest of the job on; inf is a slot where an option may not start.

    Parameters
    ----------
    first : ints, (J + 1,)
        The options of a job are ``first[j]:first[j + 1]``.
    """
    begin = np.zeros(len(hours) + 1, np.int64)
    for j in range(len(first) - 1):
        rows = slice(first[j], first[j + 1])
        if first[j] < first[j + 1]:
            width = latest[rows].max() - earliest[rows].min() + 1
            for i in range(first[j], first[j + 1]):
                begin[i + 1] = begin[i] + width
    course = np.full(begin[-1], np.inf)
    for j in range(len(first) - 1):
        if first[j] < first[j + 1]:
            least = earliest[first[j] : first[j + 1]].min()
            for i in range(first[j], first[j + 1]):
                for t in range(earliest[i], latest[i] + 1):
                    usd = by_start(t, hours[i] / slot_h, rate[i], row[i], cumulative, weight)
                    usd += cost_usd[i]
                    if due_h[i] < np.inf:
                        usd += late_usd_h[i] * max(0.0, t * slot_h + hours[i] - due_h[i])
                    course[begin[i] + t - least] = usd
    return begin, course


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
