"""Refuses every connection that would leave this machine."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from threading import Lock
from typing import Any

from hybridplace.errors import PluginError


class LeakError(PluginError):
    """Something tried to reach another machine during a dry run; nothing was sent."""


class Guard:
    """What the guard refused so far: the hosts, in order."""

    def __init__(self) -> None:
        self.refused: list[str] = []

    def check(self, host: object) -> None:
        """Raise for a host that is not this machine.

        Raises
        ------
        LeakError
            When `host` is neither a loopback address nor ``localhost``.
        """
        if not is_loopback(host):
            name = host.decode(errors="replace") if isinstance(host, bytes) else str(host)
            self.refused.append(name)
            raise _leak([name])


@contextmanager
def loopback_only() -> Iterator[Guard]:
    """Refuse, in all threads of this process, to look up or reach any host but this one.

    Raises at the place of the attempt and again at the end, so that a library that swallows the
    first refusal cannot hide it. Processes started inside are not covered.

    Raises
    ------
    LeakError
        When anything tried to reach another host.
    """
    guard = Guard()
    with _PATCHING:
        _active.append(guard)
        if len(_active) == 1:
            _install()
    try:
        yield guard
    finally:
        with _PATCHING:
            _active.remove(guard)
            if not _active:
                _uninstall()
    if guard.refused:
        raise _leak(guard.refused)


def is_loopback(host: object) -> bool:
    """Say whether a host, as sockets take it, is this machine; None is (a passive look-up)."""
    if host is None:
        return True
    name = host.decode("ascii", errors="replace") if isinstance(host, bytes) else str(host)
    if name == "localhost":
        return True
    try:
        address = ip_address(name.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


_PATCHING = Lock()
_active: list[Guard] = []
_METHODS = {"connect": 0, "connect_ex": 0, "sendto": -1, "sendmsg": 3}
"""Methods of a socket that name a peer, and where in their arguments."""
_LOOKUPS = ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr")
_originals: dict[str, Any] = {}


def _leak(hosts: list[str]) -> LeakError:
    names = ", ".join(dict.fromkeys(hosts))
    return LeakError(
        f"refused to reach {names}: in a dry run nothing leaves this machine; give the provider's"
        " SDK the endpoint of the mocked cloud"
    )


def _check(host: object) -> None:
    for guard in _active[-1:]:
        guard.check(host)


def _peer(arguments: tuple[Any, ...], position: int) -> object:
    """Return the host that a call names; None when it names none (a connected or Unix socket)."""
    if position >= len(arguments) or len(arguments) < 1:
        return None
    address = arguments[position]
    return address[0] if isinstance(address, tuple) and address else None


def _watched(name: str, position: int) -> Callable[..., Any]:
    original = getattr(socket.socket, name)

    def method(self: socket.socket, *arguments: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            _check(_peer(arguments, position))
        return original(self, *arguments)

    return method


def _looked_up(name: str) -> Callable[..., Any]:
    original = _originals[name]

    def lookup(host: object = None, *arguments: Any, **named: Any) -> Any:
        _check(host)
        return original(host, *arguments, **named)

    return lookup


def _install() -> None:
    for name, position in _METHODS.items():
        setattr(socket.socket, name, _watched(name, position))
    for name in _LOOKUPS:
        _originals[name] = getattr(socket, name)
        setattr(socket, name, _looked_up(name))


def _uninstall() -> None:
    for name in _METHODS:
        delattr(socket.socket, name)  # the C base class has the real one
    for name in _LOOKUPS:
        setattr(socket, name, _originals.pop(name))
