"""Providers that are each wrong in exactly one way; the honest one they derive from is beside them.

`WRONG` says which check of the conformance kit must catch which; no other check may fail.
"""

from __future__ import annotations

from dataclasses import replace

from hybridplace.errors import CapacityError, ProviderError
from hybridplace.model.site import Lease, LeaseState, Market, Offer
from hybridplace.plugin import Feature, Notice, Provider
from tests.plugin.honest import SITE, Honest, offer


def with_another(another: Offer):
    """Return an `offers` that lists one more; the kit acquires the cheapest, so never this."""
    return lambda self: [*Honest.offers(self), another]


DEAR = replace(offer("dear", Market.ON_DEMAND, 1.9), id=f"{SITE.id}/dear/on_demand")


class OldVersion(Honest):
    """Speaks a plug-in API of the past."""

    api_version = 0


class SameIdTwice(Honest):
    """Lists an offer twice, at two prices."""

    offers = with_another(offer("small", Market.SPOT, 0.31))


class NoCountry(Honest):
    """Writes the country out."""

    def sites(self):
        return [replace(SITE, country="Sweden")]


class UnknownPool(Honest):
    """Has an offer from a pool that it does not list."""

    offers = with_another(replace(DEAR, pool="nowhere"))


class UnknownSite(Honest):
    """Has an offer at a site that it does not list."""

    offers = with_another(replace(DEAR, site="honest/south", id="honest/south/dear/on_demand"))


class OddOfferId(Honest):
    """Names an offer in its own way."""

    offers = with_another(replace(DEAR, id="dear"))


class MemoryMissing(Honest):
    """Tells memory as not a number."""

    offers = with_another(replace(DEAR, memory_gib=float("nan"), price_usd_h=None, available=False))


class AcceleratorUnnamed(Honest):
    """Has accelerators of no type."""

    offers = with_another(replace(DEAR, accelerators=8))


class Cents(Honest):
    """Prices in US cents."""

    def offers(self):
        return [replace(one, price_usd_h=one.price_usd_h * 100) for one in Honest.offers(self)]


class FreeOfCharge(Honest):
    """Writes 0 where a price is not known."""

    def offers(self):
        return [*Honest.offers(self), replace(DEAR, price_usd_h=0.0, available=False)]


class NewIdsEachTime(Honest):
    """Makes up ids as it lists."""

    calls = 0

    def offers(self):
        type(self).calls += 1
        name = f"type{self.calls}"
        return [*Honest.offers(self), offer(name, Market.ON_DEMAND, 1.9)]


class ProbesByAcquiring(Honest):
    """Finds out what is available by taking it."""

    def offers(self):
        found = Honest.offers(self)
        probe = Lease(
            id=f"probe-{len(self.state())}",
            provider=self.name,
            owner=self.settings.owner,
            plan="probe",
            job="probe",
            offer=found[0].id,
            machines=(),
            state=LeaseState.ACTIVE,
        )
        self.keep(probe)
        return found


class HiddenSpot(Honest):
    """Has spot offers and does not declare them."""

    features = frozenset(Feature) - {Feature.SPOT}


class LosesTags(Honest):
    """Forgets plan and job."""

    def lease(self, request, key):
        return replace(Honest.lease(self, request, key), plan="", job="")


class LosesExpiryWhenListing(Honest):
    """Forgets the expiry when it lists."""

    def leases(self, owner):
        return [replace(one, expires=None) for one in Honest.leases(self, owner)]


class ListsWhatWasThereAtTheStart(Honest):
    """Reads its state only once."""

    def __init__(self, settings):
        super().__init__(settings)
        self.start = self.state()

    def leases(self, owner):
        return [one for one in self.start.values() if one.owner == owner]


class ForgetsAfterCrash(Honest):
    """Lists only what the same object acquired."""

    def __init__(self, settings):
        super().__init__(settings)
        self.own = set()

    def lease(self, request, key):
        self.own.add(key)
        return Honest.lease(self, request, key)

    def leases(self, owner):
        return [one for one in Honest.leases(self, owner) if one.id in self.own]


class IgnoresKey(Honest):
    """Takes new machines when a request is repeated."""

    def acquire(self, request, *, key):
        if key in self.state():
            return self.keep(self.lease(request, key))
        return Honest.acquire(self, request, key=key)


class KnowsKeysOfThisProcessOnly(Honest):
    """Takes new machines when a request is repeated after a crash."""

    def __init__(self, settings):
        super().__init__(settings)
        self.known = {}

    def acquire(self, request, *, key):
        if key in self.known:
            return self.known[key]
        if key in self.state():
            return self.keep(self.lease(request, key))
        self.known[key] = Honest.acquire(self, request, key=key)
        return self.known[key]


class OneLeasePerJob(Honest):
    """Takes the job for the key."""

    def acquire(self, request, *, key):
        same = [one for one in self.state().values() if one.job == request.job]
        if same and same[0].id != key and request.offer.instance_type == "small":
            return same[0]
        return Honest.acquire(self, request, key=key)


