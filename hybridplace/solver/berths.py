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
    """Nodes and who comes to them: parties of workers that sit together.

    Over time, workers that need a part of an accelerator share it with others of their gang; so
    accelerators are whole, and none is left to two parties that come and go at other times. A gang
    that must not span nodes is one party. Else each worker is one.

    Parameters
    ----------
    first : ints, (G + 2,)
        Nodes of each group (CSR), and of no group, which has none.
    room : floats, (nodes, T, resources)
    workers : ints, (n,)
        Parties of each option, at the most at a time.
    worker_use : floats, (n, resources)
        What a party takes of a node.
    party : ints, (n,)
        Workers of each party; of the last of an option maybe less.
    """

    first: Ints
    room: Floats
    workers: Ints
    worker_use: Floats
    party: Ints

    def seats(self, option: Ints, instance: Instance) -> Ints:
        """Return where the parties of each job have their places, as many as pairs may need."""
        most = np.zeros(len(instance.jobs.reject_usd), np.int64)
        group = instance.options.group[option]
        own = option[self.first[group] < self.first[group + 1]]
        np.maximum.at(most, instance.options.job[own], self.workers[own])
        return np.concatenate([[0], np.cumsum(most)])


def no_berths(instance: Instance) -> Berths:
    """Return groups without nodes: what fits a group is taken to fit one of its nodes."""
    options = len(instance.options.job)
    return Berths(
        first=np.zeros(len(instance.capacity) + 2, np.int64),
        room=np.zeros((0, instance.slots, RESOURCES)),
        workers=np.zeros(options, np.int64),
        worker_use=np.zeros((options, RESOURCES)),
        party=np.ones(options, np.int64),
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
    workers[own] = np.rint(shares.max(axis=1, initial=0.0))
    party = np.ones(len(options.job), np.int64)
    party[own] = _parties(problem, instance, nodes, own, workers[own])
    gangs = np.minimum(party, workers)[:, None]
    worker_use = worker_use * np.maximum(gangs, 1.0)
    if instance.slots > 1:
        worker_use[:, 0] = np.ceil(worker_use[:, 0] - SIZE_TOLERANCE)
    return Berths(
        first=np.concatenate([[0], np.cumsum(counts)]),
        room=np.concatenate(rooms),
        workers=np.ceil(workers / party).astype(np.int64),
        worker_use=worker_use,
        party=party,
    )


def _parties(
    problem: Problem, instance: Instance, nodes: dict[int, Nodes], own: Ints, workers: Floats
) -> list[int]:
    """Return how many workers of some options sit together."""
    options, found, spans = instance.options, [], dict[tuple[float, int], bool]()
    for i, peak in zip(own.tolist(), workers.tolist(), strict=True):
        job = problem.jobs[int(options.job[i])]
        shape, group = job.shapes[int(options.shape[i])], int(options.group[i])
        gbps = float(getattr(job.work, "interconnect_gbps", None) or 0.0)
        if (gbps, group) not in spans:
            slowest = min(node.interconnect_gbps or 0.0 for node in nodes[group].nodes)
            spans[gbps, group] = slowest >= gbps
        if peak > 1 and not spans[gbps, group]:
            found.append(int(peak))
        elif 0 < shape.accelerators < 1 and instance.slots > 1:
            found.append(int(1 / shape.accelerators + SIZE_TOLERANCE))
        else:
            found.append(1)
    return found
