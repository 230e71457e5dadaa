"""Prices every pair of job and offer, and says why a pair is out: the cost formulas on arrays.

The formulas are those of `hybridplace.model.run` and `hybridplace.model.cost`, restated for all
offers at once; tests hold each figure to the scalar original.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hybridplace.model.cost import disruption_usd
from hybridplace.model.job import Inference, Job, Shape, Training, Tuning
from hybridplace.model.problem import Limit, LimitMeasure, Problem
from hybridplace.model.run import TIME_TOLERANCE_H, load_workers, slot_count, work_h
from hybridplace.solver.columns import Bools, Columns, Floats, Ints, columns_of
from hybridplace.solver.place import (
    inputs_can_come,
    latency_usd_at,
    ready_at,
    results_can_go,
    too_far,
)
from hybridplace.solver.reasons import Reason
from hybridplace.units import GRAMS_PER_TONNE, WATTS_PER_KILOWATT

Masks = NDArray[np.int64]

_SIZE_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """One job with one of its shapes on every offer; rows are those of `Columns`.

    Parameters
    ----------
    reasons : ints
        Bits of `Reason`; 0 is a pair that may be used.
    per_machine : ints
        Workers that fit into one machine.
    hours : floats
        Expected, from start to end.
    usd, money_usd, carbon_g, accelerator_h : floats
        The objective without lateness and data; and what limits add up.
    ready_h : floats
        When what the job reads from homes can be there, at the earliest.
    """

    shape: int
    reasons: Masks
    per_machine: Ints
    hours: Floats
    usd: Floats
    money_usd: Floats
    carbon_g: Floats
    accelerator_h: Floats
    ready_h: Floats


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """All pairs of a problem, per job and shape."""

    problem: Problem
    columns: Columns
    pairs: Mapping[int, tuple[Pairs, ...]]

    @cached_property
    def usable(self) -> int:
        """Return how many pairs may be used."""
        return sum(int((table.reasons == 0).sum()) for job in self.pairs.values() for table in job)


def compile_problem(problem: Problem) -> Compiled:
    """Return every pair of `problem`, priced, with the reasons against it."""
    return compile_jobs(problem, columns_of(problem), range(len(problem.jobs)))


def compile_jobs(problem: Problem, columns: Columns, numbers: Iterable[int]) -> Compiled:
    """Return every pair of some jobs, by their rows in `Problem.jobs`."""
    pairs = {
        number: tuple(
            _pairs(problem, columns, problem.jobs[number], shape)
            for shape in range(len(problem.jobs[number].shapes))
        )
        for number in numbers
    }
    return Compiled(problem=problem, columns=columns, pairs=pairs)


def start_h(problem: Problem, job: Job, ready: float = 0.0) -> float:
    """Return the first start on the grid that is neither before `earliest_h` nor before `ready`."""
    first = max(job.earliest_h, ready) / problem.slot_h
    return math.ceil(first - TIME_TOLERANCE_H / problem.slot_h) * problem.slot_h


def _pairs(problem: Problem, columns: Columns, job: Job, number: int) -> Pairs:
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        return _Pricing(problem, columns, job, number).pairs()


class _Pricing:
    """Fills in one `Pairs`, figure by figure."""

    def __init__(self, problem: Problem, columns: Columns, job: Job, number: int) -> None:
        self.problem, self.columns, self.job, self.number = problem, columns, job, number
        self.shape = job.shapes[number]
        self.reasons = np.zeros(len(columns.site), dtype=np.int64)

    def pairs(self) -> Pairs:
        """Return the table: what fits, for how long, at which price, and what forbids it."""
        c, problem = self.columns, self.problem
        per_machine = self._per_machine()
        if isinstance(self.job.work, Inference):
            hours, planned_h, lost_h, worker_h = self._serving(self.job.work, per_machine)
        else:
            hours, planned_h, lost_h, worker_h = self._batch(per_machine)
        energy_kwh = self._energy_kwh(planned_h + lost_h, worker_h)
        carbon_g = energy_kwh * c.carbon_g_kwh
        money_usd = self._money_usd(planned_h + lost_h, worker_h, energy_kwh)
        usd = money_usd + self._place_usd()
        if problem.assumptions.carbon_usd_t > 0:
            usd = usd + carbon_g / GRAMS_PER_TONNE * problem.assumptions.carbon_usd_t
        accelerator_h = self.shape.accelerators * worker_h
        ready_h = self._ready_h()
        known = ~np.isnan(c.price_usd_h) & (per_machine > 0) & np.isfinite(worker_h)
        self._exclude(Reason.PRICE_UNKNOWN, np.isnan(c.price_usd_h))
        self._exclude(Reason.SOLD_OUT, ~c.available & ~self._held())
        self._exclude(Reason.FIGURE_UNKNOWN, known & np.isnan(usd))
        self._exclude_by_place()
        self._exclude_by_time(hours, ready_h)
        self._exclude_by_limits(money_usd, carbon_g, accelerator_h)
        return Pairs(
            shape=self.number,
            reasons=self.reasons,
            per_machine=per_machine,
            hours=hours,
            usd=usd,
            money_usd=money_usd,
            carbon_g=carbon_g,
            accelerator_h=accelerator_h,
            ready_h=ready_h,
        )

    def _held(self) -> Bools:
        """Return the offer that the job runs on now: what is sold out may be kept."""
        lease = self.problem.lease_of.get(self.job.id)
        held = lease.offer if lease else None
        return np.array([offer.id == held for offer in self.problem.offers], dtype=bool)

    def _energy_kwh(self, machine_h: Floats, worker_h: Floats) -> Floats:
        """Return the energy, PUE included: of whole machines, or of the workers on own nodes."""
        c, shape, assumed = self.columns, self.shape, self.problem.assumptions
        rest_w = shape.cpus * assumed.cpu_power_w + shape.memory_gib * assumed.memory_power_w_gib
        boards_w = shape.accelerators * c.accelerator_power_w if shape.accelerators > 0 else 0.0
        own_w = rest_w + boards_w
        watt_h = np.where(c.owned, own_w * worker_h, c.machine_power_w * machine_h)
        return c.pue * watt_h / WATTS_PER_KILOWATT

    def _money_usd(self, machine_h: Floats, worker_h: Floats, energy_kwh: Floats) -> Floats:
        """Return what is paid, apart from moving data."""
        c = self.columns
        usd = c.price_usd_h * machine_h + c.disk_usd_gib_h * self.shape.disk_gib * worker_h
        if self.job.public:
            usd = usd + c.address_usd_h * machine_h
        return usd + np.where(c.owned, energy_kwh * c.energy_usd_kwh, 0.0)

    def _exclude(self, reason: Reason, where: Bools) -> None:
        self.reasons[where] |= reason.value

    def _per_machine(self) -> Ints:
        """Return the workers that fit into one machine: the scarcest of three decides."""
        c, shape = self.columns, self.shape
        fits = np.full(len(c.site), np.inf)
        for need, has in (
            (shape.accelerators, c.accelerators),
            (shape.cpus, c.cpus),
            (shape.memory_gib, c.memory_gib),
        ):
            if need > 0:
                fits = np.minimum(fits, np.floor(has / need + _SIZE_TOLERANCE))
        other = np.zeros(len(c.site), dtype=bool)
        if shape.accelerator is not None:
            other = c.accelerator != shape.accelerator
        self._exclude(Reason.ACCELERATOR, other)
        foreign = ~np.isin(c.architecture, shape.architectures)
        self._exclude(Reason.ARCHITECTURE, foreign)
        other = other | foreign
        self._exclude(Reason.SIZE, ~other & (fits < 1))
        return np.where(other, 0, fits).astype(np.int64)

    def _billed(self, workers: int, per_machine: Ints) -> Floats:
        """Return the machines that `workers` pay for; on own nodes their largest share."""
        c, shape = self.columns, self.shape
        share = np.maximum(shape.cpus / c.cpus, shape.memory_gib / c.memory_gib)
        if shape.accelerators > 0:
            share = np.maximum(share, shape.accelerators / c.accelerators)
        whole = np.ceil(workers / np.maximum(per_machine, 1))
        return np.where(c.owned, workers * share, whole)

    def _batch(self, per_machine: Ints) -> tuple[Floats, Floats, Floats, Floats]:
        """Return hours, planned and lost machine-hours and worker-hours of a job that ends."""
        c, job, shape = self.columns, self.job, self.shape
        work, tuning = work_h(job, shape), isinstance(job.work, Tuning)
        machines = np.ceil(shape.workers / np.maximum(per_machine, 1))
        self._exclude_by_pool(shape.workers, per_machine, machines)
        segment, write, restart = (1 / shape.units_h if tuning else work), 0.0, 0.0
        if job.checkpoint is not None:
            segment = min(segment, job.checkpoint.interval_h)
            write, restart = job.checkpoint.write_h, job.checkpoint.restart_h
        rate = c.interruptions_per_h * (1.0 if tuning else machines)
        calm_h = work * (1 + write / segment)
        risky_h = work / segment * np.exp(rate * (job.setup_h + restart)) / rate
        risky_h = np.maximum(calm_h, risky_h * np.expm1(rate * (segment + write)))
        calm = rate * (segment + write) < sys.float_info.epsilon
        hours = job.setup_h + np.where(calm, calm_h, risky_h)
        planned_h = job.setup_h + calm_h
        self._exclude(Reason.NEVER_ENDS, (per_machine > 0) & ~np.isfinite(hours))
        billed = self._billed(shape.workers, per_machine)
        return hours, billed * planned_h, billed * (hours - planned_h), shape.workers * hours

    def _serving(self, work: Inference, per_machine: Ints) -> tuple[Floats, Floats, Floats, Floats]:
        """Return the same for an inference job, whose start is fixed."""
        c, job, problem = self.columns, self.job, self.problem
        begin = start_h(problem, job)
        profile = serving_workers(problem, job, self.shape)
        self._exclude_by_pool(
            max(profile), per_machine, np.ceil(max(profile) / np.maximum(per_machine, 1))
        )
        if work.max_replicas is not None and max(profile) > work.max_replicas:
            self._exclude(Reason.REPLICAS, per_machine > 0)
        first, end = round(begin / problem.slot_h), begin + work.hours
        serving_h, worker_h = np.zeros(len(c.site)), 0.0
        for slot, workers in enumerate(profile, start=first):
            hours = min(end, (slot + 1) * problem.slot_h) - max(begin, slot * problem.slot_h)
            serving_h = serving_h + self._billed(workers, per_machine) * hours
            worker_h += workers * hours
        lost, peak = c.interruptions_per_h * job.setup_h, max(profile)
        # What is bought is held at the peak for the whole run.
        serving_h = np.where(c.owned, serving_h, self._billed(peak, per_machine) * work.hours)
        setup_h = self._billed(peak, per_machine) * job.setup_h
        busy_h = np.where(c.owned, worker_h, peak * work.hours)
        all_h = busy_h * (1 + lost) + peak * job.setup_h
        return np.full(len(c.site), work.hours), serving_h + setup_h, serving_h * lost, all_h

    def _exclude_by_pool(self, workers: int, per_machine: Ints, machines: Floats) -> None:
        """Exclude quotas and pools that are too small even when empty, and slow interconnects."""
        c, work = self.columns, self.job.work
        need_gbps = work.interconnect_gbps if isinstance(work, Training) else None
        fits = per_machine > 0
        if need_gbps is not None:
            slow = np.isnan(c.interconnect_gbps) | (c.interconnect_gbps < need_gbps)
            self._exclude(Reason.INTERCONNECT, fits & ~c.owned & (machines > 1) & slow)
        used = machines * c.quota
        self._exclude(Reason.QUOTA, fits & ~c.owned & (used > c.quota_at_most + 1e-6))
        for row in np.flatnonzero(c.owned & fits):
            self._exclude_by_nodes(int(row), workers, need_gbps)

    def _exclude_by_nodes(self, row: int, workers: int, need_gbps: float | None) -> None:
        offer = self.problem.offers[row]
        nodes = self.problem.pool[offer.pool].nodes if offer.pool else ()
        holds = [
            (node_holds(self.shape, node.accelerators, node.cpus, node.memory_gib), node)
            for node in nodes
            if node.accelerator == offer.accelerator
        ]
        if sum(count for count, _ in holds) < workers:
            self.reasons[row] |= Reason.POOL_SIZE.value
        elif need_gbps is not None and all(count < workers for count, _ in holds):
            fast = [count for count, node in holds if (node.interconnect_gbps or 0.0) >= need_gbps]
            if sum(fast) < workers:
                self.reasons[row] |= Reason.INTERCONNECT.value

    def _place_usd(self) -> Floats:
        """Return what depends on the place alone: latency beyond target, and disruption."""
        c, job, problem = self.columns, self.job, self.problem
        by_site = np.array([latency_usd_at(problem, job, site) for site in problem.sites])
        usd = by_site[c.site]
        self._exclude(Reason.LATENCY, np.isnan(usd))
        usd = np.where(np.isnan(usd), 0.0, usd)
        if job.id in problem.lease_of:
            moves = [disruption_usd(problem, job, offer) for offer in problem.offers]
            usd = usd + np.array(moves)
        return usd

    def _exclude_by_place(self) -> None:
        """Exclude by latency limit, policy, data that may not come, results that may not go."""
        for row, site in enumerate(self.problem.sites):
            here = self.columns.site == row
            if not here.any():
                continue
            if too_far(self.problem, self.job, site.id):
                self._exclude(Reason.LATENCY, here)
            if not inputs_can_come(self.problem, self.job, site.id):
                self._exclude(Reason.DATA, here)
            if not results_can_go(self.problem, self.job, site.id):
                self._exclude(Reason.RESULTS, here)
            for denial in self.problem.denied("place", self.job.id, site.id):
                covered = [denial.covers(self.problem.offers[one]) for one in np.flatnonzero(here)]
                self.reasons[np.flatnonzero(here)[covered]] |= Reason.POLICY.value

    def _ready_h(self) -> Floats:
        """Return when data that has a home can have come to each offer's site."""
        by_site = [ready_at(self.problem, self.job, site.id) for site in self.problem.sites]
        return np.array(by_site)[self.columns.site]

    def _exclude_by_time(self, hours: Floats, ready_h: Floats) -> None:
        problem, job = self.problem, self.job
        first = np.maximum(job.earliest_h, ready_h) / problem.slot_h
        first = np.ceil(first - TIME_TOLERANCE_H / problem.slot_h) * problem.slot_h
        latest = min(problem.horizon_h, math.inf if job.deadline_h is None else job.deadline_h)
        late = first + hours > latest + TIME_TOLERANCE_H
        if isinstance(job.work, Inference):
            late = late | (first > start_h(problem, job) + TIME_TOLERANCE_H)
        self._exclude(Reason.TIME, np.isfinite(hours) & np.isfinite(ready_h) & late)

    def _exclude_by_limits(self, money_usd: Floats, carbon_g: Floats, hours: Floats) -> None:
        """Exclude what exceeds a limit all by itself, or counts towards one and is not known."""
        amounts = {
            LimitMeasure.USD: money_usd,
            LimitMeasure.CARBON_G: carbon_g,
            LimitMeasure.ACCELERATOR_H: hours,
        }
        for position, limit in enumerate(self.problem.limits):
            counts = limit_scope(limit, self.columns.in_scope[position], self.job, self.shape)
            amount = amounts[limit.measure]
            most = limit.at_most + 1e-6 * max(1.0, abs(limit.at_most))
            self._exclude(Reason.LIMIT, counts & (amount > most))
            if limit.measure is LimitMeasure.CARBON_G:
                unknown = np.isnan(amount) & np.isfinite(hours)
                self._exclude(Reason.FIGURE_UNKNOWN, counts & unknown)


