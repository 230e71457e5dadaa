"""The checks that every provider must pass; each method proves one property of the contract."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import pytest

from hybridplace.errors import CapacityError, HybridplaceError
from hybridplace.model.site import Market, Node, Offer, Pool, Site
from hybridplace.plugin import Feature, Notice, Provider, Request, Settings
from hybridplace.plugin.contract import provider_faults
from hybridplace.testing.bench import ALIVE, Bench

# What a machine costs at most, USD/h per part. Of 51,000 public prices of AWS, Azure and Google
# Cloud the dearest comes to 0.8 of this and 999 of 1,000 to more than 0.005, so that a list in
# cents, or per month, cannot stay below.
USD_H_CPU = 0.5
USD_H_GIB = 0.1
USD_H_ACCELERATOR = 30.0


def example_settings(
    name: str,
    *,
    state_dir: str,
    endpoint: str | None = None,
    regions: tuple[str, ...] = (),
    options: dict[str, str] | None = None,
) -> Settings:
    """Return settings with an own site and pool, which providers of rented machines ignore."""
    accelerated = [
        Node(
            id=f"gpu-{number}",
            accelerator="A100-80GB",
            accelerators=8,
            cpus=128,
            memory_gib=1024,
            interconnect_gbps=200,
        )
        for number in (1, 2, 3)
    ]
    plain = Node(id="cpu-1", cpus=64, memory_gib=512)
    site = Site(id="kit", provider=name, region="kit", country="DE", own=True)
    return Settings(
        owner="hybridplace-kit",
        sites=(site,),
        pools=(Pool(id="kit-pool", site=site.id, nodes=(*accelerated, plain)),),
        regions=regions,
        endpoint=endpoint,
        state_dir=state_dir,
        options=options or {},
    )


class ProviderSuite:
    """Derive from this, return your class from `provider_class`, and override what must differ.

    A check may be overridden only with ``pytest.mark.xfail(reason=...)``.
    """

    @pytest.fixture
    def provider_class(self) -> type[Provider]:
        """Return the class to prove."""
        raise NotImplementedError("override the fixture provider_class: return your Provider")

    @pytest.fixture
    def settings(self, provider_class: type[Provider], tmp_path: Path) -> Settings:
        """Return what each provider of a test is made with; the same state for all of them."""
        return example_settings(provider_class.name, state_dir=str(tmp_path))

    @pytest.fixture
    def max_usd_h(self) -> float:
        """Return what acquired machines may cost per hour, unless their API is on loopback."""
        return 0.0

    @pytest.fixture
    def bench(
        self, provider_class: type[Provider], settings: Settings, max_usd_h: float
    ) -> Iterable[Bench]:
        """Make providers, acquire with them, and release everything at the end."""
        bench = Bench(provider_class, settings, max_usd_h)
        yield bench
        bench.clear()

    @pytest.fixture
    def provider(self, bench: Bench) -> Provider:
        """Return one provider."""
        return bench.make()

    @pytest.fixture
    def sold_out(self, bench: Bench, provider: Provider) -> Request:
        """Return a request that the provider must refuse for lack of capacity.

        By default for an offer listed as sold out, else for a million machines of an own pool.
        """
        request = bench.beyond_capacity(provider)
        if request is None:
            pytest.skip("nothing is sold out here: override the fixture sold_out to check this")
        return request

    # The class, and what it lists.

    def test_class_keeps_the_contract(self, provider_class: type[Provider]) -> None:
        """It is a Provider of this API version with a name, all methods and known features."""
        assert provider_faults(provider_class) == ()

    def test_ids_are_unique(self, provider: Provider) -> None:
        """No two sites, pools or offers share an id."""
        pools = [*provider.pools(), *provider.quotas()]
        for values in (list(provider.sites()), pools, list(provider.offers())):
            ids = [value.id for value in values]
            assert sorted({name for name in ids if ids.count(name) > 1}) == []

    def test_sites_name_the_provider(self, provider: Provider) -> None:
        """A site names the provider that acts there, its region and its country."""
        sites = list(provider.sites())
        assert sites, "it has no site"
        for site in sites:
            assert provider.name == site.provider, site.id
            assert site.region, site.id
            assert len(site.country) == 2, site.id
            assert site.country.isupper(), site.id

    def test_offers_name_what_exists(self, provider: Provider) -> None:
        """An offer's site and pool are listed, and its id is ``site/instance_type/market``."""
        offers = list(provider.offers())
        assert offers, "it has no offer"
        sites = {site.id for site in provider.sites()}
        pools = {pool.id for pool in (*provider.pools(), *provider.quotas())}
        for offer in offers:
            assert offer.site in sites, offer.id
            assert offer.pool is None or offer.pool in pools, offer.id
            assert f"{offer.site}/{offer.instance_type}/{offer.market}" == offer.id

    def test_sizes_are_of_this_world(self, provider: Provider) -> None:
        """CPUs and memory are finite and above 0; accelerators have a name and a number."""
        for offer in provider.offers():
            for size in (offer.cpus, offer.memory_gib):
                assert math.isfinite(size), offer.id
                assert size > 0, offer.id
            assert (offer.accelerator is not None) == (offer.accelerators > 0), offer.id

    def test_prices_are_usd_per_hour(self, provider: Provider) -> None:
        """A price is USD per hour and machine: None if unknown, 0 for own machines only."""
        for offer in provider.offers():
            if offer.price_usd_h is None:
                continue
            assert math.isfinite(offer.price_usd_h), offer.id
            if offer.market == Market.OWNED:
                assert offer.price_usd_h == 0, f"{offer.id}: own machines are priced by energy"
                continue
            assert offer.price_usd_h > 0, f"{offer.id}: a price that is not known is None"
            ceiling_usd_h = _ceiling_usd_h(offer)
            assert offer.price_usd_h <= ceiling_usd_h, f"{offer.id}: in cents, or per month?"

    def test_offers_are_the_same_twice(self, provider: Provider) -> None:
        """Listing offers again gives the same ids."""
        first = [offer.id for offer in provider.offers()]
        assert sorted(first) == sorted(offer.id for offer in provider.offers())

    def test_reading_acquires_nothing(self, bench: Bench, provider: Provider) -> None:
        """Listing sites, pools, offers, quotas and notices leaves no lease."""
        before = bench.listed()
        for read in ("sites", "pools", "offers", "quotas", "notices"):
            list(getattr(provider, read)())
        assert set(before) == set(bench.listed())

    def test_abilities_are_declared(self, provider: Provider) -> None:
        """What it does with spot machines or quotas is declared, so that it is checked."""
        if any(offer.market == Market.SPOT for offer in provider.offers()):
            assert Feature.SPOT in provider.features
        if list(provider.quotas()):
            assert Feature.QUOTAS in provider.features

    # Leases.

    def test_lease_tells_what_was_asked(self, bench: Bench, provider: Provider) -> None:
        """A lease has the key as its id, and the tags and number of machines of the request."""
        lease = bench.acquire(provider, bench.request(provider), key="tells")
        key = bench.key("tells")
        request = bench.requests[key]
        # Whether it is listed at all is another check.
        for one in (lease, *(found for name, found in bench.listed().items() if name == key)):
            assert (key, provider.name) == (one.id, one.provider)
            assert (request.owner, request.plan, request.job) == (one.owner, one.plan, one.job)
            assert request.offer.id == one.offer
            assert request.machines == len(one.machines)
            assert one.state in ALIVE
            assert one.expires is not None, "the expiry was not kept"
            wanted = datetime.fromisoformat(request.expires)
            assert wanted == datetime.fromisoformat(one.expires)

    def test_lease_is_listed_also_after_a_crash(self, bench: Bench, provider: Provider) -> None:
        """A lease is in `leases`, also of a provider made anew."""
        lease = bench.acquire(provider, bench.request(provider), key="listed")
        assert lease.id in {one.id for one in provider.leases(bench.owner)}
        assert lease.id in bench.listed()

    def test_one_key_makes_one_lease(self, bench: Bench, provider: Provider) -> None:
        """The same request with the same key, also from a provider made anew, is one lease."""
        request = bench.request(provider)
        lease = bench.acquire(provider, request, key="once")
        for again in (provider, bench.make()):
            repeated = bench.acquire(again, request, key="once")
            assert (lease.id, lease.machines) == (repeated.id, repeated.machines)
        leases = [one for one in bench.make().leases(bench.owner) if one.id == lease.id]
        assert len(leases) <= 1, "one key, several leases"

    def test_two_keys_make_two_leases(self, bench: Bench, provider: Provider) -> None:
        """Another key is another lease on other machines, also for the same job."""
        first = bench.acquire(provider, bench.request(provider), key="first")
        second = bench.acquire(provider, bench.request(provider, after=1), key="second")
        assert first.id != second.id
        assert set() == set(first.machines) & set(second.machines)

    def test_leases_are_those_of_the_owner(self, bench: Bench, provider: Provider) -> None:
        """Another owner does not see, and so cannot sweep away, a lease."""
        lease = bench.acquire(provider, bench.request(provider), key="owned")
        assert lease.id not in {one.id for one in provider.leases("somebody-else")}

    def test_release_ends_the_lease(self, bench: Bench, provider: Provider) -> None:
        """A released lease is not alive any more."""
        lease = bench.acquire(provider, bench.request(provider), key="ends")
        bench.release(provider, lease.id)
        left = [one for one in bench.listed().values() if one.id == lease.id]
        assert [one for one in left if one.state in ALIVE] == []

    def test_release_of_what_is_gone_is_success(self, bench: Bench, provider: Provider) -> None:
        """Releasing twice, and releasing what never was, raises nothing."""
        lease = bench.acquire(provider, bench.request(provider), key="twice")
        bench.release(provider, lease.id)
        provider.release(lease.id)
        provider.release(bench.key("never-acquired"))

    def test_offers_stay_listed_when_taken(self, bench: Bench, provider: Provider) -> None:
        """An offer does not vanish when its machines are taken; `available` may be False."""
        lease = bench.acquire(provider, bench.request(provider), key="stays")
        for one in (provider, bench.make()):
            assert lease.offer in {offer.id for offer in one.offers()}

    # Refusals.

    def test_sold_out_is_a_capacity_error(
        self, bench: Bench, provider: Provider, sold_out: Request
    ) -> None:
        """No capacity is `CapacityError`, never an SDK's own error, and never a lease."""
        with pytest.raises(CapacityError):
            bench.acquire(provider, sold_out, key="sold-out")

    def test_refused_acquire_leaves_nothing(
        self, bench: Bench, provider: Provider, sold_out: Request
    ) -> None:
        """All machines or none: after a refusal no lease with that key is alive."""
        if not bench.refused(provider, sold_out, key="nothing"):
            pytest.skip("it was not refused, which is another check")
        left = [one for one in bench.listed().values() if one.id == bench.key("nothing")]
        assert [one for one in left if one.state in ALIVE] == []

    def test_unknown_offer_is_refused(self, bench: Bench, provider: Provider) -> None:
        """An offer that never was is refused with one of hybridplace's errors."""
        request = bench.request_for_nothing(provider)
        with pytest.raises(HybridplaceError):
            bench.acquire(provider, request, key="unknown")

    # What only some can do.

    def test_gang(self, bench: Bench, provider: Provider) -> None:
        """GANG: a request for two machines gets two different ones."""
        _demand(provider, Feature.GANG)
        lease = bench.acquire(provider, bench.request(provider, machines=2), key="gang")
        assert len(set(lease.machines)) == 2

    def test_spot(self, bench: Bench, provider: Provider) -> None:
        """SPOT: there are spot offers, and one can be acquired."""
        _demand(provider, Feature.SPOT)
        request = bench.request(provider, market=Market.SPOT)
        lease = bench.acquire(provider, request, key="spot")
        assert request.offer.id == lease.offer

    def test_live_prices(self, provider: Provider) -> None:
        """LIVE_PRICES: each available offer has a price and its date."""
        _demand(provider, Feature.LIVE_PRICES)
        for offer in provider.offers():
            if offer.available:
                assert offer.price_usd_h is not None, offer.id
                assert offer.as_of is not None, offer.id
                datetime.fromisoformat(offer.as_of)

    def test_quotas(self, provider: Provider) -> None:
        """QUOTAS: each says what it counts and how much there is, at a site that is listed."""
        _demand(provider, Feature.QUOTAS)
        quotas = list(provider.quotas())
        assert quotas, "it declares quotas and lists none"
        sites = {site.id for site in provider.sites()}
        for quota in quotas:
            assert quota.nodes == (), quota.id
            assert quota.site in sites, quota.id
            assert quota.measure is not None, quota.id
            assert quota.at_most is not None, quota.id
            assert 0 <= quota.at_most < math.inf, quota.id

    def test_notices(self, bench: Bench, provider: Provider) -> None:
        """NOTICES: a notice names a lease that is there, and its deadline is a time."""
        _demand(provider, Feature.NOTICES)
        # Only spot machines are taken back, where there are any.
        spot = any(offer.market == Market.SPOT for offer in provider.offers())
        market = Market.SPOT if spot else None
        lease = bench.acquire(provider, bench.request(provider, market=market), key="notice")
        known = {lease.id, *bench.listed()}
        for notice in provider.notices():
            assert isinstance(notice, Notice)
            assert notice.lease in known
            if notice.deadline is not None:
                datetime.fromisoformat(notice.deadline)

    def test_no_check_is_left_out(self) -> None:
        """A derived suite overrides no check, unless it is marked xfail and says why."""
        checks = [name for name, _ in inspect.getmembers(ProviderSuite) if name.startswith("test_")]
        assert [name for name in checks if _overridden(type(self), name)] == []


def _demand(provider: Provider, feature: Feature) -> None:
    if feature not in provider.features:
        pytest.skip(f"provider {provider.name!r} does not declare the feature {feature.name}")


def _ceiling_usd_h(offer: Offer) -> float:
    return (
        USD_H_CPU * offer.cpus
        + USD_H_GIB * offer.memory_gib
        + USD_H_ACCELERATOR * offer.accelerators
    )


def _overridden(suite: type, check: str) -> bool:
    """Say whether `suite` replaces `check` without an xfail that gives a reason."""
    method = getattr(suite, check)
    if method is getattr(ProviderSuite, check):
        return False
    marks = getattr(method, "pytestmark", [])
    return not any(mark.name == "xfail" and mark.kwargs.get("reason") for mark in marks)
