"""A dry run knows no account: everything that could hold one is laid out, and nothing is read."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading

import pytest

from hybridplace.mock.aws import MockAws
from hybridplace.model.site import Market

from .conftest import offer

SENTINEL = "SENTINEL"
# Runs on its own, so that nothing was read before the watch is set.
WATCH = """
import json, os, sys

opened, reached = set(), set()

def watch(event, arguments):
    if event == "open" and "SENTINEL" in str(arguments[0]):
        opened.add(os.path.basename(str(arguments[0])))
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        reached.add("%s:%s" % arguments[1][:2])

sys.addaudithook(watch)

from hybridplace.mock.aws import MockAws
from hybridplace.mock.guard import loopback_only
from hybridplace.model.site import Market, Offer
from hybridplace.plugin import Request, Settings
from hybridplace.plugin.manager import load_plugins

SITE = "aws/eu-central-1"
OFFERS = [
    Offer(id=f"{SITE}/c5.large/{market}", site=SITE, instance_type="c5.large", market=market,
          price_usd_h=0.1, cpus=2.0, memory_gib=4.0)
    for market in (Market.ON_DEMAND, Market.SPOT)
]

def drive(endpoint):
    settings = Settings(owner="o", regions=("eu-central-1",), endpoint=endpoint,
                        options={"instance_types": "c5.large"})
    provider = load_plugins(names=["aws"]).provider("aws", settings)
    listed = [*provider.sites(), *provider.offers(), *provider.quotas(), *provider.notices()]
    for offer in OFFERS:
        asked = Request(owner="o", plan="p", job="j", offer=offer, machines=2,
                        expires="2030-01-01T00:00:00+00:00")
        provider.acquire(asked, key=offer.id)
    leases = [lease.id for lease in provider.leases("o")]
    for lease in leases:
        provider.release(lease)
    provider.close()
    return {"listed": len(listed), "leases": leases, "endpoint": endpoint}
"""
WHOLE = (
    WATCH
    + """
wire, before = [], dict(os.environ)
with loopback_only(), MockAws(offers=OFFERS, watch=lambda *sent: wire.append(repr(sent))) as aws:
    told = drive(aws.endpoint)
    told |= {"things": [str(one) for one in aws.things()]}
    told |= {"calls": [str(call) for call in aws.calls]}
told |= {"opened": sorted(opened), "reached": sorted(reached), "wire": wire}
print(json.dumps(told | {"restored": before == dict(os.environ)}))
"""
)
DRIVER = (
    WATCH
    + """
with loopback_only():
    told = drive(sys.argv[1])
print(json.dumps(told | {"opened": sorted(opened), "reached": sorted(reached)}))
"""
)


class Temptation:
    """Stands where instance metadata, a proxy or another endpoint would be; counts who comes."""

    def __init__(self) -> None:
        self.visits = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._count, daemon=True)
        self._thread.start()

    def _count(self) -> None:
        while True:
            try:
                visitor, _ = self._server.accept()
            except OSError:
                return
            self.visits += 1
            visitor.close()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()


@pytest.fixture(scope="module")
def temptation():
    """Give a server on loopback that nothing should ask."""
    server = Temptation()
    yield server
    server.close()


@pytest.fixture(scope="module")
def account(temptation, tmp_path_factory):
    """Lay out an account in every place where SDKs look for one; give the environment."""
    home = tmp_path_factory.mktemp(SENTINEL)
    folder = home / ".aws"
    folder.mkdir()
    keys = f"aws_access_key_id = {SENTINEL}\naws_secret_access_key = {SENTINEL}\n"
    for name, profile in (("credentials", "work"), ("config", "profile work")):
        text = f"[default]\n{keys}region = {SENTINEL}\n[{profile}]\n{keys}"
        (folder / name).write_text(text)
    elsewhere = f"http://127.0.0.1:{temptation.port}"
    return {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": ":".join(path for path in sys.path if path),
        "AWS_ACCESS_KEY_ID": SENTINEL,
        "AWS_SECRET_ACCESS_KEY": SENTINEL,
        "AWS_SESSION_TOKEN": SENTINEL,
        "AWS_PROFILE": "work",
        "AWS_DEFAULT_REGION": "eu-west-3",
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(folder / "credentials"),
        "AWS_ROLE_ARN": f"arn:aws:iam::123456789012:role/{SENTINEL}",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": elsewhere,
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": elsewhere,
        "AWS_ENDPOINT_URL": elsewhere,
        "AWS_CA_BUNDLE": str(folder / "credentials"),
        "HTTP_PROXY": elsewhere,
        "HTTPS_PROXY": elsewhere,
    }


def _told(script, environment, *arguments):
    """Return what a script says that runs in a process with this environment only."""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module", params=["mocked cloud and driver", "driver alone"])
def told(request, account):
    """Run a dry run in one process, or the driver's part of it against a cloud in this one."""
    if request.param != "driver alone":
        return _told(WHOLE, account | {"AWS_PROFILE": "no-such-profile"})
    wire, offers, before = [], [offer(), offer(market=Market.SPOT)], dict(os.environ)
    with MockAws(offers=offers, watch=lambda *sent: wire.append(repr(sent))) as aws:
        found = _told(DRIVER, account, aws.endpoint)
        found |= {"calls": [str(call) for call in aws.calls]}
        found |= {"things": [str(thing) for thing in aws.things()]}
    return found | {"wire": wire, "restored": before == dict(os.environ)}


def test_the_dry_run_did_something(told):
    """Offers were listed, both markets acquired, and the calls recorded."""
    assert 3 == told["listed"]
    assert 2 == len(told["leases"])
    assert 2 == sum("RunInstances" in call for call in told["calls"])


def test_no_credential_is_on_the_wire(told):
    """Nothing of the account reaches even the mocked cloud: not in headers, not in bodies."""
    assert len(told["wire"]) > 15
    assert [] == [sent for sent in told["wire"] if SENTINEL in sent]
    assert [] == [sent for sent in told["wire"] if "hybridplace-dry-run" not in sent]


def test_no_file_of_the_account_is_opened(told):
    """Neither the configuration nor the credentials are opened, by the SDK or by the mock."""
    assert [] == told["opened"]


def test_nobody_else_is_asked(told, temptation):
    """Metadata, proxy and other endpoints are never asked; all calls go to the mocked cloud."""
    assert 0 == temptation.visits
    assert [told["endpoint"].removeprefix("http://")] == told["reached"]


def test_nothing_is_left(told):
    """After the leases are released the mocked cloud holds nothing that costs."""
    assert [] == told["things"]


def test_the_environment_is_as_before(told):
    """The account is hidden only while the mocked cloud runs."""
    assert told["restored"]


def test_the_temptation_is_tempting(account, temptation):
    """The SDK as it comes does ask the other endpoint, and does open the files."""
    script = (
        WATCH
        + """
import boto3
from botocore.exceptions import BotoCoreError, ClientError
try:
    boto3.client("ec2", region_name="eu-central-1").describe_regions()
except (BotoCoreError, ClientError):
    pass
print(json.dumps([sorted(opened), sorted(reached)]))
"""
    )
    before = temptation.visits
    opened, reached = _told(script, account | {"AWS_MAX_ATTEMPTS": "1"})
    assert temptation.visits > before
    assert ["config", "credentials"] == opened
    assert [f"127.0.0.1:{temptation.port}"] == reached
