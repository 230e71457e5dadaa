"""A dry run as a user sees it: each hour, each action, each API call, and what is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybridplace.cli.output import print_json, print_text
from hybridplace.cli.program import FAILED
from hybridplace.model.canonical import to_plain

READING = ("Describe", "Get", "List")
"""What the names of calls begin with that change nothing."""

if TYPE_CHECKING:
    from rich.console import RenderableType

    from hybridplace.engine import Step
    from hybridplace.errors import HybridplaceError
    from hybridplace.mock.dryrun import DryRun, Moment
    from hybridplace.mock.script import Call
    from hybridplace.model.estate import Estate
    from hybridplace.model.plan import Plan
    from hybridplace.model.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """What is printed: JSON or text, and whether calls that only read are told one by one."""

    as_json: bool
    every_call: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What the mocked clouds show: faults as texts, and rates of random ones as a text."""

    texts: Sequence[str] = ()
    rates: str | None = None
    seed: int = 0


def run_dry(
    estate: Estate,
    problem: Problem,
    plan: Plan,
    *,
    folder: Path,
    show: Show,
    faults: Faults,
) -> int:
    """Dry-run a plan, print what happens as it happens, and return the exit code."""
    from hybridplace.mock.dryrun import dry_run
    from hybridplace.mock.faults import read_faults, read_rates

    run = partial(
        dry_run,
        estate,
        problem,
        plan,
        folder=folder,
        faults=read_faults(faults.texts),
        rates=read_rates(faults.rates) if faults.rates is not None else {},
        seed=faults.seed,
    )
    if show.as_json:
        done = run()
        print_json(dry_run_plain(done))
    else:
        done = run(watch=lambda moment: print_text(moment_text(moment, show)))
        print_text(end_text(done))
    return FAILED if done.failed else 0


def moment_text(moment: Moment, show: Show) -> Iterator[RenderableType]:
    """Yield what was done at one hour."""
    from rich.text import Text

    from hybridplace.report.actions import step_text
    from hybridplace.report.figures import count, hours
    from hybridplace.report.tables import entries, heading

    yield heading(f"hour {hours(moment.at_h)}")
    yield from (step_text(step) for step in moment.steps)
    if moment.repeated:
        yield Text(f"{count(moment.repeated, 'action')} failed for now and began again")
    if moment.error is not None:
        told = f"leases could not be read: {type(moment.error).__name__}: {moment.error}"
        yield Text(told, style="bold red")
    yield entries(("  ", line) for line in call_lines(moment.calls, every=show.every_call))


def call_lines(calls: Sequence[Call], *, every: bool) -> Iterator[str]:
    """Yield each call that changes something or fails, then a count of those that only read.

    With `every`, those that only read are lines of their own.
    """
    reads: Counter[str] = Counter()
    for call in calls:
        if not every and call.action.startswith(READING) and call.outcome == "ok":
            reads[call.action] += 1
        else:
            yield str(call)
    if reads:
        told = ", ".join(f"{number} {action}" for action, number in reads.items())
        yield f"{reads.total()} calls that only read: {told}"


def end_text(done: DryRun) -> Iterator[RenderableType]:
    """Yield what ran at the peak, and what is left after the end."""
    from rich.text import Text

    from hybridplace.report.actions import leases_table
    from hybridplace.report.figures import count, hours
    from hybridplace.report.tables import entries, heading

    yield heading(f"Leases at the peak, hour {hours(done.peak.at_h)}")
    yield leases_table(done.peak.leases)
    for fault in done.unshown:
        yield heading(f"no call has matched the fault {fault.action}", style="bold yellow")
    failed = sum(step.error is not None for step in done.steps)
    total = count(len(done.steps), "action")
    yield heading(f"{total}, {failed} failed; {count(len(done.calls), 'API call')}, all mocked")
    if done.left:
        yield Text(f"{len(done.left)} left after everything was released:", style="bold red")
        yield entries(("-", one) for one in done.left)
    else:
        yield Text("0 leases left, and nothing else in the mocked cloud", style="bold green")


def dry_run_plain(done: DryRun) -> dict[str, Any]:
    """Return a dry run as ``--json`` prints it."""
    return {
        "moments": [
            {
                "at_h": moment.at_h,
                "steps": [step_plain(step) for step in moment.steps],
                "repeated": moment.repeated,
                "calls": [to_plain(call) for call in moment.calls],
                "error": error_plain(moment.error),
            }
            for moment in done.moments
        ],
        "peak": to_plain(done.peak),
        "unshown_faults": to_plain(done.unshown),
        "left": list(done.left),
    }


def step_plain(step: Step) -> dict[str, Any]:
    """Return an action and what came of it as ``--json`` prints it."""
    return {
        "action": to_plain(step.action),
        "lease": to_plain(step.lease),
        "error": error_plain(step.error),
    }


def error_plain(error: HybridplaceError | None) -> dict[str, str] | None:
    """Return an error as ``--json`` prints it."""
    return None if error is None else {"kind": type(error).__name__, "message": str(error)}
