"""Node packing: every share is right slot by slot, and "impossible" means impossible."""

from __future__ import annotations

import random
from itertools import combinations, product

import pytest

from hybridplace.model.job import Job, Shape, Training
from hybridplace.model.plan import Share
from hybridplace.model.site import Node
from hybridplace.solver import packing
from hybridplace.solver.packing import Stay, conflict, pack


def _node(name: str, accelerators: int = 2, cpus: float = 8.0, gbps: float | None = 100.0) -> Node:
    return Node(
        id=name,
        accelerator="A100",
        accelerators=accelerators,
        cpus=cpus,
        memory_gib=64.0,
        interconnect_gbps=gbps,
    )


def _stay(accelerators: float, start: int, *workers: int, cpus: float = 1.0, need=None) -> Stay:
    shape = Shape(
        accelerator="A100", accelerators=accelerators, cpus=cpus, memory_gib=1.0, units_h=1.0
    )
    work = Training(units=1.0, interconnect_gbps=need)
    job = Job(id=f"j{accelerators}{start}", tenant="t", work=work, shapes=(shape,))
    return Stay(job=job, shape=shape, start=start, workers=workers)


def holds(nodes, stays, shares) -> bool:
    """Say whether no accelerator or CPU is taken twice in any slot, and gangs are connected."""
    loads: dict[tuple, float] = {}
    of = {node.id: node for node in nodes}
    for stay, gang in zip(stays, shares, strict=True):
        used = {share.node for share in gang}
        fast = dict(zip(of, packing.connected(nodes, stay), strict=True))
        if len(gang) != stay.peak or (len(used) > 1 and not all(fast[name] for name in used)):
            return False
        for worker, share in enumerate(gang):
            if len(set(share.devices)) != stay.devices:
                return False
            for slot in stay.slots(worker):
                loads[share.node, "cpus", slot] = (
                    loads.get((share.node, "cpus", slot), 0) + stay.shape.cpus
                )
                for device in share.devices:
                    key = (share.node, device, slot)
                    loads[key] = loads.get(key, 0) + min(stay.shape.accelerators, 1.0)
    return all(
        load <= (of[name].cpus if what == "cpus" else 1.0)
        for (name, what, _), load in loads.items()
    )


def _by_trying(nodes, stays) -> bool:
    """Say whether any assignment holds, by trying all of them."""
    options = []
    for stay in stays:
        single = [
            Share(node=node.id, devices=devices)
            for node in nodes
            for devices in combinations(range(node.accelerators), stay.devices)
        ]
        options += [list(product(single, repeat=stay.peak))]
    return any(holds(nodes, stays, shares) for shares in product(*options))


def _drawn(seed: int):
    draw = random.Random(seed)
    nodes = [
        _node(f"n{n}", draw.choice((1, 2)), draw.choice((2.0, 8.0)), draw.choice((10.0, 100.0)))
        for n in range(draw.choice((1, 2)))
    ]
    stays = [
        _stay(
            draw.choice((0.5, 0.5, 1.0, 2.0)),
            draw.randrange(3),
            *draw.choice(((1,), (1, 1), (2, 2), (1, 2))),
            cpus=draw.choice((1.0, 2.0)),
            need=draw.choice((None, 50.0)),
        )
        for _ in range(draw.choice((2, 3)))
    ]
    return nodes, stays


@pytest.mark.parametrize("seed", range(60))
def test_packs_exactly_when_it_can(seed):
    """Shares are found if and only if trying everything finds some, and they hold."""
    nodes, stays = _drawn(seed)
    shares = pack(nodes, stays)

    assert _by_trying(nodes, stays) == (shares is not None)
    assert shares is None or holds(nodes, stays, shares)


@pytest.mark.parametrize("seed", range(60))
def test_exact_search_agrees(seed):
    """The exact search alone, without the orders tried before it, says the same."""
    nodes, stays = _drawn(seed)
    shares = packing._exact(nodes, stays)

    assert _by_trying(nodes, stays) == (shares is not None)
    assert shares is None or holds(nodes, stays, shares)


def test_a_conflict_is_minimal():
    """The stays named cannot be together, and each subset of them can."""
    found = 0
    for nodes, stays in map(_drawn, range(60)):
        if pack(nodes, stays) is not None:
            continue
        found += 1
        named = [stays[one] for one in conflict(nodes, stays)]
        assert pack(nodes, named) is None
        for left_out in range(len(named)):
            assert pack(nodes, named[:left_out] + named[left_out + 1 :]) is not None

    assert found > 5


def test_halves_share_an_accelerator():
    """Two halves take one accelerator and leave the other whole."""
    (first,), (second,), (whole,) = pack(
        [_node("n")], [_stay(0.5, 0, 1), _stay(0.5, 0, 1), _stay(1.0, 0, 1)]
    )

    assert first.devices == second.devices != whole.devices


def test_without_exact_search_none_means_not_found():
    """The quick way may give up, and never gives a wrong answer."""
    nodes, stays = [_node("n", 1)], [_stay(1.0, 0, 1), _stay(1.0, 0, 1)]

    assert None is pack(nodes, stays, exact=False)


def test_an_undecided_search_says_so(monkeypatch):
    """When the limit of work is used up, the answer is neither yes nor no."""
    monkeypatch.setattr(packing, "DETERMINISTIC_LIMIT", 0.0)
    nodes = [_node(f"n{n}", 2) for n in range(4)]
    stays = [_stay(1.0, slot % 3, 2, 2, 1) for slot in range(9)]

    with pytest.raises(TimeoutError):
        packing._exact(nodes, stays)
