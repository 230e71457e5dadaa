"""Two plans side by side: what one change does to cost, carbon, and where jobs run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from rich.text import Text

from hybridplace.model.plan import Costs, Placement, Plan
from hybridplace.report.figures import count, extra_usd, usd
from hybridplace.report.plan import COST_LINES
from hybridplace.report.tables import heading, table

if TYPE_CHECKING:
    from rich.console import RenderableType

SHOWN = 40
"""Jobs that are listed by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A job that runs elsewhere, at another time, or no more; None where it is left out."""

    job: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What changes from one plan to the other.

    Parameters
    ----------
    changes : tuple of str
        What was changed, as it was written.
    extra_usd : float
        What the second plan costs more; less, if negative.
    extra_least_usd, extra_most_usd : float
        Between these lies what the change is worth when both are planned as well as can be: both
        plans have a gap.
    extra_carbon_g : float or None
        None if a figure is missing.
    lines : Costs
        The difference, line by line.
    """

    changes: tuple[str, ...]
    before_usd: float
    after_usd: float
    extra_usd: float
    extra_least_usd: float
    extra_most_usd: float
    extra_carbon_g: float | None
    lines: Costs
    moved: tuple[Moved, ...]
    unplaced_before: tuple[str, ...]
    unplaced_after: tuple[str, ...]


def difference(before: Plan, after: Plan, *, changes: tuple[str, ...]) -> Difference:
    """Return what is different in the plan `after` the changes."""
    carbon = None
    if before.carbon_g is not None and after.carbon_g is not None:
        carbon = after.carbon_g - before.carbon_g
    names = [field.name for field in fields(Costs)]
    lines = {name: getattr(after.costs, name) - getattr(before.costs, name) for name in names}
    return Difference(
        changes=changes,
        before_usd=before.objective_usd,
        after_usd=after.objective_usd,
        extra_usd=after.objective_usd - before.objective_usd,
        extra_least_usd=after.bound_usd - before.objective_usd,
        extra_most_usd=after.objective_usd - before.bound_usd,
        extra_carbon_g=carbon,
        lines=Costs(**lines),
        moved=tuple(_moved(before, after)),
        unplaced_before=tuple(one.job for one in before.unplaced),
        unplaced_after=tuple(one.job for one in after.unplaced),
    )


def _moved(before: Plan, after: Plan) -> Iterator[Moved]:
    was = {one.job: _where(one) for one in before.placements}
    now = {one.job: _where(one) for one in after.placements}
    for job in sorted({*was, *now}):
        if was.get(job) != now.get(job):
            yield Moved(job=job, before=was.get(job), after=now.get(job))


def _where(placement: Placement) -> str:
    return f"{placement.offer} from {placement.start_h:g} h"


def difference_text(told: Difference) -> Iterator[RenderableType]:
    """Yield the parts of the report, the answer first."""
    if abs(told.extra_usd) < 0.005:  # half a cent
        yield Text(f"It makes no difference: {usd(told.after_usd)} USD", style="bold")
    else:
        word, style = ("saves", "bold green") if told.extra_usd < 0 else ("costs", "bold red")
        said = f"It {word} {usd(abs(told.extra_usd))} USD"
        yield Text(f"{said}: {usd(told.before_usd)} before, {usd(told.after_usd)} after", style)
    if told.extra_most_usd - told.extra_least_usd >= 0.01:
        least, most = extra_usd(told.extra_least_usd), extra_usd(told.extra_most_usd)
        yield Text(f"planned as well as can be, it is worth between {least} and {most} USD")
    yield from _lines(told)
    if told.moved:
        yield heading(f"Other places or hours: {count(len(told.moved), 'job')}")
        shown = table("job", "before", "after")
        for one in told.moved[:SHOWN]:
            shown.add_row(one.job, one.before or "left out", one.after or "left out or gone")
        yield shown
        if len(told.moved) > SHOWN:
            yield Text(f"and {len(told.moved) - SHOWN} more; --json lists them all")


def _lines(told: Difference) -> Iterator[RenderableType]:
    rows = [
        (COST_LINES[field.name], getattr(told.lines, field.name)) for field in fields(told.lines)
    ]
    rows = [(name, more) for name, more in rows if abs(more) >= 0.005]  # half a cent
    if not rows and told.extra_carbon_g is None:
        return
    yield heading("What changes")
    shown = table("line", "USD more", right=("USD more",))
    for name, more in rows:
        shown.add_row(name, extra_usd(more))
    if told.extra_carbon_g is not None:
        shown.add_row("emissions, kg CO2e", f"{told.extra_carbon_g / 1000:+,.2f}")
    yield shown
