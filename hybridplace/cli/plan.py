"""`hybridplace plan`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hybridplace.cli.opening import open_both, present_hour
from hybridplace.cli.options import (
    PATH,
    estate_option,
    instant,
    jobs_option,
    json_option,
    number,
    state_option,
)
from hybridplace.cli.output import print_json, print_text, progress
from hybridplace.cli.program import FAILED, INTERRUPTED

if TYPE_CHECKING:
    from hybridplace.model.plan import Plan
    from hybridplace.model.problem import Problem


@click.command()
@estate_option
@jobs_option
@click.option(
    "-o",
    "--output",
    "output_path",
    type=PATH,
    default=Path("plan.json"),
    show_default=True,
    help="Where to write the plan.",
)
@click.option(
    "--now",
    callback=instant,
    metavar="ISO8601",
    help="When the plan begins; the present hour in UTC by default.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0, max=2**31 - 1),
    default=0,
    show_default=True,
    metavar="NUMBER",
    help="Another one may find another plan of the same cost.",
)
@click.option(
    "--gap",
    callback=number(most=1.0),
    default="0",
    show_default=True,
    metavar="SHARE",
    help="Stop once the plan is proven this close to the cheapest, as 0.01.",
)
@click.option(
    "--work",
    callback=number(least=0.001),
    default="120",
    show_default=True,
    metavar="UNITS",
    help="Stop after this much work per round; a unit is about a second.",
)
@click.option("--with-leases", is_flag=True, help="Count what runs now, and what moving it costs.")
@state_option
@json_option
def command(
    estate_path: Path,
    jobs_path: Path,
    output_path: Path,
    now: datetime | None,
    seed: int,
    gap: float,
    work: float,
    with_leases: bool,
    state_path: Path | None,
    as_json: bool,
) -> int:
    """Plan all jobs of an estate, and prove how good the plan is.

    The same files with the same --now, --seed, --gap and --work give the same plan, byte for byte.
    Exits with 1 when the plan leaves a job out. Ctrl-C ends the search, and the best plan so far is
    written, with its gap; the exit code is then 130.
    """
    from hybridplace.io import refuse_overwriting, write_plan
    from hybridplace.model.plan import Status
    from hybridplace.report.warnings import warnings
    from hybridplace.solver import Stop

    refuse_overwriting(output_path)
    engine, jobs = open_both(estate_path, jobs_path, state_path)
    with engine:
        leases = engine.leases() if with_leases else ()
        problem = engine.problem(jobs, now=now or present_hour(), leases=leases)
        with progress(quiet=as_json) as watch:
            plan = engine.plan(problem, seed=seed, stop=Stop(gap=gap, work=work), watch=watch)
        told = warnings(engine, problem, plan)
    if plan.status is Status.INTERRUPTED and not plan.placements:
        raise click.Abort
    write_plan(output_path, plan, problem)
    _print(problem, plan, told, output_path, as_json=as_json)
    if plan.status is Status.INTERRUPTED:
        click.echo("interrupted: this is the best plan so far", err=True)
        return INTERRUPTED
    return FAILED if plan.unplaced else 0


def _print(
    problem: Problem, plan: Plan, told: tuple[str, ...], output_path: Path, *, as_json: bool
) -> None:
    from hybridplace.report.summary import summary

    figures = summary(problem, plan, warnings=told)
    if as_json:
        print_json(figures)
        return
    from hybridplace.report.plan import plan_text

    print_text(plan_text(figures))
    click.echo(f"\nwritten to {output_path}; see why with: hybridplace explain JOB", err=True)
