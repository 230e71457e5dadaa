"""The estate: what an organisation has, allows and assumes, apart from its jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from hybridplace.model.forecast import Figure
from hybridplace.model.job import Dataset, Tenant
from hybridplace.model.problem import Assumptions, Limit, Spread
from hybridplace.model.site import Link, Market, Measure, Pool, Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """A cloud provider that may be used, and on which terms.

    Parameters
    ----------
    provider : str
        A cloud in the catalog (``aws``, ``azure``, ``gcp``), or what a plug-in provides.
    regions : tuple of str
        Allowed regions; shell patterns such as ``eu-*`` work, empty allows none.
    markets : tuple of Market
        Allowed markets.
    attestations : tuple of str
        Contracts signed with, and certificates demanded of, the provider: ``dpa, baa, scc, ...``.
    discount : float
        Share taken off every list price, in [0, 1).
    live_prices : bool
        Ask the provider for offers and prices instead of using the catalog alone.
    options : mapping
        What is up to the provider's plug-in, as ``image`` and ``subnet``: texts by name, or by
        ``name.region`` where they differ.
    """

    provider: str
    regions: tuple[str, ...]
    markets: tuple[Market, ...] = (Market.ON_DEMAND, Market.SPOT)
    attestations: tuple[str, ...] = ()
    discount: float = 0.0
    live_prices: bool = False
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How much of something an account may use at a time in a region.

    Parameters
    ----------
    instance_types : tuple of str
        Shell patterns such as ``p4d.*``; empty is every type.
    """

    id: str
    site: str
    measure: Measure
    at_most: float
    market: Market | None = None
    instance_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceOverlay:
    """An own price for some offers: replaces the list price, or takes a share off it.

    Parameters
    ----------
    offers : str
        Shell pattern on offer ids, as ``aws/eu-*/p4d.*/on_demand``; later overlays win.
    price_usd_h, discount : float or None
        Exactly one of them.
    """

    offers: str
    price_usd_h: float | None = None
    discount: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HourlyFigure:
    """A figure that changes over time; it replaces the one figure of what has it.

    Parameters
    ----------
    subject : str
        Id of a site, pool or quota; of prices a shell pattern on offer ids.
    hour_of_day : tuple of float or None
        24 values, one per hour of the day in UTC.
    hourly : tuple of float or None
        Instead of these, one value per hour of the clock; the last one holds on.
    start : datetime or None
        In which hour the first of `hourly` holds; None: when planning starts.
    """

    subject: str
    measure: Figure
    hour_of_day: tuple[float, ...] | None = None
    hourly: tuple[float, ...] | None = None
    start: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceWindow:
    """When a node of an own pool, or all of them if `node` is None, cannot be used."""

    pool: str
    node: str | None = None
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Estate:
    """What an organisation has, allows and assumes.

    Parameters
    ----------
    name : str
        Owner tag of everything acquired for it.
    sites : tuple of Site
        Own sites, and places where users are.
    policies : tuple of str
        Names of shipped packs, or paths of ``.cedar`` files.
    plugins : tuple of str
        Files that hold a plug-in of one's own.
    """

    name: str
    horizon_h: float = 24.0
    slot_h: float = 1.0
    sites: tuple[Site, ...] = ()
    pools: tuple[Pool, ...] = ()
    links: tuple[Link, ...] = ()
    tenants: tuple[Tenant, ...]
    datasets: tuple[Dataset, ...] = ()
    limits: tuple[Limit, ...] = ()
    spreads: tuple[Spread, ...] = ()
    forecasts: tuple[HourlyFigure, ...] = ()
    maintenance: tuple[MaintenanceWindow, ...] = ()
    providers: tuple[Access, ...] = ()
    quotas: tuple[Quota, ...] = ()
    overlays: tuple[PriceOverlay, ...] = ()
    policies: tuple[str, ...] = ("base",)
    plugins: tuple[str, ...] = ()
    assumptions: Assumptions = Assumptions()
