"""What the checks work with: makes providers and requests, acquires, and cleans up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from hybridplace.model.site import Lease, LeaseState, Market, Offer
from hybridplace.plugin import Provider, Request, Settings

ALIVE = (LeaseState.PENDING, LeaseState.ACTIVE)
LOOPBACK = ("127.0.0.1", "::1", "localhost")
LEASE_H = 1
# The most that any check holds at a time.
MACHINES_HELD = 2
MORE_THAN_ANY_POOL = 1_000_000


class Bench:
    """Providers of one class on one state, and everything that one check acquires with them.

    Parameters
    ----------
    max_usd_h : float
        What the machines that a check holds may cost per hour; no bound where the provider's API
        is on loopback, and own machines cost nothing.
    """

    def __init__(
        self, provider_class: type[Provider], settings: Settings, max_usd_h: float
    ) -> None:
        self.owner = settings.owner
        self.requests: dict[str, Request] = {}
        self._provider_class = provider_class
        self._settings = settings
        self._max_usd_h = max_usd_h
        # Keys must differ between runs: a cloud remembers them.
        self._run = uuid4().hex[:12]
        self._made: list[Provider] = []
        self._held: set[str] = set()

    def make(self) -> Provider:
        """Return a provider made anew, as after a crash or in another process."""
        self._made.append(self._provider_class(self._settings))
        return self._made[-1]

    def key(self, name: str) -> str:
        """Return the idempotency key that `name` stands for in this check."""
        return f"kit-{self._run}-{name}"

    def listed(self) -> dict[str, Lease]:
        """Return the owner's leases by id, as a provider made anew tells them."""
        return {lease.id: lease for lease in self.make().leases(self.owner)}

    def request(
        self,
        provider: Provider,
        *,
        machines: int = 1,
        market: Market | None = None,
        after: int = 0,
    ) -> Request:
        """Return a request for the cheapest offer that can be had.

        Parameters
        ----------
        after : int
            How many nodes of an own pool to leave to other requests of the same check.
        """
        offers = [offer for offer in self._offers(provider) if market in (None, offer.market)]
        if not offers:
            pytest.fail(f"no {market or 'offer'} is available and has a price")
        payable = [offer for offer in offers if self._payable(offer)]
        if not payable:
            pytest.fail(
                f"nothing may be bought for {self._max_usd_h} USD/h: give the provider an endpoint "
                "on loopback, or allow more with --live USD_H (fixture max_usd_h)"
            )
        for offer in payable:
            nodes = self._nodes(provider, offer)
            if nodes is None:
                return self._request(offer, machines)
            if len(nodes) >= after + machines:
                return self._request(offer, machines, nodes[after : after + machines])
        pytest.fail(f"no own pool has {after + machines} nodes of one type, which this check needs")

    def request_for_nothing(self, provider: Provider) -> Request:
        """Return a request for an offer that never was."""
        real = self.request(provider).offer
        name = "no-such-type"
        offer = replace(real, id=f"{real.site}/{name}/{real.market}", instance_type=name)
        return self._request(offer, 1)

    def beyond_capacity(self, provider: Provider) -> Request | None:
        """Return a request that must fail for lack of capacity; None if none is known."""
        for offer in provider.offers():
            if not offer.available and self._payable(offer):
                return self._request(offer, 1)
        for offer in self._offers(provider):
            if offer.market == Market.OWNED:
                return self._request(offer, MORE_THAN_ANY_POOL)
        return None

    def acquire(self, provider: Provider, request: Request, *, key: str) -> Lease:
        """Acquire with the key that `key` stands for; released at the end, whatever happens."""
        full = self.key(key)
        self.requests[full] = request
        lease = provider.acquire(request, key=full)
        self._held.add(lease.id)
        return lease

    def refused(self, provider: Provider, request: Request, *, key: str) -> bool:
        """Acquire, and say whether that failed, in whichever way."""
        try:
            self.acquire(provider, request, key=key)
        except Exception:  # noqa: BLE001 - which error it is has its own check
            return True
        return False

    def release(self, provider: Provider, lease_id: str) -> None:
        """Release a lease of this check."""
        provider.release(lease_id)
        self._held.discard(lease_id)

    def clear(self) -> None:
        """Release what this check acquired, also what a failed acquire left; close providers."""
        alive = {lease.id for lease in self.listed().values() if lease.state in ALIVE}
        left = self._held | (set(self.requests) & alive)
        last = self.make()
        for lease_id in sorted(left):
            last.release(lease_id)
        for provider in self._made:
            provider.close()

    def _offers(self, provider: Provider) -> list[Offer]:
        """Return what can be had, cheapest first."""
        priced = [
            (offer.price_usd_h, offer.id, offer)
            for offer in provider.offers()
            if offer.available and offer.price_usd_h is not None
        ]
        return [offer for _, _, offer in sorted(priced, key=lambda entry: entry[:2])]

    def _payable(self, offer: Offer) -> bool:
        if offer.market == Market.OWNED:
            return True
        if self._settings.endpoint and urlsplit(self._settings.endpoint).hostname in LOOPBACK:
            return True
        price_usd_h = offer.price_usd_h
        return price_usd_h is not None and MACHINES_HELD * price_usd_h <= self._max_usd_h

    @staticmethod
    def _nodes(provider: Provider, offer: Offer) -> tuple[str, ...] | None:
        """Return the nodes that `offer` stands for; None if it has no nodes of its own."""
        for pool in provider.pools():
            if pool.id == offer.pool and pool.nodes:
                return tuple(one.id for one in pool.nodes if one.accelerator == offer.accelerator)
        return None

    def _request(self, offer: Offer, machines: int, nodes: tuple[str, ...] = ()) -> Request:
        expires = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=LEASE_H)
        return Request(
            owner=self.owner,
            plan="kit-plan",
            job="kit-job",
            offer=offer,
            machines=machines,
            expires=expires.isoformat(),
            nodes=nodes,
        )
