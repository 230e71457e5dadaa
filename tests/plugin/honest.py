"""A provider that keeps the contract, from which those that break it derive."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hybridplace.errors import CapacityError, ProviderError
from hybridplace.model.canonical import to_plain
from hybridplace.model.site import Lease, LeaseState, Market, Measure, Offer, Pool, Site
from hybridplace.plugin import Feature, Notice, Provider
from hybridplace.testing import ProviderSuite

SITE = Site(id="honest/north", provider="honest", region="north", country="SE")


def offer(instance_type: str, market: Market, price_usd_h: float, **changes) -> Offer:
    """Return an offer at the only site."""
    return Offer(
        id=f"{SITE.id}/{instance_type}/{market}",
        site=SITE.id,
        instance_type=instance_type,
        market=market,
        price_usd_h=price_usd_h,
        cpus=4,
        memory_gib=16,
        as_of="2026-01-02",
        **changes,
    )


class Honest(Provider):
    """Rents machines that stand in a JSON file; keeps the contract and has every feature."""

    name = "honest"
    features = frozenset(Feature)

    def sites(self):
        return [SITE]

    def pools(self):
        return []

    def offers(self):
        return [
            offer("small", Market.ON_DEMAND, 0.2, pool="honest/cpus"),
            offer("small", Market.SPOT, 0.3),
            offer("huge", Market.ON_DEMAND, 0.4, available=False),
        ]

    def quotas(self):
        return [Pool(id="honest/cpus", site=SITE.id, measure=Measure.CPUS, at_most=64)]

    def acquire(self, request, *, key):
        state = self.state()
        if key in state:
            return state[key]
        known = {one.id: one for one in self.offers()}
        if request.offer.id not in known:
            raise ProviderError(f"no offer {request.offer.id}")
        if not known[request.offer.id].available:
            self.refuse(request, key)
        return self.keep(self.lease(request, key))

    def release(self, lease_id):
        state = self.state()
        if lease_id in state:
            self.keep(replace(state[lease_id], state=LeaseState.GONE))

    def leases(self, owner):
        return [one for one in self.state().values() if one.owner == owner]

    def notices(self):
        spot = [one for one in self.state().values() if one.offer.endswith("spot")]
        return [self.notice(one) for one in spot if one.state == LeaseState.ACTIVE]

    def notice(self, lease):
        return Notice(lease=lease.id, reason="wanted back", deadline="2026-01-02T03:04:05Z")

    def refuse(self, request, key):
        raise CapacityError(f"{request.offer.id} is sold out")

    def lease(self, request, key):
        serial = sum(len(one.machines) for one in self.state().values())
        return Lease(
            id=key,
            provider=self.name,
            owner=request.owner,
            plan=request.plan,
            job=request.job,
            offer=request.offer.id,
            machines=tuple(f"vm-{serial + number}" for number in range(request.machines)),
            state=LeaseState.ACTIVE,
            expires=request.expires,
        )

    def path(self):
        return Path(self.settings.state_dir) / "honest.json"

    def state(self):
        if not self.path().exists():
            return {}
        return {
            item["id"]: Lease(
                **{**item, "machines": tuple(item["machines"]), "state": LeaseState(item["state"])}
            )
            for item in json.loads(self.path().read_text())
        }

    def keep(self, lease):
        state = {**self.state(), lease.id: lease}
        self.path().write_text(json.dumps(to_plain(list(state.values()))))
        return lease


def suite(provider: type[Provider]) -> type[ProviderSuite]:
    """Return the kit's suite on `provider`, which may spend what it likes."""

    class Suite(ProviderSuite):
        @pytest.fixture
        def provider_class(self):
            return provider

        @pytest.fixture
        def max_usd_h(self):
            return 1000.0

    return Suite
