"""Reads the faults that people write on a command line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from hybridplace.errors import Fault, InputError
from hybridplace.mock.clouds import actions
from hybridplace.mock.script import FaultKind, ScriptedFault
from hybridplace.model.site import Market

FORM = "ACTION[:CODE][:FIELD=VALUE...]"


def read_faults(texts: Iterable[str]) -> tuple[ScriptedFault, ...]:
    """Return the faults that `texts` describe, in their order.

    Each is ``ACTION[:CODE][:FIELD=VALUE...]``, as in
    ``RunInstances:InsufficientInstanceCapacity:instance_type=p4d.24xlarge:times=1``. The action is
    one that a mocked cloud answers. The fields are those of `ScriptedFault` (``region, zone,
    instance_type, market, status, message, delay_s, lost, after, times``); ``times`` is a number or
    ``always``, ``lost`` is ``true`` or ``false``.

    Raises
    ------
    InputError
        When anything in any of them is wrong; names every fault.
    """
    wrong: list[Fault] = []
    made = [_read(text, f"--fault[{at}]", wrong) for at, text in enumerate(texts)]
    if wrong:
        raise InputError(wrong)
    return tuple(ScriptedFault(**fields) for fields in made)


def read_rates(text: str) -> Mapping[FaultKind, float]:
    """Return how often each kind of fault is met, from ``KIND:RATE,...``.

    As in ``capacity:0.3,throttle:0.2``. Rates are shares of the calls; a call meets one at most.

    Raises
    ------
    InputError
        When anything in it is wrong; names every fault.
    """
    wrong: list[Fault] = []
    rates: dict[FaultKind, float] = {}
    for part in text.split(","):
        _read_rate(part.strip(), rates, wrong)
    if sum(rates.values()) > 1 + 1e-9 and not wrong:
        told = f"{sum(rates.values()):g}"
        wrong.append(_wrong_rate(text, "rates that add up to at most 1", told, ""))
    if wrong:
        raise InputError(wrong)
    return rates


def _read_rate(part: str, rates: dict[FaultKind, float], wrong: list[Fault]) -> None:
    name, _, rate = (piece.strip() for piece in part.partition(":"))
    kinds = [str(kind) for kind in FaultKind]
    if name not in kinds:
        near = get_close_matches(name, kinds, n=1)
        remedy = f"did you mean {near[0]}?" if near else "write KIND:RATE,..."
        wrong.append(_wrong_rate(part, f"one of {', '.join(kinds)}", repr(name), remedy))
    elif not re.fullmatch(r"0(\.\d+)?|1(\.0+)?|\.\d+", rate):
        wrong.append(_wrong_rate(part, f"{name}: a share from 0 to 1", repr(rate), ""))
    elif FaultKind(name) in rates:
        wrong.append(_wrong_rate(part, f"{name} once", f"{name} again", "remove one"))
    else:
        rates[FaultKind(name)] = float(rate)


def _wrong_rate(where: str, expected: str, got: str, remedy: str) -> Fault:
    remedy = remedy or "write KIND:RATE,..."
    return Fault(where=where, path="--faults", expected=expected, got=got, remedy=remedy)


def _read(text: str, path: str, wrong: list[Fault]) -> dict[str, Any]:
    """Return the fields of one fault; what is wrong is added to `wrong`."""

    def refuse(expected: str, got: str, remedy: str = "") -> None:
        told = remedy or f"write {FORM}"
        wrong.append(Fault(where=text, path=path, expected=expected, got=got, remedy=told))

    action, *rest = (part.strip() for part in text.split(":"))
    known = sorted(actions())
    if action not in known:
        near = get_close_matches(action, known, n=1)
        remedy = f"did you mean {near[0]}?" if near else ""
        refuse("a call that a mocked cloud answers", repr(action), remedy)
    fields: dict[str, Any] = {"action": action}
    if rest and "=" not in rest[0]:
        fields["code"] = rest.pop(0)
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9._]*", fields["code"]):
            refuse("an error code", repr(fields["code"]))
    for part in rest:
        _read_field(part, fields, refuse)
    if not {"code", "delay_s", "lost"} & fields.keys():
        refuse("a code, delay_s or lost", "a fault that does nothing")
    return fields


def _read_field(part: str, fields: dict[str, Any], refuse: Callable[..., None]) -> None:
    name, equals, value = (piece.strip() for piece in part.partition("="))
    if not equals or name not in READERS:
        near = get_close_matches(name, READERS, n=1)
        remedy = f"did you mean {near[0]}=?" if near and equals else ""
        refuse(f"FIELD=VALUE with one of {', '.join(READERS)}", repr(part), remedy)
        return
    if name in fields:
        refuse(f"{name} once", f"{name} again, as {value!r}", "remove one")
        return
    expected, pattern, read = READERS[name]
    if not re.fullmatch(pattern, value):
        refuse(f"{name}: {expected}", repr(value))
        return
    fields[name] = read(value)


def _times(text: str) -> int | None:
    return None if text == "always" else int(text)


def _true(text: str) -> bool:
    return text == "true"


Reader = tuple[str, str, Callable[[str], object]]
READERS: dict[str, Reader] = {
    "region": ("a region such as eu-central-1", r"[a-z][a-z0-9-]*", str),
    "zone": ("a zone such as eu-central-1a", r"[a-z0-9][a-z0-9-]*", str),
    "instance_type": ("a type such as p4d.24xlarge", r"[A-Za-z0-9][\w.+-]*", str),
    "market": ("on_demand or spot", f"{Market.ON_DEMAND}|{Market.SPOT}", str),
    "status": ("an HTTP status from 400 to 599", r"[45]\d\d", int),
    "message": ("text", r".+", str),
    "delay_s": ("seconds", r"\d+(\.\d+)?", float),
    "lost": ("true or false", r"true|false", _true),
    "after": ("a number of calls that pass first", r"\d+", int),
    "times": ("a number from 1, or always", r"[1-9]\d*|always", _times),
}
"""What each field takes: in words, as a pattern, and how it is read."""
