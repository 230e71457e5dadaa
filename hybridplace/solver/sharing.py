"""Prices for data that many jobs share: the dual side of placing jobs and copies together.

All jobs at all sites are smoothed (soft minimum at a falling temperature), and the prices of
capacity and what readers pay towards each copy rise together by accelerated steps. A step in the
logarithm of the use is exact for each price alone (Sinkhorn and Knopp, Pacific Journal of
Mathematics 21 (1967), doi:10.2140/pjm.1967.21.343; acceleration: Beck and Teboulle, "A fast
iterative shrinkage-thresholding algorithm", SIAM Journal on Imaging Sciences 2 (2009),
doi:10.1137/080716542, with restarts: O'Donoghue and Candes, Foundations of Computational
Mathematics 15 (2015), doi:10.1007/s10208-013-9150-3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from hybridplace.solver.copies import extra_usd, unclaimed_usd
from hybridplace.solver.instance import Floats, Instance, Prices
from hybridplace.solver.pipelines import edge_prices, gather, softmin, spread
from hybridplace.solver.pricing import no_prices, reduced
from hybridplace.solver.relaxation import Offered, Readers, Relaxed, data_of, heads

COOLING = 0.5
"""Each temperature is this part of the one before."""

HOT, COLD = 0.6, 0.004
"""First and last temperature, in parts of what a job costs on average."""

STEPS = 30
"""Steps at each temperature."""

WARM = 0.1
"""From this temperature on, in the same parts, prices are kept if they are the best so far."""

STRIDE = 0.5
"""Part of a step that would be exact for a price alone: neighbours rise at the same time."""

FAR = 200.0
"""Options dearer than a job's best by so many temperatures are left aside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Prices of all that is scarce or shared, and the bound that they prove."""

    prices: Prices
    bound_usd: float


def ascend(relaxed: Relaxed) -> tuple[Ascent, Shared]:
    """Return where the ascent ends, and the best prices on its way."""
    ascent = Ascent(relaxed)
    value, _, _ = values(relaxed, relaxed.offered, ascent.price, ascent.copy, 0.0)
    scale = max(1e-6, value / max(1, len(relaxed.fixed_usd)))
    ascent.tau = HOT * scale
    best = Shared(prices=ascent.prices(), bound_usd=-np.inf)
    for _ in range(math.ceil(math.log(COLD / HOT) / math.log(COOLING))):
        ascent.climb(STEPS)
        if ascent.tau <= WARM * scale or ascent.tau * COOLING <= COLD * scale:
            found = shared_at(relaxed.instance, ascent.prices())
            if found.bound_usd > best.bound_usd:
                best = found
        ascent.tau *= COOLING
    ascent.tau /= COOLING
    return ascent, best


