"""Which workers sit together, and what they take of a node."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hybridplace.model.job import Shape, Training
from hybridplace.model.problem import Problem
from hybridplace.solver.berths import Parties, berths_of
from hybridplace.solver.compile import compile_instance
from hybridplace.solver.seating import seating_of
from tests.problems import NODES, ONE_GPU, OWNED, PLAIN, QUOTA, TRAIN


def _gang(shape: Shape, needs_gbps: float | None, *, slot_h: float) -> Problem:
    """Return one gang that may go to two nodes of two accelerators, linked at 10 Gbit/s."""
    nodes = tuple(replace(NODES.nodes[0], id=name, interconnect_gbps=10.0) for name in ("n1", "n2"))
    problem = replace(
        PLAIN, pools=(replace(NODES, nodes=nodes), QUOTA), offers=(OWNED,), slot_h=slot_h
    )
    work = Training(units=2.0, interconnect_gbps=needs_gbps)
    return problem.with_jobs(replace(TRAIN, work=work, shapes=(shape,)))


def _parties(problem: Problem) -> Parties:
    """Return who sits together, of the only option."""
    instance = compile_instance(problem)
    assert len(instance.options.job) == 1
    berths = berths_of(problem, instance, seating_of(problem, instance).nodes)
    return berths.parties(np.array([0]))


@pytest.mark.parametrize("slot_h", [1.0, 4.0])
@pytest.mark.parametrize(
    ("needs_gbps", "parties", "workers"), [(None, 2, 1), (10.0, 2, 1), (50.0, 1, 2)]
)
def test_a_gang_that_nodes_do_not_link_sits_together(needs_gbps, parties, workers, slot_h):
    """Where the slowest link between nodes carries it, each worker sits by itself."""
    shape = replace(ONE_GPU, workers=2)
    found = _parties(_gang(shape, needs_gbps, slot_h=slot_h))
    assert found.workers.tolist() == [parties]
    assert found.size.tolist() == [workers]
    assert found.use.tolist() == [[1.0 * workers, 4.0 * workers, 16.0 * workers]]


@pytest.mark.parametrize(("slot_h", "parties", "accelerators"), [(1.0, 2, 1.0), (4.0, 3, 0.5)])
def test_halves_are_shared_within_a_gang_over_time(slot_h, parties, accelerators):
    """Three halves are two accelerators where others come and go; in one slot they are halves."""
    shape = replace(ONE_GPU, workers=3, accelerators=0.5)
    found = _parties(_gang(shape, None, slot_h=slot_h))
    assert found.workers.tolist() == [parties]
    assert found.use[:, 0].tolist() == [accelerators]
