"""`hybridplace prices`."""

from __future__ import annotations

from pathlib import Path

import click

from hybridplace.cli.options import json_option, plan_option
from hybridplace.cli.output import print_json, print_text


@click.command()
@plan_option
@click.option(
    "--check",
    "checks",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="NUMBER",
    help="Plan again with so many of the changes that would save the most.",
)
@json_option
def command(plan_path: Path, checks: int, as_json: bool) -> None:
    """Say what each limit, pool, policy and deadline costs.

    Of all that is scarce: what one more unit is worth, how far that price holds, and what more or
    less of it does. Of each policy and each deadline: what would be saved without it. Each saving
    comes with an estimate and with what is proven: no plan saves more than that. From the plan file
    alone; nothing is written.
    """
    from hybridplace.io import read_plan
    from hybridplace.report.prices import prices_text, prices_told
    from hybridplace.solver.sensitivity import checked, sensitivity

    plan, problem = read_plan(plan_path)
    found = sensitivity(problem, plan)
    told = prices_told(found, checked(problem, plan, found, checks))
    if as_json:
        print_json(told)
    else:
        print_text(prices_text(told))
