"""Copies of data: what plans pay for them, and prices that bound it from below."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridplace.solver.copies import charges, data_usd, unclaimed_usd
from hybridplace.solver.instance import Choice, Instance, Prices
from hybridplace.solver.pricing import reduced
from tests.solver.small_data import SITES, every_choice, judge, optimum_usd, small_data_instance


def _prices(instance: Instance, seed: int, scale: float) -> Prices:
    draw = np.random.default_rng(seed)
    assert instance.data is not None
    reads, sites = len(instance.data.reads), len(instance.data.usd_gib)
    return Prices(
        capacity=draw.exponential(0.5, instance.capacity.shape) * np.isfinite(instance.capacity),
        limit=draw.exponential(0.1, len(instance.at_most)),
        share=np.zeros(1),
        copy=draw.exponential(scale, (reads, sites)),
        edge=draw.exponential(scale, (reads, sites)),
    )


def _bound_usd(instance: Instance, prices: Prices) -> float:
    options = instance.options
    extra = charges(instance, prices)[options.job, options.site]
    return reduced(instance, prices, extra).bound_usd + unclaimed_usd(instance, prices)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.sampled_from([0.1, 1.0, 5.0]))
def test_no_prices_bound_more_than_the_optimum(seed: int, scale: float) -> None:
    """Whatever the prices of capacity, limits, copies and edges, no plan costs less."""
    instance = small_data_instance(seed)
    assert _bound_usd(instance, _prices(instance, seed, scale)) <= optimum_usd(instance) + 1e-9


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_copies_cost_what_the_slow_judge_says(seed: int) -> None:
    """Sharing, delivery, made data and barred copies are priced as one by one."""
    instance = small_data_instance(seed, jobs=4)
    roomy = replace(
        instance,
        capacity=np.full_like(instance.capacity, np.inf),
        at_most=np.full_like(instance.at_most, np.inf),
    )
    options = instance.options
    assert instance.data is not None
    assert roomy.data is not None
    roomy = replace(roomy, data=replace(roomy.data, cache_gib=np.full(SITES, np.inf)))
    for choice in every_choice(roomy):
        site = np.where(choice.option < 0, -1, options.site[choice.option])
        placed = choice.option[choice.option >= 0]
        usd = options.cost_usd[placed].sum()
        usd += instance.jobs.reject_usd[choice.option < 0].sum()
        assert usd + data_usd(instance.data, site) == pytest.approx(judge(roomy, choice))


def test_readers_who_pay_too_much_lower_the_bound() -> None:
    """What readers pay beyond the fee of a copy is taken off: else the bound would be wrong."""
    broken = 0
    for seed in range(15):
        instance = small_data_instance(seed)
        prices = _prices(instance, seed, 20.0)
        options = instance.options
        extra = charges(instance, prices)[options.job, options.site]
        broken += reduced(instance, prices, extra).bound_usd > optimum_usd(instance)
        assert unclaimed_usd(instance, prices) <= 0.0
    assert broken > 5


def test_a_dataset_comes_to_a_site_once() -> None:
    """Two readers at one site cost one copy, at two sites two."""
    instance = small_data_instance(0)
    assert instance.data is not None
    data = replace(
        instance.data,
        reads=np.array([[0, 0], [1, 0]]),
        maker=np.array([-1, -1]),
        fee_usd=np.array([[0.0, 7.0, 5.0], [0.0, 0.0, 0.0]]),
        deliver=np.zeros((0, 2), dtype=np.int64),
    )
    for sites, usd in (((1, 1), 7.0), ((1, 2), 12.0), ((0, 2), 5.0), ((1, -1), 7.0)):
        assert data_usd(data, np.array([*sites, -1, -1, -1])) == usd


def test_a_result_nobody_makes_cannot_be_read() -> None:
    """A plan that reads what its left-out maker would make costs inf."""
    for seed in range(10):
        instance = small_data_instance(seed)
        data = instance.data
        assert data is not None
        made = np.flatnonzero(data.maker[data.reads[:, 1]] >= 0)
        if len(made):
            reader, dataset = data.reads[made[0]]
            site = np.zeros(5, dtype=np.int64)
            site[data.maker[dataset]] = -1
            assert site[reader] >= 0
            assert data_usd(data, site) == np.inf
            left_out = Choice(option=np.full(5, -1), start=np.zeros(5, dtype=np.int64))
            assert judge(instance, left_out) == instance.jobs.reject_usd.sum()
