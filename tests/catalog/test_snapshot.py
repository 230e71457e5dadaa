from __future__ import annotations

import gzip
import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridplace.catalog import load, snapshot
from hybridplace.catalog.snapshot import SHIPPED
from hybridplace.errors import InputError
from hybridplace.model.canonical import digest

MAX_BYTES = 2_000_000
PACKED = SHIPPED.read_bytes()
DIGEST = load().digest


def test_the_shipped_data_is_small() -> None:
    """Everything under data/ goes into the wheel, and is at most 2 MB there."""
    sizes = [path.stat().st_size for path in SHIPPED.parent.iterdir()]

    assert SHIPPED.name in {path.name for path in SHIPPED.parent.iterdir()}
    assert sum(sizes) < MAX_BYTES


def test_digest_is_that_of_the_value(shipped) -> None:
    """Anyone can check the digest with the function that all other digests are made with."""
    assert digest(shipped.body) == shipped.digest


def test_round_trip_keeps_value_and_digest(tmp_path: Path, shipped) -> None:
    """What is written is read back."""
    path = tmp_path / "deep" / "copy.json.gz"

    written = snapshot.write(path, dict(shipped.body))

    assert (written, dict(shipped.body)) == snapshot.read(path)
    assert [path] == list(path.parent.iterdir())


@settings(max_examples=40)
@given(at=st.integers(0, len(PACKED) - 1), flip=st.integers(1, 255))
def test_a_changed_byte_is_refused_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, at: int, flip: int
) -> None:
    """No damaged file is read as another catalog."""
    path = tmp_path_factory.mktemp("damaged") / "snapshot.json.gz"
    path.write_bytes(PACKED[:at] + bytes([PACKED[at] ^ flip]) + PACKED[at + 1 :])

    try:
        found = load(path).digest
    except InputError:
        found = "refused"

    assert found in ("refused", DIGEST), "gzip's own header holds no data and may differ"


@given(length=st.integers(0, len(PACKED) - 1))
def test_a_cut_off_file_is_refused(tmp_path_factory: pytest.TempPathFactory, length: int) -> None:
    """A download that stopped half way is no catalog."""
    path = tmp_path_factory.mktemp("cut") / "snapshot.json.gz"
    path.write_bytes(PACKED[:length])

    with pytest.raises(InputError):
        load(path)


def _repacked(path: Path, old: bytes, new: bytes) -> Path:
    text = gzip.decompress(PACKED)
    assert old in text
    path.write_bytes(gzip.compress(text.replace(old, new, 1)))
    return path


def test_an_edited_price_is_refused(tmp_path: Path) -> None:
    """A figure changed by hand does not pass as the published one."""
    path = _repacked(
        tmp_path / "edited.json.gz", b'"address_usd_h":0.005', b'"address_usd_h":0.001'
    )

    with pytest.raises(InputError) as caught:
        load(path)

    (fault,) = caught.value.faults
    assert "digest" == fault.path
    assert fault.remedy


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    """A file that this release cannot know is not guessed at."""
    path = _repacked(tmp_path / "newer.json.gz", b'"version":1', b'"version":2')

    with pytest.raises(InputError, match=r"version: expected 1, got 2; use the matching release"):
        load(path)


def test_a_right_digest_of_the_wrong_parts_is_refused(tmp_path: Path) -> None:
    """A digest proves that nothing changed, and not that it is a catalog."""
    path = tmp_path / "other.json.gz"
    snapshot.write(path, {"date": "2026-08-03"})

    with pytest.raises(InputError, match=r"expected the parts accelerators, .*, got date"):
        load(path)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch) -> None:
    """A full disk or a kill while writing costs nobody the catalog they had."""
    path = tmp_path / "snapshot.json.gz"
    path.write_bytes(PACKED)

    def full(descriptor: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        snapshot.write(path, {"date": "2026-08-03"})

    assert PACKED == path.read_bytes()
    assert [path] == list(tmp_path.iterdir())


def _signed(body: bytes) -> bytes:
    named = {"format": "hybridplace-catalog", "version": 1}
    header = json.dumps({**named, "digest": "sha256:" + hashlib.sha256(body).hexdigest()})
    return gzip.compress(header.encode() + b"\n" + body + b"\n")


OTHER_FILES = {
    "text": b"provider,region\n",
    "empty": b"",
    "gzipped text": gzip.compress(b"hello"),
    "gzipped list": gzip.compress(b"[1]\n{}\n"),
    "signed text": _signed(b"hello"),
    "signed list": _signed(b"[1]"),
    "gzipped JSON": gzip.compress(json.dumps({"format": "x", "version": 1, "digest": ""}).encode()),
}


@pytest.mark.parametrize("content", OTHER_FILES.values(), ids=OTHER_FILES)
def test_another_file_is_refused(content: bytes, tmp_path: Path) -> None:
    """Whatever else it is, the answer is a fault that names the file."""
    path = tmp_path / "other"
    path.write_bytes(content)

    with pytest.raises(InputError) as caught:
        load(path)

    assert [str(path)] == [fault.where for fault in caught.value.faults]


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    """A wrong path is a fault, not a traceback."""
    for path in (tmp_path / "absent.json.gz", tmp_path):
        with pytest.raises(InputError, match=str(path)):
            load(path)
