"""`hybridplace whatif`."""

from __future__ import annotations

import re

import pytest


def test_a_dearer_place_is_told_with_what_moves(run, plan):
    """Without the own machines, the job goes to a cloud: the extra, line by line, and who moves."""
    told = run("whatif", "--drop", "offers[hall/*]")

    assert told.code == 0
    assert re.match(r"It costs [\d.]+ USD: [\d.]+ before, [\d.]+ after\n", told.out)
    assert re.search(r"machines +\+[\d.]+\n", told.out)
    assert re.search(r"train +hall/rack:L40S/owned from 0 h +aws/eu-\S+ from 1 h\n", told.out)


def test_json_adds_up(run, plan):
    """The lines add up to the extra cost, which lies between its bounds."""
    told = run("whatif", "--set", "offers[aws/*].price_usd_h*=2", "--json").json

    assert told["extra_usd"] > 0
    assert told["extra_usd"] == pytest.approx(sum(told["lines"].values()))
    assert told["extra_least_usd"] <= told["extra_usd"] + 1e-6
    assert told["extra_usd"] <= told["extra_most_usd"] + 1e-6
    assert told["changes"] == ["offers[aws/*].price_usd_h*=2"]


def test_no_difference_is_said(run, plan):
    """A limit that does not bind is worth nothing."""
    told = run("whatif", "--set", "limits[budget].at_most=51").out

    assert told.startswith("It makes no difference: ")


def test_a_policy_has_a_price(run, estate, plan):
    """What a policy forbids is open without it: the plan costs no more."""
    told = run("whatif", "--drop", "rules[*]", "--json").json

    assert told["extra_usd"] <= 1e-6


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "nothing to change"),
        (("--set", "limits[budgt].at_most=5"), 2, "did you mean budget"),
        (("--drop", "jobs"), 2, r"PART\[ID\]"),
    ],
)
def test_wrong_changes_are_told(run, plan, arguments, code, said):
    """What names nothing ends with 2 and says what is there."""
    told = run("whatif", *arguments)

    assert told.code == code
    assert re.search(said, told.err)
