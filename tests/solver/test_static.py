"""The static relaxation: its bound is proven and best, its fractional placements keep all rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridplace.solver.instance import Instance
from hybridplace.solver.pricing import costs_at, limit_uses_at, no_prices, reduced
from hybridplace.solver.static import Relaxation, relax_static
from tests.solver.drawn import drawn_instance
from tests.solver.small import TENANTS, cheapest_usd, small_instance

SEEDS = st.integers(0, 2**32 - 1)


def _shared(instance: Instance, seed: int) -> Instance:
    """Return the same with a price for a tenant that gets little of the private pools."""
    draw = np.random.default_rng(seed)
    private = (instance.options.group >= 0) & (instance.options.group < 4)
    of_pools = instance.options.use[:, 0] / instance.capacity[:4, 0, 0].sum()
    weight = draw.uniform(2, 8, 5)[instance.jobs.tenant[instance.options.job]]
    share = np.minimum(private * of_pools * weight, 1.0)
    unfair_usd = 3.0 * float(instance.options.cost_usd.mean() * len(instance.jobs.reject_usd))
    return replace(instance, options=replace(instance.options, share=share), unfair_usd=unfair_usd)


def _value_usd(instance: Instance, relaxation: Relaxation) -> float:
    """Return what the fractional placements cost, after checking that they keep every row."""
    lp, options = relaxation.lp, instance.options
    jobs, tenants = len(instance.jobs.reject_usd), instance.jobs.tenant[options.job[lp.option]]
    placed = np.bincount(options.job[lp.option], lp.value, jobs)
    assert (lp.value > 0).all()
    assert (np.diff(lp.option) > 0).all()
    assert (placed <= 1 + 1e-9).all()
    used = np.zeros(instance.capacity[:, :, 0].shape)
    some = options.group[lp.option] >= 0
    curve = np.append(options.curves[:, 0], 1.0)[options.curve[lp.option]]
    uses = options.use[lp.option] * curve[:, None]
    np.add.at(used, options.group[lp.option][some], (lp.value[:, None] * uses)[some])
    assert (used <= instance.capacity[:, :, 0] + 1e-6).all()
    counted = lp.value[:, None] * limit_uses_at(instance, lp.option, lp.start)
    limit = options.limit[lp.option]
    sums = np.bincount(limit.ravel() + 1, counted.ravel(), len(instance.at_most) + 1)[1:]
    assert (sums <= instance.at_most + 1e-6 * (1 + np.abs(instance.at_most))).all()
    there = np.unique(instance.jobs.tenant)
    share = np.bincount(tenants, lp.value * options.share[lp.option], TENANTS + 9)[there]
    paid = float(costs_at(instance, lp.option, lp.start) @ lp.value)
    rejected = float(instance.jobs.reject_usd @ (1 - placed))
    return paid + rejected + instance.unfair_usd * (1 - min(1.0, share.min(initial=1.0)))


@given(SEEDS)
@settings(max_examples=300, deadline=None)
def test_no_plan_costs_less_than_the_bound(seed):
    """The bound is not above the cheapest plan, also with limits, shares, curves, hourly costs."""
    instance = small_instance(seed, slots=1)
    assert relax_static(instance).bound_usd <= cheapest_usd(instance) + 1e-6


@given(SEEDS)
@settings(max_examples=200, deadline=None)
def test_the_fractional_placements_attain_the_bound(seed):
    """They keep every row and cost what the bound says, unless no plan keeps all limits."""
    instance = small_instance(seed, slots=1, jobs=6)
    relaxation = relax_static(instance)
    if np.isfinite(cheapest_usd(instance)):
        assert relaxation.optimal
        assert _value_usd(instance, relaxation) == pytest.approx(relaxation.bound_usd, abs=1e-5)


@pytest.mark.parametrize("limits", [0, 3])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("seed", [1, 2])
def test_bound_and_placements_meet_on_a_crowded_estate(limits, shared, seed):
    """A thousand jobs: the optimum of the linear program is found, from both sides."""
    instance = drawn_instance(1000, seed, limits=limits)
    instance = _shared(instance, seed) if shared else instance
    relaxation = relax_static(instance)
    assert relaxation.optimal
    assert _value_usd(instance, relaxation) == pytest.approx(relaxation.bound_usd, rel=1e-9)


def test_prices_prove_the_bound():
    """Exact pricing over all options says the same bound, and no price is below 0."""
    instance = _shared(drawn_instance(300, 4, limits=2), 4)
    relaxation = relax_static(instance)
    prices = relaxation.prices
    assert reduced(instance, prices).bound_usd == relaxation.bound_usd
    assert all((one >= 0).all() for one in (prices.capacity, prices.limit, prices.share))
    assert prices.share.any()
    assert prices.limit.any()


@given(SEEDS)
@settings(max_examples=50, deadline=None)
def test_scarcity_never_lowers_the_bound(seed):
    """The bound is at least what the jobs cost if nothing is scarce."""
    instance = small_instance(seed, slots=1, jobs=6)
    free = reduced(instance, no_prices(instance)).bound_usd
    assert relax_static(instance).bound_usd >= free - 1e-9


def test_a_sample_of_many_jobs_leads_to_the_same_optimum(monkeypatch):
    """Prices that start from a sample end at the same bound."""
    instance = drawn_instance(1000, 3, limits=1)
    whole = relax_static(instance)
    monkeypatch.setattr("hybridplace.solver.dual.SAMPLE", 200)
    sampled = relax_static(instance)
    assert sampled.optimal
    assert sampled.bound_usd == pytest.approx(whole.bound_usd, rel=1e-9)


def test_same_instance_same_bytes():
    """Prices and placements are the same to the last bit in every run."""
    instance = _shared(drawn_instance(400, 5, limits=2), 5)
    one, other = relax_static(instance), relax_static(instance)
    assert one.prices.capacity.tobytes() == other.prices.capacity.tobytes()
    assert one.prices.limit.tobytes() == other.prices.limit.tobytes()
    assert one.prices.share.tobytes() == other.prices.share.tobytes()
    assert one.lp.option.tobytes() == other.lp.option.tobytes()
    assert one.lp.value.tobytes() == other.lp.value.tobytes()


def test_extra_costs_are_added():
    """Costs that are given beside the options' own count as these do."""
    instance = drawn_instance(200, 6)
    extra_usd = np.random.default_rng(6).uniform(0, 2, len(instance.options.job))
    options = replace(instance.options, cost_usd=instance.options.cost_usd + extra_usd)
    inside = relax_static(replace(instance, options=options)).bound_usd
    assert relax_static(instance, extra_usd).bound_usd == pytest.approx(inside, rel=1e-12)


