"""Exact pricing: what each option costs at its best start, at given prices of what is scarce.

Each job is judged by itself, over all its options and all their starts, so the value of the
Lagrangian that comes with it is a lower bound on the cost of any plan (`instance.Prices`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hybridplace.solver.instance import (
    RESOURCES,
    Bools,
    Floats,
    Hourly,
    Indices,
    Instance,
    Ints,
    Prices,
)

Rows = NDArray[np.intp] | Ints

CHUNK = 1 << 16
"""Pairs of option and start that are priced at once: what stays in the processor's cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduced:
    r"""Reduced costs at some prices.

    Parameters
    ----------
    usd : floats, (n,)
        :math:`\min_t \bar c_{it}` of each option.
    start : ints or indices, (n,)
        The first start that has it.
    job_usd : floats, (J,)
        The least of each job, :math:`p_j` included.
    job_option : ints, (J,)
        The first option that has it; -1 if leaving the job out costs less than any.
    bound_usd : float
        The value of the Lagrangian: no plan costs less.
    """

    usd: Floats
    start: Ints | Indices
    job_usd: Floats
    job_option: Ints
    bound_usd: float


@dataclass(frozen=True, slots=True)
class Tariff:
    r"""Prices made ready for look-up.

    Parameters
    ----------
    fixed : floats, (n,)
        What does not depend on the start.
    paid : floats, (3, G + 1, T + 1)
        :math:`\sum_{\tau < t} \lambda_{gr\tau}`; 0 in the last row, which group -1 refers to.
    priced : bools, (3, G + 1)
        Which groups have a price in any slot.
    weight : floats, (n, 3) or None
        :math:`r_{ik}` times what a part weighs in the objective and, at their prices, in limits.
    """

    instance: Instance
    slot_prices: Floats
    fixed: Floats
    paid: Floats
    priced: Bools
    weight: Floats | None


def no_prices(instance: Instance) -> Prices:
    """Return prices of 0: the bound is then what the jobs cost if nothing is scarce."""
    tenants = int(instance.jobs.tenant.max(initial=-1)) + 1
    return Prices(
        capacity=np.zeros(instance.capacity.shape),
        limit=np.zeros(len(instance.at_most)),
        share=np.zeros(tenants),
    )


def reduced(instance: Instance, prices: Prices, extra_usd: Floats | None = None) -> Reduced:
    """Price every option at each of its starts.

    Parameters
    ----------
    extra_usd : floats, (n,), optional
        Added to `cost_usd`, for example the prices of data. What else these prices contribute to
        the bound is for the caller to add.
    """
    usd, start = least_over_starts(tariff_of(instance, prices, extra_usd))
    job_usd, job_option = best_of_jobs(instance, usd)
    bound = float(job_usd.sum()) + scarcity_usd(instance, prices)
    return Reduced(usd=usd, start=start, job_usd=job_usd, job_option=job_option, bound_usd=bound)


def least_over_starts(tariff: Tariff) -> tuple[Floats, Ints | Indices]:
    """Return what each option costs at its best start, and the first such start; (n,) each."""
    options = tariff.instance.options
    usd, varies = np.empty(len(options.job)), _varies(tariff)
    if not varies.any():
        for begin in range(0, len(usd), CHUNK):
            rows = np.arange(begin, min(begin + CHUNK, len(usd)))
            usd[rows] = price_at(tariff, rows, options.earliest[rows].astype(np.int64))
        return usd, options.earliest
    start = options.earliest.astype(np.int64)
    for rows in _chunks(np.flatnonzero(~varies)):
        usd[rows] = price_at(tariff, rows, start[rows])
    for rows, width in _blocks(np.flatnonzero(varies), options.latest - start + 1):
        at = start[rows, None] + np.arange(width)
        costs = price_at(tariff, rows, at)
        costs[at > options.latest[rows, None]] = np.inf
        best = costs.argmin(axis=1)
        usd[rows] = costs[np.arange(len(rows)), best]
        start[rows] += best
    return usd, start


def reduced_at(
    instance: Instance,
    prices: Prices,
    option: Ints,
    start: Ints,
    extra_usd: Floats | None = None,
) -> Floats:
    r"""Return :math:`\bar c_{it}` of each pair (option[k], start[k])."""
    tariff = tariff_of(instance, prices, extra_usd)
    usd = np.empty(len(option))
    for part in _chunks(np.arange(len(option))):
        usd[part] = price_at(tariff, option[part], start[part])
    return usd


def costs_at(instance: Instance, option: Ints, start: Ints) -> Floats:
    r"""Return :math:`c_{it}`, the cost of each pair (option[k], start[k]), at no prices."""
    return reduced_at(instance, no_prices(instance), option, start)


