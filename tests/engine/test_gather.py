"""What a problem is gathered from: the estate, the catalog, plug-ins and policies."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hybridplace.catalog import load
from hybridplace.engine import Engine
from hybridplace.errors import InputError, PluginError, ProviderError
from hybridplace.model.estate import Access, Estate, PriceOverlay, Quota
from hybridplace.model.job import Dataset, Inference, Job, Shape, Tenant, Training, Users
from hybridplace.model.site import Link, Market, Measure, Node, Pool, Site, Tier

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LAB = Site(
    id="lab",
    provider="static",
    region="lab",
    country="DE",
    jurisdictions=("DE", "EU", "EEA"),
    own=True,
    latitude_deg=48.1,
    longitude_deg=11.6,
    carbon_g_kwh=380.0,
    pue=1.4,
    energy_usd_kwh=0.2,
)
NODE = Node(id="n", accelerator="L40S", accelerators=2, cpus=32, memory_gib=128)
SHAPE = Shape(accelerator="L40S", accelerators=1, cpus=4, memory_gib=16, units_h=10)
TRAIN = Job(id="train", tenant="t", work=Training(units=20), shapes=(SHAPE,), inputs=("d",))
ESTATE = Estate(
    name="acme",
    sites=(LAB,),
    pools=(Pool(id="rack", site="lab", nodes=(NODE,)),),
    tenants=(Tenant(id="t"),),
    datasets=(Dataset(id="d", tenant="t", size_gib=10, homes=("lab",)),),
    providers=(Access(provider="aws", regions=("eu-central-1", "eu-north-1")),),
)


def gathered(*jobs, **changes):
    """Return the problem of the estate with these changes."""
    with Engine(replace(ESTATE, **changes)) as engine:
        return engine.problem(jobs or (TRAIN,), now=NOW)


def _aws(*regions, **terms):
    return {"providers": (Access(provider="aws", regions=regions, **terms),)}


def test_own_machines_come_with_their_power():
    """The static plug-in's offer is there, and the catalog knows what an L40S draws."""
    problem = gathered()
    offer = problem.offer["lab/rack:L40S/owned"]

    assert load().accelerators["L40S"].power_w == offer.accelerator_power_w
    assert NODE == problem.pool["rack"].nodes[0]


def test_only_allowed_regions_and_markets_are_offered():
    """What the estate does not name is not there."""
    problem = gathered(**_aws("eu-north-*", markets=(Market.SPOT,)))
    bought = [offer for offer in problem.offers if offer.market is not Market.OWNED]

    assert {"aws/eu-north-1"} == {offer.site for offer in bought}
    assert {Market.SPOT} == {offer.market for offer in bought}


def test_partitions_with_accounts_of_their_own_must_be_named():
    """A star does not reach GovCloud; its own pattern does."""
    everywhere = {site.region for site in gathered(**_aws("*")).sites}
    named = {site.region for site in gathered(**_aws("us-gov-*")).sites}

    assert not [region for region in everywhere if region.startswith("us-gov-")]
    assert "us-gov-west-1" in named


def test_attestations_are_those_signed():
    """What the estate says of a provider holds for its sites, and for no own one."""
    problem = gathered(**_aws("eu-north-1", attestations=("dpa",)))

    assert ("dpa",) == problem.site["aws/eu-north-1"].attestations
    assert () == problem.site["lab"].attestations


def test_prices_discount_first_overlays_last():
    """A discount takes a share off the list; the last overlay that matches wins."""
    kind = "aws/eu-north-1/m7i.xlarge/on_demand"
    listed = gathered().offer[kind]
    overlays = (
        PriceOverlay(offers="aws/*", discount=0.5),
        PriceOverlay(offers="aws/*/m7i.xlarge/*", price_usd_h=0.01),
    )
    less = gathered(**_aws("eu-north-1", discount=0.25))
    half = gathered(overlays=overlays[:1])
    own = gathered(overlays=overlays)

    assert less.offer[kind].price_usd_h == pytest.approx(listed.price_usd_h * 0.75)
    assert half.offer[kind].price_usd_h == pytest.approx(listed.price_usd_h * 0.5)
    assert 0.01 == own.offer[kind].price_usd_h
    assert None is own.offer[kind].as_of


def _quota(name, *types):
    return Quota(
        id=name,
        site="aws/eu-north-1",
        measure=Measure.CPUS,
        at_most=64,
        instance_types=types,
        market=Market.ON_DEMAND,
    )