def test_nothing_to_decide():
    """No jobs cost nothing; jobs without options cost their rejection."""
    none = drawn_instance(3, 1)
    empty = np.zeros(4, dtype=np.int64)
    options = none.options
    cut = {
        name: getattr(options, name)[:0]
        for name in options.__slots__
        if name not in ("first", "curves")
    }
    left_out = replace(none, options=replace(options, first=empty, **cut))
    assert relax_static(left_out).bound_usd == pytest.approx(none.jobs.reject_usd.sum())
    assert not len(relax_static(left_out).lp.option)


def test_capacities_that_are_endless_or_nothing():
    """Endless capacities cost nothing; without any, each job pays for what needs none."""
    instance = drawn_instance(100, 2)
    endless = replace(instance, capacity=np.full_like(instance.capacity, np.inf))
    cheapest = np.minimum.reduceat(instance.options.cost_usd, instance.options.first[:-1])
    assert relax_static(endless).bound_usd == pytest.approx(cheapest.sum())
    nothing = replace(instance, capacity=np.where(np.isinf(instance.capacity), np.inf, 0.0))
    free = instance.options.cost_usd[instance.options.group < 0]
    assert relax_static(nothing).bound_usd == pytest.approx(free.sum())


def test_a_row_that_only_decided_jobs_use():
    """Where all jobs want the same unit by far more than anything else, its price is found."""
    instance = drawn_instance(50, 7)
    options = instance.options
    cost_usd = np.where(options.group == 0, 0.0, options.cost_usd + 1000.0)
    capacity = instance.capacity.copy()
    capacity[0, 0] = 1.0
    crowded = replace(instance, options=replace(options, cost_usd=cost_usd), capacity=capacity)
    relaxation = relax_static(crowded)
    assert relaxation.optimal
    assert _value_usd(crowded, relaxation) == pytest.approx(relaxation.bound_usd, rel=1e-9)
    assert relaxation.prices.capacity[0, 0, 0] > 1000.0 / 16


def test_all_figures_may_be_zero():
    """Jobs that cost nothing anywhere, nor when left out, cost nothing."""
    instance = drawn_instance(20, 8)
    jobs = replace(instance.jobs, reject_usd=np.zeros(20))
    options = replace(instance.options, cost_usd=np.zeros_like(instance.options.cost_usd))
    assert relax_static(replace(instance, jobs=jobs, options=options)).bound_usd == 0.0