class ShowsEverybodysLeases(Honest):
    """Does not look at the owner."""

    def leases(self, owner):
        return list(self.state().values())


class ReleasesNothing(Honest):
    """Lets everything run on."""

    def release(self, lease_id):
        pass


class SecondReleaseFails(Honest):
    """Complains about what it released before."""

    def release(self, lease_id):
        if lease_id in self.state() and self.state()[lease_id].state == LeaseState.GONE:
            raise ProviderError("it is gone")
        Honest.release(self, lease_id)


class ReleaseOfUnknownFails(Honest):
    """Complains about what never was."""

    def release(self, lease_id):
        if lease_id not in self.state():
            raise KeyError(lease_id)
        Honest.release(self, lease_id)


class HidesWhatIsTaken(Honest):
    """Lists only what is free."""

    def offers(self):
        taken = {one.offer for one in self.state().values() if one.state == LeaseState.ACTIVE}
        return [one for one in Honest.offers(self) if one.id not in taken]

    def acquire(self, request, *, key):
        taken = self.state().get(key)
        return taken or self.keep(self.lease(request, key)) if self.has(request) else self.no(key)

    def has(self, request):
        return any(one.id == request.offer.id and one.available for one in Honest.offers(self))

    def no(self, key):
        raise CapacityError(key)


class RaisesItsSdksError(Honest):
    """Lets an error of its SDK through."""

    def refuse(self, request, key):
        raise ConnectionError("InsufficientInstanceCapacity")


class LeavesHalfAGang(Honest):
    """Refuses, and keeps the machines that it had got so far."""

    def refuse(self, request, key):
        self.keep(self.lease(request, key))
        Honest.refuse(self, request, key)


class StumblesOnUnknownOffer(Honest):
    """Raises KeyError for an offer that it does not know."""

    def acquire(self, request, *, key):
        _ = {one.id: one for one in self.offers()}[request.offer.id]
        return Honest.acquire(self, request, key=key)


class GangOfOne(Honest):
    """Gives one machine for all."""

    def lease(self, request, key):
        made = Honest.lease(self, request, key)
        return replace(made, machines=made.machines[:1] * request.machines)


class SpotWithoutOffers(Honest):
    """Declares spot and has none."""

    def offers(self):
        return [one for one in Honest.offers(self) if one.market != Market.SPOT]


class PriceOfUnknownDate(Honest):
    """Does not say of when a live price is."""

    offers = with_another(replace(DEAR, as_of=None))


class QuotaWithoutAmount(Honest):
    """Does not say how much a quota allows."""

    def quotas(self):
        return [replace(one, at_most=None) for one in Honest.quotas(self)]


class NoticeOfMachine(Honest):
    """Gives notice for a machine and not for a lease."""

    def notice(self, lease):
        return Notice(lease=lease.machines[0], reason="wanted back")


WRONG: dict[type[Provider], str] = {
    OldVersion: "test_class_keeps_the_contract",
    SameIdTwice: "test_ids_are_unique",
    NoCountry: "test_sites_name_the_provider",
    UnknownPool: "test_offers_name_what_exists",
    UnknownSite: "test_offers_name_what_exists",
    OddOfferId: "test_offers_name_what_exists",
    MemoryMissing: "test_sizes_are_of_this_world",
    AcceleratorUnnamed: "test_sizes_are_of_this_world",
    Cents: "test_prices_are_usd_per_hour",
    FreeOfCharge: "test_prices_are_usd_per_hour",
    NewIdsEachTime: "test_offers_are_the_same_twice",
    ProbesByAcquiring: "test_reading_acquires_nothing",
    HiddenSpot: "test_abilities_are_declared",
    LosesTags: "test_lease_tells_what_was_asked",
    LosesExpiryWhenListing: "test_lease_tells_what_was_asked",
    ListsWhatWasThereAtTheStart: "test_lease_is_listed_also_after_a_crash",
    ForgetsAfterCrash: "test_lease_is_listed_also_after_a_crash",
    IgnoresKey: "test_one_key_makes_one_lease",
    KnowsKeysOfThisProcessOnly: "test_one_key_makes_one_lease",
    OneLeasePerJob: "test_two_keys_make_two_leases",
    ShowsEverybodysLeases: "test_leases_are_those_of_the_owner",
    ReleasesNothing: "test_release_ends_the_lease",
    SecondReleaseFails: "test_release_of_what_is_gone_is_success",
    ReleaseOfUnknownFails: "test_release_of_what_is_gone_is_success",
    HidesWhatIsTaken: "test_offers_stay_listed_when_taken",
    RaisesItsSdksError: "test_sold_out_is_a_capacity_error",
    LeavesHalfAGang: "test_refused_acquire_leaves_nothing",
    StumblesOnUnknownOffer: "test_unknown_offer_is_refused",
    GangOfOne: "test_gang",
    SpotWithoutOffers: "test_spot",
    PriceOfUnknownDate: "test_live_prices",
    QuotaWithoutAmount: "test_quotas",
    NoticeOfMachine: "test_notices",
}
