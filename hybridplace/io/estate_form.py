"""What stands in an estate file."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from hybridplace.io.constraints import (
    Amount,
    Count,
    CountFromOne,
    Country,
    Discount,
    DomainName,
    FigureName,
    Form,
    Fraction,
    Latitude,
    LimitMeasureName,
    Longitude,
    MarketName,
    MeasureName,
    Moment,
    Name,
    Names,
    Options,
    Positive,
    Ratio,
)
from hybridplace.model.site import Market


class SiteForm(Form):
    """An own site, or a place where users are."""

    id: Name = Field(description="a free name; unique among sites")
    provider: Name = Field("static", description="plug-in that acts there")
    region: Name | None = Field(None, description="default: the id, without the provider in front")
    country: Country = Field(description="ISO 3166 two-letter code")
    jurisdictions: Names = Field([], description="legal areas it is in, as DE, EU, EEA")
    attestations: Names = Field([], description="certificates held and contracts signed")
    own: bool | None = Field(
        None, description="default: yes if the provider is static and a pool or dataset is there"
    )
    latitude_deg: Latitude | None = Field(None, description="north is positive, degrees")
    longitude_deg: Longitude | None = Field(None, description="east is positive, degrees")
    carbon_g_kwh: Amount | None = Field(None, description="grid intensity, grams of CO2e per kWh")
    pue: Ratio | None = Field(None, description="power usage effectiveness")
    energy_usd_kwh: Amount | None = Field(None, description="price of energy, USD per kWh")
    cache_gib: Amount | None = Field(
        None, description="room for copies that plans bring there, GiB; default: unlimited"
    )


class NodeForm(Form):
    """One machine of an own pool, or `count` identical ones."""

    id: Name = Field(description="unique in its pool; with a count, followed by -1, -2, ...")
    count: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        None, description="as many machines like this"
    )
    accelerator: Name | None = Field(None, description="catalog name, as A100-80GB; none: CPU only")
    accelerators: Count = Field(0, description="of one machine")
    cpus: Positive = Field(description="virtual CPUs of one machine")
    memory_gib: Positive = Field(description="memory of one machine, GiB")
    interconnect_gbps: Positive | None = Field(None, description="towards other nodes, Gbit/s")


class PoolForm(Form):
    """Nodes of an own cluster, or a reservation that measures what may be in use at a time."""

    id: Name = Field(description="unique among pools and quotas")
    site: Name = Field(description="where it is")
    nodes: list[NodeForm] = Field([], description="its machines")
    measure: MeasureName | None = Field(None, description="what is counted, instead of nodes")
    at_most: Amount | None = Field(None, description="how much of it may be in use at a time")


class TierForm(Form):
    """What a GiB costs beyond some volume, until the next tier begins."""

    beyond_gib: Positive = Field(description="from which volume on, GiB")
    usd_gib: Amount = Field(description="price of a GiB beyond it, USD")


class LinkForm(Form):
    """From one site to another; what is not given comes from the catalog."""

    source: Name = Field(description="site it goes from")
    target: Name = Field(description="site it goes to")
    usd_gib: Amount | None = Field(
        None, description="price of a transfer, USD per GiB; with tiers, until the first begins"
    )
    tiers: list[TierForm] = Field(
        [], description="what more costs; all that a plan moves over the link counts together"
    )
    used_gib: Amount = Field(0.0, description="what went over it before, towards its tiers, GiB")
    latency_ms: Amount | None = Field(None, description="round trip, ms")
    gbps: Positive | None = Field(None, description="default: transfer_gbps of the assumptions")
    estimated: bool = Field(False, description="the latency was fitted, not measured")


class TenantForm(Form):
    """Who jobs and budgets belong to."""

    id: Name = Field(description="unique among tenants")
    weight: Positive = Field(1.0, description="its share when capacity is short")


class DatasetForm(Form):
    """Data that jobs read or write."""

    id: Name = Field(description="unique among datasets")
    tenant: Name = Field(description="who pays for moving it")
    size_gib: Amount = Field(description="size, GiB")
    homes: Names = Field([], description="sites that hold it now; none if a job writes it")
    labels: Names = Field([], description="what policies see: phi, personal, restricted, ...")
    origin: Name | None = Field(None, description="whose law follows the data, as EEA")
    deliver_to: Names = Field(
        [], description="sites that must get a copy; of what a job writes, once it has"
    )


class LimitForm(Form):
    """A bound on a sum over the plan; scopes that are absent match everything."""

    id: Name = Field(description="unique among limits")
    measure: LimitMeasureName = Field(description="what is added up")
    at_most: Amount = Field(
        description="the bound, in USD, grams of CO2e, accelerator-hours or moved jobs"
    )
    reason: str = Field("", description="told to who hits it")
    tenant: Name | None = Field(None, description="only jobs of this tenant")
    job: Name | None = Field(None, description="only this job")
    site: Name | None = Field(None, description="only at this site")
    provider: Name | None = Field(None, description="only with this provider")
    country: Country | None = Field(None, description="only in this country")
    market: MarketName | None = Field(None, description="only in this market")
    accelerator: Name | None = Field(None, description="only on this accelerator")


class SpreadForm(Form):
    """Jobs that must not all fail together."""

    id: Name = Field(description="unique among spreads")
    jobs: Annotated[Names, Field(min_length=1)] = Field(description="which jobs")
    domain: DomainName = Field(description="what fails together")
    at_most: CountFromOne = Field(description="as many of them in one such place")


class HourlyFigureForm(Form):
    """A figure that changes over time; it replaces the one figure of what has it."""

    subject: Name = Field(
        description="site, pool or quota by its id; of prices a pattern on offer ids"
    )
    measure: FigureName = Field(description="which figure")
    hour_of_day: Annotated[list[Amount], Field(min_length=24, max_length=24)] | None = Field(
        None, description="24 values, one per hour of the day in UTC, the same every day"
    )
    hourly: Annotated[list[Amount], Field(min_length=1)] | None = Field(
        None, description="or one value per hour of the clock; the last one holds on"
    )
    start: Moment | None = Field(
        None, description="in which hour the first of hourly holds; default: when planning starts"
    )


class MaintenanceWindowForm(Form):
    """When own nodes cannot be used."""

    pool: Name = Field(description="the pool whose nodes they are")
    node: Name | None = Field(None, description="which node; default: all of the pool")
    start: Moment = Field(description="from when")
    end: Moment = Field(description="until when")


class AccessForm(Form):
    """A cloud provider that may be used, and on which terms."""

    provider: Name = Field(description="aws, azure, gcp or the name of another plug-in")
    regions: Names = Field(description="allowed regions; eu-* works, an empty list allows none")
    markets: list[MarketName] = Field(
        [Market.ON_DEMAND, Market.SPOT], description="allowed markets"
    )
    attestations: Names = Field([], description="contracts signed and certificates demanded")
    discount: Discount = Field(0.0, description="share taken off every list price")
    live_prices: bool = Field(False, description="ask the provider, not the catalog alone")
    options: Options = Field(
        {}, description="of its plug-in, as image; image.REGION: for that region only"
    )


class QuotaForm(Form):
    """How much of something an account may use at a time in a region."""

    id: Name = Field(description="unique among pools and quotas")
    site: Name = Field(description="the region, as aws/eu-central-1")
    measure: MeasureName = Field(description="what is counted")
    at_most: Amount = Field(description="how much of it may be in use at a time")
    market: MarketName | None = Field(None, description="only this market")
    instance_types: Names = Field([], description="only these; p4d.* works; none: every type")


class OverlayForm(Form):
    """An own price for some offers; exactly one of the two."""

    offers: Name = Field(description="pattern on offer ids, as aws/eu-*/p4d.*/on_demand")
    price_usd_h: Amount | None = Field(None, description="instead of the list price, USD per hour")
    discount: Discount | None = Field(None, description="share taken off the list price")


class AssumptionsForm(Form):
    """Figures used where nothing better is known."""

    carbon_usd_t: Amount = Field(0.0, description="price of carbon, USD per tonne of CO2e")
    cpu_power_w: Amount = Field(3.5, description="of a busy virtual CPU, W")
    memory_power_w_gib: Amount = Field(0.392, description="of memory, W per GiB")
    accelerator_load: Fraction = Field(0.8, description="share of its board power that it draws")
    interruptions_per_h: Amount = Field(0.05, description="of spot machines, per hour")
    transfer_gbps: Positive = Field(1.0, description="of links without a figure, Gbit/s")
    quantile: Fraction = Field(0.5, description="of work_range of jobs, which is planned with")
    unfair_usd: Amount = Field(
        0.0, description="price of the worst-off tenant getting nothing of its due, USD"
    )


class EstateForm(Form):
    """What an organisation has, allows and assumes, apart from its jobs."""

    name: Name = Field(description="owner tag of everything acquired for it")
    horizon_h: Positive = Field(24.0, description="hours planned ahead")
    slot_h: Positive = Field(1.0, description="starts are multiples of it, hours")
    sites: list[SiteForm] = Field([], description="own sites, and places where users are")
    pools: list[PoolForm] = Field([], description="own machines and reservations")
    links: list[LinkForm] = Field([], description="what the catalog does not know")
    tenants: Annotated[list[TenantForm], Field(min_length=1)] = Field(
        description="who jobs and budgets belong to"
    )
    datasets: list[DatasetForm] = Field([], description="data that jobs read or write")
    limits: list[LimitForm] = Field(
        [], description="budgets, carbon caps, accelerator hours, moves of what runs"
    )
    spreads: list[SpreadForm] = Field([], description="jobs that must not all fail together")
    forecasts: list[HourlyFigureForm] = Field(
        [], description="figures that change over time; later ones win"
    )
    maintenance: list[MaintenanceWindowForm] = Field(
        [], description="when own nodes cannot be used"
    )
    providers: list[AccessForm] = Field([], description="clouds that may be used")
    quotas: list[QuotaForm] = Field([], description="of the accounts at the providers")
    overlays: list[OverlayForm] = Field([], description="own prices; later ones win")
    policies: list[str] = Field(["base"], description="shipped packs, or paths of .cedar files")
    plugins: list[str] = Field([], description="files that hold an own plug-in")
    assumptions: AssumptionsForm = Field(
        default_factory=lambda: AssumptionsForm.model_validate({}),
        description="figures used where nothing better is known",
    )
