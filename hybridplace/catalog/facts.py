"""Reads the tables of facts that a snapshot is built from, and reports every fault in them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from math import inf, isfinite
from pathlib import Path

from hybridplace.errors import Fault, InputError

COLUMNS: Mapping[str, str] = {
    "accelerators": "name vendor kind memory_gb fp16_bf16_dense_tflops fp8_int8_dense_tops"
    " mem_bandwidth_gb_s tdp_w mig_max_slices mig_profiles confidential_computing year note",
    "egress": "src_provider src_scope dst_kind dst_scope usd_per_gb tier_from_gb source as_of",
    "latency": "src_provider src_region dst_provider dst_region rtt_ms distance_km as_of source"
    " quality metro_median_ms",
    "latency_fit": "group_a group_b intercept_ms slope_ms_per_1000km",
    "offers": "provider region instance_type vcpu memory_gib accelerator accelerator_count"
    " on_demand_usd_per_hour spot_usd_per_hour spot_basis network_gbps arch confidential lifecycle"
    " source as_of",
    "regions": "provider region partition country lat lon country_gco2e_kwh country_year pue"
    " pue_basis",
    "spot_advisor": "region instance_type interruption_band",
    "throughput": "src_provider src_region dst_provider dst_region gbps as_of source",
}
"""The tables, and the columns of each that a snapshot uses."""

_TEXT = (
    "name vendor kind mig_profiles confidential_computing note src_provider src_scope dst_kind"
    " dst_scope source as_of src_region dst_provider dst_region quality group_a group_b provider"
    " region instance_type accelerator spot_basis arch confidential lifecycle partition country"
    " country_year pue_basis"
)
TEXT = frozenset(_TEXT.split())
"""Columns that hold text; all others hold numbers, or nothing."""

RANGES: Mapping[str, tuple[float, float]] = {
    "interruption_band": (0, 4),
    "lat": (-90, 90),
    "lon": (-180, 180),
}
"""What a number must lie within; all others from 0 up."""


_NEEDED = "memory_gb usd_per_gb distance_km intercept_ms slope_ms_per_1000km gbps as_of source"
NEEDED = frozenset(_NEEDED.split())
"""Columns in which a blank is a fault; in all others it means that nothing is known."""

_DAY = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")
_LIFECYCLE = re.compile(r"current|previous|unlisted|(retired|retiring):\d{4}(-\d\d(-\d\d)?)?")


class Row:
    """One row of a table: text by column, and numbers that are None where nothing stands."""

    def __init__(self, cells: Mapping[str, str]) -> None:
        self._cells = cells

    def __getitem__(self, column: str) -> str:
        return self._cells[column]

    def number(self, column: str) -> float | None:
        """Return the number in a column; blank is None."""
        text = self._cells[column]
        return float(text) if text else None

    def needed(self, column: str) -> float:
        """Return the number in a column where a blank was refused."""
        return float(self._cells[column])

    def whole(self, column: str) -> int | None:
        """Return the whole number in a column; blank is None."""
        number = self.number(column)
        return None if number is None else int(number)


def read(folder: Path) -> dict[str, list[Row]]:
    """Return all tables of the folder by name, in the order of their rows.

    Raises
    ------
    InputError
        When files, columns or values are missing, or a number or date is wrong.
    """
    faults: list[Fault] = []
    tables = {name: _table(folder / f"{name}.csv", name, faults) for name in COLUMNS}
    if faults:
        raise InputError(faults)
    return tables


def _table(path: Path, name: str, faults: list[Fault]) -> list[Row]:
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            cells = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        faults.append(Fault(where=str(path), path="file", expected="a CSV file", got=str(error)))
        return []
    columns = COLUMNS[name].split()
    missing = [column for column in columns if not cells or column not in cells[0]]
    for column in missing:
        remedy = "rebuild from the tables that the snapshot's docs name"
        fault = Fault(
            where=str(path),
            path=column,
            expected="a column",
            got="none of that name",
            remedy=remedy,
        )
        faults.append(fault)
    if not missing:
        faults.extend(_bad_cells(path, cells, columns))
    return [Row(row) for row in cells]


def _bad_cells(path: Path, cells: list[dict[str, str]], columns: list[str]) -> Iterator[Fault]:
    for line, row in enumerate(cells, start=2):
        for column in columns:
            expected = _expected(column, row[column] or "")
            if expected:
                where, got = f"{path}:{line}", repr(row[column])
                yield Fault(where=where, path=column, expected=expected, got=got)


def _expected(column: str, text: str) -> str:
    """Return what should stand in the cell; empty if what stands there will do."""
    if not text:
        return "a value" if column in NEEDED else ""
    if column in ("as_of", "country_year"):
        return "" if _DAY.fullmatch(text) else "a date, month or year, ISO 8601"
    if column == "lifecycle":
        return "" if _LIFECYCLE.fullmatch(text) else "current, retiring:DATE or the like"
    least, most = RANGES.get(column, (0, inf))
    within = column in TEXT or _is_within(text, least, most)
    return "" if within else f"a number from {least} to {most}"


def _is_within(text: str, least: float, most: float) -> bool:
    try:
        return least <= float(text) <= most and isfinite(float(text))
    except ValueError:
        return False
