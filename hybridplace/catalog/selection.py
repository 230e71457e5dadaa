"""Which machine types and prices of the facts go into a snapshot, and why the others do not."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from statistics import median

from hybridplace.catalog.facts import Row
from hybridplace.catalog.sources import first_day

CPU_TYPES: Mapping[str, re.Pattern[str]] = {
    "aws": re.compile(r"([cmr][678][agi]|x2idn)\.\w+"),
    "azure": re.compile(r"Standard_(D|DC|E|EC|F)\d+[aeilmp]*s_v[5-9]"),
    "gcp": re.compile(r"(c3d?|c4[ad]?|e2|n2d?|n4[ad]?|t2d)-(standard|highmem|highcpu)-\d+"),
}
"""Types without accelerator that are taken: general purpose, compute and memory optimised.

Current generations only. Burstable and shared-core types are not, since their list price is not
that of sustained work; nor are Azure's types with a local disk (a ``d`` in the name), which cost
more and look alike otherwise.
"""

PLACEHOLDER_USD_H = 700.0
"""What one public price file writes for TPUs that have no price."""

OUTLIER = 4.0
"""An on-demand price this many times below or above the type's median is taken for a mistake."""

MAX_ACCELERATORS = 16
"""No type has more; 64 and the like are counts of chips in a whole pod."""

NOTICE = timedelta(days=180)
"""A type that retires this soon after the snapshot's date would be gone while it is in use."""

Dropped = dict[str, list[str]]
"""What was left out, by reason."""


def select(rows: Iterable[Row], names: frozenset[str], today: date) -> tuple[list[Row], Dropped]:
    """Return the rows of machines that are taken, and what is left out, by reason.

    Parameters
    ----------
    names : frozenset of str
        Of the accelerators that there are facts of.
    today : date
        Date of the snapshot.
    """
    dropped: Dropped = defaultdict(list)
    kept: list[Row] = []
    for row in rows:
        reason = _refusal(row, names, today)
        if reason:
            dropped[reason].append(machine(row))
        else:
            kept.append(row)
    return kept, dropped


def machine(row: Row) -> str:
    """Return what names a machine type at a site: the id of its offers without the market."""
    return f"{row['provider']}/{row['region']}/{row['instance_type']}"


def _refusal(row: Row, names: frozenset[str], today: date) -> str:
    count, name = row.number("accelerator_count"), row["accelerator"]
    if row["provider"] not in CPU_TYPES:
        return "cloud without a selection"
    if not row.number("vcpu") or not row.number("memory_gib"):
        return "no CPUs or no memory"
    if _ends(row["lifecycle"]) <= today + NOTICE:
        return "retired, or about to be"
    if ".metal" in row["instance_type"]:
        return "bare metal"
    if not name:
        known = CPU_TYPES[row["provider"]].fullmatch(row["instance_type"])
        return "" if known else "CPU type outside the selection"
    if name not in names:
        return "accelerator without facts"
    if not count or not count.is_integer():
        return "a fraction of an accelerator"
    return "implausible number of accelerators" if count > MAX_ACCELERATORS else ""


def _ends(lifecycle: str) -> date:
    """Return the day a type retires: of a month or a year the first, and never if none is set."""
    state, _, day = lifecycle.partition(":")
    if state not in ("retired", "retiring"):
        return date.max
    return date.fromisoformat(first_day(day)) if day else date.min


def prices(rows: Iterable[Row], dropped: Dropped) -> dict[str, tuple[float | None, float | None]]:
    """Return the plausible on-demand and spot prices by machine; adds the others to `dropped`."""
    listed = {machine(row): row for row in rows}
    medians = _medians(listed.values())
    found: dict[str, tuple[float | None, float | None]] = {}
    for name, row in listed.items():
        price, spot = row.number("on_demand_usd_per_hour"), row.number("spot_usd_per_hour")
        reason = price is not None and _mistake(
            price, medians[row["provider"], row["instance_type"]]
        )
        if reason:
            dropped[f"on-demand price: {reason}"].append(f"{name} {price}")
            price, spot = None, None
        reason = spot is not None and _spot_mistake(spot, price)
        if reason:
            dropped[f"spot price: {reason}"].append(f"{name} {spot}")
            spot = None
        found[name] = (price, spot)
    return found


def _medians(rows: Iterable[Row]) -> dict[tuple[str, str], float]:
    listed: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in rows:
        price = row.number("on_demand_usd_per_hour")
        if price:
            listed[row["provider"], row["instance_type"]].append(price)
    return defaultdict(float, {kind: median(prices) for kind, prices in listed.items()})


def _mistake(price: float, usual: float) -> str:
    if price in (0, PLACEHOLDER_USD_H):
        return "zero or a placeholder"
    far = not usual / OUTLIER <= price <= usual * OUTLIER
    return f"more than {OUTLIER:.0f} times off the type's median over regions" if far else ""


def _spot_mistake(spot: float, price: float | None) -> str:
    if spot in (0, PLACEHOLDER_USD_H):
        return "zero or a placeholder"
    return "above on demand" if price is not None and spot > price else ""
