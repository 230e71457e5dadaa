from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridplace.catalog import Catalog, load
from hybridplace.catalog.countries import EEA, EU, jurisdictions, network_group
from hybridplace.catalog.facts import read
from hybridplace.catalog.links import distance_km
from hybridplace.model.site import Link, Site

GB_PER_GIB = 1.073741824
SITES = [site for name in load().providers for site in load().sites(name)]


def own(country: str = "DE", lat: float | None = 50.0, lon: float | None = 8.5) -> Site:
    """A clinic's machine room."""
    return Site(
        id="clinic",
        provider="static",
        region="clinic",
        country=country,
        own=True,
        latitude_deg=lat,
        longitude_deg=lon,
    )


def at(catalog: Catalog, name: str) -> Site:
    """The site of that id."""
    provider, region = name.split("/")
    (site,) = catalog.sites(provider, (region,))
    return site


# --- money -----------------------------------------------------------------------------------

TARIFFS = {
    ("aws/here", "aws/there"): 0.02,
    ("aws/here", "azure/eu1"): 0.09,
    ("azure/eu1", "azure/eu2"): 0.02,
    ("azure/eu1", "azure/us1"): 0.05,
    ("azure/us1", "azure/eu1"): 0.06,
    ("aws/there", "aws/here"): None,
    ("aws/there", "azure/eu1"): None,
    ("gcp/alone", "aws/here"): None,
}


@pytest.mark.parametrize("pair", TARIFFS, ids=" to ".join)
def test_egress_between_clouds(pair: tuple[str, str], small) -> None:
    """The cloud that is left bills its first tier, converted to GiB; an unknown one is None."""
    found = small.link(at(small, pair[0]), at(small, pair[1])).usd_gib

    expected = TARIFFS[pair]
    assert (None if expected is None else pytest.approx(expected * GB_PER_GIB, abs=1e-6)) == found


def test_egress_to_an_own_site_is_internet_traffic(small) -> None:
    """Data that comes home from a cloud pays the tariff to the internet."""
    assert round(0.09 * GB_PER_GIB, 6) == small.link(at(small, "aws/here"), own()).usd_gib


def test_leaving_an_own_site_is_free(shipped) -> None:
    """Nobody meters an own line, and clouds do not bill for receiving."""
    assert {0.0} == {shipped.link(own(), site).usd_gib for site in SITES}


def test_a_link_within_a_site_is_free_and_instant(shipped) -> None:
    """As the model has it."""
    site = SITES[0]
    expected = Link(source=site.id, target=site.id, usd_gib=0.0, latency_ms=0.0)

    assert expected == shipped.link(site, site)


def test_traffic_within_a_region_is_free(small) -> None:
    """Two sites of one's own in the same region exchange data inside it."""
    here = at(small, "aws/here")

    assert 0.0 == small.link(here, replace(here, id="aws/here/zone-b")).usd_gib


def test_a_cloud_that_the_catalog_lacks_has_unknown_tariffs(small) -> None:
    """Nothing is free because nothing is known of it."""
    other = Site(id="moon/base", provider="moon", region="base", country="DE")

    assert small.link(other, at(small, "aws/here")).usd_gib is None


def test_tariffs_are_plausible(shipped) -> None:
    """No cloud gives traffic between its regions away, or asks 1 USD for a GiB."""
    links = [(one, two, shipped.link(one, two).usd_gib) for one in SITES for two in SITES]
    known = [(one.id, two.id, usd) for one, two, usd in links if usd is not None and one != two]

    assert len(known) > 10_000
    assert [] == [link for link in known if not 0 < link[2] < 1]


# --- time ------------------------------------------------------------------------------------


def test_latency_is_measured_where_it_was(small) -> None:
    """A pair that was measured well has its own figure, not the median, and is no estimate."""
    link = small.link(at(small, "aws/here"), at(small, "aws/there"))

    assert (90.5, False) == (link.latency_ms, link.estimated)


def test_a_doubtful_measurement_gives_way_to_the_metro_median(small) -> None:
    """A round trip that differs by direction is not believed."""
    link = small.link(at(small, "aws/here"), at(small, "azure/us1"))

    assert (92, False) == (link.latency_ms, link.estimated)


def test_a_place_near_a_measured_region_takes_its_figure(small) -> None:
    """An own site in the same metropolitan area is as far from everything as the region is."""
    assert distance_km(own(), at(small, "aws/here")) < 150
    link = small.link(own(), at(small, "aws/there"))

    assert (91.5, False) == (link.latency_ms, link.estimated)


