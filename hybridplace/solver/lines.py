"""What is scarce as lines of slots, then limits and shares; and options as loads on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hybridplace.solver.instance import RESOURCES, Bools, Floats, Indices, Instance, Ints, Prices
from hybridplace.solver.pricing import no_prices, reduced
from hybridplace.solver.starts import LOAD, OPTION, Pairs, Records, Scarce, Table

LEAST_UNIT = 1e-3
"""Of a job, as a share of what jobs cost on average."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    r"""What is scarce.

    Parameters
    ----------
    line : indices, (G, 3)
        The place among the lines of each resource of a group; -1 if it is never limited.
    capacity : floats, (lines, T)
        :math:`b`; 0 where it is not limited.
    limited : bools, (lines, T)
    at_most : floats, (L,)
    tenants : int
        0 if shares cost nothing.
    unfair_usd : float
        :math:`\varphi`.
    """

    line: Indices
    capacity: Floats
    limited: Bools
    at_most: Floats
    tenants: int
    unfair_usd: float

    def filled(self, figure: float = 0.0) -> Scarce:
        """Return the same figure for each thing."""
        count, slots = self.capacity.shape
        return Scarce(
            line=np.full((count, slots + 1), figure),
            limit=np.full(len(self.at_most) + 1, figure),
            share=np.full(self.tenants + 1, figure),
        )

    def knots(self, figure: Floats) -> Scarce:
        """Return a figure of slots, limits and shares, one after the other, summed up to knots."""
        slots, limits = self.capacity.size, len(self.at_most)
        found = self.filled()
        by_slot = figure[:slots].reshape(self.capacity.shape)
        np.cumsum(by_slot, axis=1, out=found.line[:, 1:])
        found.limit[:-1] = figure[slots : slots + limits]
        found.share[:-1] = figure[slots + limits :]
        return found

    def sums(self, found: Scarce) -> Floats:
        """Return what was booked as differences from slot to slot, limits, shares, as a vector."""
        by_slot = np.cumsum(found.line[:, :-1], axis=1)
        return np.concatenate([by_slot.ravel(), found.limit[:-1], found.share[:-1]])


def lines_of(instance: Instance) -> Lines:
    """Return what is scarce in an instance."""
    limited = np.isfinite(instance.capacity)
    some = limited.any(axis=2)
    line = np.full(some.shape, -1, dtype=np.int32)
    line[some] = np.arange(int(some.sum()))
    tenants = int(instance.jobs.tenant.max(initial=-1)) + 1
    return Lines(
        line=line,
        capacity=np.where(limited, instance.capacity, 0.0)[some],
        limited=limited[some],
        at_most=instance.at_most,
        tenants=tenants if instance.unfair_usd > 0 else 0,
        unfair_usd=instance.unfair_usd,
    )


def prices_of(instance: Instance, lines: Lines, price: Floats) -> Prices:
    """Return prices of slots, limits and shares, one after the other, as those of an instance."""
    slots = lines.capacity.size
    capacity = np.zeros(instance.capacity.shape)
    capacity[lines.line >= 0] = price[:slots].reshape(lines.capacity.shape)
    tenants = int(instance.jobs.tenant.max(initial=-1)) + 1
    share = np.zeros(tenants)
    share[: lines.tenants] = price[slots + len(lines.at_most) :]
    return Prices(
        capacity=capacity, limit=price[slots : slots + len(lines.at_most)].copy(), share=share
    )


def price_vector(lines: Lines, prices: Prices) -> Floats:
    """Return prices of an instance as one vector: slots, limits, shares."""
    return np.concatenate(
        [prices.capacity[lines.line >= 0].ravel(), prices.limit, prices.share[: lines.tenants]]
    )


def table_of(instance: Instance, lines: Lines, extra_usd: Floats) -> Table:
    """Return the options as the loops read them."""
    floor_usd = reduced(instance, no_prices(instance), extra_usd).usd
    order = np.lexsort((floor_usd, instance.options.job))
    table = some_table(instance, lines, order, _units(instance, floor_usd))
    table.rows["floor_usd"] = floor_usd[order]
    table.rows["cost_usd"] += extra_usd[order]
    return table


def some_table(instance: Instance, lines: Lines, order: Ints, unit_usd: Floats) -> Table:
    """Return some options, by job: whatever they cost, all will be looked at."""
    options, hourly = instance.options, instance.hourly
    nothing = np.zeros((len(order), 0))
    number = np.arange(len(options.first))
    rows, loads = _rows(instance, lines, order)
    return Table(
        first=np.searchsorted(options.job[order], number).astype(np.int64),
        option=order,
        rows=rows,
        loads=loads,
        curves=np.ascontiguousarray(options.curves, dtype=np.float64),
        limit=options.limit[order],
        limit_use=options.limit_use[order],
        rate=nothing if hourly is None else hourly.rate[order],
        row=nothing.astype(np.int32) if hourly is None else hourly.row[order],
        cumulative=np.zeros((1, 2)) if hourly is None else hourly.cumulative,
        cost_weight=np.zeros(0) if hourly is None else hourly.cost_weight,
        limit_weight=np.zeros((1, 0)) if hourly is None else _with_none(hourly.limit_weight),
        reject_usd=instance.jobs.reject_usd.astype(np.float64),
        unit_usd=unit_usd,
        slot_h=float(instance.slot_h),
    )


def _rows(instance: Instance, lines: Lines, order: Ints) -> tuple[Records, Records]:
    """Return the rows of options, and their loads."""
    options, jobs, job = instance.options, instance.jobs, instance.options.job[order]
    rows, loads = np.empty(len(order), OPTION), _loads(instance, lines, order)
    ends = np.cumsum(np.bincount(loads[0], minlength=len(order)))
    rows["load"], rows["load_end"] = np.append(0, ends)[:-1], ends
    rows["floor_usd"], rows["cost_usd"] = -np.inf, options.cost_usd[order]
    late_h = options.hours[order] - jobs.due_h[job]
    is_due = np.isfinite(late_h)
    rows["late_h"] = np.where(is_due, late_h, 0.0)
    rows["late_usd_h"] = np.where(is_due, jobs.late_usd_h[job], 0.0)
    rows["share"], rows["hours"] = options.share[order], options.hours[order] / instance.slot_h
    rows["begin"], rows["slots"] = options.earliest[order], options.slots[order]
    rows["count"] = options.latest[order] - options.earliest[order] + 1
    rows["curve"], rows["limits"] = options.curve[order], (options.limit[order] >= 0).sum(axis=1)
    rows["tenant"] = jobs.tenant[job] if lines.tenants else -1
    return rows, loads[1]


def _with_none(figures: Floats) -> Floats:
    """Return the same with a row of zeros at the end."""
    return np.append(figures, np.zeros((1, figures.shape[1])), axis=0)


def _units(instance: Instance, floor_usd: Floats) -> Floats:
    """Return the least cost of each job, if it is not much less than others'; (J,), above 0."""
    least_usd = instance.jobs.reject_usd.astype(np.float64)
    np.minimum.at(least_usd, instance.options.job, floor_usd)
    least_usd = np.abs(least_usd)
    return np.maximum(
        least_usd, LEAST_UNIT * float(least_usd.sum()) / max(len(least_usd), 1) or 1.0
    )


def _loads(instance: Instance, lines: Lines, order: Ints) -> tuple[Ints, Records]:
    """Return which lines options load, and how much; the options, ascending, come first."""
    options = instance.options
    line = np.append(lines.line, np.full((1, RESOURCES), -1), axis=0)[options.group[order]]
    use = options.use[order]
    row, resource = np.nonzero((line >= 0) & (use > 0))
    loads = np.empty(len(row), LOAD)
    loads["line"], loads["use"] = line[row, resource], use[row, resource]
    return row, loads


def pairs_of(table: Table) -> Pairs:
    """Return room for all options at all starts."""
    return Pairs(
        usd=np.empty(int(table.rows["count"].sum(dtype=np.int64))),
        begin=np.zeros(len(table.option) + 1, dtype=np.int64),
        end=np.zeros(len(table.reject_usd), dtype=np.int64),
        best_usd=np.zeros(len(table.reject_usd)),
        rows=np.empty(int(table.rows["count"].max(initial=0))),
    )
