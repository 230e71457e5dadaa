"""Offers as columns: what `compile` reads of all offers at once.

Offers of one *kind* have the same hardware, so a job takes as long on each of them, and as many
machines: what depends on hardware alone is computed once per kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from hybridplace.model.forecast import Figure
from hybridplace.model.problem import Limit, Problem
from hybridplace.model.run import interruptions_per_h
from hybridplace.model.site import Market, Measure, Offer, Pool
from hybridplace.solver.groups import group_of, groups_of
from hybridplace.solver.instance import Bools, Floats, Indices, Ints
from hybridplace.solver.needs import Hardware
from hybridplace.solver.tariffs import Tariffs, tariffs_of
from hybridplace.units import WATTS_PER_KILOWATT


@dataclass(frozen=True, slots=True, kw_only=True)
class Kinds:
    """Hardware, one row per kind; NaN is not known.

    Parameters
    ----------
    board_w : floats
        Of one accelerator, under load.
    disk_usd_gib_h, address_usd_h : floats
        What disks and public addresses cost with it.
    """

    accelerator: NDArray[np.str_]
    architecture: NDArray[np.str_]
    owned: Bools
    accelerators: Floats
    cpus: Floats
    memory_gib: Floats
    board_w: Floats
    interconnect_gbps: Floats
    interruptions_per_h: Floats
    disk_usd_gib_h: Floats
    address_usd_h: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferTable:
    """All offers of a problem, one row each, in the order of `Problem.offers`; NaN is not known.

    Parameters
    ----------
    site, kind, group : indices
        Rows of `Problem.sites`, of `kinds`, of `groups_of` (-1: nothing bounds it).
    priced, available : bools
    tariffs : Tariffs
        What an hour costs and emits.
    machine_kw, pue : floats
        What a whole machine draws, PUE included; the PUE.
    quota, at_most : floats
        What one machine counts towards its quota, and the most; 0 and inf in no quota.
    in_scope : bools, (filters, offers)
        Whether site and market of an offer are in the scope of limits with that filter.
    """

    kinds: Kinds
    site: Indices
    kind: Indices
    group: Indices
    owned: Bools
    priced: Bools
    available: Bools
    tariffs: Tariffs
    machine_kw: Floats
    pue: Floats
    quota: Floats
    at_most: Floats
    in_scope: Bools


def own_first(table: OfferTable, offers: Ints | None = None) -> Ints:
    """Return offers, or all of them, in the order of (own ones first, group, site)."""
    rows = np.arange(len(table.kind)) if offers is None else offers
    return rows[np.lexsort((rows, table.site[rows], table.group[rows], ~table.owned[rows]))]


def runs_on(kinds: Kinds, hardware: Hardware) -> Bools:
    """Return which kinds are of a hardware."""
    accelerator, architectures = hardware
    found: Bools = np.isin(kinds.architecture, architectures)
    if accelerator is not None:
        found &= kinds.accelerator == accelerator
    return found


Filter = tuple[str | None, str | None, str | None, Market | None]
"""Site, provider, country and market that a limit is about; None is every one."""


def filter_of(limit: Limit) -> Filter:
    """Return what a limit says of site and market."""
    return (limit.site, limit.provider, limit.country, limit.market)


def filters_of(problem: Problem) -> dict[Filter, int]:
    """Return the distinct filters of all limits, with their row in `OfferTable.in_scope`."""
    distinct = dict.fromkeys(filter_of(limit) for limit in problem.limits)
    return {one: row for row, one in enumerate(distinct)}


def table_of(problem: Problem) -> OfferTable:
    """Return the offers of `problem` as columns."""
    offers = problem.offers
    site_row = {site.id: row for row, site in enumerate(problem.sites)}
    group_row = {group: row for row, group in enumerate(groups_of(problem))}
    kind, kinds = _kinds(problem)
    site_of = _rows(site_row[offer.site] for offer in offers)
    pue = _numbers(site.pue for site in problem.sites)[site_of]
    machine_kw = _machine_w(problem, kinds)[kind] / WATTS_PER_KILOWATT * pue
    tariffs = tariffs_of(problem, site_of, machine_kw, pue)
    return OfferTable(
        kinds=kinds,
        site=site_of,
        kind=kind,
        group=_rows(group_row.get(group, -1) for group in map(_group_key, offers)),
        owned=kinds.owned[kind],
        priced=~np.isnan(tariffs.steady.price_usd_h),
        available=np.array([offer.available for offer in offers], dtype=bool),
        tariffs=tariffs,
        machine_kw=machine_kw,
        pue=pue,
        quota=_quota(problem),
        at_most=_at_most(problem),
        in_scope=_in_scope(problem),
    )


def _group_key(offer: Offer) -> tuple[str, str]:
    return group_of(offer) or ("", "")


_HARDWARE = (
    "accelerator",
    "architecture",
    "market._value_",
    "accelerators",
    "cpus",
    "memory_gib",
    "accelerator_power_w",
    "interconnect_gbps",
    "interruptions_per_h",
    "disk_usd_gib_h",
    "address_usd_h",
)


def _kind(problem: Problem, offer: Offer) -> tuple[object, ...]:
    """Return what makes the kind of an offer."""
    return (
        offer.accelerator,
        offer.architecture,
        offer.market is Market.OWNED,
        offer.accelerators,
        offer.cpus,
        offer.memory_gib,
        offer.accelerator_power_w,
        offer.interconnect_gbps,
        interruptions_per_h(problem, offer),
        offer.disk_usd_gib_h,
        offer.address_usd_h,
    )


def _kinds(problem: Problem) -> tuple[Indices, Kinds]:
    """Return the kind of each offer, and the kinds."""
    raw: dict[tuple[object, ...], int] = {}
    keys = map(attrgetter(*_HARDWARE), problem.offers)
    row = _rows(raw.setdefault(key, len(raw)) for key in keys)
    first = np.zeros(len(raw), dtype=np.int64)
    first[row[::-1]] = np.arange(len(row))[::-1]
    row_of: dict[tuple[object, ...], int] = {}
    one_of = [problem.offers[one] for one in first.tolist()]
    kind = _rows(row_of.setdefault(_kind(problem, one), len(row_of)) for one in one_of)[row]
    columns = [list(column) for column in zip(*row_of, strict=True)] or [[] for _ in range(11)]
    names, architectures, owned, *figures = columns
    numbers = [_numbers(column) for column in figures]
    return kind, Kinds(
        accelerator=np.array([name or "" for name in names], dtype=np.str_),
        architecture=np.array(architectures, dtype=np.str_),
        owned=np.array(owned, dtype=bool),
        accelerators=numbers[0],
        cpus=numbers[1],
        memory_gib=numbers[2],
        board_w=numbers[3] * problem.assumptions.accelerator_load,
        interconnect_gbps=numbers[4],
        interruptions_per_h=numbers[5],
        disk_usd_gib_h=numbers[6],
        address_usd_h=numbers[7],
    )


def _machine_w(problem: Problem, kinds: Kinds) -> Floats:
    """Return the power of a whole machine under load."""
    assumed = problem.assumptions
    rest_w = kinds.cpus * assumed.cpu_power_w + kinds.memory_gib * assumed.memory_power_w_gib
    boards_w = np.where(kinds.accelerators > 0, kinds.accelerators * kinds.board_w, 0.0)
    return rest_w + boards_w


def _numbers(values: Iterable[float | None]) -> Floats:
    listed = [np.nan if value is None else value for value in values]
    return np.array(listed, dtype=np.float64)


def _rows(values: Iterable[int]) -> Indices:
    return np.array(list(values), dtype=np.int32)


def _at_most(problem: Problem) -> Floats:
    """Return what a quota never exceeds."""
    most = {pool.id: _most_of(problem, pool) for pool in problem.pools}
    return np.array([most[offer.pool] if offer.pool else np.inf for offer in problem.offers])


def _most_of(problem: Problem, pool: Pool) -> float:
    if (pool.id, Figure.AT_MOST) in problem.by_slot:
        return max(problem.by_slot[pool.id, Figure.AT_MOST])
    return np.inf if pool.at_most is None else pool.at_most


def _in_scope(problem: Problem) -> Bools:
    place, offers = places_of(problem.offers)
    sites = [problem.site[offer.site] for offer in offers]
    rows = [
        [
            at in (None, site.id)
            and provider in (None, site.provider)
            and country in (None, site.country)
            and market in (None, offer.market)
            for offer, site in zip(offers, sites, strict=True)
        ]
        for at, provider, country, market in filters_of(problem)
    ]
    return np.array(rows, dtype=bool).reshape(len(rows), len(offers))[:, place]


def places_of(offers: Sequence[Offer]) -> tuple[Indices, list[Offer]]:
    """Return a number of each offer, and of each number one: all that denials and limits look at.

    Offers with the same site, market and confidential computing have the same.
    """
    row_of: dict[tuple[object, ...], int] = {}
    keys = list(map(attrgetter("site", "market._value_", "confidential"), offers))
    place = _rows(row_of.setdefault(key, len(row_of)) for key in keys)
    first = dict(zip(reversed(keys), reversed(offers), strict=True))
    return place, [first[key] for key in row_of]


def _quota(problem: Problem) -> Floats:
    """Return what one machine of each offer counts towards its quota."""
    measure = {pool.id: pool.measure for pool in problem.pools}
    return _numbers(
        _counts(measure[offer.pool], offer) if offer.pool else 0.0 for offer in problem.offers
    )


def _counts(measure: Measure | None, offer: Offer) -> float:
    if measure is Measure.MACHINES:
        return 1.0
    if measure is Measure.CPUS:
        return offer.cpus
    return float(offer.accelerators) if measure is Measure.ACCELERATORS else 0.0
