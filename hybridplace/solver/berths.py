"""What own nodes have room for, worker by worker: what the rows of the model leave out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hybridplace.model.capacity import SIZE_TOLERANCE
from hybridplace.model.problem import Problem
from hybridplace.solver.instance import RESOURCES, Floats, Instance, Ints
from hybridplace.solver.nodes import Nodes
from hybridplace.solver.packing import EIGHTHS


@dataclass(frozen=True, slots=True, kw_only=True)
class Berths:
    """Nodes and the workers that come to them.

    Parameters
    ----------
    first : ints, (G + 2,)
        Nodes of each group (CSR), and of no group, which has none.
    room : floats, (nodes, T, resources)
    workers : ints, (n,)
        Of each option, at the most at a time.
    worker_use : floats, (n, resources)
    """

    first: Ints
    room: Floats
    workers: Ints
    worker_use: Floats


def no_berths(instance: Instance) -> Berths:
    """Return groups without nodes: what fits a group is taken to fit one of its nodes."""
    options = len(instance.options.job)
    return Berths(
        first=np.zeros(len(instance.capacity) + 2, np.int64),
        room=np.zeros((0, instance.slots, RESOURCES)),
        workers=np.zeros(options, np.int64),
        worker_use=np.zeros((options, RESOURCES)),
    )


def berths_of(problem: Problem, instance: Instance, nodes: dict[int, Nodes]) -> Berths:
    """Return the nodes of own groups, with nobody on them.

    Parameters
    ----------
    nodes : dict
        Of each group that has any, by its number.
    """
    groups, options = len(instance.capacity), instance.options
    counts = np.zeros(groups + 1, np.int64)
    rooms = [np.zeros((0, instance.slots, RESOURCES))]
    for group, some in sorted(nodes.items()):
        counts[group] = len(some.nodes)
        free = (EIGHTHS - some.load.astype(np.int64)).sum(axis=1) / EIGHTHS
        rooms.append(np.stack([free, some.cpus, some.memory_gib], axis=2) + SIZE_TOLERANCE / 2)
    own = np.flatnonzero(np.isin(options.group, list(nodes)))
    worker_use, workers = np.zeros((len(options.job), RESOURCES)), np.zeros(len(options.job))
    shapes = [
        problem.jobs[job].shapes[shape]
        for job, shape in zip(options.job[own].tolist(), options.shape[own].tolist(), strict=True)
    ]
    needs = [(one.accelerators, one.cpus, one.memory_gib) for one in shapes]
    worker_use[own] = np.array(needs).reshape(-1, RESOURCES)
    used = worker_use[own] > 0
    shares = np.divide(options.use[own], worker_use[own], out=np.zeros(used.shape), where=used)
    workers[own] = shares.max(axis=1, initial=0.0)
    return Berths(
        first=np.concatenate([[0], np.cumsum(counts)]),
        room=np.concatenate(rooms),
        workers=np.rint(workers).astype(np.int64),
        worker_use=worker_use,
    )
