"""What a mocked cloud holds, for those that have no store of their own: lists that can lag."""

from __future__ import annotations

from collections.abc import Mapping
from threading import RLock
from typing import Generic, TypeVar

Row = TypeVar("Row")


class Table(Generic[Row]):
    """Rows by id, and what a list that lags still shows; safe to use from any thread.

    A stale list is the one before the latest change: what was made then is not in it yet, what was
    dropped then still is.
    """

    def __init__(self, rows: Mapping[str, Row] | None = None) -> None:
        self._rows = dict(rows or {})
        self._before = dict(self._rows)
        self._lock = RLock()

    def get(self, name: str) -> Row | None:
        """Return the row of an id; asking by id never lags."""
        with self._lock:
            return self._rows.get(name)

    def put(self, name: str, row: Row) -> None:
        """Make or change a row."""
        with self._lock:
            self._before = dict(self._rows)
            self._rows[name] = row

    def drop(self, name: str) -> Row | None:
        """Remove a row and return it; None if there is none."""
        with self._lock:
            if name not in self._rows:
                return None
            self._before = dict(self._rows)
            return self._rows.pop(name)

    def rows(self, *, stale: bool = False) -> dict[str, Row]:
        """Return all rows by id, in the order in which they were made."""
        with self._lock:
            return dict(self._before if stale else self._rows)

    def clear(self) -> None:
        """Remove all rows, in stale lists too."""
        with self._lock:
            self._rows.clear()
            self._before.clear()
