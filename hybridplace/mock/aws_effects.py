"""What happens to machines of the mocked EC2: warned, taken back, failed, not listed yet."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from xml.etree import ElementTree

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ec2.models import ec2_backends
from moto.ec2.models.instances import Instance, StateReason

from hybridplace.mock.aws_answers import EC2_XML
from hybridplace.mock.aws_ec2 import GrantedSpotRequest
from hybridplace.mock.clock import Clock
from hybridplace.mock.front import Answer, Asked
from hybridplace.mock.script import FaultKind

SPOT_WARNING = "marked-for-termination"
SPOT_TAKEN = "instance-terminated-no-capacity"
WARNING_S, STARTING_S = 120.0, 60.0

LAG_S = 10.0
"""What was started since then, a list that lags does not have."""


class Effects:
    """Lets happen what becomes of a call beyond its answer."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started_at: dict[str, datetime] = {}

    def forget(self) -> None:
        """Forget when which machines were started."""
        self._started_at.clear()

    def done(self, asked: Asked, answer: Answer, effect: FaultKind | None) -> Answer:
        """Let the effect of a call happen, and return what goes back."""
        if effect is FaultKind.STALE_LIST:
            seen_until = self._clock.now - timedelta(seconds=LAG_S)
            started_at = dict(self._started_at).items()
            return _without(answer, [name for name, when in started_at if when > seen_until])
        if asked.action != "RunInstances" or answer.status != 200:
            return answer
        started = re.findall(r"<instanceId>(i-\w+)</instanceId>", answer.body.decode())
        self._started_at |= dict.fromkeys(started, self._clock.now)
        for machine in map(instance, started):
            self._end_in_time(machine)
        self._befall(started, effect)
        return answer

    def take_later(self, machines: Iterable[str], *, notice: bool) -> None:
        """Take machines back: spot ones two minutes after a notice, else as time passes."""
        for machine in machines:
            if notice and spot_request(machine) is not None:
                warn(machine)
                self._clock.after(WARNING_S, partial(take, machine))
            else:
                self._clock.after(0, partial(take, machine))

    def _befall(self, started: list[str], effect: FaultKind | None) -> None:
        if effect is FaultKind.FAILED_OPERATION:
            _each(take, started)
        elif effect is FaultKind.PARTIAL:
            _each(take, started[-1:])
        elif effect is FaultKind.SLOW:
            _each(_hold_back, started)
            self._clock.after(STARTING_S, lambda: _each(_start, started))
        elif effect in (FaultKind.PREEMPT, FaultKind.PREEMPT_SILENT):
            self.take_later(started, notice=effect is FaultKind.PREEMPT)

    def _end_in_time(self, machine: Instance) -> None:
        """Let a machine end when its own switch says so: EC2 itself knows no expiry."""
        when = ends_at(machine)
        if when is not None and when > self._clock.now:
            self._clock.at(when, lambda: _power_off(machine))


def ends_at(machine: Instance) -> datetime | None:
    """Return when the start script of a machine will power it off; None if it does not."""
    text = "" if machine.user_data is None else machine.user_data.decode()
    found = re.search(r"(\d{9,11}) - \$\(date \+%s\)", text)
    return None if found is None else datetime.fromtimestamp(int(found[1]), UTC)


def instances() -> Iterator[tuple[str, Instance]]:
    """Yield (region, machine) of all machines, ended ones too."""
    for region, backend in dict(ec2_backends[DEFAULT_ACCOUNT_ID]).items():
        for run in list(backend.reservations.values()):
            yield from ((region, machine) for machine in run.instances)


def instance(name: str) -> Instance:
    """Return the machine of an id.

    Raises
    ------
    KeyError
        When there is none.
    """
    for _, machine in instances():
        if machine.id == name:
            return machine
    raise KeyError(f"{name} is no machine here")


def spot_request(machine: str) -> GrantedSpotRequest | None:
    """Return the spot request behind a machine; None if it is no spot machine."""
    for backend in dict(ec2_backends[DEFAULT_ACCOUNT_ID]).values():
        for request in backend.spot_instance_requests.values():
            if isinstance(request, GrantedSpotRequest) and request.instance_id == machine:
                return request
    return None


def warn(machine: str) -> None:
    """Mark a spot machine as about to be taken back: the notice two minutes ahead.

    Raises
    ------
    KeyError
        When it is no spot machine.
    """
    request = spot_request(machine)
    if request is None:
        raise KeyError(f"{machine} is no spot machine here")
    request.tell(SPOT_WARNING)


def take(machine: str) -> None:
    """Let a machine end as EC2 does when it needs the capacity, or when the hardware fails."""
    ended, request = instance(machine), spot_request(machine)
    if ended.state == "terminated":
        return
    ended.terminate()
    code, text = "Server.InternalError", "Internal error on launch"
    if request is not None:
        code, text = "Server.SpotInstanceTermination", "Spot instance termination"
        request.tell(SPOT_TAKEN)
    ended.state_reason = StateReason(f"{code}: {text}", code)


def _power_off(machine: Instance) -> None:
    """Do what EC2 does when a machine powers itself off."""
    if machine.state == "running":
        ends = machine.instance_initiated_shutdown_behavior == "terminate"
        machine.terminate() if ends else machine.stop()


def _hold_back(machine: str) -> None:
    _set_state(machine, "pending", 0)


def _start(machine: str) -> None:
    if instance(machine).state == "pending":
        _set_state(machine, "running", 16)


def _set_state(machine: str, name: str, code: int) -> None:
    state = instance(machine)._state
    state.name, state.code = name, code


def _each(do: Any, machines: Iterable[str]) -> None:
    for machine in machines:
        do(machine)


def _without(answer: Answer, machines: Sequence[str]) -> Answer:
    """Return a list without what belongs to some machines, as one that lags."""
    if answer.status != 200 or not machines:
        return answer
    ElementTree.register_namespace("", EC2_XML)
    root = ElementTree.fromstring(answer.body)  # noqa: S314 - moto has just written it
    for items in root:
        for item in list(items):
            text = ElementTree.tostring(item, encoding="unicode")
            if any(machine in text for machine in machines):
                items.remove(item)
    body = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return Answer(status=answer.status, headers=answer.headers, body=body, outcome=answer.outcome)
