"""Columns that grow: adding a row takes the same time on average, however many there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

GROWTH = 1.5
"""By which columns grow."""


class Rows:
    """Columns of the same length that rows are added to in place."""

    def __init__(self, columns: Mapping[str, NDArray[Any]]) -> None:
        self.columns: dict[str, NDArray[Any]] = {}
        self.size = len(next(iter(columns.values())))
        for name, column in columns.items():
            self.columns[name] = _grown(column, column.shape)

    def add(self, more: Mapping[str, NDArray[Any]]) -> None:
        """Add rows; places that only these or only those before have are filled."""
        size = self.size + len(next(iter(more.values())))
        for name, column in more.items():
            room = self.columns[name]
            if len(room) < size or column.shape[1:] != room.shape[1:]:
                room = self._room(name, size, column.shape[1:])
                room[self.size : size] = _filler(name)
                room[(slice(self.size, size), *map(slice, column.shape[1:]))] = column
            else:
                room[self.size : size] = column
        self.size = size

    def _room(self, name: str, size: int, wide: tuple[int, ...]) -> NDArray[Any]:
        room = self.columns[name]
        most = tuple(map(max, wide, room.shape[1:]))
        if len(room) < size or most != room.shape[1:]:
            filled = room[: self.size]
            self.columns[name] = room = _grown(filled, (size, *most), _filler(name))
        return room

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return a column as far as it is filled."""
        return self.columns[name][: self.size]


def _grown(column: NDArray[Any], shape: tuple[int, ...], filler: int = 0) -> NDArray[Any]:
    """Return a column with room for more rows than `shape` has: unused, that takes no memory."""
    grown = np.empty((int(GROWTH * shape[0]) + 64, *shape[1:]), dtype=column.dtype)
    grown[: len(column)] = filler
    grown[tuple(map(slice, column.shape))] = column
    return grown


def _filler(name: str) -> int:
    return -1 if name == "limit" else 0
