"""`hybridplace plugins`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hybridplace.cli.options import PATH, json_option
from hybridplace.cli.output import print_json, print_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from hybridplace.plugin.manager import Plugins


@click.command()
@click.option(
    "-e",
    "--estate",
    "estate_path",
    type=PATH,
    help="Load the plug-in files of this estate too.",
)
@json_option
def command(estate_path: Path | None, as_json: bool) -> None:
    """List the plug-ins, and say why one is not used.

    The environment variable HYBRIDPLACE_PLUGINS, as static,aws, leaves all others out.
    """
    from hybridplace.plugin.manager import load_plugins

    files: list[Path] = []
    if estate_path is not None:
        from hybridplace.io import read_estate

        estate = read_estate(estate_path)
        files = [estate_path.parent / file for file in estate.plugins]
    found = load_plugins(files)
    if as_json:
        print_json({"plugins": found.infos, "left_out": found.left_out})
    else:
        print_text(_text(found))


def _text(found: Plugins) -> Iterator[RenderableType]:
    from rich.text import Text

    from hybridplace.report.tables import table

    shown = table("plug-in", "version", "providers", "features", "from")
    for info in found.infos:
        providers = "BROKEN" if info.error else ", ".join(info.providers)
        features = ", ".join(info.features).replace("_", " ")
        shown.add_row(info.name, info.version or "-", providers, features, info.origin)
    yield shown
    yield from (Text(f"{one.name}: {one.error}") for one in found.infos if one.error)
    if found.left_out:
        yield Text(f"left out by HYBRIDPLACE_PLUGINS: {', '.join(found.left_out)}")