def limit_uses_at(instance: Instance, option: Ints, start: Ints) -> Floats:
    r"""Return :math:`l_{itk}` of each pair (option[k], start[k]), a row each, as `limit_use`."""
    uses = instance.options.limit_use[option].copy()
    hourly = instance.hourly
    if hourly is not None and len(instance.at_most):
        limit = instance.options.limit[option]
        for part in range(hourly.rate.shape[1]):
            figure = hourly.rate[option, part] * _figure(instance, hourly, part, option, start)
            uses += np.where(limit >= 0, hourly.limit_weight[limit, part], 0) * figure[:, None]
    return uses


def best_of_jobs(instance: Instance, usd: Floats) -> tuple[Floats, Ints]:
    """Return per job its least figure, rejection included, and the first option that has it."""
    first = instance.options.first
    job_usd = instance.jobs.reject_usd.astype(np.float64)
    job_option = np.full(len(job_usd), -1, dtype=np.int64)
    some = np.flatnonzero(first[1:] > first[:-1])
    if len(some):
        best = np.minimum.reduceat(usd, first[some])
        least = np.flatnonzero(usd == np.repeat(best, (first[1:] - first[:-1])[some]))
        chosen = least[np.searchsorted(least, first[some])]
        wins = best <= job_usd[some]
        job_option[some[wins]] = chosen[wins]
        job_usd[some] = np.minimum(job_usd[some], best)
    return job_usd, job_option


def scarcity_usd(instance: Instance, prices: Prices) -> float:
    r"""Return what the bound has beside the jobs.

    :math:`\min(\varphi, \sum_u \nu_u) - \sum b \lambda - \sum B \mu`.
    """
    shares = min(instance.unfair_usd, float(prices.share.sum()))
    return (
        shares - _worth(instance.capacity, prices.capacity) - _worth(instance.at_most, prices.limit)
    )


def _worth(amount: Floats, price: Floats) -> float:
    """Return their product; what is free counts nothing, even if it is unlimited."""
    some = price > 0
    return float((amount[some] * price[some]).sum())


def tariff_of(instance: Instance, prices: Prices, extra_usd: Floats | None = None) -> Tariff:
    """Make prices ready for look-up."""
    groups, _, slots = instance.capacity.shape
    slot_prices = np.zeros((RESOURCES, groups + 1, slots))
    slot_prices[:, :groups] = prices.capacity.transpose(1, 0, 2)
    paid = np.zeros((RESOURCES, groups + 1, slots + 1))
    np.cumsum(slot_prices, axis=2, out=paid[:, :, 1:])
    return Tariff(
        instance=instance,
        slot_prices=slot_prices,
        fixed=_fixed(instance, prices, extra_usd),
        paid=paid,
        priced=np.asarray(slot_prices.any(axis=2)),
        weight=_weights(instance, prices),
    )


def tariff_like(tariff: Tariff, instance: Instance, prices: Prices) -> Tariff:
    """Return the same prices made ready for other options; capacity and slots are the same."""
    return replace(
        tariff,
        instance=instance,
        fixed=_fixed(instance, prices, None),
        weight=_weights(instance, prices),
    )


def _fixed(instance: Instance, prices: Prices, extra_usd: Floats | None) -> Floats:
    """Return what does not depend on the start: cost, limits, shares; (n,)."""
    options = instance.options
    fixed = options.cost_usd.astype(np.float64, copy=False)
    if extra_usd is not None:
        fixed = fixed + extra_usd
    if prices.limit.any():
        limit_price = np.append(prices.limit, 0.0)
        for k in range(options.limit.shape[1]):
            fixed = fixed + limit_price[options.limit[:, k]] * options.limit_use[:, k]
    if prices.share.any():
        fixed = fixed - prices.share[instance.jobs.tenant[options.job]] * options.share
    return fixed


def _weights(instance: Instance, prices: Prices) -> Floats | None:
    """Return what an hour's unit of each hourly figure costs an option; (n, 3)."""
    hourly = instance.hourly
    if hourly is None:
        return None
    limit = instance.options.limit
    weight = np.broadcast_to(hourly.cost_weight, hourly.rate.shape).copy()
    if prices.limit.any():
        priced = np.vstack([prices.limit[:, None] * hourly.limit_weight, np.zeros((1, 3))])
        for k in range(limit.shape[1]):
            weight += priced[limit[:, k]]
    return np.where(hourly.row >= 0, weight * hourly.rate, 0.0)


def _varies(tariff: Tariff) -> Bools:
    """Return which options have several starts that may differ in cost; (n,)."""
    instance, options = tariff.instance, tariff.instance.options
    if instance.slots == 1:
        return np.zeros(len(options.job), dtype=bool)
    end_h = options.latest * instance.slot_h + options.hours
    jobs = instance.jobs
    varies = (end_h > jobs.due_h[options.job]) & (jobs.late_usd_h[options.job] > 0)
    for resource in range(RESOURCES):
        varies |= tariff.priced[resource, options.group] & (options.use[:, resource] > 0)
    if tariff.weight is not None:
        varies |= (tariff.weight != 0).any(axis=1)
    return varies & (options.latest > options.earliest)


