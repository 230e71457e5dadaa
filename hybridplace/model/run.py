"""How a job runs on an offer: how many machines, for how long, and what an interruption costs.

Each kind of work has its function; `run_of` is the one to call.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from datetime import UTC

from hybridplace.model.job import Inference, Job, Preprocessing, Shape, Training, Tuning
from hybridplace.model.problem import Problem
from hybridplace.model.site import Market, Node, Offer
from hybridplace.units import HOURS_PER_DAY, SECONDS_PER_HOUR

TIME_TOLERANCE_H = 1e-6
"""What sums of hours may differ by; far below any slot."""

_SIZE_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A job on an offer, from a start: what it uses and when it is expected to end.

    Parameters
    ----------
    workers : tuple of int
        How many work in each slot, from the slot of the start.
    machines : int
        At the peak.
    planned_machine_h, lost_machine_h : float
        Machine-hours without interruptions, and those that interruptions are expected to add. On
        own nodes a machine is what a job takes of the largest node, as a share of it.
    worker_h : float
        Worker-hours, lost ones included.
    """

    start_h: float
    end_h: float
    workers: tuple[int, ...]
    machines: int
    planned_machine_h: float
    lost_machine_h: float
    worker_h: float


def run_of(problem: Problem, job: Job, offer: Offer, shape: Shape, start_h: float) -> Run | None:
    """Return how `job` runs on `offer` from `start_h`; None if the offer cannot hold it.

    It cannot when one worker does not fit into one machine, when the load asks for more replicas
    than the job allows, or when the job would take longer than the horizon: interruptions can
    stretch hours of work to more slots than there is memory for.
    """
    if workers_per_machine(shape, offer) < 1:
        return None
    if isinstance(job.work, Inference):
        return _serving(problem, job, job.work, offer, shape, start_h)
    return _batch(problem, job, offer, shape, start_h)


def run_once(problem: Problem, job: Job, offer: Offer, shape: int, start_h: float) -> Run | None:
    """Return `run_of` for one of a job's shapes, computed once for all jobs of its kind."""
    if problem.job.get(job.id) is not job:
        return run_of(problem, job, offer, job.shapes[shape], start_h)
    key = (problem.kind[job.id], offer.id, shape, start_h)
    if key not in problem.runs:
        problem.runs[key] = run_of(problem, job, offer, job.shapes[shape], start_h)
    return problem.runs[key]


def workers_per_machine(shape: Shape, offer: Offer) -> int:
    """Return how many workers fit into one machine; on own nodes, into the largest of them."""
    if shape.accelerator not in (None, offer.accelerator):
        return 0
    if offer.architecture not in shape.architectures:
        return 0
    return workers_on(shape, offer)


def workers_on(shape: Shape, machine: Node | Offer) -> int:
    """Return how many workers an empty machine holds, by its size alone."""
    holds = math.inf
    if shape.accelerators > 0:
        holds = machine.accelerators / shape.accelerators
    if shape.cpus > 0:
        holds = min(holds, machine.cpus / shape.cpus)
    if shape.memory_gib > 0:
        holds = min(holds, machine.memory_gib / shape.memory_gib)
    return math.floor(holds + _SIZE_TOLERANCE)


def machines_for(workers: int, shape: Shape, offer: Offer) -> float:
    """Return the machines that `workers` pay for.

    Bought machines are paid whole. On own nodes, which jobs share, it is the largest of the three
    shares (accelerators, CPUs, memory) of the largest node that the workers take.
    """
    if offer.market is not Market.OWNED:
        return math.ceil(workers / workers_per_machine(shape, offer))
    shares = [shape.cpus / offer.cpus, shape.memory_gib / offer.memory_gib]
    if shape.accelerators > 0:
        shares.append(shape.accelerators / offer.accelerators)
    return workers * max(shares)


