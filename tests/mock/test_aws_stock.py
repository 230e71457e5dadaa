from __future__ import annotations

import csv

import pytest
from moto.ec2.models.instance_types import (
    INSTANCE_TYPE_OFFERINGS,
    INSTANCE_TYPES,
    InstanceTypeBackend,
)

from hybridplace.errors import CapacityError, PluginError, ProviderError
from hybridplace.mock.aws import MockAws
from hybridplace.mock.aws_stock import facts_of, stocked, zones
from hybridplace.model.site import Market, Measure, Pool
from hybridplace.plugin.interfaces import Settings
from hybridplace_aws.families import ACCELERATORS, SIZED
from hybridplace_aws.provider import AwsProvider

from .conftest import OWNER, request_for
from .conftest import offer as one_offer

REGIONS = ("eu-central-1", "eu-west-1", "us-east-1", "us-east-2", "eu-north-1", "eu-west-3")
NEW = "aws/mx-central-1"  # a region that moto has no tables for
MADE_UP = "z9.16xlarge"


def offer(instance_type="c5.large", market=Market.ON_DEMAND, region=REGIONS[0], **changed):
    """Return an offer with a price, as a catalog has it."""
    return one_offer(instance_type, market, region, as_of="2026-11-01", **changed)


ODD = {
    "cpus": 64.0,
    "memory_gib": 488.0,
    "accelerator": "V100-16GB",
    "accelerators": 8,
    "interconnect_gbps": 25.0,
    "confidential": ("sev-snp", "nitro-enclaves"),
}
OFFERS = (
    *(offer(kind, market, r) for r in REGIONS for kind in ("c5.large",) for market in Market),
    *(offer("g5.xlarge", Market.SPOT, region, price_usd_h=0.4) for region in REGIONS),
    offer(MADE_UP, price_usd_h=7.5, **ODD),
    offer(MADE_UP, Market.SPOT, available=False, price_usd_h=2.0, **ODD),
    offer("p5.48xlarge", region="mx-central-1", price_usd_h=99.0),
    offer("t9g.large", Market.SPOT, "mx-central-1", price_usd_h=0.01),
    offer("m7i.large", region="eu-west-3", price_usd_h=0.1, available=False),
)
POOLS = (
    Pool(id="aws/eu-west-3/quota/L-1216C47A", site="x", measure=Measure.CPUS, at_most=12),
    Pool(id="clinic-gpu", site="clinic"),
)


@pytest.fixture(scope="module")
def cloud():
    """Give a mocked AWS that sells these offers, and an own one that it passes over."""
    own = one_offer("x", Market.OWNED, site="clinic")
    with MockAws(offers=(*OFFERS, own), pools=POOLS) as server:
        yield server


@pytest.fixture
def provider(cloud):
    """Give a provider for all regions used here."""
    regions = (*REGIONS, "mx-central-1")
    options = {"instance_types": f"{MADE_UP},p5.48xlarge,t9g.large,m7i.large,c5.large"}
    settings = Settings(owner=OWNER, regions=regions, endpoint=cloud.endpoint, options=options)
    made = AwsProvider(settings)
    yield made
    made.close()


def test_offers_of_the_problem_are_those_of_the_cloud(cloud):
    """What goes in comes out of the driver, also types and regions that moto does not know."""
    regions = (REGIONS[0], "mx-central-1")
    options = {"instance_types": f"{MADE_UP},p5.48xlarge,t9g.large"}
    settings = Settings(owner=OWNER, regions=regions, endpoint=cloud.endpoint, options=options)
    made = AwsProvider(settings)
    live = {found.id: found for found in made.offers()}
    made.close()
    found = live[f"aws/{REGIONS[0]}/{MADE_UP}/on_demand"]
    assert ODD | {"price_usd_h": 7.5} == {
        name: getattr(found, name) for name in (*ODD, "price_usd_h")
    }
    assert not live[f"aws/{REGIONS[0]}/{MADE_UP}/spot"].available
    assert 99.0 == live[f"{NEW}/p5.48xlarge/on_demand"].price_usd_h
    assert 0.01 == live[f"{NEW}/t9g.large/spot"].price_usd_h


def test_ten_leases_in_seven_regions(cloud, provider):
    """Gangs of one to four, CPU and GPU, both markets, any region: acquired, told, released."""
    cloud.reset()
    asked = [offer(region=region) for region in REGIONS]
    asked += [
        one for one in OFFERS if one.available and one.instance_type in ("t9g.large", MADE_UP)
    ]
    asked += [one for one in OFFERS if one.instance_type == "g5.xlarge"][:2]
    sizes = {}
    for number, one in enumerate(asked):
        sizes[f"key-{number}"] = 1 + number % 4
        provider.acquire(request_for(one, machines=1 + number % 4), key=f"key-{number}")
    assert 10 == len(sizes)
    assert sizes == {lease.id: len(lease.machines) for lease in provider.leases(OWNER)}
    for key in sizes:
        provider.release(key)
    assert () == cloud.things()


