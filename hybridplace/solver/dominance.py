r"""Which pairs a cheapest plan never needs, because another pair of the same job does as well.

A pair may be dropped if another one of the job costs no more, takes no more of the same group (or
competes for nothing), counts no more towards each limit, may start when it may, and, where the
site matters to other jobs or to data, is at the same site. With any prices that are not negative
its reduced cost is then not lower either, so that bounds do not change.
"""

from __future__ import annotations

import numpy as np

from hybridplace.solver.block import Block
from hybridplace.solver.instance import Bools, Floats, Indices, Ints
from hybridplace.solver.offers import own_first
from hybridplace.solver.supply import Supply
from hybridplace.solver.tariffs import Tariff

PASSES = 12
"""Block compared with the cheapest of their group, then with the next that is left, and so on."""


def undominated(segment: Ints, least: Floats, most: Floats) -> Bools:
    """Return which rows no row of their segment replaces: no larger in any criterion.

    Of equal rows the first stays. A few that could go may stay as well.

    Parameters
    ----------
    segment : ints, (n,)
        Not decreasing; in each segment the most promising row first.
    least, most : floats, (n, any)
        Criteria: `most` of one must be no more than `least` of the other.
    """
    kept = np.zeros(len(segment), dtype=bool)
    left = np.arange(len(segment))
    for _ in range(PASSES):
        if not len(left):
            return kept
        starts = np.flatnonzero(np.diff(segment[left], prepend=segment[left[0]] - 1))
        leader = np.repeat(left[starts], np.diff(starts, append=len(left)))
        kept[left[starts]] = True
        rest = (least[left] < most[leader]).any(axis=1) & (left != leader)
        left = left[rest]
    kept[left] = True
    return kept


def offers_worth(supply: Supply, offers: Ints, policies: Ints, *, by_site: bool) -> Ints:
    """Return the offers that no other offer with the same hardware, limits and group replaces.

    In the order of `own_first`.

    Parameters
    ----------
    offers : ints
        To choose from.
    policies : ints
        Rows of `Supply.denied`: what is best is best among what one of them allows.
    by_site : bool
        Offers at different sites do not replace each other.
    """
    table, limits = supply.offers, bool(supply.problem.limits)
    scope = np.unique(table.in_scope[:, offers], axis=1, return_inverse=True)[1].reshape(-1)
    best, worst = (_figures(tariff, offers, limits) for tariff in supply.bounds)
    site = table.site[offers] if by_site else np.zeros(len(offers), dtype=np.int32)
    keys = (table.group[offers], table.kind[offers], scope, site)
    order = np.lexsort((offers, worst[:, 0], *keys))
    change = np.zeros(len(offers), dtype=bool)
    for key in keys:
        change |= np.diff(key[order], prepend=-2) != 0
    segment = np.cumsum(change)
    fit = (table.available & table.priced)[offers[order]]
    worth = (table.owned | supply.is_held)[offers[order]]
    for policy in policies:
        rows = np.flatnonzero(fit & ~supply.denied[policy][offers[order]])
        some = order[rows]
        worth[rows[undominated(segment[rows], best[some], worst[some])]] = True
    return own_first(table, offers[order[worth]])


def _figures(tariff: Tariff, offers: Ints, limits: bool) -> Floats:
    """Return what makes one offer dearer than another with the same hardware."""
    criteria = [tariff.machine_usd_h[offers]]
    if limits:
        criteria += [tariff.price_usd_h[offers], tariff.machine_g_h[offers]]
    return np.nan_to_num(np.stack(criteria, axis=1), nan=np.inf)


def promising(
    block: Block, reject_usd: Floats, *, sited: bool, limit_use: list[tuple[Floats, Floats]]
) -> tuple[Ints, Ints]:
    """Return the pairs, as (offer, shape) rows, that nothing simple replaces.

    Compared are all pairs of a shape with leaving the job out, with the cheapest one that competes
    for nothing, and with the cheapest one of the same group: the least that a pair may cost, by
    when it starts, with the most that the other may.

    Parameters
    ----------
    reject_usd : floats
        Of each shape: what leaving its job out costs; inf if that is no replacement.
    sited : bool
        It matters at which site these jobs are.
    limit_use : list of (floats, floats)
        The least and the most that pairs count towards each place of `Chunk.limit`.
    """
    usable = block.reasons == 0
    least, most = (np.where(usable, block.usd(one), np.inf) for one in block.chunk.supply.bounds)
    late_usd = lateness_usd(block)
    usable &= least + late_usd <= reject_usd
    group, shape = block.table.group[block.offers], np.arange(usable.shape[1])
    free = np.flatnonzero((group < 0) & (np.arange(len(group)) >= block.own))
    if len(free) and not sited:
        best = free[(most + late_usd)[free].argmin(axis=0)]
        dearer = least + late_usd >= (most + late_usd)[best, shape]
        for low, high in limit_use:
            dearer &= low >= high[best, shape]
        dearer[best, shape] = False
        usable &= ~dearer
    if len(group) > block.own:
        most = np.where(usable, most, np.inf)
        usable[block.own :] &= ~_dearer_in_group(block, least, most, limit_use, sited=sited)
    offer, which = np.nonzero(usable)
    return offer, which


