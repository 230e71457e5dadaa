"""The relaxation of an instance over time: a price for each slot of what is scarce.

First all slots are one, which Newton steps price in a moment; then prices part slot by slot.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hybridplace.solver.ascent import Ascent, Search, ascend
from hybridplace.solver.dual import raise_prices
from hybridplace.solver.instance import RESOURCES, Floats, Instance, Ints, Prices
from hybridplace.solver.lp import relax
from hybridplace.solver.master import static_master
from hybridplace.solver.pricing import (
    Reduced,
    best_of_jobs,
    costs_at,
    limit_uses_at,
    no_prices,
    reduced,
    reduced_at,
)
from hybridplace.solver.rounding import Fractional
from hybridplace.solver.static import Relaxation
from hybridplace.solver.working import (
    Lines,
    Working,
    lines_of,
    price_vector,
    prices_of,
    working_set,
)

SAMPLE = 2_000
"""Jobs that the first prices are made of."""

FEW_STARTS = 4
"""Of an option whose group is free."""

OPTION_REACH = 0.5
"""An option may become best if what it pays for scarce things changes by this share."""

JOBS_OF_REACH = 10.0
"""See `_reach`."""

NEAR = 2e-3
"""Of the mean cost of a job: what may become best whatever it pays."""

LEAST_LEVEL = 0.05
"""Of what a unit costs on average: by how much a price moves that was 0."""

LEAST_PART = 0.01
"""Of a job, smaller ones are dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A part of the search.

    Parameters
    ----------
    reach : float
        Times `_reach`: a start may become best if what it pays for scarce things changes so much.
    step : float
        As in `Search`.
    temperature : float
        As a share of what a job costs on average.
    """

    reach: float
    step: float
    temperature: float


PHASES = (
    Phase(reach=1.0, step=0.04, temperature=1e-3),
    Phase(reach=0.4, step=0.02, temperature=5e-4),
    Phase(reach=0.2, step=0.01, temperature=3e-4),
)

WORK = 30_000_000
"""Pairs that a phase looks at, over all its steps."""

REPEATS = 2
"""Of the last phase, at most, while pairs that are not near cost more than `MISSED`."""

MISSED = 1e-3
"""Of the bound."""

FEWEST_STEPS, MOST_STEPS = 30, 300


@dataclass(frozen=True, slots=True)
class _Point:
    """Prices, what they prove, and what each option pays at its best start for scarce things."""

    prices: Prices
    priced: Reduced
    paid_usd: Floats


def relax_slots(
    instance: Instance, extra_usd: Floats | None = None, near: Prices | None = None
) -> Relaxation:
    """Return prices of slots, what they prove, and jobs placed in part.

    Parameters
    ----------
    extra_usd : floats, (n,), optional
        Added to `cost_usd`, for example the prices of data. What else these prices contribute to
        the bound is for the caller to add.
    near : Prices, optional
        Of an instance that differs little: the search begins there, with its last phase.
    """
    extra = np.zeros(len(instance.options.job)) if extra_usd is None else extra_usd
    first = _first_prices(instance, extra) if near is None else near
    best = latest = _point(instance, first, extra)
    lines = lines_of(instance)
    pace = _pace(instance, lines, best)
    lp = _best_parts(best.priced)
    turns = range(0 if near is None else len(PHASES) - 1, len(PHASES) + REPEATS)
    for turn in turns if len(extra) else ():
        phase = PHASES[min(turn, len(PHASES) - 1)]
        working = _near(instance, lines, (best, latest), phase, extra)
        if not len(working.option):
            break
        found = ascend(
            lines,
            working,
            price_vector(lines, best.prices),
            pace,
            Search(
                steps=int(np.clip(WORK // len(working.option), FEWEST_STEPS, MOST_STEPS)),
                step=phase.step,
                temperature_usd=phase.temperature * float(np.abs(best.priced.job_usd).mean()),
            ),
        )
        latest = _point(instance, prices_of(instance, lines, found.price), extra)
        if latest.priced.bound_usd > best.priced.bound_usd:
            best = latest
        lp = _parts(working, found)
        others_usd = float(instance.jobs.reject_usd.sum() - working.reject_usd.sum())
        missed_usd = found.usd + others_usd - latest.priced.bound_usd
        if turn + 1 >= len(PHASES) and missed_usd <= MISSED * abs(best.priced.bound_usd):
            break
    return Relaxation(prices=best.prices, bound_usd=best.priced.bound_usd, lp=lp, optimal=False)


def _point(instance: Instance, prices: Prices, extra: Floats) -> _Point:
    """Return what is known at some prices."""
    priced = reduced(instance, prices, extra)
    cost_usd = costs_at(instance, np.arange(len(priced.usd)), priced.start) + extra
    return _Point(prices, priced, np.abs(priced.usd - cost_usd))


def _first_prices(instance: Instance, extra: Floats) -> Prices:
    """Return prices that are the same in each slot, as if all slots were one.

    Where nothing is left of what there is in other slots, the price keeps everybody away, which
    costs nothing.
    """
    merged = _one_slot(instance, extra)
    master, where = static_master(merged, merged.options.cost_usd)
    jobs = len(master.counts)
    if jobs > SAMPLE:
        master = master.sample(np.arange(0, jobs, -(-jobs // SAMPLE)))
    prices = where.prices(merged, relax(master, *raise_prices(master)).price)
    capacity = np.where(np.isfinite(instance.capacity), prices.capacity, 0.0)
    prices = replace(prices, capacity=capacity)
    most_usd = float(reduced(instance, prices, extra).job_usd.max(initial=0.0))
    empty = most_usd / _least_use(instance)[:, :, None]
    return replace(
        prices, capacity=np.where(instance.capacity > 0, capacity, np.maximum(capacity, empty))
    )


def _one_slot(instance: Instance, extra: Floats) -> Instance:
    """Return the instance without time: capacity and use of all slots are added up."""
    options = instance.options
    at_best = reduced(instance, no_prices(instance), extra)
    none = np.zeros_like(options.slots)
    merged = replace(
        options,
        cost_usd=at_best.usd,
        slots=none + 1,
        earliest=none,
        latest=none,
        use=options.use * _booked(instance)[:, None],
        curve=none - 1,
        curves=np.ones((0, 1)),
        limit_use=limit_uses_at(instance, np.arange(len(none)), at_best.start),
    )
    return replace(
        instance,
        slot_h=instance.slot_h * instance.slots,
        slots=1,
        options=merged,
        capacity=instance.capacity.sum(axis=2, keepdims=True),
        jobs=replace(instance.jobs, late_usd_h=np.zeros_like(instance.jobs.late_usd_h)),
        hourly=None,
    )


def _booked(instance: Instance) -> Floats:
    """Return how many slots' worth of `use` each option takes in all; (n,)."""
    options = instance.options
    booked = options.slots.astype(np.float64)
    curved = np.flatnonzero(options.curve >= 0)
    total = np.cumsum(options.curves, axis=1)
    booked[curved] = total[options.curve[curved], options.slots[curved] - 1]
    return booked


