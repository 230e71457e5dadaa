"""`compile_instance` against the scalar formulas of the model, figure by figure, and dominance."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridplace.model.capacity import quota_use
from hybridplace.model.cost import (
    UnknownFigureError,
    lateness_usd,
    rejection_costs,
    run_carbon_g,
    run_costs,
)
from hybridplace.model.job import Job
from hybridplace.model.plan import Placement
from hybridplace.model.problem import LimitMeasure, Problem
from hybridplace.model.run import run_of, slot_count, workers_per_machine
from hybridplace.model.site import Market, Offer
from hybridplace.model.verify_placement import breaches
from hybridplace.solver.block import Block
from hybridplace.solver.compile import compile_instance, dues_of
from hybridplace.solver.groups import group_of, groups_of
from hybridplace.solver.instance import Instance
from hybridplace.solver.offers import own_first
from hybridplace.solver.reasons import TEXT, Reason
from hybridplace.solver.supply import chunk_of, supply_of
from tests import brute
from tests.model.drawing import small_problems
from tests.solver.counted import share_of, uses_of
from tests.solver.crowding import crowded_problem


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-12)


def _between(least: float, amount: float, most: float) -> bool:
    """Say whether an amount is within bounds, which are the same where nothing changes by time."""
    if least == most:
        return _same(least, amount)
    return least - 1e-9 <= amount <= most + 1e-9


def _counts_carbon(problem: Problem) -> bool:
    measures = [limit.measure for limit in problem.limits]
    return problem.assumptions.carbon_usd_t > 0 or LimitMeasure.CARBON_G in measures


def all_pairs(problem: Problem):
    """Yield each job with its pairs on all offers, one shape at a time."""
    chunk = chunk_of(supply_of(problem), problem.jobs)
    for row in range(len(chunk.shapes.job)):
        block = Block(chunk, np.array([row]), own_first(chunk.supply.offers))
        yield problem.jobs[chunk.shapes.job[row]], int(chunk.shapes.shape[row]), block


def _check_pair(problem, job, shape_row, block, at) -> None:
    """Hold the figures of one pair to those of its run, and its reasons to `verify`."""
    offer, shape = problem.offers[block.offers[at]], job.shapes[shape_row]
    kind, reasons = block.kind[at], block.reasons[at, 0]
    begin_h = float(block.first[at if block.waits else 0, 0]) * problem.slot_h
    run = run_of(problem, job, offer, shape, begin_h)
    assert block.runs.per_machine[kind, 0] == workers_per_machine(shape, offer)
    if run is None or reasons & (Reason.TIME | Reason.DATA):
        assert reasons
        return
    assert _same(begin_h + block.runs.hours[kind, 0], run.end_h)
    assert _same(block.accelerator_h[at, 0], shape.accelerators * run.worker_h)
    least, most = block.chunk.supply.bounds
    carbon_g = run_carbon_g(problem, offer, shape, run)
    if carbon_g is None:
        assert np.isnan(block.carbon_g(least)[at, 0])
    elif _counts_carbon(problem):
        assert _between(block.carbon_g(least)[at, 0], carbon_g, block.carbon_g(most)[at, 0])
    try:
        costs = run_costs(problem, job, offer, shape, run)
    except UnknownFigureError:
        assert reasons
        return
    steady_usd = costs.total_usd - costs.lateness_usd
    assert _between(block.usd(least)[at, 0], steady_usd, block.usd(most)[at, 0])
    assert _between(block.money_usd(least)[at, 0], costs.money_usd, block.money_usd(most)[at, 0])
    alone = Placement(
        job=job.id,
        offer=offer.id,
        shape=shape_row,
        start_h=begin_h,
        end_h=run.end_h,
        machines=run.machines,
    )
    if offer.market is not Market.OWNED and reasons == 0:
        assert () == tuple(breaches(problem, alone))


@settings(max_examples=150)
@given(small_problems())
def test_arrays_equal_the_formulas(problem):
    """Every figure of every pair is what the model says; what may be used breaks no rule."""
    for job, shape, block in all_pairs(problem):
        for at in range(len(block.offers)):
            _check_pair(problem, job, shape, block, at)


def _alone(problem: Problem, job: Job) -> Problem:
    """Return the problem of one job, without what ties it to others."""
    inputs = tuple(one for one in job.inputs if one not in problem.producer)
    limits = tuple(one for one in problem.limits if one.job in (None, job.id))
    return replace(
        problem,
        jobs=(replace(job, inputs=inputs, same_site_as=(), apart_from=()),),
        spreads=(),
        limits=limits,
        denials=tuple(
            one for one in problem.denials if one.action == "transfer" or job.id in one.subjects
        ),
        leases=tuple(one for one in problem.leases if one.job == job.id),
    )


def _can_be(problem: Problem, offer: Offer, shape: int) -> bool:
    """Say whether some plan that places the only job of a problem there holds."""
    (job,) = problem.jobs
    nothing = replace(brute.stated(problem, (), (), (job.id,)), objective_usd=math.inf)
    return any(
        math.isfinite(brute._with_transfers(problem, (placement,), nothing).objective_usd)
        for slot in range(math.ceil(problem.horizon_h / problem.slot_h))
        for placement in brute._placements(
            problem, job, offer, shape, job.shapes[shape], slot * problem.slot_h
        )
        if not any(breaches(problem, placement))
    )


def _check_masks(problem: Problem) -> None:
    """Hold the masks to trying everything; where data moves, without budgets: it is on them too."""
    budgets = [one for one in problem.limits if one.measure == "usd" and problem.datasets]
    limits = tuple(one for one in problem.limits if one not in budgets)
    problem = replace(problem, limits=limits)
    for job, shape, block in all_pairs(problem):
        alone = _alone(problem, job)
        expected = [_can_be(alone, problem.offers[offer], shape) for offer in block.offers]
        found = (block.reasons[:, 0] == 0).tolist()
        if problem.forecasts or problem.maintenance:
            # Whether something can be there at some time is more than masks can tell.
            found = [one and other for one, other in zip(found, expected, strict=True)]
        assert expected == found


@settings(max_examples=150)
@given(small_problems())
def test_a_pair_is_out_exactly_when_it_cannot_be(problem):
    """No reason stands against a pair if and only if the job alone can be there, at some time."""
    _check_masks(problem)


def test_pairs_of_crowded_problems_are_out_exactly_when_they_cannot_be():
    """The same where capacity is tight and data is far."""
    for problem in map(crowded_problem, range(100)):
        _check_masks(problem)


@settings(max_examples=50)
@given(small_problems())
def test_masks_of_many_jobs_are_those_of_each(problem):
    """Pricing all shapes of one hardware on its offers tells what pricing one on all tells."""
    chunk = chunk_of(supply_of(problem), problem.jobs)
    alone = {
        (job.id, shape): dict(zip(block.offers.tolist(), block.reasons[:, 0], strict=True))
        for job, shape, block in all_pairs(problem)
    }
    key = [
        (hardware, bool(chunk.jobs.serves[job]))
        for job, hardware in zip(chunk.shapes.job, chunk.shapes.hardware, strict=True)
    ]
    for one in set(key):
        rows = np.flatnonzero([one == other for other in key])
        block = Block(chunk, rows, own_first(chunk.supply.offers))
        for column, row in enumerate(rows):
            name = problem.jobs[chunk.shapes.job[row]].id
            told = dict(zip(block.offers.tolist(), block.reasons[:, column], strict=True))
            assert alone[name, int(chunk.shapes.shape[row])] == told


def test_every_reason_has_words():
    """No bit of the mask is without a text."""
    assert set(Reason) == set(TEXT)


def _check_option(problem: Problem, instance: Instance, row: int) -> None:
    """Hold every figure of an option, from its first and its last start, to the model."""
    o = instance.options
    job, offer = problem.jobs[o.job[row]], problem.offers[o.offer[row]]
    shape = job.shapes[o.shape[row]]
    assert o.first[o.job[row]] <= row < o.first[o.job[row] + 1]
    assert problem.sites[o.site[row]].id == offer.site
    for start in range(int(o.earliest[row]), int(o.latest[row]) + 1):
        begin_h = start * problem.slot_h
        run = run_of(problem, job, offer, shape, begin_h)
        assert run is not None
        costs = run_costs(problem, job, offer, shape, run)
        cost_usd, uses = _figures(instance, row, start)
        assert _same(cost_usd, costs.total_usd - lateness_usd(job, run.end_h))
        assert _same(begin_h + o.hours[row], run.end_h)
        assert slot_count(problem, begin_h, run.end_h) == o.slots[row] == len(run.workers)
        use = o.use[row] * np.ones((len(run.workers), 1))
        if o.curve[row] >= 0:
            assert o.earliest[row] == o.latest[row]
            use = use * o.curves[o.curve[row], : len(run.workers), None]
        for slot, workers in enumerate(run.workers):
            assert np.allclose(use[slot], _used(problem, offer, shape, workers), rtol=1e-12)
        placement = Placement(
            job=job.id,
            offer=offer.id,
            shape=int(o.shape[row]),
            start_h=begin_h,
            end_h=run.end_h,
            machines=run.machines,
        )
        for number, used in enumerate(uses_of(problem, placement)):
            assert _same(uses.get(number, 0.0), used)
        assert _same(o.share[row], share_of(problem, placement))
        told = tuple(breaches(problem, placement))
        assert not told or offer.market is Market.OWNED
    group = group_of(offer)
    assert o.group[row] == (-1 if group is None else groups_of(problem).index(group))


def _figures(instance: Instance, row: int, start: int) -> tuple[float, dict[int, float]]:
    """Return what an option costs without lateness, and counts towards limits, from a start on."""
    o, h = instance.options, instance.hourly
    counted = dict(zip(o.limit[row].tolist(), o.limit_use[row].tolist(), strict=True))
    uses = {limit: use for limit, use in counted.items() if limit >= 0}
    if h is None:
        return o.cost_usd[row], uses
    end, slots, parts = start + o.hours[row] / instance.slot_h, np.arange(instance.slots + 1), []
    for rate, series in zip(h.rate[row], h.row[row], strict=True):
        spent = np.interp([start, end], slots, h.cumulative[series]) if series >= 0 else (0.0, 0.0)
        parts.append(rate * (spent[1] - spent[0]))
    uses = {limit: use + h.limit_weight[limit] @ parts for limit, use in uses.items()}
    return o.cost_usd[row] + h.cost_weight @ parts, uses


def _used(problem: Problem, offer, shape, workers) -> list[float]:
    """Return what workers take of each resource of their group."""
    if offer.market is Market.OWNED:
        return [workers * shape.accelerators, workers * shape.cpus, workers * shape.memory_gib]
    measure = problem.pool[offer.pool].measure if offer.pool else None
    return [quota_use(offer, shape, workers, measure) if measure else 0.0, 0.0, 0.0]


@settings(max_examples=150)
@given(small_problems())
def test_options_are_what_the_model_says(problem):
    """Each kept option has the figures that its run has, wherever it may start."""
    instance = compile_instance(problem)
    for row in range(len(instance.options.job)):
        _check_option(problem, instance, row)


def test_options_of_crowded_problems_are_what_the_model_says():
    """The same where own nodes serve loads that change by the hour."""
    for problem in map(crowded_problem, range(60)):
        instance = compile_instance(problem)
        for row in range(len(instance.options.job)):
            _check_option(problem, instance, row)


def _priced(problem: Problem, prices, job, shape, block, at) -> float:
    """Return the least reduced cost of a pair over its starts; inf if it may not be used."""
    if block.reasons[at, 0]:
        return math.inf
    capacity, limit_prices, share_prices = prices
    offer, least = problem.offers[block.offers[at]], math.inf
    group = group_of(offer)
    first = int(block.first[at if block.waits else 0, 0])
    for start in range(first, capacity.shape[2]):
        begin_h = start * problem.slot_h
        run = run_of(problem, job, offer, job.shapes[shape], begin_h)
        if run is None or run.end_h > block.latest_end_h[0] + 1e-6:
            break
        cost = run_costs(problem, job, offer, job.shapes[shape], run).total_usd
        if group is not None:
            for slot, workers in enumerate(run.workers, start):
                used = _used(problem, offer, job.shapes[shape], workers)
                cost += capacity[groups_of(problem).index(group), :, slot] @ used
        placement = Placement(
            job=job.id,
            offer=offer.id,
            shape=shape,
            start_h=begin_h,
            end_h=run.end_h,
            machines=run.machines,
        )
        cost += limit_prices @ uses_of(problem, placement)
        cost -= share_prices.get(job.tenant, 0.0) * share_of(problem, placement)
        least = min(least, cost)
        if job.kind == "inference":
            break
    return least


def _least(problem: Problem, instance: Instance, prices, number: int) -> float:
    """Return the least reduced cost of the kept options of a job over their starts."""
    o, (capacity, limit_prices, share_prices), least = instance.options, prices, math.inf
    share_usd = share_prices.get(problem.jobs[number].tenant, 0.0)
    for row in range(o.first[number], o.first[number + 1]):
        for start in range(o.earliest[row], o.latest[row] + 1):
            end_h = start * problem.slot_h + o.hours[row]
            cost, uses = _figures(instance, row, start)
            cost += lateness_usd(problem.jobs[number], end_h)
            for slot in range(o.slots[row] if o.group[row] >= 0 else 0):
                share = o.curves[o.curve[row], slot] if o.curve[row] >= 0 else 1.0
                cost += share * (capacity[o.group[row], :, start + slot] @ o.use[row])
            cost += sum(limit_prices[limit] * use for limit, use in uses.items())
            cost -= share_usd * o.share[row]
            least = min(least, cost)
    return least


def _check_bound(problem: Problem, seed: int) -> None:
    """Hold the Lagrangian over kept options to that over all block, at prices drawn from a seed."""
    draw = np.random.default_rng(seed)
    instance = compile_instance(problem)
    capacity = draw.exponential(0.3, instance.capacity.shape)
    capacity *= draw.random(instance.capacity.shape) < 0.5
    limits = draw.exponential(0.3, len(instance.at_most))
    limits *= draw.random(len(limits)) < 0.5
    shares = {name: float(draw.exponential(3.0)) for name in dues_of(problem)}
    prices = capacity, limits, shares
    everything: dict[str, float] = {}
    for job, shape, block in all_pairs(problem):
        for at in range(len(block.offers)):
            cost = _priced(problem, prices, job, shape, block, at)
            everything[job.id] = min(everything.get(job.id, math.inf), cost)
    for number, job in enumerate(problem.jobs):
        reject_usd = rejection_costs(problem, job).total_usd
        assert _same(instance.jobs.reject_usd[number], reject_usd)
        kept = min(reject_usd, _least(problem, instance, prices, number))
        assert math.isclose(kept, min(reject_usd, everything[job.id]), rel_tol=1e-9, abs_tol=1e-9)


@settings(max_examples=100)
@given(small_problems(), st.integers(0, 100))
def test_no_price_makes_a_dropped_pair_the_best(problem, seed):
    """At any prices that are not negative the best of the kept is the best of all, to 1e-9."""
    _check_bound(problem, seed)


@pytest.mark.parametrize("first", range(0, 120, 30))
def test_no_price_makes_a_dropped_pair_of_crowded_problems_the_best(first):
    """The same where several pairs of a job compete for the same."""
    for seed in range(first, first + 30):
        _check_bound(crowded_problem(seed), seed)


@settings(max_examples=30)
@given(small_problems())
def test_the_size_of_chunks_is_no_information(problem):
    """Compiled job by job, a problem gives the same arrays as compiled at once."""
    once = compile_instance(problem).options
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hybridplace.solver.compile.CHUNK", 1)
        by_job = compile_instance(problem).options

    for field in fields(once):
        one, other = getattr(once, field.name), getattr(by_job, field.name)
        if field.name in ("curve", "curves"):
            continue
        assert one.tolist() == other.tolist()
    for row in np.flatnonzero(once.curve >= 0):
        same = once.curves[once.curve[row]] == by_job.curves[by_job.curve[row]]
        assert same.all()
