"""What EC2 sells in a region, at which price, and how much of it the account may run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from hybridplace.errors import AuthError
from hybridplace.model.site import Market, Measure, Offer, Pool
from hybridplace_aws.failures import translated
from hybridplace_aws.families import QUOTAS, accelerators_of, quota_code
from hybridplace_aws.session import Clients

PROVIDER = "aws"
PRICING_REGION = "us-east-1"
LINUX = "Linux/UNIX"
USAGE_CLASSES = {Market.ON_DEMAND: "on-demand", Market.SPOT: "spot"}


def site_id(region: str) -> str:
    """Return the id of the site that a region is."""
    return f"{PROVIDER}/{region}"


def offers(clients: Clients, region: str, patterns: tuple[str, ...]) -> Iterator[Offer]:
    """Yield an offer per instance type and market that the region sells.

    Parameters
    ----------
    patterns : tuple of str
        Shell patterns of instance types; empty is every type.

    Notes
    -----
    A type that has no spot price is not sold on that market there: listed, not available.
    """
    prices = {
        Market.ON_DEMAND: on_demand_prices(clients, region, patterns),
        Market.SPOT: spot_prices(clients, region, patterns),
    }
    pools = {pool.id for pool in quotas(clients, region)}
    for spec in instance_types(clients, region, patterns):
        for market, usage_class in USAGE_CLASSES.items():
            if usage_class in spec.get("SupportedUsageClasses", ()):
                offer = _offer(region, spec, market, prices[market].get(spec["InstanceType"]))
                yield offer if offer.pool in pools else replace(offer, pool=None)


def instance_types(
    clients: Clients, region: str, patterns: tuple[str, ...]
) -> list[Mapping[str, Any]]:
    """Return the descriptions of the types that the region sells, by name."""
    ec2 = clients("ec2", region)
    filters = [{"Name": "instance-type", "Values": list(patterns)}] if patterns else []
    with translated(f"{region}: instance types"):
        sold = {
            place["InstanceType"]
            for page in ec2.get_paginator("describe_instance_type_offerings").paginate(
                LocationType="region"
            )
            for place in page["InstanceTypeOfferings"]
        }
        pages = ec2.get_paginator("describe_instance_types").paginate(Filters=filters)
        specs = [spec for page in pages for spec in page["InstanceTypes"]]
    found = {spec["InstanceType"]: spec for spec in specs if spec["InstanceType"] in sold}
    return [found[name] for name in sorted(found)]


def spot_prices(clients: Clients, region: str, patterns: tuple[str, ...]) -> dict[str, float]:
    """Return the present spot price (USD/h) of each type: that of its cheapest zone."""
    prices: dict[str, float] = {}
    for _, name, _, price_usd_h in spot_history(clients, region, hours=0.0):
        if _selected(name, patterns):
            prices[name] = min(price_usd_h, prices.get(name, price_usd_h))
    return prices


def spot_history(
    clients: Clients, region: str, *, hours: float, instance_types: tuple[str, ...] = ()
) -> list[tuple[datetime, str, str, float]]:
    """Return the spot prices of the last `hours`: (since, type, zone, USD/h), oldest first.

    EC2 keeps 90 days. With 0 it is the price in force now, which may have been set before.
    """
    asked: dict[str, Any] = {"ProductDescriptions": [LINUX]}
    asked["StartTime"] = datetime.now(UTC) - timedelta(hours=hours)
    if instance_types:
        asked["InstanceTypes"] = list(instance_types)
    with translated(f"{region}: spot prices"):
        pages = clients("ec2", region).get_paginator("describe_spot_price_history")
        rows = [row for page in pages.paginate(**asked) for row in page["SpotPriceHistory"]]
    prices = [
        (row["Timestamp"], row["InstanceType"], row["AvailabilityZone"], float(row["SpotPrice"]))
        for row in rows
    ]
    return sorted(price for price in prices if price[3] > 0)


def on_demand_prices(clients: Clients, region: str, patterns: tuple[str, ...]) -> dict[str, float]:
    """Return the on-demand prices (USD/h, Linux, shared tenancy) that AWS tells.

    Empty if the account may not ask; a type with two different prices is left out.
    """
    chosen = {"regionCode": region, "operatingSystem": "Linux", "tenancy": "Shared"}
    chosen |= {"preInstalledSw": "NA", "capacitystatus": "Used", "marketoption": "OnDemand"}
    filters = [{"Type": "TERM_MATCH", "Field": name, "Value": chosen[name]} for name in chosen]
    found: dict[str, set[float]] = {}
    try:
        with translated(f"{region}: on-demand prices"):
            pages = clients("pricing", PRICING_REGION).get_paginator("get_products")
            for page in pages.paginate(ServiceCode="AmazonEC2", Filters=filters):
                for product in map(json.loads, page["PriceList"]):
                    name = product["product"]["attributes"].get("instanceType", "")
                    if _selected(name, patterns):
                        found.setdefault(name, set()).update(_prices_usd_h(product))
    except AuthError:
        return {}
    return {name: min(prices) for name, prices in found.items() if len(prices) == 1}


def quotas(clients: Clients, region: str) -> Iterator[Pool]:
    """Yield the account's vCPU quotas in a region, as applied to it; none if it may not ask."""
    codes = set(QUOTAS.values())
    try:
        with translated(f"{region}: quotas"):
            pages = clients("service-quotas", region).get_paginator("list_service_quotas")
            answers = list(pages.paginate(ServiceCode="ec2"))
    except AuthError:
        return
    listed = [quota for answer in answers for quota in answer["Quotas"]]
    for quota in sorted(listed, key=_code):
        if _code(quota) in codes:
            yield Pool(
                id=quota_id(region, _code(quota)),
                site=site_id(region),
                measure=Measure.CPUS,
                at_most=float(quota["Value"]),
            )


