"""Writes a snapshot from tables of facts: the project's command behind the shipped one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from hybridplace.catalog import facts, snapshot
from hybridplace.catalog.countries import jurisdictions
from hybridplace.catalog.facts import Row
from hybridplace.catalog.links import METRO_KM
from hybridplace.catalog.selection import Dropped, machine, prices, select
from hybridplace.catalog.sources import EXTRAS, ORIGINS, Sources, first_day
from hybridplace.errors import Fault, InputError
from hybridplace.units import GIGABITS_PER_GIB

GB_PER_GIB = GIGABITS_PER_GIB / 8
"""Gigabytes in a GiB, 1.073741824: tariffs are per GB."""

LIGHT_KM_PER_MS = 100.0
"""How far light in glass gets and back in a millisecond: no round trip is shorter."""

DATASHEETS = "2026-08"
"""When the facts about accelerators and cities were collected."""

ADVISED = "2025-06-28"
"""Date of the Spot Advisor, whose saving and bands the AWS spot offers use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What was written, and what was left out.

    Parameters
    ----------
    counts : tuple of (str, int)
        How many of each part of the snapshot there are.
    dropped : tuple of (str, tuple of str)
        What the facts have and the snapshot has not, by reason.
    """

    date: str
    digest: str
    counts: tuple[tuple[str, int], ...]
    dropped: tuple[tuple[str, tuple[str, ...]], ...]


def write_snapshot(folder: Path, target: Path) -> Built:
    """Build a snapshot from the tables in `folder` and write it to `target`.

    The same tables give the same bytes.

    Raises
    ------
    InputError
        When a table is missing or wrong, names a source that is not known, or describes one type
        in two ways.
    """
    tables = facts.read(folder)
    _check_sources(folder, tables)
    body, dropped = _body(tables)
    digest = snapshot.write(target, body)
    counts = {
        "sites": len(body["sites"]),
        "machine types": sum(len(types) for types in body["types"].values()),
        "machines at sites": sum(len(rows) for rows in body["prices"].values()),
        "accelerators": len(body["accelerators"]),
        "latency pairs": len(body["latency"]["rows"]),
        "throughput pairs": len(body["throughput"]["rows"]),
        "sources": len(body["sources"]),
    }
    left_out = tuple((reason, tuple(sorted(names))) for reason, names in sorted(dropped.items()))
    return Built(date=body["date"], digest=digest, counts=tuple(counts.items()), dropped=left_out)


def _body(tables: Mapping[str, list[Row]]) -> tuple[dict[str, Any], Dropped]:
    sources = Sources()
    today = max(first_day(row["as_of"]) for row in tables["offers"])
    names = frozenset(row["name"] for row in tables["accelerators"])
    rows, dropped = select(tables["offers"], names, date.fromisoformat(today))
    body = {
        "date": today,
        "accelerators": {row["name"]: _accelerator(row, sources) for row in tables["accelerators"]},
        "sites": {_site_id(row): _site(row, sources) for row in tables["regions"]},
        "types": _types(rows),
        "prices": _prices(rows, tables["spot_advisor"], sources, dropped),
        "interruptions_source": sources.index("aws-spot-advisor", ADVISED),
        "extras": {provider: _extras(provider, sources) for provider in EXTRAS},
        "egress": _egress(tables["egress"], sources),
        "latency": _latency(tables, sources, dropped),
        "throughput": _throughput(tables["throughput"], sources),
    }
    body["sources"] = sources.rows()
    return body, dropped


def _accelerator(row: Row, sources: Sources) -> dict[str, Any]:
    values = {
        "vendor": row["vendor"],
        "kind": row["kind"],
        "memory_gib": row.needed("memory_gb"),
        "fp16_tflops": row.number("fp16_bf16_dense_tflops"),
        "int8_tops": row.number("fp8_int8_dense_tops"),
        "bandwidth_gb_s": row.number("mem_bandwidth_gb_s"),
        "power_w": row.number("tdp_w"),
        "mig_slices": row.whole("mig_max_slices"),
        "mig_profiles": [name for name in row["mig_profiles"].split(";") if name],
        "confidential": {"yes": True, "no": False}.get(row["confidential_computing"]),
        "year": row.whole("year"),
        "note": row["note"],
    }
    return {"values": values, "sources": {"all": sources.index("datasheet", DATASHEETS)}}


def _site_id(row: Row, prefix: str = "") -> str:
    return f"{row[f'{prefix}provider']}/{row[f'{prefix}region']}"


def _site(row: Row, sources: Sources) -> dict[str, Any]:
    values = {
        "provider": row["provider"],
        "region": row["region"],
        "country": row["country"],
        "jurisdictions": jurisdictions(row["country"], row["partition"]),
        "latitude_deg": row.number("lat"),
        "longitude_deg": row.number("lon"),
        "carbon_g_kwh": row.number("country_gco2e_kwh"),
        "pue": row.number("pue"),
    }
    found = {"latitude_deg": sources.index("geo", DATASHEETS)}
    if values["carbon_g_kwh"] is not None:
        found["carbon_g_kwh"] = sources.index("country-mix", row["country_year"])
    if values["pue"] is not None:
        found["pue"] = sources.index(*_pue_source(row))
    return {"values": values, "sources": found}


def _pue_source(row: Row) -> tuple[str, str]:
    scope, _, year = row["pue_basis"].partition("_")
    return f"pue-{scope}", year


def _types(rows: list[Row]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        types = found.setdefault(row["provider"], {})
        described = _type(row)
        if types.setdefault(row["instance_type"], described) != described:
            expected = f"{row['instance_type']} as it is elsewhere"
            raise InputError(
                [Fault(where="offers", path=machine(row), expected=expected, got=str(described))]
            )
    return found


def _type(row: Row) -> dict[str, Any]:
    return {
        "cpus": row.needed("vcpu"),
        "memory_gib": row.needed("memory_gib"),
        "accelerator": row["accelerator"] or None,
        "accelerators": row.whole("accelerator_count") or 0,
        "interconnect_gbps": row.number("network_gbps"),
        "confidential": [name for name in row["confidential"].split("|") if name],
        "arch": row["arch"] or None,
        "lifecycle": row["lifecycle"],
    }


def _prices(
    rows: list[Row], advisor: list[Row], sources: Sources, dropped: Dropped
) -> dict[str, dict[str, list[Any]]]:
    """Return by site and type: on demand, its source, spot, its source, Spot Advisor band."""
    bands = {
        f"aws/{row['region']}/{row['instance_type']}": row.whole("interruption_band")
        for row in advisor
    }
    plausible = prices(rows, dropped)
    found: dict[str, dict[str, list[Any]]] = {}
    for row in rows:
        price, spot = plausible[machine(row)]
        found.setdefault(_site_id(row), {})[row["instance_type"]] = [
            price,
            None if price is None else sources.index(row["source"], row["as_of"]),
            spot,
            None if spot is None else sources.index(*_spot_source(row)),
            bands.get(machine(row)),
        ]
    return found


def _spot_source(row: Row) -> tuple[str, str]:
    """Return the source of a spot price; one that is derived is as old as its older part."""
    if row["spot_basis"] == "advisor_savings_pct":
        return "aws-spot-derived", min(row["as_of"], ADVISED)
    if row["spot_basis"] == "az_min_observed":
        return "aws-skypilot-v8", "2025-11"
    if row["spot_basis"] == "snapshot_c2025Q1":
        return "az-skypilot-v6", "2024-11"
    return row["source"], row["as_of"]


def _extras(provider: str, sources: Sources) -> dict[str, Any]:
    disk, disk_date = EXTRAS[provider]["disk_usd_gib_month"]
    address, address_date = EXTRAS[provider]["address_usd_h"]
    found = {
        "disk_usd_gib_h": sources.index("disk-list-price", disk_date),
        "address_usd_h": sources.index("address-list-price", address_date),
    }
    return {"disk_usd_gib_month": disk, "address_usd_h": address, "sources": found}


def _egress(rows: list[Row], sources: Sources) -> dict[str, Any]:
    """Return first-tier tariffs per GiB: to the internet, per region, and per Azure area."""
    internet: dict[str, list[float]] = {}
    regions: dict[str, dict[str, list[float]]] = {}
    areas: dict[str, list[Any]] = {}
    for row in (row for row in rows if row["src_scope"] != "*" and not row.number("tier_from_gb")):
        site, kind = f"{row['src_provider']}/{row['src_scope']}", row["dst_kind"]
        usd_gib = round(row.needed("usd_per_gb") * GB_PER_GIB, 6)
        source = sources.index(row["source"], row["as_of"])
        if kind == "internet":
            internet[site] = [usd_gib, source]
        elif kind == "same_provider_region":
            regions.setdefault(site, {})[row["dst_scope"]] = [usd_gib, source]
        elif kind == "same_provider_same_continent":
            areas.setdefault(site, [None, None, None, source])[:2] = [row["dst_scope"], usd_gib]
        elif kind == "same_provider_other_continent":
            areas.setdefault(site, [None, None, None, source])[2] = usd_gib
    return {"internet": internet, "regions": regions, "areas": areas}


def _latency(tables: Mapping[str, list[Row]], sources: Sources, dropped: Dropped) -> dict[str, Any]:
    """Return round trips: measured if its quality is right, and the metropolitan median."""
    names = sorted({_site_id(row, end) for row in tables["latency"] for end in ("src_", "dst_")})
    at = {name: index for index, name in enumerate(names)}
    rows: list[list[float | None]] = []
    for row in tables["latency"]:
        source, target = _site_id(row, "src_"), _site_id(row, "dst_")
        measured, typical = row.number("rtt_ms"), row.number("metro_median_ms")
        if row["quality"] != "ok":
            dropped[f"round trip: {row['quality']}"].append(f"{source} to {target} {measured}")
            measured = None
        shortest = (row.needed("distance_km") - METRO_KM) / LIGHT_KM_PER_MS
        if typical is not None and typical < shortest:
            reason = "median round trip: faster than light"
            dropped[reason].append(f"{source} to {target} {typical}")
            typical = None
        if measured is not None or typical is not None:
            rows.append([at[source], at[target], measured, typical])
    fit = {
        "-".join(sorted((row["group_a"], row["group_b"]))): [
            row.needed("intercept_ms"),
            row.needed("slope_ms_per_1000km"),
        ]
        for row in tables["latency_fit"]
    }
    first = tables["latency"][0]
    source_index = sources.index(first["source"], first["as_of"])
    return {"sites": names, "rows": rows, "fit": fit, "source": source_index}


def _throughput(rows: list[Row], sources: Sources) -> dict[str, Any]:
    names = sorted(
        {_site_id(row, "src_") for row in rows} | {_site_id(row, "dst_") for row in rows}
    )
    at = {name: index for index, name in enumerate(names)}
    found = [
        [
            at[_site_id(row, "src_")],
            at[_site_id(row, "dst_")],
            row.needed("gbps"),
            sources.index(row["source"], row["as_of"]),
        ]
        for row in rows
    ]
    return {"sites": names, "rows": found}


def _check_sources(folder: Path, tables: Mapping[str, list[Row]]) -> None:
    used = {
        (table, row["source"])
        for table in ("egress", "latency", "offers", "throughput")
        for row in tables[table]
        if table != "egress" or row["src_scope"] != "*"
    }
    used |= {("regions", _pue_source(row)[0]) for row in tables["regions"] if row["pue"]}
    unknown = sorted((table, code) for table, code in used if code not in ORIGINS)
    remedy = "say in hybridplace/catalog/sources.py what it is"
    faults = [
        Fault(
            where=str(folder / f"{table}.csv"),
            path="source",
            expected="a known source",
            got=repr(code),
            remedy=remedy,
        )
        for table, code in unknown
    ]
    if faults:
        raise InputError(faults)
