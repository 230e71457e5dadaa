"""What changes from hour to hour: prices, emissions, and nodes that others need or mend."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from benchmarks.solver.supply import FAMILIES, Floats
from hybridplace.model.forecast import Figure, Forecast, Maintenance
from hybridplace.model.site import Market, Offer, Pool, Site
from hybridplace.units import HOURS_PER_DAY

LENT = 0.4
"""Share of own nodes that somebody else has every day from 8 to 18 o'clock."""

WINDOW_H = 6
"""Each own pool is away as a whole for so long, once."""


def forecasts(
    sites: Iterable[Site], offers: Iterable[Offer], hours: int, draw: np.random.Generator
) -> Iterator[Forecast]:
    """Yield spot prices that wander, grids that are cleaner at noon, power that is dear at six."""
    clock = np.arange(hours) % HOURS_PER_DAY
    noon = np.exp(-0.5 * ((clock - 13.0) / 3.0) ** 2)
    evening = np.exp(-0.5 * ((clock - 18.0) / 2.0) ** 2)
    for site in sites:
        if site.carbon_g_kwh is not None:
            cleaner = 1.0 - draw.uniform(0.1, 0.5) * noon
            yield _of(site.id, Figure.CARBON_G_KWH, site.carbon_g_kwh * cleaner)
        if site.own and site.energy_usd_kwh is not None:
            dearer = 1.0 + draw.uniform(0.3, 1.0) * evening - 0.3 * noon
            yield _of(site.id, Figure.ENERGY_USD_KWH, site.energy_usd_kwh * dearer)
    for offer in offers:
        if offer.market is Market.SPOT and offer.accelerator in FAMILIES and offer.price_usd_h:
            steps = np.cumsum(draw.normal(0.0, 0.02, hours))
            moved = np.exp(steps - steps.mean()).clip(0.6, 1.6)
            yield _of(offer.id, Figure.PRICE_USD_H, offer.price_usd_h * moved)


def maintenance(
    pools: Iterable[Pool], hours: int, draw: np.random.Generator
) -> Iterator[Maintenance]:
    """Yield one window per own pool, and the days on which its first nodes are lent."""
    for pool in pools:
        if not pool.nodes:
            continue
        start_h = float(draw.integers(1, max(2, hours - WINDOW_H)))
        yield Maintenance(pool=pool.id, start_h=start_h, end_h=start_h + WINDOW_H)
        for node in pool.nodes[: round(LENT * len(pool.nodes))]:
            for day in range(0, hours, HOURS_PER_DAY):
                yield Maintenance(pool=pool.id, node=node.id, start_h=day + 8.0, end_h=day + 18.0)


def _of(subject: str, measure: Figure, hourly: Floats) -> Forecast:
    return Forecast(subject=subject, measure=measure, hourly=tuple(hourly.round(5).tolist()))
