"""A dated snapshot of sites, offers, accelerators and links, and how it is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cached_property
from math import log
from pathlib import Path
from typing import Any

from hybridplace.catalog import snapshot
from hybridplace.catalog.links import Network
from hybridplace.catalog.sources import first_day
from hybridplace.model.site import Link, Market, Offer, Site
from hybridplace.units import HOURS_PER_MONTH

LISTED = (Market.ON_DEMAND, Market.SPOT)
"""Markets that the catalog has offers of."""

MONTHLY_INTERRUPTIONS = (0.025, 0.075, 0.125, 0.175, 0.25)
"""Share of spot machines taken back in a month, by AWS Spot Advisor band.

The midpoints of <5 %, 5-10 %, 10-15 % and 15-20 %; the last band, >20 %, is open, and 25 % is
where its midpoint would be were it as wide as the others.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a figure is from.

    Parameters
    ----------
    as_of : str
        Date, month or year of the figure, ISO 8601; for an undated source, the earliest possible.
    """

    code: str
    as_of: str
    origin: str
    licence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator:
    """A kind of accelerator; what its maker does not publish is None.

    Parameters
    ----------
    kind : str
        ``gpu, tpu, asic`` or ``fpga``.
    memory_gib : float
        As the maker states it (makers write GB; drivers report about as many GiB).
    fp16_tflops, int8_tops : float or None
        Dense matrix throughput in fp16/bf16 and in fp8/int8, without sparsity.
    bandwidth_gb_s : float or None
        Of its memory.
    power_w : float or None
        Board power; of one chip for TPUs and the like.
    mig_slices : int or None
        Into how many hardware slices it can be cut; 0 cannot be cut.
    """

    name: str
    vendor: str
    kind: str
    memory_gib: float
    fp16_tflops: float | None
    int8_tops: float | None
    bandwidth_gb_s: float | None
    power_w: float | None
    mig_slices: int | None
    mig_profiles: tuple[str, ...]
    confidential: bool | None
    year: int | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineType:
    """What a cloud sells under one name, the same in all its regions.

    Parameters
    ----------
    interconnect_gbps : float or None
        Network bandwidth of the whole machine at its peak, as listed: an upper bound on what two
        machines have between them.
    arch : str or None
        ``x86_64`` or ``arm64``.
    lifecycle : str
        ``current``, ``previous``, ``unlisted`` (priced, yet missing from the provider's own list
        of types) or ``retiring:DATE``.
    """

    name: str
    cpus: float
    memory_gib: float
    accelerator: str | None
    accelerators: int
    interconnect_gbps: float | None
    confidential: tuple[str, ...]
    arch: str | None
    lifecycle: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Catalog:
    """A dated snapshot; `provenance` traces figures to their sources.

    Parameters
    ----------
    date : str
        Of its newest machine price, ISO 8601.
    digest : str
        SHA-256 of the snapshot's canonical JSON.
    """

    date: str
    digest: str
    sources: tuple[Source, ...]
    accelerators: Mapping[str, Accelerator]
    body: Mapping[str, Any] = field(repr=False)

    @property
    def providers(self) -> tuple[str, ...]:
        """Names of the clouds that the catalog knows, sorted."""
        return tuple(sorted({site.provider for site in self._sites.values()}))

    def sites(self, provider: str, regions: Sequence[str] = ("*",)) -> tuple[Site, ...]:
        """Return the provider's regions that a shell pattern of `regions` matches, by id.

        As in an estate, no pattern matches none. An unknown provider has no sites here.
        """
        return tuple(
            site
            for site in self._sites.values()
            if site.provider == provider and _matches(site.region, regions)
        )

    def types(self, provider: str) -> Mapping[str, MachineType]:
        """Return the provider's machine types by name."""
        return self._types.get(provider, {})

    def offers(
        self,
        provider: str,
        regions: Sequence[str] = ("*",),
        markets: Iterable[Market] = LISTED,
    ) -> tuple[Offer, ...]:
        """Return the offers in matching regions, by id; a price that is not known is None.

        Types that the provider's own list lacks are there, as not available.
        """
        wanted = [market for market in LISTED if market in set(markets)]
        sites = self.sites(provider, regions)
        found = [offer for site in sites for offer in self._offers_at(site, wanted)]
        return tuple(sorted(found, key=lambda offer: offer.id))

    def link(self, source: Site, target: Site) -> Link:
        """Return what lies between two sites, own ones included; what is not known is None.

        Money is the first-tier tariff of the cloud that the data leaves; own sites meter nothing,
        and receiving is free. The round trip is, in this order, the measured one, the median of
        the two metropolitan areas, or a fit over distance, which is marked as estimated.
        """
        return self._network.link(source, target)

    def provenance(self, name: str) -> Mapping[str, Source]:
        """Return the sources of a site's, an offer's or an accelerator's figures; empty if unknown.

        Parameters
        ----------
        name : str
            Id of a site or offer, or name of an accelerator.
        """
        found = (
            self.body["sites"].get(name, {}).get("sources")
            or self._price_sources(name)
            or self.body["accelerators"].get(name, {}).get("sources")
        )
        return {figure: self.sources[index] for figure, index in (found or {}).items()}

    @cached_property
    def _sites(self) -> dict[str, Site]:
        return {name: _site(name, row["values"]) for name, row in self.body["sites"].items()}

    @cached_property
    def _types(self) -> dict[str, dict[str, MachineType]]:
        return {
            provider: {name: _machine_type(name, row) for name, row in types.items()}
            for provider, types in self.body["types"].items()
        }

    @cached_property
    def _network(self) -> Network:
        return Network(self.body, self._sites)

    def _offers_at(self, site: Site, markets: Sequence[Market]) -> Iterator[Offer]:
        types = self.types(site.provider)
        extras = self.body["extras"][site.provider]
        rows = self.body["prices"].get(site.id, {})
        return (
            self._offer(site, types[name], market, row, extras)
            for name, row in rows.items()
            for market in markets
        )

    def _offer(
        self, site: Site, kind: MachineType, market: Market, row: list[Any], extras: dict[str, Any]
    ) -> Offer:
        spot = market is Market.SPOT
        price, source = row[2:4] if spot else row[0:2]
        device = self.accelerators.get(kind.accelerator or "")
        return Offer(
            id=f"{site.id}/{kind.name}/{market.value}",
            site=site.id,
            instance_type=kind.name,
            market=market,
            price_usd_h=price,
            cpus=kind.cpus,
            memory_gib=kind.memory_gib,
            architecture=kind.arch or "unknown",
            accelerator=kind.accelerator,
            accelerators=kind.accelerators,
            accelerator_power_w=device.power_w if device else None,
            interconnect_gbps=kind.interconnect_gbps,
            interruptions_per_h=interruptions_per_h(row[4]) if spot else None,
            confidential=kind.confidential,
            disk_usd_gib_h=extras["disk_usd_gib_month"] / HOURS_PER_MONTH,
            address_usd_h=extras["address_usd_h"],
            available=kind.lifecycle != "unlisted",
            as_of=None if source is None else first_day(self.sources[source].as_of),
        )

    def _price_sources(self, offer: str) -> dict[str, int]:
        machine, _, market = offer.rpartition("/")
        site, _, kind = machine.rpartition("/")
        row = self.body["prices"].get(site, {}).get(kind)
        if row is None or market not in set(LISTED):
            return {}
        index = row[3] if market == Market.SPOT else row[1]
        found = {"price_usd_h": index}
        if market == Market.SPOT and row[4] is not None:
            found["interruptions_per_h"] = self.body["interruptions_source"]
        extras: dict[str, int] = self.body["extras"][site.split("/")[0]]["sources"]
        return {figure: at for figure, at in {**found, **extras}.items() if at is not None}


