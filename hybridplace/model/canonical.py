"""One way to write any value as bytes, so that equal values have equal digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from operator import attrgetter
from typing import Any


def to_plain(value: object) -> Any:
    """Return `value` as dicts, lists, strings, numbers and None; fields keep their order."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    return value


def canonical_json(value: object) -> str:
    """Return `value` as JSON with sorted keys and no white space; NaN and infinity are refused.

    A float that is a whole number is written like the integer, so 2 and 2.0 are one value.
    """
    return "".join(_pieces(value))


def digest(value: object) -> str:
    """Return ``sha256:`` and the hash of the value's canonical JSON."""
    found = hashlib.sha256()
    for piece in _pieces(value):
        found.update(piece.encode())
    return f"sha256:{found.hexdigest()}"


def _pieces(value: object) -> Iterator[str]:
    """Yield canonical JSON part by part: of a problem, its jobs one by one."""
    if not is_dataclass(value) or isinstance(value, type):
        yield _json(value)
        return
    opened = "{"
    for name in _names(value.__class__):
        yield f'{opened}"{name}":'
        opened = ","
        found = getattr(value, name)
        if type(found) is tuple and found:
            alike: dict[tuple[int, ...], tuple[str, str] | None] = {}
            for number, item in enumerate(found):
                yield ("," if number else "[") + _item(item, alike)
            yield "]"
        else:
            yield _json(found)
    yield "{}" if opened == "{" else "}"


def _item(value: Any, alike: dict[tuple[int, ...], tuple[str, str] | None]) -> str:
    """Return `_json` of one of many: what differs in its id alone from others is written once.

    Parameters
    ----------
    alike : dict
        What stands before and after the id, by the parts of a value, which are the same objects;
        None once it was there a first time.
    """
    kind: Any = type(value)
    if "id" not in getattr(kind, "__dataclass_fields__", ()):
        return _json(value)
    parts = tuple(map(id, _getter(kind, "id")(value)))
    if parts not in alike:
        alike[parts] = None
        return _json(value)
    around = alike[parts] or _around_id(value)
    alike[parts] = around
    return f"{around[0]}{_json(value.id)}{around[1]}"


def _around_id(value: Any) -> tuple[str, str]:
    """Return what stands before and after the id in the JSON of a value."""
    found = [f'"{name}":{_json(getattr(value, name))}' for name in _names(value.__class__)]
    place = _names(value.__class__).index("id")
    before = "".join(f"{one}," for one in found[:place])
    return f'{{{before}"id":', "".join(f",{one}" for one in found[place + 1 :]) + "}"


def _json(value: object) -> str:
    return _ENCODER.encode(_ordered(value))


def _ordered(value: Any) -> Any:
    """Return `to_plain` of a value with keys in order, and whole numbers as integers."""
    kind: Any = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, tuple | list):
        return [one if type(one) in _AS_THEY_ARE else _ordered(one) for one in value]
    if hasattr(kind, "__dataclass_fields__"):
        return {
            name: one if type(one) in _AS_THEY_ARE else _ordered(one)
            for name, one in zip(_names(kind), _getter(kind)(value), strict=True)
        }
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value)}
    return to_plain(value)


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(sorted(field.name for field in fields(kind)))


@cache
def _getter(kind: Any, but: str = "") -> Callable[[Any], tuple[Any, ...]]:
    """Return what reads all fields of a class, or all but one, at once."""
    names = tuple(name for name in _names(kind) if name != but)
    return attrgetter(*names) if len(names) > 1 else lambda one: (getattr(one, *names),)


_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)

_AS_THEY_ARE = frozenset({str, int, bool, type(None)})
