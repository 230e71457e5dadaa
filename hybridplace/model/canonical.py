"""One way to write any value as bytes, so that equal values have equal digests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from itertools import chain, islice
from json.encoder import encode_basestring_ascii
from math import isfinite
from operator import attrgetter
from typing import Any

MANY = 512
"""Values of a tuple that are written at once: text of all the jobs would take room."""


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
    """Yield canonical JSON part by part: of a problem, some thousand jobs at a time."""
    if not is_dataclass(value) or isinstance(value, type):
        yield from _texts([value])
        return
    opened = "{"
    for name in _names(value.__class__):
        yield f'{opened}"{name}":'
        opened = ","
        found = getattr(value, name)
        if type(found) is tuple and found:
            for begin in range(0, len(found), MANY):
                yield ("," if begin else "[") + ",".join(_texts(found[begin : begin + MANY]))
            yield "]"
        else:
            yield from _texts([found])
    yield "{}" if opened == "{" else "}"


def _texts(values: Sequence[Any]) -> list[str]:
    """Return the canonical JSON of each value.

    Values of one class are written together, field by field.
    """
    kinds = list(map(type, values))
    if len(several := dict.fromkeys(kinds)) == 1:
        return _of_kind(kinds[0], values)
    found = [""] * len(values)
    for kind in several:
        rows = [row for row, one in enumerate(kinds) if one is kind]
        for row, text in zip(rows, _of_kind(kind, [values[row] for row in rows]), strict=True):
            found[row] = text
    return found


def _of_kind(kind: Any, values: Sequence[Any]) -> list[str]:
    """Return the canonical JSON of values of exactly this class."""
    if kind is str:
        return list(map(encode_basestring_ascii, values))
    if kind is float:
        return _numbers(values)
    if write := _WRITERS.get(kind):
        return list(map(write, values))
    if issubclass(kind, Enum):
        texts = {one: canonical_json(one.value) for one in set(values)}
        return list(map(texts.__getitem__, values))
    if issubclass(kind, datetime):
        return _texts(list(map(to_plain, values)))
    if issubclass(kind, float):
        return _texts(list(map(float, values)))
    if issubclass(kind, dict):
        return [_pairs(one) for one in values]
    write_all = _tuples if issubclass(kind, tuple | list) else _fields
    distinct = {id(one): one for one in values}
    texts = dict(zip(distinct, write_all(kind, list(distinct.values())), strict=True))
    return list(map(texts.__getitem__, map(id, values)))


def _tuples(kind: Any, values: Sequence[Any]) -> list[str]:
    items = iter(_texts(list(chain.from_iterable(values))))
    return [f"[{','.join(islice(items, len(one)))}]" for one in values]


def _fields(kind: Any, values: Sequence[Any]) -> list[str]:
    names = _names(kind)
    around = "{" + ",".join(f'"{name}":%s' for name in names) + "}"
    columns = [_texts(list(map(attrgetter(name), values))) for name in names]
    return list(map(around.__mod__, zip(*columns, strict=True)))


def _pairs(value: dict[Any, Any]) -> str:
    keys = sorted(value)
    names = [key if isinstance(key, str) else canonical_json(key) for key in keys]
    texts = zip(_texts(names), _texts([value[key] for key in keys]), strict=True)
    return f"{{{','.join(f'{name}:{text}' for name, text in texts)}}}"


def _numbers(values: Sequence[float]) -> list[str]:
    """Return the texts of floats; those that come often are written once."""
    distinct = set(values)
    if not all(map(isfinite, distinct)):
        raise ValueError("out of range float values are not JSON compliant")
    texts = {one: str(int(one)) if one.is_integer() else repr(one) for one in distinct}
    return list(map(texts.__getitem__, values))


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(sorted(field.name for field in fields(kind)))


_WRITERS: dict[type, Callable[[Any], str]] = {
    int: repr,
    bool: {True: "true", False: "false"}.__getitem__,
    type(None): {None: "null"}.__getitem__,
}