class Ascent:
    """Accelerated ascent of the smoothed bound.

    Parameters
    ----------
    relaxed : Relaxed

    Attributes
    ----------
    tau : float
        Temperature in USD.
    price : floats, (m,)
        Of what is scarce.
    copy : floats, (R, S)
        What each reader pays towards a copy, all together its fee.
    offered : Offered
        Options that are not set aside.
    """

    def __init__(self, relaxed: Relaxed) -> None:
        self.relaxed, self.offered = relaxed, relaxed.offered
        self.tau = 0.0
        self.price = np.zeros(len(relaxed.most))
        readers = relaxed.readers
        count = np.bincount(readers.of, minlength=len(readers.fee_usd))
        self.copy = (readers.fee_usd / np.maximum(count, 1)[:, None])[readers.of]
        self._threshold: Floats | None = None

    def waive(self, fee_usd: Floats) -> None:
        """Go on with other fees."""
        self.relaxed = replace(self.relaxed, readers=replace(self.relaxed.readers, fee_usd=fee_usd))
        self.copy, self._threshold = project(self.copy, self.relaxed.readers, None)

    def parts(self) -> tuple[float, Floats, Floats]:
        """Return the smoothed bound, each job's part at each site, each option's of its site."""
        return values(self.relaxed, self.offered, self.price, self.copy, self.tau)

    def climb(self, steps: int) -> None:
        """Take steps at one temperature, each from ahead of the last by its pace."""
        self._set_aside()
        ahead_price, ahead_copy = self.price, self.copy
        pace, last = 1.0, -np.inf
        for _ in range(steps):
            value, at, weight = values(
                self.relaxed, self.offered, ahead_price, ahead_copy, self.tau
            )
            if value < last and pace > 1.0:
                pace, last = 1.0, -np.inf
                ahead_price, ahead_copy = self.price, self.copy
                continue
            last = value
            price = np.maximum(ahead_price + self._price_step(at, weight), 0.0)
            copy = self._copy_step(ahead_copy, at)
            quicker = (1.0 + np.sqrt(1.0 + 4.0 * pace * pace)) / 2.0
            momentum, pace = (pace - 1.0) / quicker, quicker
            ahead_price = np.maximum(price + momentum * (price - self.price), 0.0)
            ahead_copy = np.maximum(copy + momentum * (copy - self.copy), 0.0)
            self.price, self.copy = price, copy

    def alone_usd(self) -> Floats:
        """Return what each job costs at each site at these prices; (J, S + 1)."""
        return tables(self.relaxed, self.relaxed.offered, self.price, self.copy, 0.0)[0]

    def scarce_prices(self) -> Prices:
        """Return the prices of what is scarce as all stages share them."""
        relaxed, none = self.relaxed, no_prices(self.relaxed.instance)
        of_group = relaxed.scarce[:, 1] >= 0
        group, resource = relaxed.scarce[of_group].T
        none.capacity[group, resource] = self.price[of_group, None]
        none.limit[relaxed.scarce[~of_group, 0]] = self.price[~of_group]
        return none

    def prices(self) -> Prices:
        """Return all prices; those of edges by exact messages."""
        relaxed, data = self.relaxed, data_of(self.relaxed.instance)
        copy = data.fee_usd[data.reads[:, 1]].copy()
        copy[~np.isfinite(copy)] = 0.0
        copy[relaxed.readers.read] = self.copy
        copy[data.maker[data.reads[:, 1]] >= 0] = 0.0
        messages = gather(relaxed.forest, self.alone_usd(), 0.0)
        most = 2.0 * float(relaxed.instance.jobs.reject_usd.max(initial=0.0))
        edge = edge_prices(relaxed.forest, messages, len(data.reads), most)
        if edge.shape != copy.shape:
            edge = np.zeros(copy.shape)
        return replace(self.scarce_prices(), copy=copy, edge=edge)

    def _set_aside(self) -> None:
        """Keep the options that can have weight at this temperature."""
        relaxed = self.relaxed
        excess = _excess(relaxed, self.price, self.copy)
        self.offered = relaxed.offered.kept(np.flatnonzero(excess <= FAR * self.tau))

    def _price_step(self, at: Floats, weight: Floats) -> Floats:
        r"""Return :math:`\tau \log(\text{use} / b)` per unit.

        Where use or :math:`b` is not positive, a step of Newton's method.
        """
        offered, most = self.offered, self.relaxed.most
        taken = weight * at.ravel()[offered.cell]
        use, square = offered.use.T @ taken, offered.square.T @ taken
        plain = (use > 0) & (most > 0)
        ratio = np.log(np.where(plain, use / np.where(plain, most, 1.0), 1.0))
        newton = (use - most) / np.maximum(np.abs(use), 1e-9)
        grade = np.clip(np.where(plain, ratio, newton), -3.0, 3.0)
        step: Floats = STRIDE * self.tau * grade * np.abs(use) / np.maximum(square, 1e-9)
        return step

    def _copy_step(self, copy: Floats, at: Floats) -> Floats:
        """Return what readers pay next: until all who pay for a copy are there equally much."""
        readers = self.relaxed.readers
        part = at[readers.job, :-1]
        with np.errstate(divide="ignore"):
            grade = np.log(part) - np.log1p(-np.minimum(part, 1.0 - 1e-15))
        wanted = copy + STRIDE * self.tau * np.maximum(grade, -1e6)
        paid, self._threshold = project(wanted, readers, self._threshold)
        return paid


