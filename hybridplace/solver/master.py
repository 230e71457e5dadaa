r"""The master problem: what is left of an instance once each job only has columns.

Jobs choose at most one column each, and rows couple them:

.. math:: \min \sum_i c_i x_i + \sum_j p_j (1 - \sum_{i \in j} x_i) + \varphi (1 - m), \quad
          \sum_i a_{ri} x_i \le b_r, \quad m \le \sum_i e_i x_i \text{ for each tenant},
          \quad 0 \le m \le 1

A share is one more row: :math:`a_{ri} = -e_i`, :math:`b_r = 0`, and `m` uses 1 of it. Rows that
cannot bind are left out; their price is 0 (Dantzig and Wolfe, "Decomposition principle for linear
programs", Operations Research 8 (1960), doi:10.1287/opre.8.1.101).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hybridplace.solver.instance import (
    RESOURCES,
    Bools,
    Floats,
    Indices,
    Instance,
    Ints,
    Prices,
)
from hybridplace.solver.jobwise import Columns, good_columns, least_usd
from hybridplace.solver.pricing import limit_uses_at

if TYPE_CHECKING:
    from scipy.sparse import csr_array


BLOCK = 1 << 16
"""Options that are looked at together: what stays in the processor's cache."""

LEAST_UNIT = 1e-3
"""Of a job, as a share of what columns cost on average."""


