"""Master problems and their smoothed dual: the formulas hold, and prices come near the best."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridplace.solver import dual
from hybridplace.solver.dual import raise_prices
from hybridplace.solver.lp import relax
from hybridplace.solver.master import Master, Rows, core, static_master
from hybridplace.solver.pricing import costs_at, reduced
from tests.solver.drawn import drawn_instance
from tests.solver.small import small_instance

SEEDS = st.integers(0, 2**32 - 1)


def _master(instance) -> tuple[Master, Rows]:
    rows = np.arange(len(instance.options.job))
    return static_master(instance, costs_at(instance, rows, np.zeros_like(rows)))


def _crowd(seed: int) -> Master:
    """Return 60 jobs with budgets and shares."""
    instance = drawn_instance(60, seed, limits=2)
    share = np.random.default_rng(seed).uniform(0, 0.2, len(instance.options.job))
    options = replace(instance.options, share=share)
    return _master(replace(instance, options=options, unfair_usd=500.0))[0]


@given(SEEDS, SEEDS)
@settings(max_examples=100, deadline=None)
def test_bound_is_that_of_exact_pricing(seed, other):
    """The Lagrangian of the master problem is the one that exact pricing of all options says."""
    instance = small_instance(seed, slots=1, jobs=6)
    master, where = _master(instance)
    price = np.random.default_rng(other).uniform(0, 9, len(master.at_most))
    proven = reduced(instance, where.prices(instance, price)).bound_usd
    assert master.bound_usd(price) == pytest.approx(proven, rel=1e-9, abs=1e-9)


@given(SEEDS)
@settings(max_examples=50, deadline=None)
def test_core_has_the_lagrangian_of_the_whole(seed):
    """At any prices within the box, what was decided or dropped changes nothing."""
    draw = np.random.default_rng(seed)
    master = _crowd(seed % 5)
    price = draw.uniform(0, 2, len(master.at_most))
    box = draw.uniform(0, 1, len(price)) * draw.choice([0.01, 0.1, 1.0])
    near = core(master, price, box)
    inside = np.maximum(price + box * draw.uniform(-1, 1, len(box)), 0.0)
    assert len(near.columns) + len(near.decided) < len(master.cost_usd)
    assert near.master.bound_usd(inside) == pytest.approx(master.bound_usd(inside), rel=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_slope_and_curvature_are_derivatives(seed):
    """Both agree with differences of the value and of the slope."""
    master = _crowd(seed)
    smooth = dual._smooth(master, 0.3, dual.row_scale(master))
    draw = np.random.default_rng(seed)
    price, way = draw.uniform(0, 1, (2, len(master.at_most)))
    price[-master.shares :] *= 200.0
    small = 1e-5 * way
    here = dual._spread(smooth, price)
    before, after = dual._spread(smooth, price - small), dual._spread(smooth, price + small)
    assert after.usd - before.usd == pytest.approx(2 * here.slope @ small, rel=1e-5)
    hessian, damping, _ = dual._curvature(smooth, here)
    change = after.slope - before.slope
    assert np.allclose(change, -2 * hessian @ small, rtol=1e-2, atol=1e-2 * np.abs(change).max())
    assert np.linalg.eigvalsh(hessian).min() > -1e-9 * np.abs(hessian).max()
    assert (damping > 0).all()


@given(SEEDS)
@settings(max_examples=100, deadline=None)
def test_step_gains_within_its_bounds(seed):
    """It keeps its bounds, and its model gains at least half of what the best step gains."""
    draw = np.random.default_rng(seed)
    rows = int(draw.integers(1, 8))
    root = draw.normal(size=(rows, rows))
    system, slope = root @ root.T + 0.1 * np.eye(rows), draw.normal(size=rows)
    low, high = -draw.uniform(0, 1, rows), draw.uniform(0, 1, rows)
    step = dual._step(slope, system, low, high)
    best = np.zeros(rows)
    for _ in range(3_000 // rows):
        best = np.clip(best + (slope - system @ best) / np.trace(system), low, high)
    gain, most = (slope @ d - d @ system @ d / 2 for d in (step, best))
    assert ((low <= step) & (step <= high)).all()
    assert gain >= 0.5 * most - 1e-9


@pytest.mark.parametrize("limits", [0, 2])
@pytest.mark.parametrize("seed", [1, 2])
def test_prices_are_near_the_best(limits, seed):
    """A thousand jobs: Newton steps alone come within 0.5 % of the linear program."""
    master, _ = _master(drawn_instance(1000, seed, limits=limits))
    price, box = raise_prices(master)
    best = relax(master, price, box)
    assert best.optimal
    assert (price >= 0).all()
    assert (box > 0).all()
    assert 0.995 * best.bound_usd <= master.bound_usd(price) <= best.bound_usd * (1 + 1e-9)
    assert master.bound_usd(np.zeros_like(price)) < 0.9 * best.bound_usd
