"""Gathers a problem: what the estate has and allows, what the catalog and providers sell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from hybridplace.engine import timetable
from hybridplace.errors import Fault, InputError
from hybridplace.model.estate import Access, Estate, PriceOverlay, Quota
from hybridplace.model.job import Inference, Job
from hybridplace.model.problem import Problem
from hybridplace.model.site import Lease, Link, Market, Offer, Pool, Site

if TYPE_CHECKING:
    from hybridplace.catalog import Catalog
    from hybridplace.plugin.interfaces import Provider
    from hybridplace.policy import PolicySet

RESERVED_PARTITIONS = ("us-gov-", "cn-", "eusc-", "usgov", "usdod", "china")
"""Regions that need an account of their own: a pattern must name them, ``*`` does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """What there is: sites, pools and offers."""

    sites: tuple[Site, ...] = ()
    pools: tuple[Pool, ...] = ()
    offers: tuple[Offer, ...] = ()

    def __add__(self, other: Supply) -> Supply:
        return Supply(
            sites=(*self.sites, *other.sites),
            pools=(*self.pools, *other.pools),
            offers=(*self.offers, *other.offers),
        )


def gather(
    estate: Estate,
    jobs: Sequence[Job],
    *,
    now: datetime,
    catalog: Catalog,
    policies: PolicySet,
    providers: Mapping[str, Provider],
    leases: tuple[Lease, ...] = (),
) -> Problem:
    """Return the problem of an estate and its jobs.

    1 own sites and what their providers have there, 2 what the catalog knows of the allowed
    regions, 3 live prices where asked for, and all of providers that the catalog lacks, 4 own
    prices and quotas, 5 links, 6 what policies deny.

    Parameters
    ----------
    providers : mapping
        By name, those that are asked: see `asked_of`.

    Raises
    ------
    InputError
        When the estate and the catalog do not fit each other; names every fault.
    PolicyError, ProviderError
        When a policy could not decide, or a provider could not be asked.
    """
    supply = _supply(estate, catalog, providers)
    offers = tuple(_priced(offer, estate.overlays) for offer in supply.offers)
    offers, data = _in_quotas(offers, estate.quotas), estate.datasets
    from hybridplace.policy import decide

    return Problem(
        now=now,
        horizon_h=estate.horizon_h,
        slot_h=estate.slot_h,
        jobs=tuple(jobs),
        datasets=data,
        tenants=estate.tenants,
        sites=supply.sites,
        pools=(*supply.pools, *map(_pool, estate.quotas)),
        offers=offers,
        links=_links(estate, jobs, supply, catalog),
        limits=estate.limits,
        spreads=estate.spreads,
        forecasts=timetable.forecasts(estate, offers, now),
        maintenance=timetable.maintenance(estate, now),
        rules=policies.rules,
        denials=decide(policies, jobs=jobs, datasets=data, sites=supply.sites, offers=offers),
        leases=leases,
        assumptions=estate.assumptions,
        catalog_digest=catalog.digest,
        policy_digest=policies.digest,
    )


def asked_of(estate: Estate, catalog: Catalog) -> tuple[str, ...]:
    """Return who must be asked: for own sites, for live prices, or as the catalog knows nothing."""
    bought = {access.provider for access in estate.providers}
    asked = {site.provider for site in estate.sites} - bought
    asked |= {access.provider for access in estate.providers if access.live_prices}
    return tuple(sorted(asked | (bought - set(catalog.providers))))


def _supply(estate: Estate, catalog: Catalog, providers: Mapping[str, Provider]) -> Supply:
    """Return what is owned, and what the providers sell that may be used."""
    supply = _own(estate, catalog, providers)
    for access in estate.providers:
        if access.provider in catalog.providers:
            supply += _bought(access, catalog, providers)
        else:
            supply += _foreign(access, catalog, providers[access.provider], estate.sites)
    return supply


