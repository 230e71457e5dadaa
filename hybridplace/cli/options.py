"""The options that commands share."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click

PATH = click.Path(path_type=Path)

STATE_FOLDER = ".hybridplace"


Callback = Callable[[click.Context, click.Parameter, str | None], float | None]


LAST_YEAR = 9000
"""Hours of a plan are added to its beginning, and the calendar ends at 9999."""


def number(*, least: float = 0.0, most: float = math.inf) -> Callback:
    """Return what reads a number from `least` to `most`, neither NaN nor infinite."""

    def read(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
        if value is None:
            return None
        try:
            found = float(value)
        except ValueError:
            found = math.nan
        if not (math.isfinite(found) and least <= found <= most):
            upper = "on" if math.isinf(most) else f"to {most:g}"
            told = f"expected a number from {least:g} {upper}, got {value!r}"
            raise click.BadParameter(told, ctx, param)
        return found

    return read


def instant(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    """Read a date and time; UTC unless it says otherwise."""
    if value is None:
        return None
    try:
        read = datetime.fromisoformat(value)
        if read.year > LAST_YEAR:
            raise ValueError
        return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        told = f"expected a date and time such as 2026-11-24T06:00Z, got {value!r}"
        raise click.BadParameter(told, ctx, param) from None


estate_option = click.option(
    "-e",
    "--estate",
    "estate_path",
    type=PATH,
    default=Path("estate.yaml"),
    show_default=True,
    help="The estate file, YAML or JSON.",
)
jobs_option = click.option(
    "-j",
    "--jobs",
    "jobs_path",
    type=PATH,
    default=Path("jobs.yaml"),
    show_default=True,
    help="The jobs file, YAML or JSON.",
)
plan_option = click.option(
    "-p",
    "--plan",
    "plan_path",
    type=PATH,
    default=Path("plan.json"),
    show_default=True,
    help="The plan file.",
)
state_option = click.option(
    "--state",
    "state_path",
    type=PATH,
    help=f"Folder that keeps what runs on own machines; {STATE_FOLDER} beside the estate by "
    "default.",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document, also for errors."
)
at_option = click.option(
    "--at",
    "at_h",
    callback=number(),
    metavar="HOURS",
    help="Hours since the plan's start; the present hour by default.",
)
yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")
