"""Prices of slots prove bounds that no plan beats, and come close to the linear program."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.sparse import coo_array

from hybridplace.solver.instance import Instance
from hybridplace.solver.pricing import no_prices, reduced, reduced_at
from hybridplace.solver.slots import relax_slots
from hybridplace.solver.static import relax_static
from tests.solver.drawn import POOLS, drawn_instance, drawn_instance_by_hour
from tests.solver.small import cheapest_usd, small_instance

SEEDS = st.integers(0, 2**32 - 1)


def _pairs(instance: Instance) -> tuple[np.ndarray, np.ndarray]:
    options = instance.options
    count = (options.latest - options.earliest).astype(np.int64) + 1
    option = np.repeat(np.arange(len(count)), count)
    start = np.arange(len(option)) - np.repeat(np.cumsum(count) - count, count)
    return option, start + options.earliest[option]


def _linear_program_usd(instance: Instance) -> float:
    """Return the optimum over all pairs and all slots of one resource, by HiGHS."""
    option, start = _pairs(instance)
    jobs, slots = len(instance.jobs.reject_usd), instance.slots
    job, group = instance.options.job[option], instance.options.group[option]
    reject_usd = instance.jobs.reject_usd
    length = np.where(group >= 0, instance.options.slots[option], 0).astype(np.int64)
    pair = np.repeat(np.arange(len(option)), length)
    slot = start[pair] + np.arange(len(pair)) - np.repeat(np.cumsum(length) - length, length)
    capacity = instance.capacity[:, 0]
    row = jobs + group[pair].astype(np.int64) * slots + slot
    use = instance.options.use[option[pair], 0]
    there = np.isfinite(capacity.ravel()[row - jobs])
    coefficients = coo_array(
        (
            np.concatenate([np.ones(len(option)), use[there]]),
            (
                np.concatenate([job, row[there]]),
                np.concatenate([np.arange(len(option)), pair[there]]),
            ),
        ),
        shape=(jobs + capacity.size, len(option)),
    ).tocsr()
    found = linprog(
        reduced_at(instance, no_prices(instance), option, start) - reject_usd[job],
        A_ub=coefficients,
        b_ub=np.concatenate([np.ones(jobs), np.where(np.isfinite(capacity), capacity, 0).ravel()]),
    )
    return float(found.fun + reject_usd.sum())


@given(SEEDS, st.integers(1, 5))
@settings(deadline=None, max_examples=40)
def test_no_plan_costs_less_than_the_bound(seed, slots):
    """Whatever is limited, by the hour or not."""
    instance = small_instance(seed, slots=slots)

    relaxed = relax_slots(instance)

    assert relaxed.bound_usd == reduced(instance, relaxed.prices).bound_usd
    assert relaxed.bound_usd <= cheapest_usd(instance) + 1e-9
    assert all(
        (prices >= 0).all()
        for prices in (relaxed.prices.capacity, relaxed.prices.limit, relaxed.prices.share)
    )


@pytest.mark.parametrize("draw", [drawn_instance, drawn_instance_by_hour])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_bound_is_near_the_linear_program(draw, seed):
    """It is not above, and at most 0.3 % below, also where capacity varies by the hour."""
    instance = draw(40, seed, slots=24)

    bound_usd = relax_slots(instance).bound_usd

    best_usd = _linear_program_usd(instance)
    assert 0.997 * best_usd <= bound_usd <= best_usd * (1 + 1e-9)


def test_time_adds_nothing_where_there_is_one_slot():
    """The bound is that of the instance without time, but for what a search leaves."""
    instance = drawn_instance(300, 3)

    bound_usd = relax_slots(instance).bound_usd

    best_usd = relax_static(instance).bound_usd
    assert 0.998 * best_usd <= bound_usd <= best_usd * (1 + 1e-6)


def test_the_same_instance_gives_the_same_bytes():
    """Prices, bound and parts."""
    first, second = (relax_slots(drawn_instance_by_hour(60, 5, slots=48)) for _ in range(2))

    assert first.prices.capacity.tobytes() == second.prices.capacity.tobytes()
    assert first.bound_usd == second.bound_usd
    assert first.lp.option.tobytes() == second.lp.option.tobytes()
    assert first.lp.value.tobytes() == second.lp.value.tobytes()


def test_parts_of_a_job_are_at_most_the_job():
    """They are possible pairs, and sum to at most 1."""
    instance = drawn_instance(200, 1, slots=24)

    lp = relax_slots(instance).lp

    whole = np.bincount(instance.options.job[lp.option], lp.value)
    assert whole.max() <= 1 + 1e-9
    assert whole.mean() > 0.9
    assert (lp.start >= instance.options.earliest[lp.option]).all()
    assert (lp.start <= instance.options.latest[lp.option]).all()


def test_nobody_is_expected_where_nothing_is_left():
    """In slots in which a pool has nothing, a price that costs nothing keeps all jobs away."""
    instance = drawn_instance(100, 2, slots=48)
    capacity = instance.capacity.copy()
    capacity[:POOLS, 0, 20:30] = 0.0
    instance = replace(instance, capacity=capacity)

    lp = relax_slots(instance).lp

    own = np.flatnonzero(
        (instance.options.group[lp.option] >= 0) & (instance.options.group[lp.option] < POOLS)
    )
    end = lp.start + instance.options.slots[lp.option]
    assert len(own)
    assert ((end[own] <= 20) | (lp.start[own] >= 30)).all()


@given(SEEDS)
@settings(deadline=None, max_examples=30)
def test_extra_costs_belong_to_the_bound(seed):
    """An extra amount per option is as if it were part of its cost."""
    instance = small_instance(seed)
    extra = np.random.default_rng(seed).uniform(0, 5, len(instance.options.job))
    dearer = replace(instance.options, cost_usd=instance.options.cost_usd + extra)

    bound_usd = relax_slots(instance, extra).bound_usd

    direct = relax_slots(replace(instance, options=dearer))
    assert bound_usd == pytest.approx(direct.bound_usd, rel=1e-3, abs=1e-3)
