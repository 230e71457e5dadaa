"""The solver against exhaustive search, both judged by `verify` and the cost formulas alone."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings

from hybridplace.model.plan import Costs, Plan, Status
from hybridplace.model.problem import Problem
from hybridplace.model.verify import breaches
from hybridplace.solver import (
    Stop,
    candidates,
    constraints,
    exact,
    packing,
    place,
    result,
    solve,
    supply,
    variables,
)
from hybridplace.solver.block import Block
from hybridplace.solver.reasons import Reason
from tests.brute import best_plan
from tests.problems import NAMED, small_problems
from tests.solver.crowding import crowded_problem

SEEDS = (387, 901, 906, 960, 1043, 1304, 1532, *range(300))


def _wrong(problem: Problem, plan: Plan, best: Plan) -> str | None:
    """Say what is wrong with a plan whose best cost is known; None if nothing is."""
    told = breaches(problem, plan)
    if told:
        return told[0]
    if not math.isclose(plan.objective_usd, best.objective_usd, rel_tol=1e-6, abs_tol=1e-6):
        return f"costs {plan.objective_usd}, the best {best.objective_usd}"
    return None if plan.status is Status.OPTIMAL else f"bound {plan.bound_usd} is not tight"


@pytest.fixture(scope="module")
def crowded() -> dict[int, tuple[Problem, Plan]]:
    """Crowded problems with their best plans."""
    problems = {seed: crowded_problem(seed) for seed in SEEDS}
    return {seed: (problem, best_plan(problem)) for seed, problem in problems.items()}


def test_crowded_problems_are_solved_to_the_optimum(crowded):
    """On 300 problems in which jobs compete, the plan holds, is cheapest, and is proven so."""
    wrong = {
        seed: told
        for seed, (problem, best) in crowded.items()
        if (told := _wrong(problem, solve(problem), best))
    }

    assert {} == wrong


def test_crowded_problems_are_crowded(crowded):
    """They have placed jobs, left-out jobs, shared nodes and moved data in plenty."""
    plans = [best for _, best in crowded.values()]

    assert 500 < sum(len(plan.placements) for plan in plans)
    assert 100 < sum(len(plan.unplaced) for plan in plans)
    assert 100 < sum(len(plan.transfers) for plan in plans)
    assert 100 < sum(bool(one.shares) for plan in plans for one in plan.placements)


@settings(max_examples=300)
@given(small_problems())
def test_drawn_problems_are_solved_to_the_optimum(problem):
    """The same on 300 problems that use every part of the model."""
    assert None is _wrong(problem, solve(problem), best_plan(problem))


@pytest.mark.parametrize("name", NAMED)
def test_named_problems_are_solved_to_the_optimum(name):
    """The same on each problem with a name."""
    assert None is _wrong(NAMED[name], solve(NAMED[name]), best_plan(NAMED[name]))


def _caught(crowded, seeds) -> bool:
    """Say whether what is broken now shows on one of these problems, within four rounds.

    With more of them, cuts would do what `respect_nodes` does, one by one.
    """
    for problem, best in (crowded[seed] for seed in seeds):
        try:
            if _wrong(problem, solve(problem, stop=Stop(rounds=4)), best):
                return True
        except (AssertionError, IndexError, KeyError, ValueError):
            return True
    return False


BINDING = {
    "place_each_job_once": (0, 1),
    "place_producers": (32, 5),
    "copy_what_is_read": (20, 12),
    "copy_results": (3, 17),
    "deliver_results": (0, 9),
    "start_after_inputs": (4, 5),
    "respect_quotas": (12, 3),
    "respect_nodes": (9, 15),
    "respect_caches": (50, 3),
    "end_in_a_tier": (66, 113),
    "respect_limits": (1, 5),
    "keep_together": (12, 3),
    "keep_apart": (0, 24),
    "spread_out": (3, 23),
    "be_fair": (1, 4),
}
"""Problems in which a family of constraints decides."""


def test_every_family_has_binding_problems():
    """No constraint family is left without a problem that needs it."""
    assert [family.__name__ for family in exact.FAMILIES] == list(BINDING)


@pytest.mark.parametrize("family", BINDING)
def test_dropping_a_constraint_family_is_caught(family, crowded, monkeypatch):
    """Without one family of constraints, the solver is found out."""
    assert not _caught(crowded, BINDING[family])
    kept = tuple(one for one in exact.FAMILIES if one.__name__ != family)
    monkeypatch.setattr(exact, "FAMILIES", kept)

    assert _caught(crowded, BINDING[family])


def _keep_the_cheapest(criteria):
    return [int(criteria[:, 0].argmin())]


def _pack_nothing(nodes, stays, closed, *, exact=True):
    return tuple(tuple(packing.Share(node=nodes[0].id) for _ in range(s.peak)) for s in stays)


def _dearest(problem, placements, _):
    """Copy from the dearest of the homes that may be copied from."""
    right = result_transfers(problem, placements, ())
    return tuple(
        replace(one, source=max(sources, key=lambda home: problem.link(home, one.target).usd_gib))
        for one in right
        for sources in (place.sources(problem, one.dataset, one.target) or (one.source,),)
    )


def _cheapest_home(problem, dataset, target):
    return islice(useful_homes(problem, dataset, target), 1)


def _without_hours(problem):
    table = right_table(problem)
    row = np.full_like(table.tariffs.row, -1)
    return replace(table, tariffs=replace(table.tariffs, row=row))


def _at_once(problem, links):
    copies = right_copies(problem, links)
    return replace(copies, ready_h=np.zeros_like(copies.ready_h))


def _blind_to(reason):
    """Return what leaves one reason out that stands against sites."""

    def table(*args):
        found = right_sites(*args)
        return replace(found, reasons=found.reasons & ~reason.value)

    return table


right_table, right_copies, right_sites = supply.table_of, supply.copies_of, supply.site_table
result_transfers, useful_homes = result.transfers_for, variables._useful
MUTANTS = {
    "dominance drops what is needed": (candidates, "pareto", _keep_the_cheapest),
    "workers get no accelerators": (exact, "pack", _pack_nothing),
    "a conflict names too few": (exact, "conflict", lambda *_: (0,)),
    "data comes from the dearest home": (result, "transfers_for", _dearest),
    "only the cheapest home is looked at": (variables, "_useful", _cheapest_home),
    "nobody waits for a cheaper copy": (candidates, "_may_wait", lambda *_: False),
    "earlier starts may copy anew": (exact, "_copies", lambda v, _: frozenset(v.copy)),
    "data is there at once": (supply, "copies_of", _at_once),
    "results can always be delivered": (supply, "site_table", _blind_to(Reason.RESULTS)),
    "users are never too far": (supply, "site_table", _blind_to(Reason.LATENCY)),
    "limits count everything": (
        Block,
        "counts",
        lambda block, _: np.ones(len(block.offers), dtype=bool),
    ),
    "only the first start": (candidates, "_starts", lambda *_, **__: range(1)),
    "nothing is maintained": (candidates, "closed", lambda *_: frozenset()),
    "quotas do not change": (constraints, "quota_size", lambda _, pool, __: pool.at_most),
    "figures do not change": (supply, "table_of", _without_hours),
    "lateness is free": (candidates, "lateness_usd", lambda *_: 0.0),
    "rejection is free": (exact, "rejection_costs", lambda *_: Costs()),
    "transfers are free": (exact, "transfers_usd", lambda *_: (0.0,)),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_broken_parts_of_the_solver_are_caught(mutant, crowded, monkeypatch):
    """Each part that is broken on purpose shows in some plan."""
    module, name, broken = MUTANTS[mutant]
    monkeypatch.setattr(module, name, broken)

    assert _caught(crowded, SEEDS)
