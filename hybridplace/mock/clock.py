"""The time of a mocked cloud: it passes when a test says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from threading import RLock


class Clock:
    """A clock, and what is to happen at which time; safe to use from any thread.

    Parameters
    ----------
    start : datetime or None
        With an offset; None is the present.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._start = start or datetime.now(UTC)
        self._lock = RLock()
        self.reset()

    def reset(self) -> None:
        """Set it back to its start, with nothing to happen."""
        with self._lock:
            self._now = self._start
            self._due: list[tuple[datetime, int, Callable[[], None]]] = []
            self._order = count()

    @property
    def now(self) -> datetime:
        """The present of the mocked cloud."""
        return self._now

    def at(self, when: datetime, happen: Callable[[], None]) -> None:
        """Let something happen at a time; what lies in the past, at the next advance."""
        with self._lock:
            heappush(self._due, (when, next(self._order), happen))

    def after(self, delay_s: float, happen: Callable[[], None]) -> None:
        """Let something happen in some seconds."""
        self.at(self._now + timedelta(seconds=delay_s), happen)

    def advance(self, seconds: float) -> None:
        """Let time pass, and what is due happen, each at its time and in its order."""
        with self._lock:
            end = self._now + timedelta(seconds=seconds)
            while self._due and self._due[0][0] <= end:
                when, _, happen = heappop(self._due)
                self._now = max(self._now, when)
                happen()
            self._now = end
