"""Where output goes: text for people, one JSON document for programs, progress on a terminal."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from hybridplace.model.canonical import to_plain

if TYPE_CHECKING:
    from rich.console import RenderableType

    from hybridplace.solver import Progress

UNWRAPPED = 500
"""Columns of output that no terminal shows: lines stay whole for grep and awk."""


def print_json(value: object) -> None:
    """Print a value as one JSON document."""
    click.echo(json.dumps(to_plain(value), indent=2, allow_nan=False, ensure_ascii=False))


def print_text(parts: Iterable[RenderableType]) -> None:
    """Print each part, in colour and wrapped only where a person reads it."""
    from rich.console import Console

    wide = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    width = UNWRAPPED if wide else None
    console = Console(width=width, markup=False, emoji=False, highlight=False)
    for part in parts:
        with console.capture() as captured:
            console.print(part)
        text = captured.get()
        click.echo(text if console.is_terminal else _trimmed(text), nl=False, color=True)


def _trimmed(text: str) -> str:
    """Return lines without the blanks that fill tables up to their width."""
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


@contextmanager
def progress(*, quiet: bool) -> Iterator[Callable[[Progress], None] | None]:
    """Give what shows how far a solve is, on stderr and only if that is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    first = "planning (the first plan on a machine compiles the solver: up to a minute more)"
    with Console(stderr=True, highlight=False).status(first) as status:
        yield lambda told: status.update(progress_line(told))


def progress_line(told: Progress) -> str:
    """Return the best plan so far and the bound on any plan, in words."""
    from hybridplace.report.figures import usd

    best = "no plan yet" if told.objective_usd is None else f"best {usd(told.objective_usd)} USD"
    return f"planning: {best}, no plan is below {usd(told.bound_usd)} USD"
