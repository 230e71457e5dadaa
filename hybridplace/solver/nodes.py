"""Packs thousands of jobs on own nodes: best fit, the largest first, and tells what did not fit.

`packing` decides for a few jobs whether they fit at all. Here a pool has up to thousands of nodes
and jobs, and what does not fit is pushed back to be placed elsewhere (best fit decreasing:
Johnson, "Fast algorithms for bin packing", JCSS 8 (1974), doi:10.1016/S0022-0000(74)80026-7).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from hybridplace.model.capacity import SIZE_TOLERANCE
from hybridplace.model.plan import Share
from hybridplace.model.site import Node
from hybridplace.solver.instance import Bools, Ints
from hybridplace.solver.packing import EIGHTHS, Stay, connected

BLOCK = 512
"""Nodes looked at together."""

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


def _need(stay: Stay) -> tuple[object, ...]:
    """Return what a stay needs, so that the largest workers come first, then the longest."""
    shape, slots = stay.shape, len(stay.workers)
    gang, gbps = stay.peak * shape.accelerators, _gbps(stay)
    size = (-shape.accelerators, -gang * slots, -stay.peak * shape.cpus * slots, stay.start)
    return (*size, -shape.memory_gib, -shape.cpus, -gbps, stay.workers)


def _gbps(stay: Stay) -> float:
    """Return the interconnect that a gang needs where it spans nodes; 0 if none."""
    return float(getattr(stay.job.work, "interconnect_gbps", None) or 0.0)


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
        self.cpus = np.repeat(np.array([[node.cpus] for node in nodes]), slots, axis=1)
        self.memory_gib = np.repeat(np.array([[node.memory_gib] for node in nodes]), slots, axis=1)
        if closed is not None:
            self.load[np.broadcast_to(closed[:, None, :], self.load.shape)] = _LOADED
            self.cpus[closed] = self.memory_gib[closed] = 0.0
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
        window = np.arange(stay.start, stay.start + len(stay.workers))
        spread: list[tuple[int, int]] = []
        missing = stay.peak
        fast = self._connected(stay)
        for rows in self._blocks(wanted):
            holds = self._holds(rows, stay, window)
            whole = np.flatnonzero(holds >= stay.peak)
            if len(whole):
                best = rows[whole[holds[whole].argmin()]]
                return self._take([(int(best), stay.peak)], stay, window)
            if missing > 0:
                some = np.flatnonzero((holds > 0) & fast[rows])
                for one in some[np.argsort(-holds[some], kind="stable")]:
                    count = min(int(holds[one]), missing)
                    spread.append((int(rows[one]), count))
                    missing -= count
                    if missing == 0:
                        break
        return self._take(spread, stay, window) if missing == 0 else None

    def place_alike(self, stay: Stay, count: int) -> list[tuple[Share, ...]]:
        """Return shares for as many of `count` stays like this one as have room, and take them.

        Each node holds the fewer workers the more it was given, by just as many. So best fit gives
        the fullest node that holds a gang all gangs that it holds, then the next; what is left
        over is filled by gangs that span nodes.
        """
        window = np.arange(stay.start, stay.start + len(stay.workers))
        rows, peak = self.open, stay.peak
        holds = self._holds(rows, stay, window, most=peak * count)
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
        shares = self._workers(rows[on], stay, window)
        return [tuple(shares[one : one + peak]) for one in range(0, len(shares), peak)]

    def _workers(self, node: Ints, stay: Stay, window: Ints) -> list[Share]:
        """Give workers that are alike their shares of the nodes that hold them, in order."""
        rows, which, count = np.unique(node, return_inverse=True, return_counts=True)
        self.cpus[rows[:, None], window] -= count[:, None] * stay.shape.cpus
        self.memory_gib[rows[:, None], window] -= count[:, None] * stay.shape.memory_gib
        device = np.zeros((len(node), stay.devices), dtype=np.int64)
        if stay.devices:
            order = np.argsort(which, kind="stable")
            rank = np.empty_like(order)
            rank[order] = np.arange(len(node)) - np.repeat(np.cumsum(count) - count, count)
            device = self._devices(rows, which, rank, stay, window)
            cells = (node[:, None, None], device[:, :, None], window)
            np.add.at(self.load, cells, np.int8(stay.eighths))
        ids = [self.nodes[one].id for one in node.tolist()]
        return [
            Share(node=name, devices=tuple(some))
            for name, some in zip(ids, device.tolist(), strict=True)
        ]

    def _devices(self, rows: Ints, which: Ints, rank: Ints, stay: Stay, window: Ints) -> Ints:
        """Return the accelerators of the worker of each rank on its node, the fullest first."""
        load = self._peak_load(rows, window).astype(np.int64)
        fits = (EIGHTHS - load) // stay.eighths
        order = np.argsort(np.where(fits > 0, -load, 1), axis=1, kind="stable")
        filled = np.cumsum(np.take_along_axis(fits, order, axis=1), axis=1)
        place = rank[:, None] * stay.devices + np.arange(stay.devices)
        position = (filled[which][:, None, :] <= place[:, :, None]).sum(axis=2)
        return np.take_along_axis(order[which], position, axis=1)

    def take(self, stay: Stay, shares: Sequence[Share]) -> None:
        """Give the workers of a job just these shares, which are free."""
        self._count(stay, shares, 1)

    def close(self, node: str) -> None:
        """Use a node no more that nobody is on."""
        row = self.number[node]
        self.load[row], self.cpus[row], self.memory_gib[row] = _LOADED, 0.0, 0.0

    def _count(self, stay: Stay, shares: Sequence[Share], sign: int) -> None:
        """Count what the workers of a job have."""
        for worker, share in enumerate(shares):
            node, window = self.number[share.node], np.array(stay.slots(worker))
            self.cpus[node, window] -= sign * stay.shape.cpus
            self.memory_gib[node, window] -= sign * stay.shape.memory_gib
            for device in share.devices:
                self.load[node, device, window] += np.int8(sign * stay.eighths)

    def release(self, stay: Stay, shares: Sequence[Share]) -> None:
        """Give back what the workers of a job had."""
        self._count(stay, shares, -1)
        gone = {self.number[share.node] for share in shares} - set(self.open.tolist())
        if gone:
            self.open = np.concatenate([np.array(sorted(gone)), self.open])

    def _blocks(self, wanted: frozenset[str]) -> Iterator[Ints]:
        """Yield the nodes to look at: those wanted first, then all in blocks."""
        taken = {self.number[node] for node in wanted if node in self.number}
        if taken:
            yield np.array(sorted(taken))
        edges = [*range(0, len(self.open), BLOCK), len(self.open)]
        for begin, end in pairwise(edges):
            rows = self.open[begin:end]
            yield rows[~np.isin(rows, list(taken))] if taken else rows

    def _connected(self, stay: Stay) -> Bools:
        """Return which nodes may be among several that a gang spans."""
        need = _gbps(stay)
        if need not in self.fast:
            self.fast[need] = np.array(connected(self.nodes, stay), dtype=bool)
        return self.fast[need]

    def _holds(self, rows: Ints, stay: Stay, window: Ints, most: int | None = None) -> Ints:
        """Return how many workers each node holds over a window of slots, at most those of one."""
        shape = stay.shape
        fits = np.full(len(rows), most or stay.peak, dtype=np.int64)
        for need, left in ((shape.cpus, self.cpus), (shape.memory_gib, self.memory_gib)):
            if need > 0:
                least = left[rows[:, None], window].min(axis=1)
                fits = np.minimum(fits, np.floor((least + SIZE_TOLERANCE / 2) / need))
        if stay.devices:
            load = self._peak_load(rows, window)
            if stay.eighths == EIGHTHS:
                fits = np.minimum(fits, (load == 0).sum(axis=1) // stay.devices)
            else:
                fits = np.minimum(fits, ((EIGHTHS - load) // stay.eighths).sum(axis=1))
        return fits.astype(np.int64)

    def _peak_load(self, rows: Ints, window: Ints) -> NDArray[np.int8]:
        """Return the most that each accelerator of each node is loaded in a window."""
        peak: NDArray[np.int8] = self.load[rows][:, :, window].max(axis=2)
        return peak

    def _take(
        self, parts: Sequence[tuple[int, int]], stay: Stay, window: Ints
    ) -> tuple[Share, ...]:
        """Give `count` workers to each (node, count), on the fullest accelerators that fit."""
        return tuple(
            self._worker(node, stay, window) for node, count in parts for _ in range(count)
        )

    def _worker(self, node: int, stay: Stay, window: Ints) -> Share:
        """Give one worker its share of a node that holds it."""
        self.cpus[node, window] -= stay.shape.cpus
        self.memory_gib[node, window] -= stay.shape.memory_gib
        devices: tuple[int, ...] = ()
        if stay.devices:
            loads = self.load[node][:, window].max(axis=1).tolist()
            fitting = [
                (-load, device)
                for device, load in enumerate(loads)
                if load + stay.eighths <= EIGHTHS
            ]
            devices = tuple(sorted(device for _, device in sorted(fitting)[: stay.devices]))
            for device in devices:
                self.load[node, device, window] += np.int8(stay.eighths)
        return Share(node=self.nodes[node].id, devices=devices)

    def _place_varying(self, stay: Stay) -> tuple[Share, ...] | None:
        """Place workers that come and go: on one node if one holds them all, else worker by worker.

        The first workers are at work the longest, so they come first.
        """
        windows = [np.array(stay.slots(worker)) for worker in range(stay.peak)]
        longest = windows[0]
        for rows in self._blocks(frozenset()):
            whole = np.flatnonzero(self._holds(rows, stay, longest) >= stay.peak)
            if len(whole):
                node = int(rows[whole[0]])
                return tuple(self._worker(node, stay, window) for window in windows)
        return self._place_apart(stay, windows)

    def _place_apart(self, stay: Stay, windows: Sequence[Ints]) -> tuple[Share, ...] | None:
        before = self.load.copy(), self.cpus.copy(), self.memory_gib.copy()
        fast, shares = self._connected(stay), []
        for window in windows:
            rows = self.open[fast[self.open]]
            fits = np.flatnonzero(self._holds(rows, stay, window) > 0)
            if not len(fits):
                self.load, self.cpus, self.memory_gib = before
                return None
            shares.append(self._worker(int(rows[fits[0]]), stay, window))
        return tuple(shares)
