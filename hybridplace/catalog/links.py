"""What lies between two places: the tariff of the cloud that data leaves, time and speed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from math import asin, cos, radians, sin, sqrt
from typing import Any

from hybridplace.catalog.countries import network_group
from hybridplace.model.site import Link, Site

METRO_KM = 150.0
"""Places that are no further apart count as one metropolitan area."""

_EARTH_RADIUS_KM = 6371.0


class Network:
    """Tariffs, round trips and speeds, for cloud regions and any place that has coordinates.

    Parameters
    ----------
    body : mapping
        Of a snapshot.
    sites : mapping of str to Site
        The cloud regions by id.
    """

    def __init__(self, body: Mapping[str, Any], sites: Mapping[str, Site]) -> None:
        self._egress = body["egress"]
        self._latency = body["latency"]
        self._throughput = body["throughput"]
        self._sites = sites
        self._near: dict[Site, list[tuple[str, float]]] = {}

    def link(self, source: Site, target: Site) -> Link:
        """Return the link between two sites; what is not known is None."""
        if source.id == target.id:
            return Link(source=source.id, target=target.id, usd_gib=0.0, latency_ms=0.0)
        latency_ms, estimated = self._latency_ms(source, target)
        return Link(
            source=source.id,
            target=target.id,
            usd_gib=self._usd_gib(source, target),
            latency_ms=latency_ms,
            gbps=self._gbps.get((source.id, target.id)),
            estimated=estimated,
        )

    def _usd_gib(self, source: Site, target: Site) -> float | None:
        """Return what the cloud at `source` asks for a GiB that leaves; receiving is free."""
        if source.own:
            return 0.0
        if target.own or source.provider != target.provider:
            return _first(self._egress["internet"].get(source.id))
        if source.region == target.region:
            return 0.0
        listed = _first(self._egress["regions"].get(source.id, {}).get(target.region))
        return listed if listed is not None else self._by_area(source.id, target.id)

    def _by_area(self, source: str, target: str) -> float | None:
        """Azure asks one price within a continent, and one beyond it."""
        areas = self._egress["areas"]
        if source not in areas or target not in areas:
            return None
        area, within, beyond, _ = areas[source]
        price: float = within if area == areas[target][0] else beyond
        return price

    @cached_property
    def _gbps(self) -> dict[tuple[str, str], float]:
        names = self._throughput["sites"]
        return {(names[a], names[b]): gbps for a, b, gbps, _ in self._throughput["rows"]}

    def _latency_ms(self, source: Site, target: Site) -> tuple[float | None, bool]:
        """Return the round trip, and whether it is fitted instead of measured."""
        measured = self._measured.get((source.id, target.id))
        if measured is not None:
            return measured, False
        near = self._metro_ms(source, target)
        if near is not None:
            return near, False
        fitted = self._fitted_ms(source, target)
        return fitted, fitted is not None

    @cached_property
    def _measured(self) -> dict[tuple[str, str], float]:
        return {pair: ms for pair, ms, _ in self._rows() if ms is not None}

    @cached_property
    def _medians(self) -> dict[tuple[str, str], float]:
        """The median over the regions of two metropolitan areas, or the one pair there is."""
        found = {pair: ms if median is None else median for pair, ms, median in self._rows()}
        return {pair: value for pair, value in found.items() if value is not None}

    def _rows(self) -> Iterator[tuple[tuple[str, str], float | None, float | None]]:
        names = self._latency["sites"]
        return (((names[a], names[b]), ms, median) for a, b, ms, median in self._latency["rows"])

    def _metro_ms(self, source: Site, target: Site) -> float | None:
        """Return what the nearest measured pair of regions in the same two areas takes."""
        pairs = [
            (source_km + target_km, near_source, near_target)
            for near_source, source_km in self._nearby(source)
            for near_target, target_km in self._nearby(target)
            if (near_source, near_target) in self._medians
        ]
        return self._medians[min(pairs)[1:]] if pairs else None

    def _nearby(self, site: Site) -> list[tuple[str, float]]:
        """Return the measured regions in the site's metropolitan area, with their distance."""
        if site not in self._near:
            names = self._latency["sites"]
            found = [(name, distance_km(site, self._sites[name])) for name in names]
            self._near[site] = [
                (name, km) for name, km in found if km is not None and km < METRO_KM
            ]
        return self._near[site]

    def _fitted_ms(self, source: Site, target: Site) -> float | None:
        """Return intercept + slope x distance, as fitted per pair of country groups."""
        km = distance_km(source, target)
        groups = network_group(source.country), network_group(target.country)
        if km is None or groups[0] is None or groups[1] is None:
            return None
        fit = self._latency["fit"].get("-".join(sorted(group for group in groups if group)))
        return None if fit is None else round(fit[0] + fit[1] * km / 1000, 3)


def distance_km(one: Site, other: Site) -> float | None:
    """Return the great-circle distance of two sites (haversine, radius 6,371 km)."""
    if one.latitude_deg is None or one.longitude_deg is None:
        return None
    if other.latitude_deg is None or other.longitude_deg is None:
        return None
    north, south = radians(one.latitude_deg), radians(other.latitude_deg)
    across = radians(other.longitude_deg - one.longitude_deg)
    chord = sin((south - north) / 2) ** 2 + cos(north) * cos(south) * sin(across / 2) ** 2
    return 2 * _EARTH_RADIUS_KM * asin(min(1.0, sqrt(chord)))


def _first(row: list[float] | None) -> float | None:
    return None if row is None else row[0]
