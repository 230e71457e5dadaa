from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from hybridplace.mock.aws import MockAws
from hybridplace.mock.guard import loopback_only
from hybridplace.mock.script import Call
from hybridplace.model.site import Market, Measure, Offer, Pool
from hybridplace.plugin.interfaces import Request, Settings
from hybridplace_aws.provider import AwsProvider

REGION = "eu-central-1"
OWNER = "hospital"
QUOTAS = {
    (REGION, "L-417A185B"): 192.0,
    (REGION, "L-3819A6DF"): 64.0,
    (REGION, "L-1216C47A"): 640.0,
    (REGION, "L-0263D0A3"): 5.0,
    ("eu-west-1", "L-417A185B"): 0.0,
}


def offer(
    instance_type: str = "c5.large",
    market: Market = Market.ON_DEMAND,
    region: str = REGION,
    **changed: Any,
) -> Offer:
    """Return an offer as the catalog would have it."""
    told: dict[str, Any] = {
        "id": f"aws/{region}/{instance_type}/{market}",
        "site": f"aws/{region}",
        "instance_type": instance_type,
        "market": market,
        "price_usd_h": 1.0,
        "cpus": 2.0,
        "memory_gib": 4.0,
    }
    return Offer(**(told | changed))


OFFERS = (
    offer("p4d.24xlarge", price_usd_h=39.3),
    offer("p4d.24xlarge", Market.SPOT, price_usd_h=13.1),
    offer("g5.xlarge", price_usd_h=1.26),
    offer("c5.large", price_usd_h=None),
)
POOLS = tuple(
    Pool(
        id=f"aws/{region}/quota/{code}",
        site=f"aws/{region}",
        measure=Measure.CPUS,
        at_most=cpus,
    )
    for (region, code), cpus in QUOTAS.items()
)


@dataclass(slots=True)
class Seen:
    """Every request that reached the mocked AWS since the test began."""

    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def __call__(self, headers, body) -> None:
        """Keep one request."""
        self.requests.append((dict(headers), body))


_seen = Seen()


@pytest.fixture(scope="module")
def _server() -> Iterator[MockAws]:
    with MockAws(offers=OFFERS, pools=POOLS, watch=_seen) as server:
        yield server


@pytest.fixture
def aws(_server) -> MockAws:
    """Give a mocked AWS with nothing in it."""
    _server.reset()
    _seen.requests.clear()
    return _server


@pytest.fixture
def seen(aws) -> Seen:
    """Give what reached it."""
    return _seen


@pytest.fixture(autouse=True)
def _nothing_leaves() -> Iterator[None]:
    with loopback_only():
        yield


@pytest.fixture
def make(aws) -> Iterator[Callable[..., AwsProvider]]:
    """Make providers as separate processes would, each knowing nothing of the others."""
    made = []

    def one(*, regions: tuple[str, ...] = (REGION,), **options: str) -> AwsProvider:
        settings = Settings(owner=OWNER, regions=regions, endpoint=aws.endpoint, options=options)
        made.append(AwsProvider(settings))
        return made[-1]

    yield one
    for provider in made:
        provider.close()


@pytest.fixture
def provider(make) -> AwsProvider:
    """Give a provider for one region."""
    return make()


def request_for(offer: Offer, **changed: Any) -> Request:
    """Return a request for one machine that ends in 2030."""
    asked: dict[str, Any] = {
        "owner": OWNER,
        "plan": "plan-1",
        "job": "retrain",
        "offer": offer,
        "machines": 1,
        "expires": "2030-01-01T00:00:00+00:00",
    }
    return Request(**(asked | changed))


def runs_of(aws: MockAws) -> list[Call]:
    """Return the calls of RunInstances so far."""
    return [call for call in aws.calls if call.action == "RunInstances"]


def machines_of(aws: MockAws) -> list[str]:
    """Return the ids of the machines that have not ended."""
    return [thing.id for thing in aws.things() if thing.machine]
