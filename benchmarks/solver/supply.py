"""What the generated instances buy and own: offers of the shipped catalog, own pools, quotas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache

import numpy as np
from numpy.typing import NDArray

from hybridplace import catalog
from hybridplace.catalog import Catalog
from hybridplace.model.site import Market, Measure, Node, Offer, Pool, Site

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

REGIONS = {"aws": 20, "gcp": 16, "azure": 14}
"""Of each cloud, how many: those with the most offers of accelerators."""

CPU_TYPES = ("m7i.*", "m7a.*", "Standard_D*as_v5", "Standard_D*s_v5", "n2-standard-*")

PARTITIONS = ("us-gov-*", "cn-*", "eusc-*", "usgov*", "usdod*", "china*")
"""Regions that need an account of their own."""

FAMILIES = (
    "T4",
    "L4",
    "A10G",
    "A10",
    "V100-16GB",
    "L40S",
    "RTX-PRO-6000-BSE",
    "A100-40GB",
    "A100-80GB",
    "H100-NVL",
    "H100-SXM",
    "H200-SXM",
)
"""Accelerators that jobs are written for."""

SCARCE = ("H100-NVL", "H100-SXM", "H200-SXM")
"""Under a quota everywhere."""

HOMES = (
    "aws/us-east-1",
    "aws/eu-central-1",
    "aws/ap-northeast-1",
    "aws/ap-northeast-2",
    "aws/ap-southeast-2",
    "aws/ca-central-1",
    "aws/eu-west-2",
    "aws/eu-west-3",
    "azure/eastus",
    "azure/westeurope",
    "gcp/asia-south1",
    "gcp/europe-west4",
    "gcp/us-central1",
)
"""Regions where what is not scarce has no quota on demand."""

ATTESTED = {"aws": ("baa", "iso27018"), "azure": ("baa", "iso27018"), "gcp": ("iso27018",)}
"""What each cloud has signed; own sites have signed nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPool:
    """A kind of node at an own site; `share` is its part of all own accelerators."""

    site: Site
    accelerator: str
    share: float
    accelerators: int
    cpus: float
    memory_gib: float
    interconnect_gbps: float

    @property
    def id(self) -> str:
        """Return the id of the pool."""
        return f"{self.site.id}-{self.accelerator.lower()}"

    def pool(self, accelerators: float) -> Pool:
        """Return the pool with at least that many accelerators, in whole nodes."""
        nodes = tuple(
            Node(
                id=f"n{number:04}",
                accelerator=self.accelerator,
                accelerators=self.accelerators,
                cpus=self.cpus,
                memory_gib=self.memory_gib,
                interconnect_gbps=self.interconnect_gbps,
            )
            for number in range(max(1, round(accelerators / self.accelerators)))
        )
        return Pool(id=self.id, site=self.site.id, nodes=nodes)

    def offer(self, power_w: float | None) -> Offer:
        """Return what the pool offers."""
        return Offer(
            id=f"{self.id}/owned",
            site=self.site.id,
            instance_type=self.id,
            market=Market.OWNED,
            price_usd_h=0.0,
            cpus=self.cpus,
            memory_gib=self.memory_gib,
            accelerator=self.accelerator,
            accelerators=self.accelerators,
            accelerator_power_w=power_w,
            interconnect_gbps=self.interconnect_gbps,
            pool=self.id,
        )


def _own(name: str, country: str, areas: tuple[str, ...], carbon: float, energy: float) -> Site:
    return Site(
        id=name,
        provider="static",
        region=name,
        country=country,
        jurisdictions=(country, *areas),
        own=True,
        carbon_g_kwh=carbon,
        pue=1.3,
        energy_usd_kwh=energy,
    )