def _own(estate: Estate, catalog: Catalog, providers: Mapping[str, Provider]) -> Supply:
    """Return the own sites and what their providers have there; power comes from the catalog."""
    supply = Supply(sites=estate.sites)
    bought = {access.provider for access in estate.providers}
    for name in sorted({site.provider for site in estate.sites} - bought):
        provider = providers[name]
        known = {site.id for site in supply.sites}
        more = tuple(site for site in provider.sites() if site.id not in known)
        offers = tuple(_with_power(offer, catalog) for offer in provider.offers())
        supply += Supply(sites=more, pools=tuple(provider.pools()), offers=offers)
    return supply


def _with_power(offer: Offer, catalog: Catalog) -> Offer:
    device = catalog.accelerators.get(offer.accelerator or "")
    if offer.accelerator_power_w is not None or device is None:
        return offer
    return replace(offer, accelerator_power_w=device.power_w)


def allowed_sites(access: Access, catalog: Catalog) -> tuple[Site, ...]:
    """Return the regions of a provider that the estate allows, with what was signed for them."""
    return tuple(
        replace(site, attestations=access.attestations)
        for site in catalog.sites(access.provider, access.regions)
        if _is_open(site.region, access.regions)
    )


def _bought(access: Access, catalog: Catalog, providers: Mapping[str, Provider]) -> Supply:
    """Return the allowed regions of one provider, and what it sells there."""
    sites = allowed_sites(access, catalog)
    regions = tuple(site.region for site in sites)
    offers = {offer.id: offer for offer in catalog.offers(access.provider, regions, access.markets)}
    pools: tuple[Pool, ...] = ()
    if access.live_prices:
        provider = providers[access.provider]
        pools = tuple(provider.quotas())
        for offer in provider.offers():
            if offer.market in access.markets:
                offers[offer.id] = _merged(offers.get(offer.id), offer)
    discounted = tuple(_discounted(offer, access.discount) for _, offer in sorted(offers.items()))
    return Supply(sites=sites, pools=pools, offers=discounted)


def _foreign(
    access: Access, catalog: Catalog, provider: Provider, stated: Sequence[Site]
) -> Supply:
    """Return the allowed part of what a provider has that the catalog lacks: all is its own word.

    Sites that the estate states itself are allowed, and there already; own machines are in no
    market.
    """
    known = {site.id for site in stated}
    sites = tuple(
        replace(site, attestations=access.attestations)
        for site in provider.sites()
        if site.id not in known
        and any(fnmatchcase(site.region, pattern) for pattern in access.regions)
    )
    known |= {site.id for site in sites}
    markets = {*access.markets, Market.OWNED}
    offers = (one for one in provider.offers() if one.site in known and one.market in markets)
    return Supply(
        sites=sites,
        pools=tuple(pool for pool in (*provider.pools(), *provider.quotas()) if pool.site in known),
        offers=tuple(_discounted(_with_power(one, catalog), access.discount) for one in offers),
    )


def _is_open(region: str, patterns: Iterable[str]) -> bool:
    """Say whether a region may be used: one of a partition of its own must be named as such."""
    for partition in RESERVED_PARTITIONS:
        if region.startswith(partition):
            return any(pattern.startswith(partition) for pattern in patterns)
    return True


def _merged(known: Offer | None, live: Offer) -> Offer:
    """Return the live offer, with what the provider leaves blank from the catalog."""
    if known is None:
        return live
    blank: dict[str, Any] = {
        name: getattr(known, name)
        for name in ("price_usd_h", "accelerator_power_w", "interruptions_per_h", "as_of")
        if getattr(live, name) is None
    }
    # What a provider's own list of types does not say.
    for name in ("architecture", "disk_usd_gib_h", "address_usd_h"):
        blank[name] = getattr(known, name)
    return replace(live, **blank)


def _discounted(offer: Offer, share: float) -> Offer:
    if offer.price_usd_h is None or share == 0:
        return offer
    return replace(offer, price_usd_h=offer.price_usd_h * (1 - share))


