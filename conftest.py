"""What holds in every test, of the package and of the plug-ins.

The same examples each time, no account of the developer's, and no connection that leaves this
machine.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from hybridplace.mock.guard import is_loopback

ROOT = Path(__file__).resolve().parent

# The same examples on every machine, and no clock: a slow runner must not fail a property.
settings.register_profile("hybridplace", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("hybridplace")

for _name in [name for name in os.environ if name.startswith(("AWS_", "HYBRIDPLACE_PLUGINS"))]:
    del os.environ[_name]


class LeftMachineError(AssertionError):
    """A test tried to reach another machine."""


_PEER = {"socket.connect": 1, "socket.sendto": 1, "socket.sendmsg": 1}
_HOST = {"socket.getaddrinfo": 0, "socket.gethostbyname": 0, "socket.gethostbyaddr": 0}
_reached: list[str] = []


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse hosts other than this one, beneath the guard that the package itself has."""
    if event in _PEER:
        address = arguments[_PEER[event]]
        host = address[0] if isinstance(address, tuple) and address else None
    elif event in _HOST:
        host = arguments[_HOST[event]]
    else:
        return
    if not is_loopback(host) and host != "":
        _reached.append(f"{event}: {host!r}")
        raise LeftMachineError(f"{event}: {host!r} is not this machine")


sys.addaudithook(_watch)


@pytest.fixture(autouse=True)
def _stays_on_this_machine() -> Iterator[None]:
    """Fail the test that reached out, even when a library swallowed the refusal."""
    del _reached[:]
    yield
    assert [] == _reached


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of facts beside the checkout (HYBRIDPLACE_SHARED), or skip."""
    folder = Path(os.environ.get("HYBRIDPLACE_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no folder of facts at {folder}; set HYBRIDPLACE_SHARED")
    return folder
