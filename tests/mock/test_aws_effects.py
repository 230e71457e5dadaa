"""What becomes of machines of the mocked AWS: the things it tells, and what befalls them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hybridplace.errors import AuthError, CapacityError, QuotaError, TransientError
from hybridplace.mock.script import FaultKind
from hybridplace.model.site import LeaseState, Market

from .conftest import OWNER, REGION, machines_of, offer, request_for

SPOT = offer("p4d.24xlarge", Market.SPOT)


def test_things_tell_whose_they_are(aws, provider):
    """Owner, lease, place, address and end are read from the cloud's own tables."""
    provider.acquire(request_for(SPOT, public=True), key="key-1")
    things = aws.things()
    (machine,) = [thing for thing in things if thing.machine]
    assert {(OWNER, "key-1", REGION)} == {(one.owner, one.lease, one.place) for one in things}
    assert ("2030-01-01T00:00:00+00:00", True) == (machine.ends_at, machine.public)
    provider.acquire(request_for(offer()), key="key-2")
    (other,) = [one for one in aws.things() if one.machine and one.lease == "key-2"]
    assert not other.public


def test_a_machine_ends_when_its_lease_expires(aws, provider):
    """The start script's own switch is what ends it, not before its time, whoever is left."""
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
    provider.acquire(request_for(SPOT, machines=2, expires=soon.isoformat()), key="key-1")
    aws.advance(1.9 * 3600)
    assert 2 == len(machines_of(aws))
    aws.advance(0.2 * 3600)
    assert () == aws.things()


@pytest.mark.parametrize("kind", [FaultKind.PREEMPT, FaultKind.PREEMPT_SILENT])
def test_a_run_that_is_taken_back(aws, provider, kind):
    """Machines go as time passes: two minutes after a notice, or without one."""
    aws.script(aws.fault(kind))
    provider.acquire(request_for(SPOT), key="key-1")
    reasons = {notice.reason for notice in provider.notices()}
    assert ({"marked-for-termination"} if kind is FaultKind.PREEMPT else set()) == reasons
    aws.advance(119)
    assert (1 if kind is FaultKind.PREEMPT else 0) == len(machines_of(aws))
    aws.advance(1)
    assert () == aws.things()
    assert ["Server.SpotInstanceTermination"] == [one.reason for one in provider.notices()]


def test_only_spot_machines_are_preempted(aws, provider):
    """The fault waits for a spot machine."""
    aws.script(aws.fault(FaultKind.PREEMPT))
    provider.acquire(request_for(offer()), key="key-1")
    assert 1 == len(aws.unshown)


def test_a_slow_run_is_pending_for_a_minute(aws, provider):
    """The lease is told as pending until time has passed."""
    aws.script(aws.fault(FaultKind.SLOW))
    assert LeaseState.PENDING is provider.acquire(request_for(offer()), key="key-1").state
    assert [LeaseState.PENDING] == [lease.state for lease in provider.leases(OWNER)]
    aws.advance(60)
    assert [LeaseState.ACTIVE] == [lease.state for lease in provider.leases(OWNER)]


def test_a_list_that_lags(aws, provider):
    """What was started just now, and all that hangs on it, is not listed; a while later it is."""
    provider.acquire(request_for(offer()), key="key-1")
    aws.script(aws.fault(FaultKind.STALE_LIST))
    assert [] == provider.leases(OWNER)
    assert ["key-1"] == [lease.id for lease in provider.leases(OWNER)]
    aws.advance(11)
    aws.script(aws.fault(FaultKind.STALE_LIST))
    assert ["key-1"] == [lease.id for lease in provider.leases(OWNER)]
    assert () == aws.unshown


def test_reclaim_of_a_lease(aws, provider):
    """Spot machines go after their notice; others fail at once; a lease without any is refused."""
    provider.acquire(request_for(SPOT, machines=2), key="key-1")
    provider.acquire(request_for(offer()), key="key-2")
    aws.reclaim("key-1")
    assert ["key-1"] * 2 == [notice.lease for notice in provider.notices()]
    aws.reclaim("key-2", notice=False)
    assert 2 == len(machines_of(aws))
    aws.advance(120)
    assert () == aws.things()
    with pytest.raises(KeyError):
        aws.reclaim("key-1")


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (FaultKind.CAPACITY, CapacityError),
        (FaultKind.QUOTA, QuotaError),
        (FaultKind.AUTH, AuthError),
        (FaultKind.THROTTLE, TransientError),
        (FaultKind.LOST_RESPONSE, TransientError),
    ],
)
def test_kinds_are_told_as_what_they_are(aws, provider, kind, error):
    """Every refusal becomes its error, and shows nothing of the key that AWS quotes."""
    (zones, fault) = (3 if kind is FaultKind.CAPACITY else 1, aws.fault(kind))
    aws.script(*[fault] * zones)
    with pytest.raises(error) as raised:
        provider.acquire(request_for(SPOT), key="key-1")
    assert error is type(raised.value)
    assert [] == [text for text in aws.planted if text in repr(raised.value)]


def test_the_driver_asks_only_what_is_mocked(aws, make):
    """Every call that the driver makes is one of the actions that faults can name."""
    provider = make()
    list(provider.offers())
    list(provider.quotas())
    provider.acquire(request_for(SPOT), key="key-1")
    list(provider.notices())
    provider.leases(OWNER)
    provider.release("key-1")
    assert {call.action for call in aws.calls} <= aws.actions


def test_settings_fit_what_is_sold(aws, make):
    """Regions and types are those of the offers, and the driver takes them."""
    told = aws.settings()
    listed = make(regions=told["regions"], **told["options"]).offers()
    assert {one.id for one in aws.offers} <= {one.id for one in listed}
