"""The relaxation of an instance over time: a price for each slot of what is scarce.

First all slots are one, which Newton steps price in a moment; then prices part slot by slot.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hybridplace.solver.ascent import Lagrangian, ascend
from hybridplace.solver.dual import raise_prices
from hybridplace.solver.instance import RESOURCES, Floats, Instance, Prices
from hybridplace.solver.lines import lines_of, price_vector, prices_of, table_of
from hybridplace.solver.lp import relax
from hybridplace.solver.master import static_master
from hybridplace.solver.pricing import limit_uses_at, no_prices, reduced
from hybridplace.solver.rounding import Fractional
from hybridplace.solver.static import Relaxation

SAMPLE = 2_000
"""Jobs that the first prices are made of."""

HOT, COLD = 0.2, 1e-3
"""Temperatures of the first and the last step, in units of the jobs."""

WARM = 0.01
"""Of the first step where prices are known of an instance that differs little."""

FEWEST_STEPS, MOST_STEPS = 60, 160

WORK = 1_000_000
"""Jobs that are looked at, over all steps."""

LEAST_PART = 0.1
"""Of the largest part of its job: smaller ones are dropped."""


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
        Of an instance that differs little: the search begins there, less hot.
    """
    extra = np.zeros(len(instance.options.job)) if extra_usd is None else extra_usd
    first = first_prices(instance, extra) if near is None else near
    lines, jobs = lines_of(instance), len(instance.jobs.reject_usd)
    lagrangian = Lagrangian(lines, table_of(instance, lines, extra), np.arange(jobs))
    steps = int(np.clip(WORK // max(jobs, 1), FEWEST_STEPS, MOST_STEPS))
    hot = HOT if near is None else WARM
    found = ascend(lagrangian, price_vector(lines, first), np.geomspace(hot, COLD, steps))
    prices = prices_of(instance, lines, found.price)
    return Relaxation(
        prices=prices,
        bound_usd=reduced(instance, prices, extra).bound_usd,
        lp=_parts(lagrangian, found.price),
        optimal=False,
    )


def first_prices(instance: Instance, extra: Floats) -> Prices:
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
        limit_use=limit_uses_at(
            instance, np.arange(len(none)), np.asarray(at_best.start, dtype=np.int64)
        ),
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


def _parts(lagrangian: Lagrangian, price: Floats) -> Fractional:
    """Return the parts of jobs that are worth trying; what is dropped goes to the others."""
    table, pairs = lagrangian.table, lagrangian.pairs
    lagrangian(price, COLD, price > 0)
    looked = pairs.end - table.first[:-1]
    rows = np.flatnonzero(np.arange(len(table.option)) < np.repeat(pairs.end, np.diff(table.first)))
    count = table.rows["count"][rows].astype(np.int64)
    part, row = pairs.usd[: int(count.sum())], np.repeat(rows, count)
    job = np.repeat(np.repeat(lagrangian.jobs, looked), count)
    largest = np.zeros(len(looked))
    np.maximum.at(largest, job, part)
    some = np.flatnonzero(part > LEAST_PART * largest[job])
    whole, kept = (np.bincount(job[at], part[at], len(looked)) for at in (slice(None), some))
    value = part[some] * (whole / np.maximum(kept, 1e-9))[job[some]]
    start = some - pairs.begin[row[some]] + table.rows["begin"][row[some]]
    option = table.option[row[some]]
    order = np.lexsort((start, option))
    return Fractional(option=option[order], start=start[order], value=value[order])
