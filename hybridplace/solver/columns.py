"""Offers as columns: what `compile` reads of all offers at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybridplace.model.forecast import Figure
from hybridplace.model.problem import Problem
from hybridplace.model.run import interruptions_per_h
from hybridplace.model.site import Market, Measure, Offer, Site

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """All offers of a problem, one row each, in the order of `Problem.offers`; NaN is not known.

    Figures that are forecast are the least of all slots.

    Parameters
    ----------
    site : ints
        Row in `Problem.sites`.
    varies : bools
        Whether what a run costs or emits depends on its start.
    energy_usd_kwh : floats
        Of own hardware; 0 where the price of the machine covers it.
    machine_power_w, accelerator_power_w : floats
        Of a whole machine, and of one accelerator, under load.
    quota : floats
        What one machine counts towards the quota it is in; 0 in no quota.
    in_scope : bools
        Whether the site and market of an offer are in the scope of a limit, one row per limit.
    """

    site: Ints
    varies: Bools
    owned: Bools
    available: Bools
    price_usd_h: Floats
    cpus: Floats
    memory_gib: Floats
    accelerators: Floats
    accelerator: NDArray[np.str_]
    architecture: NDArray[np.str_]
    accelerator_power_w: Floats
    machine_power_w: Floats
    interconnect_gbps: Floats
    interruptions_per_h: Floats
    disk_usd_gib_h: Floats
    address_usd_h: Floats
    pue: Floats
    carbon_g_kwh: Floats
    energy_usd_kwh: Floats
    quota: Floats
    quota_at_most: Floats
    in_scope: Bools


def columns_of(problem: Problem) -> Columns:
    """Return the offers of `problem` as columns."""
    offers, sites = problem.offers, [problem.site[offer.site] for offer in problem.offers]
    row_of = {site.id: row for row, site in enumerate(problem.sites)}

    accelerators = _numbers(offer.accelerators for offer in offers)
    cpus = _numbers(offer.cpus for offer in offers)
    memory_gib = _numbers(offer.memory_gib for offer in offers)
    assumed = problem.assumptions
    board_w = _numbers(offer.accelerator_power_w for offer in offers) * assumed.accelerator_load
    rest_w = cpus * assumed.cpu_power_w + memory_gib * assumed.memory_power_w_gib
    return Columns(
        site=np.array([row_of[offer.site] for offer in offers], dtype=np.int64),
        owned=np.array([offer.market is Market.OWNED for offer in offers], dtype=bool),
        available=np.array([offer.available for offer in offers], dtype=bool),
        varies=np.array([varies(problem, offer) for offer in offers], dtype=bool),
        price_usd_h=_least(problem, Figure.PRICE_USD_H, offers),
        cpus=cpus,
        memory_gib=memory_gib,
        accelerators=accelerators,
        accelerator=np.array([offer.accelerator or "" for offer in offers], dtype=np.str_),
        architecture=np.array([offer.architecture for offer in offers], dtype=np.str_),
        accelerator_power_w=board_w,
        machine_power_w=rest_w + np.where(accelerators > 0, accelerators * board_w, 0.0),
        interconnect_gbps=_numbers(offer.interconnect_gbps for offer in offers),
        interruptions_per_h=_numbers(interruptions_per_h(problem, offer) for offer in offers),
        disk_usd_gib_h=_numbers(offer.disk_usd_gib_h for offer in offers),
        address_usd_h=_numbers(offer.address_usd_h for offer in offers),
        pue=_numbers(site.pue for site in sites),
        carbon_g_kwh=_least(problem, Figure.CARBON_G_KWH, sites),
        energy_usd_kwh=np.where(
            [offer.market is Market.OWNED for offer in offers],
            _least(problem, Figure.ENERGY_USD_KWH, sites),
            0.0,
        ),
        quota=_numbers(_counts(problem, offer) for offer in offers),
        quota_at_most=_numbers(_most_of_quota(problem, offer) for offer in offers),
        in_scope=_in_scope(problem),
    )


def _numbers(values: Iterable[float | None]) -> Floats:
    listed = [np.nan if value is None else value for value in values]
    return np.array(listed, dtype=np.float64)


def _least(problem: Problem, figure: Figure, holders: Sequence[Offer | Site]) -> Floats:
    return _numbers(
        min(problem.by_slot[one.id, figure])
        if (one.id, figure) in problem.by_slot
        else getattr(one, figure.value)
        for one in holders
    )


def varies(problem: Problem, offer: Offer) -> bool:
    """Say whether what a run on an offer costs or emits depends on its start."""
    keys = (
        (offer.id, Figure.PRICE_USD_H),
        (offer.site, Figure.ENERGY_USD_KWH),
        (offer.site, Figure.CARBON_G_KWH),
    )
    return any(key in problem.by_slot for key in keys)


def _most_of_quota(problem: Problem, offer: Offer) -> float | None:
    if offer.pool is None:
        return None
    by_slot = problem.by_slot.get((offer.pool, Figure.AT_MOST))
    return problem.pool[offer.pool].at_most if by_slot is None else max(by_slot)


def _in_scope(problem: Problem) -> Bools:
    rows = [
        [
            limit.site in (None, site.id)
            and limit.provider in (None, site.provider)
            and limit.country in (None, site.country)
            and limit.market in (None, offer.market)
            for offer in problem.offers
            for site in (problem.site[offer.site],)
        ]
        for limit in problem.limits
    ]
    return np.array(rows, dtype=bool).reshape(len(rows), len(problem.offers))


def _counts(problem: Problem, offer: Offer) -> float:
    """Return what one machine counts towards its quota."""
    match problem.pool[offer.pool].measure if offer.pool else None:
        case Measure.MACHINES:
            return 1.0
        case Measure.CPUS:
            return offer.cpus
        case Measure.ACCELERATORS:
            return float(offer.accelerators)
        case None:
            return 0.0
