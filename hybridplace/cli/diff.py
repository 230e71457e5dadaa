"""`hybridplace diff`."""

from __future__ import annotations

from pathlib import Path

import click

from hybridplace.cli.opening import hours_since_start, open_estate
from hybridplace.cli.options import (
    at_option,
    estate_option,
    json_option,
    plan_option,
    state_option,
)
from hybridplace.cli.output import print_json, print_text
from hybridplace.cli.program import FAILED


@click.command()
@estate_option
@plan_option
@state_option
@at_option
@click.option("--check", is_flag=True, help="Exit with 1 when anything is to be done.")
@json_option
def command(
    estate_path: Path,
    plan_path: Path,
    state_path: Path | None,
    at_h: float | None,
    check: bool,
    as_json: bool,
) -> int:
    """Show what must be done for a plan now; change nothing.

    Reads what runs from the providers, and names the steps to what the plan wants at this hour.
    """
    from hybridplace.io import read_plan

    plan, problem = read_plan(plan_path)
    hour = hours_since_start(problem, at_h)
    with open_estate(estate_path, state_path) as engine:
        actions = engine.diff(plan, at_h=hour)
    if as_json:
        print_json({"at_h": hour, "actions": actions})
    elif actions:
        from hybridplace.report.actions import actions_table

        print_text([actions_table(actions)])
    else:
        click.echo("nothing to do: what runs is what the plan wants")
    return FAILED if actions and check else 0