def timed_shapes(block: Block, *, sited: bool) -> Bools:
    """Return for which shapes it matters how long they take."""
    if sited or block.chunk.supply.slots > 1:
        return np.ones(len(block.job), dtype=bool)
    return np.isfinite(block.chunk.jobs.due_h[block.job])


def dearer_than_free(
    first: Ints,
    group: Indices,
    least_usd: Floats,
    least_use: Floats,
    most_use: Floats,
    sited: Bools,
) -> Bools:
    """Return which options their job's cheapest one that competes for nothing replaces.

    Parameters
    ----------
    first : ints
        Row of the first option of each job that has any.
    least_usd : floats
        What they cost, from their best start on.
    least_use, most_use : floats, (n, any)
        What they count towards limits.
    """
    counts, row = np.diff(first, append=len(group)), np.arange(len(group))
    if not len(first):
        return np.zeros(0, dtype=bool)
    free_usd = np.where((group < 0) & ~sited, least_usd, np.inf)
    least = np.repeat(np.minimum.reduceat(free_usd, first), counts)
    cheapest = np.where(np.isfinite(free_usd) & (free_usd <= least), row, len(group))
    best = np.repeat(np.minimum.reduceat(cheapest, first), counts)
    there = best < len(group)
    best = np.where(there, best, row)
    dearer: Bools = there & (row != best) & (least_usd >= least_usd[best])
    dearer &= (least_use >= most_use[best]).all(axis=1)
    return dearer


def lateness_usd(block: Block) -> Floats:
    """Return the lateness of pairs that start as early as they may."""
    jobs, job = block.chunk.jobs, block.job
    if not np.isfinite(jobs.due_h[job]).any():
        return np.zeros((1, len(job)))
    hours = block.runs.hours[block.kind] if block.waits else block.runs.hours
    begin_h = block.first * block.chunk.supply.problem.slot_h
    late_h = np.maximum(0.0, begin_h + hours - jobs.due_h[job])
    usd: Floats = jobs.late_usd_h[job] * late_h
    return usd if block.waits else usd[block.kind]


def _dearer_in_group(
    block: Block,
    least: Floats,
    most: Floats,
    limit_use: list[tuple[Floats, Floats]],
    *,
    sited: bool,
) -> Bools:
    """Return which bought pairs the cheapest one of their group replaces."""
    own, shape = block.own, np.arange(most.shape[1])
    starts, which = _segments(block, sited=sited)
    cheapest = np.minimum.reduceat(most[own:], starts, axis=0)
    row = np.arange(len(which), dtype=np.int32)[:, None]
    first = np.where(most[own:] <= cheapest[which], row, np.int32(len(which)))
    best = np.minimum.reduceat(first, starts, axis=0)
    dearer: Bools = (row != best[which]) & (least[own:] >= cheapest[which])
    kind = block.kind[own:]
    use = block.runs.machines[kind] * block.table.quota[block.offers[own:]][:, None]
    dearer &= use >= use[best, shape][which]
    if (timed := timed_shapes(block, sited=sited)).any():
        hours = np.where(timed, block.runs.hours, 0.0)
        dearer &= hours[kind] >= hours[kind[best], shape][which]
    for low, high in limit_use:
        dearer &= low[own:] >= high[own:][best, shape][which]
    return dearer


def _segments(block: Block, *, sited: bool) -> tuple[Ints, Ints]:
    """Return where each group of the bought offers begins, and the group of each."""
    offers = block.offers[block.own :]
    key = block.table.group[offers].astype(np.int64)
    if sited:
        key = key * (1 + int(block.table.site.max())) + block.table.site[offers]
    starts = np.flatnonzero(np.diff(key, prepend=key[0] - 1))
    return starts, np.repeat(np.arange(len(starts)), np.diff(starts, append=len(key)))
