"""From a plan to leases: pure differences, actions that may be repeated, policies asked again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hybridplace.engine import Engine, diff, due, key_of, plan_id, times_h
from hybridplace.errors import CapacityError, PlanError, PluginError, PolicyError
from hybridplace.mock.aws import MockAws
from hybridplace.mock.script import ScriptedFault
from hybridplace.model.plan import Placement, Verb
from hybridplace.model.site import Lease, LeaseState
from hybridplace.solver import solve
from tests.engine.test_gather import ESTATE, NOW, SHAPE, TRAIN
from tests.problems import NAMED

SPOT = replace(
    TRAIN,
    id="rent",
    inputs=(),
    shapes=(replace(SHAPE, accelerator="A10G"),),
)


OWN = replace(ESTATE, providers=())


@pytest.fixture
def engine(tmp_path):
    """An engine that keeps claims on own machines in a folder; there is no cloud to be asked."""
    with Engine(OWN, state_dir=tmp_path) as engine:
        yield engine


@pytest.fixture
def planned(engine):
    """A problem of one job on own machines, and its plan."""
    problem = engine.problem((TRAIN,), now=NOW)
    return problem, engine.plan(problem)


def _lease(placement: Placement, **changed) -> Lease:
    lease = Lease(
        id=f"held-{placement.job}",
        provider="static",
        owner="acme",
        plan="old",
        job=placement.job,
        offer=placement.offer,
        machines=("n",),
        state=LeaseState.ACTIVE,
    )
    return replace(lease, **changed)


def test_a_plan_is_held_to_its_problem(engine, monkeypatch):
    """A solver that errs does not get past the engine."""
    from hybridplace import solver

    problem = engine.problem((TRAIN,), now=NOW)
    wrong = replace(solve(problem), objective_usd=0.0)
    monkeypatch.setattr(solver, "solve", lambda *_, **__: wrong)

    with pytest.raises(PlanError, match="objective_usd"):
        engine.plan(problem)


def test_what_is_due_follows_the_clock(planned):
    """Before it starts and once it has ended, nothing is due."""
    _, plan = planned
    (placement,) = plan.placements

    assert (placement.start_h, placement.end_h) == times_h(plan)
    assert plan.placements == due(plan, placement.start_h)
    assert () == due(plan, placement.end_h)


def test_the_difference_is_pure_and_complete(planned):
    """Acquire what is missing, keep what is there, release the rest, and leave others alone."""
    _, plan = planned
    (placement,) = plan.placements
    kept, gone = _lease(placement), _lease(placement, id="gone", state=LeaseState.GONE)
    old = _lease(placement, id="old", job="yesterday")
    twice, foreign = _lease(placement, id="z"), _lease(placement, id="f", owner="other")

    (acquire,) = diff("acme", plan, (), at_h=0.0)
    assert (Verb.ACQUIRE, "train") == (acquire.verb, acquire.job)
    assert key_of("acme", plan_id(plan), placement) == acquire.key
    assert () == diff("acme", plan, (kept, gone, foreign), at_h=0.0)
    assert ["old"] == [one.key for one in diff("acme", plan, (kept, old), at_h=0.0)]
    assert [Verb.RELEASE] == [one.verb for one in diff("acme", plan, (kept, twice), at_h=0.0)]
    assert [Verb.RELEASE, Verb.ACQUIRE] == [
        one.verb for one in diff("acme", plan, (old,), at_h=0.0)
    ]


def test_own_machines_are_claimed_and_given_back(engine, planned):
    """Applied, the difference is empty; at the end of the job it is a release."""
    problem, plan = planned
    (step,) = engine.apply(problem, plan, engine.diff(plan))

    assert None is step.error
    assert ("n",) == step.lease.machines
    assert () == engine.diff(plan)
    (end,) = engine.diff(plan, at_h=plan.placements[0].end_h)
    engine.apply(problem, plan, (end,))
    assert () == engine.leases()


def test_repeating_makes_no_second_lease(engine, planned, tmp_path):
    """After a crash between doing and knowing, another engine does it again to no effect."""
    problem, plan = planned
    actions = engine.diff(plan)
    engine.apply(problem, plan, actions)
    with Engine(OWN, state_dir=tmp_path) as other:
        (step,) = other.apply(problem, plan, actions)

        assert None is step.error
        assert 1 == len(other.leases())


def test_a_policy_that_changed_stops_everything(engine, planned, tmp_path):
    """What was allowed when it was planned is asked again; nothing is done."""
    problem, plan = planned
    actions = engine.diff(plan)
    stricter = tmp_path / "none.cedar"
    stricter.write_text(
        '@id("nothing") @reason("maintenance") @article("own") '
        "forbid (principal, action, resource);"
    )
    estate = replace(OWN, policies=("base", "none.cedar"))
    with Engine(estate, folder=tmp_path, state_dir=tmp_path) as changed:
        with pytest.raises(PolicyError, match="nothing was done"):
            changed.apply(problem, plan, actions)

        assert () == changed.leases()


def test_a_plan_for_another_problem_is_not_applied(engine, planned):
    """The digest is looked at before anything is done."""
    problem, plan = planned
    with pytest.raises(PlanError, match="made for problem"):
        engine.apply(replace(problem, horizon_h=12.0), plan, engine.diff(plan))


def test_a_missing_plugin_is_told_before_anything_is_done(monkeypatch, tmp_path):
    """A plan for a cloud that nobody acts on fails whole, and not half-way."""
    with Engine(ESTATE, state_dir=tmp_path) as planner:
        problem = planner.problem((SPOT, TRAIN), now=NOW)
        plan = planner.plan(problem)
    monkeypatch.setenv("HYBRIDPLACE_PLUGINS", "static")
    with Engine(ESTATE, state_dir=tmp_path) as engine:
        actions = diff("acme", plan, (), at_h=0.0)
        assert 2 == len(actions)
        with pytest.raises(PluginError, match="'aws'"):
            engine.apply(problem, plan, actions)

        assert () == engine.leases()


def test_one_failing_action_does_not_stop_the_others(tmp_path):
    """AWS has no capacity: told with its own code, and the own machine is claimed all the same."""
    with Engine(ESTATE) as planner:
        problem = planner.problem((SPOT, TRAIN), now=NOW)
        plan = planner.plan(problem)
    region = {problem.offer[one.offer].site for one in plan.placements} - {"lab"}
    regions = tuple(site.removeprefix("aws/") for site in region)
    estate = replace(ESTATE, providers=(replace(ESTATE.providers[0], regions=regions),))
    with MockAws(offers=problem.offers, pools=problem.pools) as aws:
        full = ScriptedFault(
            action="RunInstances", code="InsufficientInstanceCapacity", status=500, times=None
        )
        aws.script(full)
        endpoints = {"aws": aws.endpoint}
        with Engine(estate, state_dir=tmp_path, endpoints=endpoints, pause_s=0.001) as engine:
            steps = {one.action.job: one for one in engine.apply(problem, plan, engine.diff(plan))}
            assert isinstance(steps["rent"].error, CapacityError)
            assert "InsufficientInstanceCapacity" == steps["rent"].error.code
            assert None is steps["train"].error

            aws.reset()
            (again,) = engine.apply(problem, plan, engine.diff(plan))
            assert LeaseState.ACTIVE is again.lease.state or again.lease.machines
            for lease in engine.leases():
                engine.release(lease)
            assert () == aws.things()
            assert () == engine.leases()


def test_steps_are_told_as_they_happen(engine, planned):
    """Whoever watches hears of each step once it is done."""
    problem, plan = planned
    seen = []
    steps = engine.apply(problem, plan, engine.diff(plan), watch=seen.append)

    assert list(steps) == seen


def test_equal_plans_have_equal_names():
    """The name of a plan is its content's, so that repeating finds its own leases."""
    one, other = solve(NAMED["crowded"]), solve(NAMED["crowded"])

    assert plan_id(one) == plan_id(other)
    assert plan_id(one) != plan_id(replace(one, seed=1))
    assert datetime(2026, 11, 24, tzinfo=UTC) == NOW
