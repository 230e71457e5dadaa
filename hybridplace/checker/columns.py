"""Offers as columns, those that run alike told apart from those that only cost differently."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hybridplace.model.problem import Limit, Problem
from hybridplace.model.run import interruptions_per_h
from hybridplace.model.site import Market, Measure, Offer
from hybridplace.units import WATTS_PER_KILOWATT

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Arrays of equal length, one value per thing."""

    def take(self, rows: Ints | Bools | slice) -> Self:
        """Return some of the things."""
        return replace(self, **{one.name: getattr(self, one.name)[rows] for one in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Machines(Columns):
    """What a run depends on; offers that are equal here run every job alike."""

    accelerators: Floats
    cpus: Floats
    memory_gib: Floats
    architecture: Ints
    interruptions_per_h: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers(Machines):
    """Some of the offers of a problem; NaN is not known.

    Parameters
    ----------
    row, site : ints
        In `Problem.offers` and `Problem.sites`.
    units, at_most : floats
        What a machine counts towards the quota, and how much of that there is.
    machine_g_h : floats
        Emissions of a whole machine in an hour.
    kwh_wh, g_wh : floats
        Of own nodes: what a watt-hour of the workers is in kWh and in g, with cooling and losses.
    """

    row: Ints
    site: Ints
    owned: Bools
    available: Bools
    price_usd_h: Floats
    disk_usd_gib_h: Floats
    address_usd_h: Floats
    interconnect_gbps: Floats
    units: Floats
    at_most: Floats
    machine_g_h: Floats
    board_w: Floats
    kwh_wh: Floats
    g_wh: Floats
    energy_usd_kwh: Floats

    def alike(self) -> tuple[Machines, Ints]:
        """Return the machines that run differently, and which of them each offer is."""
        names = [one.name for one in fields(Machines)]
        table = np.array([getattr(self, name) for name in names], dtype=np.float64).T
        _, first, which = np.unique(table, axis=0, return_index=True, return_inverse=True)
        machines = Machines(**{name: getattr(self, name)[first] for name in names})
        return machines, which.reshape(-1).astype(np.int64)


def offers_of(problem: Problem) -> Offers:
    """Return all offers of a problem."""
    offers, bits = problem.offers, architecture_bits(problem)
    site_row = {site.id: row for row, site in enumerate(problem.sites)}
    site = np.array([site_row[offer.site] for offer in offers], dtype=np.int64)
    pue = _floats(one.pue for one in problem.sites)[site]
    kwh_wh = pue / WATTS_PER_KILOWATT
    g_wh = kwh_wh * _floats(one.carbon_g_kwh for one in problem.sites)[site]
    board_w = _floats(one.accelerator_power_w for one in offers)
    board_w = board_w * problem.assumptions.accelerator_load
    accelerators = _floats(one.accelerators for one in offers)
    cpus = _floats(one.cpus for one in offers)
    memory_gib = _floats(one.memory_gib for one in offers)
    machine_w = rest_w(problem, cpus, memory_gib)
    machine_w = machine_w + np.where(accelerators > 0, accelerators * board_w, 0.0)
    quotas = [_quota(problem, offer) for offer in offers]
    return Offers(
        row=np.arange(len(offers)),
        site=site,
        owned=np.array([one.market is Market.OWNED for one in offers], dtype=bool),
        available=np.array([one.available for one in offers], dtype=bool),
        price_usd_h=_floats(one.price_usd_h for one in offers),
        disk_usd_gib_h=_floats(one.disk_usd_gib_h for one in offers),
        address_usd_h=_floats(one.address_usd_h for one in offers),
        interconnect_gbps=_floats(one.interconnect_gbps for one in offers),
        units=_floats(units for units, _ in quotas),
        at_most=_floats(most for _, most in quotas),
        machine_g_h=machine_w * g_wh,
        board_w=board_w,
        kwh_wh=kwh_wh,
        g_wh=g_wh,
        energy_usd_kwh=_floats(one.energy_usd_kwh for one in problem.sites)[site],
        accelerators=accelerators,
        cpus=cpus,
        memory_gib=memory_gib,
        architecture=np.array([bits[one.architecture] for one in offers], dtype=np.int64),
        interruptions_per_h=_floats(interruptions_per_h(problem, one) for one in offers),
    )


def rest_w(problem: Problem, cpus: Floats, memory_gib: Floats) -> Floats:
    """Return the power of CPUs and memory in W."""
    assumed = problem.assumptions
    return cpus * assumed.cpu_power_w + memory_gib * assumed.memory_power_w_gib


def architecture_bits(problem: Problem) -> dict[str, int]:
    """Return a bit for each architecture that an offer has or a shape runs on."""
    names = {offer.architecture for offer in problem.offers}
    names |= {name for job in problem.jobs for one in job.shapes for name in one.architectures}
    return {name: 1 << position for position, name in enumerate(sorted(names))}


def in_scope(problem: Problem, limit: Limit) -> Bools:
    """Return which offers count towards a limit by their place and market."""
    wanted = (limit.site, limit.provider, limit.country, limit.market)
    site_of = problem.site
    return np.array(
        [
            all(one in (None, got) for one, got in zip(wanted, _place(site_of, offer), strict=True))
            for offer in problem.offers
        ],
        dtype=bool,
    )


def _place(site_of: dict[str, Any], offer: Offer) -> tuple[str, str, str, Market]:
    site = site_of[offer.site]
    return site.id, site.provider, site.country, offer.market


def _quota(problem: Problem, offer: Offer) -> tuple[float, float]:
    pool = problem.pool.get(offer.pool or "")
    if pool is None or pool.measure is None or pool.at_most is None:
        return 0.0, math.inf
    counts = {Measure.MACHINES: 1.0, Measure.CPUS: offer.cpus}
    return counts.get(pool.measure, float(offer.accelerators)), pool.at_most


def _floats(values: Iterable[float | None]) -> Floats:
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)
