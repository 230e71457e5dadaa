"""Writes what was measured into a page of the documentation, each table between its two marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.solver.tables import machine

END = "<!-- end -->"


def write_page(path: Path, tables: Mapping[str, str], *, arguments: Sequence[str]) -> None:
    """Replace what stands after the mark of each table, ``<!-- name -->``, up to the next end.

    Tables of other runs stay, with their own date and command.

    Raises
    ------
    ValueError
        When the page lacks a mark of a table; then it is left as it was.
    """
    page = path.read_text(encoding="utf-8")
    command = " ".join(("python -m benchmarks.solver", *_portable(arguments)))
    day = datetime.now(UTC).date().isoformat()
    for name, text in tables.items():
        begin = f"<!-- {name} -->"
        before, found, rest = page.partition(begin)
        _, end, after = rest.partition(END)
        if not (found and end):
            raise ValueError(f"{path} has no place for it, between {begin} and {END}")
        told = f"Measured on {day}, {machine()}:\n`{command}`"
        page = f"{before}{begin}\n\n{told}\n\n{text}\n\n{END}{after}"
    path.write_text(page, encoding="utf-8")


def _portable(arguments: Sequence[str]) -> list[str]:
    """Return the arguments as anybody could give them: no path of this machine."""
    told = list(arguments)
    for at, name in enumerate(told[:-1]):
        if name == "--skypilot":
            told[at + 1] = "PYTHON"
    return told
