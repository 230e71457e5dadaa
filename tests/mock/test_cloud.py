"""What all mocked clouds share, on the smallest of them."""

from __future__ import annotations

import os
import ssl
import threading
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.serving import make_ssl_devcert

from hybridplace.errors import (
    AuthError,
    CapacityError,
    InputError,
    PluginError,
    QuotaError,
    TransientError,
)
from hybridplace.mock.account import account_hidden
from hybridplace.mock.chance import Chance
from hybridplace.mock.clock import Clock
from hybridplace.mock.clouds import CLOUDS, actions, cloud_class
from hybridplace.mock.faults import read_rates
from hybridplace.mock.script import FaultKind, Script, ScriptedFault
from hybridplace.mock.server import serving
from hybridplace.mock.table import Table
from hybridplace.plugin.interfaces import Request, Settings
from tests.plugin.honest_cloud import PLANTED, HonestCloud, HonestDriver

START = datetime(2026, 1, 1, tzinfo=UTC)
EXPIRES = "2030-01-01T00:00:00+00:00"


@pytest.fixture(scope="module")
def _running():
    with HonestCloud(now=START) as running:
        yield running


@pytest.fixture
def cloud(_running):
    """Give a cloud with nothing in it."""
    _running.reset()
    return _running


@pytest.fixture
def driver(cloud):
    """Give its driver."""
    return HonestDriver(Settings(owner="lab", endpoint=cloud.endpoint))


def asked(driver, **changed):
    """Return a request for two machines."""
    told = {"owner": "lab", "plan": "p", "job": "train", "offer": driver.offers()[0]}
    return Request(**(told | {"machines": 2, "expires": EXPIRES} | changed))


def test_what_exists_is_told_from_the_clouds_own_state(cloud, driver):
    """Things are there while the machines are, whatever the driver says, and carry the tags."""
    driver.acquire(asked(driver), key="k")
    assert ["k-0", "k-1"] == [thing.id for thing in cloud.things()]
    assert {("lab", "k", True)} == {(one.owner, one.lease, one.machine) for one in cloud.things()}
    assert "north machine k-0" == str(cloud.things()[0])
    driver.release("k")
    assert () == cloud.things()


def test_a_cut_answers_so_many_calls_and_does_no_more(cloud, driver):
    """After a cut nothing is done, clean-up included, until the cut is lifted."""
    cloud.cut(1)
    with pytest.raises(TransientError):
        driver.acquire(asked(driver), key="k")
    with pytest.raises(TransientError):
        driver.release("k")
    assert ["k-0"] == [thing.id for thing in cloud.things()]
    assert ["start"] == [call.action for call in cloud.calls]
    cloud.cut(None)
    driver.release("k")
    assert () == cloud.things()


def test_a_lost_answer_is_work_done(cloud, driver):
    """The call is done and nobody hears of it."""
    cloud.script(cloud.fault(FaultKind.LOST_RESPONSE))
    with pytest.raises(TransientError):
        driver.acquire(asked(driver), key="k")
    assert ["k-0"] == [thing.id for thing in cloud.things()]
    assert "no answer" == cloud.calls[0].outcome


def test_a_stale_list_is_the_one_before(cloud, driver):
    """A list that lags lacks what was made last; what was ended last is still in it."""
    driver.acquire(asked(driver), key="k")
    stale = cloud.fault(FaultKind.STALE_LIST)
    cloud.script(stale)
    assert [("k-0",)] == [lease.machines for lease in driver.leases("lab")]
    assert "ok (stale-list)" == cloud.calls[-1].outcome
    driver.release("k")
    cloud.script(stale)
    assert [("k-1",)] == [lease.machines for lease in driver.leases("lab")]
    assert [] == driver.leases("lab")


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (FaultKind.CAPACITY, CapacityError),
        (FaultKind.QUOTA, QuotaError),
        (FaultKind.AUTH, AuthError),
        (FaultKind.THROTTLE, TransientError),
    ],
)
def test_kinds_come_in_the_clouds_own_words(cloud, driver, kind, error):
    """Each kind makes the driver raise what it stands for, once, and shows no secret."""
    cloud.script(cloud.fault(kind))
    with pytest.raises(error) as raised:
        driver.acquire(asked(driver), key="k")
    assert PLANTED not in str(raised.value)
    assert 2 == len(driver.acquire(asked(driver), key="k").machines)


