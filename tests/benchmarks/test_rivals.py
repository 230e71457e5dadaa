"""Rivals decide by their own lights, and are judged by ours."""

from __future__ import annotations

import pytest

from benchmarks.solver.instances import static_problem
from benchmarks.solver.judge import Decision, judged
from benchmarks.solver.naive import naive
from hybridplace.errors import PlanError
from hybridplace.model.run import run_of
from hybridplace.solver import Stop, solve


def test_naive_cp_sat_finds_what_the_exact_model_finds():
    """On a small problem both are optimal, from different models."""
    problem = static_problem(12, 3)
    ours = solve(problem, stop=Stop(work=20))
    solved = naive(problem)
    plan = judged(problem, solved.decisions, "naive")

    assert plan.objective_usd == pytest.approx(ours.objective_usd, rel=1e-4)
    assert solved.bound_usd == pytest.approx(ours.objective_usd, rel=1e-3)
    assert solved.pairs > 1000


def test_a_decision_that_breaks_a_rule_is_not_judged():
    """No rival wins by breaking what others keep."""
    problem = static_problem(30, 1)
    job, offer, shape = next(
        (job.id, offer.id, number)
        for job in problem.jobs
        for offer in problem.offers
        if offer.pool is None and problem.denied("place", job.id, offer.site)
        for number, shape in enumerate(job.shapes)
        if run_of(problem, job, offer, shape, 0.0) is not None
    )
    decisions = {job: Decision(offer=offer, shape=shape)}

    with pytest.raises(PlanError, match="denied by"):
        judged(problem, decisions, "lawless")
