"""One input file: its text, its plain data, and where in it each field stands."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybridplace.errors import Fault, InputError

if TYPE_CHECKING:
    import yaml

FieldPath = tuple[str | int, ...]
"""Keys and indices from the top of a document to a field."""

MAX_BYTES = 64 * 2**20
MAX_VALUES = 2_000_000
"""Of a YAML file, aliases written out: more is a mistake, or an attack on the memory."""

_LARGEST = 10**30

WHOLE = "(file)"
"""The path of a fault of the whole file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A fault before it is known in which file, and on which line, its field stands.

    Parameters
    ----------
    meant : str or None
        The field that should stand in place of an unknown one.
    """

    path: FieldPath
    expected: str
    got: str
    remedy: str = ""
    meant: str | None = None


class Repeated(dict[str, Any]):
    """A mapping in which `keys_twice` stand more than once."""

    keys_twice: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Plain data (dicts, lists, text, numbers, booleans, None) and where it comes from.

    Parameters
    ----------
    where : str
        The file, or the kind of value when it was built in Python.
    root : yaml.Node or None
        Knows lines; None for JSON and for values built in Python.
    findings : tuple of Finding
        What is wrong with the text, whatever it is to mean: keys that stand twice, tags.
    """

    where: str
    data: Any
    root: yaml.Node | None = None
    findings: tuple[Finding, ...] = ()

    def faults(self, findings: Iterable[Finding]) -> list[Fault]:
        """Return each finding as a fault of this document, once, in reading order."""
        ordered = sorted(findings, key=lambda finding: self._position(finding.path))
        return list(dict.fromkeys(map(self._fault, ordered)))

    def _fault(self, finding: Finding) -> Fault:
        where = self.where
        if self.root is not None:
            from hybridplace.io.yamltext import line_of

            where = f"{where}:{line_of(self.root, finding.path)}"
        return Fault(
            where=where,
            path=written(finding.path),
            expected=finding.expected,
            got=finding.got,
            remedy=finding.remedy,
        )

    def _position(self, path: FieldPath) -> tuple[int, ...]:
        """Return where a path comes in reading order; what is absent comes first in its parent."""
        position: list[int] = []
        data = self.data
        for key in path:
            if isinstance(data, dict) and key in data:
                position.append(list(data).index(key))
            elif isinstance(data, list) and isinstance(key, int) and key < len(data):
                position.append(key)
            else:
                break
            data = data[key]
        return tuple(position)


def written(path: FieldPath) -> str:
    """Return a path as people read it, ``jobs[3].shapes[0].cpus``."""
    parts = (f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return "".join(parts).removeprefix(".") or WHOLE


def told(value: object) -> str:
    """Return a few words for what stands where something else was expected."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case str():
            return f"the text {value!r}" if len(value) <= 60 else f"a text of {len(value)} letters"
        case int() if abs(value) > _LARGEST:
            return "a number beyond all bounds"
        case int() | float():
            return number(value)
        case dict():
            return "a mapping" if value else "an empty mapping"
        case list():
            return "a list" if value else "an empty list"
    return f"a {type(value).__name__}"


def number(value: float) -> str:
    """Return a number without the noise of its last digits."""
    if not math.isfinite(value):
        return "NaN, which is no number" if math.isnan(value) else "infinity"
    return f"{value:.12g}"


def load(path: Path) -> Document:
    """Return the document that a YAML file, or a JSON file by its suffix, holds.

    Raises
    ------
    InputError
        When it cannot be read, is not text, is no YAML or JSON, or is too large.
    """
    text = _text(path)
    if path.suffix.lower() == ".json":
        document = Document(where=str(path), data=_json(path, text))
    else:
        from hybridplace.io import yamltext

        document = yamltext.parse(str(path), text)
    return replace(document, findings=(*document.findings, *_keys_twice(document.data, ())))


def refusal(where: str, expected: str, got: str, remedy: str = "") -> InputError:
    """Return the error for a file that is wrong as a whole."""
    fault = Fault(where=where, path=WHOLE, expected=expected, got=got, remedy=remedy)
    return InputError([fault])


def read_text(path: Path, max_bytes: int | None = None) -> str:
    """Return the text of a file.

    Raises
    ------
    InputError
        When it cannot be read, is larger than `max_bytes`, or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            content = file.read(-1 if max_bytes is None else max_bytes + 1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise refusal(str(path), "a file that can be read", reason) from None
    if max_bytes is not None and len(content) > max_bytes:
        raise refusal(str(path), f"at most {max_bytes // 2**20} MiB", "more", "split it")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = f"byte 0x{content[error.start]:02x} at position {error.start}"
        raise refusal(str(path), "text in UTF-8", byte, "save the file as UTF-8") from None


def _text(path: Path) -> str:
    text = read_text(path, MAX_BYTES)
    if not text.strip():
        raise refusal(str(path), "YAML or JSON", "an empty file")
    return text


def _json(path: Path, text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_mapping)
    except json.JSONDecodeError as error:
        where = f"{path}:{error.lineno}"
        raise refusal(where, "JSON", f"{error.msg.lower()}, column {error.colno}") from None
    except ValueError:
        raise refusal(str(path), "JSON", "a number with thousands of digits") from None
    except RecursionError:
        raise refusal(str(path), "JSON", "lists or mappings nested a thousand deep") from None


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    return data if len(data) == len(pairs) else repeated(data, [key for key, _ in pairs])


def repeated(data: dict[str, Any], keys: list[str]) -> Repeated:
    """Return `data` as a mapping that knows which of `keys` stand twice."""
    marked = Repeated(data)
    marked.keys_twice = tuple(key for key in data if keys.count(key) > 1)
    return marked


def _keys_twice(data: Any, path: FieldPath) -> Iterator[Finding]:
    if isinstance(data, Repeated):
        for name in data.keys_twice:
            yield Finding(
                path=(*path, name),
                expected="each key once",
                got=f"{name!r} more than once",
                remedy="remove all but one",
            )
    if isinstance(data, dict | list):
        items: Iterable[tuple[str | int, Any]]
        items = data.items() if isinstance(data, dict) else enumerate(data)
        for key, item in items:
            yield from _keys_twice(item, (*path, key))
