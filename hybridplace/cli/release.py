"""`hybridplace release`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hybridplace.cli.opening import open_estate
from hybridplace.cli.options import estate_option, json_option, state_option, yes_option
from hybridplace.cli.output import print_json, print_text
from hybridplace.cli.program import FAILED
from hybridplace.errors import Fault, InputError, ProviderError
from hybridplace.model.canonical import to_plain

if TYPE_CHECKING:
    from hybridplace.engine import Engine
    from hybridplace.model.site import Lease


@click.command()
@click.argument("jobs", nargs=-1, metavar="[JOB]...")
@click.option("--all", "every", is_flag=True, help="Release everything of this estate.")
@estate_option
@state_option
@yes_option
@json_option
def command(
    jobs: tuple[str, ...],
    every: bool,
    estate_path: Path,
    state_path: Path | None,
    yes: bool,
    as_json: bool,
) -> int:
    """Release what runs for the estate.

    Shows the leases of the jobs, or of all, asks, and releases them. Leases of other estates are
    left alone. Exits with 1 when one could not be released.
    """
    if every == bool(jobs):
        raise click.UsageError("name the jobs to release, or say --all")
    if as_json and not yes:
        raise click.UsageError("--json asks nothing: add --yes")
    with open_estate(estate_path, state_path) as engine:
        leases = chosen(engine.leases(), jobs)
        if not as_json and not leases:
            click.echo("nothing runs for this estate")
        elif not as_json:
            from hybridplace.report.actions import leases_table

            print_text([leases_table(leases)])
            if not yes and not click.confirm("Release them?"):
                click.echo("nothing was done")
                return FAILED
        failed = [_released(engine, lease, quiet=as_json) for lease in leases]
    if as_json:
        print_json({"leases": _plain(leases, failed)})
    return FAILED if any(failed) else 0


def chosen(leases: Sequence[Lease], jobs: Sequence[str]) -> tuple[Lease, ...]:
    """Return the leases of the jobs, or all if none is named.

    Raises
    ------
    InputError
        When nothing runs for one of the jobs.
    """
    running = {lease.job for lease in leases}
    faults = [
        Fault(
            where="release",
            path=job,
            expected="a job that has a lease",
            got="none",
            remedy=f"there are {', '.join(sorted(running)) or 'no leases'}",
        )
        for job in jobs
        if job not in running
    ]
    if faults:
        raise InputError(faults)
    return tuple(lease for lease in leases if not jobs or lease.job in jobs)


def _released(engine: Engine, lease: Lease, *, quiet: bool) -> ProviderError | None:
    """Release a lease; return why it could not be."""
    try:
        engine.release(lease)
    except ProviderError as error:
        if not quiet:
            click.echo(f"release {lease.job}: {lease.offer} FAILED: {error}", err=True)
        return error
    if not quiet:
        click.echo(f"release {lease.job}: {lease.offer} done")
    return None


def _plain(leases: Sequence[Lease], failed: Sequence[ProviderError | None]) -> list[dict[str, Any]]:
    return [
        {**to_plain(lease), "error": None if error is None else str(error)}
        for lease, error in zip(leases, failed, strict=True)
    ]
