"""The tables of a small made-up world that snapshots are built from."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from hybridplace.catalog.facts import COLUMNS

PAIRS = ("src_provider", "src_region", "dst_provider", "dst_region")
P4DE = {"network_gbps": 400, "confidential": "sev-snp|nvidia-cc"}


def accelerator(name: str, **cells: Any) -> dict[str, Any]:
    """A row of accelerators.csv."""
    return {"name": name, "vendor": "V", "kind": "gpu", "memory_gb": 80, "tdp_w": 400, **cells}


def region(provider: str, name: str, country: str, lat: float, lon: float) -> dict[str, Any]:
    """A row of regions.csv."""
    cells = {"provider": provider, "region": name, "partition": provider, "country": country}
    return {**cells, "lat": lat, "lon": lon}


def machine(provider: str, name: str, kind: str, **cells: Any) -> dict[str, Any]:
    """A row of offers.csv; an Azure one in its figures unless told otherwise."""
    found = {"provider": provider, "region": name, "instance_type": kind, "vcpu": 8}
    found |= {"memory_gib": 32, "accelerator_count": 0, "on_demand_usd_per_hour": 1}
    found |= {"arch": "x86_64", "lifecycle": "current", "source": "az-karpenter"}
    return {**found, "as_of": "2026-06-18", **cells}


def tariff(provider: str, scope: str, kind: str, target: str, usd: float, tier: int = 0) -> dict:
    """A row of egress.csv."""
    found = {"src_provider": provider, "src_scope": scope, "dst_kind": kind, "dst_scope": target}
    found |= {"usd_per_gb": usd, "tier_from_gb": tier, "source": "azure-bandwidth-zones"}
    return {**found, "as_of": "2023-04"}


def trip(*pair: str, ms: float | None, median: float | None = None, **cells: Any) -> dict[str, Any]:
    """A row of latency.csv: one pair of regions."""
    found: dict[str, Any] = dict(zip(PAIRS, pair, strict=True))
    found |= {"rtt_ms": ms, "metro_median_ms": median, "quality": "ok", "distance_km": 500}
    return {**found, "source": "skyplane-latency", "as_of": "2022-04", **cells}


def tables() -> dict[str, list[dict[str, Any]]]:
    """A world of three clouds that fits on a page; its figures are made up."""
    speed = {**dict(zip(PAIRS, ("aws", "here", "aws", "there"), strict=True)), "gbps": 4.5}
    return {
        "accelerators": [accelerator("A100-80GB"), accelerator("TPU-v5e", tdp_w=None)],
        "regions": [
            region("aws", "here", "DE", 50.1, 8.7)
            | {"country_gco2e_kwh": 380.9, "country_year": 2023, "pue": 1.35}
            | {"pue_basis": "region_2024"},
            region("aws", "there", "US", 39.0, -77.5),
            region("azure", "eu1", "DE", 50.2, 8.6),
            region("azure", "eu2", "NO", 59.9, 10.8),
            region("azure", "us1", "US", 38.9, -77.0),
            region("gcp", "alone", "JP", 35.7, 139.7),
        ],
        "offers": [
            machine("aws", "here", "p4de.24xlarge", accelerator="A100-80GB", accelerator_count=8)
            | {"on_demand_usd_per_hour": 40, "spot_usd_per_hour": 16, **P4DE}
            | {"spot_basis": "advisor_savings_pct", "source": "aws-ec2shop"}
            | {"as_of": "2025-04-04"},
            machine("aws", "there", "p4de.24xlarge", accelerator="A100-80GB", accelerator_count=8)
            | {"on_demand_usd_per_hour": None, "source": "aws-skypilot-v8", "as_of": "2025-11"}
            | P4DE,
            machine("aws", "here", "m7i.2xlarge", source="aws-karpenter"),
            machine("azure", "eu1", "Standard_D8s_v5"),
            machine("gcp", "alone", "ct5lp-hightpu-4t", accelerator="TPU-v5e", accelerator_count=4)
            | {"source": "gcp-skypilot-v8", "as_of": "2025-09"},
        ],
        "spot_advisor": [
            {"region": "here", "instance_type": "p4de.24xlarge", "interruption_band": 1}
        ],
        "egress": [
            tariff("aws", "here", "internet", "*", 0.09),
            tariff("aws", "here", "internet", "*", 0.085, tier=10240),
            tariff("aws", "here", "same_provider_region", "there", 0.02),
            tariff("azure", "eu1", "same_provider_same_continent", "eu", 0.02),
            tariff("azure", "eu1", "same_provider_other_continent", "*", 0.05),
            tariff("azure", "eu2", "same_provider_same_continent", "eu", 0.02),
            tariff("azure", "eu2", "same_provider_other_continent", "*", 0.05),
            tariff("azure", "us1", "same_provider_same_continent", "na", 0.03),
            tariff("azure", "us1", "same_provider_other_continent", "*", 0.06),
        ],
        "latency": [
            trip("aws", "here", "aws", "there", ms=90.5, median=91.5),
            trip("aws", "here", "azure", "us1", ms=400, median=92, quality="asymmetric"),
            trip("azure", "eu2", "aws", "here", ms=25),
        ],
        "latency_fit": [
            {"group_a": "EA", "group_b": "EU", "intercept_ms": 3, "slope_ms_per_1000km": 20}
        ],
        "throughput": [{**speed, "source": "skyplane-2022-11", "as_of": "2022-11-28"}],
    }


def write_tables(folder: Path, content: dict[str, list[dict[str, Any]]]) -> Path:
    """Write the tables where a snapshot can be built from them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in content.items():
        with (folder / f"{name}.csv").open("w", newline="") as stream:
            writer = csv.DictWriter(stream, COLUMNS[name].split(), restval="")
            writer.writeheader()
            writer.writerows(rows)
    return folder
