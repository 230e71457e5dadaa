"""Exact pricing agrees with a slow loop, and its bound is below every plan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridplace.solver.instance import Instance, Prices
from hybridplace.solver.pricing import (
    costs_at,
    limit_uses_at,
    no_prices,
    reduced,
    reduced_at,
)
from tests.solver.drawn import drawn_instance
from tests.solver.small import (
    cheapest_usd,
    pair_limits,
    pair_usd,
    pair_uses,
    small_instance,
)

SEEDS = st.integers(0, 2**32 - 1)


def drawn_prices(instance: Instance, seed: int) -> Prices:
    """Return prices of everything limited, drawn from a seed; many are 0."""
    draw = np.random.default_rng(seed)
    capacity = draw.uniform(0, 3, instance.capacity.shape)
    capacity[draw.random(capacity.shape) < 0.4] = 0.0
    capacity[np.isinf(instance.capacity)] = 0.0
    return Prices(
        capacity=capacity,
        limit=draw.uniform(0, 2, len(instance.at_most)) * (draw.random() < 0.7),
        share=draw.uniform(0, 20, 1 + instance.jobs.tenant.max(initial=-1)) * (draw.random() < 0.7),
    )


def _reduced_usd(instance: Instance, prices: Prices, i: int, t: int) -> float:
    usd = pair_usd(instance, i, t)
    group = instance.options.group[i]
    if group >= 0:
        usd += float((pair_uses(instance, i, t) * prices.capacity[group]).sum())
    usd += float(pair_limits(instance, i, t) @ prices.limit)
    tenant = instance.jobs.tenant[instance.options.job[i]]
    return usd - float(prices.share[tenant] * instance.options.share[i])


def _starts(instance: Instance, i: int) -> range:
    return range(instance.options.earliest[i], instance.options.latest[i] + 1)


@given(SEEDS, SEEDS, st.integers(1, 5))
@settings(deadline=None, max_examples=200)
def test_every_option_is_priced_at_its_best_start(seed, prices_seed, slots):
    """The least over all starts is that of a loop over them, and the start has it."""
    instance = small_instance(seed, slots=slots)
    prices = drawn_prices(instance, prices_seed)

    found = reduced(instance, prices)

    for i in range(len(instance.options.job)):
        slow = {t: _reduced_usd(instance, prices, i, t) for t in _starts(instance, i)}
        assert found.usd[i] == pytest.approx(min(slow.values()), abs=1e-9)
        assert slow[int(found.start[i])] == pytest.approx(min(slow.values()), abs=1e-9)


@given(SEEDS, SEEDS, st.integers(1, 4))
@settings(deadline=None, max_examples=200)
def test_the_bound_is_below_every_plan(seed, prices_seed, slots):
    """At any prices: weak duality."""
    instance = small_instance(seed, slots=slots)

    bound = reduced(instance, drawn_prices(instance, prices_seed)).bound_usd

    assert bound <= cheapest_usd(instance) + 1e-9


@given(SEEDS, SEEDS)
@settings(deadline=None, max_examples=50)
def test_pairs_are_priced_one_by_one(seed, prices_seed):
    """Costs, reduced costs and uses of limits of given pairs are those of a loop."""
    instance = small_instance(seed)
    prices = drawn_prices(instance, prices_seed)
    pairs = [(i, t) for i in range(len(instance.options.job)) for t in _starts(instance, i)]
    option, start = np.array(pairs, dtype=np.int64).reshape(-1, 2).T

    cost, usd = costs_at(instance, option, start), reduced_at(instance, prices, option, start)

    assert cost == pytest.approx([pair_usd(instance, *one) for one in pairs])
    assert usd == pytest.approx([_reduced_usd(instance, prices, *one) for one in pairs])
    for row, (i, t) in zip(limit_uses_at(instance, option, start), pairs, strict=True):
        used = np.zeros(len(instance.at_most) + 1)
        np.add.at(used, instance.options.limit[i], row)
        assert used[:-1] == pytest.approx(pair_limits(instance, i, t))


@given(SEEDS, SEEDS)
@settings(deadline=None, max_examples=50)
def test_what_is_extra_adds_to_the_cost(seed, prices_seed):
    """An extra amount per option is as if it were part of its cost."""
    instance = small_instance(seed)
    prices = drawn_prices(instance, prices_seed)
    extra = np.random.default_rng(seed).uniform(0, 5, len(instance.options.job))
    dearer = replace(instance.options, cost_usd=instance.options.cost_usd + extra)

    added = reduced(instance, prices, extra)

    direct = reduced(replace(instance, options=dearer), prices)
    assert added.usd == pytest.approx(direct.usd)
    assert added.bound_usd == pytest.approx(direct.bound_usd)


def test_the_first_of_equal_options_and_starts_wins():
    """Ties go to the smallest index, and a job is left out only if that costs less."""
    instance = drawn_instance(5, 1, slots=24)
    options = instance.options
    same = replace(options, cost_usd=np.full(len(options.job), 7.0))
    jobs = replace(instance.jobs, reject_usd=np.array([7.0, 7.0, 6.0, 8.0, 7.0]))
    instance = replace(instance, options=same, jobs=jobs)

    found = reduced(instance, no_prices(instance))

    assert found.job_option.tolist() == [*options.first[:2], -1, *options.first[3:5]]
    assert (found.start == options.earliest).all()
    assert found.bound_usd == 34.0


def test_blocks_do_not_matter():
    """Many options over many starts, more than one block holds, agree with pricing by pair."""
    instance = drawn_instance(60, 2, slots=168)
    draw = np.random.default_rng(3)
    prices = replace(
        no_prices(instance),
        capacity=draw.random(instance.capacity.shape) * np.isfinite(instance.capacity),
    )
    options = instance.options
    counts = options.latest - options.earliest + 1
    option = np.repeat(np.arange(len(counts)), counts)
    start = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    start += options.earliest[option]

    found = reduced(instance, prices)

    usd = reduced_at(instance, prices, option, start)
    assert counts.sum() > 1 << 17
    assert (np.minimum.reduceat(usd, np.cumsum(counts) - counts) == found.usd).all()
    assert (usd[np.cumsum(counts) - counts + found.start - options.earliest] == found.usd).all()
