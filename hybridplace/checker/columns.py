"""Offers as columns, those that run alike told apart from those that only cost differently."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hybridplace.model.capacity import quota_size
from hybridplace.model.forecast import Figure
from hybridplace.model.problem import Limit, Problem
from hybridplace.model.run import interruptions_per_h
from hybridplace.model.site import Market, Measure, Offer, Pool
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
    price_usd_h, energy_usd_kwh, carbon_g_kwh : floats
        Of figures that change over time, the least.
    course : ints, (offers, 3)
        Rows of `Courses` of these three; 0 for what does not change.
    machine_kw : floats
        What a whole machine draws, with cooling and losses.
    kwh_wh : floats
        Of own nodes: what a watt-hour of the workers is in kWh, with cooling and losses.
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
    energy_usd_kwh: Floats
    carbon_g_kwh: Floats
    course: Ints
    machine_kw: Floats
    board_w: Floats
    kwh_wh: Floats

    def alike(self) -> tuple[Machines, Ints]:
        """Return the machines that run differently, and which of them each offer is."""
        names = [one.name for one in fields(Machines)]
        table = np.array([getattr(self, name) for name in names], dtype=np.float64).T
        _, first, which = np.unique(table, axis=0, return_index=True, return_inverse=True)
        machines = Machines(**{name: getattr(self, name)[first] for name in names})
        return machines, which.reshape(-1).astype(np.int64)


FIGURES = (Figure.PRICE_USD_H, Figure.ENERGY_USD_KWH, Figure.CARBON_G_KWH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Courses:
    """Figures that change over time; row 0 is always 0.

    Parameters
    ----------
    row : dict
        By subject and figure.
    least : floats, (rows,)
    total : floats, (rows, slots + 1)
        The sum over the slots before.
    """

    row: dict[tuple[str, Figure], int]
    least: Floats
    total: Floats


def courses_of(problem: Problem) -> Courses:
    """Return the prices, energy prices and intensities that are forecast."""
    found = {key: row for key, row in problem.by_slot.items() if key[1] in FIGURES}
    by_slot = np.array([np.zeros(problem.slots), *found.values()])
    return Courses(
        row={key: number for number, key in enumerate(found, start=1)},
        least=by_slot.min(axis=1),
        total=np.pad(np.cumsum(by_slot, axis=1), ((0, 0), (1, 0))),
    )


def offers_of(problem: Problem, courses: Courses) -> Offers:
    """Return all offers of a problem."""
    offers, bits = problem.offers, architecture_bits(problem)
    site_row = {site.id: row for row, site in enumerate(problem.sites)}
    site = np.array([site_row[offer.site] for offer in offers], dtype=np.int64)
    kwh_wh = _floats(one.pue for one in problem.sites)[site] / WATTS_PER_KILOWATT
    course = np.array([_course(courses, offer) for offer in offers], dtype=np.int64)
    price_usd_h, energy_usd_kwh, carbon_g_kwh = _least_figures(problem, courses, course, site)
    board_w, machine_w = _powers_w(problem)
    sizes = {pool.id: _size(problem, pool) for pool in problem.pools}
    quotas = [_quota(problem, offer, sizes) for offer in offers]
    return Offers(
        row=np.arange(len(offers)),
        site=site,
        owned=np.array([one.market is Market.OWNED for one in offers], dtype=bool),
        available=np.array([one.available for one in offers], dtype=bool),
        price_usd_h=price_usd_h,
        disk_usd_gib_h=_floats(one.disk_usd_gib_h for one in offers),
        address_usd_h=_floats(one.address_usd_h for one in offers),
        interconnect_gbps=_floats(one.interconnect_gbps for one in offers),
        units=_floats(units for units, _ in quotas),
        at_most=_floats(most for _, most in quotas),
        energy_usd_kwh=energy_usd_kwh,
        carbon_g_kwh=carbon_g_kwh,
        course=course,
        machine_kw=machine_w * kwh_wh,
        board_w=board_w,
        kwh_wh=kwh_wh,
        accelerators=_floats(one.accelerators for one in offers),
        cpus=_floats(one.cpus for one in offers),
        memory_gib=_floats(one.memory_gib for one in offers),
        architecture=np.array([bits[one.architecture] for one in offers], dtype=np.int64),
        interruptions_per_h=_floats(interruptions_per_h(problem, one) for one in offers),
    )


def _least_figures(
    problem: Problem, courses: Courses, course: Ints, site: Ints
) -> tuple[Floats, Floats, Floats]:
    """Return price, energy price and carbon intensity of each offer; the least they ever are."""
    foretold = courses.least[course.reshape(len(problem.offers), 3)].T
    stated = (
        _floats(one.price_usd_h for one in problem.offers),
        _floats(one.energy_usd_kwh for one in problem.sites)[site],
        _floats(one.carbon_g_kwh for one in problem.sites)[site],
    )
    price, energy, carbon = (
        np.where(course[:, part] > 0, foretold[part], stated[part]) for part in range(3)
    )
    return price, energy, carbon


def _powers_w(problem: Problem) -> tuple[Floats, Floats]:
    """Return what one accelerator and what a whole machine of each offer draw under load."""
    offers = problem.offers
    board_w = _floats(one.accelerator_power_w for one in offers)
    board_w = board_w * problem.assumptions.accelerator_load
    accelerators = _floats(one.accelerators for one in offers)
    cpus = _floats(one.cpus for one in offers)
    machine_w = rest_w(problem, cpus, _floats(one.memory_gib for one in offers))
    return board_w, machine_w + np.where(accelerators > 0, accelerators * board_w, 0.0)


def _course(courses: Courses, offer: Offer) -> list[int]:
    subjects = (offer.id, offer.site, offer.site)
    return [courses.row.get(key, 0) for key in zip(subjects, FIGURES, strict=True)]


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


def _size(problem: Problem, pool: Pool) -> float:
    """Return what a quota never exceeds."""
    return max(quota_size(problem, pool, slot) for slot in range(problem.slots))


def _quota(problem: Problem, offer: Offer, sizes: dict[str, float]) -> tuple[float, float]:
    pool = problem.pool.get(offer.pool or "")
    if pool is None or pool.measure is None:
        return 0.0, math.inf
    counts = {Measure.MACHINES: 1.0, Measure.CPUS: offer.cpus}
    return counts.get(pool.measure, float(offer.accelerators)), sizes[pool.id]


def _floats(values: Iterable[float | None]) -> Floats:
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)
