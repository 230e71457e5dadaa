"""One way to write any value as bytes, so that equal values have equal digests."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
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
    plain = _whole_numbers(to_plain(value))
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: object) -> str:
    """Return ``sha256:`` and the hash of the value's canonical JSON."""
    return "sha256:" + hashlib.sha256(canonical_json(value).encode()).hexdigest()


def _whole_numbers(plain: Any) -> Any:
    if isinstance(plain, float) and plain.is_integer():
        return int(plain)
    if isinstance(plain, list):
        return [_whole_numbers(item) for item in plain]
    if isinstance(plain, dict):
        return {key: _whole_numbers(item) for key, item in plain.items()}
    return plain
