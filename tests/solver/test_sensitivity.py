"""Prices of limits, pools, policies and deadlines: proven, as far as they hold, the same again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from benchmarks.solver.instances import static_problem
from hybridplace.model.canonical import canonical_json
from hybridplace.model.problem import Denial, Limit, LimitMeasure, Problem, Rule
from hybridplace.model.site import Market
from hybridplace.solver import solve
from hybridplace.solver.compile import compile_instance
from hybridplace.solver.master import static_master
from hybridplace.solver.pricing import costs_at
from hybridplace.solver.scarce import Sort, with_more
from hybridplace.solver.sensitivity import (
    AmountPrice,
    DeadlinePrice,
    RulePrice,
    changed_by,
    checked,
    sensitivity,
)
from tests.problems import BOUGHT, PLAIN, SPOT, TRAIN
from tests.solver.crowding import crowded_problem


def four_jobs() -> Problem:
    """Return four jobs of 2 h in one slot: 8 USD each on the two machines of a quota, else 18."""
    dear = replace(SPOT, id="far/g4/on_demand", market=Market.ON_DEMAND, price_usd_h=9.0)
    offers = tuple(
        replace(one, disk_usd_gib_h=0.0, address_usd_h=0.0, interruptions_per_h=None)
        for one in (BOUGHT, dear)
    )
    jobs = (replace(TRAIN, id=f"job{number}") for number in range(4))
    return replace(PLAIN, slot_h=4.0, offers=offers).with_jobs(*jobs)


def test_a_quota_is_worth_what_its_machines_save() -> None:
    """A machine more saves 10 USD until all four jobs have one, and one less costs as much."""
    problem = four_jobs()
    (quota,) = sensitivity(problem, solve(problem)).amounts

    assert (quota.thing.sort, quota.thing.id, quota.thing.amount) == (Sort.QUOTA, "near-quota", 2.0)
    assert quota.price_usd == pytest.approx(10.0)
    assert quota.more is not None
    assert (quota.more.units, quota.more.holds) == (2.0, True)
    assert quota.more.estimate_usd == pytest.approx(20.0)
    assert quota.more.proven_usd == pytest.approx(20.0)
    assert quota.less is not None
    assert (quota.less.units, quota.less.holds) == (2.0, True)
    assert quota.less.proven_usd == pytest.approx(20.0)


def test_a_budget_is_worth_what_leaving_out_costs() -> None:
    """A dollar of budget places part of a job that costs 100 USD to leave out and 18 to run."""
    budget = Limit(id="budget", measure=LimitMeasure.USD, at_most=40.0)
    problem = replace(four_jobs(), limits=(budget,))
    prices = sensitivity(problem, solve(problem)).amounts
    worth = {one.thing.id: one for one in prices}["budget"]

    assert worth.price_usd == pytest.approx((100.0 - 18.0) / 18.0)
    assert worth.more is not None
    assert worth.more.units == pytest.approx(12.0, rel=0.15)


def test_a_cap_on_carbon_is_counted_in_kilograms() -> None:
    """What is a limit in grams has a price per kilogram."""
    cap = Limit(id="carbon", measure=LimitMeasure.CARBON_G, at_most=500.0)
    problem = replace(four_jobs(), limits=(cap,))
    worth = {one.thing.id: one for one in sensitivity(problem, solve(problem)).amounts}["carbon"]

    assert worth.thing.unit == "kg CO2e"
    assert worth.thing.amount == 0.5
    assert changed_by(problem, worth).limits[0].at_most == pytest.approx(
        500.0 + 1000.0 * worth.more.units
    )


def test_a_policy_costs_what_it_keeps_a_job_from() -> None:
    """Forbidden the quota's cheap machines, two jobs cost 10 USD more each."""
    denial = Denial(
        action="place",
        subjects=("job0", "job1", "job2"),
        sites=("near",),
        rules=("home",),
    )
    rules = (Rule(id="home", reason="stay at home"), Rule(id="idle", reason="denies nothing"))
    problem = replace(four_jobs(), rules=rules, denials=(denial,))
    (price,) = sensitivity(problem, solve(problem)).rules

    assert (price.rule, price.jobs) == ("home", 3)
    assert price.estimate_usd == pytest.approx(10.0)
    assert price.proven_usd == pytest.approx(10.0)


def test_a_policy_that_another_one_repeats_costs_nothing() -> None:
    """What two policies deny is not open without one of them."""
    denial = Denial(action="place", subjects=("job0",), sites=("near",), rules=("a", "b"))
    rules = (Rule(id="a", reason="this"), Rule(id="b", reason="that"))
    problem = replace(four_jobs(), rules=rules, denials=(denial,))

    assert sensitivity(problem, solve(problem)).rules == ()


