"""Offers as columns: what `compile` reads of all offers at once.

Offers of one *kind* have the same hardware, so a job takes as long on each of them, and as many
machines: what depends on hardware alone is computed once per kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

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
    offers, sites = problem.offers, [problem.site[offer.site] for offer in problem.offers]
    site_row = {site.id: row for row, site in enumerate(problem.sites)}
    group_row = {group: row for row, group in enumerate(groups_of(problem))}
    kind, kinds = _kinds(problem)
    pue = _numbers(site.pue for site in sites)
    machine_kw = _machine_w(problem, kinds)[kind] / WATTS_PER_KILOWATT * pue
    tariffs = tariffs_of(problem, machine_kw, pue)
    return OfferTable(
        kinds=kinds,
        site=np.array([site_row[offer.site] for offer in offers], dtype=np.int32),
        kind=kind,
        group=_rows(group_row.get(group, -1) for group in map(_group_key, offers)),
        owned=kinds.owned[kind],
        priced=~np.isnan(tariffs.steady.price_usd_h),
        available=np.array([offer.available for offer in offers], dtype=bool),
        tariffs=tariffs,
        machine_kw=machine_kw,
        pue=pue,
        quota=_numbers(_counts(problem, offer) for offer in offers),
        at_most=_at_most(problem),
        in_scope=_in_scope(problem),
    )


def _group_key(offer: Offer) -> tuple[str, str]:
    return group_of(offer) or ("", "")


def _kinds(problem: Problem) -> tuple[Indices, Kinds]:
    """Return the kind of each offer, and the kinds."""
    row_of: dict[tuple[object, ...], int] = {}
    keys = [
        (
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
        for offer in problem.offers
    ]
    kind = _rows(row_of.setdefault(key, len(row_of)) for key in keys)
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
    sites = [problem.site[offer.site] for offer in problem.offers]
    rows = [
        [
            at in (None, site.id)
            and provider in (None, site.provider)
            and country in (None, site.country)
            and market in (None, offer.market)
            for offer, site in zip(problem.offers, sites, strict=True)
        ]
        for at, provider, country, market in filters_of(problem)
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