def node_holds(shape: Shape, accelerators: float, cpus: float, memory_gib: float) -> int:
    """Return how many workers an empty node holds."""
    pairs = (
        (shape.accelerators, accelerators),
        (shape.cpus, cpus),
        (shape.memory_gib, memory_gib),
    )
    return min(math.floor(has / need + _SIZE_TOLERANCE) for need, has in pairs if need > 0)


def serving_workers(problem: Problem, job: Job, shape: Shape) -> tuple[int, ...]:
    """Return the replicas of an inference job in each slot from its start."""
    assert isinstance(job.work, Inference)  # noqa: S101 - its callers ask for those only
    begin = start_h(problem, job)
    first = round(begin / problem.slot_h)
    slots = range(first, first + slot_count(problem, begin, begin + job.work.hours))
    return tuple(
        max(job.work.min_replicas, load_workers(problem, job.work, shape, slot)) for slot in slots
    )


def limit_scope(limit: Limit, in_scope: Bools, job: Job, shape: Shape) -> Bools:
    """Return which offers count towards a limit when `job` runs there in this shape.

    Parameters
    ----------
    in_scope : bools
        The limit's row of `Columns.in_scope`: what its place and market say.
    """
    asked = (
        (limit.tenant, job.tenant),
        (limit.job, job.id),
        (limit.accelerator, shape.accelerator),
    )
    return in_scope & all(wanted in (None, got) for wanted, got in asked)