def _least_use(instance: Instance) -> Floats:
    """Return the least that an option uses of each resource, inf if none does; (G, 3)."""
    options = instance.options
    least = np.full((len(instance.capacity) + 1, RESOURCES), np.inf)
    np.minimum.at(least, options.group, np.where(options.use > 0, options.use, np.inf))
    return least[:-1]


def _pace(instance: Instance, lines: Lines, point: _Point) -> Floats:
    """Return how fast each price moves: its level by what there is; as `price_vector`.

    The level is the largest price of the line, or a little of what a unit costs its users.
    """
    options, usd = instance.options, np.abs(point.priced.usd)
    booked = _booked(instance)
    count, slots = lines.capacity.shape
    cost, used = np.zeros(count + 1), np.zeros(count + 1)
    for resource in range(RESOURCES):
        line = np.append(lines.line[:, resource], -1)[options.group]
        use = options.use[:, resource] * booked
        cost += np.bincount(line + 1, np.where(use > 0, usd, 0.0), count + 1)
        used += np.bincount(line + 1, use, count + 1)
    unit_usd = cost[1:] / np.maximum(used[1:], 1e-9)
    price = price_vector(lines, point.prices)
    sold = np.where(lines.capacity > 0, price[: lines.capacity.size].reshape(count, slots), 0.0)
    level = np.maximum(sold.max(axis=1, initial=0.0), LEAST_LEVEL * unit_usd)
    there = np.maximum(lines.capacity.max(axis=1, initial=0.0), 1e-9)
    return np.concatenate([np.repeat(level / there, slots), _other_pace(instance, lines, point)])


