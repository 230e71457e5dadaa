"""What "why not there" answers, against trying each shape, start and packing there."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import pytest

from hybridplace.model.plan import Plan
from hybridplace.model.problem import Problem
from hybridplace.model.verify_placement import breaches
from hybridplace.solver import solve
from hybridplace.solver.explain import alternative
from hybridplace.solver.tables import compile_problem
from tests import brute
from tests.problems import NAMED
from tests.solver.crowding import crowded_problem

PROBLEMS = {f"seed {seed}": crowded_problem(seed) for seed in range(60)} | NAMED


def _right(problem: Problem, job: str, offer: str, shape: int, start_h: float):
    """Return the placements, one for each set of shares, that break no rule by themselves."""
    wanted = problem.job[job]
    placements = brute._placements(
        problem, wanted, problem.offer[offer], shape, wanted.shapes[shape], start_h
    )
    return tuple(one for one in placements if not any(breaches(problem, one)))


def _by_trying(problem: Problem, plan: Plan, job: str, offer: str) -> float:
    """Return the least that the plan costs with one job on an offer; infinite if it cannot be."""
    others = tuple(
        _right(problem, one.job, one.offer, one.shape, one.start_h)
        for one in plan.placements
        if one.job != job
    )
    nothing = brute.stated(problem, (), (), tuple(problem.job))
    best = replace(nothing, objective_usd=math.inf)
    slots = range(math.ceil(problem.horizon_h / problem.slot_h))
    for shape, slot in product(range(len(problem.job[job].shapes)), slots):
        there = _right(problem, job, offer, shape, slot * problem.slot_h)
        packed = brute._pack(problem, (*others, there), ())
        if packed is not None:
            best = brute._with_transfers(problem, packed, best)
    return best.objective_usd


@pytest.mark.parametrize("name", PROBLEMS)
def test_an_alternative_costs_what_trying_everything_finds(name):
    """It is possible exactly when some plan holds, and costs as much more as the cheapest."""
    problem = PROBLEMS[name]
    plan, compiled = solve(problem), compile_problem(problem)
    for job in problem.job:
        for offer in problem.offer:
            told = alternative(compiled, plan, job, offer)
            usd = _by_trying(problem, plan, job, offer)

            assert math.isinf(usd) == (told.extra_usd is None) == bool(told.reasons)
            if told.extra_usd is not None:
                assert usd - plan.objective_usd == pytest.approx(told.extra_usd, abs=1e-6)
                assert told.extra_usd >= -1e-6
