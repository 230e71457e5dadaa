"""What strategies for problems draw from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


class Draw:
    """What the functions below draw from."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def of(self, *values: T) -> T:
        """One of the values; a value that stands there twice is twice as likely."""
        return self._draw(st.sampled_from(values))

    def count(self, most: int, least: int = 0) -> int:
        return self._draw(st.integers(least, most))

    def some(self, values: Sequence[T], most: int) -> tuple[T, ...]:
        """Up to `most` of the values, in their order."""
        unique = st.lists(st.sampled_from(range(len(values))), max_size=most, unique=True)
        return tuple(values[index] for index in sorted(self._draw(unique))) if values else ()
