"""The pairs of option and start that are worth trying: those of small excess."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hybridplace.solver.instance import Bools, Floats, Indices, Instance, Ints, Prices
from hybridplace.solver.pricing import Reduced, price_at, reduced, tariff_of
from hybridplace.solver.state import State

BLOCK = 1 << 17
"""Pairs that are expanded together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    r"""Pairs by job (CSR), the least reduced cost first.

    Parameters
    ----------
    first : ints
        J + 1 positions.
    option, start : ints
    usd : floats
        What each costs as moves are judged (`State.costs`).
    reduced_usd : floats
        :math:`\bar c_{it}`.
    best_usd : floats, (J,)
        The least reduced cost of each job over all that it may choose, rejection included.
    bound_usd : float
        The value of the Lagrangian.
    """

    first: Ints
    option: Ints
    start: Ints
    usd: Floats
    reduced_usd: Floats
    best_usd: Floats
    bound_usd: float

    def of(self, job: int) -> slice:
        """Return the positions of a job's pairs."""
        return slice(int(self.first[job]), int(self.first[job + 1]))

    def of_all(self, jobs: Ints) -> tuple[Ints, Ints]:
        """Return the positions of the pairs of some jobs, and whose each is (place in `jobs`)."""
        begin, count = self.first[jobs], self.first[jobs + 1] - self.first[jobs]
        whose = np.repeat(np.arange(len(jobs)), count)
        before = np.cumsum(count) - count
        return np.arange(len(whose)) + (begin - before)[whose], whose


def near_pairs(
    state: State,
    prices: Prices,
    *,
    near: float,
    most: int,
) -> Pairs:
    """Return up to `most` pairs of each job, those of least excess, and the last resorts.

    A last resort is the best start of an option that costs no more than what is not scarce; with
    one slot, where no limit has a price, a job needs none but what competes for nothing, if
    there is any.

    Parameters
    ----------
    state : State
        Without any job placed: what does not fit then never will.
    near : float
        Times the average of `best_usd` is the largest excess.
    """
    instance = state.instance
    priced = reduced(instance, prices)
    best, job = priced.job_usd, instance.options.job
    most_usd = best + near * np.abs(best).mean() if len(best) else best
    within = bool(prices.limit.any() or prices.share.any())
    is_last, tariff = _last_resorts(state, priced, within=within), tariff_of(instance, prices)
    parts = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros(0))]
    for option, start in _expand(instance, priced, priced.usd <= most_usd[job], is_last):
        usd = price_at(tariff, option, start)
        last = is_last[option] & (start == priced.start[option])
        keep = np.flatnonzero(last | (usd <= most_usd[job[option]]))
        keep = keep[state.fits(option[keep], start[keep])]
        # Options and starts are in order, and ties stay so.
        keep = keep[np.lexsort((usd[keep], job[option[keep]]))]
        keep = keep[last[keep] | (rank(job[option[keep]]) < most)]
        kept = option[keep], start[keep]
        parts.append((*kept, usd[keep], state.costs(*kept)))
    option, start, usd, own_usd = (np.concatenate(column) for column in zip(*parts, strict=True))
    counts = np.bincount(job[option], minlength=len(best))
    return Pairs(
        first=np.concatenate([[0], np.cumsum(counts)]),
        option=option,
        start=start,
        usd=own_usd,
        reduced_usd=usd,
        best_usd=best,
        bound_usd=priced.bound_usd,
    )


def _last_resorts(state: State, priced: Reduced, *, within: bool) -> Bools:
    """Tell which options are where jobs can go when all else is full, at their best start."""
    options = state.instance.options
    most_usd = state.instance.jobs.reject_usd.astype(np.float64)
    free = np.flatnonzero(options.group < 0)
    np.minimum.at(most_usd, options.job[free], priced.usd[free])
    is_last: Bools = priced.usd <= most_usd[options.job]
    if state.instance.slots == 1 and not within:
        has_free = np.zeros(len(most_usd), np.bool_)
        has_free[options.job[free[is_last[free]]]] = True
        is_last &= (options.group < 0) | ~has_free[options.job]
    return is_last


def _expand(
    instance: Instance, priced: Reduced, is_near: Bools, is_last: Bools
) -> Iterator[tuple[Ints, Ints]]:
    """Yield all starts of near options, the best of other last resorts; whole jobs at a time."""
    options = instance.options
    rows = np.flatnonzero(is_near | is_last)
    wide = is_near[rows]
    count = np.where(wide, options.latest[rows] - options.earliest[rows] + 1, 1).astype(np.int64)
    first = np.where(wide, options.earliest[rows], priced.start[rows])
    ends, job, begin = np.cumsum(count), options.job[rows], 0
    while begin < len(rows):
        reach = np.searchsorted(ends, (ends[begin - 1] if begin else 0) + BLOCK)
        end = len(rows) if reach >= len(rows) else int(np.searchsorted(job, job[reach]))
        end = max(end, int(np.searchsorted(job, job[begin], side="right")))
        part = slice(begin, end)
        option = np.repeat(rows[part], count[part])
        yield option, np.repeat(first[part], count[part]) + rank(option)
        begin = end


def rank(sorted_keys: Ints | Indices) -> Ints:
    """Return the position of each entry among those of the same key, which are neighbours."""
    if not len(sorted_keys):
        return np.zeros(0, dtype=np.int64)
    starts = np.flatnonzero(np.append(True, sorted_keys[1:] != sorted_keys[:-1]))
    return np.arange(len(sorted_keys)) - np.repeat(
        starts, np.diff(np.append(starts, len(sorted_keys)))
    )
