"""Rows for people: a table of medians with what is promised, as text or as Markdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Sequence

from benchmarks.solver.cases import CASES, Size
from benchmarks.solver.measure import Row


def size_of(row: Row) -> Size | None:
    """Return the size that a row is of, with its promises; None if nothing is promised of it."""
    sizes = CASES[row["case"]].sizes if row["case"] in CASES else ()
    found = [one for one in sizes if (one.jobs, one.slots) == (row["jobs"], row["slots"])]
    return found[0] if found else None


COLUMNS: dict[str, Callable[[Row], str]] = {
    "case": lambda row: str(row["case"]),
    "jobs": lambda row: f"{row['jobs']:,}",
    "slots": lambda row: str(row["slots"]),
    "offers": lambda row: f"{row['offers']:,}",
    "seeds": lambda row: str(row["seeds"]),
    "CPU s": lambda row: _beside(row, "cpu_s", "{:.2f}"),
    "proven gap": lambda row: _beside(row, "gap", "{:.3%}"),
    "cost USD": lambda row: f"{row['cost_usd']:,.0f}",
    "RSS MB": lambda row: _beside(row, "rss_mb", "{:,.0f}"),
    "checker": lambda row: agreement(row["proof_off"]),
    "kept": lambda row: "yes" if kept(row) else "NO",
}


def agreement(proof_off: float | None) -> str:
    """Return how far the independent checker is from the bound, relatively."""
    return "no prices" if proof_off is None else f"{proof_off:.0e}"


def kept(row: Row) -> bool:
    """Say whether the medians of a row keep what is promised."""
    size = size_of(row)
    return size is None or all(
        most is None or row[name] <= most
        for name, most in (("cpu_s", size.cpu_s), ("gap", size.gap), ("rss_mb", size.rss_mb))
    )


def table(rows: Iterable[Row], *, markdown: bool = False) -> str:
    """Return medians as a table; ``1.10 (2.00)`` is what was measured and what is promised."""
    cells = [[write(row) for write in COLUMNS.values()] for row in rows]
    return aligned([list(COLUMNS), *cells], markdown=markdown)


SAVINGS: dict[str, Callable[[Row], str]] = {
    "rival": lambda row: str(row["rival"]),
    "jobs": lambda row: f"{row['jobs']:,}",
    "slots": lambda row: str(row["slots"]),
    "our CPU s": lambda row: f"{row['cpu_s']:.2f}",
    "theirs": lambda row: f"{row['rival_cpu_s']:.2f} ({row['rival_jobs']:,} jobs)",
    "times ours, per job": lambda row: f"{row['times_cpu']:,.1f}",
    "saved": lambda row: f"{row['saving']:.1%} [{row['low']:.1%}, {row['high']:.1%}]",
    "saved, by seed": lambda row: ", ".join(f"{one:.1%}" for one in row["each"].values()),
    "left out, ours / theirs": lambda row: f"{row['left_out']:g} / {row['rival_left_out']:g}",
}


def savings_table(rows: Iterable[Row], *, markdown: bool = False) -> str:
    """Return what our plans save against each rival's, as a table."""
    cells = [[write(row) for write in SAVINGS.values()] for row in rows]
    return aligned([list(SAVINGS), *cells], markdown=markdown)


def aligned(lines: Sequence[Sequence[str]], *, markdown: bool) -> str:
    """Return lines of cells, the first of them the heading, in columns."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines]
    if not markdown:
        return "\n".join("  ".join(line).rstrip() for line in text)
    text.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(line)} |" for line in text)


def machine() -> str:
    """Return what the figures were measured on."""
    return f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as told:
            names = [
                line.split(":", 1)[1].strip() for line in told if line.startswith("model name")
            ]
    except OSError:
        names = []
    return names[0] if names else platform.machine()


def _beside(row: Row, name: str, form: str) -> str:
    size = size_of(row)
    most = getattr(size, name, None)
    return form.format(row[name]) + ("" if most is None else f" ({form.format(most)})")
