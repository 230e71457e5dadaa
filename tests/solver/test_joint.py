"""Many jobs together: plans hold, bounds are bounds, and the same input gives the same bytes."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest

from benchmarks.solver.instances import slots_problem, static_problem
from hybridplace.checker import check
from hybridplace.model.canonical import canonical_json
from hybridplace.model.plan import Status
from hybridplace.model.problem import Limit, LimitMeasure, Problem, Spread
from hybridplace.model.site import Domain, Lease, LeaseState
from hybridplace.model.verify import breaches
from hybridplace.solver import Progress, Stop, joint, solve
from hybridplace.solver.compile import compile_instance
from hybridplace.solver.joint import GOOD_GAP, certified, decide_jointly, solve_jointly
from tests.brute import best_plan
from tests.solver.crowding import crowded_problem


def single(seed):
    """Return a crowded problem in one slot, without data."""
    problem = crowded_problem(seed)
    jobs = tuple(replace(job, inputs=(), outputs=(), earliest_h=0.0) for job in problem.jobs)
    return replace(problem, jobs=jobs, datasets=(), slot_h=problem.horizon_h, denials=())


@pytest.mark.parametrize("seed", range(30))
def test_small_plans_hold_and_bounds_are_bounds(seed) -> None:
    """On crowded problems the plan keeps every rule and is cheapest, and its bound holds."""
    problem = single(seed)
    plan = solve_jointly(problem)
    best = best_plan(problem)

    assert breaches(problem, plan) == ()
    assert plan.bound_usd <= best.objective_usd + 1e-6
    assert plan.objective_usd == pytest.approx(best.objective_usd, rel=2e-3)


@pytest.mark.parametrize("seed", [1, 2])
def test_many_jobs_are_placed_within_a_small_gap(seed) -> None:
    """A thousand jobs on the shipped catalog: the plan holds and is near the bound."""
    problem = static_problem(300, seed)
    plan = solve(problem)

    assert breaches(problem, plan) == ()
    assert plan.gap < 0.02


def test_the_gap_that_is_asked_for_is_looked_for() -> None:
    """However small it is; only where none is asked for, a good one is enough."""
    problem = static_problem(50, 1)
    small = decide_jointly(problem, stop=Stop(gap=GOOD_GAP / 4))[0]
    assert small.target_gap == GOOD_GAP / 4
    assert decide_jointly(problem)[0].target_gap == GOOD_GAP


def _with_families(problem: Problem) -> Problem:
    """Return a problem with spreads, a price of unfairness and running jobs of which few may move.

    Every fifth job runs on the dearest offer that is worth a look.
    """
    options, names = compile_instance(problem).options, [job.id for job in problem.jobs]
    leases = tuple(
        Lease(
            id=f"lease-{names[job]}",
            provider="p",
            owner="o",
            plan="earlier",
            job=names[job],
            offer=problem.offers[options.offer[options.of(job)][dearest]].id,
            machines=("m",),
            state=LeaseState.ACTIVE,
        )
        for job in range(0, len(names), 5)
        for dearest in (int(options.cost_usd[options.of(job)].argmax()),)
    )
    moves = Limit(id="moves", measure=LimitMeasure.MOVES, at_most=len(leases) // 4)
    return replace(
        problem,
        leases=leases,
        limits=(*problem.limits, moves),
        spreads=tuple(
            Spread(id=f"s{k}", jobs=tuple(names[k::12]), domain=domain, at_most=len(names) // 24)
            for k, domain in enumerate((Domain.PROVIDER, Domain.REGION, Domain.COUNTRY) * 2)
        ),
        assumptions=replace(problem.assumptions, unfair_usd=200.0),
    )


@pytest.mark.parametrize("make", [static_problem, lambda jobs, seed: slots_problem(jobs, 12, seed)])
def test_spreads_moves_and_shares_are_planned_and_proven(make) -> None:
    """All of them bind: the plan holds, the checker agrees, and it is near the bound."""
    problem = _with_families(make(120, 1))
    plan = solve(problem)
    certificate, checked = plan.certificate, check(problem, plan)

    assert breaches(problem, plan) == ()
    assert checked.faults == ()
    assert certificate is not None
    assert checked.bound_usd == pytest.approx(certificate.bound_usd, rel=1e-9)
    assert certificate.spreads
    assert certificate.shares
    assert "moves" in {one.limit for one in certificate.limits}
    assert plan.gap < 0.05


@pytest.mark.parametrize("seed", range(40))
def test_anything_drawn_is_planned(seed) -> None:
    """Over time, with data, pipelines, and jobs that are together or apart: the plan holds."""
    problem = crowded_problem(seed)
    plan = solve_jointly(problem)
    best = best_plan(problem)

    assert breaches(problem, plan) == ()
    assert plan.bound_usd <= best.objective_usd + 1e-6


def test_the_same_input_gives_the_same_bytes() -> None:
    """Twice the same problem, twice the same plan; in another order of jobs and offers too."""
    problem = static_problem(120, 3)
    turned = replace(problem, jobs=problem.jobs[::-1], offers=problem.offers[::-1])

    assert canonical_json(solve(problem)) == canonical_json(solve(turned))


@pytest.fixture
def heard():
    """Ctrl-C is heard, even in a run that a shell put in the background without it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("told", [1, 2, 3])
def test_an_interrupt_returns_the_best_plan_so_far(told) -> None:
    """Ctrl-C during the search: the plan holds, and knows its gap."""
    problem = static_problem(150, 1)
    seen = []

    def interrupt(progress: Progress) -> None:
        seen.append(progress)
        if len(seen) == told:
            signal.raise_signal(signal.SIGINT)

    plan = solve(problem, watch=interrupt)

    assert len(seen) == told
    assert breaches(problem, plan) == ()
    assert plan.objective_usd <= seen[-1].objective_usd + 1e-6


@pytest.mark.parametrize("seed", range(3))
def test_the_bound_can_be_computed_again(seed) -> None:
    """Whoever has problem and plan prices all pairs and comes to the same bound."""
    problem = static_problem(150, seed)
    plan = solve(problem)
    checked = check(problem, plan)

    assert checked.faults == ()
    assert plan.certificate is not None
    assert checked.bound_usd == pytest.approx(plan.certificate.bound_usd, rel=1e-9)


@pytest.mark.parametrize("seed", range(25))
def test_exact_plans_are_certified_too(seed) -> None:
    """Prices prove a part of the bound that the search found, and the checker agrees."""
    problem = crowded_problem(seed)
    exact = solve(problem)
    plan = certified(problem, exact)

    assert plan.certificate is not None
    assert check(problem, plan).faults == ()
    assert plan.bound_usd >= exact.bound_usd


@pytest.mark.parametrize("seed", [9, 10, 17])
def test_before_any_price_is_found_the_bound_is_what_none_prove(monkeypatch, seed) -> None:
    """Ctrl-C at once: results to deliver cost something at any prices, as the checker says."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(joint, "solve_shared", interrupt)
    monkeypatch.setattr(joint, "solve_tiered", interrupt)
    problem = crowded_problem(seed)
    assert problem.datasets
    plan = solve_jointly(problem)

    assert plan.status is Status.INTERRUPTED
    assert check(problem, plan).faults == ()
