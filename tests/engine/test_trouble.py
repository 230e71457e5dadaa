"""Crashes, delays, broken plug-ins and actions from elsewhere: what is done, and what is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hybridplace.engine import Engine
from hybridplace.errors import InputError, PlanError, PolicyError, ProviderError, TransientError
from hybridplace.model.estate import Access
from tests.engine.test_gather import ESTATE, NOW, TRAIN

OWN = replace(ESTATE, providers=())
SECOND = replace(TRAIN, id="second")
LATER = replace(TRAIN, id="later", earliest_h=1.0)

PLUGIN = """
from hybridplace.errors import Fault, InputError, ProviderError, TransientError
from hybridplace_static import Static

class Troubled(Static):
    name = "{name}"
    def acquire(self, request, *, key):
        lease = super().acquire(request, key=key)
        {acquire}
        return lease
    def leases(self, owner):
        {leases}
        return super().leases(owner)

def hybridplace_providers():
    return [Troubled]
"""


def _planned(folder, *jobs):
    with Engine(OWN, state_dir=folder) as engine:
        problem = engine.problem(jobs, now=NOW)
        plan = engine.plan(problem)
        assert len(jobs) == len(plan.placements)
        return problem, plan, engine.diff(plan)


def _troubled(folder, monkeypatch, name="static", acquire="pass", leases="pass"):
    """Put a plug-in into a file that takes the place of the named one."""
    monkeypatch.setenv("HYBRIDPLACE_PLUGINS", f"{name}_trouble")
    file = folder / f"{name}_trouble.py"
    file.write_text(PLUGIN.format(name=name, acquire=acquire, leases=leases))
    return file.name


def test_after_a_crash_between_two_actions_the_rest_is_done(tmp_path):
    """What was acquired before is found with the provider, and is not acquired again."""
    problem, plan, actions = _planned(tmp_path, TRAIN, SECOND)

    def crash(_step):
        raise KeyboardInterrupt

    with Engine(OWN, state_dir=tmp_path) as engine, pytest.raises(KeyboardInterrupt):
        engine.apply(problem, plan, actions, watch=crash)
    with Engine(OWN, state_dir=tmp_path) as engine:
        rest = engine.diff(plan)
        assert actions[1:] == rest
        engine.apply(problem, plan, rest)
        assert ["second", "train"] == sorted(one.job for one in engine.leases())
        assert () == engine.diff(plan)


def test_after_a_crash_before_the_answer_nothing_is_acquired_twice(tmp_path, monkeypatch):
    """The provider did it and nobody heard of it: its own list knows, and so does the key."""
    problem, plan, actions = _planned(tmp_path, TRAIN)
    file = _troubled(tmp_path, monkeypatch, acquire="raise KeyboardInterrupt")
    estate = replace(OWN, plugins=(file,))
    with (
        Engine(estate, folder=tmp_path, state_dir=tmp_path) as engine,
        pytest.raises(KeyboardInterrupt),
    ):
        engine.apply(problem, plan, actions)
    monkeypatch.setenv("HYBRIDPLACE_PLUGINS", "static")
    with Engine(OWN, state_dir=tmp_path) as engine:
        assert () == engine.diff(plan)
        (step,) = engine.apply(problem, plan, actions)
        assert (step.lease,) == engine.leases()


def test_a_plan_begins_at_hour_zero(tmp_path):
    """Before it, all that runs would be released for a plan that is not in force yet."""
    _, plan, _ = _planned(tmp_path, TRAIN)
    with Engine(OWN, state_dir=tmp_path) as engine:
        for at_h in (-3.0, float("nan")):
            with pytest.raises(PlanError, match="begins at hour 0"):
                engine.diff(plan, at_h=at_h)


def test_what_comes_too_late_is_not_started(tmp_path):
    """A job of two hours that starts 1.5 h late would be cut off; another one is in time."""
    problem, plan, _ = _planned(tmp_path, TRAIN, LATER)
    with Engine(OWN, state_dir=tmp_path) as engine:
        actions = engine.diff(plan, at_h=1.5)
        steps = {one.action.job: one for one in engine.apply(problem, plan, actions)}

        assert isinstance(steps["train"].error, PlanError)
        assert "was to start 1.5 h ago" in str(steps["train"].error)
        assert "plan again" in str(steps["train"].error)
        assert ["later"] == [one.job for one in engine.leases()]


@pytest.mark.parametrize(
    "change",
    [{"machines": 100}, {"offer": "lab/other/owned"}, {"job": "later"}, {"key": "hp-mine"}],
    ids=lambda change: next(iter(change)),
)
def test_only_what_the_plan_has_is_acquired(tmp_path, change):
    """Neither `verify` nor a policy was asked about anything else; all is told, nothing done."""
    problem, plan, (action, other) = _planned(tmp_path, TRAIN, LATER, SECOND)
    wrong = replace(action, **change)
    with Engine(OWN, state_dir=tmp_path) as engine:
        with pytest.raises(PlanError) as refused:
            engine.apply(problem, plan, (other, wrong, wrong))

        assert 2 == len(refused.value.breaches)
        assert "no part of this plan" in refused.value.breaches[0]
        assert () == engine.leases()


def test_actions_of_an_older_plan_are_refused(tmp_path):
    """Two plans for the same jobs have their own keys: a mix-up is told."""
    problem, plan, _ = _planned(tmp_path, TRAIN)
    _, _, old = _planned(tmp_path, replace(TRAIN, reject_usd=5.0))
    with (
        Engine(OWN, state_dir=tmp_path) as engine,
        pytest.raises(PlanError, match="ask diff for its actions"),
    ):
        engine.apply(problem, plan, old)


def test_whoever_cannot_be_asked_is_named(tmp_path, monkeypatch):
    """Two providers fail: both are told with their remedies, and that nothing was done."""
    _, plan, _ = _planned(tmp_path, TRAIN)
    files = (
        _troubled(tmp_path, monkeypatch, leases='raise ProviderError("static: broken")'),
        _troubled(tmp_path, monkeypatch, name="own", leases='raise TransientError("own: busy")'),
    )
    monkeypatch.setenv("HYBRIDPLACE_PLUGINS", "static_trouble,own_trouble")
    estate = replace(OWN, plugins=files, providers=(Access(provider="own", regions=()),))
    with (
        Engine(estate, folder=tmp_path, state_dir=tmp_path) as engine,
        pytest.raises(ProviderError) as raised,
    ):
        engine.diff(plan)

    assert ProviderError is type(raised.value)
    for told in ("own: busy", "static: broken", "at own, static is not known", "nothing was done"):
        assert told in str(raised.value)


def test_what_may_pass_is_told_as_such(tmp_path, monkeypatch):
    """A caller that repeats what is transient goes by the class of the error."""
    file = _troubled(tmp_path, monkeypatch, leases='raise TransientError("static: busy")')
    with (
        Engine(replace(OWN, plugins=(file,)), folder=tmp_path, state_dir=tmp_path) as engine,
        pytest.raises(TransientError, match="static: busy"),
    ):
        engine.leases()


def test_an_error_of_any_kind_stops_one_action_only(tmp_path, monkeypatch):
    """A plug-in that finds its own settings wrong while it acts has failed, and no more."""
    problem, plan, actions = _planned(tmp_path, TRAIN, SECOND)
    fault = 'Fault(where="own.yaml", path="x", expected="a", got="b")'
    file = _troubled(
        tmp_path,
        monkeypatch,
        acquire=f'if request.job == "second": raise InputError([{fault}])',
    )
    with Engine(replace(OWN, plugins=(file,)), folder=tmp_path, state_dir=tmp_path) as engine:
        steps = {one.action.job: one for one in engine.apply(problem, plan, actions)}

    assert isinstance(steps["second"].error, InputError)
    assert None is steps["train"].error


def test_all_that_policies_deny_is_told(tmp_path):
    """Whoever plans again knows of every job that must go elsewhere."""
    problem, plan, actions = _planned(tmp_path, TRAIN, SECOND)
    (tmp_path / "none.cedar").write_text(
        '@id("nothing") @reason("maintenance") @article("own") '
        "forbid (principal, action, resource);"
    )
    estate = replace(OWN, policies=("base", "none.cedar"))
    with (
        Engine(estate, folder=tmp_path, state_dir=tmp_path) as engine,
        pytest.raises(PolicyError) as refused,
    ):
        engine.apply(problem, plan, actions)

    told = str(refused.value).splitlines()
    assert ["place of second at lab", "place of train at lab"] == sorted(
        line.partition(" is now denied by nothing")[0] for line in told
    )
