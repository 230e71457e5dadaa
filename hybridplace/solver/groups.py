"""What jobs compete for: groups, their names and their capacity, slot by slot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hybridplace.model.capacity import closed, machine_counts, quota_size, whole_machines
from hybridplace.model.problem import Problem
from hybridplace.model.site import Market, Node, Offer, Pool
from hybridplace.solver.instance import RESOURCES, Floats

Group = tuple[str, str]
"""Id of a pool, and the accelerator of its nodes; "" for none, and for a quota."""


def groups_of(problem: Problem) -> tuple[Group, ...]:
    """Return the groups of a problem, in the order of `Instance.capacity`.

    The nodes of an own pool with one accelerator are a group; so is a quota.
    """
    own = [(pool.id, name) for pool in problem.pools for name in _accelerators(pool)]
    quotas = [(pool.id, "") for pool in problem.pools if not pool.nodes]
    return (*own, *quotas)


def group_of(offer: Offer) -> Group | None:
    """Return the group that the users of an offer compete for; None if nothing bounds it."""
    if offer.pool is None:
        return None
    return (offer.pool, (offer.accelerator or "") if offer.market is Market.OWNED else "")


def nodes_of(problem: Problem, group: Group) -> tuple[Node, ...]:
    """Return the nodes of a group, in the order of the pool; none of a quota."""
    pool, accelerator = group
    return tuple(
        node for node in problem.pool[pool].nodes if (node.accelerator or "") == accelerator
    )


def capacity_of(problem: Problem) -> Floats:
    """Return :math:`b_{grt}`, inf where a group does not have a resource."""
    groups = groups_of(problem)
    capacity = np.full((len(groups), RESOURCES, problem.slots), np.inf)
    counts = machine_counts(problem)
    shut = {pool.id: closed(problem, pool) for pool in problem.pools if pool.nodes}
    for row, group in enumerate(groups):
        pool, nodes = problem.pool[group[0]], nodes_of(problem, group)
        if nodes:
            capacity[row] = _open(nodes, shut[pool.id], problem.slots)
        else:
            sizes = [quota_size(problem, pool, slot) for slot in range(problem.slots)]
            most = {size: whole_machines(size, counts[pool.id]) for size in set(sizes)}
            capacity[row, 0] = [most[size] for size in sizes]
    return capacity


def _open(nodes: Sequence[Node], shut: frozenset[tuple[str, int]], slots: int) -> Floats:
    """Return what the nodes have in each slot, without those that are closed then."""
    has = np.array([(node.accelerators, node.cpus, node.memory_gib) for node in nodes]).T
    is_open = np.ones((len(nodes), slots))
    number = {node.id: row for row, node in enumerate(nodes)}
    for node, slot in shut:
        if node in number and slot < slots:
            is_open[number[node], slot] = 0.0
    total: Floats = has @ is_open
    return total


def _accelerators(pool: Pool) -> list[str]:
    return sorted({node.accelerator or "" for node in pool.nodes})