def test_quotas_become_pools_of_what_they_count():
    """An offer is in the pool of its quota; others are in none."""
    problem = gathered(quotas=(_quota("g", "g5.*"),))

    assert "g" == problem.offer["aws/eu-north-1/g5.xlarge/on_demand"].pool
    assert None is problem.offer["aws/eu-north-1/g5.xlarge/spot"].pool
    assert None is problem.offer["aws/eu-north-1/m7i.xlarge/on_demand"].pool
    assert 64 == problem.pool["g"].at_most


def test_an_offer_in_two_quotas_is_refused():
    """Which one it counts towards cannot be known: both are named."""
    with pytest.raises(InputError, match="g and all for aws/eu-north-1/g"):
        gathered(quotas=(_quota("g", "g5.*"), _quota("all")))


def test_links_of_the_estate_go_first():
    """What the estate states is used; what it leaves open comes from the catalog."""
    stated = Link(source="lab", target="aws/eu-north-1", gbps=40.0)
    problem = gathered(links=(stated,))
    link, other = problem.link("lab", "aws/eu-north-1"), problem.link("lab", "aws/eu-central-1")

    assert 40.0 == link.gbps
    assert 0.0 == link.usd_gib == other.usd_gib
    assert link.estimated
    assert None is other.gbps


def test_tiers_belong_to_the_price_that_they_follow():
    """Tiers of the estate come with its own first price, and volumes used before are its own."""
    tiers = (Tier(beyond_gib=100.0, usd_gib=0.01),)
    stated = Link(source="lab", target="aws/eu-north-1", usd_gib=0.02, tiers=tiers, used_gib=7.0)
    link = gathered(links=(stated,)).link("lab", "aws/eu-north-1")
    blank = gathered(links=(replace(stated, usd_gib=None, tiers=()),))

    assert (0.02, tiers, 7.0) == (link.usd_gib, link.tiers, link.used_gib)
    assert () == blank.link("lab", "aws/eu-north-1").tiers


def test_data_with_homes_has_links_to_where_it_is_delivered():
    """Whatever runs where: a link from each home to each site of delivery."""
    north = "aws/eu-north-1"
    data = Dataset(id="d", tenant="t", size_gib=1.0, homes=("lab",), deliver_to=(north,))
    problem = gathered(replace(TRAIN, inputs=()), datasets=(data,))

    assert 0.0 == problem.link("lab", north).usd_gib


def test_only_links_that_may_be_used_are_there():
    """Data goes from its home; requests come from users; nothing links the rest."""
    serve = Job(
        id="serve",
        tenant="t",
        work=Inference(load_rps=(0.001,), hours=1, users=(Users(site="lab", share=1.0),)),
        shapes=(SHAPE,),
    )

    assert {"lab"} == {link.source for link in gathered().links}
    assert {"lab"} == {link.source for link in gathered(serve).links}
    assert not gathered(replace(TRAIN, inputs=())).links


def test_policies_deny():
    """Restricted data keeps its job on own sites, with the rule's id."""
    data = replace(ESTATE.datasets[0], labels=("restricted",))
    problem = gathered(datasets=(data,), policies=("base", "on-site"))
    denials = problem.denied("place", "train", "aws/eu-north-1")

    assert {("on-site-place",)} == {denial.rules for denial in denials}
    assert () == problem.denied("place", "train", "lab")
    assert "on-site-place" in problem.rule


def test_a_region_that_the_catalog_lacks_is_told_with_its_neighbours():
    """The fault names the field, the region, and what may have been meant."""
    with pytest.raises(InputError, match=r"eu-nort-1.*eu-north-1"):
        gathered(**_aws("eu-nort-1"))


def test_a_cloud_that_the_catalog_lacks_is_told():
    """A misspelt provider is a fault, and not an empty cloud."""
    with pytest.raises(InputError, match=r"providers\[0\].provider.*aws, azure, gcp.*awss"):
        gathered(providers=(Access(provider="awss", regions=("eu-*",)),))


def test_jobs_that_do_not_fit_the_estate_are_told_before_anything_is_asked():
    """The faults of values built in Python are those of files."""
    with pytest.raises(InputError, match="tenant"):
        gathered(replace(TRAIN, tenant="nobody"))


