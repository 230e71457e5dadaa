"""What drawn problems have now and then: figures by the hour, maintenance, spreads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hybridplace.errors import InputError
from hybridplace.model.forecast import Figure, Forecast, Maintenance
from hybridplace.model.job import Dataset
from hybridplace.model.problem import Problem, Spread
from hybridplace.model.site import Domain, Offer, Pool, Tier
from tests.model.draw import Draw

VALUES = {
    Figure.PRICE_USD_H: (0.0, 0.5, 1.0, 2.0, 4.0),
    Figure.ENERGY_USD_KWH: (0.0, 0.1, 0.4, 2.0),
    Figure.CARBON_G_KWH: (0.0, 100.0, 400.0),
    Figure.AT_MOST: (0.0, 1.0, 2.0, 8.0),
}


def forecasts(d: Draw, offers: tuple[Offer, ...]) -> tuple[Forecast, ...]:
    """Some figures that change from hour to hour."""
    if d.of(True, True, False):
        return ()
    subjects = {
        Figure.PRICE_USD_H: [offer.id for offer in offers],
        Figure.ENERGY_USD_KWH: ["lab"],
        Figure.CARBON_G_KWH: ["lab", "near", "far"],
        Figure.AT_MOST: ["near-quota", "far-quota"],
    }
    return tuple(
        Forecast(
            subject=d.of(*subjects[figure]),
            measure=figure,
            hourly=tuple(d.of(*VALUES[figure]) for _ in range(d.of(1, 2, 3, 5))),
        )
        for figure in d.some(list(Figure), 3)
        if subjects[figure]
    )


def maintenance(d: Draw, pool: Pool, slot_h: float) -> tuple[Maintenance, ...]:
    """Sometimes a node, or all of them, are not to be used for a while."""
    if d.of(True, True, True, False):
        return ()
    start_h = d.of(0.0, 1.0, 1.25) * slot_h
    return (
        Maintenance(
            pool=pool.id,
            node=d.of(None, pool.nodes[0].id, pool.nodes[-1].id),
            start_h=start_h,
            end_h=start_h + d.of(0.5, 1.0, 2.0) * slot_h,
        ),
    )


def deliverable(*, datasets: tuple[Dataset, ...], **parts: Any) -> Problem:
    """Return the problem; without deliveries from homes, if one of them cannot be made."""
    try:
        return Problem(datasets=datasets, **parts)
    except InputError:
        kept = tuple(replace(one, deliver_to=()) if one.homes else one for one in datasets)
        return Problem(datasets=kept, **parts)


def tiers(d: Draw) -> tuple[Tier, ...]:
    """Sometimes one or two volumes from which on a GiB costs less, or more."""
    begins = d.of((), (), (), (5.0,), (10.0,), (1.0, 20.0))
    return tuple(Tier(beyond_gib=one, usd_gib=d.of(0.0, 0.005, 0.05, 0.2)) for one in begins)


def spreads(d: Draw, names: tuple[str, ...]) -> tuple[Spread, ...]:
    """Sometimes several jobs that must not all fail together."""
    jobs = d.some(names, 3)
    if len(jobs) < 2 or d.of(True, False):
        return ()
    return (Spread(id="spread", jobs=jobs, domain=d.of(*Domain), at_most=d.of(1, 1, 2)),)
