"""What the mocked AWS sells: the offers of a problem, put where moto and our answers look."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend
from moto.ec2.models.instance_types import (
    INSTANCE_TYPE_OFFERINGS,
    INSTANCE_TYPES,
    InstanceType,
    InstanceTypeBackend,
)

from hybridplace.mock.aws_answers import MARKETS, Facts
from hybridplace.model.site import Offer, Pool

SITE = re.compile(r"aws/([^/]+)")
QUOTA = re.compile(r"aws/([^/]+)/quota/([^/]+)")


def facts_of(offers: Iterable[Offer], pools: Iterable[Pool]) -> Facts:
    """Return prices, sold-out offers and quotas; what is not AWS's is passed over."""
    ours = [offer for offer in offers if SITE.fullmatch(offer.site)]
    quotas = ((QUOTA.fullmatch(pool.id), pool.at_most) for pool in pools)
    return Facts(
        prices_usd_h={offer.id: offer.price_usd_h for offer in ours if offer.available},
        sold_out=frozenset(offer.id for offer in ours if not offer.available),
        quotas_cpus={
            (named[1], named[2]): at_most
            for named, at_most in quotas
            if named is not None and at_most is not None
        },
    )


@contextmanager
def stocked(offers: Iterable[Offer]) -> Iterator[None]:
    """Add to moto's tables the types that it does not know, and regions that should have them."""
    wanted = {
        (site[1], offer.instance_type): offer
        for offer in sorted(offers, key=lambda offer: offer.id)
        if (site := SITE.fullmatch(offer.site)) is not None
    }
    types = {name: offer for (_, name), offer in wanted.items() if name not in INSTANCE_TYPES}
    known = list(InstanceTypeBackend.instance_types)
    for name, offer in types.items():
        INSTANCE_TYPES[name] = _description(offer)
        InstanceTypeBackend.instance_types.append(InstanceType(name))
    added = [_put(*missing) for region, name in wanted for missing in _missing(region, name)]
    try:
        yield
    finally:
        for kind, region, place in added:
            INSTANCE_TYPE_OFFERINGS[kind][region].remove(place)
            if not INSTANCE_TYPE_OFFERINGS[kind][region]:
                del INSTANCE_TYPE_OFFERINGS[kind][region]
        InstanceTypeBackend.instance_types[:] = known
        for name in types:
            del INSTANCE_TYPES[name]


def zones(region: str) -> list[str]:
    """Return the zones of a region by name; empty if moto does not know the region."""
    return sorted(zone.name for zone in RegionsAndZonesBackend.zones.get(region, ()))


def _missing(region: str, name: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield (kind of location, region, location, type) of what a region should have and lacks."""
    for kind, locations in (("region", [region]), ("availability-zone", zones(region))):
        listed = INSTANCE_TYPE_OFFERINGS[kind].get(region, ())
        if locations and not any(place["InstanceType"] == name for place in listed):
            yield from ((kind, region, location, name) for location in locations)


def _put(kind: str, region: str, location: str, name: str) -> tuple[str, str, dict[str, str]]:
    place = {"InstanceType": name, "Location": location, "LocationType": kind}
    INSTANCE_TYPE_OFFERINGS[kind].setdefault(region, []).append(place)
    return kind, region, place


def _description(offer: Offer) -> dict[str, Any]:
    """Return what DescribeInstanceTypes tells about the type of an offer, as far as it says."""
    features = ["amd-sev-snp"] if "sev-snp" in offer.confidential else []
    told: dict[str, Any] = {
        "InstanceType": offer.instance_type,
        "CurrentGeneration": False,
        "SupportedUsageClasses": list(MARKETS),
        "SupportedRootDeviceTypes": ["ebs"],
        "ProcessorInfo": {"SupportedArchitectures": ["x86_64"], "SupportedFeatures": features},
        "VCpuInfo": {"DefaultVCpus": round(offer.cpus)},
        "MemoryInfo": {"SizeInMiB": round(offer.memory_gib * 1024)},
    }
    if offer.accelerator is not None:
        gpu = {"Name": offer.accelerator, "Count": offer.accelerators}
        told["GpuInfo"] = {"Gpus": [gpu]}
    if offer.interconnect_gbps is not None:
        card = {"NetworkCardIndex": 0, "BaselineBandwidthInGbps": offer.interconnect_gbps}
        told["NetworkInfo"] = {"NetworkCards": [card]}
    if "nitro-enclaves" in offer.confidential:
        told["NitroEnclavesSupport"] = "supported"
    return told
