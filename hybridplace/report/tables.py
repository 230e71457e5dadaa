"""The one look of tables and headings."""

from __future__ import annotations

from rich import box
from rich.table import Table
from rich.text import Text


def heading(title: str, *, style: str = "bold") -> Text:
    """Return the title of a part, with an empty line before it."""
    return Text(f"\n{title}", style=style)


def table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """Return an empty table; figures stand to the right, and long names go on below."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
    for column in columns:
        figures = column in right
        made.add_column(
            column, justify="right" if figures else "left", no_wrap=figures, overflow="fold"
        )
    return made