def _other_pace(instance: Instance, lines: Lines, point: _Point) -> Floats:
    """Return the same of limits and shares."""
    options, limits = instance.options, len(lines.at_most)
    cost, used = np.zeros(limits + 1), np.zeros(limits + 1)
    for k in range(options.limit.shape[1]):
        cost += np.bincount(options.limit[:, k] + 1, np.abs(point.priced.usd), limits + 1)
        used += np.bincount(options.limit[:, k] + 1, np.abs(options.limit_use[:, k]), limits + 1)
    unit_usd = LEAST_LEVEL * cost[1:] / np.maximum(used[1:], 1e-9)
    there = np.maximum(np.abs(lines.at_most), 1e-9)
    fair = np.full(lines.tenants, LEAST_LEVEL * lines.unfair_usd)
    return np.concatenate([np.maximum(point.prices.limit, unit_usd) / there, fair])


def _near(
    instance: Instance, lines: Lines, points: tuple[_Point, ...], phase: Phase, extra: Floats
) -> Working:
    """Return the pairs that may become best for their job."""
    some = points[:1] if points[0] is points[-1] else points
    keys = [_near_keys(instance, point, phase.reach, extra) for point in some]
    key = np.sort(np.concatenate(keys))
    option, start = np.divmod(key[np.diff(key, prepend=-1) > 0], instance.slots)
    return working_set(instance, lines, option, start, extra)


def _near_keys(instance: Instance, point: _Point, reach: float, extra: Floats) -> Ints:
    """Return ``option * T + start`` of the pairs that are near at some prices."""
    options, usd, paid_usd = instance.options, point.priced.usd, point.paid_usd
    near_usd = NEAR * float(np.abs(point.priced.job_usd).mean())
    high_usd = near_usd + best_of_jobs(instance, usd + OPTION_REACH * paid_usd)[0]
    rows = np.flatnonzero(usd - OPTION_REACH * paid_usd <= high_usd[options.job])
    option, start = _expand(instance, point.prices, rows)
    usd = reduced_at(instance, point.prices, option, start, extra)
    paid_usd = np.abs(usd - costs_at(instance, option, start) - extra[option])
    reach *= _reach(instance)
    high_usd = near_usd + best_of_jobs(instance, point.priced.usd + reach * point.paid_usd)[0]
    near = usd - reach * paid_usd <= high_usd[options.job[option]]
    key = option[near] * instance.slots + start[near]
    return np.concatenate([key, rows * instance.slots + point.priced.start[rows]])


def _reach(instance: Instance) -> float:
    """Return by which share prices of slots differ from their mean, as a rule.

    Demand varies by the root of the number of jobs.
    """
    return min(OPTION_REACH, JOBS_OF_REACH / float(np.sqrt(len(instance.jobs.reject_usd))))


def _expand(instance: Instance, prices: Prices, rows: Ints) -> tuple[Ints, Ints]:
    """Return all starts of some options; of those whose group is free, a few."""
    options = instance.options
    free = ~np.append(prices.capacity.any(axis=(1, 2)), False)[options.group[rows]]
    count = (options.latest - options.earliest)[rows].astype(np.int64) + 1
    kept = np.where(free, np.minimum(count, FEW_STARTS), count)
    option = np.repeat(rows, kept)
    rank = np.arange(len(option)) - np.repeat(np.cumsum(kept) - kept, kept)
    return option, options.earliest[option] + rank * np.repeat(count, kept) // np.repeat(kept, kept)


def _best_parts(priced: Reduced) -> Fractional:
    """Return each job whole, where it costs least."""
    option = priced.job_option[priced.job_option >= 0]
    return Fractional(option=option, start=priced.start[option], value=np.ones(len(option)))


def _parts(working: Working, found: Ascent) -> Fractional:
    """Return the parts of jobs that are worth trying."""
    some = np.flatnonzero(found.parts > LEAST_PART)
    return Fractional(
        option=working.option[some],
        start=working.start[some],
        value=np.minimum(found.parts[some], 1.0),
    )
