"""Few jobs decided all at once: the cheapest plan, and a bound that holds."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.solver.instances import tenants_problem
from hybridplace.checker import check
from hybridplace.model.plan import Status
from hybridplace.model.verify import breaches
from hybridplace.solver import improve, outright, solve
from hybridplace.solver.instance import Choice, Instance, Prices
from hybridplace.solver.outright import decide_outright
from hybridplace.solver.pricing import no_prices
from hybridplace.solver.state import State
from tests.solver.drawn import drawn_instance
from tests.solver.small import cheapest_usd, plan_usd, small_instance


def _nothing(instance: Instance) -> tuple[Choice, float]:
    """Return the plan in which every job is left out, and what it costs."""
    state = State(instance)
    return state.choice(), state.total_usd()


def _drawn_prices(instance: Instance, seed: int) -> Prices:
    draw, free = np.random.default_rng(seed), no_prices(instance)
    scarce = np.isfinite(instance.capacity)
    return Prices(
        capacity=np.where(scarce, draw.uniform(0, 2, scarce.shape), 0.0),
        limit=draw.uniform(0, 1, free.limit.shape),
        share=draw.uniform(0, 5, free.share.shape),
    )


def _tied(instance: Instance, seed: int) -> Instance:
    """Return the instance with two jobs to be together, or apart."""
    jobs = len(instance.jobs.reject_usd)
    pair = np.random.default_rng(seed).permutation(jobs)[None, :2]
    if jobs < 2 or seed % 3 == 0:
        return instance
    return replace(instance, **{"same" if seed % 3 == 1 else "apart": pair})


def _cheapest_tied_usd(instance: Instance) -> float:
    """Return what the cheapest plan costs whose jobs are together or apart as they must be."""
    options = instance.options
    ways = [
        [None, *((i, 0) for i in range(options.first[j], options.first[j + 1]))]
        for j in range(len(options.first) - 1)
    ]
    usd = np.inf
    for plan in product(*ways):
        held = True
        for pairs, together in ((instance.same, True), (instance.apart, False)):
            for one, other in pairs.tolist():
                a, b = plan[one], plan[other]
                if a is not None and b is not None:
                    held &= (options.site[a[0]] == options.site[b[0]]) == together
        if held:
            usd = min(usd, plan_usd(instance, plan))
    return usd


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_the_plan_is_the_cheapest_and_the_bound_holds(seed, priced):
    """From any plan and at any prices: what trying all finds, limits, shares and partners too."""
    instance = _tied(small_instance(seed, slots=1, jobs=4), seed)
    if not len(instance.options.job) or (instance.at_most < 0).any():
        return
    prices = _drawn_prices(instance, seed) if priced else no_prices(instance)
    best_usd = _cheapest_tied_usd(instance)
    found = decide_outright(instance, prices, *_nothing(instance), gap=0.0, work=5.0)
    assert found is not None
    assert found.choice is not None
    assert not found.interrupted
    state = State(instance)
    state.load(found.choice)
    assert state.total_usd() == pytest.approx(best_usd, rel=1e-5, abs=1e-5)
    assert found.bound_usd <= best_usd + 1e-7
    assert found.bound_usd == pytest.approx(best_usd, rel=1e-4, abs=1e-4)


def test_fixing_by_too_little_would_show():
    """Where options are dropped that cost less than the gap too much, better plans are missed."""
    missed = 0
    for seed in range(30):
        instance = small_instance(seed, slots=1, jobs=4)
        if not len(instance.options.job) or (instance.at_most < 0).any():
            continue
        nothing, usd = _nothing(instance)
        priced = replace(outright.reduced(instance, no_prices(instance)), bound_usd=usd)
        with patch.object(outright, "reduced", return_value=priced):
            found = decide_outright(instance, no_prices(instance), nothing, usd, gap=0.0, work=5.0)
        if found is None or found.choice is None:
            missed += 1
            continue
        state = State(instance)
        state.load(found.choice)
        missed += state.total_usd() > cheapest_usd(instance) + 1e-3
    assert missed


def test_a_plan_that_exceeds_a_limit_by_rounding_is_looked_for_again():
    """A budget that two jobs exceed by a hundred-millionth takes one: the bound is that of two."""
    instance = drawn_instance(2, 0)
    rows = instance.options.first[:2]
    options = instance.options
    use, limit = np.zeros((len(options.job), 1)), np.full((len(options.job), 1), -1, np.int32)
    use[:, 0], limit[:, 0] = 0.5 + 3e-6, 0
    tight = replace(
        instance,
        options=replace(options, limit=limit, limit_use=use),
        at_most=np.array([1.0]),
        jobs=replace(instance.jobs, reject_usd=np.array([1e3, 2e3])),
    )
    with patch.object(outright, "STEPS", 1e5):
        found = decide_outright(tight, no_prices(tight), *_nothing(tight), gap=0.0, work=5.0)
    assert found is not None
    assert found.choice is not None
    assert (found.choice.option >= 0).tolist() == [False, True]
    assert found.bound_usd < options.cost_usd[rows[0] : rows[1]].max() + 1e3


def test_too_many_options_are_left_to_others():
    """Beyond so many columns nothing is tried."""
    instance = drawn_instance(40, 1)
    with patch.object(outright, "MOST_COLUMNS", 100):
        assert (
            decide_outright(instance, no_prices(instance), *_nothing(instance), gap=0.0, work=1.0)
            is None
        )


def test_without_work_the_plan_that_is_known_stays():
    """Hardly any work finds nothing worse than what it begins with, and a bound still."""
    instance = drawn_instance(60, 3, limits=2)
    first = decide_outright(instance, no_prices(instance), *_nothing(instance), gap=0.0, work=5.0)
    assert first is not None
    assert first.choice is not None
    state = State(instance)
    state.load(first.choice)
    usd = state.total_usd()
    again = decide_outright(instance, no_prices(instance), first.choice, usd, gap=0.0, work=1e-3)
    assert again is not None
    assert again.bound_usd <= usd
    if again.choice is not None:
        state.load(again.choice)
        assert state.total_usd() <= usd + 1e-6


def test_few_jobs_under_budgets_are_decided_to_the_optimum():
    """Budgets, a cap and fairness: what prices prove is told apart from what the search proved."""
    problem = tenants_problem(60, 3)
    plan = solve(problem)
    checked, certificate = check(problem, plan), plan.certificate
    assert breaches(problem, plan) == () == checked.faults
    assert certificate is not None
    assert certificate.searched_usd is not None
    assert checked.bound_usd == pytest.approx(certificate.bound_usd, rel=1e-9)
    assert checked.bound_usd < plan.bound_usd <= plan.objective_usd
    assert plan.gap < 0.002


def test_an_interrupt_keeps_what_was_found():
    """Ctrl-C while few jobs are decided: the plan is the best so far, and says so."""
    problem, true = tenants_problem(60, 3), improve.decide_outright

    def interrupted(*args, **given):
        return replace(true(*args, **given), interrupted=True)

    with patch.object(improve, "decide_outright", interrupted):
        plan = solve(problem)
    assert plan.status is Status.INTERRUPTED
    assert breaches(problem, plan) == () == check(problem, plan).faults