def load(path: Path | None = None) -> Catalog:
    """Return the snapshot at `path`, or the one that ships with the package.

    Raises
    ------
    InputError
        When the file is missing, not a snapshot, of a newer version, cut off or edited.
    """
    digest, body = snapshot.read(path or snapshot.SHIPPED)
    return Catalog(
        date=body["date"],
        digest=digest,
        sources=tuple(Source(**row) for row in body["sources"]),
        accelerators={
            name: _accelerator(name, row["values"]) for name, row in body["accelerators"].items()
        },
        body=body,
    )


def find(
    catalog: Catalog,
    *,
    providers: Sequence[str] = (),
    regions: Sequence[str] = ("*",),
    markets: Iterable[Market] = LISTED,
    accelerator: str | None = None,
    country: str | None = None,
    max_price_usd_h: float | None = None,
    min_memory_gib: float | None = None,
) -> tuple[Offer, ...]:
    """Return the offers that meet every condition, cheapest first, those without a price last.

    Parameters
    ----------
    providers : sequence of str
        Empty is every provider.
    accelerator : str or None
        Shell pattern on its name, as ``A100-*``.
    country : str or None
        Country or jurisdiction of the site, as ``DE`` or ``EEA``.
    max_price_usd_h : float or None
        Per machine; leaves out offers without a price.
    min_memory_gib : float or None
        Of the machine.
    """
    wanted = tuple(markets)
    return tuple(
        sorted(
            (
                offer
                for provider in providers or catalog.providers
                for site in catalog.sites(provider, regions)
                if country is None or country in site.jurisdictions
                for offer in catalog.offers(provider, (site.region,), wanted)
                if accelerator is None or fnmatchcase(offer.accelerator or "", accelerator)
                if max_price_usd_h is None or _at_most(offer.price_usd_h, max_price_usd_h)
                if min_memory_gib is None or offer.memory_gib >= min_memory_gib
            ),
            key=lambda offer: (offer.price_usd_h is None, offer.price_usd_h or 0.0, offer.id),
        )
    )


def unknown_regions(
    catalog: Catalog, provider: str, regions: Sequence[str]
) -> Mapping[str, tuple[str, ...]]:
    """Return the names and patterns that match no region of the provider, with similar ones.

    Empty for a provider that the catalog does not cover: nothing can be said about its regions.
    """
    known = [site.region for site in catalog.sites(provider)]
    return {
        region: tuple(get_close_matches(region, known))
        for region in regions
        if known and not any(fnmatchcase(name, region) for name in known)
    }


def interruptions_per_h(band: int | None) -> float | None:
    """Return the rate that a Spot Advisor band stands for: -ln(1 - p) / 730, an estimate.

    It supposes that interruptions come at a constant rate, so that a machine survives a month of
    730 hours with probability 1 - p. None if there is no band.
    """
    return None if band is None else -log(1 - MONTHLY_INTERRUPTIONS[band]) / HOURS_PER_MONTH


def _site(name: str, row: dict[str, Any]) -> Site:
    return Site(id=name, **{**row, "jurisdictions": tuple(row["jurisdictions"])})


def _accelerator(name: str, row: dict[str, Any]) -> Accelerator:
    return Accelerator(name=name, **{**row, "mig_profiles": tuple(row["mig_profiles"])})


def _machine_type(name: str, row: dict[str, Any]) -> MachineType:
    return MachineType(name=name, **{**row, "confidential": tuple(row["confidential"])})


def _matches(region: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(region, pattern) for pattern in patterns)


def _at_most(price_usd_h: float | None, limit_usd_h: float) -> bool:
    return price_usd_h is not None and price_usd_h <= limit_usd_h
