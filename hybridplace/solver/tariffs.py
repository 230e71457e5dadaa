"""What an hour of each offer costs and emits: steadily, at the least, at the most, over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hybridplace.model.forecast import Figure
from hybridplace.model.problem import LimitMeasure, Problem
from hybridplace.model.site import Market, Offer, Site
from hybridplace.solver.instance import Bools, Floats, Indices
from hybridplace.units import GRAMS_PER_TONNE

FIGURES = (Figure.PRICE_USD_H, Figure.ENERGY_USD_KWH, Figure.CARBON_G_KWH)
"""In the order of the parts of `Hourly`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tariff:
    """Figures of all offers, at one moment; NaN is not known.

    Parameters
    ----------
    price_usd_h : floats
        Of a machine.
    machine_usd_h, machine_g_h : floats
        Of a bought machine-hour: price and emissions at their price; emissions. Own nodes: the
        price; 0.
    kwh_usd, kwh_money_usd, kwh_g : floats
        Of a kWh that a worker draws on own nodes, PUE included: energy and emissions at their
        price; energy; emissions. 0 of bought machines.
    """

    price_usd_h: Floats
    machine_usd_h: Floats
    machine_g_h: Floats
    kwh_usd: Floats
    kwh_money_usd: Floats
    kwh_g: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariffs:
    """Figures of all offers over time.

    Parameters
    ----------
    steady : Tariff
        With 0 for what changes over time.
    least, most : Tariff
        What is never more, and never less; the same as `steady` if nothing changes over time.
    row : indices, (offers, 3)
        Row of `cumulative` for each part of `Hourly`; -1 where it does not change over time.
    cumulative : floats, (any, T + 1)
        Integral of a figure over time, at the start of each slot and at the end of the last.
    """

    steady: Tariff
    least: Tariff
    most: Tariff
    row: Indices
    cumulative: Floats


def carbon_usd_g(problem: Problem) -> float:
    """Return the price of a gram of CO2e."""
    return problem.assumptions.carbon_usd_t / GRAMS_PER_TONNE


def tariffs_of(problem: Problem, site: Indices, machine_kw: Floats, pue: Floats) -> Tariffs:
    """Return the figures of all offers.

    Parameters
    ----------
    site : indices
        Row of `Problem.sites`.
    machine_kw, pue : floats
        What a whole machine draws, PUE included; the PUE of its site.
    """
    owned = np.array([offer.market is Market.OWNED for offer in problem.offers], dtype=bool)
    series, row = _rows(problem, owned)
    stated = _stated(problem, site)

    def tariff(values: Floats) -> Tariff:
        figures = [
            np.where(row[:, part] >= 0, values[row[:, part]], stated[part]) for part in range(3)
        ]
        return _tariff(problem, figures, owned, machine_kw, pue)

    zero = np.zeros(len(series) + 1)
    steady = tariff(zero)
    slots = np.array(series, dtype=np.float64).reshape(len(series), problem.slots)
    cumulative = np.zeros((len(series), problem.slots + 1))
    np.cumsum(slots * problem.slot_h, axis=1, out=cumulative[:, 1:])
    if not series:
        return Tariffs(steady=steady, least=steady, most=steady, row=row, cumulative=cumulative)
    return Tariffs(
        steady=steady,
        least=tariff(slots.min(axis=1)),
        most=tariff(slots.max(axis=1)),
        row=row,
        cumulative=cumulative,
    )


def _tariff(
    problem: Problem, figures: Sequence[Floats], owned: Bools, machine_kw: Floats, pue: Floats
) -> Tariff:
    price_usd_h, energy_usd_kwh, carbon_g_kwh = figures
    usd_g = carbon_usd_g(problem)
    machine_g_h = machine_kw * carbon_g_kwh
    kwh_money_usd, kwh_g = pue * energy_usd_kwh, pue * carbon_g_kwh
    return Tariff(
        price_usd_h=price_usd_h,
        machine_usd_h=price_usd_h + np.where(owned, 0.0, _weighted(machine_g_h, usd_g)),
        machine_g_h=np.where(owned, 0.0, machine_g_h),
        kwh_usd=np.where(owned, kwh_money_usd + _weighted(kwh_g, usd_g), 0.0),
        kwh_money_usd=np.where(owned, kwh_money_usd, 0.0),
        kwh_g=np.where(owned, kwh_g, 0.0),
    )


def _weighted(amount: Floats, price: float) -> Floats | float:
    """Return amount x price; 0 at no price, though the amount is not known."""
    return amount * price if price > 0 else 0.0


def _stated(problem: Problem, site: Indices) -> list[Floats]:
    """Return figures of each offer, the last two of its site, as stated."""
    price, *others = FIGURES
    listed = [[getattr(offer, price) for offer in problem.offers]]
    listed += [[getattr(one, figure) for one in problem.sites] for figure in others]
    prices, energy, carbon = (np.array(column, dtype=np.float64) for column in listed)
    return [prices, energy[site], carbon[site]]


def _holder(problem: Problem, offer: Offer, figure: Figure) -> Offer | Site:
    return offer if figure is Figure.PRICE_USD_H else problem.site[offer.site]


def _rows(problem: Problem, owned: Bools) -> tuple[list[tuple[float, ...]], Indices]:
    """Return all series that matter, and which of them each figure of an offer follows."""
    row = np.full((len(problem.offers), len(FIGURES)), -1, dtype=np.int32)
    number: dict[tuple[str, Figure], int] = {}
    if not problem.forecasts:
        return [], row
    carbon = problem.assumptions.carbon_usd_t > 0 or any(
        limit.measure is LimitMeasure.CARBON_G for limit in problem.limits
    )
    for one, offer in enumerate(problem.offers):
        for part, figure in enumerate(FIGURES):
            key = (_holder(problem, offer, figure).id, figure)
            matters = (True, bool(owned[one]), carbon)[part]
            if matters and key in problem.by_slot:
                row[one, part] = number.setdefault(key, len(number))
    return [problem.by_slot[key] for key in number], row
