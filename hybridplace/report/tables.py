"""The one look of tables and headings."""

from __future__ import annotations

from collections.abc import Iterable

from rich import box
from rich.table import Table
from rich.text import Text


def heading(title: str, *, style: str = "bold") -> Text:
    """Return the title of a part, with an empty line before it."""
    return Text(f"\n{title}", style=style)


def table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """Return an empty table; figures stand to the right, and long names go on below."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for column in columns:
        figures = column in right
        made.add_column(
            column, justify="right" if figures else "left", no_wrap=figures, overflow="fold"
        )
    return made


def entries(marked: Iterable[tuple[str, str]]) -> Table:
    """Return texts behind their marks (a dash, a name); long ones go on below themselves."""
    made = Table.grid(padding=(0, 1, 0, 0))
    made.add_column(no_wrap=True)
    made.add_column(overflow="fold")
    for mark, text in marked:
        made.add_row(mark, text)
    return made