def price_at(tariff: Tariff, rows: Rows, begin: Ints) -> Floats:
    r"""Return :math:`\bar c_{it}` for the option rows[m] at the start begin[m] or begin[m, any]."""
    instance, options = tariff.instance, tariff.instance.options
    column = _column(rows, begin)
    usd = np.broadcast_to(tariff.fixed[column], begin.shape).copy()
    if (options.curve[rows] >= 0).any():
        _add_curves(tariff, rows, begin, usd)
    for resource in range(RESOURCES):
        priced = tariff.priced[resource, options.group[rows]] & (options.curve[rows] < 0)
        some = np.flatnonzero(priced)
        if len(some):
            one = column[some]
            window = _between(
                tariff.paid[resource], options.group[one], begin[some], options.slots[one]
            )
            usd[some] += options.use[one, resource] * window
    late = np.flatnonzero(instance.jobs.late_usd_h[options.job[rows]] > 0)
    if len(late):
        usd[late] += _lateness(instance, column[late], begin[late])
    hourly = instance.hourly
    if hourly is not None and tariff.weight is not None:
        for part in range(tariff.weight.shape[1]):
            some = np.flatnonzero(tariff.weight[rows, part])
            weight = tariff.weight[column[some], part]
            usd[some] += weight * _figure(instance, hourly, part, rows[some], begin[some])
    return usd


def _column(rows: Rows, begin: Ints) -> Rows:
    """Return the rows so that they broadcast against their starts."""
    return rows.reshape((-1,) + (1,) * (begin.ndim - 1))


def _between(
    table: Floats, row: NDArray[np.integer], begin: Ints, length: NDArray[np.integer]
) -> Floats:
    """Return how much a cumulative table grows from `begin` over `length` slots, in each row."""
    last = table.shape[1] - 1
    flat = table.reshape(-1)
    at = np.asarray(row, dtype=np.intp) % len(table) * (last + 1)
    end = np.minimum(begin + length, last)
    grown: Floats = flat.take(at + end) - flat.take(at + begin, mode="clip")
    return grown


def _add_curves(tariff: Tariff, rows: Rows, begin: Ints, usd: Floats) -> None:
    """Add what options pay whose load varies; these have one start."""
    instance, options = tariff.instance, tariff.instance.options
    some = np.flatnonzero(options.curve[rows] >= 0)
    one = rows[some]
    first = begin[some].reshape(len(some), -1)[:, :1]
    at = np.arange(instance.slots)
    share = np.where(at < options.slots[one, None], options.curves[options.curve[one]], 0.0)
    when = np.minimum(first + at, instance.slots - 1)
    for resource in range(RESOURCES):
        window = tariff.slot_prices[resource, options.group[one, None], when]
        paid = options.use[one, resource] * (share * window).sum(axis=1)
        usd[some] += _column(paid, begin)


def _lateness(instance: Instance, column: Rows, begin: Ints) -> Floats:
    """Return what ending after the due hour costs."""
    jobs, job = instance.jobs, instance.options.job[column]
    late_h = begin * instance.slot_h + instance.options.hours[column] - jobs.due_h[job]
    return jobs.late_usd_h[job] * np.maximum(late_h, 0.0)


def _figure(instance: Instance, hourly: Hourly, part: int, rows: Rows, begin: Ints) -> Floats:
    r"""Return :math:`C_q(t + h_i) - C_q(t)`, 0 where an option has no such part."""
    column = _column(rows, begin)
    row = hourly.row[column, part]
    slots = instance.options.hours[column] / instance.slot_h
    whole = np.floor(slots).astype(np.int64)
    rest = slots - whole
    to_floor = _between(hourly.cumulative, row, begin, whole)
    to_ceil = _between(hourly.cumulative, row, begin, whole + 1)
    return np.where(row >= 0, to_floor * (1 - rest) + to_ceil * rest, 0.0)


def _chunks(rows: Rows) -> Iterator[Rows]:
    """Yield the rows in parts."""
    for begin in range(0, len(rows), CHUNK):
        yield rows[begin : begin + CHUNK]


def _blocks(rows: Rows, starts: Ints) -> Iterator[tuple[Rows, int]]:
    """Yield the rows in parts of similar numbers of starts, each with the largest."""
    ordered = rows[np.argsort(-starts[rows], kind="stable")]
    begin = 0
    while begin < len(ordered):
        width = int(starts[ordered[begin]])
        yield ordered[begin : begin + max(1, CHUNK // width)], width
        begin += max(1, CHUNK // width)
