from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hybridplace.mock.script import ScriptedFault
from hybridplace.model.site import Market, Measure, Site
from hybridplace.plugin.interfaces import Settings
from hybridplace_aws.families import accelerators_of, family_of, quota_code
from hybridplace_aws.provider import AwsProvider

from .conftest import OWNER, QUOTAS, REGION

FEW = "p4d.*, g5.xlarge, c5.large, t4g.small"


def _offers(provider):
    return {offer.id.removeprefix(f"aws/{REGION}/"): offer for offer in provider.offers()}


def test_offers(aws, make):
    """Offers have the sizes that EC2 tells and live prices; a blank price stays blank."""
    offers = _offers(make(instance_types=FEW))
    types = ("c5.large", "g5.xlarge", "p4d.24xlarge", "t4g.small")
    assert [f"{name}/{market}" for name in types for market in ("on_demand", "spot")] == list(
        offers
    )
    a100 = offers["p4d.24xlarge/spot"]
    assert (96.0, 1152.0, "A100-40GB", 8, 400.0) == (
        a100.cpus,
        a100.memory_gib,
        a100.accelerator,
        a100.accelerators,
        a100.interconnect_gbps,
    )
    assert (13.1, Market.SPOT) == (a100.price_usd_h, a100.market)
    assert datetime.now(UTC).date().isoformat() == a100.as_of
    assert 39.3 == offers["p4d.24xlarge/on_demand"].price_usd_h
    blank = offers["c5.large/on_demand"]
    assert (None, None, True) == (blank.price_usd_h, blank.as_of, blank.available)
    assert not offers["c5.large/spot"].available


def test_offers_over_pages(aws, make):
    """Listings that come in pages are read to the end."""
    whole = _offers(make(instance_types=FEW))
    calls = len(aws.calls)
    aws._wire.page_size = 150
    assert whole == _offers(make(instance_types=FEW))
    assert len(aws.calls) - calls > calls


def test_offers_name_known_quotas(make):
    """An offer names the quota it counts on, if the account has that quota; else none."""
    provider = make(instance_types=FEW)
    pools = {pool.id: pool for pool in provider.quotas()}
    offers = _offers(provider)
    assert f"aws/{REGION}/quota/L-417A185B" == offers["p4d.24xlarge/on_demand"].pool
    assert f"aws/{REGION}/quota/L-3819A6DF" == offers["g5.xlarge/spot"].pool
    assert offers["p4d.24xlarge/spot"].pool is None
    assert {offer.pool for offer in offers.values()} <= {*pools, None}


def test_quotas(aws, make):
    """Quotas are vCPU pools of their site, over pages; those of other things are not told."""
    aws._wire.page_size = 1
    pools = {pool.id: pool for pool in make(regions=(REGION, "eu-west-1")).quotas()}
    expected = {
        f"aws/{region}/quota/{code}": cpus
        for (region, code), cpus in QUOTAS.items()
        if code != "L-0263D0A3"
    }
    assert expected == {name: pool.at_most for name, pool in pools.items()}
    assert {Measure.CPUS} == {pool.measure for pool in pools.values()}
    assert f"aws/{REGION}" == pools[f"aws/{REGION}/quota/L-417A185B"].site
    assert {()} == {pool.nodes for pool in pools.values()}


def test_prices_and_quotas_may_be_forbidden(aws, make):
    """Without permission to read prices or quotas they stay blank; everything else works."""
    aws.script(
        ScriptedFault(action="GetProducts", code="AccessDeniedException", times=None),
        ScriptedFault(action="ListServiceQuotas", code="AccessDeniedException", times=None),
    )
    provider = make(instance_types=FEW)
    offers = _offers(provider)
    told = (offers["p4d.24xlarge/on_demand"].price_usd_h, offers["p4d.24xlarge/spot"].price_usd_h)
    assert (None, 13.1) == told
    assert {None} == {offer.pool for offer in offers.values()}
    assert [] == list(provider.quotas())