def interruptions_per_h(problem: Problem, offer: Offer) -> float:
    """Return the rate at which one machine is taken back; 0 if that cannot happen."""
    if offer.interruptions_per_h is not None:
        return offer.interruptions_per_h
    return problem.assumptions.interruptions_per_h if offer.market is Market.SPOT else 0.0


def work_factor(problem: Problem, job: Job) -> float:
    r"""Return what a job's stated work is multiplied by: :math:`a (b / a)^q`; 1 without a range.

    The quantile :math:`q` of a range :math:`[a, b]` between which the work is log-uniform: as
    likely to be twice as half of the middle.
    """
    if job.work_range is None:
        return 1.0
    least, most = job.work_range
    return float(least * (most / least) ** problem.assumptions.quantile)


def planned_quantile(problem: Problem) -> float | None:
    """Return the quantile that hours are planned with; None if no job's work is a range."""
    if all(job.work_range is None for job in problem.jobs):
        return None
    return problem.assumptions.quantile


def work_h(job: Job, shape: Shape) -> float:
    """Return the hours of stated work of a job that ends, without setup and interruptions.

    Training: ``units / (units_h * workers * efficiency)``, the efficiency only for several workers.
    Preprocessing: ``data_gib / (units_h * workers)``. Tuning: ``ceil(runs / workers) / units_h``.
    """
    match job.work:
        case Training(units=units, efficiency=efficiency):
            kept = efficiency if shape.workers > 1 else 1.0
            return units / (shape.units_h * shape.workers * kept)
        case Preprocessing(data_gib=data_gib):
            return data_gib / (shape.units_h * shape.workers)
        case Tuning(runs=runs):
            return math.ceil(runs / shape.workers) / shape.units_h
        case Inference(hours=hours):
            return hours


def expected_h(work: float, segment: float, write: float, restart: float, rate: float) -> float:
    r"""Return the expected hours for `work` hours saved after every `segment`, under interruptions.

    :math:`\frac{W}{\tau} \frac{e^{\lambda R}}{\lambda} (e^{\lambda (\tau + \delta)} - 1)` for
    interruptions that arrive as a Poisson process: Daly, "A higher order estimate of the optimum
    checkpoint interval for restart dumps", FGCS 22 (2006), section 3, doi:10.1016/j.future.
    2004.11.016. Without interruptions it is :math:`W (1 + \delta / \tau)`.

    Parameters
    ----------
    work, segment, write, restart : float
        :math:`W, \tau, \delta, R` in hours.
    rate : float
        :math:`\lambda`, interruptions per hour of the whole gang.
    """
    undisturbed = work * (1.0 + write / segment)
    if rate * (segment + write) < sys.float_info.epsilon:  # too rare to be told from never
        return undisturbed
    try:
        interrupted = math.exp(rate * restart) / rate * math.expm1(rate * (segment + write))
    except OverflowError:
        return math.inf
    return max(undisturbed, work / segment * interrupted)


def load_workers(problem: Problem, work: Inference, shape: Shape, slot: int) -> int:
    """Return the replicas that the load of a slot asks for, before the job's own bounds.

    The load is that of the hour of the day in UTC; of several hours in the slot, the highest.
    """
    now = problem.now.astimezone(UTC)
    begin = now.hour + now.minute / 60 + now.second / SECONDS_PER_HOUR
    first = math.floor(begin + slot * problem.slot_h + TIME_TOLERANCE_H)
    last = math.ceil(begin + (slot + 1) * problem.slot_h - TIME_TOLERANCE_H) - 1
    loads = work.load_rps if len(work.load_rps) > 1 else work.load_rps * HOURS_PER_DAY
    last = min(last, first + HOURS_PER_DAY - 1)
    peak_rps = max(loads[hour % HOURS_PER_DAY] for hour in range(first, max(first, last) + 1))
    return math.ceil(peak_rps * SECONDS_PER_HOUR / shape.units_h - _SIZE_TOLERANCE)


