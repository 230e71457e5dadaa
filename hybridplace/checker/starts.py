"""The least that jobs cost on offers over all their starts, with what the slots fetch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hybridplace.checker.asks import Asks
from hybridplace.checker.columns import Bools, Courses, Floats, Ints
from hybridplace.model.run import TIME_TOLERANCE_H

BATCH = 1 << 18
"""Starts that are priced at once: what fits a processor's cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Starts:
    """Asks (rows) on offers (columns).

    Parameters
    ----------
    usd : floats
        What does not depend on the start; NaN or inf if the job cannot run there.
    hours : floats
        From start to end.
    first, last : floats
        Slots; the job cannot run there if `last` is before `first`.
    group : ints, (offers,)
        What the offers compete for: rows of `paid_usd`.
    use : floats, (any, asks, offers)
        What is taken of each resource in each booked slot.
    paid_usd : floats, (any, groups, slots + 1)
        The sum of the prices of each resource in the slots before.
    claim, claimed, claim_usd : ints, floats, floats
        Where jobs pay for knapsacks by slot: rows of `claim_usd`, (asks, offers), the accelerators
        paid for, (asks, offers), and the sum of the prices in the slots before, (rows, slots + 1);
        no asks if there are none.
    courses, course, weight : Courses, ints, floats
        Figures that change over time, their rows by offer, and what their mean over the run is
        multiplied by: (offers, 3), (3 or 0, asks, offers). `usd` has them at their least.
    """

    slot_h: float
    usd: Floats
    hours: Floats
    first: Floats
    last: Floats
    group: Ints
    use: Floats
    paid_usd: Floats
    claim: Ints
    claimed: Floats
    claim_usd: Floats
    courses: Courses
    course: Ints
    weight: Floats


def start_range(
    asks: Asks, hours: Floats, ready_h: Floats | None, slot_h: float
) -> tuple[Floats, Floats]:
    """Return the first and the last slot that asks may start in, given when their data is there."""
    earliest_h = asks.earliest_h[:, None]
    first = np.ceil((earliest_h - TIME_TOLERANCE_H) / slot_h)
    last = np.floor((asks.latest_h[:, None] + TIME_TOLERANCE_H - hours) / slot_h)
    if asks.serving[:1].any():
        last = np.minimum(first, last)
    if ready_h is not None:
        first = np.ceil((np.maximum(earliest_h, ready_h) - TIME_TOLERANCE_H) / slot_h)
    return np.broadcast_to(first, hours.shape), last


def least_over_starts(asks: Asks, starts: Starts, known_usd: Floats) -> Floats:
    """Return the least of each ask over all offers and starts; at most `known_usd`.

    Parameters
    ----------
    known_usd : floats, (asks,)
        What each job costs at most: where even free slots would cost as much, starts are not looked
        at one by one.
    """
    late_usd = _late_usd(asks, starts)
    free_usd = starts.usd if late_usd is None else starts.usd + late_usd
    free_usd = np.where(starts.last >= starts.first, free_usd, np.inf)
    if not len(starts.weight) and not len(starts.claim):
        if not len(starts.use):
            return np.fmin(known_usd, np.fmin.reduce(free_usd, axis=1, initial=np.inf))
        if starts.paid_usd.shape[2] == 2:
            return _least_in_one_slot(starts, free_usd, known_usd)
    ask, offer = np.nonzero(free_usd < known_usd[:, None])
    first, usd = starts.first[ask, offer], free_usd[ask, offer]
    least = known_usd.copy()
    np.minimum.at(least, ask, usd + _slots_usd(starts, ask, offer, first))
    waits = (usd < least[ask]) & (starts.last[ask, offer] > first) & _varies(starts)[offer]
    for some in _batches(starts, ask[waits], offer[waits]):
        np.minimum.at(least, some[0], _least_of_cells(asks, starts, *some))
    return least


def usd_at_first(asks: Asks, starts: Starts, ask: Ints, offer: Ints) -> Floats:
    """Return what some pairs cost at their first start."""
    late_usd = _late_usd(asks, starts)
    first, usd = starts.first[ask, offer], starts.usd[ask, offer]
    if late_usd is not None:
        usd = usd + late_usd[ask, offer]
    return usd + _slots_usd(starts, ask, offer, first)