def test_a_deadline_costs_what_hurrying_does() -> None:
    """Of two jobs one could wait for the cheap machine, if its deadline let it."""
    problem = four_jobs()
    pools = (problem.pools[0], replace(problem.pools[1], at_most=1.0))
    jobs = (replace(TRAIN, id=name, deadline_h=2.0) for name in "ab")
    problem = replace(problem, slot_h=2.0, pools=pools).with_jobs(*jobs)
    first, second = sensitivity(problem, solve(problem)).deadlines

    assert (first.job, second.job) == ("a", "b")
    assert first.estimate_usd == pytest.approx(10.0)
    assert 10.0 - 1e-6 <= first.proven_usd <= 12.0


def drawn(seed: int) -> Problem:
    """Return a crowded problem; in every other one all jobs are in a hurry."""
    problem = crowded_problem(seed)
    if seed % 2 == 0:
        return problem
    deadline_h = problem.horizon_h / 2
    return replace(problem, jobs=tuple(replace(job, deadline_h=deadline_h) for job in problem.jobs))


@pytest.mark.parametrize("seed", range(40))
def test_no_saving_is_above_what_is_proven(seed) -> None:
    """On crowded problems of all kinds, each change truly saves at most that (exact model)."""
    problem = drawn(seed)
    plan = solve(problem)
    told = sensitivity(problem, plan)
    more = [one for one in told.amounts if one.more is not None]
    changes = [(one, one.more.proven_usd) for one in more]
    changes += [(one, one.proven_usd) for one in (*told.rules, *told.deadlines)]

    for price, proven_usd in changes:
        after = solve(changed_by(problem, price))
        assert plan.objective_usd - after.objective_usd <= proven_usd + 1e-6, price
    for price in told.amounts:
        if price.less is not None:
            after = solve(with_more(problem, price.thing, -price.less.units))
            assert after.objective_usd - plan.objective_usd >= price.less.proven_usd - 1e-6, price


def test_crowded_problems_have_prices_of_all_kinds() -> None:
    """Else the test above would prove nothing."""
    found = [
        price
        for seed in range(20)
        for problem in (drawn(seed),)
        for told in (sensitivity(problem, solve(problem)),)
        for price in (*told.amounts, *told.rules, *told.deadlines)
    ]
    sorts = {one.thing.sort for one in found if isinstance(one, AmountPrice) and one.more}

    assert sorts == set(Sort)
    assert any(one.estimate_usd > 0.01 for one in found if isinstance(one, RulePrice))
    assert any(one.estimate_usd > 0.01 for one in found if isinstance(one, DeadlinePrice))


def relaxed_usd(problem: Problem) -> float:
    """Return the optimum of the linear relaxation of one slot, by HiGHS, all columns at once."""
    instance = compile_instance(problem)
    rows = np.arange(len(instance.options.job))
    master, _ = static_master(instance, costs_at(instance, rows, np.zeros_like(rows)))
    jobs = np.repeat(np.arange(len(master.counts)), master.counts)
    once = np.zeros((len(master.counts), len(rows)))
    once[jobs, rows] = 1.0
    found = linprog(
        master.cost_usd - master.reject_usd[jobs],
        A_ub=np.vstack([once, master.uses.T.toarray()]),
        b_ub=np.concatenate([np.ones(len(once)), master.at_most]),
        method="highs",
    )
    return float(found.fun + master.reject_usd.sum() + master.constant_usd)


@pytest.mark.parametrize("seed", range(2))
def test_prices_are_the_slopes_of_the_relaxation(seed) -> None:
    """Within its range each price says to a tenth what the linear program's cost falls by."""
    problem = static_problem(60, seed)
    told = sensitivity(problem, solve(problem))
    before_usd = relaxed_usd(problem)
    ranges = [
        (one, sign * reach.units, reach)
        for one in told.amounts[:6]
        for sign, reach in ((1, one.more), (-1, one.less))
        if reach is not None
    ]

    assert told.relaxed_usd == pytest.approx(before_usd, rel=1e-7)
    assert sum(reach.holds for _, _, reach in ranges) >= 3
    for price, units, reach in ranges:
        saved = before_usd - relaxed_usd(with_more(problem, price.thing, units))
        assert abs(saved) == pytest.approx(reach.estimate_usd, rel=1e-5, abs=1e-6)
        said = price.price_usd * units
        assert (abs(saved - said) <= 0.1 * abs(said) + 1e-6) == reach.holds


def test_estimates_are_near_what_planning_again_saves() -> None:
    """Each estimate is within a tenth of what is saved, and what the relaxation lacks."""
    problem = static_problem(80, 1)
    plan = solve(problem)
    told = sensitivity(problem, plan)
    found = checked(problem, plan, told, 4)

    assert len(found) == 4
    for one in found:
        near = 0.1 * one.estimate_usd + told.objective_usd - told.relaxed_usd
        assert one.saved_usd == pytest.approx(one.estimate_usd, abs=near)
        assert one.saved_usd <= one.proven_usd + 1e-6


def test_the_same_input_gives_the_same_bytes() -> None:
    """Twice the same prices; in another order of jobs and offers too."""
    problem = static_problem(45, 2)
    turned = replace(problem, jobs=problem.jobs[::-1], offers=problem.offers[::-1])
    plan = solve(problem)

    assert canonical_json(sensitivity(problem, plan)) == canonical_json(sensitivity(turned, plan))
