"""Hours and days of an estate become hours from when planning starts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hybridplace.engine.timetable import forecasts, maintenance
from hybridplace.model.estate import Estate, HourlyFigure, MaintenanceWindow
from hybridplace.model.forecast import Figure
from hybridplace.model.job import Tenant
from tests.problems import BOUGHT, OWNED, SPOT

NOW = datetime(2026, 1, 5, 22, 30, tzinfo=UTC)


def _hourly(figure: HourlyFigure, now: datetime = NOW) -> tuple[float, ...]:
    estate = Estate(name="e", tenants=(Tenant(id="t"),), horizon_h=3.0, forecasts=(figure,))
    (found,) = forecasts(estate, (BOUGHT,), now)
    return found.hourly


def _carbon(**how: object) -> HourlyFigure:
    return HourlyFigure(subject="lab", measure=Figure.CARBON_G_KWH, **how)  # type: ignore[arg-type]


def test_a_day_begins_with_the_hour_that_it_is() -> None:
    """Half past ten in the evening: the values of 22, 23, 0 and 1 o'clock, in UTC."""
    day = _carbon(hour_of_day=tuple(float(hour) for hour in range(24)))
    east = NOW.astimezone(timezone(timedelta(hours=5)))

    assert (22.0, 23.0, 0.0, 1.0) == _hourly(day) == _hourly(day, east)


def test_hours_count_from_their_start() -> None:
    """Two hours have passed; what is later than the last value is like it, and so before."""
    hours = (1.0, 2.0, 3.0, 4.0)

    assert hours == _hourly(_carbon(hourly=hours))
    assert (3.0, 4.0) == _hourly(_carbon(hourly=hours, start=datetime(2026, 1, 5, 20, tzinfo=UTC)))
    assert (4.0,) == _hourly(_carbon(hourly=hours, start=datetime(2026, 1, 1, tzinfo=UTC)))
    assert (1.0, 1.0, *hours) == _hourly(
        _carbon(hourly=hours, start=datetime(2026, 1, 6, 0, 59, tzinfo=UTC))
    )


def test_a_pattern_prices_all_offers_that_match() -> None:
    """Those of a later entry replace those of an earlier one."""
    every = HourlyFigure(subject="*", measure=Figure.PRICE_USD_H, hourly=(1.0,))
    spot = HourlyFigure(subject="*/spot", measure=Figure.PRICE_USD_H, hourly=(2.0,))
    estate = Estate(name="e", tenants=(Tenant(id="t"),), forecasts=(every, spot))

    found = {one.subject: one.hourly for one in forecasts(estate, (BOUGHT, SPOT, OWNED), NOW)}

    assert {BOUGHT.id: (1.0,), SPOT.id: (2.0,), OWNED.id: (1.0,)} == found


def test_maintenance_is_that_of_the_horizon() -> None:
    """What is over is gone, what goes on has begun at 0, what comes later is not yet known."""

    def window(first_h: float, last_h: float) -> MaintenanceWindow:
        start, end = (NOW + timedelta(hours=hour) for hour in (first_h, last_h))
        return MaintenanceWindow(pool="p", node="n", start=start, end=end)

    windows = (window(-3, 0), window(-1, 1.5), window(2, 9), window(24, 25))
    estate = Estate(name="e", tenants=(Tenant(id="t"),), maintenance=windows)

    assert [(0.0, 1.5), (2.0, 9.0)] == [
        (one.start_h, one.end_h) for one in maintenance(estate, NOW)
    ]
