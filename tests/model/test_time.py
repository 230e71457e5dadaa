"""Figures by the hour and maintenance: what they mean, and what of them means nothing."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridplace.errors import InputError
from hybridplace.model.capacity import closed, quota_size
from hybridplace.model.cost import figure_over, run_carbon_g, run_costs, run_use
from hybridplace.model.forecast import Figure, Forecast, Maintenance, by_slot, slots_between
from hybridplace.model.job import Training
from hybridplace.model.problem import Limit, LimitMeasure, Problem
from hybridplace.model.run import Run, run_of
from hybridplace.model.site import Offer
from tests.problems import BOUGHT, LAB, NODES, OWNED, PLAIN, QUOTA, SPOT, TRAIN

ON_THE_HOUR = replace(PLAIN, now=datetime(2026, 1, 5, 6, tzinfo=UTC))


def _foretold(problem: Problem, subject: str, measure: Figure, *hourly: float) -> Problem:
    forecast = Forecast(subject=subject, measure=measure, hourly=hourly)
    return replace(problem, forecasts=(*problem.forecasts, forecast))


def _run(problem: Problem, offer: Offer, start_h: float, units: float = 2.0) -> Run:
    job = replace(TRAIN, work=Training(units=units))
    run = run_of(problem, job, offer, job.shapes[0], start_h)
    assert run is not None
    return run


def _usd(problem: Problem, offer: Offer, run: Run) -> float:
    return run_costs(problem, TRAIN, offer, TRAIN.shapes[0], run).total_usd


# --- figures by the hour ------------------------------------------------------------------------


def test_a_run_pays_each_hour_at_its_price() -> None:
    """An hour and a half from hour 1 on: an hour at 2 and half of one at 6 USD; 3 stays unpaid."""
    problem = _foretold(ON_THE_HOUR, BOUGHT.id, Figure.PRICE_USD_H, 3.0, 2.0, 6.0)

    assert pytest.approx(2.0 + 0.5 * 6.0) == _usd(problem, BOUGHT, _run(problem, BOUGHT, 1.0, 1.5))


def test_the_last_value_holds_on() -> None:
    """Nothing is known of later hours, so they are like the last one that is known."""
    problem = _foretold(ON_THE_HOUR, BOUGHT.id, Figure.PRICE_USD_H, 3.0, 1.0)

    assert pytest.approx(2.0) == _usd(problem, BOUGHT, _run(problem, BOUGHT, 2.0))


def test_hours_are_those_of_the_clock() -> None:
    """At half past six, the first value holds for half an hour, so a slot has half of two."""
    problem = _foretold(PLAIN, BOUGHT.id, Figure.PRICE_USD_H, 3.0, 1.0)

    assert (2.0, 1.0, 1.0, 1.0) == problem.by_slot[BOUGHT.id, Figure.PRICE_USD_H]


def test_a_slot_has_the_mean_of_its_hours() -> None:
    """In slots of two hours a run of one hour pays the mean of both; a quota has the least."""
    problem = replace(ON_THE_HOUR, slot_h=2.0)
    problem = _foretold(problem, BOUGHT.id, Figure.PRICE_USD_H, 3.0, 1.0)
    problem = _foretold(problem, QUOTA.id, Figure.AT_MOST, 5.0, 2.0, 9.0)

    assert pytest.approx(2.0) == _usd(problem, BOUGHT, _run(problem, BOUGHT, 0.0, 1.0))
    assert [2.0, 9.0] == [quota_size(problem, QUOTA, slot) for slot in (0, 1)]


def test_energy_and_carbon_are_those_of_the_hours_of_the_run() -> None:
    """What an own run draws is priced, and emits, as in the hours that it is on."""
    problem = _foretold(ON_THE_HOUR, "lab", Figure.ENERGY_USD_KWH, 9.0, 0.2, 0.6)
    problem = _foretold(problem, "lab", Figure.CARBON_G_KWH, 999.0, 100.0, 300.0)
    run = _run(problem, OWNED, 1.0)
    kwh = (400 * 0.8 + 4 * 3.5 + 16 * 0.392) * 2 / 1000 * 1.5

    assert pytest.approx(kwh * 0.4) == _usd(problem, OWNED, run)
    assert pytest.approx(kwh * 200) == run_carbon_g(problem, OWNED, TRAIN.shapes[0], run)


def test_lost_work_is_priced_like_the_run() -> None:
    """Interruptions spread over the whole run: its mean price is theirs."""
    problem = _foretold(ON_THE_HOUR, SPOT.id, Figure.PRICE_USD_H, 1.0, 3.0)
    run = _run(problem, SPOT, 0.0)
    costs = run_costs(problem, TRAIN, SPOT, TRAIN.shapes[0], run)
    hours = run.end_h
    whole = 1.0 + (hours - 1.0) * 3.0

    assert 0.0 < costs.lost_spot_work_usd
    assert pytest.approx(whole) == costs.compute_usd + costs.lost_spot_work_usd
    assert pytest.approx(2.0 / hours) == costs.compute_usd / whole


def test_a_forecast_tells_what_was_not_known() -> None:
    """A figure that is foretold needs no other."""
    unpriced = replace(BOUGHT, price_usd_h=None)
    problem = _foretold(replace(ON_THE_HOUR, offers=(unpriced,)), BOUGHT.id, Figure.PRICE_USD_H, 5)

    assert pytest.approx(10.0) == _usd(problem, unpriced, _run(problem, unpriced, 0.0))


def test_limits_count_what_the_hours_cost() -> None:
    """A budget pays the same prices as the plan."""
    problem = _foretold(ON_THE_HOUR, BOUGHT.id, Figure.PRICE_USD_H, 1.0, 7.0)
    limit = Limit(id="l", measure=LimitMeasure.USD, at_most=1.0)
    run = _run(problem, BOUGHT, 0.0)

    used = run_use(problem, limit, TRAIN, BOUGHT, TRAIN.shapes[0], run)

    assert pytest.approx(8.0) == used


@given(st.floats(0.0, 9.0), st.floats(0.01, 3.0), st.sampled_from((0.25, 0.5, 1.0, 2.0)))
def test_equal_hours_are_like_no_forecast(value: float, units: float, slot_h: float) -> None:
    """To the last bit: a forecast that says what is so anyhow changes nothing."""
    problem = replace(PLAIN, slot_h=slot_h)
    foretold = _foretold(problem, "lab", Figure.CARBON_G_KWH, value, value, value)
    run = _run(foretold, OWNED, slot_h, units)

    assert value == figure_over(foretold, foretold.site["lab"], Figure.CARBON_G_KWH, run)


@given(st.lists(st.floats(0.0, 9.0), min_size=1, max_size=9), st.sampled_from((0.25, 0.5, 1.0)))
def test_slots_add_up_to_the_hours(hourly: list[float], slot_h: float) -> None:
    """The integral over the slots is that over the hours."""
    forecast = Forecast(subject="s", measure=Figure.CARBON_G_KWH, hourly=tuple(hourly))
    slots = round(len(hourly) / slot_h)

    values = by_slot(forecast, begin_h=0.0, slot_h=slot_h, slots=slots)

    assert pytest.approx(math.fsum(hourly)) == math.fsum(values) * slot_h


# --- maintenance --------------------------------------------------------------------------------


def test_maintenance_closes_every_slot_that_it_touches() -> None:
    """From half past one to three: slots 1 and 2, of that node or of all."""
    one = Maintenance(pool=NODES.id, node="n1", start_h=1.5, end_h=3.0)
    every = Maintenance(pool=NODES.id, start_h=0.0, end_h=1.0)
    problem = replace(PLAIN, maintenance=(one, every))

    assert {("n1", 0), ("n2", 0), ("n1", 1), ("n1", 2)} == closed(problem, NODES)
    assert frozenset() == closed(problem, QUOTA)


def test_slots_between() -> None:
    """What ends where a slot begins does not touch it, whatever rounding makes of it."""
    assert range(1, 3) == slots_between(0.3, 0.9000000001, 0.3)
    assert range(1) == slots_between(0.1, 0.2, 1.0)


# --- what means nothing -------------------------------------------------------------------------

FORECAST = Forecast(subject="lab", measure=Figure.CARBON_G_KWH, hourly=(1.0,))
DOWN = Maintenance(pool=NODES.id, start_h=0.0, end_h=1.0)
FAULTS = {
    "nothing foretold": ({"forecasts": (replace(FORECAST, hourly=()),)}, "forecasts[carbon"),
    "no number": (
        {"forecasts": (replace(FORECAST, hourly=(1.0, math.nan)),)},
        "forecasts[carbon_g_kwh of lab].hourly[1]",
    ),
    "negative": ({"forecasts": (replace(FORECAST, hourly=(-1.0,)),)}, "forecasts[carbon"),
    "foretold twice": ({"forecasts": (FORECAST, replace(FORECAST, hourly=(2.0,)))}, "forecasts"),
    "of no site": ({"forecasts": (replace(FORECAST, subject="moon"),)}, "forecasts[carbon"),
    "price of a site": (
        {"forecasts": (replace(FORECAST, measure=Figure.PRICE_USD_H),)},
        "forecasts[price_usd_h of lab]",
    ),
    "quota of nodes": (
        {"forecasts": (Forecast(subject=NODES.id, measure=Figure.AT_MOST, hourly=(1.0,)),)},
        "forecasts[at_most",
    ),
    "maintenance of no pool": ({"maintenance": (replace(DOWN, pool="x"),)}, "maintenance[x]"),
    "maintenance of no node": ({"maintenance": (replace(DOWN, node="n9"),)}, "maintenance["),
    "maintenance of a quota": ({"maintenance": (replace(DOWN, pool=QUOTA.id),)}, "maintenance["),
    "maintenance that ends first": ({"maintenance": (replace(DOWN, end_h=0.0),)}, "maintenance["),
    "maintenance before now": ({"maintenance": (replace(DOWN, start_h=-1.0),)}, "maintenance["),
    "endless maintenance": ({"maintenance": (replace(DOWN, end_h=math.inf),)}, "maintenance["),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_means_nothing_is_refused(name: str) -> None:
    """Each is told with its path, and alone."""
    changes, path = FAULTS[name]
    with pytest.raises(InputError) as raised:
        replace(PLAIN, **changes)

    assert all(fault.path.startswith(path) for fault in raised.value.faults)


def test_order_is_no_information() -> None:
    """The same forecasts and windows in another order make the same problem."""
    forecasts = (FORECAST, replace(FORECAST, subject="near"), replace(FORECAST, subject="far"))
    windows = (DOWN, replace(DOWN, node="n1"), replace(DOWN, end_h=2.0))
    one = replace(PLAIN, forecasts=forecasts, maintenance=windows)

    assert one.digest == replace(one, forecasts=forecasts[::-1], maintenance=windows[::-1]).digest
    assert one.digest != PLAIN.digest
    assert LAB.carbon_g_kwh != FORECAST.hourly[0]