def quota_id(region: str, code: str) -> str:
    """Return the id of the pool that a quota is."""
    return f"{site_id(region)}/quota/{code}"


def _code(quota: Mapping[str, Any]) -> str:
    return str(quota["QuotaCode"])


def _selected(name: str, patterns: tuple[str, ...]) -> bool:
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


def _prices_usd_h(product: Mapping[str, Any]) -> set[float]:
    usage = product["product"]["attributes"].get("usagetype", "BoxUsage:")
    if "BoxUsage" not in usage or "HostBoxUsage" in usage:
        return set()
    rates = (
        rate
        for term in product.get("terms", {}).get("OnDemand", {}).values()
        for rate in term["priceDimensions"].values()
    )
    prices = {float(rate["pricePerUnit"].get("USD", 0)) for rate in rates if rate["unit"] == "Hrs"}
    return prices - {0.0}  # AWS lists zero for what is billed elsewhere


def _offer(
    region: str, spec: Mapping[str, Any], market: Market, price_usd_h: float | None
) -> Offer:
    name = spec["InstanceType"]
    accelerator, accelerators = accelerators_of(spec)
    code = quota_code(name, market)
    return Offer(
        id=f"{site_id(region)}/{name}/{market}",
        site=site_id(region),
        instance_type=name,
        market=market,
        price_usd_h=price_usd_h,
        cpus=float(spec["VCpuInfo"]["DefaultVCpus"]),
        memory_gib=spec["MemoryInfo"]["SizeInMiB"] / 1024,
        accelerator=accelerator,
        accelerators=accelerators,
        interconnect_gbps=_interconnect_gbps(spec),
        confidential=_confidential(spec),
        pool=quota_id(region, code) if code else None,
        available=market is not Market.SPOT or price_usd_h is not None,
        as_of=datetime.now(UTC).date().isoformat() if price_usd_h is not None else None,
    )


def _interconnect_gbps(spec: Mapping[str, Any]) -> float | None:
    """Return what all network cards together sustain; bursts do not carry a gang."""
    cards = spec.get("NetworkInfo", {}).get("NetworkCards", ())
    return sum(card.get("BaselineBandwidthInGbps", 0.0) for card in cards) or None


def _confidential(spec: Mapping[str, Any]) -> tuple[str, ...]:
    sev = "amd-sev-snp" in spec.get("ProcessorInfo", {}).get("SupportedFeatures", ())
    enclaves = spec.get("NitroEnclavesSupport") == "supported"
    return ("sev-snp",) * sev + ("nitro-enclaves",) * enclaves
