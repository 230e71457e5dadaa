"""Compiled loops price all options at all starts as `pricing` does, and know how that changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridplace.solver.ascent import Lagrangian
from hybridplace.solver.instance import Instance, Prices
from hybridplace.solver.lines import lines_of, pairs_of, price_vector, prices_of, table_of
from hybridplace.solver.pricing import reduced, reduced_at
from hybridplace.solver.starts import price_pairs
from tests.solver.drawn import drawn_instance, drawn_instance_by_hour
from tests.solver.small import small_instance
from tests.solver.test_pricing import drawn_prices

SEEDS = st.integers(0, 2**32 - 1)
HOT = 1e6
"""At which nothing is left out."""


def _prices(instance: Instance, seed: int) -> Prices:
    prices = drawn_prices(instance, seed)
    fair = instance.unfair_usd > 0
    return prices if fair else replace(prices, share=np.zeros_like(prices.share))


def _lagrangian(instance: Instance) -> Lagrangian:
    lines, jobs = lines_of(instance), np.arange(len(instance.jobs.reject_usd))
    table = table_of(instance, lines, np.zeros(len(instance.options.job)))
    return Lagrangian(lines, table, jobs)


@given(SEEDS, SEEDS, st.integers(1, 5))
@settings(deadline=None, max_examples=100)
def test_pairs_cost_what_they_cost_one_by_one(seed, prices_seed, slots):
    """All options at all starts, in the order of the table."""
    instance = small_instance(seed, slots=slots)
    prices = _prices(instance, prices_seed)
    lines = lines_of(instance)
    table = table_of(instance, lines, np.zeros(len(instance.options.job)))
    pairs = pairs_of(table)

    knots = lines.knots(price_vector(lines, prices))
    price_pairs(table, np.arange(len(table.reject_usd)), knots, HOT, pairs)

    option = np.repeat(table.option, table.rows["count"])
    begin = np.repeat(pairs.begin[:-1], table.rows["count"])
    start = np.arange(len(option)) - begin + instance.options.earliest[option]
    assert pairs.usd == pytest.approx(reduced_at(instance, prices, option, start), abs=1e-9)
    assert pairs.best_usd == pytest.approx(reduced(instance, prices).job_usd, abs=1e-9)


@given(SEEDS, SEEDS, st.floats(1e-3, 10.0))
@settings(deadline=None, max_examples=100)
def test_what_is_left_out_does_not_matter(seed, prices_seed, tau):
    """The value is the bound that `pricing` computes, at any temperature."""
    instance = small_instance(seed)
    prices = _prices(instance, prices_seed)
    lagrangian = _lagrangian(instance)

    price = price_vector(lagrangian.lines, prices)
    found = lagrangian(price, tau, price >= 0)

    assert found.usd == pytest.approx(reduced(instance, prices).bound_usd)
    assert found.smooth_usd <= found.usd + 1e-9


@given(SEEDS, SEEDS, SEEDS)
@settings(deadline=None, max_examples=100)
def test_the_slope_is_that_of_the_smoothed_value(seed, prices_seed, way_seed):
    """A small move changes the value by slope times move, and by no more than stiffness allows."""
    instance = small_instance(seed)
    lagrangian = _lagrangian(instance)
    price = price_vector(lagrangian.lines, _prices(instance, prices_seed)) + 1.0
    price *= lagrangian.limited
    free = price > 0
    draw, tau, size = np.random.default_rng(way_seed), 3.0, 1e-4
    way = draw.normal(size=len(price)) * free
    way[len(price) - lagrangian.lines.tenants :] = 0.0  # whose smoothing has another kink

    before, there, after = (lagrangian(price + k * size * way, tau, free) for k in (-1, 0, 1))

    change = (after.smooth_usd - before.smooth_usd) / (2 * size)
    bend = (2 * there.smooth_usd - after.smooth_usd - before.smooth_usd) / size**2
    assert change == pytest.approx(there.slope @ way, rel=1e-4, abs=1e-3)
    assert bend <= there.stiffness @ way**2 * (1 + 1e-3) + 1e-2


@pytest.mark.parametrize("draw", [drawn_instance, drawn_instance_by_hour])
def test_use_is_that_of_the_parts(draw):
    """Where each job has one cheapest pair, what is used is what these book."""
    instance = draw(60, 4, slots=48)
    lagrangian = _lagrangian(instance)
    lines, price = lagrangian.lines, np.zeros(lagrangian.lines.capacity.size)
    price[:] = 0.01 * np.random.default_rng(1).random(len(price)) * lagrangian.limited
    prices = prices_of(instance, lines, price)

    there = lagrangian(price, 1e-9, price > 0)

    found = reduced(instance, prices)
    booked = np.zeros(instance.capacity.shape)
    for i in found.job_option:
        if instance.options.group[i] >= 0:
            when = slice(found.start[i], found.start[i] + instance.options.slots[i])
            booked[instance.options.group[i], :, when] += instance.options.use[i][:, None]
    used = there.slope + lagrangian.at_most * lagrangian.limited
    assert used == pytest.approx(booked[lines.line >= 0].ravel() * lines.limited.ravel(), abs=1e-6)