def first_start_h(problem: Problem, job: Job) -> float:
    """Return the first start on the grid that is not before `earliest_h`."""
    first = job.earliest_h / problem.slot_h - TIME_TOLERANCE_H / problem.slot_h
    return math.ceil(first) * problem.slot_h


def first_slot(problem: Problem, hour: float) -> int:
    """Return the slot that `hour` lies in."""
    return math.floor(hour / problem.slot_h + TIME_TOLERANCE_H)


def slot_count(problem: Problem, start_h: float, end_h: float) -> int:
    """Return how many slots are booked from `start_h` to `end_h`."""
    last = math.ceil(end_h / problem.slot_h - TIME_TOLERANCE_H)
    return max(last - first_slot(problem, start_h), 1)


def _batch(problem: Problem, job: Job, offer: Offer, shape: Shape, start_h: float) -> Run | None:
    """Return the run of a job that works through something and ends."""
    machines = math.ceil(shape.workers / workers_per_machine(shape, offer))
    factor = work_factor(problem, job)
    work = work_h(job, shape) * factor
    tuning = isinstance(job.work, Tuning)
    # A tuning run that is lost costs itself only; in a gang all start again from the checkpoint.
    rate = interruptions_per_h(problem, offer) * (1 if tuning else machines)
    segment = factor / shape.units_h if tuning else work
    write = restart = 0.0
    if job.checkpoint is not None:
        segment = min(segment, job.checkpoint.interval_h)
        write, restart = job.checkpoint.write_h, job.checkpoint.restart_h
    planned_h = job.setup_h + expected_h(work, segment, write, 0.0, 0.0)
    actual_h = job.setup_h + expected_h(work, segment, write, job.setup_h + restart, rate)
    if actual_h > problem.horizon_h + TIME_TOLERANCE_H:
        return None
    billed = machines_for(shape.workers, shape, offer)
    end_h = start_h + actual_h
    return Run(
        start_h=start_h,
        end_h=end_h,
        workers=(shape.workers,) * slot_count(problem, start_h, end_h),
        machines=machines,
        planned_machine_h=billed * planned_h,
        lost_machine_h=billed * (actual_h - planned_h),
        worker_h=shape.workers * actual_h,
    )


def _serving(
    problem: Problem, job: Job, work: Inference, offer: Offer, shape: Shape, start_h: float
) -> Run | None:
    """Return the run of an inference job: as many replicas in each slot as its load asks for.

    On own nodes, which others use meanwhile. Bought machines are one lease, held at the peak for
    the whole run. Each machine at the peak is set up once before it serves; one that is taken back
    is set up again, and nothing else is lost.
    """
    if work.hours > problem.horizon_h + TIME_TOLERANCE_H:
        return None
    first, end_h = first_slot(problem, start_h), start_h + work.hours
    slots = range(first, first + slot_count(problem, start_h, end_h))
    workers = tuple(
        max(work.min_replicas, load_workers(problem, work, shape, slot)) for slot in slots
    )
    peak = max(workers)
    if work.max_replicas is not None and peak > work.max_replicas:
        return None
    if offer.market is not Market.OWNED:
        workers = (peak,) * len(workers)
    hours = [
        min(end_h, (slot + 1) * problem.slot_h) - max(start_h, slot * problem.slot_h)
        for slot in slots
    ]
    billed = [machines_for(count, shape, offer) for count in workers]
    serving_h = sum(count * hour for count, hour in zip(billed, hours, strict=True))
    lost = interruptions_per_h(problem, offer) * job.setup_h
    worker_h = sum(count * hour for count, hour in zip(workers, hours, strict=True))
    return Run(
        start_h=start_h,
        end_h=end_h,
        workers=workers,
        machines=math.ceil(peak / workers_per_machine(shape, offer)),
        planned_machine_h=serving_h + max(billed) * job.setup_h,
        lost_machine_h=serving_h * lost,
        worker_h=worker_h * (1 + lost) + peak * job.setup_h,
    )
