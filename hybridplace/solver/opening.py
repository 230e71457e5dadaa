"""From prices to a first plan: which copies to open, then each pipeline from its first stage on."""

from __future__ import annotations

import numpy as np

from hybridplace.solver.holdings import Holdings
from hybridplace.solver.instance import Floats, Ints, Prices
from hybridplace.solver.pairs import Pairs
from hybridplace.solver.pipelines import gather
from hybridplace.solver.pricing import price_at, tariff_of
from hybridplace.solver.relaxation import Relaxed, heads
from hybridplace.solver.rounding import all_pairs
from hybridplace.solver.sharing import Ascent, tables

ROUNDS = 4
"""How often copies are opened."""

STEPS = 10
"""Of the ascent after each time."""

LIKELY = 0.6
"""A copy is opened if a reader is there for at least such a part."""

SOME = 0.3
"""So are these of the others, the likeliest."""

LEAST = 0.15
"""But none that is less likely than this."""


def open_copies(ascent: Ascent) -> Floats:
    """Return what is left to pay for each copy, 0 for those that are opened; (D, S).

    A dive: the likely copies are opened, their fees are sunk, and the prices follow.
    """
    readers = ascent.relaxed.readers
    fee_usd = readers.fee_usd.copy()
    for _ in range(ROUNDS):
        _, at, _ = ascent.parts()
        if not len(readers.of):
            break
        part = np.maximum.reduceat(at[readers.job, :-1], heads(readers.of), axis=0)
        part[fee_usd == 0] = 0.0
        unsure = part[(part >= LEAST) & (part < LIKELY)]
        least = np.quantile(unsure, 1.0 - SOME) if len(unsure) else LIKELY
        likely = part >= min(LIKELY, least)
        if not likely.any():
            break
        fee_usd[likely] = 0.0
        ascent.waive(fee_usd)
        ascent.climb(STEPS)
    return fee_usd


def arrange(
    holdings: Holdings, pairs: Pairs, relaxed: Relaxed, fee_usd: Floats, prices: Prices
) -> None:
    """Place all jobs where there is room: trees by what is at stake, each from the root on.

    Parameters
    ----------
    holdings : Holdings
        Nobody is placed.
    fee_usd : floats, (D, S)
        Of `open_copies`.
    """
    guide = _Guide(holdings, relaxed, fee_usd, prices)
    for job in _order(holdings, pairs, relaxed).tolist():
        mine = pairs.of(job)
        if holdings.has_inputs(job) and not guide.place(job, pairs.option[mine], pairs.start[mine]):
            guide.place(job, *all_pairs(holdings.state, job))


class _Guide:
    """Places jobs where they cost least, with what follows from it for those below in their tree.

    Parameters
    ----------
    holdings, relaxed, fee_usd, prices
        As in `arrange`.
    """

    def __init__(
        self, holdings: Holdings, relaxed: Relaxed, fee_usd: Floats, prices: Prices
    ) -> None:
        self.holdings = holdings
        self.site = holdings.instance.options.site
        self.data_usd = _guide(relaxed, fee_usd, prices)
        self.tariff = tariff_of(holdings.instance, prices, None)
        self.edge = {
            int(job): (int(parent), usd)
            for level in relaxed.forest.levels
            for job, parent, usd in zip(level.child, level.parent, level.usd, strict=True)
        }

    def place(self, job: int, option: Ints, start: Ints) -> bool:
        """Place a job in the best of some pairs that fits; tell whether there was one."""
        fit = self.holdings.fits(job, option, start)
        option, start = option[fit], start[fit]
        usd = price_at(self.tariff, option, start) + self.data_usd[job, self.site[option]]
        if job in self.edge:
            parent, edge_usd = self.edge[job]
            if self.holdings.site[parent] >= 0:
                usd = usd + edge_usd[self.site[option], self.holdings.site[parent]]
        usd[~np.isfinite(self.holdings.usd_at(job)[self.site[option]])] = np.inf
        if not np.isfinite(usd).any():
            return False
        best = int(usd.argmin())
        self.holdings.place(int(option[best]), int(start[best]))
        return True


def _guide(relaxed: Relaxed, fee_usd: Floats, prices: Prices) -> Floats:
    """Return what a site costs each job for data, with what follows from it below in its tree."""
    of_group = relaxed.scarce[:, 1] >= 0
    price = np.empty(len(relaxed.most))
    group, resource = relaxed.scarce[of_group].T
    price[of_group] = prices.capacity[group, resource].mean(axis=1)
    price[~of_group] = prices.limit[relaxed.scarce[~of_group, 0]]
    paid = fee_usd[relaxed.readers.of]
    usd, _ = tables(relaxed, relaxed.offered, price, paid, 0.0)
    alone = usd.copy()
    gather(relaxed.forest, usd, 0.0)
    finite = np.isfinite(usd) & np.isfinite(alone)
    below = np.where(finite, usd, 0.0) - np.where(finite, alone, 0.0)
    fixed = relaxed.fixed_usd[:, :-1]
    found: Floats = below[:, :-1] + fixed + relaxed.readers.by_job @ paid
    return found


def _order(holdings: Holdings, pairs: Pairs, relaxed: Relaxed) -> Ints:
    """Return the jobs, whole trees together: first those that lose most by their second best."""
    jobs = len(holdings.site)
    root = np.arange(jobs)
    for level in reversed(relaxed.forest.levels):
        root[level.child] = root[level.parent]
    second = holdings.instance.jobs.reject_usd.astype(np.float64)
    two = np.flatnonzero(np.diff(pairs.first) > 1)
    second[two] = np.minimum(second[two], pairs.reduced_usd[pairs.first[two] + 1])
    stake = np.bincount(root, second - pairs.best_usd, minlength=jobs)
    return np.lexsort((np.arange(jobs), holdings.depth, root, -stake[root]))
