"""`hybridplace policy`: what policies say, and whether they say what their tables want."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hybridplace.cli.opening import open_both
from hybridplace.cli.options import estate_option, jobs_option, json_option
from hybridplace.cli.output import print_json, print_text
from hybridplace.cli.program import FAILED, Commands
from hybridplace.errors import Fault, InputError
from hybridplace.model.site import Market

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rich.console import RenderableType

    from hybridplace.engine import Engine
    from hybridplace.model.job import Dataset, Job
    from hybridplace.model.site import Site
    from hybridplace.policy import Decision, Outcome

TABLE = ".table.yaml"


@click.group(cls=Commands)
def command() -> None:
    """Look into policies and test them."""


@command.command("list")
@click.argument("pack", required=False)
@json_option
def list_packs(pack: str | None, as_json: bool) -> None:
    """List the packs that ship with the package, or the rules of one."""
    from hybridplace import policy

    packs = [pack] if pack else policy.shipped()
    rules = {name: policy.load([name], folder=Path()).rule for name in packs}
    own = {
        name: [rule for rule in found.values() if rule.id != "default-deny"]
        for name, found in rules.items()
    }
    if as_json:
        print_json({"packs": own})
        return
    from hybridplace.report.explain import rules_text
    from hybridplace.report.tables import heading

    for name, found in own.items():
        print_text([heading(name), rules_text(found)])


@command.command("check")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@json_option
def check(files: tuple[str, ...], as_json: bool) -> int:
    """Test policies against the decision tables beside them.

    FILE is a pack, a .cedar file or a .table.yaml file; all packs if none is named. Exits with 1
    when a row is not answered as it wants.
    """
    outcomes = _outcomes(files)
    wrong = [str(one) for one in outcomes if not one.holds]
    if as_json:
        print_json({"rows": len(outcomes), "wrong": wrong})
    else:
        for one in wrong:
            click.echo(one, err=True)
        click.echo(f"{len(outcomes) - len(wrong)} of {len(outcomes)} rows hold")
    return FAILED if wrong else 0


@command.command("explain")
@click.argument("subject", metavar="JOB|DATASET")
@click.argument("site")
@click.option(
    "--market",
    type=click.Choice([market.value for market in Market]),
    default=Market.ON_DEMAND.value,
    show_default=True,
    help="Of the offer that a job would run on.",
)
@estate_option
@jobs_option
@json_option
def explain(
    subject: str, site: str, market: str, estate_path: Path, jobs_path: Path, as_json: bool
) -> int:
    """Say whether policies allow a job to run, or a dataset to be copied, at a site, and why.

    Exits with 1 when they deny it.
    """
    from hybridplace import policy

    engine, jobs = open_both(estate_path, jobs_path)
    asked, place = _found(engine, jobs, subject, site)
    decision = policy.explain(
        engine.policies, asked, place, datasets=engine.estate.datasets, market=Market(market)
    )
    if as_json:
        print_json(decision)
    else:
        print_text(_decision_text(decision))
    return 0 if decision.allowed else FAILED


def _outcomes(files: Sequence[str]) -> list[Outcome]:
    """Return the rows of tables that are named, and of those beside the policies named."""
    from hybridplace import policy

    tables = [Path(file) for file in files if file.endswith(TABLE)]
    names = [file for file in files if not file.endswith(TABLE)] if files else policy.shipped()
    beside = policy.check(names, folder=Path()) if names else ()
    return [*beside, *(one for table in tables for one in policy.run_table(table))]


def _found(
    engine: Engine, jobs: Sequence[Job], subject: str, site: str
) -> tuple[Job | Dataset, Site]:
    """Return the job or dataset, and the site, of these names.

    Raises
    ------
    InputError
        When there is none; names similar ones.
    """
    from hybridplace.engine.gather import allowed_sites

    estate = engine.estate
    subjects: dict[str, Job | Dataset] = {one.id: one for one in jobs}
    subjects |= {one.id: one for one in estate.datasets}
    known = engine.catalog
    sites = {one.id: one for name in known.providers for one in known.sites(name)}
    sites |= {one.id: one for one in estate.sites}
    for access in estate.providers:
        sites |= {one.id: one for one in allowed_sites(access, known)}
    faults = [
        *_absent("JOB|DATASET", "the id of a job or dataset", subject, subjects),
        *_absent("SITE", "a site of the estate or a region of the catalog", site, sites),
    ]
    if faults:
        raise InputError(faults)
    return subjects[subject], sites[site]


def _absent(path: str, expected: str, name: str, known: Collection[str]) -> Iterator[Fault]:
    if name not in known:
        near = get_close_matches(name, known, n=3)
        remedy = f"did you mean {' or '.join(near)}?" if near else f"one of {', '.join(known)}"
        yield Fault(where="policy", path=path, expected=expected, got=repr(name), remedy=remedy)


def _decision_text(decision: Decision) -> Iterator[RenderableType]:
    from rich.text import Text

    from hybridplace.report.explain import rules_text

    said, style = ("allowed", "bold green") if decision.allowed else ("denied", "bold red")
    market = f" ({decision.market.replace('_', ' ')})" if decision.market else ""
    told = f"{decision.action} {decision.subject} at {decision.site}{market} is {said} by"
    yield Text(told, style=style)
    yield rules_text(decision.rules)
