"""Right plans hold; plans made wrong are told by the rule that they break; no rule is idle."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridplace.errors import PlanError
from hybridplace.model import verify, verify_placement
from hybridplace.model.plan import Placement, Plan, Share, Transfer
from hybridplace.model.problem import Problem
from tests.brute import best_plan, nobody_placed, stated
from tests.model.corruptions import CORRUPTIONS, best
from tests.problems import NAMED, small_problems

STAGES = ("_FIRST", "_THEN", "_LAST")
RULES: dict[str, tuple[Any, str]] = {
    rule.__name__: (module, stage)
    for module, stages in ((verify, STAGES), (verify_placement, ("_RULES",)))
    for stage in stages
    for rule in getattr(module, stage)
}


def _without(rule: str, problem: Problem, plan: Plan) -> tuple[str, ...] | None:
    """What a verifier that lacks a rule says; None if it cannot do without that rule."""
    module, stage = RULES[rule]
    kept = tuple(one for one in getattr(module, stage) if one.__name__ != rule)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, stage, kept)
        try:
            return verify.breaches(problem, plan)
        except (LookupError, ValueError, OverflowError):
            return None


@pytest.mark.parametrize("name", NAMED)
def test_best_plans_of_named_problems_hold(name: str) -> None:
    """What exhaustive search finds breaks no rule."""
    assert () == verify.breaches(NAMED[name], best(name))
    verify.verify(NAMED[name], best(name))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corruption_is_told_by_its_rule(name: str) -> None:
    """Each way to make a plan wrong is refused, in words that only one rule says."""
    problem, plan = CORRUPTIONS[name].apply()

    found = verify.breaches(problem, plan)

    assert set(found) - set(_without(CORRUPTIONS[name].rule, problem, plan) or ())
    with pytest.raises(PlanError) as refused:
        verify.verify(problem, plan)
    assert found == refused.value.breaches


@pytest.mark.parametrize("rule", RULES)
def test_no_rule_is_idle(rule: str) -> None:
    """Without any one rule, a wrong plan passes as right."""
    passed = [name for name, one in CORRUPTIONS.items() if () == _without(rule, *one.apply())]

    assert passed


def test_a_plan_for_another_problem_is_refused() -> None:
    """The digest tells, and what to do is said."""
    plan = best("running")

    (told,) = verify.breaches(NAMED["denied"], plan)

    assert plan.problem_digest in told
    assert NAMED["denied"].digest in told
    assert "plan again" in told


def test_all_breaches_of_a_stage_are_told() -> None:
    """A plan that is wrong twice is told so twice."""
    problem, plan = CORRUPTIONS["wrong end"].apply()
    placements = tuple(placement for placement in plan.placements if placement.job != "calm1")
    wrong = stated(problem, placements, (), ())

    assert 2 == len(verify.breaches(problem, wrong))


@settings(max_examples=320)
@given(small_problems())
def test_best_plans_of_drawn_problems_hold(problem: Problem) -> None:
    """The cheapest plan is right, and leaving everything out is right and no cheaper."""
    best = best_plan(problem)
    nothing = nobody_placed(problem)

    assert () == verify.breaches(problem, best)
    assert () == verify.breaches(problem, nothing)
    assert best.objective_usd <= nothing.objective_usd


@st.composite
def random_plans(draw: st.DrawFn) -> tuple[Problem, Plan]:
    """A problem, and a plan that was thrown together from its names."""
    problem = draw(small_problems())
    share = st.builds(
        Share,
        node=st.sampled_from(("n0", "n1", "n9")),
        devices=st.lists(st.integers(-1, 2), max_size=2).map(tuple),
    )
    site = st.sampled_from([one.id for one in problem.sites])
    hours = st.sampled_from((0.0, 0.5, 1.0, 2.0, 1e300, -1.0, float("inf"), float("nan")))
    placement = st.builds(
        Placement,
        job=st.sampled_from(list(problem.job)),
        offer=st.sampled_from(list(problem.offer)),
        shape=st.integers(0, 1),
        start_h=hours,
        end_h=hours,
        machines=st.integers(0, 2),
        shares=st.lists(share, max_size=2).map(tuple),
    )
    placements = draw(st.lists(placement, max_size=3).map(tuple)) if problem.offer else ()
    transfer = st.builds(
        Transfer,
        dataset=st.sampled_from(list(problem.dataset) or ["none"]),
        source=site,
        target=site,
    )
    transfers = draw(st.lists(transfer, max_size=2).map(tuple))
    unplaced = tuple(draw(st.lists(st.sampled_from(list(problem.job)), max_size=2)))
    decided = stated(problem, (), (), unplaced)
    return problem, replace(decided, placements=placements, transfers=transfers)


@settings(max_examples=150)
@given(random_plans())
def test_whatever_a_plan_says_is_judged(random_plan: tuple[Problem, Plan]) -> None:
    """No plan makes `verify` stumble, and one that holds costs no less than the best plan."""
    problem, plan = random_plan

    found = verify.breaches(problem, plan)

    if not found:
        assert best_plan(problem).objective_usd <= plan.objective_usd + 1e-6