BERLIN = _own("berlin", "DE", ("EU", "EEA"), 381.0, 0.24)
PARIS = _own("paris", "FR", ("EU", "EEA"), 56.0, 0.15)
DUBLIN = _own("dublin", "IE", ("EU", "EEA"), 290.0, 0.21)
ASHBURN = _own("ashburn", "US", (), 370.0, 0.08)
OWN_POOLS = tuple(
    OwnPool(
        site=site,
        accelerator=accelerator,
        share=share,
        accelerators=accelerators,
        cpus=cpus,
        memory_gib=memory_gib,
        interconnect_gbps=interconnect_gbps,
    )
    for site, accelerator, share, accelerators, cpus, memory_gib, interconnect_gbps in (
        (BERLIN, "A100-80GB", 0.25, 8, 128.0, 1024.0, 200.0),
        (PARIS, "H100-SXM", 0.15, 8, 192.0, 2048.0, 400.0),
        (DUBLIN, "L40S", 0.20, 8, 128.0, 768.0, 100.0),
        (ASHBURN, "A100-40GB", 0.25, 8, 96.0, 1024.0, 200.0),
        (ASHBURN, "L4", 0.15, 4, 64.0, 256.0, 50.0),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compliance:
    """Jobs that must stay in some places: which share of all jobs, by which rule."""

    rule: str
    reason: str
    share: float
    areas: tuple[str, ...] = ()
    attestation: str | None = None

    def allows(self, site: Site) -> bool:
        """Say whether the jobs may run at a site."""
        inside = not self.areas or bool({site.country, *site.jurisdictions} & set(self.areas))
        return inside and (self.attestation is None or self.attestation in site.attestations)


def _resident(share: float, *areas: str) -> Compliance:
    rule, told = "-".join(("residency", *areas)).lower(), " or ".join(areas)
    return Compliance(rule=rule, reason=f"the data stays in {told}", share=share, areas=areas)


COMPLIANCE = (
    _resident(0.06, "EEA"),
    _resident(0.03, "EEA", "GB"),
    _resident(0.02, "DE"),
    _resident(0.015, "FR"),
    _resident(0.015, "GB"),
    _resident(0.02, "US"),
    _resident(0.01, "CA"),
    _resident(0.015, "JP"),
    _resident(0.01, "KR"),
    _resident(0.01, "IN"),
    _resident(0.01, "AU"),
    Compliance(
        rule="patient-data-us",
        reason="patient data stays in the US, under a business associate agreement",
        share=0.02,
        areas=("US",),
        attestation="baa",
    ),
    Compliance(
        rule="certified-iso27018",
        reason="the customer asks for ISO 27018",
        share=0.015,
        attestation="iso27018",
    ),
)


@cache
def shipped() -> Catalog:
    """Return the catalog in the package."""
    return catalog.load()


@cache
def cloud_offers() -> tuple[Offer, ...]:
    """Return what the chosen regions sell at a known price: accelerators, and some CPU types."""
    regions = {site.id for site in cloud_sites()}
    return tuple(
        offer
        for provider in REGIONS
        for offer in shipped().offers(provider)
        if offer.site in regions and offer.price_usd_h is not None and offer.available
        if offer.accelerator or any(fnmatchcase(offer.instance_type, one) for one in CPU_TYPES)
    )


@cache
def cloud_sites() -> tuple[Site, ...]:
    """Return the regions of each cloud with the most priced offers of accelerators."""
    found: list[Site] = []
    for provider, count in REGIONS.items():
        offered: dict[str, int] = {}
        for offer in shipped().offers(provider):
            if offer.accelerator and offer.price_usd_h is not None and offer.available:
                offered[offer.site] = offered.get(offer.site, 0) + 1
        sites = [
            site
            for site in shipped().sites(provider)
            if not any(fnmatchcase(site.region, one) for one in PARTITIONS)
        ]
        sites.sort(key=lambda site: (site.id not in HOMES, -offered.get(site.id, 0), site.id))
        attested = ATTESTED[provider]
        found += [replace(site, attestations=attested) for site in sites[:count]]
    return tuple(sorted(found, key=lambda site: site.id))


def own_sites() -> tuple[Site, ...]:
    """Return the own sites."""
    return tuple({pool.site.id: pool.site for pool in OWN_POOLS}.values())


def own_offers() -> tuple[Offer, ...]:
    """Return what own pools offer."""
    known = shipped().accelerators
    return tuple(pool.offer(known[pool.accelerator].power_w) for pool in OWN_POOLS)


def quota_of(offer: Offer) -> str | None:
    """Return the quota that a bought offer counts towards: region and family; None is no quota."""
    if offer.accelerator is None:
        return None
    free = offer.site in HOMES and offer.accelerator not in SCARCE
    if free and offer.market is Market.ON_DEMAND:
        return None
    return f"{offer.site}/{offer.accelerator}"


def quota_ids() -> tuple[str, ...]:
    """Return the ids of all quotas, sorted."""
    found = {quota_of(offer) for offer in cloud_offers()}
    return tuple(sorted(one for one in found if one is not None))


def in_quotas(at_most: Mapping[str, float]) -> tuple[tuple[Pool, ...], tuple[Offer, ...]]:
    """Return the quotas with what may be used of each, and the offers that count towards them."""
    pools = tuple(
        Pool(
            id=name,
            site=name.rpartition("/")[0],
            measure=Measure.ACCELERATORS,
            at_most=at_most[name],
        )
        for name in quota_ids()
    )
    return pools, tuple(replace(offer, pool=quota_of(offer)) for offer in cloud_offers())


def places() -> tuple[Site, ...]:
    """Return own and cloud sites."""
    return (*own_sites(), *cloud_sites())


def denied_sites() -> tuple[tuple[str, ...], ...]:
    """Return the ids of the sites that each of `COMPLIANCE` forbids."""
    return tuple(
        tuple(sorted(site.id for site in places() if not one.allows(site))) for one in COMPLIANCE
    )


@cache
def last_resorts() -> Bools:
    """Return which families are sold on demand and under no quota: by compliance, last none."""
    found = np.zeros((len(COMPLIANCE) + 1, len(FAMILIES)), dtype=bool)
    denied = [*map(set, denied_sites()), set()]
    for offer in cloud_offers():
        if offer.accelerator in FAMILIES and quota_of(offer) is None:
            for row, sites in enumerate(denied):
                found[row, FAMILIES.index(offer.accelerator)] |= offer.site not in sites
    return found


def throughput(compute_bound: Floats) -> Floats:
    r"""Return how fast each family is for each job, relative to an A100-40GB; (jobs, families).

    :math:`C^{\alpha} B^{1 - \alpha}` with C the dense fp16 throughput and B the memory bandwidth in
    the catalog, and :math:`\alpha` how far the job is bound by computing rather than by memory
    (the roofline model between its two regimes: Williams, Waterman and Patterson, CACM 52 (2009),
    doi:10.1145/1498765.1498785).
    """
    facts = [shipped().accelerators[family] for family in FAMILIES]
    base = shipped().accelerators["A100-40GB"]
    compute = np.array([(one.fp16_tflops or 0.0) / (base.fp16_tflops or 1.0) for one in facts])
    memory = np.array([(one.bandwidth_gb_s or 0.0) / (base.bandwidth_gb_s or 1.0) for one in facts])
    bound = compute_bound[:, None]
    speeds: Floats = compute**bound * memory ** (1 - bound)
    return speeds


def family_memory_gib() -> Floats:
    """Return the memory of each family."""
    return np.array([shipped().accelerators[family].memory_gib for family in FAMILIES])