def _priced(offer: Offer, overlays: Iterable[PriceOverlay]) -> Offer:
    """Return an offer at the estate's own price: that of the last overlay that matches."""
    for overlay in overlays:
        if fnmatchcase(offer.id, overlay.offers):
            if overlay.price_usd_h is not None:
                offer = replace(offer, price_usd_h=overlay.price_usd_h, as_of=None)
            elif overlay.discount is not None:
                offer = _discounted(offer, overlay.discount)
    return offer


def _in_quotas(offers: tuple[Offer, ...], quotas: Sequence[Quota]) -> tuple[Offer, ...]:
    """Return the offers, each in the one quota that it counts towards.

    Raises
    ------
    InputError
        When an offer counts towards two quotas of the estate.
    """
    pool_of: dict[str, str] = {}
    faults = []
    for number, quota in enumerate(quotas):
        for offer in offers:
            if not _counts(offer, quota):
                continue
            if offer.id in pool_of:
                told = f"{pool_of[offer.id]} and {quota.id} for {offer.id}"
                path, remedy = f"quotas[{number}]", "narrow instance_types or market of one"
                faults.append(
                    Fault(
                        where="estate",
                        path=path,
                        expected="one quota for each offer",
                        got=told,
                        remedy=remedy,
                    )
                )
                break
            pool_of[offer.id] = quota.id
    if faults:
        raise InputError(faults)
    return tuple(
        replace(offer, pool=pool_of[offer.id]) if offer.id in pool_of else offer for offer in offers
    )


def _pool(quota: Quota) -> Pool:
    return Pool(id=quota.id, site=quota.site, measure=quota.measure, at_most=quota.at_most)


def _counts(offer: Offer, quota: Quota) -> bool:
    return (
        offer.site == quota.site
        and offer.market is not Market.OWNED
        and quota.market in (None, offer.market)
        and (
            not quota.instance_types
            or any(fnmatchcase(offer.instance_type, one) for one in quota.instance_types)
        )
    )


def _links(
    estate: Estate, jobs: Sequence[Job], supply: Supply, catalog: Catalog
) -> tuple[Link, ...]:
    """Return the links that a plan may use; those of the estate go before the catalog's."""
    site = {site.id: site for site in supply.sites}
    stated = {(link.source, link.target): link for link in estate.links}
    return tuple(
        _stated(stated.get((source, target)), catalog.link(site[source], site[target]))
        for source, target in sorted(_routes(estate, jobs, supply))
        if source != target and source in site and target in site
    )


def _stated(link: Link | None, found: Link) -> Link:
    """Return the estate's link, with what it leaves blank from the catalog."""
    if link is None:
        return found
    return replace(
        link,
        usd_gib=found.usd_gib if link.usd_gib is None else link.usd_gib,
        tiers=found.tiers if link.usd_gib is None else link.tiers,
        latency_ms=found.latency_ms if link.latency_ms is None else link.latency_ms,
        gbps=found.gbps if link.gbps is None else link.gbps,
        estimated=link.latency_ms is None and found.estimated,
    )


def _routes(estate: Estate, jobs: Sequence[Job], supply: Supply) -> set[tuple[str, str]]:
    """Return (source, target) of every way that data or requests may take."""
    runs = {offer.site for offer in supply.offers}
    made = {dataset for job in jobs for dataset in job.outputs}
    read = {dataset for job in jobs for dataset in job.inputs}
    routes = {
        (users.site, target)
        for job in jobs
        if isinstance(job.work, Inference)
        for users in job.work.users
        for target in runs
    }
    for dataset in estate.datasets:
        sources = runs if dataset.id in made else set(dataset.homes)
        targets = runs if dataset.id in read else set()
        targets = targets | set(dataset.deliver_to)
        routes |= {(source, target) for source in sources for target in targets}
    return routes
