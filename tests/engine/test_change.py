"""Changes to a problem: what is named is changed, nothing else, and what is wrong is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hybridplace.engine.change import changed, dropping, setting
from hybridplace.errors import InputError
from hybridplace.model.problem import Denial, Limit, LimitMeasure, Rule
from hybridplace.model.site import Market
from tests.problems import PLAIN

BUDGET = Limit(id="budget", measure=LimitMeasure.USD, at_most=9.0)
DENIALS = (
    Denial(action="place", subjects=("train",), sites=("lab",), rules=("r1",)),
    Denial(action="place", subjects=("train",), sites=("far",), rules=("r1", "r2")),
)
RULES = (Rule(id="r1", reason="not here"), Rule(id="r2", reason="nor there"))
PROBLEM = replace(PLAIN, limits=(BUDGET,), rules=RULES, denials=DENIALS)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("limits[budget].at_most=500", lambda p: p.limits[0].at_most == 500),
        ("limits[budget].at_most+=8", lambda p: p.limits[0].at_most == 17.0),
        ("limits[bud*].at_most*=2", lambda p: p.limits[0].at_most == 18.0),
        ("pools[near-quota].at_most-=1", lambda p: p.pool["near-quota"].at_most == 1),
        ("jobs[train].deadline_h=3", lambda p: p.job["train"].deadline_h == 3),
        ("jobs[train].deadline_h = none", lambda p: p.job["train"].deadline_h is None),
        ("offers[*/spot].price_usd_h=0.5", lambda p: p.offer["far/g4/spot"].price_usd_h == 0.5),
        ("offers[far/g4/spot].market=reserved", lambda p: p.offers[0].market is Market.RESERVED),
        ("sites[lab].attestations=[dpa]", None),
        ('sites[lab].attestations=["dpa"]', lambda p: p.site["lab"].attestations == ("dpa",)),
        ("assumptions.carbon_usd_t=100", lambda p: p.assumptions.carbon_usd_t == 100),
        ("horizon_h*=2", lambda p: p.horizon_h == 8.0),
    ],
)
def test_a_setting_changes_what_it_names(text, found) -> None:
    """The named figure has the new value; text where a list must stand is refused."""
    if found is None:
        with pytest.raises(InputError, match="write"):
            changed(PROBLEM, [setting(text)])
    else:
        assert found(changed(PROBLEM, [setting(text)]))


def test_nothing_else_is_changed() -> None:
    """All parts but the named one are those of before."""
    other = changed(PROBLEM, [setting("limits[budget].at_most=500")])
    assert replace(other, limits=PROBLEM.limits) == PROBLEM


def test_a_dropped_policy_spares_what_it_alone_denied() -> None:
    """Denials by several rules stay, with the rules that are left."""
    other = changed(PROBLEM, [dropping("rules[r1]")])
    assert [rule.id for rule in other.rules] == ["r2"]
    assert [(denial.sites, denial.rules) for denial in other.denials] == [(("far",), ("r2",))]


def test_dropped_values_are_gone() -> None:
    """All that a pattern matches is left out."""
    other = changed(PROBLEM, [dropping("offers[*/spot]"), dropping("limits[budget]")])
    assert [offer.id for offer in other.offers] == ["lab/a100/owned", "near/g4/on_demand"]
    assert not other.limits


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("limits[budgt].at_most=5", "did you mean budget"),
        ("limits[budget].at_least=5", "did you mean at_most"),
        ("limit[budget].at_most=5", "did you mean limits"),
        ("limits[budget].reason*=5", "expected numbers"),
        ("limits[budget].at_most", "PATH=VALUE"),
        ("limits[budget].at_most=-5", "at_most"),
    ],
)
def test_what_is_wrong_is_told(text: str, told: str) -> None:
    """A path that names nothing, and a value that may not be there, are faults with a remedy."""
    with pytest.raises(InputError, match=told):
        changed(PROBLEM, [setting(text)])


def test_all_faults_are_told_at_once() -> None:
    """Two wrong changes are two faults."""
    with pytest.raises(InputError) as caught:
        changed(PROBLEM, [setting("limits[x].at_most=5"), dropping("jobs[y]")])
    assert len(caught.value.faults) == 2
