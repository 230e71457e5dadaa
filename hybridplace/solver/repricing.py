"""A problem at standing prices: what they prove once amounts or jobs are changed.

At any prices the Lagrangian of the changed problem is a lower bound on what its plans cost
(`instance.Prices`), so what a plan costs less that is at most what the change saves (weak duality).
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from operator import itemgetter

import numpy as np

from hybridplace.model.problem import Problem
from hybridplace.solver.compile import compile_instance, left_of_limits
from hybridplace.solver.copies import charges, unclaimed_usd
from hybridplace.solver.groups import capacity_of, groups_of
from hybridplace.solver.instance import Floats, Instance, Ints, Prices
from hybridplace.solver.pricing import reduced
from hybridplace.solver.relaxation import relaxed_of
from hybridplace.solver.scarce import Scarce, Sort, alone, opened, with_amounts, with_more
from hybridplace.solver.shared import priced
from hybridplace.solver.sites import copies_of, links_of
from hybridplace.solver.slots import relax_slots
from hybridplace.solver.static import Relaxation, relax_static


class Repricing:
    """The linear relaxation of a problem, and of what differs a little from it.

    Attributes
    ----------
    instance : Instance
    prices, bound_usd : Prices, float
        Of the relaxation, the best that are known.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._open = compile_instance(opened(problem))
        self._pools: dict[str, Problem] = {}
        self._at_most = self._open.at_most.copy()
        copies = copies_of(problem, links_of(problem))
        self._at_most[: len(problem.limits)] = left_of_limits(problem, copies)
        self.instance = with_amounts(self._open, capacity_of(problem), self._at_most)
        first = relaxation(self.instance)
        # Once more from there, so that changed instances are not solved better than this one.
        again = relaxation(self.instance, first[0])
        self.prices, self.bound_usd = max(again, first, key=itemgetter(1))

    def changed(self, thing: Scarce, units: float) -> Instance:
        """Return the instance with more or less of something."""
        if thing.sort is Sort.LIMIT:
            at_most = self._at_most.copy()
            at_most[thing.row] = max(at_most[thing.row] + units * thing.scale, 0.0)
            return with_amounts(self._open, self.instance.capacity, at_most)
        if thing.sort is Sort.NODES and self.instance.unfair_usd > 0:
            # What a tenant has of all own nodes changes with them, for each job.
            return compile_instance(with_more(self.problem, thing, units))
        rows = [row for row, (pool, _) in enumerate(groups_of(self.problem)) if pool == thing.id]
        capacity = self.instance.capacity.copy()
        capacity[rows] = capacity_of(with_more(self._alone(thing.id), thing, units))
        return with_amounts(self._open, capacity, self._at_most)

    def _alone(self, pool: str) -> Problem:
        """Return a pool as a problem of its own: what it has depends on nothing else."""
        if pool not in self._pools:
            self._pools[pool] = alone(self.problem, pool)
        return self._pools[pool]

    def bound(self, instance: Instance) -> tuple[float, Prices]:
        """Return what is proven of a changed instance, and the prices that do."""
        usd = lagrangian_usd(instance, self.prices)
        prices, bound_usd = relaxation(instance, self.prices)
        return (bound_usd, prices) if bound_usd > usd else (usd, self.prices)

    @cached_property
    def job_usd(self) -> Floats:
        """Return what each job costs at these prices."""
        return reduced(self.instance, self.prices, data_usd(self.instance, self.prices)).job_usd

    def job_usd_in(self, problem: Problem, rows: Ints) -> Floats:
        """Return what some jobs cost at these prices in a problem with other options for them."""
        instance = compile_instance(problem, only=rows)
        extra = None
        if self.instance.data is not None:
            paid = charges(self.instance, self.prices)
            extra = paid[rows[instance.options.job], instance.options.site]
        return reduced(instance, self.prices, extra).job_usd


def data_usd(instance: Instance, prices: Prices) -> Floats | None:
    """Return what each option pays for data; None without data."""
    if instance.data is None:
        return None
    return charges(instance, prices)[instance.options.job, instance.options.site]


def lagrangian_usd(instance: Instance, prices: Prices) -> float:
    """Return what prices prove of an instance, that of data included."""
    usd = reduced(instance, prices, data_usd(instance, prices)).bound_usd + instance.sunk_usd
    return usd if instance.data is None else usd + unclaimed_usd(instance, prices)


def relaxation(instance: Instance, near: Prices | None = None) -> tuple[Prices, float]:
    """Return the best prices of an instance, and what they prove.

    Parameters
    ----------
    near : Prices, optional
        Of an instance that differs little. What is paid for data then stays as it is there.
    """
    if near is None and instance.data is not None:
        shared = priced(relaxed_of(instance))[1]
        return shared.prices, shared.bound_usd + instance.sunk_usd
    extra = None if near is None else data_usd(instance, near)
    if extra is not None:
        extra = np.minimum(extra, 2.0 * float(instance.jobs.reject_usd.max(initial=0.0)))
    relaxed = _relaxed(instance, extra, near)
    prices = relaxed.prices
    if near is not None:
        prices = replace(prices, copy=near.copy, edge=near.edge)
    return prices, lagrangian_usd(instance, prices)


def _relaxed(instance: Instance, extra: Floats | None, near: Prices | None) -> Relaxation:
    if instance.slots == 1:
        return relax_static(instance, extra, near)
    return relax_slots(instance, extra, near)
