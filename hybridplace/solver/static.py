"""The relaxation of an instance with one slot: prices that prove a bound, jobs placed in part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hybridplace.solver.dual import raise_prices, row_scale
from hybridplace.solver.instance import Floats, Instance, Prices
from hybridplace.solver.lp import relax
from hybridplace.solver.master import static_master
from hybridplace.solver.pricing import costs_at, reduced
from hybridplace.solver.rounding import Fractional


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxation:
    """An instance whose jobs may be placed in part, between several options.

    Parameters
    ----------
    prices : Prices
    bound_usd : float
        What they prove: no plan costs less.
    lp : Fractional
        What a linear program over the options near their best takes.
    optimal : bool
        It keeps all rows and costs `bound_usd`: nothing proves more without integrality.
    """

    prices: Prices
    bound_usd: float
    lp: Fractional
    optimal: bool


NEAR = 0.05
"""How far prices are thought to be from those of a changed instance, in units of a job."""


def relax_static(
    instance: Instance, extra_usd: Floats | None = None, near: Prices | None = None
) -> Relaxation:
    """Return the linear relaxation of an instance with one slot.

    Parameters
    ----------
    extra_usd : floats, (n,), optional
        Added to `cost_usd`, for example the prices of data. What else these prices contribute to
        the bound is for the caller to add.
    near : Prices, optional
        Of an instance that differs little: the search begins there.
    """
    master, where = static_master(instance, _costs(instance, extra_usd))
    if near is None:
        relaxed = relax(master, *raise_prices(master))
    else:
        relaxed = relax(master, where.vector(near), NEAR / row_scale(master))
    del master
    prices = where.prices(instance, relaxed.price)
    bound_usd = reduced(instance, prices, extra_usd).bound_usd
    return Relaxation(
        prices=prices,
        bound_usd=bound_usd,
        lp=Fractional(
            option=relaxed.columns,
            start=np.zeros_like(relaxed.columns),
            value=relaxed.values,
        ),
        optimal=relaxed.optimal,
    )


def _costs(instance: Instance, extra_usd: Floats | None) -> Floats:
    """Return what options cost at their only start; (n,)."""
    rows = np.arange(len(instance.options.job))
    usd = costs_at(instance, rows, np.zeros_like(rows))
    return usd if extra_usd is None else usd + extra_usd
