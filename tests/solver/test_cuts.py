"""What happens when the nodes are large enough together and too small one by one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hybridplace.model.job import Training
from hybridplace.model.plan import Status
from hybridplace.model.problem import Problem
from hybridplace.model.site import Node
from hybridplace.model.verify import verify
from hybridplace.solver import Stop, packing, solve
from tests.brute import best_plan
from tests.problems import NODES, ONE_GPU, OWNED, PLAIN, QUOTA, TRAIN


def fragmented() -> Problem:
    """Two nodes of 8 CPUs; two jobs of 5, and a gang of two times 3 that needs one node.

    Together they ask for 16 CPUs, which is what there is, and no two of the largest share a node.
    """
    nodes = tuple(
        Node(id=name, accelerator="A100", accelerators=2, cpus=8, memory_gib=64)
        for name in ("n1", "n2")
    )
    large = replace(TRAIN, work=Training(units=4.0), shapes=(replace(ONE_GPU, cpus=5),))
    gang = replace(
        TRAIN,
        id="gang",
        work=Training(units=8.0, interconnect_gbps=50.0),
        shapes=(replace(ONE_GPU, cpus=3, workers=2),),
    )
    return replace(
        PLAIN,
        jobs=(replace(large, id="a"), replace(large, id="b"), gang),
        offers=(replace(OWNED, cpus=8),),
        pools=(replace(NODES, nodes=nodes), QUOTA),
    )


def test_a_combination_that_cannot_be_packed_is_cut_off():
    """All three fit by the sums and not by the nodes: one is left out, proven best."""
    problem = fragmented()
    plan = solve(problem)
    verify(problem, plan)

    assert 1 == len(plan.unplaced)
    assert Status.OPTIMAL is plan.status
    assert best_plan(problem).objective_usd == pytest.approx(plan.objective_usd)


def test_without_rounds_left_somebody_is_left_out():
    """If the rounds are used up, the plan holds and the bound is told as what it is."""
    problem = fragmented()
    plan = solve(problem, stop=Stop(rounds=1))
    verify(problem, plan)

    assert 1 == len(plan.unplaced)
    assert Status.FEASIBLE is plan.status
    assert plan.bound_usd < plan.objective_usd


def test_an_undecided_packing_claims_nothing(monkeypatch):
    """Where packing can never be decided, plans hold and the bound stays a bound."""
    monkeypatch.setattr(packing, "_orders", lambda stays: iter(()))
    monkeypatch.setattr(packing, "DETERMINISTIC_LIMIT", 0.0)
    problem = fragmented()
    plan = solve(problem, stop=Stop(rounds=4))
    verify(problem, plan)

    assert plan.bound_usd <= 100.0 + 1e-6
