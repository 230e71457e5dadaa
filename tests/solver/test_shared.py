"""Plans with shared data: right, priced as a slow judge does, better than without sharing."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridplace.solver.board import Board, choice_of
from hybridplace.solver.boarding import enter, leave
from hybridplace.solver.copies import data_usd
from hybridplace.solver.holdings import Holdings
from hybridplace.solver.instance import Choice, Instance
from hybridplace.solver.pricing import no_prices
from hybridplace.solver.regroup import place, walk
from hybridplace.solver.regrouping import board_of
from hybridplace.solver.shared import SharedPlan, plan_usd, solve_shared, without_sharing
from tests.solver.drawn_data import drawn_data_instance
from tests.solver.small_data import judge, optimum_usd, small_data_instance


@cache
def _solved(jobs: int, seed: int, slots: int = 1) -> tuple[Instance, SharedPlan]:
    instance = drawn_data_instance(jobs, seed, slots=slots)
    return instance, solve_shared(instance)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6), slots=st.sampled_from([1, 4]))
def test_plans_keep_every_rule(seed: int, slots: int) -> None:
    """Capacity, limits with copies, order in time; the judge finds the same cost."""
    instance = small_data_instance(seed, jobs=4, slots=slots)
    plan = solve_shared(instance)
    usd = judge(instance, plan.choice)
    assert np.isfinite(usd)
    assert plan.usd == pytest.approx(usd)
    assert plan.shared.bound_usd <= plan.usd + 1e-7


def test_small_problems_are_mostly_solved_to_the_optimum() -> None:
    """Two in three exactly, and none is far off."""
    parts = []
    for seed in range(10):
        instance = small_data_instance(seed, jobs=4)
        parts.append(solve_shared(instance).usd / optimum_usd(instance))
    assert min(parts) >= 1 - 1e-9
    assert np.mean(np.array(parts) < 1 + 1e-9) > 0.6
    assert max(parts) < 1.35


@pytest.mark.parametrize("seed", [1, 2])
def test_drawn_plans_are_right_and_good(seed: int) -> None:
    """Of 100 jobs with pipelines; what is proven is within 8 %."""
    instance, plan = _solved(100, seed)
    assert judge(instance, plan.choice) == pytest.approx(plan.usd)
    assert plan.shared.bound_usd <= plan.usd <= 1.08 * plan.shared.bound_usd


def test_drawn_plans_over_time_keep_the_order() -> None:
    """Stages of pipelines start once their inputs are made and have come."""
    instance, plan = _solved(40, 1, 48)
    assert judge(instance, plan.choice) == pytest.approx(plan.usd)
    assert (plan.choice.option >= 0).mean() > 0.5
    assert plan.shared.bound_usd <= plan.usd


def test_sharing_costs_less_than_charging_each_reader() -> None:
    """The same search that charges every reader a full copy makes dearer plans."""
    for seed in (1, 2):
        instance, plan = _solved(100, seed)
        alone = solve_shared(without_sharing(instance))
        assert plan.usd < judge(instance, alone.choice) < alone.usd


def test_the_same_instance_has_the_same_plan() -> None:
    """Byte for byte."""
    instance, plan = _solved(100, 1)
    again = solve_shared(instance)
    assert again.choice.option.tobytes() == plan.choice.option.tobytes()
    assert again.choice.start.tobytes() == plan.choice.start.tobytes()


def test_the_search_ends_when_it_is_good_enough() -> None:
    """With a target that the first plan reaches, less is done, and the plan is dearer."""
    instance, plan = _solved(100, 1)
    assert solve_shared(instance, target_gap=10.0).usd > plan.usd


def _holdings(instance: Instance, seed: int) -> Holdings:
    """Return jobs placed at random where they fit."""
    draw = np.random.default_rng(seed)
    holdings = Holdings(instance)
    for job in np.argsort(holdings.depth, kind="stable").tolist():
        rows = np.arange(*instance.options.first[job : job + 2])
        if not len(rows):
            continue
        option = draw.permutation(rows)
        start = draw.integers(
            instance.options.earliest[option], instance.options.latest[option] + 1
        )
        come = np.isfinite(holdings.usd_at(job)[instance.options.site[option]])
        fit = np.flatnonzero(holdings.fits(job, option, start) & come)
        if len(fit):
            holdings.place(int(option[fit[0]]), int(start[fit[0]]))
    return holdings


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), slots=st.sampled_from([1, 5]))
def test_holdings_price_each_step_exactly(seed: int, slots: int) -> None:
    """What fits breaks no rule, and the sum of all steps is the cost of the plan."""
    instance = small_data_instance(seed, slots=slots)
    holdings = _holdings(instance, seed)
    usd = judge(instance, holdings.choice())
    assert holdings.total_usd() == pytest.approx(usd)
    for job in np.argsort(-holdings.depth, kind="stable").tolist():
        if holdings.site[job] >= 0:
            site, own = holdings.site[job], holdings.state.usd[job]
            holdings.remove(job)
            copies = holdings.usd_at(job)[site]
            after = judge(instance, holdings.choice())
            assert usd - after == pytest.approx(own + copies - instance.jobs.reject_usd[job])
            usd = after
    assert np.allclose(holdings.state.limit_room[:-1], instance.at_most, atol=1e-3)


def _board(instance: Instance, seed: int) -> Board:
    """Return a board with jobs placed at random where they fit."""
    extra = np.zeros(len(instance.options.job))
    board = board_of(instance, no_prices(instance), extra, seed)
    choice = _holdings(instance, seed).choice()
    way_of = {int(option): w for w, option in enumerate(board.way["option"])}
    for job in np.flatnonzero(choice.option >= 0).tolist():
        enter(board, job, way_of[int(choice.option[job])], int(choice.start[job]))
    return board


def _now(board: Board) -> Choice:
    """Return where jobs are."""
    board.job["best_way"], board.job["best_start"] = board.job["way"], board.job["start"]
    return choice_of(board)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), slots=st.sampled_from([1, 5]))
def test_boards_price_each_step_exactly(seed: int, slots: int) -> None:
    """Whoever comes or goes, in whatever order: the total is the cost, what is left is right."""
    instance = small_data_instance(seed, slots=slots)
    board = _board(instance, seed)
    assert board.total[0] == pytest.approx(judge(instance, _now(board)))
    empty = board_of(instance, no_prices(instance), np.zeros(len(instance.options.job)), seed)
    for job in np.random.default_rng(seed).permutation(len(board.job)).tolist():
        if board.job["way"][job] >= 0:
            leave(board, job)
    assert board.total[0] == pytest.approx(empty.total[0])
    assert np.allclose(board.limit_room, empty.limit_room, atol=1e-9)
    assert np.allclose(board.room, empty.room, atol=1e-9)
    assert (board.needs == empty.needs).all()
    assert not board.members.any()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), slots=st.sampled_from([1, 5]))
def test_steps_keep_every_rule_and_the_best_plan(seed: int, slots: int) -> None:
    """After hot steps plans are right and cost what is counted; the best was noted."""
    instance = small_data_instance(seed, jobs=6, slots=slots)
    board = _board(instance, seed)
    before = judge(instance, _now(board))
    walk(board, 300, 3, 20.0, 5.0)
    if np.isfinite(board.total[1]):
        assert judge(instance, choice_of(board)) == pytest.approx(board.total[1])
    assert judge(instance, _now(board)) == pytest.approx(board.total[0])
    assert board.total[1] <= board.total[0] + 1e-6 or board.total[0] == pytest.approx(before)


def _chain(seed: int) -> Instance:
    """Return three jobs that hand on results one after the other, and share nothing else."""
    instance = small_data_instance(seed, jobs=3, slots=5)
    assert instance.data is not None
    draw, sites = np.random.default_rng(seed), len(instance.data.cache_gib)
    nothing = np.zeros((2, sites))
    data = replace(
        instance.data,
        reads=np.array([(1, 0), (2, 1)]),
        maker=np.array([0, 1], dtype=np.int32),
        fee_usd=nothing,
        ready_h=nothing,
        copy_gib=nothing,
        size_gib=draw.uniform(1, 12, 2),
        cache_gib=np.full(sites, np.inf),
        deliver=np.zeros((0, 2), dtype=np.int64),
        limit=np.zeros((0, 3), dtype=np.int64),
    )
    return replace(instance, data=data, at_most=np.array([np.inf]))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_a_pipeline_goes_back_where_all_of_it_costs_least(seed: int) -> None:
    """With readers that come in time, or left out where that costs less."""
    instance = _chain(seed)
    board = board_of(instance, no_prices(instance), np.zeros(len(instance.options.job)), seed)
    place(board, np.arange(3))
    assert board.total[0] == pytest.approx(judge(instance, _now(board)))
    assert board.total[0] == pytest.approx(optimum_usd(instance))


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6), slots=st.sampled_from([1, 3]))
def test_long_walks_find_the_optimum_of_four_jobs(seed: int, slots: int) -> None:
    """Cooling slowly enough, from any plan."""
    instance = small_data_instance(seed, jobs=4, slots=slots)
    board = _board(instance, seed)
    for _ in range(3):
        walk(board, 3_000, 3, 20.0, 0.01)
    assert board.total[1] == pytest.approx(optimum_usd(instance), rel=0.02)


def test_an_interrupt_leaves_the_best_plan_so_far() -> None:
    """Each plan that is kept is better than the one before, right, and has a bound."""
    instance = drawn_data_instance(100, 1)
    kept: list[SharedPlan] = []

    def interrupt(found: SharedPlan) -> None:
        kept.append(found)
        if len(kept) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        solve_shared(instance, keep=interrupt)
    assert (kept[0].choice.option < 0).all()
    assert all(one.usd > other.usd for one, other in pairwise(kept))
    for found in kept:
        assert judge(instance, found.choice) == pytest.approx(found.usd)
        assert found.shared.bound_usd <= found.usd


def test_plans_are_priced_with_their_copies() -> None:
    """`plan_usd` is what jobs cost plus what copies cost."""
    instance, plan = _solved(100, 1)
    placed = plan.choice.option >= 0
    site = np.where(placed, instance.options.site[plan.choice.option], -1)
    assert instance.data is not None
    usd = instance.options.cost_usd[plan.choice.option[placed]].sum()
    usd += instance.jobs.reject_usd[~placed].sum() + data_usd(instance.data, site)
    assert plan_usd(instance, plan.choice) == pytest.approx(usd)
