"""Loops compiled to machine code, where each step depends on the one before: the one place for it.

Numba keeps the machine code beside the source file (or in the user's cache directory), so only the
first run on a machine pays for compiling. It looks at that one source file to tell whether what it
kept is still right: a compiled function calls only compiled functions of its own module. Ctrl-C is
seen between calls: a call should take well under a second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Compiled = TypeVar("Compiled", bound=Callable[..., Any])


def compiled(function: Compiled) -> Compiled:
    """Return the same function in machine code: same numbers, bit for bit, as Python's."""
    return cast(Compiled, njit(cache=True, error_model="numpy")(function))
