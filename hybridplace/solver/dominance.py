r"""Which pairs a cheapest plan never needs, because another pair of the same job does as well.

A pair may be dropped if another one of the job costs no more, takes no more of the same group (or
competes for nothing), counts no more towards each limit, adds no less to the share of its tenant,
may start when it may, and, where the site matters to other jobs or to data, is at the same site.
With any prices that are not negative
its reduced cost is then not lower either, so that bounds do not change.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hybridplace.solver.compiled import compiled, inner
from hybridplace.solver.instance import Bools, Floats, Indices, Ints
from hybridplace.solver.offers import OfferTable, own_first
from hybridplace.solver.tariffs import Tariff

LEADERS = 12
"""Rows that others of their segment are compared with: the first that stay."""


@compiled
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
    kept = np.ones(len(segment), dtype=np.bool_)
    leaders = np.empty(LEADERS, dtype=np.int64)
    count = 0
    for row in range(len(segment)):
        if row == 0 or segment[row] != segment[row - 1]:
            count = 0
        for leader in leaders[:count]:
            if not _is_less(least[row], most[leader]):
                kept[row] = False
                break
        if kept[row] and count < LEADERS:
            leaders[count] = row
            count += 1
    return kept


@inner
def _is_less(one: Floats, other: Floats) -> bool:
    """Tell whether one row is less than another anywhere."""
    for k in range(len(one)):  # noqa: SIM110 - a loop is what compiles well
        if one[k] < other[k]:
            return True
    return False


class Compared(NamedTuple):
    """Pairs of jobs, in the order of the jobs, as they are compared with each other.

    Parameters
    ----------
    first : ints, (J + 1,)
        Rows of a job: ``first[j]:first[j + 1]``.
    group, place : ints
        What they compete for; the same number where one may replace the other.
    offer, shape : indices
    is_free, is_shared : bools
        It competes for nothing, and its site does not matter; it adds to the share of its tenant.
    usd, least_usd : floats
        What it costs but for its start, and what it costs at the least.
    first_course, course : ints, (n + 1,), and floats
        What each costs by its start: ``course[first_course[i] : first_course[i + 1]]``.
    criteria : floats, (n, any)
        What else must be no more.
    least_use, most_use : floats, (n, limits)
        What it counts towards limits, whenever it starts.
    """

    first: Ints
    group: Ints
    place: Ints
    offer: Indices
    shape: Indices
    is_free: Bools
    is_shared: Bools
    usd: Floats
    least_usd: Floats
    first_course: Ints
    course: Floats
    criteria: Floats
    least_use: Floats
    most_use: Floats


@compiled
def kept_of(c: Compared) -> Ints:
    """Return the pairs that none of the same job replaces, by (job, group, USD, offer, shape).

    Each is compared with the cheapest one that competes for nothing, then with those that may
    replace it.
    """
    kept, spare = np.empty(len(c.usd), np.int64), np.empty(len(c.usd), np.int64)
    count = 0
    for job in range(len(c.first) - 1):
        rows = kept[count:]
        left = _without_dearer(c, c.first[job], c.first[job + 1], rows)
        _sort(rows[:left], c.place, c.least_usd, c.offer, c.shape, spare)
        left = _without_dominated(c, rows[:left])
        _sort(rows[:left], c.group, c.usd, c.offer, c.shape, spare)
        count += left
    return kept[:count].copy()


@inner
def _without_dearer(c: Compared, begin: int, end: int, rows: Ints) -> int:
    """Write down the rows that the cheapest that competes for nothing leaves; return how many."""
    best, count = -1, 0
    for i in range(begin, end):
        if c.is_free[i] and (best < 0 or c.least_usd[i] < c.least_usd[best]):
            best = i
    for i in range(begin, end):
        dearer = best >= 0 and i != best and c.least_usd[i] >= c.least_usd[best]
        if not dearer or c.is_shared[i] or _is_less(c.least_use[i], c.most_use[best]):
            rows[count] = i
            count += 1
    return count


@inner
def _without_dominated(c: Compared, rows: Ints) -> int:
    """Move the rows that none before them replaces to the front; return how many."""
    leaders, count, kept = np.empty(LEADERS, np.int64), 0, 0
    for k in range(len(rows)):
        row, stays = rows[k], True
        if k == 0 or c.place[row] != c.place[rows[k - 1]]:
            count = 0
        for leader in leaders[:count]:
            if not _differs(c, row, leader):
                stays = False
                break
        if stays:
            if count < LEADERS:
                leaders[count] = row
                count += 1
            rows[kept], kept = row, kept + 1
    return kept


@inner
def _differs(c: Compared, row: int, leader: int) -> bool:
    """Tell whether a row is better than another in anything, at some start."""
    if _is_less(c.criteria[row], c.criteria[leader]):
        return True
    if _is_less(c.least_use[row], c.most_use[leader]):
        return True
    begin, other = c.first_course[row], c.first_course[leader]
    for k in range(c.first_course[row + 1] - begin):
        if c.course[begin + k] < c.course[other + k]:
            return True
    return False


@inner
def _comes_first(i: int, j: int, key: Ints, usd: Floats, offer: Indices, shape: Indices) -> bool:
    """Compare rows by (key, USD, offer, shape)."""
    if key[i] != key[j]:
        return bool(key[i] < key[j])
    if usd[i] != usd[j]:
        return bool(usd[i] < usd[j])
    if offer[i] != offer[j]:
        return bool(offer[i] < offer[j])
    return bool(shape[i] <= shape[j])


@inner
def _sort(rows: Ints, key: Ints, usd: Floats, offer: Indices, shape: Indices, spare: Ints) -> None:
    """Sort rows by (key, USD, offer, shape): runs of 1, 2, 4, ... are merged."""
    width = 1
    while width < len(rows):
        for begin in range(0, len(rows) - width, 2 * width):
            middle, end = begin + width, min(begin + 2 * width, len(rows))
            i, j, k = begin, middle, 0
            while i < middle and j < end:
                if _comes_first(rows[i], rows[j], key, usd, offer, shape):
                    spare[k], i = rows[i], i + 1
                else:
                    spare[k], j = rows[j], j + 1
                k += 1
            # What is left of the second run is in its place already.
            for row in range(middle - 1, i - 1, -1):
                rows[row + j - middle] = rows[row]
            rows[begin : begin + k] = spare[:k]
        width *= 2


def offers_worth(
    table: OfferTable, rows: Ints, denied: Bools, held: Bools, *, limits: bool, by_site: bool
) -> Ints:
    """Return the offers that no other offer with the same hardware, limits and group replaces.

    In the order of `own_first`. What is best is best among what a policy allows, for some policy.

    Parameters
    ----------
    rows : ints
        Offers to choose from.
    denied : bools, (policies, offers)
    held : bools
        Offers that some job runs on now.
    limits : bool
        There are limits, on whatever.
    by_site : bool
        Offers at different sites do not replace each other.
    """
    least, most = table.tariffs.least, table.tariffs.most
    best, worst = (_figures(tariff, rows, limits) for tariff in (least, most))
    site = table.site[rows] if by_site else np.zeros_like(rows)
    keys = (table.group[rows], table.kind[rows], _scopes(table.in_scope[:, rows]), site)
    order = np.lexsort((worst[:, 0], *keys))
    change = np.zeros(len(order), dtype=bool)
    for key in keys:
        change |= np.diff(key[order], prepend=-2) != 0
    segment, sorted_ = np.cumsum(change), rows[order]
    fit = (table.priced & table.available)[sorted_]
    worth = table.priced & (held | (table.owned & table.available))
    kept = worth[sorted_]
    for forbidden in denied:
        left = np.flatnonzero(fit & ~forbidden[sorted_])
        some = order[left]
        kept[left[undominated(segment[left], best[some], worst[some])]] = True
    return own_first(table, sorted_[kept])


def _scopes(in_scope: Bools) -> Ints:
    """Return a number for each offer, the same where limits with all filters are about both."""
    scope = np.zeros(in_scope.shape[1], dtype=np.int64)
    for row in in_scope:
        scope = np.unique(2 * scope + row, return_inverse=True)[1].reshape(-1)
    return scope


def _figures(tariff: Tariff, rows: Ints, limits: bool) -> Floats:
    """Return what makes one offer dearer than another with the same hardware."""
    criteria = [tariff.machine_usd_h[rows]]
    if limits:
        criteria += [tariff.price_usd_h[rows], tariff.machine_g_h[rows]]
    return np.nan_to_num(np.stack(criteria, axis=1), nan=np.inf)
