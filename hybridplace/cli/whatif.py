"""`hybridplace whatif`."""

from __future__ import annotations

from pathlib import Path

import click

from hybridplace.cli.options import json_option, number, plan_option
from hybridplace.cli.output import print_json, print_text, progress


@click.command()
@plan_option
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="PATH=VALUE",
    help="Change a figure: limits[budget].at_most=500, offers[*/spot].price_usd_h*=1.2, "
    "pools[quota].at_most+=8, jobs[train].deadline_h=none.",
)
@click.option(
    "--drop",
    "drops",
    multiple=True,
    metavar="PART[ID]",
    help="Leave out: jobs[train], limits[budget], offers[*/spot], or a policy: rules[gdpr-*].",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0, max=2**31 - 1),
    default=0,
    show_default=True,
    metavar="NUMBER",
    help="Of the new plan.",
)
@click.option(
    "--gap",
    callback=number(most=1.0),
    default="0",
    show_default=True,
    metavar="SHARE",
    help="Stop once the new plan is proven this close to the cheapest, as 0.01.",
)
@click.option(
    "--work",
    callback=number(least=0.001),
    default="120",
    show_default=True,
    metavar="UNITS",
    help="Stop after this much work per round; a unit is about a second.",
)
@json_option
def command(
    plan_path: Path,
    settings: tuple[str, ...],
    drops: tuple[str, ...],
    seed: int,
    gap: float,
    work: float,
    as_json: bool,
) -> None:
    """Plan again with something changed, and show what that does.

    From the plan file alone; nothing is written. A path names a part of the problem, an id or a
    shell pattern on ids, and a field: PART[ID].FIELD. Both options can be repeated; all changes are
    made together.
    """
    from hybridplace.engine.change import changed, dropping, setting
    from hybridplace.io import read_plan
    from hybridplace.model.verify import verify
    from hybridplace.report.whatif import difference, difference_text
    from hybridplace.solver import Stop, solve

    if not settings and not drops:
        raise click.UsageError("nothing to change: give --set or --drop, see --help")
    changes = [*map(setting, settings), *map(dropping, drops)]
    plan, problem = read_plan(plan_path)
    other = changed(problem, changes)
    with progress(quiet=as_json) as watch:
        after = solve(other, seed=seed, stop=Stop(gap=gap, work=work), watch=watch)
    verify(other, after)
    told = difference(plan, after, changes=tuple(change.text for change in changes))
    if as_json:
        print_json(told)
    else:
        print_text(difference_text(told))
