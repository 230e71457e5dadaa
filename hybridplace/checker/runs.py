"""How jobs run on machines: hours, machine-hours and worker-hours, in arrays of asks x machines."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields

import numpy as np

from hybridplace.checker.asks import Asks
from hybridplace.checker.columns import Floats, Ints, Machines
from hybridplace.model.run import TIME_TOLERANCE_H

_SIZE_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Runs of asks (rows) on machines (columns).

    Parameters
    ----------
    hours : floats
        From start to end; inf if the machine cannot hold the job.
    machines : floats
        At the peak.
    machine_h, worker_h : floats
        Paid for, those that interruptions add included.
    """

    hours: Floats
    machines: Floats
    machine_h: Floats
    worker_h: Floats

    def on(self, which: Ints) -> Runs:
        """Return the runs on offers, each of which is one of the machines."""
        return Runs(**{one.name: getattr(self, one.name)[:, which] for one in fields(self)})


def runs(asks: Asks, machines: Machines, *, owned: bool, horizon_h: float) -> Runs:
    """Return how each ask runs on each machine; all asks serve, or none does."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        each = workers_per_machine(asks, machines)
        count = np.ceil(asks.workers[:, None] / each)
        serving = bool(asks.serving[:1].any())
        hours = _column(asks.work_h) if serving else _expected_h(asks, machines, count)
        fits = (each >= 1) & (hours <= horizon_h + TIME_TOLERANCE_H)
        fits &= asks.workers[:, None] <= asks.most[:, None]
        machine = _share(asks, machines) if owned else None
        if serving:
            machine_h, worker_h = _serving_h(asks, machines, count, machine)
        else:
            worker_h = _column(asks.workers) * hours
            machine_h = count * hours if machine is None else machine * worker_h
    zero = np.zeros_like(count)
    return Runs(
        hours=np.where(fits, hours, np.inf),
        machines=np.where(fits, count, zero),
        machine_h=np.where(fits, machine_h, zero),
        worker_h=np.where(fits, worker_h, zero),
    )


def workers_per_machine(asks: Asks, machines: Machines) -> Floats:
    """Return how many workers fit into a machine; 0 where the job's image does not run."""
    each = np.minimum(
        machines.cpus / _column(asks.cpus), machines.memory_gib / _column(asks.memory_gib)
    )
    needs = _column(asks.accelerators)
    with np.errstate(divide="ignore", invalid="ignore"):
        boards = np.where(needs > 0, machines.accelerators / needs, np.inf)
    each = np.floor(np.minimum(each, boards) + _SIZE_TOLERANCE)
    return np.where(_column(asks.architectures) & machines.architecture, each, 0.0)


def _expected_h(asks: Asks, machines: Machines, count: Floats) -> Floats:
    r"""Return the hours that jobs which end are expected to take, interruptions included.

    :math:`S + \frac{W}{\tau} \frac{e^{\lambda R}}{\lambda} (e^{\lambda (\tau + \delta)} - 1)`,
    at least :math:`S + W (1 + \delta / \tau)`: Daly, "A higher order estimate of the optimum
    checkpoint interval for restart dumps", FGCS 22 (2006), section 3, doi:10.1016/j.future.2004.
    11.016.
    """
    undisturbed = asks.work_h * (1.0 + asks.write_h / asks.segment_h)
    hours = np.repeat(_column(asks.setup_h + undisturbed), len(machines.cpus), axis=1)
    risky = np.flatnonzero(machines.interruptions_per_h > 0)
    gang = np.where(_column(asks.alone), 1.0, count[:, risky])
    rate = machines.interruptions_per_h[risky] * gang
    step = rate * _column(asks.segment_h + asks.write_h)
    lost = np.exp(rate * _column(asks.resume_h)) / rate * np.expm1(step)
    longer = np.maximum(_column(undisturbed), _column(asks.work_h / asks.segment_h) * lost)
    rare = step < sys.float_info.epsilon
    hours[:, risky] = np.where(rare, hours[:, risky], _column(asks.setup_h) + longer)
    return hours


def _serving_h(
    asks: Asks, machines: Machines, count: Floats, machine: Floats | None
) -> tuple[Floats, Floats]:
    """Return machine-hours and worker-hours of what serves: bought machines stay at the peak."""
    again = 1.0 + machines.interruptions_per_h * _column(asks.setup_h)
    setup_h = asks.setup_h * asks.workers
    if machine is not None:
        worker_h = _column(asks.busy_h) * again + _column(setup_h)
        return machine * worker_h, worker_h
    machine_h = count * (_column(asks.work_h) * again + _column(asks.setup_h))
    return machine_h, _column(asks.workers * asks.work_h) * again + _column(setup_h)


def _share(asks: Asks, machines: Machines) -> Floats:
    """Return what a worker takes of the largest node: the largest of its three shares."""
    share = np.maximum(
        _column(asks.cpus) / machines.cpus, _column(asks.memory_gib) / machines.memory_gib
    )
    needs = _column(asks.accelerators)
    return np.maximum(share, np.where(needs > 0, needs / machines.accelerators, 0.0))


def _column(values: np.ndarray) -> np.ndarray:
    return values[:, None]
