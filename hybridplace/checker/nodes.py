"""Whether the nodes of an own pool could hold a job if it were alone there."""

from __future__ import annotations

from collections import Counter

import numpy as np

from hybridplace.checker.asks import Asks
from hybridplace.checker.columns import Bools, Floats, Machines, Offers
from hybridplace.checker.runs import workers_per_machine
from hybridplace.model.problem import Problem
from hybridplace.model.site import Node


def hold_all(problem: Problem, asks: Asks, offers: Offers) -> Bools:
    """Return, of each ask on each own offer, whether there is room for all workers at once.

    A gang that needs an interconnect, and fits on no single node, counts only nodes that have it.
    """
    held = np.zeros((len(asks.job), len(offers.row)), dtype=bool)
    for column, row in enumerate(offers.row):
        offer = problem.offers[row]
        nodes = problem.pool[offer.pool].nodes if offer.pool else ()
        kinds = Counter(_kind(node) for node in nodes if node.accelerator == offer.accelerator)
        sizes = np.array(list(kinds), dtype=np.float64).reshape(len(kinds), 4)
        counts = np.array(list(kinds.values()), dtype=np.float64)
        held[:, column] = _held(asks, sizes, counts, architecture=offers.architecture[column])
    return held


def _kind(node: Node) -> tuple[float, float, float, float]:
    return node.accelerators, node.cpus, node.memory_gib, node.interconnect_gbps or 0.0


def _held(asks: Asks, sizes: Floats, counts: Floats, *, architecture: int) -> Bools:
    machines = Machines(
        accelerators=sizes[:, 0],
        cpus=sizes[:, 1],
        memory_gib=sizes[:, 2],
        architecture=np.full(len(sizes), architecture),
        interruptions_per_h=np.zeros(len(sizes)),
    )
    each = workers_per_machine(asks, machines)
    needs = asks.gbps[:, None]
    alone = each.max(axis=1, initial=0.0) >= asks.workers
    fast: Bools = (each * counts * (sizes[:, 3] >= needs)).sum(axis=1) >= asks.workers
    held: Bools = (each * counts).sum(axis=1) >= asks.workers
    connected: Bools = (asks.gbps == 0) | alone | fast
    return held & connected
