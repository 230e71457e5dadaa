"""Writes our offers as SkyPilot's catalog files, and our jobs as it would be asked for them.

The files are those of SkyPilot's catalog schema v8: one row per machine type, region and zone, with
both prices. Google's machines have two rows, since SkyPilot adds up what the host and its
accelerators cost: ours are sold as one, so that the second costs nothing.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from hybridplace.model.job import Job
from hybridplace.model.run import work_h
from hybridplace.model.site import Market, Offer

CATALOGS = Path(".sky/catalogs/v8")

NAMES = {
    "A100-40GB": "A100",
    "H100-SXM": "H100",
    "H200-SXM": "H200",
    "RTX-PRO-6000-BSE": "RTXPRO6000",
    "V100-16GB": "V100",
}
"""What SkyPilot calls them, where it differs."""

COLUMNS = (
    "InstanceType",
    "AcceleratorName",
    "AcceleratorCount",
    "vCPUs",
    "MemoryGiB",
    "GpuInfo",
    "Price",
    "SpotPrice",
    "Region",
    "Arch",
    "AvailabilityZone",
)
"""Azure has no zones, and SkyPilot expects no such column there."""

NODE = 8
"""Accelerators of the largest machine that a gang is asked for on."""

_Row = tuple[str | float | None, ...]


def write_catalogs(offers: Iterable[Offer], home: Path) -> None:
    """Write the catalog files of each cloud under `home`."""
    machines: dict[tuple[str, str], list[Offer]] = {}
    for offer in offers:
        machines.setdefault((offer.site, offer.instance_type), []).append(offer)
    rows: dict[str, list[_Row]] = {"aws": [], "azure": [], "gcp": []}
    for (site, _), sold in sorted(machines.items()):
        rows[site.partition("/")[0]] += _rows(sold)
    for cloud, lines in rows.items():
        columns = COLUMNS[:-1] if cloud == "azure" else COLUMNS
        _write(home / CATALOGS / cloud / "vms.csv", columns, dict.fromkeys(lines))
    names = sorted({str(row[1]) for lines in rows.values() for row in lines if row[1]})
    known = [(name, "['AWS', 'Azure', 'GCP']") for name in names]
    _write(home / CATALOGS / "common" / "accelerators.csv", ("AcceleratorName", "Clouds"), known)


def write_asked(jobs: Sequence[Job], path: Path) -> None:
    """Write what a user of SkyPilot would ask for: nodes, and what each of them needs."""
    path.write_text(json.dumps([_asked(job) for job in jobs]), encoding="utf-8")


def _asked(job: Job) -> dict[str, object]:
    """Return a gang in each way it can be split into equal nodes, the fewest nodes first."""
    shape = job.shapes[0]
    each = round(shape.accelerators)
    counts = [each * 2**power for power in range(NODE) if each * 2**power <= NODE]
    counts = [count for count in counts if count <= each * shape.workers]
    return {
        "id": job.id,
        "layouts": [
            {
                "nodes": each * shape.workers // count,
                "accelerators": count,
                "cpus": math.ceil(shape.cpus * count / each),
                "memory_gib": math.ceil(shape.memory_gib * count / each),
            }
            for count in reversed(counts)
        ],
        "hours": {
            NAMES.get(one.accelerator or "", one.accelerator): job.setup_h + work_h(job, one)
            for one in job.shapes
        },
    }


def _rows(sold: Sequence[Offer]) -> list[_Row]:
    """Return the rows of one machine type in one region."""
    price = {offer.market: offer.price_usd_h for offer in sold}
    offer = sold[0]
    cloud, _, region = offer.site.partition("/")
    name = NAMES.get(offer.accelerator or "", offer.accelerator)
    zones = {"aws": (f"{region}a",), "gcp": (f"{region}-a",), "azure": ()}[cloud]
    both = (price.get(Market.ON_DEMAND), price.get(Market.SPOT))
    where = (region, offer.architecture, *zones)
    size = (offer.cpus, offer.memory_gib)
    if cloud != "gcp":
        return [(offer.instance_type, name, offer.accelerators, *size, name, *both, *where)]
    host = (offer.instance_type, None, None, *size, None, *both, *where)
    board = (None, name, offer.accelerators, None, None, name, 0.0, 0.0, *where)
    return [host, board]


def _write(path: Path, heading: Sequence[str], rows: Iterable[_Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(heading)
        writer.writerows(rows)
