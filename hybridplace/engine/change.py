"""One thing changed in a problem: what `whatif` plans again with."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from difflib import get_close_matches
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any, get_args, get_type_hints

from hybridplace.errors import Fault, InputError
from hybridplace.model.problem import Problem

_PATH = re.compile(r"(?P<part>\w+)(?:\[(?P<pattern>.+)\])?(?:\.(?P<field>\w+))?")
_SETTING = re.compile(r"(?P<path>[^=]*?[^=*+-])(?P<sign>[*+-]?)=(?P<value>.*)")

_SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "*": operator.mul,
    "+": operator.add,
    "-": operator.sub,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A field set, or values dropped, in one part of a problem.

    Parameters
    ----------
    text : str
        As it was written.
    part : str
        Field of `Problem`: ``jobs``, ``limits``, ``offers``, ``assumptions``, ``horizon_h``, ...
    pattern : str or None
        Shell pattern on ids.
    field : str or None
        What is set; None where values are dropped, or the part is a figure itself.
    sign : str
        ``*``, ``+`` or ``-`` change what stands there; empty replaces it.
    value : any
        None where values are dropped.
    """

    text: str
    part: str
    pattern: str | None = None
    field: str | None = None
    sign: str = ""
    value: Any = None
    drops: bool = False


def setting(text: str) -> Change:
    """Return the change that ``limits[budget].at_most=500`` or ``pools[gpus].at_most+=8`` asks for.

    Raises
    ------
    InputError
        When it cannot be read.
    """
    if not (parts := _SETTING.fullmatch(text.strip())):
        raise InputError([_fault("--set", text, "PATH=VALUE, as limits[budget].at_most=500", text)])
    path = _path("--set", parts["path"], text)
    return Change(
        text=text, **path, sign=parts["sign"], value=_value(parts["value"].strip()), drops=False
    )


def dropping(text: str) -> Change:
    """Return the change that ``jobs[train]``, ``rules[gdpr-*]`` or ``offers[*/spot]`` asks for.

    Raises
    ------
    InputError
        When it cannot be read.
    """
    path = _path("--drop", text.strip(), text)
    if path["pattern"] is None or path["field"] is not None:
        raise InputError([_fault("--drop", text, "PART[ID], as offers[*/spot]", text)])
    return Change(text=text, **path, drops=True)


def changed(problem: Problem, changes: Sequence[Change]) -> Problem:
    """Return the problem with all changes made.

    Raises
    ------
    InputError
        When a path names nothing, or what comes of it is not well-formed; names every fault.
    """
    parts: dict[str, Any] = {}
    faults: list[Fault] = []
    for change in changes:
        try:
            parts |= _changed_part(problem, parts, change)
        except InputError as error:
            faults += error.faults
    if faults:
        raise InputError(faults)
    return replace(problem, **parts)


def _changed_part(problem: Problem, parts: dict[str, Any], change: Change) -> dict[str, Any]:
    """Return the new values of the parts that a change concerns."""
    names = [field.name for field in fields(problem)]
    if change.part not in names:
        near = get_close_matches(change.part, names, n=1)
        remedy = f"did you mean {near[0]}?" if near else ""
        raise InputError([_fault(change.text, change.part, f"one of {', '.join(names)}", remedy)])
    if change.drops and change.part == "rules":
        return _without_rules(problem, parts, change)
    value = parts.get(change.part, getattr(problem, change.part))
    if isinstance(value, tuple):
        matched = _matched(value, change)
        if change.drops:
            ids = {id(one) for one in matched}
            return {change.part: tuple(one for one in value if id(one) not in ids)}
        if change.sign and len(matched) > 1:  # what is not known stays so
            known = [one for one in matched if getattr(one, change.field or "", 0) is not None]
            matched = known or matched
        ids = {id(one) for one in matched}
        return {change.part: tuple(_set(one, change) if id(one) in ids else one for one in value)}
    if is_dataclass(value):
        return {change.part: _set(value, change)}
    return {change.part: _new(value, type(value), change)}


def _without_rules(problem: Problem, parts: dict[str, Any], change: Change) -> dict[str, Any]:
    """Drop policies, and what they alone deny."""
    held = {name: parts[name] for name in ("rules", "denials") if name in parts}
    before = replace(problem, **held)
    without = before.without_rules(*(rule.id for rule in _matched(before.rules, change)))
    return {"rules": without.rules, "denials": without.denials}


def _matched(values: Iterable[Any], change: Change) -> list[Any]:
    """Return the values whose id a pattern matches."""
    ids = {str(getattr(one, "id", "")): one for one in values}
    exact = [ids[change.pattern]] if change.pattern in ids else []
    found = exact or [
        one for name, one in ids.items() if change.pattern and fnmatchcase(name, change.pattern)
    ]
    if not found:
        near = get_close_matches(change.pattern or "", list(ids), n=1)
        some = f"did you mean {near[0]}?" if near else f"there are {', '.join(list(ids)[:5])}"
        where = f"{change.part}[{change.pattern or ''}]"
        expected = f"the id of one of the {change.part}"
        raise InputError([_fault(change.text, where, expected, some)])
    return found


def _set(value: Any, change: Change) -> Any:
    """Return a dataclass with one field changed."""
    names = [field.name for field in fields(value)]
    if change.field not in names:
        near = get_close_matches(change.field or "", names, n=1)
        remedy = f"did you mean {near[0]}?" if near else ""
        where = f"{change.part}.{change.field or ''}"
        raise InputError([_fault(change.text, where, f"one of {', '.join(names)}", remedy)])
    hint = get_type_hints(type(value))[change.field]
    new = _new(getattr(value, change.field), hint, change)
    return replace(value, **{change.field: new})


def _new(old: Any, hint: Any, change: Change) -> Any:
    """Return what a field becomes."""
    if change.sign:
        numbers = isinstance(old, int | float) and isinstance(change.value, int | float)
        if not numbers:
            raise InputError([_fault(change.text, change.text, f"numbers, not {old}", "")])
        return _SIGNS[change.sign](old, change.value)
    kinds = [one for one in (get_args(hint) or (hint,)) if isinstance(one, type)]
    for kind in kinds:
        if issubclass(kind, Enum) and change.value in [member.value for member in kind]:
            return kind(change.value)
    if isinstance(change.value, list):
        return tuple(change.value)
    return change.value


def _path(option: str, path: str, text: str) -> dict[str, Any]:
    if not (parts := _PATH.fullmatch(path.strip())):
        raise InputError([_fault(option, text, "a path, as limits[budget].at_most", text)])
    return parts.groupdict()


def _value(text: str) -> Any:
    """Return a number, list, true, false or null as JSON writes them; anything else is text."""
    if text.lower() == "none":
        return None
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _fault(where: str, path: str, expected: str, remedy: str) -> Fault:
    return Fault(where=where, path=path, expected=expected, got=path, remedy=remedy)
