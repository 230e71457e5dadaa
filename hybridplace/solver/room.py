"""What is left of own nodes, slot by slot: what a node holds, and which ones a gang is given."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hybridplace.model.capacity import SIZE_TOLERANCE
from hybridplace.solver.compiled import compiled, inner
from hybridplace.solver.instance import Bools, Floats, Ints

EIGHTHS = 8
"""Accelerators are shared in parts of this size."""

BLOCK = 512
"""Nodes looked at together."""


class Room(NamedTuple):
    """What is left of each node in each slot.

    Parameters
    ----------
    load : int8, (nodes, accelerators, slots)
        Eighths of each accelerator in use; those that a node does not have are full.
    cpus, memory_gib : floats, (nodes, slots)
        What is left.
    """

    load: NDArray[np.int8]
    cpus: Floats
    memory_gib: Floats


class Need(NamedTuple):
    """What each of some workers needs: so many eighths of so many accelerators, CPUs and memory."""

    workers: int
    devices: int
    eighths: int
    cpus: float
    memory_gib: float


@compiled
def holds(room: Room, node: int, slots: Ints, need: Need, most: int) -> int:
    """Return how many workers a node holds in some slots, at most those of `most`."""
    if need.cpus > 0:
        least = np.inf
        for slot in slots:
            least = min(least, room.cpus[node, slot])
        most = min(most, math.floor((least + SIZE_TOLERANCE / 2) / need.cpus))
    if need.memory_gib > 0 and most > 0:
        least = np.inf
        for slot in slots:
            least = min(least, room.memory_gib[node, slot])
        most = min(most, math.floor((least + SIZE_TOLERANCE / 2) / need.memory_gib))
    if need.devices == 0 or most <= 0:
        return max(most, 0)
    parts = 0
    for device in range(room.load.shape[1]):
        if need.eighths == EIGHTHS and parts == most * need.devices:
            break
        parts += (EIGHTHS - _peak(room, node, device, slots)) // need.eighths
    return min(most, parts // need.devices)


@inner
def _peak(room: Room, node: int, device: int, slots: Ints) -> int:
    """Return the most that an accelerator is loaded in some slots."""
    peak = 0
    for slot in slots:
        peak = max(peak, int(room.load[node, device, slot]))
    return peak


@compiled
def all_hold(room: Room, rows: Ints, slots: Ints, need: Need, most: int) -> Ints:
    """Return `holds` of some nodes."""
    found = np.empty(len(rows), np.int64)
    for k in range(len(rows)):
        found[k] = holds(room, rows[k], slots, need, most)
    return found


@compiled
def first_that_holds(
    room: Room, rows: Ints, slots: Ints, need: Need, among: Bools, least: int
) -> int:
    """Return the first of some nodes, those not among these left out, that holds enough; or -1."""
    for row in rows:
        if among[row] and holds(room, row, slots, need, least) >= least:
            return int(row)
    return -1


@compiled
def give(room: Room, nodes: Ints, slots: Ints, need: Need, devices: Ints) -> None:
    """Give each worker its share of its node, which holds it, on the fullest accelerators.

    Parameters
    ----------
    nodes : ints, (workers,)
    devices : ints, (workers, devices)
        To be filled in.
    """
    for worker in range(len(nodes)):
        node = nodes[worker]
        for slot in slots:
            room.cpus[node, slot] -= need.cpus
            room.memory_gib[node, slot] -= need.memory_gib
        last, last_load = -1, EIGHTHS
        for place in range(need.devices):
            best, fullest = -1, -1
            for device in range(room.load.shape[1]):
                load = _peak(room, node, device, slots)
                comes = load < last_load or (load == last_load and device > last)
                if comes and fullest < load <= EIGHTHS - need.eighths:
                    best, fullest = device, load
            devices[worker, place] = last = best
            last_load = fullest
        devices[worker].sort()
        for device in devices[worker]:
            for slot in slots:
                room.load[node, device, slot] += need.eighths


@compiled
def find(
    room: Room, rows: Ints, first_block: int, slots: Ints, need: Need, fast: Bools, nodes: Ints
) -> bool:
    """Find nodes for the workers of a gang: the first that holds all, else several.

    Parameters
    ----------
    rows : ints
        Nodes to look at, in blocks: the first block may have another size.
    fast : bools
        Of all nodes: it may be one of several that a gang spans.
    nodes : ints, (workers,)
        To be filled in.
    """
    found, begin, end = 0, 0, first_block if first_block > 0 else min(BLOCK, len(rows))
    held = np.empty(max(BLOCK, first_block), np.int64)
    while begin < len(rows):
        for k in range(begin, end):
            held[k - begin] = holds(room, rows[k], slots, need, need.workers)
            if held[k - begin] == need.workers:
                nodes[:] = rows[k]
                return True
        found = _spread(rows[begin:end], held, fast, need.workers, nodes, found)
        begin, end = end, min(end + BLOCK, len(rows))
    return found == need.workers


@compiled
def _spread(rows: Ints, held: Ints, fast: Bools, workers: int, nodes: Ints, found: int) -> int:
    """Fill in nodes of a block for the workers that have none, the emptiest first."""
    for count in range(workers - 1, 0, -1):
        for k in range(len(rows)):
            if found == workers:
                return found
            if held[k] == count and fast[rows[k]]:
                more = min(count, workers - found)
                nodes[found : found + more] = rows[k]
                found += more
    return found


@compiled
def count(room: Room, node: int, devices: Ints, slots: Ints, need: Need, sign: int) -> None:
    """Take a share away (1), or give it back (-1)."""
    for slot in slots:
        room.cpus[node, slot] -= sign * need.cpus
        room.memory_gib[node, slot] -= sign * need.memory_gib
        for device in devices:
            room.load[node, device, slot] += sign * need.eighths
