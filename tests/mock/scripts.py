"""Fault scripts: what can befall the processes that want one lease, judged by the cloud itself.

A script has up to three faults, a kill between any two calls, a reclaim, and then somebody asks
again or gives up; the sweeper follows. The same scripts go to every cloud.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from hybridplace.errors import CapacityError, ProviderError, QuotaError
from hybridplace.mock.cloud import MockCloud
from hybridplace.mock.script import FaultKind
from hybridplace.model.site import Lease
from hybridplace.plugin.interfaces import Provider, Request

MOST_CALLS = 40
"""More than the calls of a story without faults, so that a cut may also never come."""

SWEEPS = 6
"""One more than what can keep a sweeper from its work: three faults, a cut, a lagging list."""

Start = Callable[[], Provider]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultScript:
    """What happens.

    Parameters
    ----------
    offer : int
        Which of the requests.
    faults : tuple of (FaultKind, int)
        Each, and how many calls that could meet it pass before.
    cut : int or None
        After how many calls the process that acts is dead; None: it lives.
    reclaim : bool or None
        Whether the machines are taken with a notice, or without one; None: they stay.
    again : int
        How often somebody asks again with the same key, each time a new process; 0: it gives up.
    """

    offer: int = 0
    machines: int = 1
    faults: tuple[tuple[FaultKind, int], ...] = ()
    cut: int | None = None
    reclaim: bool | None = None
    again: int = 1


def fault_scripts() -> st.SearchStrategy[FaultScript]:
    """Return the strategy that draws scripts."""
    late = st.integers(0, 3) | st.integers(0, MOST_CALLS)
    return st.builds(
        FaultScript,
        offer=st.integers(0, 1),
        machines=st.integers(1, 3),
        faults=st.lists(st.tuples(st.sampled_from(FaultKind), late), max_size=3).map(tuple),
        cut=st.none() | st.integers(0, MOST_CALLS),
        reclaim=st.none() | st.booleans(),
        again=st.integers(0, 2),
    )


class Story:
    """Plays a script on a cloud; raises AssertionError where the contract is broken."""

    def __init__(self, cloud: MockCloud, start: Start, requests: Sequence[Request]) -> None:
        self._cloud, self._start, self._requests = cloud, start, requests

    def play(self, script: FaultScript, *, key: str) -> None:
        """Acquire, lose machines, ask again or give up, sweep: nothing is left at the end."""
        cloud, request = self._cloud, self._requests[script.offer % len(self._requests)]
        request = replace(request, machines=script.machines)
        for kind, after in script.faults:
            fault = cloud.fault(kind)
            if fault is not None:
                cloud.script(replace(fault, after=after))
        cloud.cut(script.cut)
        self._acquire(request, key)
        if script.reclaim is not None:
            with suppress(KeyError):  # there may be nothing to take
                cloud.reclaim(key, notice=script.reclaim)
            cloud.advance(120)
        for _ in range(script.again):
            self._acquire(request, key)
        self._sweep(request.owner)
        assert () == cloud.things(), f"left after {script}"

    def _acquire(self, request: Request, key: str) -> None:
        """Ask as a new process does, and hold what it is told to what is there."""
        try:
            lease = self._start().acquire(request, key=key)
        except (CapacityError, QuotaError) as refusal:
            told = f"refused ({refusal}), but there are {self._machines(key)}"
            assert not self._machines(key), told
        except ProviderError:
            pass  # killed, or told to repeat or to get help: the next one finds what is there
        else:
            self._judge(lease, request, key)
        finally:
            self._bury()

    def _judge(self, lease: Lease, request: Request, key: str) -> None:
        """Hold that there is one whole lease of the key, and that it is the one that was told."""
        running = self._machines(key)
        assert sorted(lease.machines) == running, f"told {lease.machines}, there are {running}"
        assert request.machines == len(running)

    def _machines(self, key: str) -> list[str]:
        return sorted(one.id for one in self._cloud.things() if one.machine and one.lease == key)

    def _sweep(self, owner: str) -> None:
        """Release whatever is told, each time as a new process, until there is nothing."""
        for _ in range(SWEEPS):
            if not self._cloud.things():
                break
            with suppress(ProviderError):
                sweeper = self._start()
                for lease in sweeper.leases(owner):
                    sweeper.release(lease.id)
            self._bury()

    def _bury(self) -> None:
        """Let the next process talk to the cloud if this one was killed."""
        if self._cloud.injector.killed:
            self._cloud.cut(None)
