"""What figures will be, hour by hour, and when own nodes are not to be used."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

_TOLERANCE_H = 1e-6


class Figure(StrEnum):
    """What can be foretold: the price of an offer, two figures of a site, the size of a quota."""

    PRICE_USD_H = "price_usd_h"
    ENERGY_USD_KWH = "energy_usd_kwh"
    CARBON_G_KWH = "carbon_g_kwh"
    AT_MOST = "at_most"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a figure will be, by the hour; it replaces the one figure that its subject has.

    Parameters
    ----------
    subject : str
        The offer, site or pool that has the figure.
    hourly : tuple of float
        One value per hour of the clock, the first for the hour that `Problem.now` lies in; the
        last one holds on.
    """

    subject: str
    measure: Figure
    hourly: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintenance:
    """When a node of an own pool, or the whole pool if `node` is None, cannot be used.

    No job may have booked a slot that overlaps it. Hours count from `Problem.now`.
    """

    pool: str
    node: str | None = None
    start_h: float
    end_h: float


def slots_between(start_h: float, end_h: float, slot_h: float) -> range:
    """Return the slots that overlap the hours from `start_h` to `end_h`."""
    first = math.floor(start_h / slot_h + _TOLERANCE_H)
    return range(first, math.ceil(end_h / slot_h - _TOLERANCE_H))


def by_slot(forecast: Forecast, *, begin_h: float, slot_h: float, slots: int) -> tuple[float, ...]:
    """Return a forecast by the slot: the mean of its hours, or the least of them for a quota.

    Parameters
    ----------
    begin_h : float
        Where in its first hour the first slot begins.
    """
    if (begin_h, slot_h) == (0.0, 1.0):  # each slot is an hour
        missing = slots - len(forecast.hourly)
        return (*forecast.hourly[:slots], *[forecast.hourly[-1]] * missing)
    found = []
    for slot in range(slots):
        start_h = begin_h + slot * slot_h
        end_h = start_h + slot_h
        hours = slots_between(start_h, end_h, 1.0)
        values = [forecast.hourly[min(hour, len(forecast.hourly) - 1)] for hour in hours]
        if forecast.measure is Figure.AT_MOST:
            found.append(min(values))
        else:
            parts_h = [min(end_h, hour + 1) - max(start_h, hour) for hour in hours]
            found.append(mean(values, parts_h))
    return tuple(found)


def mean(values: list[float], weights: list[float]) -> float:
    """Return the weighted mean; of equal values exactly that value."""
    if len(set(values)) == 1 or not sum(weights) > 0:
        return values[0]
    products = (value * weight for value, weight in zip(values, weights, strict=True))
    return sum(products) / sum(weights)
