r"""Knapsacks of each slot, and jobs at prices of their own: what a step of the ascent asks.

A *claim* is a job on an own pool. It has a price in each slot, for each accelerator that it pays
for there; each slot of the pool takes the whole jobs that pay the most (`slotprices`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hybridplace.solver.compiled import bare, bare_inner
from hybridplace.solver.instance import Floats, Ints

FAR = 30.0
"""What costs so many temperatures more than the least weighs nothing."""


class Claims(NamedTuple):
    """Who may pay for which slots of which knapsack; K claims, m options, any number of cells.

    Parameters
    ----------
    first : ints, (J + 1,)
        Options of each job (CSR); those that can cost less than the job does outside of knapsacks.
    claim, begin, starts, length : ints, (m,)
        Of each option: its claim, first start, number of starts, slots booked.
    size : floats, (m,)
        Accelerators that it pays for.
    curve : ints, (m,)
        -1, or a row of `curves`: accelerators that it pays for in each slot from the start on.
    curves : floats, (any, T)
    cost_first, cost_usd : ints, (m + 1,) and floats
        What each start costs without accelerators.
    outside_usd, unit_usd : floats, (J,)
        The least of each job outside of knapsacks, and its unit of temperature.
    at, from_slot, to_slot : ints, (K,)
        The price of a claim in slot t, one of ``from_slot:to_slot``, is ``price[at + t]``.
    job, group : ints, (K,)
    size_first, sizes, units : ints, floats, ints
        Accelerators that a claim may take (CSR), ascending; the same in units of its knapsack.
    cell_first, cell_claim : ints
        Claims on each cell, which is a slot of a knapsack (CSR).
    slot, room : ints, (cells,)
        Of each cell its slot, and units that there are.
    """

    first: Ints
    claim: Ints
    begin: Ints
    starts: Ints
    length: Ints
    size: Floats
    curve: Ints
    curves: Floats
    cost_first: Ints
    cost_usd: Floats
    outside_usd: Floats
    unit_usd: Floats
    at: Ints
    from_slot: Ints
    to_slot: Ints
    job: Ints
    group: Ints
    size_first: Ints
    sizes: Floats
    units: Ints
    cell_first: Ints
    cell_claim: Ints
    slot: Ints
    room: Ints


class Asked(NamedTuple):
    """What jobs answer, and room for it.

    Parameters
    ----------
    best_usd : floats, (J,)
        The least that each costs.
    knots, taken : floats, (prices + claims,)
        Cumulated prices, and differences of what is taken, a claim after the other.
    weight : floats
        Room for all pairs of a job.
    """

    best_usd: Floats
    knots: Floats
    taken: Floats
    weight: Floats


@bare_inner
def cumulate(claims: Claims, price: Floats, knots: Floats) -> None:
    """Add up the prices of each claim; it has one knot more than slots."""
    for k in range(len(claims.at)):
        at, total = claims.at[k], 0.0
        knots[at + claims.from_slot[k] + k] = 0.0
        for t in range(claims.from_slot[k], claims.to_slot[k]):
            total += price[at + t]
            knots[at + t + k + 1] = total


@bare_inner
def paid(claims: Claims, knots: Floats, m: int, s: int) -> float:
    """Return what an option pays for its slots when it takes its start number s."""
    k, row, usd = claims.claim[m], claims.curve[m], 0.0
    begin = claims.at[k] + k + claims.begin[m] + s
    if row < 0:
        usd = claims.size[m] * (knots[begin + claims.length[m]] - knots[begin])
    else:
        for t in range(claims.length[m]):
            usd += claims.curves[row, t] * (knots[begin + t + 1] - knots[begin + t])
    return float(usd)


@bare_inner
def take(claims: Claims, m: int, s: int, part: float, taken: Floats) -> None:
    """Add what an option takes of its slots, in part, as differences."""
    k, row = claims.claim[m], claims.curve[m]
    begin = claims.at[k] + k + claims.begin[m] + s
    if row < 0:
        taken[begin] += part * claims.size[m]
        taken[begin + claims.length[m]] -= part * claims.size[m]
    else:
        for t in range(claims.length[m]):
            taken[begin + t] += part * claims.curves[row, t]
            taken[begin + t + 1] -= part * claims.curves[row, t]


@bare_inner
def share_out(claims: Claims, j: int, best: float, warm: float, asked: Asked) -> None:
    """Share a job out among its pairs, and what it costs outside: `weight` has their costs."""
    weight, at = asked.weight, 0
    total = np.exp((best - claims.outside_usd[j]) / warm)
    pairs = claims.cost_first[claims.first[j + 1]] - claims.cost_first[claims.first[j]]
    for n in range(pairs):
        off = (weight[n] - best) / warm
        weight[n] = np.exp(-off) if off < FAR else 0.0
        total += weight[n]
    for m in range(claims.first[j], claims.first[j + 1]):
        for s in range(claims.starts[m]):
            if weight[at + s] > 0.0:
                take(claims, m, s, weight[at + s] / total, asked.taken)
        at += claims.starts[m]


@bare
def ask_jobs(claims: Claims, price: Floats, tau: float, asked: Asked, slope: Floats) -> float:
    """Write what jobs take of each slot, a little smoothed; return the least that they cost."""
    cumulate(claims, price, asked.knots)
    asked.taken[:] = 0.0
    total_usd = 0.0
    for j in range(len(claims.outside_usd)):
        best, at, warm = claims.outside_usd[j], 0, tau * claims.unit_usd[j]
        for m in range(claims.first[j], claims.first[j + 1]):
            for s in range(claims.starts[m]):
                usd = claims.cost_usd[claims.cost_first[m] + s]
                if usd < best + FAR * warm:
                    usd += paid(claims, asked.knots, m, s)
                    best = min(best, usd)
                asked.weight[at + s] = usd
            at += claims.starts[m]
        asked.best_usd[j] = best
        total_usd += best
        share_out(claims, j, best, warm, asked)
    for k in range(len(claims.at)):
        at, used = claims.at[k], 0.0
        for t in range(claims.from_slot[k], claims.to_slot[k]):
            used += asked.taken[at + t + k]
            slope[at + t] = used
    return total_usd


@bare_inner
def fill_cell(claims: Claims, price: Floats, c: int, table: Floats) -> None:
    """Write the most that the first claims on a cell pay, row by row, for each number of units."""
    first, room = claims.cell_first[c], claims.room[c]
    for u in range(room + 1):
        table[0, u] = 0.0
    for row in range(claims.cell_first[c + 1] - first):
        k = claims.cell_claim[first + row]
        usd = price[claims.at[k] + claims.slot[c]]
        for u in range(room + 1):
            table[row + 1, u] = table[row, u]
        if usd > 0.0:
            for e in range(claims.size_first[k], claims.size_first[k + 1]):
                units, more_usd = claims.units[e], usd * claims.sizes[e]
                for u in range(units, room + 1):
                    table[row + 1, u] = max(table[row + 1, u], table[row, u - units] + more_usd)


@bare_inner
def empty_cell(claims: Claims, price: Floats, c: int, table: Floats, slope: Floats) -> None:
    """Take off what the best choice of a cell takes of each claim."""
    first, u = claims.cell_first[c], claims.room[c]
    for row in range(claims.cell_first[c + 1] - first - 1, -1, -1):
        if table[row + 1, u] <= table[row, u]:
            continue
        k = claims.cell_claim[first + row]
        at = claims.at[k] + claims.slot[c]
        for e in range(claims.size_first[k], claims.size_first[k + 1]):
            units, more_usd = claims.units[e], price[at] * claims.sizes[e]
            if units <= u and table[row, u - units] + more_usd == table[row + 1, u]:
                slope[at] -= claims.sizes[e]
                u -= units
                break


@bare
def fill_slots(claims: Claims, price: Floats, table: Floats, slope: Floats) -> float:
    """Return the most that all cells are paid; take off what they take of each claim.

    Parameters
    ----------
    table : floats, (claims on a cell + 1, units + 1)
        Room.
    """
    total_usd = 0.0
    for c in range(len(claims.slot)):
        fill_cell(claims, price, c, table)
        total_usd += table[claims.cell_first[c + 1] - claims.cell_first[c], claims.room[c]]
        empty_cell(claims, price, c, table, slope)
    return total_usd
