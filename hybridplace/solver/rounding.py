"""What a linear program chose in part, and all that a job may choose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hybridplace.solver.instance import Floats, Ints
from hybridplace.solver.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Fractional:
    """What a linear program chose.

    Parameters
    ----------
    option, start : ints, (k,)
        Pairs that have a part.
    value : floats, (k,)
        In (0, 1]; the parts of a job sum to at most 1, and what is missing is left out.
    """

    option: Ints
    start: Ints
    value: Floats


def all_pairs(state: State, job: int) -> tuple[Ints, Ints]:
    """Return all that a job may choose."""
    options = state.instance.options
    rows = np.arange(options.first[job], options.first[job + 1])
    if state.instance.slots == 1:
        return rows, np.zeros(len(rows), dtype=np.int64)
    count = (options.latest[rows] - options.earliest[rows]).astype(np.int64) + 1
    option = np.repeat(rows, count)
    before = np.cumsum(count) - count
    return option, np.arange(len(option)) + np.repeat(options.earliest[rows] - before, count)
