"""The primal side: what fits is told exactly, and every plan that is kept breaks no row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridplace.solver.improve import Incumbent, improve
from hybridplace.solver.instance import Choice, Instance, Prices
from hybridplace.solver.pricing import no_prices
from hybridplace.solver.rounding import Fractional, all_pairs
from hybridplace.solver.state import State
from tests.solver.drawn import drawn_instance
from tests.solver.small import (
    cheapest_usd,
    pair_limits,
    pair_usd,
    pair_uses,
    plan_usd,
    small_instance,
)

SEEDS = st.integers(0, 2**32 - 1)
SLOTS = st.sampled_from([1, 2, 5])


def _prices(instance: Instance, draw: np.random.Generator) -> Prices:
    capacity = np.where(np.isinf(instance.capacity), 0.0, draw.uniform(0, 2, 1))
    tenants = int(instance.jobs.tenant.max(initial=-1)) + 1
    return Prices(
        capacity=capacity * draw.random(instance.capacity.shape),
        limit=draw.uniform(0, 1, len(instance.at_most)),
        share=draw.uniform(0, instance.unfair_usd / 2, tenants),
    )


def _lp(instance: Instance, draw: np.random.Generator) -> Fractional:
    """Return parts of any pairs."""
    options = instance.options
    some = np.flatnonzero(draw.random(len(options.job)) < 0.7)
    start = draw.integers(options.earliest[some], options.latest[some] + 1)
    value = draw.uniform(0.1, 0.4, len(some))
    return Fractional(option=some, start=start, value=value)


def _plan(choice: Choice) -> tuple[tuple[int, int] | None, ...]:
    pairs = zip(choice.option.tolist(), choice.start.tolist(), strict=True)
    return tuple(None if i < 0 else (i, t) for i, t in pairs)


def _fits_slowly(instance: Instance, plan: list[tuple[int, int] | None], i: int, t: int) -> bool:
    """Tell whether a pair can be added to a plan, one number at a time."""
    room = instance.capacity.copy()
    left = instance.at_most.copy()
    for pair in plan:
        if pair is not None:
            if instance.options.group[pair[0]] >= 0:
                room[instance.options.group[pair[0]]] -= pair_uses(instance, *pair)
            left -= pair_limits(instance, *pair)
    group, mine = instance.options.group[i], pair_limits(instance, i, t)
    fits = group < 0 or (pair_uses(instance, i, t) <= room[group] + 1e-9).all()
    return bool(fits and (mine <= np.maximum(left, 0) + 1e-9).all())


@settings(max_examples=80, deadline=None)
@given(SEEDS, SLOTS)
def test_what_fits_is_told_as_by_adding_up(seed, slots):
    """After any placements and removals, `fits` agrees with a slow sum for every pair."""
    instance = small_instance(seed, slots=slots, jobs=5)
    draw = np.random.default_rng(seed)
    state = State(instance)
    plan: list[tuple[int, int] | None] = [None] * len(state.option)
    for job in draw.integers(0, max(1, len(plan)), 12 if plan else 0).tolist():
        if state.option[job] >= 0:
            state.remove(job)
            plan[job] = None
        option, start = all_pairs(state, job)
        told = state.fits(option, start)
        assert told.tolist() == [
            _fits_slowly(instance, plan, i, t)
            for i, t in zip(option.tolist(), start.tolist(), strict=True)
        ]
        if told.any():
            k = int(draw.choice(np.flatnonzero(told)))
            plan[job] = int(option[k]), int(start[k])
            state.place(*plan[job])
            assert state.usd[job] == pytest.approx(pair_usd(instance, *plan[job]))


@settings(max_examples=40, deadline=None)
@given(SEEDS, SLOTS)
def test_loading_a_choice_is_placing_its_jobs(seed, slots):
    """A choice that is loaded leaves the same room as one that is placed job by job."""
    instance = small_instance(seed, slots=slots, jobs=5)
    draw = np.random.default_rng(seed)
    jobs = len(instance.jobs.reject_usd)
    lp, option, start = _lp(instance, draw), np.full(jobs, -1), np.zeros(jobs, dtype=np.int64)
    option[instance.options.job[lp.option]], start[instance.options.job[lp.option]] = (
        lp.option,
        lp.start,
    )
    choice = Choice(option=option, start=start)
    loaded, placed = State(instance), State(instance)
    loaded.load(choice)
    for pair in _plan(choice):
        if pair is not None:
            placed.place(*pair)
    for name in ("room", "limit_room", "share", "usd", "option", "start"):
        np.testing.assert_allclose(getattr(loaded, name), getattr(placed, name), err_msg=name)
    assert loaded.members == placed.members
    assert loaded.total_usd() == pytest.approx(placed.total_usd())


@settings(max_examples=150, deadline=None)
@given(SEEDS, SLOTS)
def test_plans_break_no_row_and_cost_what_is_told(seed, slots):
    """Whatever prices and fractional solution are given, the plan holds, at the stated cost."""
    instance = small_instance(seed, slots=slots, jobs=6)
    draw = np.random.default_rng(seed)
    found = improve(instance, _prices(instance, draw), _lp(instance, draw), target_gap=0.0)
    if found.choice is None:
        assert (instance.at_most < 0).any()
    else:
        assert found.usd == pytest.approx(plan_usd(instance, _plan(found.choice)))


def test_small_plans_are_mostly_the_cheapest():
    """Without prices or a useful fractional solution, 9 of 10 small plans are still optimal."""
    best, tried = 0, 0
    for seed in range(60):
        instance = small_instance(seed, slots=3, jobs=4)
        instance = replace(instance, at_most=np.full(len(instance.at_most), 1e6))
        draw = np.random.default_rng(seed)
        prices = no_prices(instance)
        found = improve(instance, prices, _lp(instance, draw), target_gap=0.0)
        tried += 1
        best += found.usd <= cheapest_usd(instance) * (1 + 1e-9)
    assert best >= 0.9 * tried


@pytest.mark.parametrize("slots", [1, 24])
def test_the_same_input_gives_the_same_plan(slots):
    """Two runs agree to the last bit."""
    instance = drawn_instance(60, 3, slots=slots, limits=2)
    runs = []
    for _ in range(2):
        draw = np.random.default_rng(0)
        found = improve(instance, _prices(instance, draw), _lp(instance, draw), target_gap=0.0)
        assert found.choice is not None
        runs.append((found.choice.option.tobytes(), found.choice.start.tobytes(), found.usd))
    assert runs[0] == runs[1]


@pytest.mark.parametrize("moment", [1, 2, 4])
def test_an_interrupt_leaves_a_plan(moment):
    """Stopped at any improvement, the incumbent holds a plan that breaks no row."""
    instance = drawn_instance(60, 4, slots=24)
    draw = np.random.default_rng(1)
    left = iter(range(moment - 1, -1, -1))

    def stop(_usd: float) -> None:
        if next(left) == 0:
            raise KeyboardInterrupt

    incumbent = Incumbent(stop)
    with pytest.raises(KeyboardInterrupt):
        improve(
            instance,
            _prices(instance, draw),
            _lp(instance, draw),
            target_gap=0.0,
            incumbent=incumbent,
        )
    assert incumbent.choice is not None
    assert incumbent.usd == pytest.approx(plan_usd(instance, _plan(incumbent.choice)))
