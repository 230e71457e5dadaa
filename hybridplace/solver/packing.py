"""Gives each worker on own nodes its node and accelerators, or says which jobs cannot be together.

Aggregate rows of the exact model promise that the nodes of an offer are large enough taken
together. Whether the workers also fit one by one is a bin packing over time: first fit decreasing
usually shows that they do, and CP-SAT decides when it does not.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hybridplace.model.capacity import SIZE_TOLERANCE
from hybridplace.model.job import Job, Shape, Training
from hybridplace.model.plan import Share
from hybridplace.model.site import Node

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

EIGHTHS = 8
"""Accelerators are shared in parts of this size."""

SIZE_STEPS = 10**8
"""CPUs, GiB and accelerators are counted in parts of one this small."""

SHUFFLES = 40
"""Orders tried at random, from a fixed seed, before the exact search."""

DETERMINISTIC_LIMIT = 5.0
"""Of the exact search, in CP-SAT's units of work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """A placed job on own nodes: its workers in each slot from `start`."""

    job: Job
    shape: Shape
    start: int
    workers: tuple[int, ...]

    def slots(self, worker: int) -> tuple[int, ...]:
        """Return the slots in which a worker is at work."""
        return tuple(slot for slot, count in enumerate(self.workers, self.start) if count > worker)

    @property
    def peak(self) -> int:
        """Return the most workers in any slot."""
        return max(self.workers)

    @property
    def devices(self) -> int:
        """Return how many accelerators a worker is on."""
        return 1 if 0 < self.shape.accelerators < 1 else int(self.shape.accelerators)

    @property
    def eighths(self) -> int:
        """Return how much of each of them it takes."""
        return round(min(self.shape.accelerators, 1.0) * EIGHTHS)


Closed = Set[tuple[str, int]]
"""Nodes that are not to be used, each with the slot."""

Shares = tuple[tuple[Share, ...], ...]
"""For each stay, the share of each of its workers."""


def pack(
    nodes: Sequence[Node],
    stays: Sequence[Stay],
    closed: Closed = frozenset(),
    *,
    exact: bool = True,
) -> Shares | None:
    """Return shares for all stays, or None if there are none; without `exact`, if none are found.

    Raises
    ------
    TimeoutError
        When the question could not be decided within the limit (a count, not a time).
    """
    for order in _orders(stays):
        shares = _first_fit(nodes, stays, closed, order)
        if shares is not None:
            return shares
    return _exact(nodes, stays, closed) if exact else None


def conflict(
    nodes: Sequence[Node], stays: Sequence[Stay], closed: Closed = frozenset()
) -> tuple[int, ...]:
    """Return stays that cannot be together, none of which can be spared; they cannot be packed."""
    kept = list(range(len(stays)))
    for one in range(len(stays)):
        fewer = [other for other in kept if other != one]
        with suppress(TimeoutError):
            if pack(nodes, [stays[other] for other in fewer], closed) is None:
                kept = fewer
    return tuple(kept)


def connected(nodes: Sequence[Node], stay: Stay) -> tuple[bool, ...]:
    """Return which nodes may be among several that a gang spans."""
    need_gbps = stay.job.work.interconnect_gbps if isinstance(stay.job.work, Training) else None
    return tuple(
        need_gbps is None or (node.interconnect_gbps or 0.0) >= need_gbps for node in nodes
    )


