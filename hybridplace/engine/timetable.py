"""What an estate says of hours and days, as hours from when planning starts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase

from hybridplace.model.estate import Estate, HourlyFigure
from hybridplace.model.forecast import Figure, Forecast, Maintenance
from hybridplace.model.site import Offer
from hybridplace.units import HOURS_PER_DAY, SECONDS_PER_HOUR


def forecasts(estate: Estate, offers: Sequence[Offer], now: datetime) -> tuple[Forecast, ...]:
    """Return the figures of an estate that change over time; of several for one, the last."""
    found: dict[tuple[str, Figure], Forecast] = {}
    for figure in estate.forecasts:
        hourly = _hourly(figure, now, estate.horizon_h)
        for subject in _subjects(figure, offers):
            found[subject, figure.measure] = Forecast(
                subject=subject, measure=figure.measure, hourly=hourly
            )
    return tuple(found.values())


def maintenance(estate: Estate, now: datetime) -> tuple[Maintenance, ...]:
    """Return the maintenance that falls into the horizon."""
    return tuple(
        Maintenance(
            pool=window.pool,
            node=window.node,
            start_h=max(0.0, _hours(window.start - now)),
            end_h=_hours(window.end - now),
        )
        for window in estate.maintenance
        if _hours(window.end - now) > 0 and _hours(window.start - now) < estate.horizon_h
    )


def _subjects(figure: HourlyFigure, offers: Sequence[Offer]) -> Iterator[str]:
    if figure.measure is not Figure.PRICE_USD_H:
        yield figure.subject
        return
    yield from (offer.id for offer in offers if fnmatchcase(offer.id, figure.subject))


def _hourly(figure: HourlyFigure, now: datetime, horizon_h: float) -> tuple[float, ...]:
    """Return a value for each hour of the clock, from the one that `now` lies in."""
    hour = _hour(now)
    if figure.hour_of_day is not None:
        hours = range(hour.hour, hour.hour + math.ceil(horizon_h) + 1)
        return tuple(figure.hour_of_day[one % HOURS_PER_DAY] for one in hours)
    values = figure.hourly or ()
    if figure.start is None:
        return values
    passed = round(_hours(hour - _hour(figure.start)))
    if passed < 0:
        return (*values[:1] * min(-passed, math.ceil(horizon_h) + 1), *values)
    return values[min(passed, len(values) - 1) :]


def _hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _hours(length: timedelta) -> float:
    return length.total_seconds() / SECONDS_PER_HOUR
