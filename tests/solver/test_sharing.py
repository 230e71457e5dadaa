"""Prices for shared data and pipelines: right bounds, and good ones."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridplace.solver.copies import charges, unclaimed_usd
from hybridplace.solver.instance import Instance
from hybridplace.solver.pipelines import edge_prices, forest_of, gather, softmin, spread
from hybridplace.solver.pricing import costs_at, no_prices, reduced
from hybridplace.solver.relaxation import relaxed_of
from hybridplace.solver.shared import priced, without_sharing
from hybridplace.solver.sharing import Shared, ascend, project, values
from tests.solver.drawn_data import SITES, drawn_data_instance
from tests.solver.small_data import optimum_usd, small_data_instance


@cache
def _drawn(seed: int) -> tuple[Instance, Shared]:
    instance = drawn_data_instance(120, seed)
    return instance, ascend(relaxed_of(instance))[1]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), slots=st.sampled_from([1, 3]))
def test_the_bound_is_below_the_optimum(seed: int, slots: int) -> None:
    """With limits, barred copies, deliveries and results that several jobs read."""
    instance = small_data_instance(seed, jobs=4, slots=slots)
    shared = priced(relaxed_of(instance))[1]
    assert shared.bound_usd <= optimum_usd(instance) + 1e-7


def test_the_bound_is_near_the_optimum_of_small_problems() -> None:
    """What the prices prove is most of what a plan costs, though small problems are lumpy."""
    parts = []
    for seed in range(12):
        instance = small_data_instance(seed, jobs=4)
        parts.append(ascend(relaxed_of(instance))[1].bound_usd / optimum_usd(instance))
    assert np.median(parts) > 0.85


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_lost_between_readers_and_copies(seed: int) -> None:
    """Readers pay for each copy its fee and no more; so do readers of results."""
    instance, shared = _drawn(seed)
    assert unclaimed_usd(instance, shared.prices) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("seed", [1, 2])
def test_anybody_can_recompute_the_bound(seed: int) -> None:
    """From prices alone, with the formula of `Prices`."""
    instance, shared = _drawn(seed)
    options = instance.options
    extra = charges(instance, shared.prices)[options.job, options.site]
    bound = reduced(instance, shared.prices, extra).bound_usd
    assert bound + unclaimed_usd(instance, shared.prices) == pytest.approx(shared.bound_usd)


@pytest.mark.parametrize("seed", [1, 2])
def test_prices_of_copies_and_edges_prove_more_than_none(seed: int) -> None:
    """Without what readers pay, the same prices of capacity prove less; also without edges."""
    instance, shared = _drawn(seed)
    none = no_prices(instance)
    for weaker in (
        replace(shared.prices, copy=None),
        replace(shared.prices, edge=None),
        replace(shared.prices, capacity=none.capacity),
    ):
        extra = charges(instance, weaker)[instance.options.job, instance.options.site]
        less = reduced(instance, weaker, extra).bound_usd + unclaimed_usd(instance, weaker)
        assert less < 0.999 * shared.bound_usd


@pytest.mark.parametrize("slots", [1, 4])
def test_the_bound_is_the_linear_optimum(slots: int) -> None:
    """It comes within 0.2 % of the linear program with strong links, solved by GLOP."""
    instance = drawn_data_instance(60, 5, slots=slots)
    assert priced(relaxed_of(instance))[1].bound_usd == pytest.approx(
        _linear_usd(instance), rel=2e-3
    )


def _linear_usd(instance: Instance) -> float:
    """Return the optimum of the linear relaxation, one variable and row at a time."""
    from ortools.linear_solver import pywraplp

    options = instance.options
    solver = pywraplp.Solver.CreateSolver("GLOP")
    count = options.latest - options.earliest + 1
    option = np.repeat(np.arange(len(count)), count)
    start = np.concatenate(
        [np.arange(a, b + 1) for a, b in zip(options.earliest, options.latest, strict=True)]
    )
    x = [solver.NumVar(0, solver.infinity(), "") for _ in option]
    out = [solver.NumVar(0, solver.infinity(), "") for _ in instance.jobs.reject_usd]
    cost = sum(c * v for c, v in zip(costs_at(instance, option, start), x, strict=True))
    cost += sum(p * v for p, v in zip(instance.jobs.reject_usd, out, strict=True))
    at = {}
    for job in range(len(out)):
        rows = np.flatnonzero(options.job[option] == job)
        solver.Add(sum(x[k] for k in rows) + out[job] == 1)
        for s in range(SITES):
            at[job, s] = sum(x[k] for k in rows if options.site[option[k]] == s)
    for group in np.unique(options.group[options.group >= 0]):
        for slot in range(instance.slots):
            runs = (start <= slot) & (slot < start + options.slots[option])
            rows = np.flatnonzero((options.group[option] == group) & runs)
            used = sum(options.use[option[k], 0] * x[k] for k in rows)
            solver.Add(used <= float(instance.capacity[group, 0, slot]))
    solver.Minimize(cost + _copies(instance, solver, at) + _results(instance, solver, at))
    assert solver.Solve() == pywraplp.Solver.OPTIMAL
    return solver.Objective().Value()


def _copies(instance: Instance, solver: Any, at: dict[tuple[int, int], Any]) -> Any:
    """Add strong links, one for each job, dataset with homes and site; return what copies cost."""
    data = instance.data
    assert data is not None
    cost, copied = 0.0, {}
    for job, d in data.reads:
        for s in range(SITES if data.maker[d] < 0 else 0):
            if (d, s) not in copied:
                copied[d, s] = solver.NumVar(0, 1, "")
                cost += float(data.fee_usd[d, s]) * copied[d, s]
            solver.Add(at[job, s] <= copied[d, s])
    return cost


def _results(instance: Instance, solver: Any, at: dict[tuple[int, int], Any]) -> Any:
    """Add the flow of results from makers to readers; return what it costs with deliveries."""
    data = instance.data
    assert data is not None
    usd_gib, cost = data.usd_gib, 0.0
    for job, d in data.reads[data.maker[data.reads[:, 1]] >= 0]:
        flow = {}
        for s, t in product(range(SITES), repeat=2):
            delivered = (data.deliver == (d, t)).all(axis=1).any()
            flow[s, t] = solver.NumVar(0, solver.infinity(), "")
            cost += (0.0 if delivered else float(data.size_gib[d] * usd_gib[s, t])) * flow[s, t]
        for s in range(SITES):
            solver.Add(sum(flow[s, t] for t in range(SITES)) <= at[int(data.maker[d]), s])
            solver.Add(sum(flow[t, s] for t in range(SITES)) >= at[job, s])
    for d, t in data.deliver:
        for s in range(SITES):
            cost += float(data.size_gib[d] * usd_gib[s, t]) * at[int(data.maker[d]), s]
    return cost


@pytest.mark.parametrize("slots", [1, 4])
def test_the_same_instance_has_the_same_prices(slots: int) -> None:
    """Byte for byte."""
    first, again = (
        priced(relaxed_of(drawn_data_instance(80, 3, slots=slots)))[1] for _ in range(2)
    )
    assert first.bound_usd == again.bound_usd
    for name in ("capacity", "limit", "share", "copy", "edge"):
        assert getattr(first.prices, name).tobytes() == getattr(again.prices, name).tobytes()


def test_sharing_charges_readers_less() -> None:
    """Who is charged a copy of its own pays more than all that is proven for shared copies."""
    instance, shared = _drawn(1)
    alone = relaxed_of(without_sharing(instance))
    ascent, _ = ascend(alone)
    usd, _, _ = values(alone, alone.offered, ascent.price, ascent.copy, 0.0)
    assert usd > 1.01 * shared.bound_usd


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_messages_find_the_cheapest_sites_of_trees(seed: int) -> None:
    """Exact messages find what trying all sites finds, and their edge prices prove it."""
    instance = small_data_instance(seed, jobs=5)
    data = instance.data
    assert data is not None
    forest = forest_of(data, 5, np.ones(data.fee_usd.shape))
    draw = np.random.default_rng(seed)
    usd = draw.uniform(0, 10, (5, 4))
    usd[draw.random(usd.shape) < 0.1] = np.inf
    usd[:, 3] = 30.0
    total = usd.copy()
    messages = gather(forest, total, 0.0)
    best = min(
        sum(usd[job, s] for job, s in enumerate(sites))
        + sum(
            level.usd[k, sites[level.child[k]], sites[level.parent[k]]]
            for level in forest.levels
            for k in range(len(level.child))
        )
        for sites in product(range(4), repeat=5)
    )
    assert total.min(axis=1)[forest.root].sum() == pytest.approx(best)
    spread(forest, total, messages, 0.0)
    edge = edge_prices(forest, messages, len(data.reads), 1e3)
    alone = usd.copy()
    for level in forest.levels:
        for k in range(len(level.child)):
            maker, reader = level.child[k], level.parent[k]
            if not level.makes[k]:
                maker, reader = reader, maker
            alone[reader, :3] += edge[level.read[k]]
            alone[maker, :3] -= edge[level.read[k]]
    assert (edge >= -1e-9).all()
    assert alone.min(axis=1).sum() == pytest.approx(best)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), tau=st.sampled_from([1e-3, 0.1, 10.0]))
def test_the_smoothed_minimum_is_below_by_little(seed: int, tau: float) -> None:
    """Within tau times the logarithm of how many there are, also far apart."""
    usd = np.random.default_rng(seed).uniform(0, 1000, (6, 9))
    usd[0, 1:] = np.inf
    low, exact = softmin(usd, 1, tau), softmin(usd, 1, 0.0)
    assert (low <= exact + 1e-6 * tau).all()
    assert (low >= exact - tau * np.log(9) - 1e-6 * tau).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_payments_sum_to_the_fee(seed: int) -> None:
    """None is below 0, together they are the fee, and no other such payments are nearer."""
    readers = relaxed_of(drawn_data_instance(30, seed % 50)).readers
    draw = np.random.default_rng(seed)
    wanted = draw.normal(0, 20, (len(readers.of), readers.fee_usd.shape[1]))
    paid, _ = project(wanted, readers, None)
    assert (paid >= 0).all()
    assert np.allclose(readers.by_dataset @ paid, readers.fee_usd, rtol=1e-6, atol=1e-6)
    other = draw.exponential(1.0, wanted.shape)
    other *= (readers.fee_usd / (readers.by_dataset @ other))[readers.of]
    assert ((paid - wanted) ** 2).sum() <= ((other - wanted) ** 2).sum() + 1e-3
