"""Holds the options of all chunks, each array once."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridplace.solver.hourly import Columns
from hybridplace.solver.instance import RESOURCES, Options

EXACT = ("cost_usd", "hours", "use")
WHOLE = ("job", "offer", "shape", "site", "slots", "earliest", "latest", "group")


class Store:
    """Options of one chunk after another, as columns that are held once.

    Parameters
    ----------
    jobs : int
        Of the problem.
    slots : int
        Of the horizon.
    """

    def __init__(self, jobs: int, slots: int) -> None:
        self.jobs, self.slots, self.size = jobs, slots, 0
        self.counts = np.zeros(jobs + 1, dtype=np.int64)
        self.columns: Columns = {}
        self.curves = [np.ones((0, slots))]

    def add(self, part: Columns, done: int) -> None:
        """Add the options of the next jobs; `done` jobs are then done."""
        self.counts[1:] += np.bincount(part["job"], minlength=self.jobs)
        curves = part.pop("curves")
        curve, before = part["curve"], sum(map(len, self.curves))
        part["curve"] = np.where(curve >= 0, curve + before, -1).astype(np.int32)
        self.curves.append(curves)
        size = self.size + len(part["job"])
        for name, column in part.items():
            room = self._room(name, column, size, self.jobs / done)
            if name == "limit":
                room[self.size : size] = -1
            # What is 0 is so already, and takes no memory.
            if name == "limit" or column.any():
                room[(slice(self.size, size), *map(slice, column.shape[1:]))] = column
        self.size = size

    def _room(self, name: str, column: NDArray[Any], size: int, left: float) -> NDArray[Any]:
        """Return the column with room for so many rows; what is not written takes no memory."""
        room = self.columns.get(name)
        wide = column.shape[1:] if room is None else np.maximum(column.shape[1:], room.shape[1:])
        if room is None or len(room) < size or (np.array(room.shape[1:]) < wide).any():
            grown = np.zeros((math.ceil(1.3 * size * left) + 16, *map(int, wide)), column.dtype)
            if room is not None:
                if name == "limit":
                    grown[: self.size] = -1
                grown[(slice(self.size), *map(slice, room.shape[1:]))] = room[: self.size]
            self.columns[name] = room = grown
        return room

    def options(self) -> tuple[Options, Columns]:
        """Return all options, with their `rate` and `row` where figures change over time."""
        found = {name: column[: self.size] for name, column in self.columns.items()}
        found = found or _nothing()
        found.setdefault("share", np.broadcast_to(0.0, self.size))
        hourly: Columns = {name: found.pop(name) for name in ("rate", "row") if name in found}
        options = Options(
            first=np.cumsum(self.counts),
            curves=np.concatenate(self.curves),
            **found,
        )
        return options, hourly


def _nothing() -> Columns:
    """Return the options of no jobs."""
    return {
        **{name: np.zeros(0) for name in ("cost_usd", "hours")},
        **{name: np.zeros(0, dtype=np.int32) for name in (*WHOLE, "curve")},
        "use": np.zeros((0, RESOURCES)),
        "limit": np.zeros((0, 0), dtype=np.int32),
        "limit_use": np.zeros((0, 0)),
    }