def test_a_reclaim_comes_two_minutes_after_its_notice(cloud, driver):
    """Machines go when the notice is over, and at once without one."""
    driver.acquire(asked(driver), key="k")
    cloud.reclaim("k")
    cloud.advance(119)
    assert 2 == len(cloud.things())
    cloud.advance(1)
    assert () == cloud.things()
    driver.acquire(asked(driver), key="k")
    cloud.reclaim("k", notice=False)
    assert () == cloud.things()
    with pytest.raises(KeyError):
        cloud.reclaim("k")


def outcomes(cloud, driver, seed):
    """Return what calls came to under random faults."""
    cloud.reset()
    cloud.random({FaultKind.THROTTLE: 0.3, FaultKind.LOST_RESPONSE: 0.2}, seed=seed)
    for _ in range(40):
        try:
            driver.leases("lab")
        except TransientError:
            continue
    return [call.outcome for call in cloud.calls]


def test_random_faults_hang_on_the_seed(cloud, driver):
    """One seed makes the same faults again, another one others, and all kinds come."""
    first = outcomes(cloud, driver, 7)
    assert first == outcomes(cloud, driver, 7)
    assert first != outcomes(cloud, driver, 8)
    assert {"ok", "SlowDown", "no answer"} == set(first)


def test_faults_that_a_cloud_does_not_know_are_none(cloud, driver):
    """A kind that the cloud has no words for, or another action, changes nothing."""
    cloud.random({FaultKind.PARTIAL: 0.5, FaultKind.CAPACITY: 0.5}, seed=1)
    assert [[]] * 5 == [driver.leases("lab") for _ in range(5)]


def test_a_cloud_that_does_not_run_takes_no_script():
    """A fault for a cloud outside its with statement is refused, not forgotten."""
    idle = HonestCloud()
    with pytest.raises(PluginError, match="with statement"):
        idle.script(ScriptedFault(action="start", lost=True))


@given(st.integers(), st.lists(st.sampled_from("ab"), max_size=30))
def test_draws_hang_on_nothing_but_their_own_action(seed, calls):
    """What an action meets is the same whatever else is called in between."""
    rates = {FaultKind.CAPACITY: 0.3, FaultKind.THROTTLE: 0.4}
    mixed, alone = Chance(rates, seed=seed), Chance(rates, seed=seed)
    drawn = [(action, mixed.draw(action)) for action in calls]
    assert [kind for action, kind in drawn if action == "a"] == [
        alone.draw("a") for _ in range(calls.count("a"))
    ]


def test_draws_come_as_often_as_the_rates_say():
    """Over many calls the shares are those asked for, within three standard deviations."""
    chance = Chance({FaultKind.CAPACITY: 0.3, FaultKind.PREEMPT: 0.1}, seed=7)
    drawn = [chance.draw("start") for _ in range(2000)]
    assert 540 <= drawn.count(FaultKind.CAPACITY) <= 660
    assert 160 <= drawn.count(FaultKind.PREEMPT) <= 240


