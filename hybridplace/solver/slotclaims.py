"""Which jobs may pay for which slots of own pools, as arrays that machine code can take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hybridplace.model.capacity import SIZE_TOLERANCE
from hybridplace.solver.instance import Floats, Instance, Ints, Prices
from hybridplace.solver.knapsack import least_of, unit_of
from hybridplace.solver.pairs import rank
from hybridplace.solver.pricing import price_at, reduced, tariff_of
from hybridplace.solver.slotfilling import Claims

EIGHTHS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """Options that can cost less than their jobs do outside of knapsacks; m rows.

    Parameters
    ----------
    row : ints, (m,)
        Of `instance.Options`.
    claim, keys : ints, (m,) and (K,)
        Whose claim each is, and what makes a claim: job times groups plus group.
    size, curves : floats, (m,) and (any, T)
        Accelerators that it pays for, and those in each slot from the start on, where they vary.
    curve : ints, (m,)
        Row of `curves`; -1 is none.
    """

    row: Ints
    claim: Ints
    keys: Ints
    size: Floats
    curve: Ints
    curves: Floats


def claims_of(instance: Instance, others: Prices, groups: Ints) -> Claims:
    """Return the claims on some groups of own nodes.

    Parameters
    ----------
    others : Prices
        Without those of the accelerators of these groups.
    """
    options, count = instance.options, len(instance.capacity)
    priced = reduced(instance, others)
    inside = np.isin(options.group, groups) & (options.use[:, 0] > SIZE_TOLERANCE)
    outside_usd = least_of(instance, np.where(inside, np.inf, priced.usd))
    outside_usd = np.minimum(instance.jobs.reject_usd, outside_usd)
    row = np.flatnonzero(inside & (priced.usd < outside_usd[options.job]))
    some = _options_of(instance, row)
    starts = (options.latest[row] - options.earliest[row] + 1).astype(np.int64)
    option = np.repeat(row, starts)
    start = np.repeat(options.earliest[row], starts) + rank(option)
    return Claims(
        first=np.searchsorted(options.job[row], np.arange(len(outside_usd) + 1)).astype(np.int64),
        claim=some.claim,
        begin=options.earliest[row].astype(np.int64),
        starts=starts,
        length=options.slots[row].astype(np.int64),
        size=some.size,
        curve=some.curve,
        curves=some.curves,
        cost_first=np.concatenate([[0], np.cumsum(starts)]).astype(np.int64),
        cost_usd=price_at(tariff_of(instance, others), option, start),
        outside_usd=outside_usd,
        unit_usd=np.maximum(np.abs(priced.job_usd), 1e-3),
        job=some.keys // count,
        group=some.keys % count,
        **_cells(instance, groups, some),
    )


def _options_of(instance: Instance, row: Ints) -> _Options:
    options = instance.options
    key = options.job[row].astype(np.int64) * len(instance.capacity) + options.group[row]
    keys, claim = np.unique(key, return_inverse=True)
    varies = np.flatnonzero(options.curve[row] >= 0)
    curve = np.full(len(row), -1, np.int64)
    curve[varies] = np.arange(len(varies))
    use = options.use[row, 0]
    load = use[varies, None] * options.curves[options.curve[row[varies]]]
    return _Options(
        row=row,
        claim=claim.astype(np.int64).reshape(-1),
        keys=keys,
        size=_in_eighths(use),
        curve=curve,
        curves=_in_eighths(load).reshape(-1, instance.slots),
    )


def _in_eighths(use: Floats) -> Floats:
    """Return what is taken in whole eighths, rounded down: so the bound is no higher."""
    return np.floor((use + SIZE_TOLERANCE) * EIGHTHS) / EIGHTHS


def _sizes(instance: Instance, some: _Options) -> list[list[float]]:
    """Return the accelerators that each claim may take, ascending."""
    found: list[set[float]] = [set() for _ in some.keys]
    length = instance.options.slots[some.row]
    for m, (claim, curve) in enumerate(zip(some.claim.tolist(), some.curve.tolist(), strict=True)):
        sizes = [some.size[m]] if curve < 0 else some.curves[curve, : length[m]]
        found[claim].update(float(size) for size in sizes if size > 0)
    return [sorted(one) for one in found]


def _cells(instance: Instance, groups: Ints, some: _Options) -> dict[str, Any]:
    """Return from when to when claims are, their sizes, and who has one on each slot."""
    options, slots = instance.options, instance.slots
    begin, end = np.full(len(some.keys), slots), np.zeros(len(some.keys), np.int64)
    np.minimum.at(begin, some.claim, options.earliest[some.row])
    np.maximum.at(end, some.claim, options.latest[some.row] + options.slots[some.row])
    sizes, group = _sizes(instance, some), some.keys % len(instance.capacity)
    flat = np.array([size for one in sizes for size in one])
    counts = np.array([len(one) for one in sizes], np.int64)
    unit = np.ones(len(instance.capacity))
    for g in groups.tolist():
        unit[g] = unit_of(flat[np.repeat(group, counts) == g]) or 1 / EIGHTHS
    claim = np.repeat(np.arange(len(group)), end - begin)
    slot = np.repeat(begin, end - begin) + rank(claim)
    order = np.lexsort((claim, slot, group[claim]))
    cell, first = np.unique((group[claim] * slots + slot)[order], return_index=True)
    at, when = cell // slots, cell % slots
    room = np.floor((instance.capacity[at, 0, when] + SIZE_TOLERANCE) / unit[at])
    return {
        "at": (np.cumsum(end - begin) - end).astype(np.int64),
        "from_slot": begin.astype(np.int64),
        "to_slot": end.astype(np.int64),
        "size_first": np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        "sizes": flat,
        "units": np.rint(flat / np.repeat(unit[group], counts)).astype(np.int64),
        "cell_first": np.append(first, len(order)).astype(np.int64),
        "cell_claim": claim[order].astype(np.int64),
        "slot": when.astype(np.int64),
        "room": room.astype(np.int64),
    }
