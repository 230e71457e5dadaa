"""Faults that a mocked cloud is told to show, and the record of what it was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedFault:
    """A fault to show when a call matches; fields that are None match every call.

    Parameters
    ----------
    action : str
        The API's own name of the call, as ``RunInstances``.
    region, zone, instance_type, market : str or None
        Of the call; the market is ``on_demand`` or ``spot``.
    code, message, status : str, str, int
        What to answer, and the HTTP status; without a code the call is done.
    delay_s : float
        How long to wait first.
    lost : bool
        Do the work, then close the connection without an answer.
    times : int or None
        How often; None is always.
    """

    action: str
    code: str = ""
    message: str = "scripted by the dry run"
    status: int = 400
    region: str | None = None
    zone: str | None = None
    instance_type: str | None = None
    market: str | None = None
    delay_s: float = 0.0
    lost: bool = False
    times: int | None = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One API call as the mocked cloud saw it; its text is a line for people.

    Parameters
    ----------
    parameters : mapping
        Those that tell what was asked; never credentials.
    outcome : str
        ``ok``, the error code, or ``no answer``.
    """

    service: str
    region: str
    action: str
    parameters: Mapping[str, str]
    outcome: str

    def __str__(self) -> str:
        asked = " ".join(f"{name}={value}" for name, value in self.parameters.items())
        return f"{self.service} {self.region} {self.action} {asked} -> {self.outcome}".replace(
            "  ", " "
        )


@dataclass(slots=True)
class Script:
    """The faults to show, first match first, and how often each was shown."""

    _shown: list[tuple[ScriptedFault, int]] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def add(self, *faults: ScriptedFault) -> None:
        """Append faults."""
        with self._lock:
            self._shown += [(fault, 0) for fault in faults]

    def clear(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._shown.clear()

    def take(self, action: str, traits: Mapping[str, str | None]) -> ScriptedFault | None:
        """Return the fault for a call with these traits, and count it; None if there is none."""
        with self._lock:
            for position, (fault, shown) in enumerate(self._shown):
                left = fault.times is None or shown < fault.times
                if left and fault.action == action and _matches(fault, traits):
                    self._shown[position] = (fault, shown + 1)
                    return fault
        return None

    def unshown(self) -> tuple[ScriptedFault, ...]:
        """Return the faults that no call has matched so far."""
        with self._lock:
            return tuple(fault for fault, shown in self._shown if shown == 0)


def _matches(fault: ScriptedFault, traits: Mapping[str, str | None]) -> bool:
    return all(
        getattr(fault, name) in (None, traits.get(name))
        for name in ("region", "zone", "instance_type", "market")
    )
