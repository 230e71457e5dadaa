"""What offers cost a kind of job per machine-hour and per worker-hour, at the prices of limits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hybridplace.checker.asks import Asks
from hybridplace.checker.columns import Bools, Floats, Offers, rest_w
from hybridplace.checker.runs import Runs
from hybridplace.model.problem import Limit, LimitMeasure, Problem
from hybridplace.model.verify import MONEY_TOLERANCE
from hybridplace.units import GRAMS_PER_TONNE


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Of the limits that some asks count towards, on some offers (columns).

    Parameters
    ----------
    money : floats
        What a dollar paid costs: 1, and its price in each limit on USD.
    carbon_usd_g : floats
        What a gram costs; `counted` where it must be known.
    accelerator_usd_h : floats
        What an accelerator hour costs.
    most_usd, most_g, most_h : floats
        The smallest limit: nothing that exceeds one by itself is in any plan.
    limited : bool
        Whether there is any limit.
    """

    money: Floats
    carbon_usd_g: Floats
    counted: Bools
    accelerator_usd_h: Floats
    most_usd: Floats
    most_g: Floats
    most_h: Floats
    limited: bool


def terms_of(problem: Problem, limits: tuple[int, ...], covered: Bools, limit_usd: Floats) -> Terms:
    """Return the terms of asks that count towards some limits.

    Parameters
    ----------
    limits : tuple of int
        Those which the asks count towards, in `Problem.limits`, on offers that are in scope.
    covered : bools, (limits, offers)
        The scope of each of `Problem.limits`.
    limit_usd : floats
        Price of each of `Problem.limits`.
    """
    count = covered.shape[1]
    price = {measure: np.zeros(count) for measure in LimitMeasure}
    most = {measure: np.full(count, math.inf) for measure in LimitMeasure}
    for row in limits:
        limit, scope = problem.limits[row], covered[row]
        price[limit.measure] += np.where(scope, limit_usd[row], 0.0)
        np.minimum(most[limit.measure], _most(limit), where=scope, out=most[limit.measure])
    usd_g = problem.assumptions.carbon_usd_t / GRAMS_PER_TONNE
    return Terms(
        money=1.0 + price[LimitMeasure.USD],
        carbon_usd_g=usd_g + price[LimitMeasure.CARBON_G],
        counted=(usd_g > 0) | np.isfinite(most[LimitMeasure.CARBON_G]),
        accelerator_usd_h=price[LimitMeasure.ACCELERATOR_H],
        most_usd=most[LimitMeasure.USD],
        most_g=most[LimitMeasure.CARBON_G],
        most_h=most[LimitMeasure.ACCELERATOR_H],
        limited=len(limits) > 0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """Asks (rows) on offers (columns), apart from place, start and capacity.

    Parameters
    ----------
    usd : floats
        At the least of what changes over time. NaN where a figure is not known, inf where it would
        exceed a limit all by itself.
    weight : floats, (3 or 0, asks, offers)
        What the mean over the run of each of `columns.FIGURES` is multiplied by, if it changes.
    """

    usd: Floats
    weight: Floats


def priced(problem: Problem, asks: Asks, offers: Offers, runs: Runs, terms: Terms) -> Priced:
    """Return what each ask costs on each offer."""
    machine_h, worker_h = runs.machine_h, runs.worker_h
    usd = machine_h * offers.price_usd_h
    if asks.public[:1].any():
        usd += machine_h * offers.address_usd_h
    if asks.disk_gib.any():
        usd += worker_h * asks.disk_gib[:, None] * offers.disk_usd_gib_h
    owned, counted, kwh = bool(offers.owned[:1].any()), terms.counted, np.zeros((1, 1))
    if owned:
        kwh = worker_h * _own_w(problem, asks, offers) * offers.kwh_wh
        usd += kwh * offers.energy_usd_kwh
    elif counted.any():
        kwh = machine_h * np.where(counted, offers.machine_kw, 0.0)
    carbon_g = kwh * np.where(counted, offers.carbon_g_kwh, 0.0) if counted.any() else 0.0
    weight = np.zeros((0, *usd.shape))
    if offers.course.any() and problem.slots > 1:
        own_kwh = kwh if owned else np.zeros((1, 1))
        grams_usd = kwh * np.where(counted, terms.carbon_usd_g, 0.0)
        parts = (machine_h * terms.money, own_kwh * terms.money, grams_usd)
        weight = np.array([np.broadcast_to(part, usd.shape) for part in parts])
    if not terms.limited:
        return Priced(usd=usd + carbon_g * terms.carbon_usd_g, weight=weight)
    boards_h = worker_h * asks.accelerators[:, None]
    total = usd * terms.money + carbon_g * terms.carbon_usd_g + boards_h * terms.accelerator_usd_h
    excess = (usd > terms.most_usd) | (carbon_g > terms.most_g) | (boards_h > terms.most_h)
    return Priced(usd=np.where(excess, np.inf, total), weight=weight)


def _own_w(problem: Problem, asks: Asks, offers: Offers) -> Floats:
    """Return what one worker draws of a node."""
    power_w = rest_w(problem, asks.cpus, asks.memory_gib)[:, None]
    boards = asks.accelerators[:, None]
    with np.errstate(invalid="ignore"):
        return power_w + np.where(boards > 0, boards * offers.board_w, 0.0)


def _most(limit: Limit) -> float:
    return limit.at_most + MONEY_TOLERANCE * max(1.0, abs(limit.at_most))
