r"""Pairs of option and start as a linear program whose rows are slots, limits and shares.

A pair books a run of slots, so with :math:`\Lambda_t = \sum_{\tau < t} \lambda_\tau` it pays
:math:`a (\Lambda_{t + d} - \Lambda_t)`: two entries, however long it runs. Rows of the matrix are
these cumulative prices ("knots"), then limits, then shares of tenants.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hybridplace.solver.instance import RESOURCES, Floats, Indices, Instance, Ints, Prices
from hybridplace.solver.pricing import costs_at, limit_uses_at

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Entries = tuple[Ints, Ints, Floats]
"""Positions of pairs, knots, and how much."""


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
    limited: Floats
    at_most: Floats
    tenants: int
    unfair_usd: float

    @property
    def knots(self) -> int:
        """Cumulative prices: one more than slots, of each line."""
        return int(self.capacity.shape[0]) * (int(self.capacity.shape[1]) + 1)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """Some pairs of some jobs; k pairs of q jobs.

    Parameters
    ----------
    first : ints
        Pairs of the m-th of the jobs are ``first[m]:first[m + 1]``, at least one.
    jobs : ints, (q,)
    option, start : ints, (k,)
    cost_usd : floats, (k,)
    reject_usd : floats, (q,)
    uses : csr_array, (k, knots + L + tenants)
    """

    first: Ints
    jobs: Ints
    option: Ints
    start: Ints
    cost_usd: Floats
    reject_usd: Floats
    uses: csr_array


def working_set(
    instance: Instance, lines: Lines, option: Ints, start: Ints, extra_usd: Floats
) -> Working:
    """Return some pairs, ascending by option, with what they use."""
    from scipy.sparse import coo_array

    cost_usd = costs_at(instance, option, start) + extra_usd[option]
    at, knot, use = (
        np.concatenate(column)
        for column in zip(*_entries(instance, lines, option, start), strict=True)
    )
    width = lines.knots + len(lines.at_most) + lines.tenants
    job = instance.options.job[option].astype(np.int64)
    first = np.flatnonzero(np.diff(job, prepend=-1))
    return Working(
        first=np.append(first, len(option)),
        jobs=job[first],
        option=option,
        start=start,
        cost_usd=cost_usd,
        reject_usd=instance.jobs.reject_usd[job[first]],
        uses=coo_array((use, (at, knot)), shape=(len(option), width)).tocsr(),
    )


def _entries(instance: Instance, lines: Lines, option: Ints, start: Ints) -> Iterator[Entries]:
    """Yield what pairs use of knots, limits and shares."""
    options = instance.options
    same = options.curve[option] < 0
    wide = instance.slots + 1
    for resource in range(RESOURCES):
        line = np.append(lines.line[:, resource], -1)[options.group[option]].astype(np.int64)
        use = options.use[option, resource]
        some = np.flatnonzero((line >= 0) & (use > 0) & same)
        knot = line[some] * wide + start[some]
        yield some, knot, -use[some]
        yield some, knot + options.slots[option[some]], use[some]
        some = np.flatnonzero((line >= 0) & (use > 0) & ~same)
        yield from _curved(instance, option[some], some, line[some] * wide + start[some], resource)
    uses = limit_uses_at(instance, option, start)
    for k in range(uses.shape[1]):
        some = np.flatnonzero(options.limit[option, k] >= 0)
        yield some, lines.knots + options.limit[option[some], k].astype(np.int64), uses[some, k]
    if lines.tenants:
        some = np.flatnonzero(options.share[option])
        tenant = instance.jobs.tenant[options.job[option[some]]].astype(np.int64)
        yield some, lines.knots + len(lines.at_most) + tenant, -options.share[option[some]]


def _curved(
    instance: Instance, option: Ints, at: Ints, knot: Ints, resource: int
) -> Iterator[Entries]:
    """Yield what pairs use whose load varies: an entry wherever it changes."""
    options = instance.options
    length = options.slots[option].astype(np.int64) + 1
    row = np.repeat(np.arange(len(option)), length)
    step = np.arange(len(row)) - np.repeat(np.cumsum(length) - length, length)
    share = np.zeros((len(option), instance.slots + 2))
    inside = np.arange(instance.slots) < (length - 1)[:, None]
    share[:, 1:-1] = np.where(inside, options.curves[options.curve[option]], 0.0)
    change = share[row, step] - share[row, step + 1]
    yield at[row], knot[row] + step, options.use[option[row], resource] * change


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