def test_one_measured_pair_is_a_median_of_one(small) -> None:
    """Where an area has a single measured region, its figure counts for the area."""
    assert 25 == small.link(at(small, "azure/eu2"), own()).latency_ms


def test_other_latencies_are_fitted_and_marked(small) -> None:
    """Beyond what was measured: intercept + slope x distance for the two parts of the world."""
    link = small.link(own(lat=60.2, lon=24.9), at(small, "gcp/alone"))
    km = distance_km(own(lat=60.2, lon=24.9), at(small, "gcp/alone"))

    assert (round(3 + 20 * km / 1000, 3), True) == (link.latency_ms, link.estimated)


UNKNOWN = {
    "no coordinates": own(lat=None, lon=None),
    "no fit for the pair": own("BR", -23.5, -46.6),
    "no group of countries": own("AQ", -77.8, 166.7),
}


@pytest.mark.parametrize("site", UNKNOWN.values(), ids=UNKNOWN)
def test_an_unknown_latency_is_none(site: Site, small) -> None:
    """No figure is made up, and none is called estimated."""
    link = small.link(site, at(small, "gcp/alone"))

    assert (None, False) == (link.latency_ms, link.estimated)
    assert link.latency_ms == small.link(at(small, "gcp/alone"), site).latency_ms


def test_throughput_is_what_was_measured(small) -> None:
    """Only measured pairs have a speed; the assumption is used for the others."""
    here, there = at(small, "aws/here"), at(small, "aws/there")

    assert 4.5 == small.link(here, there).gbps
    assert small.link(there, here).gbps is None


def test_fit_and_measurements_name_the_same_parts_of_the_world(shared: Path, shipped) -> None:
    """Our groups of countries are those of the fit: they give its number of pairs."""
    tables = read(shared / "catalog")
    country = {site.id: site.country for site in SITES}
    pairs = Counter(
        "-".join(sorted((_group(country, row, "src"), _group(country, row, "dst"))))
        for row in tables["latency"]
        if row["quality"] == "ok"
    )

    fitted = {f"{row['group_a']}-{row['group_b']}": row["n_pairs"] for row in tables["latency_fit"]}
    assert fitted == {name: str(count) for name, count in pairs.items() if name in fitted}


def _group(country: dict[str, str], row, end: str) -> str:
    return network_group(country[f"{row[f'{end}_provider']}/{row[f'{end}_region']}"]) or "?"


@given(
    one=st.tuples(st.floats(-90, 90), st.floats(-180, 180)),
    two=st.tuples(st.floats(-90, 90), st.floats(-180, 180)),
)
def test_distance_is_symmetric_and_at_most_half_way_round(
    one: tuple[float, float], two: tuple[float, float]
) -> None:
    """Great-circle distance, anywhere on Earth."""
    there = distance_km(own("DE", *one), own("DE", *two))

    assert there == pytest.approx(distance_km(own("DE", *two), own("DE", *one)))
    assert 0 <= there <= 20_016


def test_distance_of_known_cities() -> None:
    """Frankfurt to New York is 6,200 km, give or take 20."""
    km = distance_km(own("DE", 50.11, 8.68), own("US", 40.71, -74.01))

    assert pytest.approx(6200, abs=20) == km


# --- law -------------------------------------------------------------------------------------

AREAS = {
    ("DE", ""): ("DE", "EU", "EEA"),
    ("NO", ""): ("NO", "EEA"),
    ("CH", ""): ("CH",),
    ("GB", ""): ("GB",),
    ("US", "aws-us-gov"): ("US", "US_GOV"),
    ("DE", "aws-eusc"): ("DE", "EU", "EEA", "EU_SOVEREIGN"),
}


@pytest.mark.parametrize("place", AREAS)
def test_jurisdictions_follow_from_country_and_partition(place: tuple[str, str]) -> None:
    """Norway is in the EEA and not in the EU; Switzerland and the United Kingdom in neither."""
    assert AREAS[place] == jurisdictions(*place)


def test_membership_has_the_right_size() -> None:
    """27 member states; three more in the EEA."""
    assert (27, 30) == (len(EU), len(EEA))


def test_every_shipped_site_has_a_part_of_the_world(shipped) -> None:
    """So that each pair of regions has some latency."""
    assert [] == [site.id for site in SITES if network_group(site.country) is None]
    assert [] == [
        (one.id, two.id)
        for one in SITES
        for two in SITES
        if shipped.link(one, two).latency_ms is None
    ]
