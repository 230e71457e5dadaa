"""Packing many jobs: every share is right slot by slot, and what is pushed back had no room."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from hybridplace.model.job import Job, Shape, Training
from hybridplace.model.site import Node
from hybridplace.solver.nodes import Nodes, pack_known, pack_many
from hybridplace.solver.packing import Stay, pack
from tests.solver.test_packing import holds


def _nodes(draw: np.random.Generator, count: int) -> list[Node]:
    return [
        Node(
            id=f"n{n}",
            accelerator="A100",
            accelerators=int(draw.choice((1, 2, 4))),
            cpus=float(draw.choice((8.0, 32.0))),
            memory_gib=64.0,
            interconnect_gbps=float(draw.choice((10.0, 100.0))),
        )
        for n in range(count)
    ]


def _stays(draw: np.random.Generator, count: int, slots: int) -> list[Stay]:
    found = []
    for n in range(count):
        shape = Shape(
            accelerator="A100",
            accelerators=float(draw.choice((0.125, 0.5, 1.0, 2.0))),
            cpus=float(draw.choice((1.0, 3.0, 8.0))),
            memory_gib=float(draw.choice((1.0, 16.0))),
            units_h=1.0,
        )
        need = None if draw.random() < 0.7 else 50.0
        work = Training(units=1.0, interconnect_gbps=need)
        job = Job(id=f"j{n:03}", tenant="t", work=work, shapes=(shape,))
        start = int(draw.integers(slots))
        length = int(draw.integers(1, slots - start + 1))
        gang = int(draw.choice((1, 1, 2, 3)))
        workers = (gang,) * length
        if draw.random() < 0.2:
            workers = tuple(int(one) for one in draw.integers(1, gang + 1, length))
        found.append(Stay(job=job, shape=shape, start=start, workers=workers))
    return found


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("slots", [1, 6])
def test_what_is_packed_holds(seed: int, slots: int) -> None:
    """No accelerator, CPU or GiB is taken twice in any slot, and gangs are connected."""
    draw = np.random.default_rng(seed)
    nodes, stays = _nodes(draw, 6), _stays(draw, 30, slots)
    shares = pack_many(Nodes(nodes, slots), stays)
    placed = [(stay, gang) for stay, gang in zip(stays, shares, strict=True) if gang is not None]
    assert placed
    assert holds(nodes, [stay for stay, _ in placed], [gang for _, gang in placed])


@pytest.mark.parametrize("seed", range(30))
def test_a_job_alone_is_pushed_back_only_if_it_cannot_fit(seed: int) -> None:
    """On empty nodes it agrees with the exact packing."""
    draw = np.random.default_rng(seed)
    nodes = _nodes(draw, 2)
    for stay in _stays(draw, 6, 3):
        assert (Nodes(nodes, 3).place(stay) is None) == (pack(nodes, [stay]) is None)


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("slots", [1, 4])
def test_copies_hold_and_have_no_room_if_pushed_back(seed: int, slots: int) -> None:
    """Jobs that are alike are packed together: nothing twice, and nobody is turned away early."""
    draw = np.random.default_rng(seed)
    nodes = _nodes(draw, 8)
    kinds = _stays(draw, 4, slots)
    stays = [kinds[one] for one in draw.integers(len(kinds), size=40)]
    room = Nodes(nodes, slots)
    shares = pack_many(room, stays)
    placed = [(stay, gang) for stay, gang in zip(stays, shares, strict=True) if gang is not None]
    assert holds(nodes, [stay for stay, _ in placed], [gang for _, gang in placed])
    assert all(
        room.place(stay) is None for stay, gang in zip(stays, shares, strict=True) if gang is None
    )


@pytest.mark.parametrize("seed", range(30))
def test_as_many_copies_fit_as_one_by_one(seed: int) -> None:
    """Of jobs with one worker, together as many fit, and take as much, as one after the other."""
    draw = np.random.default_rng(seed)
    nodes = _nodes(draw, 8)
    stay = next(one for one in _stays(draw, 40, 2) if one.workers == (1,))
    together, single = Nodes(nodes, 2), Nodes(nodes, 2)
    gangs = together.place_alike(stay, 12)
    assert len(gangs) == sum(single.place(stay) is not None for _ in range(12))
    assert together.load.sum() == single.load.sum()
    assert together.cpus.sum() == pytest.approx(single.cpus.sum())
    assert together.memory_gib.sum() == pytest.approx(single.memory_gib.sum())


def test_closed_nodes_are_not_used() -> None:
    """In maintenance a node takes nothing, before and after it does."""
    draw = np.random.default_rng(0)
    nodes = _nodes(draw, 1)
    stay = _stays(draw, 1, 1)[0]
    closed = np.array([[False, True]])
    moved = [
        Stay(job=stay.job, shape=stay.shape, start=start, workers=(1,) * length)
        for start, length in ((0, 1), (1, 1), (0, 2))
    ]
    found = [Nodes(nodes, 2, closed).place(one) is not None for one in moved]
    assert found == [True, False, False]


def test_a_job_stays_on_the_node_it_is_on() -> None:
    """Where it may choose, a wanted node wins."""
    draw = np.random.default_rng(3)
    nodes = [node for node in _nodes(draw, 9) if node.accelerators == 4]
    shape = Shape(accelerator="A100", accelerators=1.0, cpus=1.0, memory_gib=1.0, units_h=1.0)
    job = Job(id="j", tenant="t", work=Training(units=1.0), shapes=(shape,))
    stay = Stay(job=job, shape=shape, start=0, workers=(1,))
    for node in nodes:
        shares = Nodes(nodes, 1).place(stay, frozenset({node.id}))
        assert shares is not None
        assert shares[0].node == node.id


def test_many_nodes_are_filled() -> None:
    """Jobs that fill all nodes exactly all fit, over more nodes than are looked at together."""
    nodes = [
        Node(id=f"n{n:04}", accelerator="A100", accelerators=8, cpus=64.0, memory_gib=512.0)
        for n in range(1200)
    ]
    stays = []
    for n in range(2400):
        shape = Shape(
            accelerator="A100", accelerators=4.0, cpus=32.0, memory_gib=256.0, units_h=1.0
        )
        job = Job(id=f"j{n:04}", tenant="t", work=Training(units=1.0), shapes=(shape,))
        stays.append(Stay(job=job, shape=shape, start=0, workers=(1,)))
    shares = pack_many(Nodes(nodes, 1), stays)
    assert None not in shares


@pytest.mark.parametrize("seed", range(20))
def test_what_is_given_back_is_free_again(seed: int) -> None:
    """Nodes from which every job was released hold what empty ones hold."""
    draw = np.random.default_rng(seed)
    nodes, stays = _nodes(draw, 4), _stays(draw, 15, 4)
    room = Nodes(nodes, 4)
    before = room.load.copy(), room.cpus.copy()
    for stay, shares in zip(stays, pack_many(room, stays), strict=True):
        if shares is not None:
            room.release(stay, shares)
    assert (room.load == before[0]).all()
    assert np.allclose(room.cpus, before[1])


@pytest.mark.parametrize("seed", range(20))
def test_who_knows_its_nodes_gets_them_where_they_have_room(seed: int) -> None:
    """On nodes that hold a gang it is given them; full ones refuse, and nothing is taken."""
    draw = np.random.default_rng(seed)
    nodes, stays = _nodes(draw, 4), _stays(draw, 30, 1)
    room, again = Nodes(nodes, 1), Nodes(nodes, 1)
    shares = [room.place(stay) for stay in stays]
    packed = [(stay, gang) for stay, gang in zip(stays, shares, strict=True) if gang is not None]
    rows = [np.array([room.number[share.node] for share in gang]) for _, gang in packed]
    found = pack_known(again, [stay for stay, _ in packed], rows)
    assert [[share.node for share in gang or ()] for gang in found] == [
        [share.node for share in gang] for _, gang in packed
    ]
    load, cpus = again.load.copy(), again.cpus.copy()
    full = [stay for stay, gang in zip(stays, shares, strict=True) if gang is None]
    full = [stay for stay in full if pack_many(Nodes(nodes, 1), [stay]) == [None]]
    for node in range(len(nodes)):
        held = pack_known(again, full, [np.full(stay.peak, node) for stay in full])
        assert held == [None] * len(full)
    assert (again.load == load).all()
    assert np.allclose(again.cpus, cpus)


@pytest.mark.parametrize("seed", range(40))
def test_accelerators_do_whoever_comes_late_or_again(seed: int) -> None:
    """Where no node has too many workers in any slot, counted while away, each finds its own."""
    draw, slots = np.random.default_rng(seed), 12
    nodes = [replace(node, cpus=1e3, memory_gib=1e4) for node in _nodes(draw, 3)]
    left = np.repeat([[node.accelerators] for node in nodes], slots, axis=1)
    stays, rows = list[Stay](), list[NDArray[np.int64]]()
    for stay in sorted(_stays(draw, 120, slots), key=lambda stay: min(stay.workers) == stay.peak):
        after, size = left.copy(), 8 // stay.eighths if stay.devices else 1
        row = np.full(stay.peak, draw.integers(len(nodes)))
        for worker in range(0, stay.peak, size):
            at_work = stay.slots(worker)
            after[row[0], at_work[0] : at_work[-1] + 1] -= stay.devices
        if (after >= 0).all():
            left = after
            stays.append(stay)
            rows.append(row)
    found = pack_known(Nodes(nodes, slots), stays, rows)
    assert any(max(stay.workers) > min(stay.workers) for stay in stays)
    assert None not in found
    assert holds(nodes, stays, [gang for gang in found if gang is not None])
    assert [{share.node for share in gang or ()} for gang in found] == [
        {nodes[row[0]].id} for row in rows
    ]
