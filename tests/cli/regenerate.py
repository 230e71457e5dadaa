"""Writes the page on the command line from its help: ``python -m tests.cli.regenerate``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from hybridplace.cli import main

DOCS = Path(__file__).resolve().parents[2] / "docs" / "cli.md"
BEGIN, END = "<!-- help of every command -->\n", "<!-- end -->"
WIDTH = 90


def docs() -> str:
    """Return the page with the help made anew."""
    before, rest = DOCS.read_text().split(BEGIN, 1)
    _, after = rest.split(END, 1)
    return f"{before}{BEGIN}{''.join(_sections())}{END}{after}"


def _sections() -> Iterator[str]:
    context = click.Context(main, info_name="hybridplace", **main.context_settings)
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        yield from _section(command, name, context)


def _section(command: click.Command, name: str, parent: click.Context) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent, terminal_width=WIDTH)
    yield f"\n### {context.command_path}\n```\n{command.get_help(context)}\n```\n"
    for sub, nested in getattr(command, "commands", {}).items():
        yield from _section(nested, sub, context)


if __name__ == "__main__":
    DOCS.write_text(docs())
