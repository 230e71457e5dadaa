"""What makes a value hold what its fields are annotated with.

A ``"spot"`` where `Market.SPOT` is meant compares equal and is another object; labels given as one
text are read letter by letter, and no policy knows any of the letters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from hybridplace.errors import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class _Types:
    """What a field may hold, and what the items of a tuple there may be."""

    own: frozenset[type]
    items: frozenset[type] = frozenset()

    @property
    def plain(self) -> bool:
        """Whether nothing that it may hold has parts."""
        return tuple not in self.own and not any(map(is_dataclass, self.own))


def type_faults(value: Any, path: str = "") -> Iterator[Fault]:
    """Yield each field of a dataclass, and of those in it, that holds another type of thing."""
    kind: Any = type(value)
    for name, types, plain in _fields(kind):
        found = getattr(value, name)
        if plain and type(found) in types.own:
            continue
        where = f"{path}{name}"
        if not _is_one(found, types.own):
            yield _fault(where, types.own, found)
        elif type(found) is tuple and found:
            yield from _items(found, where, types.items)
        elif is_dataclass(found):
            yield from type_faults(found, f"{where}.")


def _items(found: tuple[Any, ...], where: str, types: frozenset[type]) -> Iterator[Fault]:
    for number, item in enumerate(found):
        if not _is_one(item, types):
            yield _fault(f"{where}[{number}]", types, item)
        elif is_dataclass(item):
            yield from type_faults(item, f"{where}[{getattr(item, 'id', number)}].")


def _is_one(found: Any, types: frozenset[type]) -> bool:
    kind = type(found)
    return kind in types or (kind is not bool and isinstance(found, tuple(types)))


@cache
def _fields(kind: Any) -> tuple[tuple[str, _Types, bool], ...]:
    hints = get_type_hints(kind)
    found = {field.name: _types(hints[field.name]) for field in fields(kind)}
    return tuple((name, types, types.plain) for name, types in found.items())


def _types(hint: Any) -> _Types:
    if get_origin(hint) is tuple:
        return _Types(own=frozenset({tuple}), items=_types(get_args(hint)[0]).own)
    if isinstance(hint, UnionType):
        parts = [_types(part) for part in get_args(hint)]
        return _Types(
            own=frozenset().union(*(part.own for part in parts)),
            items=frozenset().union(*(part.items for part in parts)),
        )
    # A whole number is as good where any number will do.
    return _Types(own=frozenset({float, int} if hint is float else {hint}))


def _fault(path: str, types: frozenset[type], found: Any) -> Fault:
    names = sorted("None" if kind is NoneType else kind.__name__ for kind in types)
    remedy = ""
    if tuple in types and isinstance(found, str | list):
        remedy = "write a tuple" if isinstance(found, list) else f"write ({found!r},)"
    return Fault(
        where="problem",
        path=path,
        expected=" or ".join(names),
        got=f"{type(found).__name__} {found!r}"[:80],
        remedy=remedy,
    )
