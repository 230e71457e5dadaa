"""Faults at random: the same seed and the same calls make the same faults, on any machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from threading import Lock
from typing import Generic, TypeVar

Kind = TypeVar("Kind", bound=str)

WHOLE = 2.0**64


class Chance(Generic[Kind]):
    """Draws for each call which fault it meets, if any.

    A draw hangs on the seed, the action and how many calls of that action came before, and on
    nothing else. So threads that call at the same time change nothing, and neither do calls of
    other actions.

    Parameters
    ----------
    rates : mapping
        How often each kind is met, as a share of the calls; at most one kind per call.

    Raises
    ------
    ValueError
        When a rate is negative, or they add up to more than 1.
    """

    def __init__(self, rates: Mapping[Kind, float], *, seed: int) -> None:
        # A sum such as 0.7 + 0.2 + 0.1 may come out a little above 1.
        if any(rate < 0 for rate in rates.values()) or sum(rates.values()) > 1 + 1e-9:
            raise ValueError(f"rates must be shares that add up to at most 1, got {dict(rates)}")
        self._rates, self._seed = dict(rates), seed
        self._calls: Counter[str] = Counter()
        self._lock = Lock()

    def draw(self, action: str) -> Kind | None:
        """Return the kind of fault that the next call of an action meets; None is none."""
        with self._lock:
            before = self._calls[action]
            self._calls[action] += 1
        digest = sha256(f"{self._seed}\0{action}\0{before}".encode()).digest()
        left = int.from_bytes(digest[:8]) / WHOLE
        for kind, rate in self._rates.items():
            left -= rate
            if left < 0:
                return kind
        return None
