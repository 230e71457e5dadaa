"""The arrays of `compile_problem` against the scalar formulas of the model, figure by figure."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from hybridplace.model.cost import UnknownFigureError, run_carbon_g, run_costs
from hybridplace.model.job import Job
from hybridplace.model.plan import Placement
from hybridplace.model.problem import Problem
from hybridplace.model.run import run_of, workers_per_machine
from hybridplace.model.site import Market, Offer
from hybridplace.model.verify_placement import breaches
from hybridplace.solver.candidates import choose_candidates, pareto
from hybridplace.solver.columns import varies
from hybridplace.solver.reasons import TEXT, Reason
from hybridplace.solver.tables import compile_problem, start_h
from tests import brute
from tests.problems import NAMED, small_problems
from tests.solver.crowding import crowded_problem


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)


def _check_figures(problem, job, table, row, run) -> None:
    """Hold the figures of one pair to those of a run, or to the least, where they vary by start."""
    offer, shape = problem.offers[row], job.shapes[table.shape]
    agrees = _at_most if varies(problem, offer) else _same
    assert _same(run.start_h + table.hours[row], run.end_h)
    assert _same(table.accelerator_h[row], shape.accelerators * run.worker_h)
    carbon_g = run_carbon_g(problem, offer, shape, run)
    if carbon_g is None:
        assert np.isnan(table.carbon_g[row])
    else:
        assert agrees(table.carbon_g[row], carbon_g)
    try:
        costs = run_costs(problem, job, offer, shape, run)
    except UnknownFigureError:
        assert table.reasons[row]
        return
    assert agrees(table.usd[row], costs.total_usd - costs.lateness_usd)
    assert agrees(table.money_usd[row], costs.money_usd)


def _at_most(one: float, other: float) -> bool:
    return one <= other or _same(one, other)


def _check_pair(problem, job, table, row) -> None:
    """Hold one pair to its earliest run: the figures, and what `verify` says."""
    offer, shape = problem.offers[row], job.shapes[table.shape]
    if not math.isfinite(table.ready_h[row]):
        assert table.reasons[row] & Reason.DATA
        return
    begin = start_h(problem, job, float(table.ready_h[row]))
    run = run_of(problem, job, offer, shape, begin)
    assert table.per_machine[row] == max(workers_per_machine(shape, offer), 0)
    if run is None:
        assert table.reasons[row]
        return
    _check_figures(problem, job, table, row, run)
    alone = Placement(
        job=job.id,
        offer=offer.id,
        shape=table.shape,
        start_h=begin,
        end_h=run.end_h,
        machines=run.machines,
    )
    if offer.market is not Market.OWNED and table.reasons[row] == 0:
        assert () == tuple(breaches(problem, alone))


@settings(max_examples=150)
@given(small_problems())
def test_arrays_equal_the_formulas(problem):
    """Every figure of every pair is what the model says; what may be used breaks no rule."""
    compiled = compile_problem(problem)
    for job, tables in zip(problem.jobs, compiled.pairs, strict=True):
        for table in tables:
            for row in range(len(problem.offers)):
                _check_pair(problem, job, table, row)


def _alone(problem: Problem, job: Job) -> Problem:
    """Return the problem of one job, without what ties it to others."""
    inputs = tuple(one for one in job.inputs if one not in problem.producer)
    limits = tuple(one for one in problem.limits if one.job in (None, job.id))
    return replace(
        problem,
        jobs=(replace(job, inputs=inputs, same_site_as=(), apart_from=()),),
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
    compiled = compile_problem(problem)
    for job, tables in zip(problem.jobs, compiled.pairs, strict=True):
        alone = _alone(problem, job)
        for table in tables:
            expected = [_can_be(alone, offer, table.shape) for offer in problem.offers]
            found = (table.reasons == 0).tolist()
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


def test_every_reason_has_words():
    """No bit of the mask is without a text."""
    assert set(Reason) == set(TEXT)


def test_candidates_are_in_the_order_of_jobs():
    """The CSR arrays are consistent: rows of a job lie together, cheapest first."""
    for problem in [*NAMED.values(), *map(crowded_problem, range(40))]:
        found = choose_candidates(compile_problem(problem))

        assert found.first[0] == 0
        assert found.first[-1] == len(found.usd)
        for number in range(len(problem.jobs)):
            rows = list(found.of(number))
            assert {number} >= set(found.job[rows].tolist())
            assert sorted(found.usd[rows]) == found.usd[rows].tolist()


def test_pareto_keeps_what_nothing_replaces():
    """A row goes when another is no larger anywhere; of equal ones the first stays."""
    criteria = np.array([[2.0, 1.0], [1.0, 2.0], [2.0, 2.0], [1.0, 2.0], [3.0, 0.5]])

    assert [1, 0, 4] == pareto(criteria)


@pytest.mark.parametrize("seed", range(0, 120, 3))
def test_dropped_pairs_are_not_missed(seed, monkeypatch):
    """Solving over all pairs costs what solving over the undominated ones costs."""
    from hybridplace.solver import candidates, solve

    problem = crowded_problem(seed)
    pruned = solve(problem)
    monkeypatch.setattr(candidates, "pareto", lambda criteria: list(range(len(criteria))))

    assert math.isclose(pruned.objective_usd, solve(problem).objective_usd, abs_tol=1e-6)
