"""The web application before a mocked cloud: shows faults, hangs up, and keeps the record."""

from __future__ import annotations

import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from hybridplace.mock.script import Call, FaultKind, Injector, ScriptedFault

Headers = list[tuple[str, str]]
Start = Callable[[str, Headers], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One call, read.

    Parameters
    ----------
    parameters : mapping
        Of the query or the body, as the cloud's own names have them.
    environ : dict
        The request, as WSGI has it.
    """

    service: str
    region: str
    action: str
    parameters: Mapping[str, Any]
    environ: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back."""

    status: int
    headers: Headers
    body: bytes
    outcome: str = "ok"


class Front(ABC):
    """The application: what is shared by clouds that speak HTTP."""

    def __init__(
        self,
        injector: Injector,
        watch: Callable[[Mapping[str, str], bytes], None] | None = None,
    ) -> None:
        self._injector = injector
        self._watch = watch

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        """Answer one request (WSGI)."""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if self._injector.is_cut():
            hang_up(environ)
        if self._watch is not None:
            sent = {name: str(text) for name, text in environ.items() if name.startswith("HTTP_")}
            self._watch(sent | {"QUERY_STRING": environ.get("QUERY_STRING", "")}, body)
        asked = self.read(environ, body)
        fault = self._injector.fault(asked.action, self.traits(asked))
        answer = self._met(asked, fault)
        lost = fault is not None and fault.lost
        effect = None if fault is None else fault.effect
        self._record(asked, "no answer" if lost else answer.outcome, effect)
        if lost:
            hang_up(environ)
        start(f"{answer.status} {answer.outcome}", answer.headers)
        return [answer.body]

    @abstractmethod
    def read(self, environ: dict[str, Any], body: bytes) -> Asked:
        """Return the call that a request is."""

    @abstractmethod
    def answer(self, asked: Asked, effect: FaultKind | None) -> Answer:
        """Do what is asked; `effect` is what becomes of it."""

    @abstractmethod
    def refusal(self, asked: Asked, code: str, message: str, status: int) -> Answer:
        """Return an error in the cloud's own form."""

    def traits(self, asked: Asked) -> Mapping[str, str | None]:
        """Return what scripted faults can be narrowed to: region, zone, type and market."""
        return {"region": asked.region}

    def shown(self, asked: Asked) -> Mapping[str, str]:
        """Return the parameters that the record shows; never credentials."""
        return {}

    def _met(self, asked: Asked, fault: ScriptedFault | None) -> Answer:
        if fault is None:
            return self.answer(asked, None)
        if fault.delay_s:
            time.sleep(fault.delay_s)
        if fault.code:
            return self.refusal(asked, fault.code, fault.message, fault.status)
        return self.answer(asked, fault.effect)

    def _record(self, asked: Asked, outcome: str, effect: FaultKind | None) -> None:
        call = Call(
            service=asked.service,
            region=asked.region,
            action=asked.action,
            parameters=dict(sorted(self.shown(asked).items())),
            outcome=outcome if effect is None else f"{outcome} ({effect})",
        )
        self._injector.calls.append(call)


def hang_up(environ: Mapping[str, Any]) -> NoReturn:
    """Close the connection, as when an answer is lost on the way.

    Raises
    ------
    ConnectionAbortedError
        Always: to the server the peer is gone, and it is silent about that.
    """
    with suppress(OSError):
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError
