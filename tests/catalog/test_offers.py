from __future__ import annotations

import gzip
import json
from collections import Counter
from datetime import date
from math import exp
from pathlib import Path

import moto.ec2
import pytest

from hybridplace.catalog import find, unknown_regions
from hybridplace.catalog.catalog import MONTHLY_INTERRUPTIONS, interruptions_per_h
from hybridplace.model.site import Market, Offer, Site
from hybridplace_aws.families import ACCELERATORS, SIZED, accelerators_of

# FPGAs and video encoders of AWS, which its driver does not name.
NOT_IN_DRIVER = {"FPGA-VU47P", "FPGA-VU9P", "Xilinx-U30"}


@pytest.fixture(scope="module")
def offers(shipped) -> list[Offer]:
    """Every offer of the shipped catalog."""
    return [offer for name in shipped.providers for offer in shipped.offers(name)]


def _prices(offers) -> dict[str, float | None]:
    return {offer.id: offer.price_usd_h for offer in offers}


# --- what an offer holds ---------------------------------------------------------------------


def test_an_offer_holds_all_that_is_known(small) -> None:
    """Machine, price, power, interruptions, disk and address, in the model's units."""
    (spot,) = small.offers("aws", ("here",), [Market.SPOT])[1:]

    assert spot == Offer(
        id="aws/here/p4de.24xlarge/spot",
        site="aws/here",
        instance_type="p4de.24xlarge",
        market=Market.SPOT,
        price_usd_h=16,
        cpus=8,
        memory_gib=32,
        accelerator="A100-80GB",
        accelerators=8,
        accelerator_power_w=400,
        interconnect_gbps=400,
        interruptions_per_h=interruptions_per_h(1),
        confidential=("sev-snp", "nvidia-cc"),
        disk_usd_gib_h=0.08 / 730,
        address_usd_h=0.005,
        as_of="2025-04-04",
    )


def test_a_site_holds_all_that_is_known(small) -> None:
    """Coordinates, law, carbon and PUE; what is blank in the facts is None."""
    here, there = small.sites("aws")

    assert here == Site(
        id="aws/here",
        provider="aws",
        region="here",
        country="DE",
        jurisdictions=("DE", "EU", "EEA"),
        latitude_deg=50.1,
        longitude_deg=8.7,
        carbon_g_kwh=380.9,
        pue=1.35,
    )
    assert (None, None) == (there.carbon_g_kwh, there.pue)


def test_blank_stays_blank(small) -> None:
    """A price, a date, a network or a power that the facts lack is None, and never a number."""
    offers = {offer.id: offer for name in small.providers for offer in small.offers(name)}
    machine = offers["aws/there/p4de.24xlarge/on_demand"]
    chip = offers["gcp/alone/ct5lp-hightpu-4t/on_demand"]

    assert (None, None) == (machine.price_usd_h, machine.as_of)
    assert offers["azure/eu1/Standard_D8s_v5/spot"].price_usd_h is None
    assert (4, None, None) == (
        chip.accelerators,
        chip.accelerator_power_w,
        chip.interconnect_gbps,
    )


def test_shipped_blanks_are_those_of_the_facts(offers) -> None:
    """Azure publishes few spot prices that we have, and three AWS types have none on demand."""
    blank = Counter(
        (offer.site.split("/")[0], offer.market) for offer in offers if offer.price_usd_h is None
    )

    assert 3 == blank["aws", Market.ON_DEMAND]
    assert blank["azure", Market.SPOT] > 8_000
    assert 0 == blank["gcp", Market.ON_DEMAND]


def test_only_spot_offers_are_interrupted(offers) -> None:
    """None means that it cannot happen, or that the estate's assumption holds."""
    rated = Counter(
        (offer.site.split("/")[0], offer.market)
        for offer in offers
        if offer.interruptions_per_h is not None
    )

    assert {("aws", Market.SPOT)} == set(rated)


@pytest.mark.parametrize("band", range(5))
def test_interruption_rate_survives_a_month_as_often_as_the_band_says(band: int) -> None:
    """The rate over 730 hours gives back the monthly frequency that it was made from."""
    rate = interruptions_per_h(band)

    assert rate is not None
    assert pytest.approx(1 - MONTHLY_INTERRUPTIONS[band]) == exp(-730 * rate)
    assert interruptions_per_h(None) is None


def test_prices_are_plausible(offers) -> None:
    """None is zero, none above 1,000 USD an hour, and spot is never dearer than on demand."""
    price = _prices(offers)
    known = {name: usd for name, usd in price.items() if usd is not None}

    assert {} == {name: usd for name, usd in known.items() if not 0 < usd < 1000}
    assert [] == [
        name
        for name, usd in known.items()
        if name.endswith("/spot") and usd > (price[name[: -len("spot")] + "on_demand"] or usd)
    ]


def test_dates_are_whole_dates_no_later_than_the_snapshot(offers, shipped) -> None:
    """Whoever computes the age of a price finds a day, of a month the first."""
    dates = {offer.as_of for offer in offers if offer.as_of}

    assert "2025-09-01" in dates
    assert max(dates) == shipped.date
    assert dates == {date.fromisoformat(day).isoformat() for day in dates}
    assert [] == [offer.id for offer in offers if (offer.price_usd_h is None) != (not offer.as_of)]


def test_no_offer_promises_part_of_an_accelerator(offers, shipped) -> None:
    """A name comes with a whole count, and the catalog knows every name."""
    assert [] == [
        offer.id for offer in offers if bool(offer.accelerator) != (offer.accelerators > 0)
    ]
    assert [] == [offer.id for offer in offers if not isinstance(offer.accelerators, int)]
    assert set() == {offer.accelerator for offer in offers if offer.accelerator} - set(
        shipped.accelerators
    )


def test_types_that_the_provider_does_not_list_are_not_available(offers, shipped) -> None:
    """A price alone does not make a machine."""
    unlisted = {
        name
        for provider in shipped.providers
        for name, kind in shipped.types(provider).items()
        if kind.lifecycle == "unlisted"
    }

    assert "p2.xlarge" in unlisted
    assert unlisted == {offer.instance_type for offer in offers if not offer.available}


# --- names that the AWS driver uses too ------------------------------------------------------


def test_aws_accelerators_have_one_name(shipped) -> None:
    """An offer of the catalog and the live offer for it name the same accelerator."""
    driver = {*ACCELERATORS.values(), *SIZED.values()}
    listed = {kind.accelerator for kind in shipped.types("aws").values() if kind.accelerator}

    assert set() == driver - set(shipped.accelerators)
    assert set() == listed - driver - NOT_IN_DRIVER


def test_aws_types_are_what_aws_describes(shipped) -> None:
    """CPUs, memory and accelerators agree with what the driver makes of AWS's own answers."""
    path = Path(moto.ec2.__file__).parent / "resources" / "instance_types.json.gz"
    described = json.loads(gzip.decompress(path.read_bytes()))
    types = {
        name: kind
        for name, kind in shipped.types("aws").items()
        if name in described and kind.accelerator not in NOT_IN_DRIVER
    }

    assert len(types) > 200
    assert {name: accelerators_of(described[name]) for name in types} == {
        name: (kind.accelerator, kind.accelerators) for name, kind in types.items()
    }
    assert {
        name: (
            described[name]["VCpuInfo"]["DefaultVCpus"],
            described[name]["MemoryInfo"]["SizeInMiB"] / 1024,
        )
        for name in types
    } == {name: (kind.cpus, kind.memory_gib) for name, kind in types.items()}


# --- asking ----------------------------------------------------------------------------------


def test_regions_are_chosen_by_pattern(shipped) -> None:
    """As in an estate: shell patterns, and no pattern is no region."""
    european = shipped.sites("aws", ("eu-*",))

    assert {"aws/eu-central-1", "aws/eu-west-1"} <= {site.id for site in european}
    assert [] == [site.id for site in european if not site.region.startswith("eu-")]
    assert shipped.sites("aws") == shipped.sites("aws", ("eu-*", "*"))
    assert () == shipped.sites("aws", ())
    assert () == shipped.offers("aws", ())


def test_a_provider_that_the_catalog_lacks_has_nothing(shipped) -> None:
    """A plug-in for another cloud brings its own sites and offers."""
    assert ((), (), {}) == (shipped.sites("moon"), shipped.offers("moon"), shipped.types("moon"))


def test_offers_come_by_market(small) -> None:
    """Only the markets that an estate allows; the catalog knows no reserved ones."""
    assert {Market.SPOT} == {offer.market for offer in small.offers("aws", markets=[Market.SPOT])}
    assert () == small.offers("aws", markets=[Market.RESERVED])


def test_find_applies_every_condition(shipped, offers) -> None:
    """Cheapest first, and what is found is what a plain loop finds."""
    found = find(
        shipped,
        accelerator="H100-*",
        country="EEA",
        markets=[Market.ON_DEMAND],
        max_price_usd_h=60,
        min_memory_gib=300,
    )

    sites = {site.id: site for name in shipped.providers for site in shipped.sites(name)}
    expected = [
        offer
        for offer in offers
        if (offer.accelerator or "").startswith("H100-")
        and "EEA" in sites[offer.site].jurisdictions
        and offer.market is Market.ON_DEMAND
        and offer.price_usd_h is not None
        and offer.price_usd_h <= 60
        and offer.memory_gib >= 300
    ]
    assert len(expected) > 10
    assert sorted(expected, key=lambda offer: (offer.price_usd_h, offer.id)) == list(found)


def test_find_puts_offers_without_a_price_last(small) -> None:
    """They are shown, but never as the cheapest; a price limit leaves them out."""
    prices = [offer.price_usd_h for offer in find(small, providers=("aws",))]

    assert [1, 16, 40, None, None, None] == prices
    assert [1] == [
        offer.price_usd_h for offer in find(small, providers=("aws",), max_price_usd_h=9)
    ]


def test_unknown_regions_come_with_similar_ones(shipped) -> None:
    """A slip of the pen gets its remedy; a pattern that matches nothing is reported too."""
    found = unknown_regions(shipped, "aws", ("eu-central-1", "eu-centrall-1", "mars-*", "eu-*"))

    assert ["eu-centrall-1", "mars-*"] == list(found)
    assert "eu-central-1" == found["eu-centrall-1"][0]
    assert () == found["mars-*"]
    assert {} == unknown_regions(shipped, "moon", ("anything",))


# --- sources ---------------------------------------------------------------------------------


def test_every_figure_has_a_source(small) -> None:
    """Sites, offers and accelerators tell where their figures are from, and how old they are."""
    spot = small.provenance("aws/here/p4de.24xlarge/spot")
    site = small.provenance("aws/here")

    assert ("aws-spot-derived", "2025-04-04") == (
        spot["price_usd_h"].code,
        spot["price_usd_h"].as_of,
    )
    assert "aws-spot-advisor" == spot["interruptions_per_h"].code
    assert ("CC BY 4.0", "2023") == (site["carbon_g_kwh"].licence, site["carbon_g_kwh"].as_of)
    assert "datasheet" == small.provenance("A100-80GB")["all"].code
    assert {} == small.provenance("nothing")


def test_every_shipped_price_has_a_source(offers, shipped) -> None:
    """No price without one, and none for a price that is not known."""
    wrong = [
        offer.id
        for offer in offers
        if ("price_usd_h" in shipped.provenance(offer.id)) != (offer.price_usd_h is not None)
    ]

    assert [] == wrong


# --- documentation ---------------------------------------------------------------------------


def test_docs_say_what_is_in_it(shipped) -> None:
    """The numbers in docs/catalog.md are those of the shipped catalog."""
    text = (Path(__file__).parents[2] / "docs" / "catalog.md").read_text()
    section = text.split("## What is in it")[1].split("**All accelerator types**")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    counts: dict[str, object] = {"date of the newest price": shipped.date}
    for name in shipped.providers:
        offers = shipped.offers(name)
        counts[f"sites: {name}"] = len(shipped.sites(name))
        counts[f"machine types: {name}"] = len(shipped.types(name))
        counts[f"offers: {name}"] = len(offers)
        counts[f"offers with a price: {name}"] = sum(o.price_usd_h is not None for o in offers)
    counts["accelerators"] = len(shipped.accelerators)
    counts["measured round trips"] = sum(
        row[2] is not None for row in shipped.body["latency"]["rows"]
    )
    counts["measured throughputs"] = len(shipped.body["throughput"]["rows"])

    assert {name: str(count) for name, count in counts.items()} == dict(rows[2:])


def test_docs_name_every_licence(shipped) -> None:
    """Whoever redistributes the catalog finds the terms of each source, and the attribution."""
    text = (Path(__file__).parents[2] / "docs" / "catalog.md").read_text()

    assert set() == {source.licence for source in shipped.sources if source.licence not in text}
    assert "https://creativecommons.org/licenses/by/4.0/" in text
