"""What every mocked cloud can do: show faults, let time pass, and say what it holds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import ClassVar, Self

from hybridplace.errors import PluginError
from hybridplace.mock.account import account_hidden
from hybridplace.mock.clock import Clock
from hybridplace.mock.script import Call, FaultKind, Injector, ScriptedFault
from hybridplace.model.site import Offer, Pool

Watch = Callable[[Mapping[str, str], bytes], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """One thing that exists in a mocked cloud and costs, or could start something that does.

    Its text is a line for people.

    Parameters
    ----------
    kind, id, place : str
        In the cloud's own words; the place is a region, or what is like one.
    machine : bool
        Whether it is a machine, or else something beside one.
    owner, lease : str or None
        As the tags on it tell.
    tags : mapping
        All of them, as the cloud has them.
    public : bool
        Whether it has an address that anybody can reach.
    ends_at : str or None
        When it ends by itself, ISO 8601.
    program : str or None
        What it was given to run.
    near : str or None
        The group of machines that it stands close to.
    """

    kind: str
    id: str
    place: str
    machine: bool = False
    owner: str | None = None
    lease: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    public: bool = False
    ends_at: str | None = None
    program: str | None = None
    near: str | None = None

    def __str__(self) -> str:
        return f"{self.place} {self.kind} {self.id}"


class MockCloud(ABC):
    """A cloud on loopback for one provider; a context manager.

    While it runs, the variables that SDKs read an account from are hidden from the process.

    Parameters
    ----------
    offers : iterable of Offer
        What it sells and at which price, as those of a problem; those of other providers are
        passed over.
    pools : iterable of Pool
        Its quotas, as those of a problem.
    page_size : int or None
        Most items per page of a listing; None is the real one's.
    watch : callable or None
        Called with the headers and the body of every request.
    now : datetime or None
        When its clock starts, with an offset; None is the present.

    Attributes
    ----------
    provider : str
        The name of the provider whose driver talks to it.
    actions : frozenset of str
        The API's own names of the calls that it answers for the driver.
    shared : bool
        Whether another process sees the same cloud.
    endpoint : str
        Where it is while it runs.
    planted : tuple of str
        Texts that stand for secrets, in what it answers: nothing may ever show them.
    """

    provider: ClassVar[str]
    actions: ClassVar[frozenset[str]]
    shared: ClassVar[bool] = True
    planted: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        *,
        offers: Iterable[Offer] = (),
        pools: Iterable[Pool] = (),
        page_size: int | None = None,
        watch: Watch | None = None,
        now: datetime | None = None,
    ) -> None:
        self.offers, self.pools = tuple(offers), tuple(pools)
        self.page_size, self.watch = page_size, watch
        self.clock = Clock(now)
        self.injector = Injector(self.fault)
        self.endpoint = ""
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Start it.

        Raises
        ------
        PluginError
            When something that it needs is not installed.
        """
        with ExitStack() as stack:
            stack.enter_context(account_hidden())
            self.endpoint = self._start(stack)
            self._stack = stack.pop_all()
        self.reset()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it and forget everything in it."""
        self._stack.close()
        self.endpoint = ""

    @property
    def calls(self) -> tuple[Call, ...]:
        """Every call so far, in the order of their answers."""
        return tuple(self.injector.calls)

    @property
    def unshown(self) -> tuple[ScriptedFault, ...]:
        """Scripted faults that no call has met so far, in their order."""
        return self.injector.script.unshown()

    def reset(self) -> None:
        """Forget what exists, faults and calls, and set the clock back."""
        self.injector.reset()
        self.clock.reset()
        self._forget()

    def script(self, *faults: ScriptedFault) -> None:
        """Show these faults, in this order, to the calls that match them.

        Raises
        ------
        PluginError
            When it is not running.
        """
        if not self.endpoint:
            name = type(self).__name__
            raise PluginError(f"{name} is not running: use it in a with statement")
        self.injector.script.add(*faults)

    def random(self, rates: Mapping[FaultKind, float], *, seed: int) -> None:
        """Let calls meet faults at random, as often as `rates` says (shares of the calls).

        Raises
        ------
        ValueError
            When a rate is negative, or they add up to more than 1.
        """
        self.injector.random(rates, seed=seed)

    def cut(self, after: int | None) -> None:
        """Answer so many calls from now on, and none after them; None answers all again.

        To the cloud this is what a process looks like that was killed between two calls.
        """
        self.injector.cut(after)

    def advance(self, seconds: float) -> None:
        """Let time pass: operations end, machines are taken back, leases expire."""
        self.clock.advance(seconds)

    @abstractmethod
    def _start(self, stack: ExitStack) -> str:
        """Start it, register on `stack` what ends it, and return where it is."""

    @abstractmethod
    def _forget(self) -> None:
        """Forget what exists."""

    @abstractmethod
    def settings(self) -> Mapping[str, object]:
        """Return the `Settings` (``regions``, ``options``) that fit what it sells."""

    @abstractmethod
    def fault(self, kind: FaultKind) -> ScriptedFault | None:
        """Return a kind of fault in this cloud's words; None if it has no such thing."""

    @abstractmethod
    def reclaim(self, lease: str, *, notice: bool = True) -> None:
        """Take back the machines of a lease: two minutes after a notice, or at once without one.

        Raises
        ------
        KeyError
            When it has no machine that it could take.
        """

    @abstractmethod
    def things(self) -> tuple[Thing, ...]:
        """Return all that exists and costs, from the cloud's own state, ordered as their texts."""
