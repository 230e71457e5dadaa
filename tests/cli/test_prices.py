"""`hybridplace prices`."""

from __future__ import annotations

import re

import pytest

from tests.cli.conftest import TRAIN


@pytest.fixture
def crowd(run, estate, tmp_path):
    """The plan of three jobs that each want all own machines, by the same hour."""
    hurried = TRAIN.replace("kind:", "deadline_h: 4\n    kind:")
    trains = "".join(hurried.replace("train", f"train{number}", 1) for number in range(3))
    (tmp_path / "jobs.yaml").write_text(f"jobs:\n{trains}")
    assert run("plan", "--now", "2026-11-24T00:00Z").code in (0, 1)
    return tmp_path / "plan.json"


def test_what_is_scarce_is_told_in_words(run, crowd):
    """The dearest first, in a sentence; then tables of what units, policies, deadlines cost."""
    told = run("prices")

    assert told.code == 0
    first = told.out.splitlines()[0]
    assert re.search(r"(would save|costs) about [\d.,]+ USD, at most [\d.,]+ USD", first)
    assert re.search(r"pool rack \(L40S\) +2 +accelerators +[\d.]+ ", told.out)


def test_json_has_every_figure(run, crowd):
    """Programs get ranges, estimates and what is proven, which is never less."""
    told = run("prices", "--json").json
    (rack,) = (one for one in told["prices"]["amounts"] if one["thing"]["id"] == "rack")

    assert rack["price_usd"] > 0
    assert rack["more"]["proven_usd"] >= rack["more"]["estimate_usd"] - 1e-6
    assert told["checks"] == []


def test_changes_can_be_checked(run, crowd):
    """What is foretold stands beside what planning again saves, which is no more than proven."""
    told = run("prices", "--check", "2", "--json").json

    assert told["checks"]
    for one in told["checks"]:
        assert one["saved_usd"] <= one["proven_usd"] + 1e-6


def test_nothing_scarce_is_said(run, plan):
    """Where all have what they want there is nothing to pay for."""
    told = run("prices", "--json").json["prices"]

    assert all(one["estimate_usd"] < 0.005 for one in told["deadlines"])
    assert told["relaxed_usd"] <= told["objective_usd"] + 1e-6
