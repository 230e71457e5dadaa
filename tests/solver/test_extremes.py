"""Figures at the edge: very large ones, thirds, and two offers that sell the same nodes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hybridplace.errors import InputError
from hybridplace.model.job import Dataset
from hybridplace.model.plan import Status
from hybridplace.model.problem import Limit, LimitMeasure, Problem
from hybridplace.model.site import Link, Measure, Node, Pool
from hybridplace.model.verify import verify
from hybridplace.solver import packing, solve
from tests.brute import best_plan
from tests.problems import BOUGHT, NODES, ONE_GPU, OWNED, PLAIN, SPOT, TRAIN


def _jobs(count: int, **changed):
    return tuple(replace(TRAIN, id=f"j{number}", **changed) for number in range(count))


@pytest.mark.parametrize("price_usd_h", [1e6, 1e13, 1e30])
def test_an_absurd_price_changes_nothing(price_usd_h):
    """An offer that nobody could pay leaves the plan as it is without it."""
    absurd = replace(SPOT, id="lab/x/spot", site="lab", price_usd_h=price_usd_h)
    problem = replace(PLAIN, jobs=_jobs(2), offers=(BOUGHT, SPOT))
    plan = solve(replace(problem, offers=(*problem.offers, absurd)))

    assert solve(problem).placements == plan.placements
    assert Status.OPTIMAL is plan.status


def test_sums_beyond_counting_are_refused():
    """Prices of leaving jobs out that integers cannot add up are told, with the largest."""
    problem = PLAIN.with_jobs(*_jobs(2, reject_usd=1e12), replace(TRAIN, reject_usd=2e12))

    with pytest.raises(InputError, match=r"jobs\[train\]\.reject_usd: expected .*, got 2e\+12"):
        solve(problem)


def test_a_copy_far_beyond_the_budget_is_refused():
    """Moving a data set for a billion dollars under a budget of one is just not done."""
    data = Dataset(id="data", tenant="t", size_gib=1e12, homes=("lab",))
    budget = Limit(id="budget", measure=LimitMeasure.USD, at_most=1.0)
    slow = Link(source="lab", target="far", usd_gib=0.02, gbps=1e12)
    problem = replace(PLAIN, datasets=(data,), links=(slow,), limits=(budget,), offers=(SPOT,))
    plan = solve(problem.with_jobs(replace(TRAIN, inputs=("data",), reject_usd=1e11)))

    assert ["train"] == [one.job for one in plan.unplaced]
    assert Status.OPTIMAL is plan.status


def _thirds(**need) -> Problem:
    """Three jobs that fill a node of 2 CPUs, or a quota of 2 CPUs, exactly."""
    node = Node(id="n", accelerator="A100", accelerators=3, cpus=2.0, memory_gib=2.0)
    quota = Pool(id="near-quota", site="near", measure=Measure.CPUS, at_most=2.0)
    shape = replace(ONE_GPU, **{"cpus": 0.1, "memory_gib": 0.1, **need})
    pools = (replace(NODES, nodes=(node,)), quota)
    jobs = _jobs(3, shapes=(shape,))
    return replace(PLAIN, jobs=jobs, pools=pools, offers=(OWNED,), horizon_h=2.0)


@pytest.mark.parametrize("need", [{"cpus": 2 / 3}, {"memory_gib": 2 / 3}])
def test_three_thirds_fill_a_node(need):
    """What floating point cannot write down exactly still fits."""
    problem = _thirds(**need)
    plan = solve(problem)
    verify(problem, plan)

    assert 3 == len(plan.placements)


def test_three_thirds_are_packed_by_the_exact_search(monkeypatch):
    """The same where the quick orders find nothing."""
    monkeypatch.setattr(packing, "_orders", lambda stays: iter(()))
    problem = _thirds(cpus=2 / 3)
    plan = solve(problem)
    verify(problem, plan)

    assert 3 == len(plan.placements)


def test_three_thirds_fill_a_quota():
    """Machines of two thirds of a CPU use up a quota of two."""
    small = replace(BOUGHT, cpus=2 / 3)
    problem = replace(_thirds(cpus=0.5), offers=(small,))
    plan = solve(problem)
    verify(problem, plan)

    assert 3 == len(plan.placements)


def test_two_offers_of_the_same_nodes_share_them():
    """Own nodes that are listed twice, at two prices, hold no more jobs than they are."""
    again = replace(OWNED, id="lab/a100-b/owned", price_usd_h=0.1)
    problem = replace(PLAIN, jobs=_jobs(4), offers=(OWNED, again), horizon_h=2.0)
    plan = solve(problem)
    verify(problem, plan)

    assert 3 == len(plan.placements)
    assert best_plan(problem).objective_usd == pytest.approx(plan.objective_usd)
