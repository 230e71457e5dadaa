"""Faults that a mocked cloud is told to show, and the record of what it was asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock

from hybridplace.mock.chance import Chance


class FaultKind(StrEnum):
    """What can go wrong at a provider, in words that fit all of them."""

    CAPACITY = "capacity"
    QUOTA = "quota"
    AUTH = "auth"
    THROTTLE = "throttle"
    SLOW = "slow"
    FAILED_OPERATION = "failed-operation"
    PARTIAL = "partial"
    LOST_RESPONSE = "lost-response"
    STALE_LIST = "stale-list"
    PREEMPT = "preempt"
    PREEMPT_SILENT = "preempt-silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedFault:
    """A fault to show when a call matches; fields that are None match every call.

    Parameters
    ----------
    action : str or None
        The API's own name of the call, as ``RunInstances``.
    region, zone, instance_type, market : str or None
        Of the call; the market is ``on_demand`` or ``spot``.
    code, message, status : str, str, int
        What to answer, and the HTTP status; without a code the call is done.
    effect : FaultKind or None
        What becomes of a call that is done, where that is more than an answer.
    delay_s : float
        How long to wait first.
    lost : bool
        Do the work, then close the connection without an answer.
    after : int
        How many calls that match pass before the first that meets it.
    times : int or None
        How often; None is always.
    """

    action: str | None
    code: str = ""
    message: str = "scripted by the dry run"
    status: int = 400
    region: str | None = None
    zone: str | None = None
    instance_type: str | None = None
    market: str | None = None
    effect: FaultKind | None = None
    delay_s: float = 0.0
    lost: bool = False
    after: int = 0
    times: int | None = 1

    def matches(self, action: str, traits: Mapping[str, str | None]) -> bool:
        """Say whether a call with these traits is one that the fault is for."""
        return self.action in (None, action) and all(
            getattr(self, name) in (None, traits.get(name))
            for name in ("region", "zone", "instance_type", "market")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One API call as the mocked cloud saw it; its text is a line for people.

    Parameters
    ----------
    parameters : mapping
        Those that tell what was asked; never credentials.
    outcome : str
        ``ok``, the error code, or ``no answer``; then the effect of a fault, in parentheses.
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
class _Planned:
    """A fault, how many calls have matched it, and how often it was shown."""

    fault: ScriptedFault
    matched: int = 0
    shown: int = 0

    def meets(self) -> bool:
        """Count a call that matches, and say whether it meets the fault."""
        self.matched += 1
        left = self.fault.times is None or self.shown < self.fault.times
        return left and self.matched > self.fault.after


@dataclass(slots=True)
class Script:
    """The faults to show, first match first, and how often each was shown."""

    _planned: list[_Planned] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def add(self, *faults: ScriptedFault) -> None:
        """Append faults."""
        with self._lock:
            self._planned += [_Planned(fault) for fault in faults]

    def clear(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._planned.clear()

    def take(self, action: str, traits: Mapping[str, str | None]) -> ScriptedFault | None:
        """Return the fault for a call with these traits, and count it; None if there is none."""
        with self._lock:
            matching = [one for one in self._planned if one.fault.matches(action, traits)]
            # Every one counts the call, whichever is shown.
            met = [one for one in matching if one.meets()]
            if not met:
                return None
            met[0].shown += 1
            return met[0].fault

    def unshown(self) -> tuple[ScriptedFault, ...]:
        """Return the faults that no call has met so far."""
        with self._lock:
            return tuple(one.fault for one in self._planned if one.shown == 0)


class Injector:
    """Decides what each call meets: a scripted fault, else one at random, or nobody at all.

    Parameters
    ----------
    words : callable
        Returns a kind of fault in the cloud's own words; None if it has no such thing.
    """

    def __init__(self, words: Callable[[FaultKind], ScriptedFault | None]) -> None:
        self.script = Script()
        self.calls: list[Call] = []
        self._words = words
        self._lock = Lock()
        self.reset()

    def reset(self) -> None:
        """Forget faults, chances, the cut and all calls."""
        self.script.clear()
        self.calls.clear()
        self._chance: Chance[FaultKind] | None = None
        self._answered: int | None = None

    def random(self, rates: Mapping[FaultKind, float], *, seed: int) -> None:
        """Let calls meet faults at random from now on.

        Raises
        ------
        ValueError
            When a rate is negative, or they add up to more than 1.
        """
        self._chance = Chance(rates, seed=seed)

    def cut(self, after: int | None) -> None:
        """Answer so many calls, and then none, not even by doing the work; None answers all."""
        with self._lock:
            self._answered = after

    @property
    def killed(self) -> bool:
        """Whether a cut has left a call unanswered."""
        return self._answered is not None and self._answered < 0

    def is_cut(self) -> bool:
        """Count a call, and say whether nobody answers it."""
        with self._lock:
            if self._answered is None:
                return False
            self._answered -= 1
            return self._answered < 0

    def fault(self, action: str, traits: Mapping[str, str | None]) -> ScriptedFault | None:
        """Return what a call with these traits meets; None is nothing."""
        kind = None if self._chance is None else self._chance.draw(action)
        scripted = self.script.take(action, traits)
        if scripted is not None or kind is None:
            return scripted
        fault = self._words(kind)
        return fault if fault is not None and fault.matches(action, traits) else None