def test_threads_change_nothing():
    """However calls interleave, the same number of them meets the same faults."""
    rates = {FaultKind.CAPACITY: 0.5}
    one, many = Chance(rates, seed=3), Chance(rates, seed=3)
    drawn = []
    threads = [
        threading.Thread(target=lambda: drawn.extend(many.draw("a") for _ in range(50)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = [one.draw("a") for _ in range(200)]
    assert expected.count(None) == drawn.count(None)


@pytest.mark.parametrize("rates", [{"a": 0.6, "b": 0.5}, {"a": -0.1}])
def test_rates_that_are_none_are_refused(rates):
    """Shares are not negative and add up to at most 1."""
    with pytest.raises(ValueError, match="rates must be shares"):
        Chance(rates, seed=0)


def test_a_fault_waits_for_its_call():
    """`after` counts the calls that match, those that met another fault included."""
    script = Script()
    script.add(
        ScriptedFault(action=None, code="A", after=2),
        ScriptedFault(action="run", code="B"),
        ScriptedFault(action=None, code="C", after=2),
    )
    shown = [script.take(action, {}) for action in ("list", "run", "list", "list", "list")]
    assert [None, "B", "A", "C", None] == [one and one.code for one in shown]
    assert () == script.unshown()


def test_time_passes_in_order():
    """What is due happens at its time, in order, also what is planned meanwhile."""
    clock, seen = Clock(START), []
    clock.after(20, lambda: seen.append(("b", clock.now)))
    clock.after(10, lambda: clock.after(5, lambda: seen.append(("a", clock.now))))
    clock.after(60, lambda: seen.append(("later", clock.now)))
    clock.advance(30)
    told = [(name, (when - START) / timedelta(seconds=1)) for name, when in seen]
    assert [("a", 15.0), ("b", 20.0)] == told
    assert START + timedelta(seconds=30) == clock.now
    clock.reset()
    clock.advance(100)
    assert 2 == len(seen)


def test_a_table_that_lags():
    """Stale rows are those before the latest change; asking by id never lags."""
    table = Table({"a": 1})
    table.put("b", 2)
    assert ({"a": 1}, {"a": 1, "b": 2}, 2) == (table.rows(stale=True), table.rows(), table.get("b"))
    assert 1 == table.drop("a")
    assert None is table.drop("a")
    assert {"a": 1, "b": 2} == table.rows(stale=True)
    table.clear()
    assert {} == table.rows(stale=True) == table.rows()


def test_accounts_are_hidden_and_come_back(monkeypatch):
    """Whatever tells an account is gone inside, blocks in each other too, and back after."""
    told = ("AWS_PROFILE", "AZURE_TENANT_ID", "OS_AUTH_URL", "KUBECONFIG", "SSH_AUTH_SOCK")
    for name in (*told, "HYBRIDPLACE_SHARED"):
        monkeypatch.setenv(name, "mine")
    before = dict(os.environ)
    with account_hidden(), account_hidden():
        assert {os.devnull, None} == {os.environ.get(name) for name in told}
        assert "mine" == os.environ["HYBRIDPLACE_SHARED"]
    assert before == dict(os.environ)


def test_a_cloud_over_tls(tmp_path):
    """With a certificate the same application is served over TLS, and plain HTTP is not."""
    certificate, key = make_ssl_devcert(str(tmp_path / "cloud"), host="localhost")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)

    def app(environ, start):
        start("200 OK", [("Content-Type", "text/plain")])
        return [environ["PATH_INFO"].encode()]

    with serving(app, name="tls", tls=tls) as url:
        assert url.startswith("https://127.0.0.1:")
        known = ssl.create_default_context(cafile=certificate)
        known.check_hostname = False
        with urllib.request.urlopen(f"{url}/x", context=known) as answer:  # noqa: S310
            assert b"/x" == answer.read()


def test_every_cloud_can_be_found():
    """Each class stands for its provider, and its faults are of actions that it has."""
    for name in CLOUDS:
        found = cloud_class(name)
        assert name == found.provider
        told = [found().fault(kind) for kind in FaultKind]
        assert {one.action for one in told if one is not None} <= {None, *found.actions}
        assert found.actions <= actions()


def test_rates_as_text():
    """Kinds and shares are read."""
    text = "capacity:0.3, throttle:0.2,lost-response:0.1,preempt:.1"
    assert {
        FaultKind.CAPACITY: 0.3,
        FaultKind.THROTTLE: 0.2,
        FaultKind.LOST_RESPONSE: 0.1,
        FaultKind.PREEMPT: 0.1,
    } == read_rates(text)


@pytest.mark.parametrize(
    ("text", "expected", "got", "remedy"),
    [
        ("capcity:0.3", "one of capacity", "'capcity'", "did you mean capacity?"),
        ("capacity", "capacity: a share", "''", "write KIND:RATE"),
        ("capacity:1.5", "capacity: a share", "'1.5'", "write KIND:RATE"),
        ("capacity:0.1,capacity:0.1", "capacity once", "capacity again", "remove one"),
        ("capacity:0.6,throttle:0.6", "rates that add up", "1.2", "write KIND:RATE"),
        ("", "one of capacity", "''", "write KIND:RATE"),
    ],
)
def test_rates_that_mean_nothing_are_refused(text, expected, got, remedy):
    """What is wrong is told with what was expected, what came and what to write."""
    with pytest.raises(InputError) as raised:
        read_rates(text)
    (fault,) = raised.value.faults
    assert ("--faults", got) == (fault.path, fault.got)
    assert fault.expected.startswith(expected)
    assert fault.remedy.startswith(remedy)
