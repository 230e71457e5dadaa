"""Writes what was measured into a page of the documentation, between two marks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.solver.measure import Row
from benchmarks.solver.tables import machine, savings_table, table

BEGIN, END = "<!-- measured -->", "<!-- end -->"


def write_page(
    path: Path, middle: Sequence[Row], saved: Sequence[Row], *, arguments: Sequence[str]
) -> None:
    """Replace what stands between the marks of a page by the tables of this run.

    Raises
    ------
    ValueError
        When the page does not have both marks.
    """
    before, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{path} has no place for it, between {BEGIN} and {END}")
    command = " ".join(("python -m benchmarks.solver", *_portable(arguments)))
    day = datetime.now(UTC).date().isoformat()
    parts = [
        f"Measured on {day}: {machine()}.",
        f"Command: `{command}`",
    ]
    if middle:
        parts += ["Medians over seeds, beside what is promised (in brackets):"]
        parts += [table(middle, markdown=True)]
    if saved:
        parts += ["What our plans save, with 95 % bootstrap intervals over seeds:"]
        parts += [savings_table(saved, markdown=True)]
    text = "\n\n".join(parts)
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def _portable(arguments: Sequence[str]) -> list[str]:
    """Return the arguments as anybody could give them: without where this machine has SkyPilot."""
    told = list(arguments)
    for at, name in enumerate(told[:-1]):
        if name == "--skypilot":
            told[at + 1] = "PYTHON"
    return told