@dataclass(frozen=True, kw_only=True)
class Master:
    r"""J jobs that have columns, n columns, m rows.

    Parameters
    ----------
    first : ints
        Columns of job j are ``first[j]:first[j + 1]``, at least one.
    cost_usd : floats, (n,)
    reject_usd : floats, (J,)
    unit_usd : floats, (J,)
        What a job costs, roughly: the unit that its differences in cost are judged by.
    uses : csr_array, (n, m)
        :math:`a_{ri}`, transposed.
    at_most : floats, (m,)
    shares : int
        The last so many rows are shares.
    unfair_usd : float
        :math:`\varphi`.
    worst : float
        What `m` uses of a share: 1, or the part of the jobs that are in a sample.
    constant_usd : float
        What is decided already, for the value to be that of the whole.
    """

    first: Ints
    cost_usd: Floats
    reject_usd: Floats
    unit_usd: Floats
    uses: csr_array
    at_most: Floats
    shares: int = 0
    unfair_usd: float = 0.0
    worst: float = 1.0
    constant_usd: float = 0.0

    @cached_property
    def counts(self) -> Ints:
        """Columns of each job."""
        return np.diff(self.first)

    @cached_property
    def columns(self) -> Columns:
        """The same arrays as compiled loops read them."""
        return Columns(
            first=self.first,
            cost_usd=self.cost_usd,
            reject_usd=self.reject_usd,
            unit_usd=self.unit_usd,
            indptr=self.uses.indptr.astype(np.int32, copy=False),
            indices=self.uses.indices.astype(np.int32, copy=False),
            data=self.uses.data,
        )

    def fair_usd(self, price: Floats) -> float:
        r"""Return :math:`\min(\varphi, \sum_u \nu_u)`, the value of `m` at these prices."""
        if not self.shares:
            return 0.0
        return self.worst * min(self.unfair_usd, float(price[-self.shares :].sum()))

    def bound_usd(self, price: Floats) -> float:
        """Return the value of the Lagrangian: no solution costs less."""
        jobs_usd = least_usd(self.columns, price)
        scarce_usd = float(self.at_most @ price)
        return self.constant_usd + jobs_usd + self.fair_usd(price) - scarce_usd

    def sample(self, jobs: Ints) -> Master:
        """Return the same with these jobs only (ascending), and as much less of each row."""
        part = len(jobs) / len(self.reject_usd)
        keep = np.zeros(len(self.reject_usd), dtype=np.bool_)
        keep[jobs] = True
        columns = np.flatnonzero(np.repeat(keep, self.counts))
        return replace(
            self,
            first=_first(self.counts[jobs]),
            cost_usd=self.cost_usd[columns],
            reject_usd=self.reject_usd[jobs],
            unit_usd=self.unit_usd[jobs],
            uses=self.uses[columns],
            at_most=self.at_most * part,
            worst=self.worst * part,
            constant_usd=self.constant_usd * part,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """What is open near some prices: jobs with a single column that can be best are decided.

    Parameters
    ----------
    master : Master
        Of the open jobs and the columns that can be best; its value is that of the whole.
    columns : ints
        Which columns these are in the whole.
    decided : ints
        The only good columns of decided jobs.
    """

    master: Master
    columns: Ints
    decided: Ints


def core(master: Master, price: Floats, box: Floats, margin: float = 0.0) -> Core:
    r"""Return what can be best for its job at prices no further than `box` from `price`.

    Column i can be if :math:`\bar c_i - \sum_r |a_{ri}| \delta_r` is not above the least
    :math:`\bar c_k + \sum_r |a_{rk}| \delta_r` of its job by more than the margin, in units of the
    job: within the box the core has the same Lagrangian as the whole.
    """
    good, ways = np.empty(len(master.cost_usd), np.bool_), np.empty(len(master.counts), np.int64)
    is_open = np.empty(len(ways), np.bool_)
    good_columns(master.columns, price, box, margin, good, ways, is_open)
    is_of_open = np.repeat(is_open, master.counts)
    columns, decided = np.flatnonzero(good & is_of_open), np.flatnonzero(good & ~is_of_open)
    paid = float(master.cost_usd[decided].sum()) + float(master.reject_usd[ways == 0].sum())
    taken = master.uses[decided].sum(axis=0)
    return Core(
        master=replace(
            master,
            first=_first(ways[is_open]),
            cost_usd=master.cost_usd[columns],
            reject_usd=master.reject_usd[is_open],
            unit_usd=master.unit_usd[is_open],
            uses=master.uses[columns],
            at_most=master.at_most - taken,
            constant_usd=master.constant_usd + paid,
        ),
        columns=columns,
        decided=decided,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Where the rows of a master problem stand in an instance.

    Parameters
    ----------
    capacity : ints
        Flat positions in (G, 3), the first rows.
    limit : ints
        The rows after them.
    share : ints
        Tenants, the last rows.
    """

    capacity: Ints
    limit: Ints
    share: Ints

    def prices(self, instance: Instance, price: Floats) -> Prices:
        """Return the prices of rows as those of an instance with one slot."""
        capacity = np.zeros(instance.capacity[:, :, 0].size)
        limit, share = np.zeros(len(instance.at_most)), np.zeros(_tenants(instance))
        limits = len(self.capacity) + len(self.limit)
        capacity[self.capacity] = price[: len(self.capacity)]
        limit[self.limit] = price[len(self.capacity) : limits]
        share[self.share] = price[limits:]
        return Prices(capacity=capacity.reshape(-1, RESOURCES, 1), limit=limit, share=share)

    def vector(self, prices: Prices) -> Floats:
        """Return the prices of an instance with one slot as those of rows."""
        capacity = prices.capacity[:, :, 0].ravel()[self.capacity]
        return np.concatenate([capacity, prices.limit[self.limit], prices.share[self.share]])


def static_master(instance: Instance, cost_usd: Floats) -> tuple[Master, Rows]:
    """Return the master problem of an instance with one slot.

    Parameters
    ----------
    cost_usd : floats, (n,)
        Of each option at its only start.
    """
    bounds = np.concatenate(
        [instance.capacity[:, :, 0].ravel(), instance.at_most, np.zeros(_tenants(instance))]
    )
    rows = np.flatnonzero(_can_bind(instance, bounds))
    position = np.full(len(bounds), -1, dtype=np.int32)
    position[rows] = np.arange(len(rows))
    groups, limits = instance.capacity[:, :, 0].size, len(instance.at_most)
    where = Rows(
        capacity=rows[rows < groups],
        limit=rows[(rows >= groups) & (rows < groups + limits)] - groups,
        share=rows[rows >= groups + limits] - groups - limits,
    )
    has_options = np.diff(instance.options.first) > 0
    first = instance.options.first[np.append(has_options, True)]
    master = Master(
        first=first,
        cost_usd=cost_usd,
        reject_usd=instance.jobs.reject_usd[has_options],
        unit_usd=_units(cost_usd, first),
        uses=_matrix(instance, position, len(rows)),
        at_most=bounds[rows],
        shares=len(where.share),
        unfair_usd=instance.unfair_usd,
        constant_usd=float(instance.jobs.reject_usd[~has_options].sum()),
    )
    return master, where


def _units(cost_usd: Floats, first: Ints) -> Floats:
    """Return the least cost of each job, if it is not much less than others'; (J,), above 0."""
    if len(first) < 2:
        return np.zeros(0)
    least = np.abs(np.minimum.reduceat(cost_usd, first[:-1]))
    return np.maximum(least, LEAST_UNIT * float(np.abs(cost_usd).mean()) or 1.0)


def _tenants(instance: Instance) -> int:
    return int(instance.jobs.tenant.max(initial=-1)) + 1


def _blocks(instance: Instance) -> Iterator[tuple[Indices, Floats]]:
    """Yield rows (-1: none) and uses, (k, any) each, of some options after the other."""
    for begin in range(0, len(instance.options.job), BLOCK):
        yield _entries(instance, slice(begin, begin + BLOCK))


def _entries(instance: Instance, some: slice) -> tuple[Indices, Floats]:
    """Return the rows that some options count towards (-1: none), and how much; (k, any) each."""
    options, at_most = instance.options, instance.capacity[:, :, 0]
    resources = np.flatnonzero(np.isfinite(at_most).any(axis=0))
    row = np.where(np.isfinite(at_most), np.arange(at_most.size).reshape(at_most.shape), -1)
    row = np.vstack([row, np.full((1, RESOURCES), -1)]).astype(np.int32)[:, resources]
    rows, uses = [row[options.group[some]]], [options.use[some, resources]]
    if len(options.curves):
        uses[0] = uses[0] * np.append(options.curves[:, 0], 1.0)[options.curve[some], None]
    if len(instance.at_most):
        limit, option = options.limit[some], np.arange(len(options.job))[some]
        rows.append(np.where(limit < 0, np.int32(-1), limit + np.int32(at_most.size)))
        uses.append(limit_uses_at(instance, option, np.zeros_like(option)))
    if instance.unfair_usd > 0:
        tenant, before = (
            instance.jobs.tenant[options.job[some]],
            at_most.size + len(instance.at_most),
        )
        rows.append(np.where(tenant < 0, np.int32(-1), tenant + np.int32(before))[:, None])
        uses.append(-options.share[some, None])
    return np.hstack(rows), np.hstack(uses)


def _can_bind(instance: Instance, bounds: Floats) -> Bools:
    """Tell which rows would be exceeded if every option that counts were taken, and the shares."""
    wanted = np.zeros(len(bounds) + 1)
    for row, use in _blocks(instance):
        wanted += np.bincount(row.ravel() + 1, np.maximum(use, 0.0).ravel(), len(wanted))
    can_bind = np.asarray(wanted[1:] > bounds)
    shares = np.zeros(_tenants(instance), dtype=np.bool_)
    if instance.unfair_usd > 0:
        shares[instance.jobs.tenant[instance.jobs.tenant >= 0]] = True
    can_bind[len(bounds) - len(shares) :] = shares
    return can_bind


def _matrix(instance: Instance, position: Indices, rows: int) -> csr_array:
    """Return what options use of the rows that could bind; `position` says which these are."""
    from scipy.sparse import csr_array

    position, columns = np.append(position, -1).astype(np.int32), len(instance.options.job)
    counts, indices, data = [np.zeros(0, np.int64)], [np.zeros(0, np.int32)], [np.zeros(0)]
    for row, use in _blocks(instance):
        place = position[row]
        counted = (place >= 0) & (use != 0)
        counts.append(counted.sum(axis=1))
        indices.append(place[counted])
        data.append(use[counted])
    first = _first(np.concatenate(counts)).astype(np.int32)
    return csr_array((_joined(data), _joined(indices), first), shape=(columns, rows))


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    """Return parts as one array, letting go of them."""
    whole = np.concatenate(parts)
    parts.clear()
    return whole


def _first(counts: Ints | Indices) -> Ints:
    return np.concatenate([[0], np.cumsum(counts)])
