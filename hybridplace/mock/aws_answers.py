"""Answers of the mocked AWS to calls that moto does not know: prices, quotas, image names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from moto.ec2.models.amis import AMIS
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS, INSTANCE_TYPES

EC2_XML = "http://ec2.amazonaws.com/doc/2016-11-15/"
MARKETS = {"on-demand": "on_demand", "spot": "spot"}
"""Our names of AWS's usage classes."""
IMAGES = "/aws/service/ami-amazon-linux-latest/"
INSTANCE_TYPE_TABLES = frozenset(INSTANCE_TYPE_OFFERINGS["region"])
"""Regions that moto has tables for; it has image parameters for the same ones."""
IMAGE_OF = {
    "/aws/service/deeplearning/ami/arm64/": "al2023-ami-kernel-default-arm64",
    "/aws/service/deeplearning/ami/x86_64/": "al2023-ami-kernel-default-x86_64",
    "/aws/service/neuron/dlami/": "al2023-ami-kernel-default-x86_64",
}
"""Public image parameters that moto lacks, and the one it has that stands for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the mocked AWS knows about prices and quotas.

    Parameters
    ----------
    prices_usd_h : mapping
        By offer id, ``aws/REGION/TYPE/on_demand`` or ``.../spot``; None and absent is not told.
    sold_out : frozenset of str
        Offers that are listed and cannot be had.
    quotas_cpus : mapping
        Quota values by (region, quota code).
    """

    prices_usd_h: Mapping[str, float | None] = field(default_factory=dict)
    sold_out: frozenset[str] = frozenset()
    quotas_cpus: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def price(self, region: str, instance_type: str, market: str) -> float | None:
        """Return the price of a type in a market, USD/h; None is unknown."""
        return self.prices_usd_h.get(f"aws/{region}/{instance_type}/{market}")

    def refuses(self, region: str, instance_type: str, market: str) -> bool:
        """Say whether there is no capacity: sold out, or a spot machine that has no price."""
        if f"aws/{region}/{instance_type}/{market}" in self.sold_out:
            return True
        return market == "spot" and self.price(region, instance_type, market) is None


def page(items: list[Any], asked: Mapping[str, Any], most: int) -> tuple[list[Any], str | None]:
    """Return the items of the page that `asked` wants and the token of the next one."""
    start = int(asked.get("NextToken") or 0)
    size = min(int(asked.get("MaxResults") or most), most)
    following = start + size
    return items[start:following], str(following) if following < len(items) else None


def places(region: str, location: str) -> list[tuple[str, str]]:
    """Return (location, instance type) of everything on offer in a region, sorted."""
    found = INSTANCE_TYPE_OFFERINGS[location].get(region, ())
    return sorted((place["Location"], place["InstanceType"]) for place in found)


def spot_prices(facts: Facts, region: str, asked: Mapping[str, Any], most: int) -> str:
    """Return the answer to DescribeSpotPriceHistory: one price per type and zone, now."""
    wanted = {value for name, value in asked.items() if name.startswith("InstanceType.")}
    rows = [
        (zone, kind, price)
        for zone, kind in places(region, "availability-zone")
        if (price := facts.price(region, kind, "spot")) is not None
        and (not wanted or kind in wanted)
    ]
    shown, token = page(rows, asked, most)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    items = "".join(
        f"<item><instanceType>{escape(kind)}</instanceType><productDescription>Linux/UNIX"
        f"</productDescription><spotPrice>{price:.6f}</spotPrice><timestamp>{now}</timestamp>"
        f"<availabilityZone>{escape(zone)}</availabilityZone></item>"
        for zone, kind, price in shown
    )
    return (
        f'<DescribeSpotPriceHistoryResponse xmlns="{EC2_XML}"><spotPriceHistorySet>{items}'
        f"</spotPriceHistorySet><nextToken>{token or ''}</nextToken>"
        "</DescribeSpotPriceHistoryResponse>"
    )


def quotas(facts: Facts, region: str, asked: Mapping[str, Any], most: int) -> dict[str, Any]:
    """Return the answer to ListServiceQuotas."""
    known = sorted(code for place, code in facts.quotas_cpus if place == region)
    shown, token = page(known, asked, most)
    listed = [_quota(facts, region, code) for code in shown]
    return {"Quotas": listed} | ({"NextToken": token} if token else {})


def _quota(facts: Facts, region: str, code: str) -> dict[str, Any]:
    value = facts.quotas_cpus[region, code]
    return {"ServiceCode": "ec2", "QuotaCode": code, "QuotaName": code, "Value": value}


def products(facts: Facts, asked: Mapping[str, Any], most: int) -> dict[str, Any]:
    """Return the answer to GetProducts: the on-demand prices of one region."""
    wanted = {item["Field"]: item["Value"] for item in asked.get("Filters", ())}
    region = str(wanted.get("regionCode", ""))
    priced = [
        (kind, price)
        for kind in sorted(INSTANCE_TYPES)
        if (price := facts.price(region, kind, "on_demand")) is not None
    ]
    shown, token = page(priced, asked, most)
    listed = [json.dumps(_product(region, kind, price)) for kind, price in shown]
    return {"FormatVersion": "aws_v1", "PriceList": listed} | (
        {"NextToken": token} if token else {}
    )


def _product(region: str, kind: str, price_usd_h: float) -> dict[str, Any]:
    attributes = {"instanceType": kind, "regionCode": region, "usagetype": f"BoxUsage:{kind}"}
    rate = {"unit": "Hrs", "pricePerUnit": {"USD": f"{price_usd_h:.10f}"}}
    return {
        "product": {"productFamily": "Compute Instance", "attributes": attributes},
        "terms": {"OnDemand": {f"{kind}.T": {"priceDimensions": {f"{kind}.T.R": rate}}}},
    }


def image_parameter(name: str) -> str:
    """Return the name of the image parameter that moto has in place of `name`."""
    for prefix, stands in IMAGE_OF.items():
        if name.startswith(prefix):
            return f"{IMAGES}{stands}"
    return name


def image(region: str, name: str) -> dict[str, Any] | None:
    """Return the answer to GetParameter for images of a region that moto has no names for.

    It is an image that moto has in every region: Amazon Linux of the right architecture.
    """
    if region in INSTANCE_TYPE_TABLES or not name.startswith(IMAGES):
        return None
    arch = "arm64" if name.endswith("arm64") else "x86_64"
    fit = [one for one in AMIS if one["name"].startswith("al20") and one["architecture"] == arch]
    latest = max(fit, key=lambda one: (one["name"], one["ami_id"]))
    told = {"Name": name, "Type": "String", "Value": latest["ami_id"], "Version": 1}
    return {"Parameter": told | {"DataType": "text"}}
