"""What a supply is after something of it has gone, without looking at all else again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hybridplace.model.job import Job, Shape
from hybridplace.model.site import Node
from hybridplace.solver.instance import Bools, Floats
from hybridplace.solver.runs import SIZE_TOLERANCE
from hybridplace.solver.supply import NodeSize, Supply, size_of


def without(supply: Supply, offer: int) -> Supply:
    """Return a supply in which an offer is sold out."""
    available = supply.offers.available.copy()
    available[offer] = False
    worth = {key: rows for key, rows in supply.worth.items() if offer not in rows[0]}
    return replace(supply, offers=replace(supply.offers, available=available), worth=worth)


def only_offer(supply: Supply, offer: int) -> Supply:
    """Return a supply in which only one offer is for sale, and no job runs."""
    available = np.zeros_like(supply.offers.available)
    available[offer] = supply.offers.available[offer]
    offers = replace(supply.offers, available=available)
    return replace(supply, offers=offers, held={}, worth={})


def without_node(supply: Supply, group: int, node: Node) -> Supply:
    """Return a supply in which a group has lost a node."""
    sizes = list(supply.node_sizes)
    left, lost = dict(sizes[group]), size_of(node)
    left[lost] -= 1
    sizes[group] = {size: count for size, count in left.items() if count}
    return replace(supply, node_sizes=tuple(sizes))


def changed_policies(old: Supply, new: Supply) -> list[str]:
    """Return the jobs that other offers are denied to than before, in order."""
    differ: dict[tuple[int, int], bool] = {}
    found = []
    for name in sorted(old.policy_of.keys() | new.policy_of.keys()):
        key = (old.policy_of.get(name, 0), new.policy_of.get(name, 0))
        if key not in differ:
            differ[key] = not np.array_equal(old.denied[key[0]], new.denied[key[1]])
        if differ[key]:
            found.append(name)
    return found


def may_be_too_large(sizes: dict[NodeSize, int], use: Floats) -> Bools:
    """Tell which jobs may need more than nodes hold: of equal ones only what takes half of them.

    A node holds at least half of what fits by volume, once it holds one worker.
    """
    if len(sizes) > 1:
        return np.ones(len(use), dtype=bool)
    ((*has, _), count) = next(iter(sizes.items()))
    large: Bools = np.asarray((use > 0.5 * count * np.array(has)).any(axis=1))
    return large


def hold(sizes: dict[NodeSize, int], job: Job, shape: Shape, use: list[float]) -> bool:
    """Tell whether empty nodes hold all workers of a job, well connected if it asks for that.

    Parameters
    ----------
    use : list of float
        Accelerators, CPUs and GiB of all workers.
    """
    needs = (shape.accelerators, shape.cpus, shape.memory_gib)
    workers = max(round(all_ / one) for all_, one in zip(use, needs, strict=True) if one > 0)
    gbps = getattr(job.work, "interconnect_gbps", None)
    total = fast = single = 0.0
    for (*has, speed), count in sizes.items():
        parts = [size / one for size, one in zip(has, needs, strict=True) if one > 0]
        holds = float(np.floor(min(parts) + SIZE_TOLERANCE))
        total += holds * count
        fast += holds * count if gbps is not None and speed >= gbps else 0.0
        single = max(single, holds)
    return total >= workers and (gbps is None or max(single, fast) >= workers)
