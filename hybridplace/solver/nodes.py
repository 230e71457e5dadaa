"""Packs thousands of jobs on own nodes: best fit, the largest first, and tells what did not fit.

`packing` decides for a few jobs whether they fit at all. Here a pool has up to thousands of nodes
and jobs, and what does not fit is pushed back to be placed elsewhere (best fit decreasing:
Johnson, "Fast algorithms for bin packing", JCSS 8 (1974), doi:10.1016/S0022-0000(74)80026-7).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridplace.model.capacity import SIZE_TOLERANCE
from hybridplace.model.plan import Share
from hybridplace.model.site import Node
from hybridplace.solver.instance import Bools, Ints
from hybridplace.solver.packing import EIGHTHS, Stay, connected
from hybridplace.solver.room import (
    Need,
    Room,
    all_hold,
    count,
    find,
    first_that_holds,
    give,
)

SWEEP = 256
"""After so many jobs, nodes without room are looked at no more."""

_LOADED = np.int8(EIGHTHS)


def pack_many(
    nodes: Nodes, stays: Sequence[Stay], wanted: Sequence[frozenset[str]] | None = None
) -> list[tuple[Share, ...] | None]:
    """Return the shares of each stay; None for one that found no room.

    Parameters
    ----------
    wanted : sequence of sets or None
        For each stay the nodes that it would rather be on.
    """
    found: list[tuple[Share, ...] | None] = [None] * len(stays)
    needs = [_need(stay) for stay in stays]
    packed = swept = 0
    for _, group in groupby(sorted(range(len(stays)), key=needs.__getitem__), needs.__getitem__):
        alike = []
        for one in group:
            packed += 1
            if (wanted and wanted[one]) or min(stays[one].workers) < stays[one].peak:
                found[one] = nodes.place(stays[one], wanted[one] if wanted else frozenset())
            else:
                alike.append(one)
        if len(alike) == 1:
            found[alike[0]] = nodes.place(stays[alike[0]])
        elif alike:
            shares = nodes.place_alike(stays[alike[0]], len(alike))
            for one, gang in zip(alike, shares, strict=False):
                found[one] = gang
        if packed >= swept + SWEEP:
            nodes.sweep()
            swept = packed
    return found


def pack_known(
    nodes: Nodes, stays: Sequence[Stay], rows: Sequence[Ints]
) -> list[tuple[Share, ...] | None]:
    """Return the shares of each stay on known nodes; None for one that finds a node full.

    Workers come in the order of their first slots, and so whole accelerators always do where no
    node ever has too many workers: one that is free when a worker comes is free until it leaves
    (interval graphs are coloured in this order with as few colours as are needed at a time: Gupta,
    Lee and Leung, "An optimal solution for the channel-assignment problem", IEEE Transactions on
    Computers C-28 (1979), pages 807-810).

    Parameters
    ----------
    rows : sequence of ints
        For each stay the node of each worker, by its number.
    """
    found: list[list[Share] | None] = [
        [] if nodes.connects(*each) else None for each in zip(stays, rows, strict=True)
    ]
    arrivals = [
        (slot, -stay.eighths, one, first, end)
        for one, stay in enumerate(stays)
        for slot, first, end in nodes.arrivals(stay)
    ]
    for _, _, one, first, end in sorted(arrivals):
        shares = found[one]
        if shares is not None:
            more = nodes.place_at(stays[one], rows[one][first:end], first)
            if more is None:
                nodes.release(stays[one], shares)
            found[one] = None if more is None else shares + more
    return [None if shares is None else tuple(shares) for shares in found]


def _need(stay: Stay) -> tuple[object, ...]:
    """Return what a stay needs: first who starts first, then the largest workers, the longest.

    Over time, as intervals are coloured: nobody leaves a gap before itself that is never filled.
    """
    shape, slots = stay.shape, len(stay.workers)
    gang, gbps = stay.peak * shape.accelerators, _gbps(stay)
    size = (-shape.accelerators, -gang * slots, -stay.peak * shape.cpus * slots)
    return (stay.start, *size, -shape.memory_gib, -shape.cpus, -gbps, stay.workers)


def _gbps(stay: Stay) -> float:
    """Return the interconnect that a gang needs where it spans nodes; 0 if none."""
    return float(getattr(stay.job.work, "interconnect_gbps", None) or 0.0)


def need_of(stay: Stay) -> Need:
    """Return what each worker of a stay needs."""
    shape = stay.shape
    return Need(
        workers=stay.peak,
        devices=stay.devices,
        eighths=stay.eighths,
        cpus=float(shape.cpus),
        memory_gib=float(shape.memory_gib),
    )


def window_of(stay: Stay) -> Ints:
    """Return the slots of a stay."""
    return np.arange(stay.start, stay.start + len(stay.workers))


class Nodes:
    """What is left of each node in each slot.

    Parameters
    ----------
    closed : bools, (nodes, slots) or None
        Where a node cannot be used.

    Attributes
    ----------
    load : int8, (nodes, accelerators, slots)
        Eighths of each accelerator in use; those that a node does not have are full.
    cpus, memory_gib : floats, (nodes, slots)
        What is left.
    """

    def __init__(self, nodes: Sequence[Node], slots: int, closed: Bools | None = None) -> None:
        self.nodes = nodes
        has = np.array([node.accelerators for node in nodes], dtype=np.int64)
        lacks = np.arange(has.max(initial=0)) >= has[:, None]
        self.load = np.repeat(np.where(lacks, _LOADED, np.int8(0))[:, :, None], slots, axis=2)
        cpus, memory_gib = (
            [float(node.cpus) for node in nodes],
            [float(node.memory_gib) for node in nodes],
        )
        self.cpus = np.repeat(np.array(cpus)[:, None], slots, axis=1)
        self.memory_gib = np.repeat(np.array(memory_gib)[:, None], slots, axis=1)
        if closed is not None:
            self.load[np.broadcast_to(closed[:, None, :], self.load.shape)] = _LOADED
            self.cpus[closed] = self.memory_gib[closed] = 0.0
        self.room = Room(load=self.load, cpus=self.cpus, memory_gib=self.memory_gib)
        self.number = {node.id: row for row, node in enumerate(nodes)}
        self.open = np.arange(len(nodes))
        self.fast: dict[float, Bools] = {}

    def sweep(self) -> None:
        """Look at nodes without accelerators left last, at those without CPUs or memory no more."""
        left = (self.cpus[self.open] > SIZE_TOLERANCE).any(axis=1)
        left &= (self.memory_gib[self.open] > SIZE_TOLERANCE).any(axis=1)
        free = (self.load[self.open] < _LOADED).any(axis=(1, 2))
        self.open = np.concatenate([self.open[left & free], self.open[left & ~free]])

    def place(self, stay: Stay, wanted: frozenset[str] = frozenset()) -> tuple[Share, ...] | None:
        """Return shares for all workers of a job, and take them; None if there is no room."""
        if min(stay.workers) < stay.peak:
            return self._place_varying(stay)
        rows, first = self.open, sorted(self.number[one] for one in wanted if one in self.number)
        if first:
            rows = np.concatenate([np.array(first), rows[~np.isin(rows, first)]])
        window, need = window_of(stay), need_of(stay)
        node = np.empty(stay.peak, dtype=np.int64)
        if find(self.room, rows, len(first), window, need, self._connected(stay), node):
            return tuple(self._shares(node, window, need))
        return None

    def connects(self, stay: Stay, rows: Ints) -> bool:
        """Tell whether the workers of a job may be on these nodes, one for each of them."""
        return bool((rows == rows[:1]).all() or self._connected(stay)[rows].all())

    def arrivals(self, stay: Stay) -> Iterator[tuple[int, int, int]]:
        """Yield the slot in which workers come to work together, the first, and where they end.

        Over time, workers that need a part of an accelerator come with those of their gang that
        share it, as `berths.Berths` has them.
        """
        size = EIGHTHS // stay.eighths if stay.devices and self.load.shape[2] > 1 else 1
        if size == 1 and min(stay.workers) == stay.peak:
            yield stay.start, 0, stay.peak
            return
        for first in range(0, stay.peak, size):
            yield stay.slots(first)[0], first, min(first + size, stay.peak)

    def place_at(self, stay: Stay, rows: Ints, first: int = 0) -> list[Share] | None:
        """Return shares of these nodes for workers that arrive together, and take them.

        None if one is full.

        Parameters
        ----------
        rows : ints
            The node of each of them.
        first : int
            Which worker the first of them is.
        """
        need = need_of(stay)
        if need.eighths == EIGHTHS or not need.devices or self.load.shape[2] == 1:
            return self._place_all_at(rows, np.array(stay.slots(first), dtype=np.int64), need)
        window, workers = np.array(stay.slots(first), dtype=np.int64), len(rows)
        together = Need(
            workers=1,
            devices=need.devices,
            eighths=EIGHTHS,
            cpus=need.cpus * workers,
            memory_gib=need.memory_gib * workers,
        )
        share = self._place_all_at(rows[:1], window, together)
        if share is None:
            return None
        device, row = np.array(share[0].devices, dtype=np.int64), int(rows[0])
        count(self.room, row, device, window, together, -1)
        for worker in range(first, first + workers):
            own = np.array(stay.slots(worker), dtype=np.int64)
            count(self.room, row, device, own, need, 1)
        return share * workers

    def _place_all_at(self, rows: Ints, window: Ints, need: Need) -> list[Share] | None:
        """Return shares of these nodes for workers that come and go together, and take them."""
        times = Counter(rows.tolist())
        holds = all_hold(self.room, np.array(list(times)), window, need, len(rows))
        if (holds < np.array(list(times.values()))).any():
            return None
        return self._shares(rows, window, need)

    def place_alike(self, stay: Stay, count: int) -> list[tuple[Share, ...]]:
        """Return shares for as many of `count` stays like this one as have room, and take them.

        Each node holds the fewer workers the more it was given, by just as many. So best fit gives
        the fullest node that holds a gang all gangs that it holds, then the next; what is left
        over is filled by gangs that span nodes.
        """
        window, need = window_of(stay), need_of(stay)
        rows, peak = self.open, stay.peak
        holds = all_hold(self.room, rows, window, need, peak * count)
        order = np.argsort(holds, kind="stable")
        gangs = holds[order] // peak
        taken = np.clip(count - np.cumsum(gangs) + gangs, 0, gangs) * peak
        on = np.repeat(order, taken)
        missing = peak * count - len(on)
        if missing and peak > 1:
            holds[order] -= taken
            holds[~self._connected(stay)[rows]] = 0
            order = np.argsort(-holds, kind="stable")
            more = np.repeat(order, holds[order])[:missing]
            on = np.concatenate([on, more[: len(more) // peak * peak]])
        shares = self._shares(rows[on], window, need)
        return [tuple(shares[one : one + peak]) for one in range(0, len(shares), peak)]

    def _shares(self, node: Ints, window: Ints, need: Need) -> list[Share]:
        """Give workers their shares of the nodes that hold them, in order."""
        device = np.empty((len(node), need.devices), dtype=np.int64)
        give(self.room, node, window, need, device)
        ids = [self.nodes[one].id for one in node.tolist()]
        return [
            Share(node=name, devices=tuple(some))
            for name, some in zip(ids, device.tolist(), strict=True)
        ]

    def take(self, stay: Stay, shares: Sequence[Share]) -> None:
        """Give the workers of a job just these shares, which are free."""
        self._count(stay, shares, 1)

    def close(self, node: str) -> None:
        """Use a node no more that nobody is on."""
        row = self.number[node]
        self.load[row], self.cpus[row], self.memory_gib[row] = _LOADED, 0.0, 0.0

    def _count(self, stay: Stay, shares: Sequence[Share], sign: int) -> None:
        """Count what the workers of a job have."""
        need = need_of(stay)
        for worker, share in enumerate(shares):
            device = np.array(share.devices, dtype=np.int64)
            window = np.array(stay.slots(worker), dtype=np.int64)
            count(self.room, self.number[share.node], device, window, need, sign)

    def release(self, stay: Stay, shares: Sequence[Share]) -> None:
        """Give back what the workers of a job had."""
        self._count(stay, shares, -1)
        gone = {self.number[share.node] for share in shares}
        gone = gone - set(self.open.tolist()) if len(self.open) < len(self.nodes) else set()
        if gone:
            self.open = np.concatenate([np.array(sorted(gone)), self.open])

    def _connected(self, stay: Stay) -> Bools:
        """Return which nodes may be among several that a gang spans."""
        need = _gbps(stay)
        if need not in self.fast:
            self.fast[need] = np.array(connected(self.nodes, stay), dtype=bool)
        return self.fast[need]

    def _place_varying(self, stay: Stay) -> tuple[Share, ...] | None:
        """Place workers that come and go: on one node if one holds them all, else worker by worker.

        The first workers are at work the longest, so they come first.
        """
        windows = [np.array(stay.slots(worker)) for worker in range(stay.peak)]
        need, all_ = need_of(stay), np.ones(len(self.nodes), dtype=bool)
        node = first_that_holds(self.room, self.open, windows[0], need, all_, stay.peak)
        if node >= 0:
            on = np.array([node])
            return tuple(self._shares(on, window, need)[0] for window in windows)
        return self._place_apart(stay, need, windows)

    def _place_apart(
        self, stay: Stay, need: Need, windows: Sequence[Ints]
    ) -> tuple[Share, ...] | None:
        fast, shares, room = self._connected(stay), [], self.room
        before: list[tuple[int, tuple[NDArray[Any], ...]]] = []
        for window in windows:
            node = first_that_holds(room, self.open, window, need, fast, 1)
            if node < 0:
                for row, had in reversed(before):
                    room.load[row], room.cpus[row], room.memory_gib[row] = had
                return None
            before.append((node, tuple(part[node].copy() for part in room)))
            shares += self._shares(np.array([node]), window, need)
        return tuple(shares)
