"""Files that cannot be read at all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hybridplace.errors import InputError
from hybridplace.io import document, read_estate, read_jobs, read_plan


def _nothing(path: Path) -> None:
    """Leave the file away."""


def _folder(path: Path) -> None:
    path.mkdir()


def _binary(path: Path) -> None:
    path.write_bytes(b"\x7fELF\x02\x00\xff\xfe")


def _latin(path: Path) -> None:
    path.write_bytes("jobs: [] # Z\u00fcrich".encode("latin-1"))


def _control(path: Path) -> None:
    path.write_bytes(b"jobs: \x01\n")


WRONG: dict[Callable[[Path], None], str] = {
    _nothing: "(file): expected a file that can be read, got no such file or directory",
    _folder: "(file): expected a file that can be read, got is a directory",
    _binary: "(file): expected text in UTF-8, got byte 0xff at position 6; save the file as UTF-8",
    _latin: "(file): expected text in UTF-8, got byte 0xfc at position 12; save the file as UTF-8",
}


@pytest.mark.parametrize("read", [read_estate, read_jobs, read_plan])
@pytest.mark.parametrize("make", WRONG)
def test_a_file_that_cannot_be_read_is_told(
    make: Callable[[Path], None], read: Callable[[Path], object], tmp_path: Path
) -> None:
    """Each reader says which file, and why."""
    path = tmp_path / "file.yaml"
    make(path)
    with pytest.raises(InputError) as caught:
        read(path)

    assert f"{path}: {WRONG[make]}" == str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_told(tmp_path: Path) -> None:
    """The operating system's reason is passed on."""
    path = tmp_path / "jobs.yaml"
    path.write_text("jobs: []")
    path.chmod(0)
    with pytest.raises(InputError, match="got permission denied"):
        read_jobs(path)


def test_control_characters_are_refused(tmp_path: Path) -> None:
    """YAML does not allow them, and no editor shows them."""
    path = tmp_path / "jobs.yaml"
    _control(path)
    with pytest.raises(InputError, match=r"\(file\): expected YAML, got "):
        read_jobs(path)


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    """A disk image named by mistake does not fill the memory."""
    path = tmp_path / "jobs.yaml"
    with path.open("wb") as file:
        file.truncate(document.MAX_BYTES + 1)
    with pytest.raises(InputError, match="expected at most 64 MiB, got more; split it"):
        read_jobs(path)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    """Some editors write one."""
    path = tmp_path / "jobs.yaml"
    path.write_bytes(b"\xef\xbb\xbfjobs: []\n")

    assert () == read_jobs(path)


def test_importing_loads_neither_pydantic_nor_yaml() -> None:
    """The package can be imported in a hurry."""
    script = "import sys, hybridplace.io; print({'pydantic', 'yaml'} & set(sys.modules))"

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert "set()" == done.stdout.strip()
