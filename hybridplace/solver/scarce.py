"""What a plan runs short of, and the same problem with more or less of it.

Limits are counted as people do (USD, kg CO2e, hours), quotas in what they count, own nodes in
accelerators that come with their share of the node's CPUs and memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from hybridplace.model.capacity import machine_counts
from hybridplace.model.forecast import Figure
from hybridplace.model.problem import LimitMeasure, Problem
from hybridplace.model.site import Node, Pool
from hybridplace.solver.groups import capacity_of, groups_of, nodes_of
from hybridplace.solver.instance import Floats, Instance, Prices

PARTS = 100
"""Of a limit, that it is changed by."""

FEW = 8
"""Steps that are looked at of what there is little of."""

LIMITLESS = 1e9
"""Of a quota or limit, more than any plan takes."""

UNITS = {
    LimitMeasure.USD: ("USD", 1.0),
    LimitMeasure.CARBON_G: ("kg CO2e", 1000.0),
    LimitMeasure.ACCELERATOR_H: ("accelerator hours", 1.0),
    LimitMeasure.MOVES: ("moves", 1.0),
}
"""What people count limits in, and how much of their measure that is."""


class Sort(StrEnum):
    """What sort of bound something scarce is."""

    LIMIT = "limit"
    QUOTA = "quota"
    NODES = "nodes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scarce:
    """A limit, a quota, or the own nodes of a pool with one accelerator.

    Parameters
    ----------
    id : str
        Of the limit or pool.
    accelerator : str or None
        Of own nodes that have some.
    row : int
        Row of the limit or of the group in `Instance`.
    unit : str
        What it is counted in.
    scale : float
        How much a unit is of what the problem counts in.
    step : float
        Units, the least that it can be changed by in practice: whole machines.
    amount : float
        Units that there are; of what varies by hour the most.
    less, more : float
        Units that may be taken away or added: none of it, or twice as much.
    node : Node or None
        What own nodes are like.
    """

    sort: Sort
    id: str
    accelerator: str | None = None
    row: int
    unit: str
    scale: float = 1.0
    step: float
    amount: float
    less: float
    more: float
    node: Node | None = None

    def price_usd(self, prices: Prices) -> float:
        """Return what one more unit over the whole horizon is worth at some prices."""
        if self.sort is Sort.LIMIT:
            return float(prices.limit[self.row]) * self.scale
        by_resource = prices.capacity[self.row].sum(axis=1)
        if self.node is None:
            return float(by_resource[0])
        node = (self.node.accelerators, self.node.cpus, self.node.memory_gib)
        return float(by_resource @ np.array(node)) / self.scale


def scarce_things(problem: Problem, prices: Prices) -> Iterator[Scarce]:
    """Yield what has a price: limits, then own nodes and quotas, as the instance orders them."""
    for row, limit in enumerate(problem.limits):
        if prices.limit[row] > 0:
            unit, scale = UNITS[limit.measure]
            amount = limit.at_most / scale
            step = 1.0 if limit.measure is LimitMeasure.MOVES else _rounded(amount / PARTS)
            yield Scarce(
                sort=Sort.LIMIT,
                id=limit.id,
                row=row,
                unit=unit,
                scale=scale,
                step=step,
                amount=amount,
                less=amount,
                more=max(amount, FEW * step),
            )
    counts = machine_counts(problem)
    capacity = capacity_of(problem)
    for row, (name, accelerator) in enumerate(groups_of(problem)):
        if prices.capacity[row].any():
            nodes = nodes_of(problem, (name, accelerator))
            if nodes:
                yield _own(name, accelerator, row, nodes)
            else:
                yield _quota(problem.pool[name], row, float(capacity[row, 0].max()), counts[name])


def _rounded(amount: float) -> float:
    """Return a figure as people would choose it: 1, 2 or 5 times a power of ten, from 0.01 on."""
    if amount <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(amount))
    least = next(part for part in (5.0, 2.0, 1.0) if part <= amount / power + 1e-9)
    return max(least * power, 0.01)


def _own(name: str, accelerator: str, row: int, nodes: tuple[Node, ...]) -> Scarce:
    node = nodes[0]
    size = float(node.accelerators or 1)
    alike = sum(_size(one) == _size(node) for one in nodes)
    total = sum(one.accelerators for one in nodes) if node.accelerators else len(nodes)
    return Scarce(
        sort=Sort.NODES,
        id=name,
        accelerator=accelerator or None,
        row=row,
        unit="accelerators" if node.accelerators else "nodes",
        scale=size,
        step=size,
        amount=float(total),
        less=size * (alike - (alike == len(nodes))),
        more=size * alike,
        node=node,
    )


def _quota(pool: Pool, row: int, amount: float, counts: frozenset[float]) -> Scarce:
    sizes = [int(count) for count in counts if count > 0 and count.is_integer()]
    step = float(math.gcd(*sizes) or 1)
    return Scarce(
        sort=Sort.QUOTA,
        id=pool.id,
        row=row,
        unit=str(pool.measure),
        step=step,
        amount=amount,
        less=amount,
        more=max(amount, FEW * step),
    )


def _size(node: Node) -> tuple[float, ...]:
    return (node.accelerators, node.cpus, node.memory_gib, node.interconnect_gbps or 0.0)


def with_more(problem: Problem, thing: Scarce, units: float) -> Problem:
    """Return the problem with more of something, or less if `units` is negative."""
    if thing.sort is Sort.LIMIT:
        limits = tuple(
            replace(one, at_most=max(one.at_most + units * thing.scale, 0.0))
            if one.id == thing.id
            else one
            for one in problem.limits
        )
        return replace(problem, limits=limits)
    pool = problem.pool[thing.id]
    if thing.node is None:
        return _with_quota(problem, pool, units)
    count = round(units / thing.scale)
    nodes = [*pool.nodes, *_copies(thing.node, count)]
    same = [
        node.id
        for node in pool.nodes
        if (node.accelerator, _size(node)) == (thing.node.accelerator, _size(thing.node))
    ]
    gone = same[len(same) + count :] if count < 0 else []
    kept = tuple(node for node in nodes if node.id not in gone)
    return _with_pools(problem, {pool.id: replace(pool, nodes=kept)})


def _with_quota(problem: Problem, pool: Pool, units: float) -> Problem:
    at_most = None if pool.at_most is None else max(pool.at_most + units, 0.0)
    forecasts = tuple(
        replace(one, hourly=tuple(max(value + units, 0.0) for value in one.hourly))
        if (one.subject, one.measure) == (pool.id, Figure.AT_MOST)
        else one
        for one in problem.forecasts
    )
    changed = _with_pools(problem, {pool.id: replace(pool, at_most=at_most)})
    return replace(changed, forecasts=forecasts) if forecasts != problem.forecasts else changed


def _with_pools(problem: Problem, changed: dict[str, Pool]) -> Problem:
    pools = tuple(changed.get(pool.id, pool) for pool in problem.pools)
    gone = {
        (pool.id, node.id)
        for pool in problem.pools
        for node in pool.nodes
        if node not in changed.get(pool.id, pool).nodes
    }
    maintenance = tuple(one for one in problem.maintenance if (one.pool, one.node) not in gone)
    return replace(problem, pools=pools, maintenance=maintenance)


def _copies(node: Node, count: int) -> Iterator[Node]:
    for number in range(1, count + 1):
        yield replace(node, id=f"{node.id}+{number}")


def _copies_of(pool: Pool) -> Iterator[Node]:
    for node in pool.nodes:
        yield from _copies(node, 1)


def alone(problem: Problem, pool: str) -> Problem:
    """Return a problem of nothing but a pool and the offers in it."""
    offers = tuple(offer for offer in problem.offers if offer.pool == pool)
    there = {problem.pool[pool].site, *(offer.site for offer in offers)}
    return Problem(
        now=problem.now,
        horizon_h=problem.horizon_h,
        slot_h=problem.slot_h,
        jobs=(),
        tenants=problem.tenants,
        sites=tuple(site for site in problem.sites if site.id in there),
        pools=(problem.pool[pool],),
        offers=offers,
        forecasts=tuple(
            one for one in problem.forecasts if (one.subject, one.measure) == (pool, Figure.AT_MOST)
        ),
        maintenance=tuple(one for one in problem.maintenance if one.pool == pool),
    )


def opened(problem: Problem) -> Problem:
    """Return the problem with so much of everything that no job is refused for lack of it.

    Own nodes stay as they are where fairness has a price, since shares are parts of them.
    """
    doubled = problem.assumptions.unfair_usd == 0
    limits = tuple(replace(one, at_most=LIMITLESS) for one in problem.limits)
    pools = tuple(
        replace(pool, nodes=(*pool.nodes, *_copies_of(pool)) if doubled else pool.nodes)
        if pool.nodes
        else replace(pool, at_most=LIMITLESS)
        for pool in problem.pools
    )
    forecasts = tuple(one for one in problem.forecasts if one.measure is not Figure.AT_MOST)
    return replace(problem, limits=limits, pools=pools, forecasts=forecasts)


def with_amounts(instance: Instance, capacity: Floats, at_most: Floats) -> Instance:
    """Return an opened instance with some amounts, without options that exceed them alone."""
    options, hourly = instance.options, instance.hourly
    most = np.concatenate([capacity.max(axis=2), np.full((1, capacity.shape[1]), np.inf)])
    fits = (options.use <= most[options.group] + 1e-6).all(axis=1)
    if hourly is None:  # else what they count depends on when they start
        bound = np.append(at_most, np.inf)
        bound += 1e-6 * np.maximum(1.0, np.abs(bound))
        fits &= (options.limit_use <= bound[options.limit]).all(axis=1)
    rows = np.flatnonzero(fits)
    kept = {
        name: getattr(options, name)[rows]
        for name in options.__slots__
        if name not in ("first", "curves")
    }
    first = np.searchsorted(rows, options.first)
    if hourly is not None:
        hourly = replace(hourly, rate=hourly.rate[rows], row=hourly.row[rows])
    return replace(
        instance,
        options=replace(options, first=first, **kept),
        capacity=capacity,
        at_most=at_most,
        hourly=hourly,
    )
