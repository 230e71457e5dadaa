"""Numbers drawn in machine code: the same ones on every machine, from a state of 64 bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hybridplace.solver.compiled import bare_inner

Draw = NDArray[np.uint64]
"""The state, (1,)."""


@bare_inner
def uniform(draw: Draw) -> float:
    """Return a number in [0, 1) (SplitMix64: Steele, Lea and Flood, OOPSLA 2014)."""
    draw[0] += np.uint64(0x9E3779B97F4A7C15)
    z = draw[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return float(z >> np.uint64(11)) / 9007199254740992.0


@bare_inner
def below(draw: Draw, most: int) -> int:
    """Return a whole number of at least 0 and below `most`."""
    return int(uniform(draw) * most)
