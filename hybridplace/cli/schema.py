"""`hybridplace schema`."""

from __future__ import annotations

import click

from hybridplace.cli.output import print_json


@click.command()
@click.argument("which", metavar="estate|jobs", type=click.Choice(["estate", "jobs"]))
def command(which: str) -> None:
    """Print the JSON Schema of an input file, for editors.

    Editors complete and check files with it: the YAML server of many editors takes a first line
    `# yaml-language-server: $schema=estate.schema.json`.
    """
    from hybridplace import io

    print_json(io.estate_schema() if which == "estate" else io.jobs_schema())
