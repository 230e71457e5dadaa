"""Reads the tables of facts that a snapshot is built from, and reports every fault in them."""

from __future__ import annotations

import csv
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
        """Return the number in a column where a blank makes no sense.

        Raises
        ------
        ValueError
            When there is none.
        """
        if not self._cells[column]:
            raise ValueError(f"{column} is blank")
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
        When files or columns are missing, or a number is none, not finite or out of range.
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
        faults.extend(_bad_numbers(path, cells, columns))
    return [Row(row) for row in cells]


def _bad_numbers(path: Path, cells: list[dict[str, str]], columns: list[str]) -> Iterator[Fault]:
    numeric = [column for column in columns if column not in TEXT]
    for line, row in enumerate(cells, start=2):
        for column in numeric:
            least, most = RANGES.get(column, (0, inf))
            if row[column] and not _is_within(row[column], least, most):
                where, expected = f"{path}:{line}", f"a number from {least} to {most}"
                yield Fault(where=where, path=column, expected=expected, got=repr(row[column]))


def _is_within(text: str, least: float, most: float) -> bool:
    try:
        return least <= float(text) <= most and isfinite(float(text))
    except ValueError:
        return False