def _least_in_one_slot(starts: Starts, free_usd: Floats, known_usd: Floats) -> Floats:
    prices = starts.paid_usd[:, starts.group, 1]
    for use, price in zip(starts.use, prices, strict=True):
        free_usd = free_usd + use * price
    return np.fmin(known_usd, np.fmin.reduce(free_usd, axis=1, initial=np.inf))


def _varies(starts: Starts) -> Bools:
    """Return on which offers another start may cost less than the first."""
    varies = np.zeros(len(starts.group), dtype=bool)
    if len(starts.use):
        varies |= (starts.paid_usd[:, starts.group, -1] > 0).any(axis=0)
    if len(starts.claim):
        varies |= (starts.claimed > 0).any(axis=0)
    if len(starts.weight):
        varies |= (starts.course > 0).any(axis=1)
    return varies


def _late_usd(asks: Asks, starts: Starts) -> Floats | None:
    if not asks.late_usd_h.any():
        return None
    end_h = starts.first * starts.slot_h + starts.hours
    return _lateness_usd(end_h, asks.due_h[:, None], asks.late_usd_h[:, None])


def _lateness_usd(end_h: Floats, due_h: Floats, late_usd_h: Floats) -> Floats:
    return late_usd_h * np.maximum(np.where(np.isfinite(end_h), end_h, 0.0) - due_h, 0.0)


def _batches(starts: Starts, ask: Ints, offer: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Yield parts of the pairs with about as many starts each."""
    ends = np.cumsum(starts.last[ask, offer] - starts.first[ask, offer])
    part = (ends // BATCH).astype(np.int64)
    cuts = np.flatnonzero(np.diff(part)) + 1
    yield from zip(np.split(ask, cuts), np.split(offer, cuts), strict=True)


def _least_of_cells(asks: Asks, starts: Starts, ask: Ints, offer: Ints) -> Floats:
    """Return the least of each pair over all its starts but the first."""
    if not len(ask):
        return np.zeros(0)
    first = starts.first[ask, offer]
    counts = (starts.last[ask, offer] - first).astype(np.int64)
    begins = np.cumsum(counts) - counts
    pair = np.repeat(np.arange(len(ask)), counts)
    slot = first[pair] + 1.0 + (np.arange(len(pair)) - begins[pair])
    usd = starts.usd[ask, offer][pair]
    usd += _slots_usd(starts, ask[pair], offer[pair], slot)
    if asks.late_usd_h.any():
        end_h = slot * starts.slot_h + starts.hours[ask, offer][pair]
        usd += _lateness_usd(end_h, asks.due_h[ask][pair], asks.late_usd_h[ask][pair])
    return np.minimum.reduceat(usd, begins)


def _slots_usd(starts: Starts, ask: Ints, offer: Ints, slot: Floats) -> Floats:
    """Return what depends on the slots of a run: what they fetch, and figures beyond the least."""
    begin, last = slot.astype(np.int64), starts.courses.total.shape[1] - 1
    length = starts.hours[ask, offer] / starts.slot_h
    booked = np.maximum(np.ceil(length - TIME_TOLERANCE_H), 1.0).astype(np.int64)
    end = np.minimum(begin + booked, last)
    usd, group = np.zeros(len(slot)), starts.group[offer]
    for use, paid_usd in zip(starts.use, starts.paid_usd, strict=True):
        usd += use[ask, offer] * (paid_usd[group, end] - paid_usd[group, begin])
    if len(starts.claim):
        row = starts.claim[ask, offer]
        more = starts.claim_usd[row, end] - starts.claim_usd[row, begin]
        usd += starts.claimed[ask, offer] * more
    for part, weight in enumerate(starts.weight):
        row = starts.course[offer, part]
        some = np.flatnonzero(row)
        if len(some):
            mean = _mean(starts.courses, row[some], begin[some], length[some])
            more = mean - starts.courses.least[row[some]]
            usd[some] += weight[ask[some], offer[some]] * more
    return usd


def _mean(courses: Courses, row: Ints, begin: Ints, length: Floats) -> Floats:
    """Return the mean of figures over runs, of which the last slot may be a part only."""
    last = courses.total.shape[1] - 1
    end = np.minimum(begin + length, last)
    whole = np.minimum(np.floor(end).astype(np.int64), last - 1)
    before = courses.total[row, whole]
    total = before + (end - whole) * (courses.total[row, whole + 1] - before)
    mean: Floats = (total - courses.total[row, begin]) / (end - begin)
    return mean