def test_calls_of_one_acquire(cloud, provider):
    """Acquiring asks for what stands, the image and the zones, runs, and looks again: 8 calls."""
    cloud.reset()
    provider.acquire(request_for(offer()), key="key-1")
    expected = ["DescribeInstances", "DescribeInstanceTypes", "GetParameter", "DescribeImages"]
    expected += ["DescribeInstanceTypeOfferings", "DescribeSubnets", "RunInstances"]
    assert [*expected, "DescribeInstances"] == [call.action for call in cloud.calls]
    provider.release("key-1")


@pytest.mark.parametrize(
    "refused",
    [
        offer("m7i.large", region="eu-west-3"),
        offer(MADE_UP, Market.SPOT),
        offer("r5.large", Market.SPOT),
    ],
    ids=["sold out", "sold out spot", "no spot price"],
)
def test_sold_out(cloud, provider, refused):
    """What is listed as sold out, or has no spot price, is refused for lack of capacity."""
    with pytest.raises(CapacityError) as raised:
        provider.acquire(request_for(refused), key="key-1")
    assert "InsufficientInstanceCapacity" == raised.value.code
    assert () == cloud.things()


def test_type_that_nobody_knows(cloud, provider):
    """A type that neither moto nor the offers know is a ProviderError that names it."""
    with pytest.raises(ProviderError, match=r"y9\.large") as raised:
        provider.acquire(request_for(offer("y9.large")), key="key-1")
    assert "InvalidInstanceType" == raised.value.code


def test_region_that_nobody_knows(cloud):
    """A region that moto does not know is refused by name, and not told as something to repeat."""
    nowhere = "eu-nowhere-9"
    made = AwsProvider(Settings(owner=OWNER, regions=(nowhere,), endpoint=cloud.endpoint))
    with pytest.raises(ProviderError, match="has no region eu-nowhere-9") as raised:
        made.acquire(request_for(offer(region=nowhere)), key="key-1")
    assert (ProviderError, "NotMocked") == (type(raised.value), raised.value.code)
    made.close()


def test_quotas(provider):
    """Pools named as AWS's quotas are the account's quotas; other pools are passed over."""
    assert [("aws/eu-west-3/quota/L-1216C47A", 12.0)] == [
        (pool.id, pool.at_most) for pool in provider.quotas()
    ]


def test_one_at_a_time(cloud):
    """A second mocked AWS in one process is refused in words, and the first goes on."""
    with pytest.raises(PluginError, match="another mocked AWS runs"), MockAws():
        pass
    assert cloud.calls is not None


def test_tables_are_restored():
    """Afterwards moto's tables are as before, regions that it did not have included."""
    before = _tables()
    others = (offer("z8.large", region="mx-central-1"), offer("z8.large", region="us-gov-west-1"))
    with stocked(others):
        assert "z8.large" in INSTANCE_TYPES
        places = INSTANCE_TYPE_OFFERINGS["availability-zone"]["us-gov-west-1"]
        assert zones("us-gov-west-1") == [place["Location"] for place in places]
    assert before == _tables()


def _tables():
    """Return how much is in moto's tables."""
    offered = {
        (kind, region): len(places)
        for kind, regions in INSTANCE_TYPE_OFFERINGS.items()
        for region, places in regions.items()
    }
    return len(INSTANCE_TYPES), len(InstanceTypeBackend.instance_types), offered


def test_catalog_names_are_no_names_of_aws():
    """An accelerator described under its catalog name keeps it on the way back."""
    names = {*ACCELERATORS.values(), *SIZED.values()}
    assert {name: name for name in names} == {name: ACCELERATORS.get(name, name) for name in names}


def test_every_region_of_the_facts_is_known(shared):
    """Each AWS region that has prices has zones in the mocked cloud."""
    with (shared / "catalog" / "offers.csv").open() as file:
        regions = {row["region"] for row in csv.DictReader(file) if row["provider"] == "aws"}
    assert len(regions) > 30
    assert [] == sorted(region for region in regions if not zones(region))


def test_facts_of_nothing():
    """Without offers and pools nothing is priced or limited."""
    facts = facts_of((), ())
    assert ({}, {}, frozenset()) == (facts.prices_usd_h, facts.quotas_cpus, facts.sold_out)
