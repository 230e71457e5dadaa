"""Gaps on own nodes are closed for a job that needs them, or all stays as it was."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from hybridplace.model.job import Job, Shape, Training
from hybridplace.model.site import Node
from hybridplace.solver.nodes import Nodes
from hybridplace.solver.packing import Stay
from hybridplace.solver.repack import repack
from tests.solver.test_packing import holds

SIZES = (1.0, 1.0, 2.0, 4.0)


def _stay(number: int, accelerators: float) -> Stay:
    shape = Shape(
        accelerator="A100", accelerators=accelerators, cpus=1.0, memory_gib=1.0, units_h=1.0
    )
    job = Job(id=f"j{number:03}", tenant="t", work=Training(units=1.0), shapes=(shape,))
    return Stay(job=job, shape=shape, start=0, workers=(1,))


class _Seats:
    """Stays by number, each the only option of its job."""

    def __init__(self, nodes: list[Node], stays: list[Stay], running: frozenset[int]) -> None:
        self.stays, self.running = stays, running
        self.nodes, self.shares = {0: Nodes(nodes, 1)}, {}
        numbers = np.arange(len(stays))
        self.instance = SimpleNamespace(options=SimpleNamespace(job=numbers))
        self.state = SimpleNamespace(members=[{}], option=numbers, start=np.zeros_like(numbers))

    def stay(self, option: int, start: int) -> Stay:
        return self.stays[option]

    def held(self, job: int) -> frozenset[str]:
        return frozenset({"n0"} if job in self.running else ())

    def enter(self, job: int) -> bool:
        shares = self.nodes[0].place(self.stays[job])
        if shares is not None:
            self.shares[job] = shares
            self.state.members[0][job] = None
        return shares is not None

    def leave(self, job: int) -> None:
        self.nodes[0].release(self.stays[job], self.shares.pop(job))
        del self.state.members[0][job]


def _crowd(seed: int, running: float = 0.0) -> tuple[_Seats, list[Node], int]:
    """Return nodes of four after jobs have come and gone, and one that finds no room as it is."""
    draw = np.random.default_rng(seed)
    nodes = [
        Node(id=f"n{n}", accelerator="A100", accelerators=4, cpus=64.0, memory_gib=64.0)
        for n in range(6)
    ]
    stays = [_stay(n, float(draw.choice(SIZES))) for n in range(60)]
    still = frozenset(np.flatnonzero(draw.random(60) < running).tolist())
    seats = _Seats(nodes, stays, still)
    for job in range(60):
        if seats.shares and draw.random() < 0.45:
            seats.leave(int(draw.choice(sorted(seats.shares))))
        if not seats.enter(job):
            return seats, nodes, job
    raise AssertionError("there was room for all")


@pytest.mark.parametrize("seed", range(40))
def test_a_job_finds_nodes_if_there_are_accelerators_enough(seed: int) -> None:
    """Sizes that divide each other leave no gap: only what is too much in total is turned away."""
    seats, nodes, job = _crowd(seed)
    had, free = dict(seats.shares), int((seats.nodes[0].load < 8).sum())
    moved = repack(seats, seats.state, 0, [(job, 0)])

    assert (moved is not None) == (free >= seats.stays[job].shape.accelerators)
    if moved is not None:
        assert job in seats.shares
        assert moved == {one: had[one] for one in had if seats.shares[one] != had[one]}
        jobs = sorted(seats.shares)
        assert holds(nodes, [seats.stays[one] for one in jobs], [seats.shares[one] for one in jobs])


@pytest.mark.parametrize("seed", range(40))
def test_who_runs_stays_and_a_failure_changes_nothing(seed: int) -> None:
    """Running jobs keep their nodes; without a packing, nodes and shares are as they were."""
    seats, _, job = _crowd(seed, running=0.5)
    had, load = dict(seats.shares), seats.nodes[0].load.copy()
    moved = repack(seats, seats.state, 0, [(job, 0)])

    if moved is None:
        assert seats.shares == had
        assert (seats.nodes[0].load == load).all()
    else:
        assert not seats.running & moved.keys()
