"""Plain data back into the model's dataclasses, by their type hints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from types import UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from hybridplace.io.document import FieldPath, told

UNREADABLE: Any = object()
"""Stands in plain data where a fault was found, so that the rest can be checked all the same."""

UNREADABLE_NAME = "\0"
"""What an unreadable text becomes: no rule can say anything about it."""


class DecodeError(Exception):
    """Plain data is not what the model has at `path`."""

    def __init__(self, path: FieldPath, expected: str, got: str) -> None:
        super().__init__(path, expected, got)
        self.path, self.expected, self.got = path, expected, got


def decode(hint: Any, plain: Any, path: FieldPath = ()) -> Any:
    """Return `plain`, as `to_plain` makes it, as the value of type `hint` that it was.

    Parameters
    ----------
    hint : type
        A model class, or what one of its fields is annotated with.
    plain : object
        Dicts, lists, text, numbers, booleans, None; `UNREADABLE` becomes something that breaks no
        rule: not a number, a name that is no name, one such element.

    Raises
    ------
    DecodeError
        At the first part that has another type, is missing or unknown.
    """
    if plain is UNREADABLE:
        return _unreadable(hint)
    if get_origin(hint) in (Union, UnionType):
        return decode(_member(get_args(hint), plain), plain, path)
    if get_origin(hint) is tuple:
        return _tuple(get_args(hint), plain, path)
    if get_origin(hint) is Mapping:
        return _mapping(get_args(hint)[1], plain, path)
    if is_dataclass(hint):
        return plain if isinstance(plain, cast(type, hint)) else _dataclass(hint, plain, path)
    return _scalar(hint, plain, path)


def _scalar(hint: Any, plain: Any, path: FieldPath) -> Any:
    if hint is float and type(plain) in (int, float):
        return float(plain)
    if type(plain) is hint:
        return plain
    if isinstance(plain, str) and hint is not str:
        try:
            return datetime.fromisoformat(plain) if hint is datetime else hint(plain)
        except ValueError:
            pass
    raise DecodeError(path, _NAMES.get(hint, f"a {hint.__name__}"), told(plain))


_NAMES = {float: "a number", int: "a whole number", str: "a text", bool: "true or false"}


def _tuple(hints: tuple[Any, ...], plain: Any, path: FieldPath) -> tuple[Any, ...]:
    if not isinstance(plain, list):
        raise DecodeError(path, "a list", told(plain))
    if hints[-1] is Ellipsis:
        hints = (hints[0],) * len(plain)
    if len(hints) != len(plain):
        raise DecodeError(path, f"a list of {len(hints)}", f"a list of {len(plain)}")
    pairs = enumerate(zip(hints, plain, strict=True))
    return tuple(decode(hint, item, (*path, index)) for index, (hint, item) in pairs)


def _mapping(hint: Any, plain: Any, path: FieldPath) -> dict[str, Any]:
    if not isinstance(plain, dict):
        raise DecodeError(path, "a mapping", told(plain))
    return {name: decode(hint, item, (*path, name)) for name, item in plain.items()}


def _dataclass(cls: Any, plain: Any, path: FieldPath) -> Any:
    if not isinstance(plain, dict):
        raise DecodeError(path, "a mapping", told(plain))
    hints = fields_of(cls)
    for name in plain:
        if name not in hints:
            raise DecodeError((*path, name), f"fields of {cls.__name__}", "an unknown field")
    for field in fields(cls):
        needed = field.default is MISSING and field.default_factory is MISSING
        if needed and field.name not in plain:
            raise DecodeError((*path, field.name), "a value", "nothing")
    return cls(**{name: decode(hints[name], plain[name], (*path, name)) for name in plain})


@cache
def fields_of(cls: Any) -> dict[str, Any]:
    """Return the type hint of each field of a model class."""
    hints = get_type_hints(cls)
    return {field.name: hints[field.name] for field in fields(cls)}


def _member(hints: tuple[Any, ...], plain: Any) -> Any:
    """Return the member of a union that `plain` is: None, or the class that has its fields."""
    if plain is None and type(None) in hints:
        return type(None)
    if isinstance(plain, dict):
        for hint in hints:
            if is_dataclass(hint) and set(fields_of(cast(type, hint))) == set(plain):
                return hint
    return next((h for h in hints if isinstance(h, type) and isinstance(plain, h)), hints[0])


def _unreadable(hint: Any) -> Any:
    if get_origin(hint) in (Union, UnionType):
        return _unreadable(get_args(hint)[0])
    if get_origin(hint) is tuple:
        return (_unreadable(get_args(hint)[0]),)
    if get_origin(hint) is Mapping:
        return {}
    if is_dataclass(hint):
        return cast(Any, hint)(
            **{n: _unreadable(h) for n, h in fields_of(cast(type, hint)).items()}
        )
    if issubclass(hint, Enum):
        return next(iter(hint))
    return {str: UNREADABLE_NAME, bool: False}.get(hint, float("nan"))
