"""Stopped early, a plan still holds, and what it says about its bound is still true."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest

from hybridplace.model.job import Dataset
from hybridplace.model.plan import Plan, Status
from hybridplace.model.problem import Denial, Problem
from hybridplace.model.verify import breaches
from hybridplace.solver import Progress, Stop, exact, solve
from tests.brute import best_plan
from tests.problems import BOUGHT, OWNED, PLAIN, SPOT, TRAIN
from tests.solver.crowding import crowded_problem
from tests.solver.test_cuts import fragmented
from tests.solver.test_determinism import hospital

STOPS = {
    "a wide gap": Stop(gap=0.5),
    "hardly any work": Stop(work=1e-7),
    "a little work": Stop(work=1e-4),
    "one round": Stop(rounds=1),
    "no round": Stop(rounds=0),
}
SEEDS = range(60)


@pytest.fixture(scope="module")
def problems() -> list[tuple[Problem, float]]:
    """Crowded problems with what their best plan costs."""
    drawn = [*map(crowded_problem, SEEDS), fragmented()]
    return [(problem, best_plan(problem).objective_usd) for problem in drawn]


def _wrong(problem: Problem, best_usd: float, plan: Plan) -> tuple[str, ...]:
    told = breaches(problem, plan)
    if plan.bound_usd > best_usd + 1e-6:
        told += (f"the bound {plan.bound_usd} is above {best_usd}",)
    if plan.status is Status.OPTIMAL and plan.objective_usd > best_usd + 1e-6 * max(1, best_usd):
        told += (f"{plan.objective_usd} is called optimal, {best_usd} is possible",)
    return told


@pytest.mark.parametrize("stop", STOPS)
def test_plans_hold_and_bounds_are_bounds(stop, problems):
    """No rule is broken, no bound is above the optimum, and only the optimum is called so."""
    wrong = [_wrong(problem, usd, solve(problem, stop=STOPS[stop])) for problem, usd in problems]

    assert [()] * len(problems) == wrong


def test_stopping_early_is_felt(problems):
    """The limits above do stop: without work or rounds, plans are dearer than they need be."""
    for stop in (Stop(work=1e-7), Stop(rounds=0)):
        plans = [(solve(problem, stop=stop), best_usd) for problem, best_usd in problems]
        dearer = [plan for plan, best_usd in plans if plan.objective_usd > best_usd + 1e-3]

        assert dearer
        assert {Status.FEASIBLE} == {plan.status for plan in dearer}


def test_a_gap_that_is_asked_for_is_kept(problems):
    """The plan is no further from the optimum than was asked for."""
    for problem, best_usd in problems:
        plan = solve(problem, stop=Stop(gap=0.2))

        assert plan.objective_usd <= best_usd / (1 - 0.2) + 1e-3


def test_a_bound_that_is_no_bound_is_caught(problems, monkeypatch):
    """If the cost of the plan were taken for the bound, it would show."""
    monkeypatch.setattr(exact, "_bound_usd", lambda _, s: s.objective_value / exact.USD_STEPS)
    wrong = [_wrong(problem, usd, solve(problem, stop=Stop(gap=0.9))) for problem, usd in problems]

    assert any(wrong)


def test_cuts_that_are_not_proven_do_not_raise_the_bound(monkeypatch):
    """What packing could not decide is cut off, and no bound is taken from there on."""
    monkeypatch.setattr(exact, "pack", _undecided)
    problem = fragmented()
    plan = solve(problem, stop=Stop(rounds=6))

    assert () == breaches(problem, plan)
    assert plan.bound_usd <= best_plan(problem).objective_usd


def _undecided(nodes, stays, closed, *, exact=True):
    raise TimeoutError


def test_who_is_left_out_takes_its_readers_along():
    """When the rounds are used up, nobody is left without the data it reads."""
    problem = fragmented()
    maker = replace(problem.job["a"], reject_usd=50.0, outputs=("made",))
    reader = replace(TRAIN, id="reader", inputs=("made",), deadline_h=None)
    far = replace(reader, id="far", inputs=("copied",))
    middle = replace(reader, outputs=("copied",))
    made = (Dataset(id=name, tenant="t", size_gib=1.0) for name in ("made", "copied"))
    problem = replace(
        problem,
        jobs=(maker, problem.job["b"], problem.job["gang"], middle, far),
        datasets=tuple(made),
        offers=(*problem.offers, BOUGHT, SPOT),
        horizon_h=12.0,
    )
    problem = _in_a_hurry(problem, "a", "b", "gang")
    plan = solve(problem, stop=Stop(rounds=1))

    assert () == breaches(problem, plan)
    assert ["a", "far", "reader"] == [one.job for one in plan.unplaced]


def _in_a_hurry(problem: Problem, *names: str) -> Problem:
    """Let jobs end within four hours, and at home: what is bought is denied to them."""
    denials = tuple(
        Denial(action="place", subjects=(name,), sites=(site,), rules=("home",))
        for name in names
        for site in ("near", "far")
    )
    jobs = (replace(one, deadline_h=4.0) if one.id in names else one for one in problem.jobs)
    return replace(problem.with_jobs(*jobs), denials=denials)


@pytest.mark.parametrize("rounds", [1, 2, 100])
def test_watching_changes_nothing(rounds, problems):
    """Bounds rise and costs fall towards those of the plan, which is the same when watched."""
    for problem, _ in problems[:12]:
        seen = []
        stop = Stop(rounds=rounds)
        plan = solve(problem, stop=stop, watch=seen.append)
        last = [one for one in seen if one.round == seen[-1].round]
        costs = [one.objective_usd for one in last if one.objective_usd is not None]

        assert solve(problem, stop=stop) == plan
        assert sorted(costs, reverse=True) == costs
        assert sorted(one.bound_usd for one in last) == [one.bound_usd for one in last]
        assert all(one.bound_usd <= plan.objective_usd + 1e-6 for one in seen)


def test_without_offers_everything_is_left_out():
    """An estate with nothing to place on has a plan, proven best."""
    plan = solve(replace(PLAIN, offers=()))

    assert ["train"] == [one.job for one in plan.unplaced]
    assert Status.OPTIMAL is plan.status


def test_without_jobs_there_is_nothing_to_do():
    """No jobs: an empty plan that costs nothing, proven best."""
    plan = solve(replace(PLAIN, jobs=(), offers=(OWNED, BOUGHT, SPOT)))

    assert ((), (), 0.0) == (plan.placements, plan.unplaced, plan.objective_usd)
    assert Status.OPTIMAL is plan.status


def test_a_compiled_problem_may_be_given():
    """Compiling once and solving gives the plan that solving alone gives."""
    from hybridplace.solver.tables import compile_problem

    problem = PLAIN.with_jobs(TRAIN, replace(TRAIN, id="other"))

    assert solve(problem) == solve(problem, compiled=compile_problem(problem))


@pytest.mark.parametrize("told", [1, 2])
def test_an_interrupt_returns_the_best_plan_so_far(told):
    """Ctrl-C during the search, before and after a first plan: what is known then, which holds."""
    seen = []

    def interrupt(progress: Progress) -> None:
        seen.append(progress)
        if len(seen) == told:
            signal.raise_signal(signal.SIGINT)

    problem = hospital()
    plan = solve(problem, watch=interrupt)

    assert () == breaches(problem, plan)
    assert Status.INTERRUPTED is plan.status
    assert plan.bound_usd <= solve(problem).objective_usd + 1e-6


def test_an_interrupt_comes_to_python_after_a_solve():
    """CP-SAT catches Ctrl-C while it searches, and gives it back."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        solve(crowded_problem(7))
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
