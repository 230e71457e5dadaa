"""Events after a plan: each changes what it says, and all can be planned again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.solver.events import PRICE_STEP, events
from benchmarks.solver.instances import static_problem
from hybridplace.model.verify import breaches
from hybridplace.solver import Stop, solve


@pytest.fixture(scope="module")
def planned():
    """A small problem and its plan."""
    problem = static_problem(100, 1)
    return problem, solve(problem, stop=Stop(gap=0.05))


@pytest.fixture(scope="module")
def found(planned):
    """One event of each kind."""
    return {event.name: event for event in events(*planned, seed=1)}


def test_there_is_one_of_each_kind(found):
    """In the order of their names."""
    assert set(found) == {"arrival", "preemption", "node", "price", "churn"}


def test_an_arrival_adds_one_job_and_changes_nothing_else(planned, found):
    """The old jobs stay."""
    before, after = planned[0], found["arrival"].problem

    assert {job.id for job in after.jobs} - {job.id for job in before.jobs} == set(
        found["arrival"].jobs
    )
    assert after.offers == before.offers


def test_a_preempted_offer_is_sold_out_and_its_jobs_are_named(planned, found):
    """Whoever ran there has to go."""
    before, plan = planned
    after = found["preemption"].problem
    (lost,) = [offer.id for offer in after.offers if not offer.available]

    assert before.offer[lost].available
    assert found["preemption"].jobs == tuple(
        one.job for one in plan.placements if one.offer == lost
    )


def test_a_lost_node_breaks_the_plan(planned, found):
    """The jobs that are named were on it."""
    before, plan = planned
    after = found["node"].problem
    count = [sum(len(pool.nodes) for pool in one.pools) for one in (before, after)]

    assert count[1] == count[0] - 1
    assert found["node"].jobs
    assert any("no such node" in told for told in _broken(after, plan))


def test_a_price_rises_by_half(planned, found):
    """Of one offer, which jobs are on."""
    before, after = planned[0], found["price"].problem
    changed = [
        (old.price_usd_h, new.price_usd_h)
        for old, new in zip(before.offers, after.offers, strict=True)
        if old != new
    ]

    assert len(changed) == 1
    assert changed[0][1] == pytest.approx(changed[0][0] * PRICE_STEP)


def test_churn_keeps_the_number_of_jobs(planned, found):
    """3 % go, as many come."""
    after = found["churn"].problem

    assert len(after.jobs) == 100
    assert len(found["churn"].jobs) == 3
    assert set(found["churn"].jobs) <= {job.id for job in after.jobs}


def _broken(problem, plan):
    return breaches(problem, replace(plan, problem_digest=problem.digest))