class _Room:
    """What is left of each node in each slot."""

    def __init__(self, nodes: Sequence[Node], closed: Closed) -> None:
        self.nodes, self.closed = nodes, closed
        self.taken: dict[tuple[int, int], tuple[list[int], float, float]] = {}

    def _of(self, node: int, slot: int) -> tuple[list[int], float, float]:
        empty = ([0] * self.nodes[node].accelerators, 0.0, 0.0)
        return self.taken.setdefault((node, slot), empty)

    def devices(self, node: int, stay: Stay, slots: tuple[int, ...]) -> tuple[int, ...] | None:
        """Return accelerators for one more worker, the fullest first; None if it does not fit."""
        shape, has = stay.shape, self.nodes[node]
        for slot in slots:
            if (has.id, slot) in self.closed:
                return None
            _, cpus, memory_gib = self._of(node, slot)
            if cpus + shape.cpus > has.cpus + SIZE_TOLERANCE / 2:
                return None
            if memory_gib + shape.memory_gib > has.memory_gib + SIZE_TOLERANCE / 2:
                return None
        loads = [
            (max(self._of(node, slot)[0][device] for slot in slots), device)
            for device in range(has.accelerators)
        ]
        fitting = sorted(
            (-load, device) for load, device in loads if load + stay.eighths <= EIGHTHS
        )
        chosen = tuple(sorted(device for _, device in fitting[: stay.devices]))
        return chosen if len(chosen) == stay.devices else None

    def take(self, node: int, stay: Stay, slots: tuple[int, ...], devices: tuple[int, ...]) -> None:
        """Give the worker its share."""
        for slot in slots:
            loads, cpus, memory_gib = self._of(node, slot)
            loads = [
                load + (stay.eighths if device in devices else 0)
                for device, load in enumerate(loads)
            ]
            shape = stay.shape
            self.taken[node, slot] = loads, cpus + shape.cpus, memory_gib + shape.memory_gib


def _orders(stays: Sequence[Stay]) -> Iterator[list[int]]:
    """Yield orders to pack in: the largest first, the earliest first, the longest first, any."""
    everyone = list(range(len(stays)))
    size = [stay.peak * max(stay.shape.accelerators, 1e-3) for stay in stays]
    yield sorted(everyone, key=lambda one: (-stays[one].shape.accelerators, stays[one].start, one))
    yield sorted(everyone, key=lambda one: (stays[one].start, -size[one], one))
    yield sorted(everyone, key=lambda one: (-size[one] * len(stays[one].workers), one))
    draw = random.Random(0)  # noqa: S311 - any order will do, but the same each time
    for _ in range(SHUFFLES if len(stays) > 2 else 0):
        draw.shuffle(everyone)
        yield everyone


def _first_fit(
    nodes: Sequence[Node], stays: Sequence[Stay], closed: Closed, order: Sequence[int]
) -> Shares | None:
    """Pack in an order, each worker into the first node that holds it."""
    room, found = _Room(nodes, closed), {}
    for one in order:
        shares = _gang(room, stays[one])
        if shares is None:
            return None
        found[one] = shares
    return tuple(found[one] for one in range(len(stays)))


def _gang(room: _Room, stay: Stay) -> tuple[Share, ...] | None:
    """Place all workers of one job: on one node if one holds them all, else on connected ones."""
    fast = connected(room.nodes, stay)
    single = [[node] for node in range(len(room.nodes))]
    for allowed in (*single, [node for node, ok in enumerate(fast) if ok]):
        before, shares = dict(room.taken), []
        for worker in range(stay.peak):
            slots = stay.slots(worker)
            for node in allowed:
                devices = room.devices(node, stay, slots)
                if devices is not None:
                    room.take(node, stay, slots, devices)
                    shares.append(Share(node=room.nodes[node].id, devices=devices))
                    break
        if len(shares) == stay.peak:
            return tuple(shares)
        room.taken = before
    return None


