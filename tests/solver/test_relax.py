"""A relaxation names what keeps a job out, nothing more, and lifting it does place the job."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hybridplace.model.job import Dataset, Inference, Users
from hybridplace.model.problem import Denial, Limit, LimitMeasure, Problem, Rule
from hybridplace.model.site import Link, Market, Measure, Pool
from hybridplace.model.verify import verify
from hybridplace.solver import solve
from hybridplace.solver.relax import Relaxation, smallest_relaxation
from hybridplace.solver.tables import compile_problem
from tests.problems import BOUGHT, LINKS, NODES, PLAIN, SPOT, TRAIN
from tests.solver.crowding import crowded_problem

BUDGET = Limit(id="budget", measure=LimitMeasure.USD, at_most=1.0)


def _relaxed(problem: Problem, job: str = "train") -> Relaxation | None:
    plan = solve(problem)
    verify(problem, plan)
    assert job in [one.job for one in plan.unplaced]
    return smallest_relaxation(compile_problem(problem), plan, job)


def _problem(job=TRAIN, offers=(BOUGHT,), **parts) -> Problem:
    return replace(PLAIN, jobs=(job,), offers=offers, **parts)


def test_limits_that_do_not_exclude_the_job_stay():
    """Of several limits in scope, those that the offer keeps are not named."""
    wide = Limit(id="wide", measure=LimitMeasure.USD, at_most=1000.0)
    elsewhere = replace(BUDGET, id="elsewhere", site="far")
    hours = Limit(id="hours", measure=LimitMeasure.ACCELERATOR_H, at_most=1.0)
    found = _relaxed(_problem(limits=(BUDGET, wide, elsewhere, hours)))

    assert {"limit budget", "limit hours"} == set(found.lifted)


def test_everything_that_excludes_an_offer_is_named():
    """A rule, a deadline and the offer being sold out: all three must go."""
    denial = Denial(action="place", subjects=("train",), sites=("near",), rules=("stay",))
    problem = _problem(
        replace(TRAIN, deadline_h=1.0),
        (replace(BOUGHT, available=False),),
        rules=(Rule(id="stay", reason="it must stay"),),
        denials=(denial,),
    )

    found = _relaxed(problem)

    assert {"rule stay", "the deadline at 1 h", f"{BOUGHT.id} being sold out"} == set(found.lifted)
    assert BOUGHT.id == found.offer


def test_the_horizon_is_nobodys_to_lift():
    """A job that is longer than the horizon is not promised a place."""
    assert None is _relaxed(_problem(horizon_h=1.0))


def test_a_deadline_beyond_which_the_horizon_ends_is_not_lifted():
    """Without its deadline the job would still not end in time."""
    assert None is _relaxed(_problem(replace(TRAIN, deadline_h=1.0), horizon_h=1.0))


def test_latency_that_is_not_known_is_not_lifted():
    """Where the latency has a price and is not known, no limit helps."""
    work = Inference(
        load_rps=(1 / 3600,),
        hours=1.0,
        users=(Users(site="lab", share=1.0),),
        latency_limit_ms=50.0,
        latency_target_ms=5.0,
        latency_usd_ms_h=0.01,
    )
    links = tuple(replace(link, latency_ms=None) for link in LINKS)

    assert None is _relaxed(_problem(replace(TRAIN, work=work), links=links))


def test_serving_that_waits_for_its_data_cannot_be_helped():
    """Data that comes after the fixed start of an inference job is no matter of a deadline."""
    data = Dataset(id="data", tenant="t", size_gib=5000.0, homes=("lab",))
    work = Inference(load_rps=(1 / 3600,), hours=1.0)
    problem = _problem(
        replace(TRAIN, work=work, inputs=("data",), deadline_h=4.0),
        datasets=(data,),
        links=(Link(source="lab", target="near", usd_gib=0.0, gbps=10.0),),
    )

    assert None is _relaxed(problem)


def test_one_rule_of_a_denial_is_not_enough():
    """Both rules that forbid a site are named; those of other jobs and sites stay."""
    denials = (
        Denial(action="place", subjects=("train",), sites=("near",), rules=("a", "b")),
        Denial(
            action="place",
            subjects=("train",),
            sites=("far",),
            market=Market.SPOT,
            rules=("b", "c"),
        ),
    )
    rules = tuple(Rule(id=name, reason=name) for name in "abc")
    found = _relaxed(_problem(rules=rules, denials=denials, offers=(BOUGHT, SPOT), horizon_h=2.0))

    assert ("rule a", "rule b") == found.lifted


def _shared(budget: Limit) -> Problem:
    """Two jobs for a quota of one machine, under a budget."""
    quota = Pool(id="near-quota", site="near", measure=Measure.MACHINES, at_most=1)
    jobs = (replace(TRAIN, reject_usd=50.0), replace(TRAIN, id="other"))
    problem = replace(PLAIN, jobs=jobs, offers=(BOUGHT,), horizon_h=2.0)
    return replace(problem, pools=(NODES, quota), limits=(budget,))


def test_a_shared_quota_is_named():
    """A quota that is large enough for one job and used by another is the one to raise."""
    problem = _shared(Limit(id="budget", measure=LimitMeasure.USD, at_most=100.0))
    found = _relaxed(problem)

    assert ("quota near-quota",) == found.lifted
    assert 16.0 == pytest.approx(found.plan_usd)


def test_two_shared_bounds_are_not_lifted_together():
    """Where budget and quota both stand in the way, none of them alone helps."""
    problem = _shared(Limit(id="budget", measure=LimitMeasure.USD, at_most=9.0))

    assert None is _relaxed(problem)


def test_relaxations_of_crowded_problems_pay_no_more_than_was_lost():
    """Whatever is lifted, the job is placed and the plan costs no more than the one without it."""
    found = 0
    for seed in range(40):
        problem = crowded_problem(seed)
        plan = solve(problem)
        for left_out in plan.unplaced:
            relaxation = smallest_relaxation(compile_problem(problem), plan, left_out.job)
            if relaxation is not None:
                found += 1
                assert relaxation.offer in problem.offer
                assert relaxation.plan_usd <= plan.objective_usd + 1e-6
                assert len(set(relaxation.lifted)) == len(relaxation.lifted) > 0

    assert 10 < found