PLUGIN = """
from dataclasses import replace
from hybridplace.model.site import Market, Measure, Offer, Pool
from hybridplace.plugin import Feature, Provider

class Live(Provider):
    name = "{name}"
    features = frozenset({{Feature.LIVE_PRICES, Feature.QUOTAS}})
    def sites(self):
        return self.settings.sites
    def pools(self):
        return ()
    def offers(self):
        {offers}
    def quotas(self):
        return [Pool(id="vcpus", site="aws/eu-north-1", measure=Measure.CPUS, at_most=8)]
    def acquire(self, request, *, key):
        raise NotImplementedError
    def release(self, lease_id):
        raise NotImplementedError
    def leases(self, owner):
        return ()

def hybridplace_providers():
    return [Live]
"""
SOLD = """return [Offer(id="aws/eu-north-1/g5.xlarge/spot", site="aws/eu-north-1",
            instance_type="g5.xlarge", market=Market.SPOT, price_usd_h={price}, cpus=4,
            memory_gib=16, accelerator="A10G", accelerators=1, available=False, pool="vcpus")]"""


@pytest.fixture
def live(tmp_path, monkeypatch):
    """Gather with a provider of its own in place of AWS's."""
    monkeypatch.setenv("HYBRIDPLACE_PLUGINS", "static,live")

    def gather(offers, **changes):
        (tmp_path / "live.py").write_text(PLUGIN.format(name="aws", offers=offers))
        changes = {**_aws("eu-north-1", live_prices=True), **changes}
        estate = replace(ESTATE, plugins=("live.py",), **changes)
        with Engine(estate, folder=tmp_path) as engine:
            return engine.problem((TRAIN,), now=NOW)

    return gather


def test_live_prices_replace_those_of_the_catalog(live):
    """A price told now goes before a listed one; what is not told stays."""
    kind = "aws/eu-north-1/g5.xlarge/spot"
    known = gathered().offer[kind]
    told, blank = live(SOLD.format(price=0.123)), live(SOLD.format(price=None))

    assert 0.123 == told.offer[kind].price_usd_h
    assert known.price_usd_h == blank.offer[kind].price_usd_h
    assert known.interruptions_per_h == told.offer[kind].interruptions_per_h
    assert known.accelerator_power_w == told.offer[kind].accelerator_power_w


def test_what_is_sold_out_and_what_the_account_may_use_is_told_live(live):
    """Availability and quotas are the provider's word; the estate's own quota goes before it."""
    kind = "aws/eu-north-1/g5.xlarge/spot"
    told = live(SOLD.format(price=0.1))
    own = live(SOLD.format(price=0.1), quotas=(replace(_quota("own", "g5.*"), market=Market.SPOT),))

    assert not told.offer[kind].available
    assert ("vcpus", 8) == (told.offer[kind].pool, told.pool["vcpus"].at_most)
    assert "own" == own.offer[kind].pool


def test_a_new_machine_type_needs_no_new_catalog(live):
    """What a provider sells and the catalog lacks is offered, in the markets that are allowed."""
    new = SOLD.format(price=0.1).replace("g5.xlarge", "g99.xlarge")
    kind = "aws/eu-north-1/g99.xlarge/spot"
    on_demand = _aws("eu-north-1", live_prices=True, markets=(Market.ON_DEMAND,))

    assert 0.1 == live(new).offer[kind].price_usd_h
    assert kind not in live(new, **on_demand).offer


def test_what_a_provider_says_of_power_stays(tmp_path, monkeypatch):
    """The catalog fills in what is blank, and nothing else."""
    monkeypatch.setenv("HYBRIDPLACE_PLUGINS", "measured")
    (tmp_path / "measured.py").write_text(MEASURED)
    estate = replace(ESTATE, plugins=("measured.py",), providers=())
    with Engine(estate, folder=tmp_path) as engine:
        offer = engine.problem((TRAIN,), now=NOW).offer["lab/rack:L40S/owned"]

    assert 111.0 == offer.accelerator_power_w


MEASURED = """
from dataclasses import replace
from hybridplace_static import Static

class Measured(Static):
    def offers(self):
        return [replace(offer, accelerator_power_w=111.0) for offer in super().offers()]

def hybridplace_providers():
    return [Measured]
"""


def test_a_provider_that_cannot_be_asked_is_told(live):
    """Its fault has its name; a plan without its prices is not made up."""
    with pytest.raises(ProviderError, match=r"'aws'.*out of order"):
        live('raise RuntimeError("out of order")')


def test_a_site_without_its_plugin_is_told(monkeypatch):
    """Own machines of a provider that no plug-in has cannot be planned."""
    monkeypatch.setenv("HYBRIDPLACE_PLUGINS", "aws")

    with pytest.raises(PluginError, match="static"):
        gathered()