def values(
    relaxed: Relaxed, offered: Offered, price: Floats, copy: Floats, tau: float
) -> tuple[float, Floats, Floats]:
    """Return the smoothed bound, each job's part at each site, each option's of its site.

    At temperature 0 the second is what each job costs at each site, with all before it.
    """
    usd, weight = tables(relaxed, offered, price, copy, tau)
    messages = gather(relaxed.forest, usd, tau)
    least = softmin(usd, 1, tau)
    value = float(least[relaxed.forest.root].sum() - relaxed.most @ price)
    if tau == 0:
        return value, usd, weight
    spread(relaxed.forest, usd, messages, tau)
    usd -= softmin(usd, 1, tau)[:, None]
    usd /= -tau
    return value, np.exp(usd, out=usd), weight


def tables(
    relaxed: Relaxed, offered: Offered, price: Floats, copy: Floats, tau: float
) -> tuple[Floats, Floats]:
    """Return what each job costs at each site, (J, S + 1), and each option's part of its site."""
    usd = offered.cost_usd + offered.use @ price
    least = np.minimum.reduceat(usd, offered.first) if len(usd) else usd
    weight = np.zeros(0)
    if tau > 0 and len(usd):
        count = np.diff(np.append(offered.first, len(usd)))
        weight = np.exp((np.repeat(least, count) - usd) / tau)
        total = np.add.reduceat(weight, offered.first)
        weight /= np.repeat(total, count)
        least = least - tau * np.log(total)
    table: Floats = np.full(relaxed.fixed_usd.shape, np.inf)
    table.reshape(-1)[offered.cell[offered.first]] = least
    table[:, -1] = 0.0
    table += relaxed.fixed_usd
    table[:, :-1] += relaxed.readers.by_job @ copy
    return table, weight


def _excess(relaxed: Relaxed, price: Floats, copy: Floats) -> Floats:
    """Return by how much a plan with an option exceeds the bound, for each of `relaxed.offered`."""
    offered = relaxed.offered
    table, _ = tables(relaxed, offered, price, copy, 0.0)
    usd = table.copy()
    messages = gather(relaxed.forest, usd, 0.0)
    spread(relaxed.forest, usd, messages, 0.0)
    usd -= usd.min(axis=1)[:, None]
    alone = offered.cost_usd + offered.use @ price
    least = np.minimum.reduceat(alone, offered.first) if len(alone) else alone
    count = np.diff(np.append(offered.first, len(alone)))
    excess: Floats = usd.ravel()[offered.cell] + alone - np.repeat(least, count)
    return excess


def project(wanted: Floats, readers: Readers, threshold: Floats | None) -> tuple[Floats, Floats]:
    r"""Return the nearest payments, none below 0 and of each copy together its fee.

    :math:`\max(0, \text{wanted} - \theta)`, with :math:`\theta` found by Newton's method (Condat,
    Mathematical Programming 158 (2016), doi:10.1007/s10107-015-0946-6).
    """
    of, fee_usd, total = readers.of, readers.fee_usd, readers.by_dataset
    if threshold is None:
        threshold = (total @ wanted - fee_usd) / (total @ np.ones((len(of), 1)))
    for _ in range(50):
        rest = wanted - threshold[of]
        paying = rest > 0
        rest[~paying] = 0.0
        missing = total @ rest - fee_usd
        if (np.abs(missing) <= 1e-7 * (1.0 + fee_usd)).all():
            break
        count = total @ paying.astype(np.float64)
        least = np.where(count > 0, missing / np.maximum(count, 1.0), -np.inf)
        none = count == 0
        if none.any():
            top = np.maximum.reduceat(wanted, heads(of), axis=0)
            least[none] = (top - fee_usd - threshold)[none]
        threshold = threshold + least
    rest = np.maximum(wanted - threshold[of], 0.0)
    scale = fee_usd / np.maximum(total @ rest, 1e-300)
    return rest * np.minimum(scale, 1e9)[of], threshold


def shared_at(instance: Instance, prices: Prices) -> Shared:
    """Return prices with the bound that they prove."""
    bound = reduced(instance, prices, extra_usd(instance, prices)).bound_usd
    return Shared(prices=prices, bound_usd=bound + unclaimed_usd(instance, prices))