def test_spot_history(provider):
    """The history has a row per zone with time, type, zone and price, narrowed to a type."""
    rows = provider.spot_price_history(REGION, hours=24, instance_types=("p4d.24xlarge",))
    assert [f"{REGION}a", f"{REGION}b"] == sorted({zone for _, _, zone, _ in rows})[:2]
    assert {("p4d.24xlarge", 13.1)} == {(kind, price) for _, kind, _, price in rows}
    assert all(since.tzinfo is not None for since, _, _, _ in rows)
    assert [] == provider.spot_price_history(REGION, hours=24, instance_types=("c5.large",))


def test_sites(aws):
    """A site is what the estate says of it; of others AWS tells the country and no more."""
    known = Site(id="aws/eu-west-1", provider="aws", region="eu-west-1", country="IE", pue=1.1)
    settings = Settings(
        owner=OWNER, sites=(known,), regions=("eu-west-1", REGION), endpoint=aws.endpoint
    )
    provider = AwsProvider(settings)
    ireland, germany = provider.sites()
    assert known == ireland
    assert ("DE", REGION, f"aws/{REGION}") == (germany.country, germany.region, germany.id)
    assert () == (*germany.jurisdictions, *germany.attestations)
    provider.close()


@pytest.mark.parametrize(
    ("instance_type", "family", "on_demand", "spot"),
    [
        ("m7i.large", "standard", "L-1216C47A", "L-34B43A08"),
        ("im4gn.large", "standard", "L-1216C47A", "L-34B43A08"),
        ("d3en.xlarge", "standard", "L-1216C47A", "L-34B43A08"),
        ("g6e.xlarge", "g", "L-DB2E81BA", "L-3819A6DF"),
        ("gr6.4xlarge", "g", "L-DB2E81BA", "L-3819A6DF"),
        ("vt1.3xlarge", "g", "L-DB2E81BA", "L-3819A6DF"),
        ("p4de.24xlarge", "p", "L-417A185B", "L-7212CCBC"),
        ("p5en.48xlarge", "p5", "L-417A185B", "L-C4BD4855"),
        ("p6-b200.48xlarge", "p6", "L-417A185B", None),
        ("trn1.2xlarge", "trn", "L-2C3B7624", "L-6B0D517C"),
        ("inf2.xlarge", "inf", "L-1945791B", "L-B5D1601B"),
        ("dl1.24xlarge", "dl", "L-6E869C2A", "L-85EED4F7"),
        ("x2iedn.xlarge", "x", "L-7295265B", "L-E3A00192"),
        ("f2.6xlarge", "f", "L-74FC7D96", "L-88CF9481"),
        ("hpc7g.4xlarge", "hpc", None, None),
        ("u7i-12tb.224xlarge", None, None, None),
    ],
)
def test_quota_families(instance_type, family, on_demand, spot):
    """Each type counts on the quota of its family and market; unknown ones on none."""
    assert family == family_of(instance_type)
    assert on_demand == quota_code(instance_type, Market.ON_DEMAND)
    assert spot == quota_code(instance_type, Market.SPOT)


@pytest.mark.parametrize(
    ("instance_type", "expected"),
    [
        ("p4d.24xlarge", ("A100-40GB", 8)),
        ("p4de.24xlarge", ("A100-80GB", 8)),
        ("p5.48xlarge", ("H100-SXM", 8)),
        ("p5.4xlarge", ("H100-SXM", 1)),
        ("p5en.48xlarge", ("H200-SXM", 8)),
        ("g4dn.12xlarge", ("T4", 4)),
        ("g5g.xlarge", ("T4G", 1)),
        ("g6f.large", (None, 0)),
        ("inf2.48xlarge", ("Inferentia2", 12)),
        ("trn1.32xlarge", ("Trainium1", 16)),
        ("dl2q.24xlarge", ("Qualcomm-AI100", 8)),
        ("m7i.large", (None, 0)),
    ],
)
def test_accelerators(provider, instance_type, expected):
    """AWS's names become the catalog's; a fraction of an accelerator counts as none."""
    ec2 = provider._clients("ec2", "us-east-1")
    (spec,) = ec2.describe_instance_types(InstanceTypes=[instance_type])["InstanceTypes"]
    assert expected == accelerators_of(spec)
