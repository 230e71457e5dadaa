"""Small cores are decided at the least cost, within every row that others leave room in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridplace.solver.core import decide_again, related
from hybridplace.solver.pairs import near_pairs
from hybridplace.solver.pricing import no_prices
from hybridplace.solver.rounding import all_pairs
from hybridplace.solver.state import State
from tests.solver.drawn import drawn_instance
from tests.solver.small import cheapest_usd, plan_usd, small_instance


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 3]))
def test_a_core_of_all_jobs_is_the_cheapest_plan(seed, slots):
    """With every pair near and all jobs in the core, the plan is the one that trying all finds."""
    instance = small_instance(seed, slots=slots, jobs=4)
    # What fits only because another makes room in a limit is no near pair.
    options = replace(instance.options, limit_use=instance.options.limit_use.clip(0))
    instance = replace(instance, unfair_usd=0.0, options=options)
    state = State(instance)
    pairs = near_pairs(state, no_prices(instance), near=1e9, most=100)
    jobs = np.arange(len(state.option))
    decide_again(state, pairs, jobs, work=5.0, ways=100)
    plan = tuple(
        None if i < 0 else (i, t)
        for i, t in zip(state.option.tolist(), state.start.tolist(), strict=True)
    )
    best = cheapest_usd(instance)
    if (instance.at_most >= 0).all():
        assert plan_usd(instance, plan) == pytest.approx(best, abs=1e-3)
        assert state.total_usd() == pytest.approx(best, abs=1e-3)


def test_a_core_leaves_all_others_where_they_are():
    """Only the jobs of the core move, and the cost falls by what is told."""
    instance = drawn_instance(40, 1, slots=6)
    state = State(instance)
    for job in range(40):
        option, start = all_pairs(state, job)
        fit = np.flatnonzero(state.fits(option, start))
        state.place(int(option[fit[-1]]), int(start[fit[-1]]))
    before, was = state.total_usd(), state.choice()
    pairs = near_pairs(state=State(instance), prices=no_prices(instance), near=1e9, most=50)
    jobs = np.arange(0, 40, 3)
    saved = decide_again(state, pairs, jobs, work=1.0, ways=50)
    others = np.setdiff1d(np.arange(40), jobs)
    assert saved > 0
    assert state.total_usd() == pytest.approx(before - saved)
    assert (state.option[others] == was.option[others]).all()
    assert (state.start[others] == was.start[others]).all()


def test_a_core_takes_its_nearest_pairs_only():
    """With one way each, a job goes to its best pair, or stays where it is."""
    instance = drawn_instance(40, 1, slots=6)
    state = State(instance)
    pairs = near_pairs(state, no_prices(instance), near=1e9, most=50)
    decide_again(state, pairs, np.arange(40), work=1.0, ways=1)
    placed = np.flatnonzero(state.option >= 0)
    assert len(placed)
    assert (state.option[placed] == pairs.option[pairs.first[placed]]).all()
    assert (state.start[placed] == pairs.start[pairs.first[placed]]).all()


def test_related_jobs_share_groups_with_one_another():
    """Each job of a neighbourhood is in a group where another of it is or would like to be."""
    instance = drawn_instance(300, 2)
    state = State(instance)
    pairs = near_pairs(state, no_prices(instance), near=4.0, most=12)
    for job in range(300):
        option, start = all_pairs(state, job)
        fit = np.flatnonzero(state.fits(option, start))
        best = fit[state.costs(option, start)[fit].argmin()]
        state.place(int(option[best]), int(start[best]))
    jobs = related(state, pairs, np.zeros(300), 7, 30)
    assert 7 in jobs
    assert 1 < len(jobs) <= 30
    near = {j: set(instance.options.group[pairs.option[pairs.of(j)]].tolist()) for j in jobs}
    here = {j: int(instance.options.group[state.option[j]]) for j in jobs}
    for job in set(jobs.tolist()) - {7}:
        assert any(here[job] in near[other] | {here[other]} for other in near if other != job)
