from __future__ import annotations

import socket
import threading
from contextlib import suppress

import boto3
import pytest
from botocore.exceptions import HTTPClientError

from hybridplace.errors import AuthError
from hybridplace.mock.guard import LeakError, is_loopback, loopback_only
from hybridplace.plugin.interfaces import Settings
from hybridplace_aws.provider import AwsProvider

OUTSIDE = "192.0.2.1"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        (b"127.0.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        (None, True),
        (OUTSIDE, False),
        ("0.0.0.0", False),  # noqa: S104
        ("169.254.169.254", False),
        ("::ffff:192.0.2.1", False),
        ("localhost.example.org", False),
        ("127.0.0.1.example.org", False),
        ("ec2.eu-central-1.amazonaws.com", False),
        ("", False),
    ],
)
def test_loopback(host, expected):
    """Only loopback addresses, localhost and passive look-ups are this machine."""
    assert expected == is_loopback(host)


def _connect(kind):
    with socket.socket(socket.AF_INET, kind) as one:
        one.connect((OUTSIDE, 443))


def _connect_ex():
    with socket.socket() as one:
        one.connect_ex((OUTSIDE, 443))


def _send(method, *arguments):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        getattr(one, method)(*arguments)


@pytest.mark.parametrize(
    "attempt",
    [
        lambda: _connect(socket.SOCK_STREAM),
        lambda: _connect(socket.SOCK_DGRAM),
        _connect_ex,
        lambda: _send("sendto", b"x", (OUTSIDE, 53)),
        lambda: _send("sendto", b"x", 0, (OUTSIDE, 53)),
        lambda: _send("sendmsg", [b"x"], [], 0, (OUTSIDE, 53)),
        lambda: socket.create_connection((OUTSIDE, 443)),
        lambda: socket.getaddrinfo(OUTSIDE, 443),
        lambda: socket.getaddrinfo(host=OUTSIDE, port=443),
        lambda: socket.gethostbyname(OUTSIDE),
    ],
)
def test_refuses(attempt):
    """Every way to reach or look up another host raises and names it, at once and at the end."""
    with (
        pytest.raises(LeakError, match=OUTSIDE),
        loopback_only(),
        pytest.raises(LeakError, match=OUTSIDE),
    ):
        attempt()


def test_swallowed_refusal_shows_at_the_end():
    """A library that swallows the refusal cannot hide it, even in another thread."""

    def swallow():
        with suppress(LeakError):
            socket.create_connection((OUTSIDE, 443))

    def in_a_thread():
        with loopback_only():
            thread = threading.Thread(target=swallow)
            thread.start()
            thread.join()

    with pytest.raises(LeakError, match=OUTSIDE):
        in_a_thread()


def test_loopback_works_and_all_is_restored():
    """Connections within this machine go through, and afterwards sockets are as before."""
    with socket.create_server(("127.0.0.1", 0)) as server, loopback_only():
        with socket.create_connection(("localhost", server.getsockname()[1])):
            pass
        inner = socket.socket.connect
    assert inner is socket.socket.connect  # the guard around every test here is still on


def test_nested_guards_blame_the_inner_one():
    """A refusal inside a nested guard is not told twice."""
    with loopback_only() as outer:
        with pytest.raises(LeakError), loopback_only():
            socket.getaddrinfo("example.org", 443)
        assert [] == outer.refused


def test_sdk_without_endpoint_is_refused():
    """boto3 that would talk to the real AWS is stopped, naming the host."""
    host = r"ec2\.eu-central-1\.amazonaws\.com"
    session = boto3.session.Session("key", "secret", region_name="eu-central-1")
    client = session.client("ec2")
    with (
        pytest.raises(LeakError, match=host),
        loopback_only(),
        pytest.raises(HTTPClientError, match=host),
    ):
        client.describe_regions()
    client.close()


def test_driver_without_endpoint_is_refused(monkeypatch):
    """The driver tells the guard's refusal as it is, not as a failure to repeat."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    provider = AwsProvider(Settings(owner="o", regions=("eu-central-1",)))
    host = r"ec2\.eu-central-1\.amazonaws\.com"
    with (
        pytest.raises(LeakError, match=host),
        loopback_only(),
        pytest.raises(LeakError, match=host),
    ):
        provider.leases("o")
    provider.close()


def test_driver_without_credentials_is_an_auth_error(monkeypatch, tmp_path):
    """Without an endpoint and without credentials a person must act: AuthError, no traceback."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    provider = AwsProvider(Settings(owner="o", regions=("eu-central-1",)))
    with pytest.raises(AuthError, match="credentials"):
        provider.leases("o")
    provider.close()
