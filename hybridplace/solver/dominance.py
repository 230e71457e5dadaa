r"""Which pairs a cheapest plan never needs, because another pair of the same job does as well.

A pair may be dropped if another one of the job costs no more, takes no more of the same group (or
competes for nothing), counts no more towards each limit, adds no less to the share of its tenant,
may start when it may, and, where the site matters to other jobs or to data, is at the same site.
With any prices that are not negative
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


def promising(block: Block, reject_usd: Floats, fair: Bools, *, sited: bool) -> tuple[Ints, Ints]:
    """Return the pairs, as (offer, shape) rows, that nothing simple replaces.

    Compared are all pairs of a shape with leaving the job out, with the cheapest one that competes
    for nothing, and with the cheapest one of the same group: the least that a pair may cost, by
    when it starts, with the most that the other may.

    Parameters
    ----------
    reject_usd : floats
        Of each shape: what leaving its job out costs; inf if that is no replacement.
    fair : bools
        Of each shape: own nodes are worth more than they cost to the share of its tenant.
    sited : bool
        It matters at which site these jobs are.
    """
    (least, most), usable = map(block.usd, block.chunk.supply.bounds), block.usable.copy()
    late_usd = lateness_usd(block)
    if late_usd.any():
        least, most = least + late_usd, most + late_usd
    shared = (np.arange(len(block.offers)) < block.own)[:, None] & fair
    usable &= (least <= reject_usd) | shared
    group = block.table.group[block.offers[block.own :]]
    begin, end = (block.own + int(np.searchsorted(group, one)) for one in (-1, 0))
    if end > begin and not sited:
        usable &= ~_dearer_than_free(block, least, most, slice(begin, end)) | shared
    shape, offer = np.nonzero(usable.T)
    kept = ~_dearer_in_group(block, offer, shape, sited=sited)
    return offer[kept], shape[kept]


def _dearer_than_free(block: Block, least: Floats, most: Floats, free: slice) -> Bools:
    """Return what the cheapest pair that competes for nothing replaces."""
    shape = np.arange(least.shape[1])
    usd = np.where(block.usable[free], most[free], np.inf)
    best = free.start + usd.argmin(axis=0)
    dearer: Bools = least >= usd.min(axis=0)
    low, high = block.chunk.supply.bounds
    for place in range(block.places):
        dearer &= block.limit_use(place, low) >= block.limit_use(place, high)[best, shape]
    dearer[best, shape] = False
    return dearer


def timed_shapes(block: Block, *, sited: bool) -> Bools:
    """Return for which shapes it matters how long they take."""
    if sited or block.chunk.supply.slots > 1:
        return np.ones(len(block.job), dtype=bool)
    return np.isfinite(block.chunk.jobs.due_h[block.job])


def dearer_than_free(
    job: Ints,
    group: Indices,
    least_usd: Floats,
    least_use: Floats,
    most_use: Floats,
    *,
    sited: Bools,
) -> Bools:
    """Return which options their job's cheapest one that competes for nothing replaces.

    Parameters
    ----------
    least_usd : floats
        What they cost, from their best start on.
    least_use, most_use : floats, (n, any)
        What they count towards limits.
    """
    free = np.flatnonzero((group < 0) & ~sited)
    free = free[np.lexsort((least_usd[free], job[free]))]
    cheapest = free[np.flatnonzero(np.diff(job[free], prepend=-1))]
    best_of = np.full(int(job.max(initial=-1)) + 1, -1)
    best_of[job[cheapest]] = cheapest
    best = best_of[job]
    dearer: Bools = (best >= 0) & ~sited & (least_usd >= least_usd[best])
    dearer[cheapest] = False
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


def _dearer_in_group(block: Block, offer: Ints, shape: Ints, *, sited: bool) -> Bools:
    """Return which bought pairs the cheapest one of their shape and group replaces.

    Parameters
    ----------
    offer, shape : ints
        Pairs in the order of (shape, offer).
    """
    if not len(offer):
        return np.zeros(0, dtype=bool)
    (low, high), runs, kind = block.chunk.supply.bounds, block.runs, block.kind[offer]
    offers = block.offers[offer]
    own = np.where(offer < block.own, offer, -1)
    keys: list[Ints | Indices] = [shape, block.table.group[offers], own]
    if sited:
        keys.append(block.table.site[offers])
    begins = np.arange(len(offer)) == 0
    for key in keys:
        begins[1:] |= key[1:] != key[:-1]
    at = offer * len(block.rows) + shape
    starts, most = np.flatnonzero(begins), block.usd(high).reshape(-1)[at]
    counts = np.diff(starts, append=len(offer))
    cheapest = np.flatnonzero(most <= np.repeat(np.minimum.reduceat(most, starts), counts))
    segment = np.cumsum(begins) - 1
    best = cheapest[np.flatnonzero(np.diff(segment[cheapest], prepend=-1))][segment]
    dearer: Bools = block.usd(low).reshape(-1)[at] >= most[best]
    dearer[best] = False
    use = block.quota.reshape(-1)[at]
    dearer &= use >= use[best]
    if (timed := timed_shapes(block, sited=sited)).any():
        hours = np.where(timed[shape], runs.hours[kind, shape], 0.0)
        dearer &= hours >= hours[best]
    for place in range(block.places):
        counted = block.limit_use(place, high).reshape(-1)[at]
        dearer &= block.limit_use(place, low).reshape(-1)[at] >= counted[best]
    return dearer
