"""Fault scripts pass a driver that keeps the contract, and catch those that do not."""

from __future__ import annotations

from uuid import uuid4

import pytest
from hypothesis import Phase, given, settings

from hybridplace.errors import TransientError
from hybridplace.plugin.interfaces import Request, Settings
from tests.mock.scripts import Story, fault_scripts
from tests.plugin.honest import offer
from tests.plugin.honest_cloud import HonestCloud, HonestDriver

REQUESTS = tuple(
    Request(
        owner="lab",
        plan="p",
        job="train",
        offer=offer(name, "on_demand", 0.2),
        machines=1,
        expires="2030-01-01T00:00:00+00:00",
    )
    for name in ("small", "large")
)


class TellsAnyName(HonestDriver):
    """Starts machines under a new name each time it is asked."""

    def ask(self, action, **given):
        if action == "start":
            given["name"] += f"-{uuid4()}"
        return super().ask(action, **given)


class LooksThenLeaps(HonestDriver):
    """Trusts a list to say what it has, and makes up names for what that lacks."""

    def acquire(self, request, *, key):
        found = [one for one in self.leases(request.owner) if one.id == key]
        if found and len(found[0].machines) == request.machines:
            return found[0]
        for name in found[0].machines if found else ():
            self.ask("end", name=name)
        return super().acquire(request, key=f"{key}-{uuid4()}")

    def ask(self, action, **given):
        if action == "start":
            tags = given["tags"]
            given["tags"] = {**tags, "lease": tags["lease"][:5]}
        return super().ask(action, **given)


class KeepsHalfAGang(HonestDriver):
    """Cleans nothing up when it is refused."""

    def acquire(self, request, *, key):
        tags = {"owner": request.owner, "lease": key, "offer": request.offer.id}
        tags |= {"plan": request.plan, "job": request.job, "expires": request.expires}
        for number in range(request.machines):
            self.ask("start", name=f"{key}-{number}", tags=tags)
        return super().acquire(request, key=key)


class TellsWhatItHoped(HonestDriver):
    """Takes a call that nobody answered for one that was done."""

    def acquire(self, request, *, key):
        try:
            return super().acquire(request, key=key)
        except TransientError:
            return self.lease(request, key)


class ForgetsTheLast(HonestDriver):
    """Releases all machines but the last."""

    def release(self, lease_id):
        for lease in self.leases("lab"):
            for name in lease.machines[:-1]:
                self.ask("end", name=name)


class Unowned(HonestDriver):
    """Writes no owner on what it starts, so that no sweeper finds it."""

    def ask(self, action, **given):
        if action == "start":
            given["tags"] = {**given["tags"], "owner": "nobody"}
        return super().ask(action, **given)


@pytest.fixture(scope="module")
def cloud():
    """Give a cloud."""
    with HonestCloud() as running:
        yield running


def play(cloud, driver, script):
    """Play a script from nothing."""
    cloud.reset()
    told = Settings(owner="lab", endpoint=cloud.endpoint)
    Story(cloud, lambda: driver(told), REQUESTS).play(script, key="key-1")


@settings(max_examples=200)
@given(script=fault_scripts())
def test_an_honest_driver_passes(cloud, script):
    """Whatever befalls it, one key is one lease and nothing is left."""
    play(cloud, HonestDriver, script)


WRONG = (TellsAnyName, LooksThenLeaps, KeepsHalfAGang, TellsWhatItHoped, ForgetsTheLast, Unowned)


@pytest.mark.parametrize("driver", WRONG, ids=lambda driver: driver.__name__)
def test_what_is_wrong_is_found(cloud, driver):
    """Each driver that is wrong in one way fails within the same 200 scripts."""

    @settings(max_examples=200, phases=[Phase.generate], database=None)
    @given(script=fault_scripts())
    def scripts(script):
        play(cloud, driver, script)

    with pytest.raises(AssertionError, match=r"left after|refused|told|machines"):
        scripts()
