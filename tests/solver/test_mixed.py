"""All families of constraints at once, decided jointly: against the exact model and the checker."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from hybridplace.checker import check
from hybridplace.model.plan import Plan, Status
from hybridplace.model.problem import Problem
from hybridplace.model.verify import breaches
from hybridplace.solver import joint, solve
from hybridplace.solver.joint import Joint, solve_jointly
from tests.solver.mixing import mixed_problem

SOLVER = str(Path(joint.__file__).parent)
SEEDS, MANY_SEEDS = range(16), range(1000, 1400)


def _wrong(problem: Problem, plan: Plan) -> list[str]:
    """Say what is wrong with a plan and its certificate, whatever the optimum is."""
    told = [*breaches(problem, plan), *check(problem, plan).faults]
    certificate = plan.certificate
    if certificate is None:
        return [*told, "no certificate"]
    again_usd = check(problem, plan).bound_usd
    if again_usd is None or abs(again_usd - certificate.bound_usd) > 1e-9 * max(1, abs(again_usd)):
        told.append(f"its prices prove {again_usd}, not {certificate.bound_usd}")
    if not certificate.bound_usd - 1e-6 <= plan.bound_usd <= plan.objective_usd + 1e-6:
        told.append(f"a bound of {plan.bound_usd} for a plan of {plan.objective_usd}")
    return told


def _wrong_beside(problem: Problem, plan: Plan, exact: Plan) -> list[str]:
    """Say what is wrong with a plan, given that of the exact model."""
    told = _wrong(problem, plan)
    if plan.bound_usd > exact.objective_usd + 1e-6:
        told.append(f"the bound {plan.bound_usd} is above {exact.objective_usd}")
    if plan.objective_usd < exact.bound_usd - 1e-6:
        told.append(f"{plan.objective_usd} is below the bound of the exact model")
    if plan.status is Status.OPTIMAL and plan.objective_usd > exact.objective_usd * (1 + 1e-6):
        told.append(f"{plan.objective_usd} is called optimal, {exact.objective_usd} is possible")
    return told


def _seen(seed: int) -> list[str]:
    problem = mixed_problem(seed)
    return _wrong_beside(problem, solve_jointly(problem), solve(problem))


def test_plans_hold_and_bounds_are_bounds():
    """Plans keep every rule, gaps are honest, and the checker comes to the same bound."""
    assert {} == {seed: told for seed in SEEDS if (told := _seen(seed))}


@pytest.mark.soak
def test_many_plans_hold_and_bounds_are_bounds():
    """The same, longer."""
    assert {} == {seed: told for seed in MANY_SEEDS if (told := _seen(seed))}


def test_all_families_are_there():
    """Each is in many of the problems."""
    problems = [mixed_problem(seed) for seed in MANY_SEEDS[:150]]
    found = {
        "one slot": [problem.slots == 1 for problem in problems],
        "data": [bool(problem.datasets) for problem in problems],
        "deliveries": [any(one.deliver_to for one in problem.datasets) for problem in problems],
        "tiers": [any(link.tiers for link in problem.links) for problem in problems],
        "limits": [len(problem.limits) > 1 for problem in problems],
        "spreads": [bool(problem.spreads) for problem in problems],
        "moves": [bool(problem.leases) for problem in problems],
        "fairness": [problem.assumptions.unfair_usd > 0 for problem in problems],
        "reserved": [any(one.market == "reserved" for one in p.offers) for p in problems],
        "deadlines": [any(job.deadline_h for job in problem.jobs) for problem in problems],
        "tied": [any(job.same_site_as for job in problem.jobs) for problem in problems],
    }
    assert {} == {name: sum(some) for name, some in found.items() if sum(some) < 15}


class _Interrupt:
    """Ctrl-C when a function of the solver is called for the so many-th time."""

    def __init__(self, at: int) -> None:
        self.at, self.calls = at, 0

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(SOLVER):
            self.calls += 1
            if self.calls == self.at:
                raise KeyboardInterrupt


def _interrupted(problem: Problem, at: int, monkeypatch: pytest.MonkeyPatch) -> tuple[Plan, int]:
    """Return the plan that an interrupt in the search leaves, and how many calls that had."""
    true, interrupt = Joint.decide, _Interrupt(at)

    def decide(one: Joint) -> None:
        before = sys.getprofile()
        sys.setprofile(interrupt)
        try:
            true(one)
        finally:
            sys.setprofile(before)

    with monkeypatch.context() as patch:
        patch.setattr(Joint, "decide", decide)
        return solve_jointly(problem), interrupt.calls


def _left(seed: int, monkeypatch: pytest.MonkeyPatch, times: int = 1) -> list[str]:
    """Say what is wrong with plans of a search that is interrupted somewhere."""
    problem, draw, told = mixed_problem(seed), random.Random(seed), list[str]()
    whole, calls = _interrupted(problem, 0, monkeypatch)
    for _ in range(times):
        at = round(max(calls, 1) ** draw.random())  # as often in the first calls as in the last
        plan, _ = _interrupted(problem, at, monkeypatch)
        told += [f"after {at} calls: {one}" for one in _wrong(problem, plan)]
        if plan.bound_usd > whole.objective_usd + 1e-6:
            told.append(f"after {at} calls: the bound {plan.bound_usd} is no bound")
        if calls and plan.status not in (Status.INTERRUPTED, Status.OPTIMAL):
            told.append(f"after {at} calls: {plan.status}")
    return told


def test_interrupted_anywhere_plans_hold(monkeypatch):
    """Whenever Ctrl-C comes in the search, the plan holds, and its prices prove its bound."""
    assert {} == {seed: told for seed in SEEDS[:12] if (told := _left(seed, monkeypatch))}


@pytest.mark.soak
def test_interrupted_anywhere_many_plans_hold(monkeypatch):
    """The same, longer."""
    wrong = {seed: told for seed in MANY_SEEDS if (told := _left(seed, monkeypatch, times=4))}
    assert {} == wrong
