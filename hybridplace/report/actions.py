"""Actions, what came of them, and leases, as text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.text import Text

from hybridplace.engine import Step
from hybridplace.model.plan import Action
from hybridplace.model.site import Lease
from hybridplace.report.tables import table

if TYPE_CHECKING:
    from rich.table import Table


def actions_table(actions: Iterable[Action]) -> Table:
    """Return what is to be done, releases first."""
    shown = table("do", "job", "offer", "machines", right=("machines",))
    for one in actions:
        shown.add_row(one.verb, one.job, one.offer, str(one.machines))
    return shown


def step_text(step: Step) -> Text:
    """Return one action and what came of it, on a line."""
    action = step.action
    told = f"{action.verb} {action.job}: {action.machines} x {action.offer}"
    if step.error is not None:
        kind = type(step.error).__name__
        return Text(f"{told} FAILED: {kind}: {step.error}", style="bold red")
    return Text(f"{told} {'pending: see leases later' if step.pending else 'done'}")


def leases_table(leases: Iterable[Lease]) -> Table:
    """Return what runs, by job."""
    shown = table("job", "offer", "machines", "state", right=("machines",))
    for one in sorted(leases, key=lambda lease: (lease.job, lease.id)):
        shown.add_row(one.job, one.offer, str(len(one.machines)), one.state)
    return shown
