"""What new options cost at each of the prices that a standing plan is judged by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hybridplace.solver.instance import Floats, Instance, Ints, Prices
from hybridplace.solver.pricing import Tariff, least_over_starts, price_at, tariff_like

Ready = tuple[Tariff, Prices]
"""Prices, made ready for look-up and as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Options at their best starts.

    Parameters
    ----------
    priced, free : Tariff
        At the prices that stand, and at none.
    start : ints, (n,)
        The best, at the prices.
    usd, free_usd : floats, (n,)
        What each costs there, at the prices and at none.
    toll_usd : floats, (n,)
        What each costs outside of knapsacks, wherever that is least.
    """

    priced: Tariff
    free: Tariff
    start: Ints
    usd: Floats
    free_usd: Floats
    toll_usd: Floats


def judged(
    some: Instance,
    at: Ready,
    outside: Ready | None,
    free: Ready,
) -> Judged:
    """Return what options cost at the prices, outside of knapsacks (the same if None), at none."""
    priced, none = tariff_like(at[0], some, at[1]), tariff_like(free[0], some, free[1])
    toll = priced if outside is None else tariff_like(outside[0], some, outside[1])
    if some.slots > 1 or some.hourly is not None:
        usd, first = least_over_starts(priced)
        start = first.astype(np.int64)
        free_usd = price_at(none, np.arange(len(usd)), start)
        toll_usd = usd if outside is None else least_over_starts(toll)[0]
    else:
        start, late_usd = some.options.earliest.astype(np.int64), _late_usd(some)
        usd, free_usd = _in_one_slot(priced, late_usd), none.fixed + late_usd
        toll_usd = usd if outside is None else _in_one_slot(toll, late_usd)
    return Judged(
        priced=priced, free=none, start=start, usd=usd, free_usd=free_usd, toll_usd=toll_usd
    )


def _in_one_slot(tariff: Tariff, late_usd: Floats) -> Floats:
    """Return the same as `least_over_starts` where there is one start, in a few passes."""
    options = tariff.instance.options
    paid = tariff.paid[:, options.group, -1]
    usd: Floats = tariff.fixed + late_usd + np.einsum("ri,ir->i", paid, options.use)
    return usd


def _late_usd(some: Instance) -> Floats:
    """Return what ending late costs each option at its first start."""
    jobs, options = some.jobs, some.options
    late_usd_h = jobs.late_usd_h[options.job]
    if not late_usd_h.any():
        return np.zeros(len(late_usd_h))
    late_h = options.earliest * some.slot_h + options.hours - jobs.due_h[options.job]
    usd: Floats = late_usd_h * np.maximum(late_h, 0.0)
    return usd
