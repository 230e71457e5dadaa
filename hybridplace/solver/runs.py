"""How long, and on how many machines, jobs run on each kind of hardware: `model.run` on arrays.

Tests hold each figure to the scalar original, which has the sources.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC

import numpy as np

from hybridplace.model.job import Inference
from hybridplace.model.problem import Problem
from hybridplace.model.run import TIME_TOLERANCE_H
from hybridplace.solver.instance import Bools, Floats, Indices, Ints
from hybridplace.solver.needs import JobTable, ShapeTable
from hybridplace.solver.offers import Kinds
from hybridplace.solver.reasons import Reason
from hybridplace.units import HOURS_PER_DAY, SECONDS_PER_HOUR

SIZE_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Some shapes on some kinds: (kinds, shapes) each.

    Parameters
    ----------
    reasons : ints
        Bits of `Reason` that the hardware alone is to blame for.
    per_machine : floats
        Workers that fit into one machine; 0 where none does.
    machines : floats
        Whole machines, for the workers at the peak.
    hours : floats
        Expected, from start to end.
    machine_h, worker_h : floats
        What is paid, and what works; lost hours included.
    """

    reasons: Indices
    per_machine: Floats
    machines: Floats
    hours: Floats
    machine_h: Floats
    worker_h: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Replicas of some shapes of inference jobs.

    Parameters
    ----------
    workers : floats, (slots, shapes)
        In each slot of the horizon; 0 where the job does not serve.
    peak, most : floats
        The most in any slot, and the most allowed (inf: any number).
    worker_h : floats
        Of replicas that follow the load.
    """

    workers: Floats
    peak: Floats
    most: Floats
    worker_h: Floats

    def of(self, columns: Ints) -> Service:
        """Return that of some of the shapes."""
        return Service(
            workers=self.workers[:, columns],
            peak=self.peak[columns],
            most=self.most[columns],
            worker_h=self.worker_h[columns],
        )


def first_slots(earliest_h: Floats, slot_h: float) -> Floats:
    """Return the first slot whose start is not before an hour."""
    slots: Floats = np.ceil(np.maximum(earliest_h, 0.0) / slot_h - TIME_TOLERANCE_H / slot_h)
    return slots


def hourly_loads(problem: Problem) -> Bools:
    """Return which hours of the day, in UTC, each slot touches: (slots, 24)."""
    now = problem.now.astimezone(UTC)
    begin = now.hour + now.minute / 60 + now.second / SECONDS_PER_HOUR
    slot = np.arange(problem.slots)
    first = np.floor(begin + slot * problem.slot_h + TIME_TOLERANCE_H).astype(np.int64)
    last = np.ceil(begin + (slot + 1) * problem.slot_h - TIME_TOLERANCE_H).astype(np.int64) - 1
    last = np.minimum(np.maximum(first, last), first + HOURS_PER_DAY - 1)
    touched = np.zeros((len(slot), HOURS_PER_DAY), dtype=bool)
    for offset in range(int((last - first).max()) + 1):
        rows = np.flatnonzero(first + offset <= last)
        touched[rows, (first[rows] + offset) % HOURS_PER_DAY] = True
    return touched


Hours = tuple[Bools, Ints]
"""Distinct rows of `hourly_loads`, and which of them each slot has: slots of whole days are alike.
"""


def distinct_hours(problem: Problem) -> Hours:
    """Return which hours of the day slots touch, each pattern once."""
    patterns, which = np.unique(hourly_loads(problem), axis=0, return_inverse=True)
    return patterns, which.reshape(-1)


def service_of(
    problem: Problem, hours: Hours, table: JobTable, shapes: ShapeTable, rows: Ints
) -> Service:
    """Return the replicas of shapes of inference jobs, slot by slot."""
    job, slot_h = shapes.job[rows], problem.slot_h
    works = [work for one in job for work in (table.jobs[one].work,) if isinstance(work, Inference)]
    slots, peak_rps = len(hours[1]), _peak_rps(works, hours)
    asked = np.ceil(peak_rps * SECONDS_PER_HOUR / shapes.units_h[rows] - SIZE_TOLERANCE)
    least = np.array([work.min_replicas for work in works], dtype=np.float64)
    first = first_slots(table.earliest_h[job], slot_h)
    begin, end = first * slot_h, first * slot_h + table.amount[job]
    last = np.ceil(end / slot_h - TIME_TOLERANCE_H)
    slot = np.arange(slots, dtype=np.float64)[:, None]
    serving = (slot >= first) & ((slot < last) | (slot == first))
    workers = np.where(serving, np.maximum(least, asked), 0.0)
    worked_h = np.minimum(end, (slot + 1) * slot_h) - np.maximum(begin, slot * slot_h)
    most = [np.inf if work.max_replicas is None else work.max_replicas for work in works]
    return Service(
        workers=workers,
        peak=workers.max(axis=0, initial=0.0),
        most=np.array(most, dtype=np.float64),
        worker_h=np.where(serving, workers * worked_h, 0.0).sum(axis=0),
    )


def _peak_rps(works: list[Inference], hours: Hours) -> Floats:
    """Return the highest load of the hours that each slot touches: (slots, shapes)."""
    distinct: dict[tuple[float, ...], int] = {}
    row = [distinct.setdefault(work.load_rps, len(distinct)) for work in works]
    loads = np.array(
        [one if len(one) > 1 else one * HOURS_PER_DAY for one in distinct], dtype=np.float64
    )
    patterns, which = hours
    peaks = np.array([loads[:, pattern].max(axis=1) for pattern in patterns])
    found: Floats = peaks[which][:, row]
    return found


def runs_of(
    table: JobTable, shapes: ShapeTable, rows: Ints, kinds: Kinds, at: Ints, service: Service | None
) -> Runs:
    """Return how shapes run on kinds.

    Parameters
    ----------
    rows : ints
        Of `shapes`: those of inference jobs, or those of other jobs, with one hardware.
    at : ints
        Of `kinds`.
    service : Service or None
        Of `rows`, if they serve.
    """
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        per_machine, reasons = _fits(shapes, rows, kinds, at)
        share = _share(shapes, rows, kinds, at)
        if service is not None:
            return _serving(table, shapes, rows, kinds, at, service, per_machine, share, reasons)
        return _batch(table, shapes, rows, kinds, at, per_machine, share, reasons)


def _fits(shapes: ShapeTable, rows: Ints, kinds: Kinds, at: Ints) -> tuple[Floats, Indices]:
    """Return the workers that fit into a machine, and what is against the hardware."""
    fits = np.full((len(at), len(rows)), np.inf)
    for need, has in _needs(shapes, rows, kinds, at):
        np.minimum(fits, np.floor(has / need + SIZE_TOLERANCE), out=fits)
    accelerator, architectures = shapes.hardwares[shapes.hardware[rows[0]]]
    other = np.zeros(len(at), dtype=bool)
    if accelerator is not None:
        other = kinds.accelerator[at] != accelerator
    foreign = ~np.isin(kinds.architecture[at], architectures)
    bits = other * Reason.ACCELERATOR.value + foreign * Reason.ARCHITECTURE.value
    alien = (other | foreign)[:, None]
    reasons = np.where(alien, bits[:, None], (fits < 1) * Reason.SIZE.value)
    return np.where(alien, 0.0, fits), reasons.astype(np.int32)


def _needs(
    shapes: ShapeTable, rows: Ints, kinds: Kinds, at: Ints
) -> tuple[tuple[Floats, Floats], ...]:
    """Return what a worker needs and a machine has, by resource; inf where nothing is needed."""
    pairs = (
        (shapes.accelerators[rows], kinds.accelerators[at]),
        (shapes.cpus[rows], kinds.cpus[at]),
        (shapes.memory_gib[rows], kinds.memory_gib[at]),
    )
    return tuple(
        (need, np.where(need > 0, has[:, None], np.inf)) for need, has in pairs if (need > 0).any()
    )


def _share(shapes: ShapeTable, rows: Ints, kinds: Kinds, at: Ints) -> Floats:
    """Return the largest share of a machine that a worker takes."""
    share = shapes.cpus[rows] / kinds.cpus[at][:, None]
    np.maximum(share, shapes.memory_gib[rows] / kinds.memory_gib[at][:, None], out=share)
    boards = shapes.accelerators[rows] / kinds.accelerators[at][:, None]
    return np.maximum(share, np.where(shapes.accelerators[rows] > 0, boards, 0.0), out=share)


def _batch(
    table: JobTable,
    shapes: ShapeTable,
    rows: Ints,
    kinds: Kinds,
    at: Ints,
    per_machine: Floats,
    share: Floats,
    reasons: Indices,
) -> Runs:
    """Return the runs of jobs that work through something and end."""
    job, work, workers = shapes.job[rows], shapes.work_h[rows], shapes.workers[rows]
    machines = np.ceil(workers / np.maximum(per_machine, 1.0))
    segment = np.where(table.tunes[job], table.factor[job] / shapes.units_h[rows], work)
    segment = np.minimum(segment, table.interval_h[job])
    write, restart = table.write_h[job], table.setup_h[job] + table.restart_h[job]
    calm_h = work * (1.0 + write / segment)
    hours = np.broadcast_to(calm_h, machines.shape).copy()
    risky = np.flatnonzero(kinds.interruptions_per_h[at] > 0)
    if len(risky):
        rate = kinds.interruptions_per_h[at[risky]][:, None]
        # A tuning run that is lost costs itself only; in a gang all start again.
        rate = rate * np.where(table.tunes[job], 1.0, machines[risky])
        segment_h = segment + write
        lost = np.exp(rate * restart) / rate * np.expm1(rate * segment_h)
        lost = np.maximum(calm_h, work / segment * lost)
        hours[risky] = np.where(rate * segment_h < sys.float_info.epsilon, calm_h, lost)
    hours += table.setup_h[job]
    reasons = reasons | ((per_machine > 0) & ~np.isfinite(hours)) * Reason.NEVER_ENDS.value
    billed = np.where(kinds.owned[at][:, None], workers * share, machines)
    return Runs(
        reasons=reasons.astype(np.int32),
        per_machine=per_machine,
        machines=machines,
        hours=hours,
        machine_h=billed * hours,
        worker_h=workers * hours,
    )


def _serving(
    table: JobTable,
    shapes: ShapeTable,
    rows: Ints,
    kinds: Kinds,
    at: Ints,
    service: Service,
    per_machine: Floats,
    share: Floats,
    reasons: Indices,
) -> Runs:
    """Return the runs of inference jobs: replicas follow the load on own nodes, else the peak."""
    job, peak = shapes.job[rows], service.peak
    hours, setup = table.amount[job], table.setup_h[job]
    owned = kinds.owned[at][:, None]
    machines = np.ceil(peak / np.maximum(per_machine, 1.0))
    lost = 1.0 + kinds.interruptions_per_h[at][:, None] * setup
    own_h = share * (service.worker_h * lost + peak * setup)
    machine_h = np.where(owned, own_h, machines * (hours * lost + setup))
    serving_h = np.where(owned, service.worker_h, peak * hours)
    crowded = (per_machine > 0) & (peak > service.most)
    return Runs(
        reasons=(reasons | crowded * Reason.REPLICAS.value).astype(np.int32),
        per_machine=per_machine,
        machines=machines,
        hours=np.broadcast_to(hours, machines.shape),
        machine_h=machine_h,
        worker_h=serving_h * lost + peak * setup,
    )
