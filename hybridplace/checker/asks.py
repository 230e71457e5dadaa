"""Jobs as columns: one row for each shape of each job."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from hybridplace.checker.columns import Bools, Columns, Floats, Ints, architecture_bits
from hybridplace.model.job import Inference, Job, Shape, Training, Tuning
from hybridplace.model.problem import Problem
from hybridplace.model.run import TIME_TOLERANCE_H, load_workers, slot_count, work_factor, work_h


@dataclass(frozen=True, slots=True, kw_only=True)
class Asks(Columns):
    """What some jobs ask for, each in one of its shapes; hours count from `Problem.now`.

    Parameters
    ----------
    job, shape : ints
        In `Problem.jobs` and `Job.shapes`.
    architectures : ints
        Bits of those that the job runs on.
    workers : floats
        At the peak.
    gbps : floats
        What the gang needs between its machines; 0 if nothing.
    work_h, segment_h, write_h, resume_h : floats
        Of jobs that end: hours of work, between checkpoints, to write one, to go on after an
        interruption; of inference `work_h` are its hours.
    alone : bools
        An interruption stops one worker, not the whole gang.
    busy_h : floats
        Of inference: worker-hours served where replicas follow the load.
    most : floats
        Of inference: the most replicas.
    latest_h : floats
        When it must have ended.
    held : ints
        The offer that it runs on now; -1 if none.
    """

    job: Ints
    shape: Ints
    accelerators: Floats
    cpus: Floats
    memory_gib: Floats
    disk_gib: Floats
    architectures: Ints
    workers: Floats
    gbps: Floats
    work_h: Floats
    segment_h: Floats
    write_h: Floats
    resume_h: Floats
    setup_h: Floats
    alone: Bools
    serving: Bools
    busy_h: Floats
    most: Floats
    earliest_h: Floats
    latest_h: Floats
    due_h: Floats
    late_usd_h: Floats
    public: Bools
    held: Ints
    move_usd: Floats


def asks_of(problem: Problem, numbers: Iterable[int]) -> Asks:
    """Return the asks of some jobs, by their rows in `Problem.jobs`."""
    bits = architecture_bits(problem)
    offer_row = {offer.id: row for row, offer in enumerate(problem.offers)}
    rows = [
        (
            row,
            number,
            *_size(shape, bits),
            *_work(problem, job, shape),
            *_times(problem, job),
            job.public,
            *_held(problem, job, offer_row),
        )
        for row in numbers
        for job in (problem.jobs[row],)
        for number, shape in enumerate(job.shapes)
    ]
    table = np.array(rows, dtype=np.float64).reshape(len(rows), len(Asks.__dataclass_fields__)).T
    kinds = {"Ints": np.int64, "Bools": np.bool_, "Floats": np.float64}
    return Asks(
        **{
            name: column.astype(kinds[str(field.type)])
            for (name, field), column in zip(Asks.__dataclass_fields__.items(), table, strict=True)
        }
    )


def _size(shape: Shape, bits: dict[str, int]) -> tuple[float, ...]:
    runs_on = sum(bits[name] for name in set(shape.architectures))
    return shape.accelerators, shape.cpus, shape.memory_gib, shape.disk_gib, runs_on


def _work(problem: Problem, job: Job, shape: Shape) -> tuple[float, ...]:
    if isinstance(job.work, Inference):
        return _serving(problem, job, job.work, shape)
    factor, tuning = work_factor(problem, job), isinstance(job.work, Tuning)
    work = work_h(job, shape) * factor
    segment = factor / shape.units_h if tuning else work
    write = restart = 0.0
    if job.checkpoint is not None:
        segment = min(segment, job.checkpoint.interval_h)
        write, restart = job.checkpoint.write_h, job.checkpoint.restart_h
    gbps = job.work.interconnect_gbps or 0.0 if isinstance(job.work, Training) else 0.0
    resume = job.setup_h + restart
    size = (shape.workers, gbps, work, segment, write, resume, job.setup_h)
    return (*size, tuning, False, 0.0, math.inf)


def _serving(problem: Problem, job: Job, work: Inference, shape: Shape) -> tuple[float, ...]:
    _, counts = replicas(problem, job, work, shape)
    ends_h = [min(work.hours, (one + 1) * problem.slot_h) for one in range(len(counts))]
    busy_h = float(np.dot(np.diff([0.0, *ends_h]), counts))
    most = math.inf if work.max_replicas is None else work.max_replicas
    size = (max(counts), 0.0, work.hours, 1.0, 0.0, 0.0, job.setup_h)
    return (*size, True, True, busy_h, most)


def _times(problem: Problem, job: Job) -> tuple[float, ...]:
    latest_h = problem.horizon_h if job.deadline_h is None else job.deadline_h
    due_h = math.inf if job.due_h is None else job.due_h
    return job.earliest_h, min(latest_h, problem.horizon_h), due_h, job.late_usd_h


def _held(problem: Problem, job: Job, offer_row: dict[str, int]) -> tuple[float, ...]:
    lease = problem.lease_of.get(job.id)
    if lease is None:
        return -1, 0.0
    # What runs on an offer that is gone must move in any case.
    return offer_row.get(lease.offer, -1), job.move_usd


def replicas(
    problem: Problem, job: Job, work: Inference, shape: Shape
) -> tuple[int, tuple[int, ...]]:
    """Return the slot that serving starts in, and the replicas from then on, slot by slot."""
    first = math.ceil((job.earliest_h - TIME_TOLERANCE_H) / problem.slot_h)
    begin_h = first * problem.slot_h
    slots = range(first, first + slot_count(problem, begin_h, begin_h + work.hours))
    asked = (load_workers(problem, work, shape, slot) for slot in slots)
    return first, tuple(max(work.min_replicas, count) for count in asked)