def _exact(
    nodes: Sequence[Node], stays: Sequence[Stay], closed: Closed = frozenset()
) -> Shares | None:
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    on: dict[tuple[int, int, int], Any] = {}
    uses: dict[tuple[int, int, int, int], Any] = {}
    for one, stay in enumerate(stays):
        for worker in range(stay.peak):
            for node, has in enumerate(nodes):
                here = on[one, worker, node] = model.new_bool_var("")
                if any((has.id, slot) in closed for slot in stay.slots(worker)):
                    model.add(here == 0)
                parts = range(has.accelerators) if stay.devices else ()
                for device in parts:
                    uses[one, worker, node, device] = model.new_bool_var("")
                taken = [uses[one, worker, node, device] for device in parts]
                model.add(sum(taken) == stay.devices * here)
            model.add_exactly_one(on[one, worker, node] for node in range(len(nodes)))
        _connect(model, nodes, stay, one, on)
    _bound(model, nodes, stays, on, uses)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 0
    solver.parameters.max_deterministic_time = DETERMINISTIC_LIMIT
    solver.parameters.catch_sigint_signal = False  # Python raises once the solver returns
    status = solver.solve(model)
    if status == cp_model.INFEASIBLE:
        return None
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        raise TimeoutError("whether these jobs fit their nodes could not be decided")
    return tuple(
        tuple(_share(solver, nodes, one, worker, on, uses) for worker in range(stay.peak))
        for one, stay in enumerate(stays)
    )


def _share(
    solver: cp_model.CpSolver,
    nodes: Sequence[Node],
    one: int,
    worker: int,
    on: dict[tuple[int, int, int], Any],
    uses: dict[tuple[int, int, int, int], Any],
) -> Share:
    node = next(n for n in range(len(nodes)) if solver.boolean_value(on[one, worker, n]))
    devices = tuple(
        device
        for device in range(nodes[node].accelerators)
        if (one, worker, node, device) in uses
        and solver.boolean_value(uses[one, worker, node, device])
    )
    return Share(node=nodes[node].id, devices=devices)


def _connect(
    model: cp_model.CpModel,
    nodes: Sequence[Node],
    stay: Stay,
    one: int,
    on: dict[tuple[int, int, int], Any],
) -> None:
    """Keep a gang on one node, or on nodes that are all connected fast enough."""
    for node, fast in enumerate(connected(nodes, stay)):
        for worker in range(stay.peak if not fast else 0):
            for other in range(stay.peak):
                model.add_implication(on[one, worker, node], on[one, other, node])


def _bound(
    model: cp_model.CpModel,
    nodes: Sequence[Node],
    stays: Sequence[Stay],
    on: dict[tuple[int, int, int], Any],
    uses: dict[tuple[int, int, int, int], Any],
) -> None:
    """In each slot no accelerator, CPU or GiB of a node is taken twice."""
    for at_work in _at_work(stays):
        for node, has in enumerate(nodes):
            for name in ("cpus", "memory_gib"):
                _add(
                    model,
                    [(getattr(stays[o].shape, name), on[o, w, node]) for o, w in at_work],
                    getattr(has, name),
                )
            for device in range(has.accelerators):
                loads = [
                    (stays[o].eighths, uses[o, w, node, device])
                    for o, w in at_work
                    if (o, w, node, device) in uses
                ]
                model.add(sum(load * used for load, used in loads) <= EIGHTHS)


def _at_work(stays: Sequence[Stay]) -> Iterator[list[tuple[int, int]]]:
    """Yield the (stay, worker) pairs of each slot; slots with the same pairs once."""
    by_slot: dict[int, list[tuple[int, int]]] = {}
    for one, stay in enumerate(stays):
        for worker in range(stay.peak):
            for slot in stay.slots(worker):
                by_slot.setdefault(slot, []).append((one, worker))
    yield from ({tuple(pairs): pairs for _, pairs in sorted(by_slot.items())}).values()


def _add(model: cp_model.CpModel, terms: list[tuple[float, Any]], most: float) -> None:
    """Add a row that allows half of what `verify` tolerates, so that thirds fill a node."""
    most_steps = math.floor((most + SIZE_TOLERANCE / 2) * SIZE_STEPS)
    steps = [(round(amount * SIZE_STEPS), variable) for amount, variable in terms]
    model.add(sum(amount * variable for amount, variable in steps) <= most_steps)
