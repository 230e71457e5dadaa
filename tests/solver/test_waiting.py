"""Waiting is planned when it pays, and never otherwise."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hybridplace.model.job import Dataset
from hybridplace.model.plan import Status, Transfer
from hybridplace.model.problem import Problem
from hybridplace.model.site import Link, Measure, Pool
from hybridplace.model.verify import verify
from hybridplace.solver import solve
from tests.brute import best_plan
from tests.problems import PLAIN, SPOT, TRAIN
from tests.solver.crowding import crowded_problem

MACHINES = Pool(id="far-quota", site="far", measure=Measure.MACHINES, at_most=3)


def _two_homes(pool: str | None) -> Problem:
    """A job whose data comes within the hour for ten dollars, or in three hours for nothing."""
    data = Dataset(id="data", tenant="t", size_gib=100.0, homes=("lab", "near"))
    fast = Link(source="lab", target="far", usd_gib=0.1, gbps=10.0)
    free = Link(source="near", target="far", usd_gib=0.0, gbps=0.1)
    return replace(
        PLAIN,
        jobs=(replace(TRAIN, inputs=("data",)),),
        datasets=(data,),
        links=(fast, free),
        horizon_h=8.0,
        pools=(*PLAIN.pools, MACHINES),
        offers=(replace(SPOT, pool=pool),),
    )


@pytest.mark.parametrize("pool", [None, "far-quota"])
def test_a_job_waits_for_the_cheaper_copy(pool):
    """Of two homes the cheap and slow one is read, although the job could start earlier."""
    problem = _two_homes(pool)
    plan = solve(problem)

    assert (Transfer(dataset="data", source="near", target="far"),) == plan.transfers
    assert [3.0] == [one.start_h for one in plan.placements]
    assert 0.0 == plan.costs.egress_usd
    assert Status.OPTIMAL is plan.status


def test_a_job_in_a_hurry_pays_for_the_faster_copy():
    """With a deadline that the free copy misses, the dear one is read."""
    problem = _two_homes(None)
    problem = problem.with_jobs(replace(problem.jobs[0], deadline_h=4.0))
    plan = solve(problem)

    assert (Transfer(dataset="data", source="lab", target="far"),) == plan.transfers
    assert 10.0 == pytest.approx(plan.costs.egress_usd)


def test_a_shape_that_ends_in_time_after_waiting_is_kept():
    """The dearer, faster shape is what lets the job wait for the free copy."""
    problem = _two_homes(None)
    job = problem.jobs[0]
    quick = replace(job.shapes[0], units_h=2.0, workers=2)
    slow = replace(job.shapes[0], units_h=0.5)
    job = replace(job, shapes=(slow, quick))
    problem = replace(problem.with_jobs(job), horizon_h=6.0)
    plan = solve(problem)

    assert 1 == plan.placements[0].shape
    assert best_plan(problem).objective_usd == pytest.approx(plan.objective_usd)


@pytest.mark.parametrize("seed", [387])
def test_earlier_starts_are_taken_only_where_they_can_be_packed(seed):
    """Where starting earlier could not be packed quickly, the first answer stays."""
    problem = crowded_problem(seed)
    plan = solve(problem)
    verify(problem, plan)

    assert Status.OPTIMAL is plan.status
