"""The arrays of `compile_problem` against the scalar formulas of the model, figure by figure."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings

from hybridplace.model.cost import UnknownFigureError, run_carbon_g, run_costs
from hybridplace.model.job import Inference
from hybridplace.model.plan import Placement
from hybridplace.model.run import run_of, workers_per_machine
from hybridplace.model.site import Market
from hybridplace.model.verify_placement import breaches
from hybridplace.solver.candidates import choose_candidates, pareto
from hybridplace.solver.compile import compile_problem, start_h
from hybridplace.solver.reasons import TEXT, Reason
from tests.problems import NAMED, small_problems
from tests.solver.crowding import crowded_problem


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)


def _check_pair(problem, job, table, row) -> None:
    """Hold the figures of one pair to those of its run, and its reasons to `verify`."""
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
    assert _same(begin + table.hours[row], run.end_h)
    assert _same(table.accelerator_h[row], shape.accelerators * run.worker_h)
    carbon_g = run_carbon_g(problem, offer, shape, run)
    assert (
        np.isnan(table.carbon_g[row]) if carbon_g is None else _same(table.carbon_g[row], carbon_g)
    )
    try:
        costs = run_costs(problem, job, offer, shape, run)
    except UnknownFigureError:
        assert table.reasons[row]
        return
    assert _same(table.usd[row], costs.total_usd - costs.lateness_usd)
    assert _same(table.money_usd[row], costs.money_usd)
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


@settings(max_examples=150)
@given(small_problems())
def test_what_is_excluded_breaks_a_rule(problem):
    """A pair on the market is out only if a placement there breaks a rule, whenever it starts."""
    compiled = compile_problem(problem)
    joint = Reason.DATA | Reason.RESULTS | Reason.LIMIT | Reason.QUOTA
    for job, tables in zip(problem.jobs, compiled.pairs, strict=True):
        for table in tables:
            for row, offer in enumerate(problem.offers):
                mask = int(table.reasons[row])
                if mask == 0 or mask & joint.value or offer.market is Market.OWNED:
                    continue
                if math.isfinite(table.ready_h[row]) and table.ready_h[row] > 0:
                    continue  # too late because of its data
                assert _always_wrong(problem, job, table.shape, offer)


def _always_wrong(problem, job, shape, offer) -> bool:
    slots = 1 if isinstance(job.work, Inference) else round(problem.horizon_h / problem.slot_h)
    first = start_h(problem, job)
    for begin in (first + slot * problem.slot_h for slot in range(slots)):
        run = run_of(problem, job, offer, job.shapes[shape], begin)
        placement = Placement(
            job=job.id,
            offer=offer.id,
            shape=shape,
            start_h=begin,
            end_h=math.inf if run is None else run.end_h,
            machines=0 if run is None else run.machines,
        )
        unknown_carbon = any(limit.measure == "carbon_g" for limit in problem.limits)
        if not tuple(breaches(problem, placement)) and not unknown_carbon:
            return False
    return True


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
