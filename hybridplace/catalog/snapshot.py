"""The file a catalog is kept in: one line that names it, one line of canonical JSON, gzipped.

The first line holds the format, its version and the digest of the second. The second is the
canonical JSON of the body, so that the digest of the file's text is the digest of its value, and
checking it needs no parsing.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tempfile
import zlib
from pathlib import Path
from typing import Any

from hybridplace.errors import Fault, InputError
from hybridplace.model.canonical import canonical_json

FORMAT = "hybridplace-catalog"
VERSION = 1
PARTS = frozenset(
    {
        "accelerators",
        "date",
        "egress",
        "extras",
        "interruptions_source",
        "latency",
        "prices",
        "sites",
        "sources",
        "throughput",
        "types",
    }
)
"""What a body holds; `hybridplace.catalog.build` says what is in each."""

SHIPPED = Path(__file__).parent / "data" / "snapshot.json.gz"
_REBUILD = "take the file from the release again, or rebuild it from its facts"


def read(path: Path) -> tuple[str, dict[str, Any]]:
    """Return the digest and the body of a snapshot.

    Raises
    ------
    InputError
        When the file is missing, not a snapshot, of a newer version, cut off or edited.
    """
    header, body = _lines(path)
    try:
        named = json.loads(header)
        kind, version, digest = named["format"], named["version"], named["digest"]
    except (ValueError, KeyError, TypeError):
        raise _refusal(path, "format", f"a {FORMAT} file", "something else") from None
    if kind != FORMAT:
        raise _refusal(path, "format", FORMAT, repr(kind))
    if version != VERSION:
        raise _refusal(path, "version", str(VERSION), repr(version), "use the matching release")
    if digest != (found := _digest(body)):
        raise _refusal(path, "digest", f"the text that {digest} was taken of", f"text of {found}")
    return digest, _content(path, body)


def write(path: Path, body: dict[str, Any]) -> str:
    """Write a snapshot in place of what `path` holds, whole or not at all; return its digest.

    The same body gives the same bytes with the same zlib.
    """
    text = canonical_json(body).encode()
    digest = _digest(text)
    header = canonical_json({"format": FORMAT, "version": VERSION, "digest": digest}).encode()
    packed = io.BytesIO()
    with gzip.GzipFile("", "wb", compresslevel=9, fileobj=packed, mtime=0) as stream:
        stream.write(header + b"\n" + text + b"\n")
    _replace(path, packed.getvalue())
    return digest


def _content(path: Path, body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except ValueError as error:
        raise _refusal(path, "content", "JSON", str(error)) from None
    found = frozenset(content) if isinstance(content, dict) else frozenset()
    if found != PARTS:
        wanted, got = (", ".join(sorted(names)) or "none" for names in (PARTS, found))
        raise _refusal(path, "content", f"the parts {wanted}", got)
    return dict(content)


def _lines(path: Path) -> tuple[bytes, bytes]:
    try:
        with gzip.open(path, "rb") as stream:
            text = stream.read()
    except FileNotFoundError:
        raise _refusal(path, "file", "a catalog snapshot", "nothing of that name") from None
    except EOFError:
        raise _refusal(path, "file", "a whole file", "one that is cut off") from None
    except (OSError, zlib.error) as error:
        raise _refusal(path, "file", "a gzipped catalog snapshot", str(error)) from None
    header, _, body = text.partition(b"\n")
    return header, body.removesuffix(b"\n")


def _digest(text: bytes) -> str:
    return "sha256:" + hashlib.sha256(text).hexdigest()


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _refusal(path: Path, field: str, expected: str, got: str, remedy: str = _REBUILD) -> InputError:
    fault = Fault(where=str(path), path=field, expected=expected, got=got, remedy=remedy)
    return InputError([fault])
