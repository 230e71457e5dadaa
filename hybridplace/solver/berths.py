"""What own nodes have room for, worker by worker: what the rows of the model leave out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from hybridplace.model.capacity import SIZE_TOLERANCE
from hybridplace.model.problem import Problem
from hybridplace.solver.instance import RESOURCES, Floats, Instance, Ints
from hybridplace.solver.nodes import Nodes
from hybridplace.solver.packing import EIGHTHS


class Parties(NamedTuple):
    """Workers that sit together, of some options.

    Parameters
    ----------
    workers : ints, (k,)
        Parties of each option, at the most at a time; none of what is bought.
    use : floats, (k, resources)
        What a party takes of a node.
    size : ints, (k,)
        Workers of each party; of the last of an option maybe less.
    """

    workers: Ints
    use: Floats
    size: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Berths:
    """Nodes and who comes to them: parties of workers that sit together.

    Over time, workers that need a part of an accelerator share it with others of their gang; so
    accelerators are whole, and none is left to two parties that come and go at other times. A gang
    that must not span nodes is one party. Else each worker is one.

    Parameters
    ----------
    nodes : dict
        Of each group that has any, by its number.
    first : ints, (G + 2,)
        Nodes of each group (CSR), and of no group, which has none.
    room : floats, (nodes, T, resources)
    """

    problem: Problem
    instance: Instance
    nodes: dict[int, Nodes]
    first: Ints
    room: Floats

    def parties(self, option: Ints) -> Parties:
        """Return who sits together, of some options."""
        options = self.instance.options
        at = np.flatnonzero(np.isin(options.group[option], list(self.nodes)))
        own, use = option[at], np.zeros((len(option), RESOURCES))
        for row, job, shape in zip(at, options.job[own], options.shape[own], strict=True):
            one = self.problem.jobs[job].shapes[shape]
            use[row] = one.accelerators, one.cpus, one.memory_gib
        used = use[at] > 0
        shares = np.divide(options.use[own], use[at], out=np.zeros(used.shape), where=used)
        workers, size = np.zeros(len(option)), np.ones(len(option), np.int64)
        workers[at] = np.rint(shares.max(axis=1, initial=0.0))
        size[at] = _sizes(self, own, workers[at])
        use *= np.maximum(np.minimum(size, workers), 1.0)[:, None]
        if self.instance.slots > 1:
            use[:, 0] = np.ceil(use[:, 0] - SIZE_TOLERANCE)
        return Parties(np.ceil(workers / size).astype(np.int64), use, size)

    def seats(self, option: Ints, workers: Ints) -> Ints:
        """Return where the parties of each job have their places, as many as options may need."""
        most = np.zeros(len(self.instance.jobs.reject_usd), np.int64)
        np.maximum.at(most, self.instance.options.job[option], workers)
        return np.concatenate([[0], np.cumsum(most)])


def berths_of(problem: Problem, instance: Instance, nodes: dict[int, Nodes]) -> Berths:
    """Return the nodes of own groups, with nobody on them.

    Parameters
    ----------
    nodes : dict
        Of each group that has any, by its number.
    """
    counts = np.zeros(len(instance.capacity) + 1, np.int64)
    rooms = [np.zeros((0, instance.slots, RESOURCES))]
    for group, some in sorted(nodes.items()):
        counts[group] = len(some.nodes)
        free = (EIGHTHS - some.load.astype(np.int64)).sum(axis=1) / EIGHTHS
        rooms.append(np.stack([free, some.cpus, some.memory_gib], axis=2) + SIZE_TOLERANCE / 2)
    return Berths(
        problem=problem,
        instance=instance,
        nodes=nodes,
        first=np.concatenate([[0], np.cumsum(counts)]),
        room=np.concatenate(rooms),
    )


def _sizes(berths: Berths, own: Ints, workers: Floats) -> list[int]:
    """Return how many workers of some options sit together."""
    options, found, spans = berths.instance.options, [], dict[tuple[float, int], bool]()
    for i, peak in zip(own.tolist(), workers.tolist(), strict=True):
        job = berths.problem.jobs[int(options.job[i])]
        shape, group = job.shapes[int(options.shape[i])], int(options.group[i])
        gbps = float(getattr(job.work, "interconnect_gbps", None) or 0.0)
        if (gbps, group) not in spans:
            slowest = min(node.interconnect_gbps or 0.0 for node in berths.nodes[group].nodes)
            spans[gbps, group] = slowest >= gbps
        if peak > 1 and not spans[gbps, group]:
            found.append(int(peak))
        elif 0 < shape.accelerators < 1 and berths.instance.slots > 1:
            found.append(int(1 / shape.accelerators + SIZE_TOLERANCE))
        else:
            found.append(1)
    return found
