"""Plans as files: readable, dated by their digest, refused when a single byte has changed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

from hybridplace.errors import Fault, InputError, PlanError
from hybridplace.io.decode import DecodeError, decode
from hybridplace.io.document import read_text, refusal, written
from hybridplace.model.canonical import canonical_json, digest
from hybridplace.model.plan import Plan
from hybridplace.model.problem import Problem

_FORMAT = "hybridplace-plan"
_VERSION = 1
_KEYS = ["format", "version", "digest", "plan", "problem"]
_REMEDY = "make the plan again; to change one, change its input"


def dumps_plan(plan: Plan, problem: Problem) -> str:
    """Return the text of a plan file: the plan, indented, and the problem it was made for.

    Raises
    ------
    PlanError
        When the plan was made for another problem.
    ValueError
        When a number in it is not finite.
    """
    if plan.problem_digest != problem.digest:
        told_digests = f"{plan.problem_digest}, not for {problem.digest}"
        raise PlanError([f"the plan was made for the problem {told_digests}"])
    content = {
        "format": _FORMAT,
        "version": _VERSION,
        "plan": json.loads(canonical_json(plan)),
        "problem": json.loads(canonical_json(problem)),
    }
    return _layout({**content, "digest": digest(content)})


def write_plan(path: Path, plan: Plan, problem: Problem) -> None:
    """Write a plan file; after a crash there is the old file or the new one, nothing between.

    Raises
    ------
    InputError
        When the file cannot be written, or something else than a plan is there.
    PlanError
        When the plan was made for another problem.
    """
    text = dumps_plan(plan, problem)
    refuse_overwriting(path)
    new = path.with_name(f".{path.name}.{uuid4().hex}.new")
    try:
        try:
            with new.open("x", encoding="ascii", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise refusal(str(path), "a file that can be written", reason) from None


def refuse_overwriting(path: Path) -> None:
    """Refuse to write a plan over anything but a plan: an input file, a link, a device.

    Raises
    ------
    InputError
        When something else is there.
    """
    if not os.path.lexists(path):
        return
    expected = "the path of a plan file, or of nothing yet"
    if path.is_symlink() or not path.is_file():
        raise refusal(str(path), expected, "something that is no regular file")
    with path.open("rb") as file:
        if _FORMAT.encode() not in file.read(4096):
            raise refusal(str(path), expected, "another file, which is left as it is")


def read_plan(path: Path) -> tuple[Plan, Problem]:
    """Return the plan and the problem of a plan file that is byte for byte as it was written.

    Raises
    ------
    InputError
        When the file cannot be read, is cut off, is no plan file or one of a newer version, was
        changed, or holds a plan that was made for another problem.
    """
    where = str(path)
    text = read_text(path)
    content = _content(where, text)
    rest = {key: value for key, value in content.items() if key != "digest"}
    if _layout(content) != text or digest(rest) != content["digest"]:
        raise refusal(where, "the bytes that were written", "edited or damaged content", _REMEDY)
    if digest(content["problem"]) != _problem_digest(content["plan"]):
        got = "a plan that was made for another problem"
        raise refusal(where, "a plan for the problem beside it", got, _REMEDY)
    try:
        plan = decode(Plan, content["plan"], ("plan",))
        return plan, decode(Problem, content["problem"], ("problem",))
    except DecodeError as error:
        raise InputError([_fault(where, error)]) from None


def _content(where: str, text: str) -> dict[str, Any]:
    expected = "a plan file of hybridplace"
    try:
        content = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        if text.lstrip().startswith(f'{{\n  "format": "{_FORMAT}"'):
            raise refusal(where, "a whole plan file", "one cut off or damaged", _REMEDY) from None
        raise refusal(where, expected, "something else") from None
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise refusal(where, expected, "another JSON document")
    version = content.get("version")
    if type(version) is int and version > _VERSION:
        newer = f"version {version}"
        raise refusal(where, f"version {_VERSION} or older", newer, "update hybridplace")
    if version is True or version != _VERSION or sorted(content) != sorted(_KEYS):
        raise refusal(where, expected, "other keys, or no version", _REMEDY)
    return content


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _problem_digest(plan: Any) -> Any:
    return plan.get("problem_digest") if isinstance(plan, dict) else None


def _fault(where: str, error: DecodeError) -> Fault:
    return Fault(
        where=where,
        path=written(error.path),
        expected=error.expected,
        got=error.got,
        remedy=_REMEDY,
    )


def _layout(content: dict[str, Any]) -> str:
    """Return the one way to write a plan file down."""
    plan = json.dumps(content["plan"], indent=2, sort_keys=True).replace("\n", "\n  ")
    problem = json.dumps(content["problem"], separators=(",", ":"), sort_keys=True)
    written_out = {**{key: json.dumps(content[key]) for key in _KEYS[:3]}, "plan": plan}
    lines = [f'  "{key}": {value}' for key, value in (written_out | {"problem": problem}).items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"
