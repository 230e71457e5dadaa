"""Places, the capacity there, what can be had at which price, and the links between them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Market(StrEnum):
    """How a machine is paid for."""

    ON_DEMAND = "on_demand"
    SPOT = "spot"
    RESERVED = "reserved"
    OWNED = "owned"


class Measure(StrEnum):
    """What a quota counts."""

    ACCELERATORS = "accelerators"
    CPUS = "cpus"
    MACHINES = "machines"


class Domain(StrEnum):
    """What fails together."""

    SITE = "site"
    REGION = "region"
    PROVIDER = "provider"
    COUNTRY = "country"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A place: a provider's region, a data centre, an edge location.

    Parameters
    ----------
    id : str
        ``aws/eu-central-1`` for a region, a free name for an own site.
    provider : str
        Name of the plug-in that acts there.
    country : str
        ISO 3166 two-letter code.
    jurisdictions : tuple of str
        Legal areas the site is in, as ``DE, EU, EEA``.
    attestations : tuple of str
        Certificates held and contracts signed for the site, as ``iso27001, dpa, baa``.
    carbon_g_kwh, pue, energy_usd_kwh : float or None
        Grid intensity, power usage effectiveness, and the price of a kWh (own sites).
    cache_gib : float or None
        Room for copies that a plan brings there; None is unlimited. Data at home there and results
        made there are no copies. A copy takes its room over the whole horizon.
    """

    id: str
    provider: str
    region: str
    country: str
    jurisdictions: tuple[str, ...] = ()
    attestations: tuple[str, ...] = ()
    own: bool = False
    latitude_deg: float | None = None
    longitude_deg: float | None = None
    carbon_g_kwh: float | None = None
    pue: float | None = None
    energy_usd_kwh: float | None = None
    cache_gib: float | None = None

    def within(self, domain: Domain) -> str:
        """Return the failure domain of this sort that the site is in."""
        match domain:
            case Domain.SITE:
                return self.id
            case Domain.REGION:
                return f"{self.provider}/{self.region}"
            case Domain.PROVIDER:
                return self.provider
            case Domain.COUNTRY:
                return self.country


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """What a GiB costs beyond some volume, until the next tier begins."""

    beyond_gib: float
    usd_gib: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """From one site to another; None is not known, and nothing that needs it is planned.

    Parameters
    ----------
    usd_gib : float or None
        Price of a GiB; with tiers, until the first of them begins.
    tiers : tuple of Tier
        Ascending; all transfers of a plan over the link count together.
    used_gib : float
        What went over the link before in the period that its tiers are for.
    gbps : float or None
        None means that `Assumptions.transfer_gbps` is used.
    estimated : bool
        The latency was fitted, not measured.
    """

    source: str
    target: str
    usd_gib: float | None = None
    tiers: tuple[Tier, ...] = ()
    used_gib: float = 0.0
    latency_ms: float | None = None
    gbps: float | None = None
    estimated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One machine of an own pool; `interconnect_gbps` is what it has towards other nodes."""

    id: str
    accelerator: str | None = None
    accelerators: int = 0
    cpus: float
    memory_gib: float
    interconnect_gbps: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Capacity that jobs compete for: the nodes of an own cluster, or a quota or reservation.

    Parameters
    ----------
    nodes : tuple of Node
        Of an own cluster; empty for a quota.
    measure, at_most : Measure or None, float or None
        What a quota counts, and how much of it may be in use at a time.
    """

    id: str
    site: str
    nodes: tuple[Node, ...] = ()
    measure: Measure | None = None
    at_most: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What can be had at a site at a price: a machine type and a market.

    Parameters
    ----------
    id : str
        ``site/instance_type/market``.
    pool : str or None
        What its users compete for; None if nothing bounds it.
    price_usd_h : float or None
        Per machine; None is not known and never planned. 0 for own machines (their energy costs).
    cpus, memory_gib, accelerators : float, float, int
        Of one machine; of an own pool, of its largest node with this accelerator.
    architecture : str
        Of its CPUs: ``x86_64`` or ``arm64``.
    accelerator_power_w : float or None
        Board power of one accelerator.
    interconnect_gbps : float or None
        Between machines of this type.
    interruptions_per_h : float or None
        Rate at which one machine is taken back; None if that cannot happen.
    confidential : tuple of str
        Confidential computing it has, as ``sev-snp, nvidia-cc``.
    available : bool
        False: listed but sold out.
    as_of : str or None
        Date of the price, ISO 8601.
    """

    id: str
    site: str
    instance_type: str
    market: Market
    price_usd_h: float | None
    cpus: float
    memory_gib: float
    architecture: str = "x86_64"
    accelerator: str | None = None
    accelerators: int = 0
    accelerator_power_w: float | None = None
    interconnect_gbps: float | None = None
    interruptions_per_h: float | None = None
    confidential: tuple[str, ...] = ()
    disk_usd_gib_h: float = 0.0
    address_usd_h: float = 0.0
    pool: str | None = None
    available: bool = True
    as_of: str | None = None


class LeaseState(StrEnum):
    """Where a lease is in its life."""

    PENDING = "pending"
    ACTIVE = "active"
    ENDING = "ending"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Something a provider runs for us: virtual machines, a Kubernetes Job or a claim on nodes.

    Parameters
    ----------
    id : str
        The idempotency key it was acquired with.
    owner, plan, job, offer : str
        From its tags.
    machines : tuple of str
        The provider's own ids, one per machine of the gang.
    expires : str or None
        When it ends by itself if nobody renews it, ISO 8601.
    """

    id: str
    provider: str
    owner: str
    plan: str
    job: str
    offer: str
    machines: tuple[str, ...]
    state: LeaseState
    expires: str | None = None
