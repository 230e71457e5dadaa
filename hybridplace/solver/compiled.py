"""Loops compiled to machine code, where each step depends on the one before: the one place for it.

Only the first run on a machine pays for compiling: Numba keeps the machine code in a directory that
is named after the source and those it imports, beside them or, if that cannot be written, in the
user's cache. Ctrl-C is seen between calls: a call should take well under a second.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

NO_WAY_IN = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Return the same function in machine code: same numbers, bit for bit, as Python's."""
    return cast(Function, _compiled(function))


def bare(function: Function) -> Function:
    """Return it compiled without counting references: it may not make arrays.

    Counting costs several times the work where functions pass many arrays to short ones.
    """
    return cast(Function, _compiled(function, _nrt=False))


def inner(function: Function) -> Function:
    """Return it as `compiled` does, for compiled callers only: there is no way in from Python.

    That way is most of what compiling takes for functions of many arrays.
    """
    return cast(Function, _compiled(function, **NO_WAY_IN))


def bare_inner(function: Function) -> Function:
    """Return it as `bare` does, for compiled callers only."""
    return cast(Function, _compiled(function, _nrt=False, **NO_WAY_IN))


def _compiled(function: Function, **options: bool) -> Any:
    njit: Any = numba.njit
    config: Any = numba.config
    before = config.CACHE_DIR
    config.CACHE_DIR = _directory(function.__module__.rpartition(".")[2])
    try:
        return njit(cache=True, error_model="numpy", **options)(function)
    finally:
        config.CACHE_DIR = before


@cache
def _directory(module: str) -> str:
    """Return where machine code is kept: Numba itself looks at one file's time and size only."""
    here = Path(__file__).parent
    digest, found, todo = sha256(numba.__version__.encode()), {module}, [module]
    while todo:
        path = here / f"{todo.pop()}.py"
        source = path.read_bytes() if path.exists() else b""
        digest.update(source)
        imported = re.findall(rb"^from hybridplace\.solver\.(\w+) import", source, re.MULTILINE)
        more = sorted({name.decode() for name in imported} - found)
        found.update(more)
        todo += more
    name = f"numba-{digest.hexdigest()[:16]}"
    beside = here / "__pycache__"
    if os.access(beside if beside.exists() else here, os.W_OK):
        return str(beside / name)
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return str(Path(home) / "hybridplace" / name)
