"""`hybridplace init`."""

from __future__ import annotations

from pathlib import Path

import click

from hybridplace.cli.options import PATH
from hybridplace.errors import Fault, InputError

STARTER = Path(__file__).parent / "starter"


@click.command()
@click.argument("folder", metavar="DIR", type=PATH)
def command(folder: Path) -> None:
    """Write a small estate and its jobs to start from.

    The files can be planned as they are, and say what stands where. Files that are there already
    are not touched.
    """
    targets = {folder / file.name: file for file in sorted(STARTER.glob("*.yaml"))}
    faults = [
        Fault(
            where=str(target),
            path="(file)",
            expected="no such file yet",
            got="one that is there",
            remedy="name another folder, or remove the file",
        )
        for target in targets
        if target.exists()
    ]
    if faults:
        raise InputError(faults)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for target, file in targets.items():
            target.write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    except OSError as error:
        told = (error.strerror or str(error)).lower()
        fault = Fault(
            where=str(folder), path="(folder)", expected="a folder to write into", got=told
        )
        raise InputError([fault]) from None
    click.echo(f"written to {folder}; plan with: cd {folder} && hybridplace plan")
