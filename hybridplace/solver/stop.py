"""When to stop, by counts and never by the clock; and what is told on the way."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """When a solve ends before the optimum is proven.

    Parameters
    ----------
    gap : float
        End once (cost - bound) / cost is no larger; 0 asks for the optimum.
    work : float
        Units of CP-SAT's deterministic time, about a second each, per round.
    rounds : int
        How often node packing may send the model back.
    """

    gap: float = 0.0
    work: float = 120.0
    rounds: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a solve is: the best plan so far, and the bound on any plan."""

    round: int
    objective_usd: float | None
    bound_usd: float


@contextmanager
def keep_interrupts() -> Iterator[None]:
    """Give Ctrl-C back to Python: CP-SAT takes it for itself, and afterwards it ends the process.

    For a search that is to end at Ctrl-C; a short one better never takes it.
    """
    try:
        yield
    finally:
        handler = signal.getsignal(signal.SIGINT)
        if handler is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, handler)
