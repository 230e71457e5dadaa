"""`hybridplace apply`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hybridplace.cli.dryrun import Faults, Show, run_dry, step_plain
from hybridplace.cli.matching import refuse_other_problem
from hybridplace.cli.opening import hours_since_start, open_both
from hybridplace.cli.options import (
    at_option,
    estate_option,
    jobs_option,
    json_option,
    plan_option,
    state_option,
    yes_option,
)
from hybridplace.cli.output import print_json, print_text
from hybridplace.cli.program import FAILED

if TYPE_CHECKING:
    from hybridplace.engine import Engine, Step
    from hybridplace.model.plan import Action, Plan
    from hybridplace.model.problem import Problem


@click.command()
@estate_option
@jobs_option
@plan_option
@state_option
@click.option("--dry-run", is_flag=True, help="Carry out the whole plan against mocked clouds.")
@click.option(
    "--fault",
    "texts",
    multiple=True,
    metavar="SPEC",
    help="In a dry run, what the mocked cloud answers: ACTION[:CODE][:FIELD=VALUE...], as "
    "RunInstances:InsufficientInstanceCapacity:market=spot.",
)
@click.option(
    "--faults",
    "rates",
    metavar="KIND:RATE,...",
    help="In a dry run, faults at random, as shares of the calls that meet them: "
    "capacity:0.3,throttle:0.2,lost-response:0.1.",
)
@click.option(
    "--seed",
    metavar="NUMBER",
    type=click.IntRange(0, 2**31 - 1),
    default=0,
    show_default=True,
    help="Of the random faults.",
)
@click.option(
    "--every-call", is_flag=True, help="In a dry run, print each call that only reads, too."
)
@at_option
@yes_option
@json_option
def command(
    estate_path: Path,
    jobs_path: Path,
    plan_path: Path,
    state_path: Path | None,
    dry_run: bool,
    texts: tuple[str, ...],
    rates: str | None,
    seed: int,
    every_call: bool,
    at_h: float | None,
    yes: bool,
    as_json: bool,
) -> int:
    """Do what a plan wants now, or all of it in a dry run.

    Shows what is to be done, asks, and does it: acquires what the plan runs at this hour, and
    releases what it does not. Doing it again is harmless. Refuses a plan that was made for other
    jobs, another estate or other policies than those of today. Exits with 1 when an action failed.

    With --dry-run the plan's hours pass at once, on mocked clouds that run on this machine: the
    real drivers act, each API call is shown, and everything is released at the end. No credential
    is read, nothing leaves this machine, and nothing is changed.
    """
    from hybridplace.io import read_plan
    from hybridplace.mock.guard import loopback_only

    if dry_run and (at_h is not None or yes):
        raise click.UsageError("--dry-run runs the whole plan and asks nothing: no --at, no --yes")
    if (texts or rates is not None or every_call) and not dry_run:
        told = "--fault, --faults and --every-call go with --dry-run: no real cloud has them"
        raise click.UsageError(told)
    plan, problem = read_plan(plan_path)
    engine, jobs = open_both(estate_path, jobs_path, state_path)
    folder = estate_path.parent
    if not dry_run:
        refuse_other_problem(engine, jobs, problem, plan_path, folder=folder)
        return _act(engine, problem, plan, at_h=at_h, yes=yes, as_json=as_json)
    with loopback_only():  # a provider of own sites may be asked what there is
        refuse_other_problem(engine, jobs, problem, plan_path, folder=folder)
    show = Show(as_json=as_json, every_call=every_call)
    faults = Faults(texts=texts, rates=rates, seed=seed)
    return run_dry(engine.estate, problem, plan, folder=folder, show=show, faults=faults)


def _act(
    engine: Engine, problem: Problem, plan: Plan, *, at_h: float | None, yes: bool, as_json: bool
) -> int:
    """Do what is due, and return the exit code."""
    with engine:
        actions = engine.diff(plan, at_h=hours_since_start(problem, at_h))
        do = _done_quietly if as_json else _done_if_wanted
        steps = do(engine, problem, plan, actions, yes=yes)
    return FAILED if steps is None or any(step.error for step in steps) else 0


def _done_quietly(
    engine: Engine, problem: Problem, plan: Plan, actions: Sequence[Action], *, yes: bool
) -> Sequence[Step]:
    """Do the actions and print what came of them as JSON."""
    if actions and not yes:
        raise click.UsageError("--json asks nothing: add --yes, or look with diff --json")
    steps = engine.apply(problem, plan, actions)
    print_json({"steps": [step_plain(step) for step in steps]})
    return steps


def _done_if_wanted(
    engine: Engine, problem: Problem, plan: Plan, actions: Sequence[Action], *, yes: bool
) -> Sequence[Step] | None:
    """Show the actions, ask, and do them; None if the answer was no."""
    from hybridplace.report.actions import actions_table, step_text

    if not actions:
        click.echo("nothing to do: what runs is what the plan wants")
        return ()
    print_text([actions_table(actions)])
    if not yes and not click.confirm("Do it?"):
        click.echo("nothing was done")
        return None
    return engine.apply(problem, plan, actions, watch=lambda step: print_text([step_text(step)]))
