"""What jobs compete for: groups, their names and their capacity, slot by slot."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from hybridplace.model.problem import Problem
from hybridplace.model.run import TIME_TOLERANCE_H
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


def slot_total(problem: Problem) -> int:
    """Return how many slots the horizon has."""
    return max(1, math.ceil(problem.horizon_h / problem.slot_h - TIME_TOLERANCE_H))


def nodes_of(problem: Problem, group: Group) -> tuple[Node, ...]:
    """Return the nodes of a group, in the order of the pool; none of a quota."""
    pool, accelerator = group
    return tuple(
        node for node in problem.pool[pool].nodes if (node.accelerator or "") == accelerator
    )


def capacity_of(problem: Problem) -> Floats:
    """Return :math:`b_{grt}`, inf where a group does not have a resource."""
    groups = groups_of(problem)
    capacity = np.full((len(groups), RESOURCES, slot_total(problem)), np.inf)
    for row, group in enumerate(groups):
        nodes = nodes_of(problem, group)
        if nodes:
            capacity[row] = np.array(_sums(nodes))[:, None]
        elif (at_most := problem.pool[group[0]].at_most) is not None:
            capacity[row, 0] = at_most
    return capacity


def _accelerators(pool: Pool) -> list[str]:
    return sorted({node.accelerator or "" for node in pool.nodes})


def _sums(nodes: Iterable[Node]) -> list[float]:
    parts = [(float(node.accelerators), node.cpus, node.memory_gib) for node in nodes]
    return [math.fsum(column) for column in zip(*parts, strict=True)]
