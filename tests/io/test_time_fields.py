"""Forecasts, maintenance, spreads, moves and ranges in input files: what is wrong, and right."""

from __future__ import annotations

from typing import Any

import pytest

from tests.io.conftest import Tell

DAY = list(range(24))
TARIFF = {"subject": "lab", "measure": "energy_usd_kwh", "hour_of_day": DAY}
HOURS = {"subject": "gpus", "measure": "at_most", "hourly": [8, 4]}
DOWN = {"pool": "racks", "start": "2026-01-05T08:00Z", "end": "2026-01-05T08:30:00.5+01:00"}
LATER = DOWN | {"end": "2026-01-05T08:00:01Z"}
TIME = "expected a time with an offset, as 2026-01-05T08:00+01:00"
APART = {"id": "far", "jobs": ["train", "tune"], "domain": "provider", "at_most": 1}
MOVES = {"id": "calm", "measure": "moves", "at_most": 3}

RIGHT: dict[str, tuple[str, Any]] = {
    "a tariff": ("forecasts", [TARIFF]),
    "hours": ("forecasts", [HOURS, HOURS | {"start": "2026-01-05T08:00:00-05:30"}]),
    "prices of offers that the catalog knows": (
        "forecasts",
        [{"subject": "aws/*/spot", "measure": "price_usd_h", "hourly": [1]}],
    ),
    "carbon of a region": (
        "forecasts",
        [{"subject": "aws/eu-north-1", "measure": "carbon_g_kwh", "hourly": [30.5]}],
    ),
    "maintenance of a node, and of a pool": ("maintenance", [LATER, LATER | {"node": "n-2"}]),
    "a spread": ("spreads", [APART]),
    "moves": ("limits", [MOVES | {"tenant": "sales"}, MOVES | {"id": "one", "job": "tune"}]),
    "a range": ("jobs[1].work_range", [0.5, 2]),
}

WRONG: dict[str, tuple[str, Any, str]] = {
    "half a day": (
        "forecasts",
        [TARIFF | {"hour_of_day": DAY[:12]}],
        "forecasts[0].hour_of_day: expected a list",
    ),
    "two ways to say it": (
        "forecasts",
        [TARIFF | {"hourly": [1]}],
        "forecasts[0]: expected either hour_of_day or hourly, got both; remove one",
    ),
    "neither": (
        "forecasts",
        [{"subject": "lab", "measure": "carbon_g_kwh"}],
        "forecasts[0]: expected either hour_of_day or hourly, got neither; add one",
    ),
    "a start of every day": (
        "forecasts",
        [TARIFF | {"start": "2026-01-05T08:00Z"}],
        "forecasts[0].start: expected nothing, since each day is the same, got a time",
    ),
    "another figure": (
        "forecasts",
        [TARIFF | {"measure": "carbon"}],
        "forecasts[0].measure: expected one of price_usd_h, energy_usd_kwh, carbon_g_kwh, at_most",
    ),
    "a figure of nowhere": (
        "forecasts",
        [TARIFF | {"subject": "lap"}],
        "forecasts[0].subject: expected the id of a site, got 'lap'; write lab",
    ),
    "a quota that is none": (
        "forecasts",
        [HOURS | {"subject": "gpu"}],
        "forecasts[0].subject: expected the id of a pool or quota, got 'gpu'; write gpus",
    ),
    "a local time": ("maintenance", [LATER | {"start": "2026-01-05T08:00"}], TIME),
    "a date": ("maintenance", [LATER | {"start": "2026-01-05"}], TIME),
    "a day that is none": ("maintenance", [LATER | {"start": "2026-02-30T08:00Z"}], TIME),
    "an end before the start": (
        "maintenance",
        [DOWN],
        "expected a time after start (2026-01-05T08:00:00+00:00), got 2026-01-05T08:30",
    ),
    "no such pool": (
        "maintenance",
        [LATER | {"pool": "rack"}],
        "maintenance[0].pool: expected the id of a pool, got 'rack'; write racks",
    ),
    "a quota": ("maintenance", [LATER | {"pool": "gpus"}], "maintenance[0].pool"),
    "no such node": (
        "maintenance",
        [LATER | {"node": "n-3"}],
        "maintenance[0].node: expected the id of a node, got 'n-3'",
    ),
    "spread of whom": (
        "spreads",
        [APART | {"jobs": ["train", "tunes"]}],
        "spreads[0].jobs[1]: expected the id of a job, got 'tunes'; write tune",
    ),
    "spread over what": (
        "spreads",
        [APART | {"domain": "rack"}],
        "spreads[0].domain: expected one of site, region, provider, country",
    ),
    "spread twice": ("spreads", [APART, APART], "spreads[1].id"),
    "moves at a site": (
        "limits",
        [MOVES | {"site": "lab"}],
        "limits[0].site: expected nothing, since a move is from one place to another, got lab",
    ),
    "range upside down": (
        "jobs[1].work_range",
        [2, 0.5],
        "jobs[1].work_range: expected the least factor before the most, got 2 and 0.5; swap them",
    ),
    "range of one": ("jobs[1].work_range", [2], "jobs[1].work_range: expected a list"),
    "range of serving": ("jobs[2].work_range", [0.5, 2], "jobs[2].work_range: expected nothing"),
    "a quantile in percent": ("assumptions.quantile", 90, "assumptions.quantile: expected"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_passes(name: str, tell: Tell) -> None:
    """Nothing is said of it."""
    assert [] == tell(RIGHT[name], regions=["aws/eu-north-1"])


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told(name: str, tell: Tell) -> None:
    """One fault, with its path and what to write."""
    path, value, expected = WRONG[name]

    (told,) = tell((path, value), regions=["aws/eu-north-1"])

    assert expected in told
