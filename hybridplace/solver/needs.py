"""What jobs need, as columns: a row per job, and a row per shape of each job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np

from hybridplace.model.job import Inference, Job, Preprocessing, Training, Tuning
from hybridplace.model.problem import Problem
from hybridplace.model.run import work_factor
from hybridplace.solver.instance import Bools, Floats, Indices

Hardware = tuple[str | None, tuple[str, ...]]
"""An accelerator (None is any) and the architectures that an image runs on."""

_AMOUNT: dict[type, Callable[[Any], float]] = {
    Training: attrgetter("units"),
    Preprocessing: attrgetter("data_gib"),
    Tuning: attrgetter("runs"),
    Inference: attrgetter("hours"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTable:
    """Some jobs, one row each.

    Parameters
    ----------
    amount : floats
        Units, GiB, runs or hours of work, as stated.
    factor : floats
        What that work is multiplied by: `hybridplace.model.run.work_factor`.
    efficiency, interconnect_gbps : floats
        Of training; 1 and NaN of other kinds.
    interval_h, write_h, restart_h : floats
        Of checkpoints; inf, 0 and 0 without.
    deadline_h, due_h : floats
        inf is none.
    """

    jobs: Sequence[Job]
    serves: Bools
    tunes: Bools
    amount: Floats
    factor: Floats
    efficiency: Floats
    interconnect_gbps: Floats
    interval_h: Floats
    write_h: Floats
    restart_h: Floats
    setup_h: Floats
    earliest_h: Floats
    deadline_h: Floats
    due_h: Floats
    late_usd_h: Floats
    public: Bools


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeTable:
    """All shapes of some jobs, one row each, in the order of (job, shape).

    Parameters
    ----------
    job, shape : indices
        Row of `JobTable`, and of the job's shapes.
    hardware : indices
        Row of `hardwares`: the accelerator and the architectures that it runs on.
    accelerators, cpus, memory_gib, disk_gib, units_h : floats
        Of one worker.
    work_h : floats
        Hours of work: `hybridplace.model.run.work_h`, times the factor.
    """

    job: Indices
    shape: Indices
    hardware: Indices
    hardwares: tuple[Hardware, ...]
    accelerators: Floats
    cpus: Floats
    memory_gib: Floats
    disk_gib: Floats
    workers: Floats
    units_h: Floats
    work_h: Floats


def job_table(problem: Problem, jobs: Sequence[Job]) -> JobTable:
    """Return jobs of a problem as columns."""
    works = [job.work for job in jobs]
    kinds = [type(work) for work in works]
    points = [job.checkpoint for job in jobs]
    trains = [work if isinstance(work, Training) else None for work in works]
    return JobTable(
        jobs=jobs,
        serves=np.array([kind is Inference for kind in kinds], dtype=bool),
        tunes=np.array([kind is Tuning for kind in kinds], dtype=bool),
        amount=_floats([_AMOUNT[kind](work) for kind, work in zip(kinds, works, strict=True)]),
        factor=_floats([work_factor(problem, job) for job in jobs]),
        efficiency=_floats([one.efficiency if one else 1.0 for one in trains]),
        interconnect_gbps=_or(np.nan, [one.interconnect_gbps if one else None for one in trains]),
        interval_h=_floats([one.interval_h if one else np.inf for one in points]),
        write_h=_floats([one.write_h if one else 0.0 for one in points]),
        restart_h=_floats([one.restart_h if one else 0.0 for one in points]),
        setup_h=_floats([job.setup_h for job in jobs]),
        earliest_h=_floats([job.earliest_h for job in jobs]),
        deadline_h=_or(np.inf, [job.deadline_h for job in jobs]),
        due_h=_or(np.inf, [job.due_h for job in jobs]),
        late_usd_h=_floats([job.late_usd_h for job in jobs]),
        public=np.array([job.public for job in jobs], dtype=bool),
    )


def shape_table(table: JobTable) -> ShapeTable:
    """Return all shapes of jobs as columns."""
    counts = [len(job.shapes) for job in table.jobs]
    shapes = [shape for job in table.jobs for shape in job.shapes]
    job = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    number = np.arange(len(shapes)) - np.repeat(np.cumsum(counts) - counts, counts)
    row_of: dict[Hardware, int] = {}
    hardware = [
        row_of.setdefault((shape.accelerator, shape.architectures), len(row_of)) for shape in shapes
    ]
    workers = _floats([shape.workers for shape in shapes])
    units_h = _floats([shape.units_h for shape in shapes])
    return ShapeTable(
        job=job,
        shape=number.astype(np.int32),
        hardware=np.array(hardware, dtype=np.int32),
        hardwares=tuple(row_of),
        accelerators=_floats([shape.accelerators for shape in shapes]),
        cpus=_floats([shape.cpus for shape in shapes]),
        memory_gib=_floats([shape.memory_gib for shape in shapes]),
        disk_gib=_floats([shape.disk_gib for shape in shapes]),
        workers=workers,
        units_h=units_h,
        work_h=_work_h(table, job, workers, units_h),
    )


def _work_h(table: JobTable, job: Indices, workers: Floats, units_h: Floats) -> Floats:
    """Return the hours of work: `hybridplace.model.run.work_h`, times the factor."""
    amount, kept = table.amount[job], np.where(workers > 1, table.efficiency[job], 1.0)
    batch = amount / (units_h * workers * kept)
    tuning = np.ceil(amount / workers) / units_h
    hours = np.where(table.serves[job], amount, np.where(table.tunes[job], tuning, batch))
    return hours * table.factor[job]


def _floats(values: Sequence[float]) -> Floats:
    return np.array(values, dtype=np.float64)


def _or(absent: float, values: Sequence[float | None]) -> Floats:
    return np.array([absent if one is None else one for one in values], dtype=np.float64)
