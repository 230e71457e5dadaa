"""Prices of slots and of shared data, found together.

As in `sharing`, but each job spreads over all its options at all their starts: within a site by a
soft minimum over pairs, among sites by messages along its pipeline. Prices of slots take the steps
of `ascent`, payments for copies those of `sharing`, and all of them gather momentum together.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hybridplace.solver.ascent import Lagrangian, scales_of, stepped
from hybridplace.solver.compiled import compiled
from hybridplace.solver.copies import extra_usd
from hybridplace.solver.instance import Floats, Indices, Ints, Prices
from hybridplace.solver.lines import Lines, lines_of, price_vector, prices_of, some_table
from hybridplace.solver.pipelines import gather, softmin, spread
from hybridplace.solver.pricing import least_over_starts, tariff_of
from hybridplace.solver.relaxation import Relaxed
from hybridplace.solver.sharing import Ascent, Shared, shared_at
from hybridplace.solver.slots import first_prices
from hybridplace.solver.starts import WIDTH, Pairs, Table, price_pairs

HOT, COLD = 0.3, 0.004
"""First and last temperature, in parts of what a job costs on average."""

MOST_STEPS, FEWEST_STEPS, WORK = 100, 60, 100_000
"""Of the ascent; between them, so many jobs are looked at."""

PROVEN = (0.6, 0.8, 1.0)
"""Parts of the ascent after which prices are kept if they are the best so far."""

SELECT = 10
"""Steps after which options are set aside anew."""

FAR, FAR_USE = 15.0, 2.0
"""Options are set aside that cost so many temperatures too much, even if all copies were free; more
where prices move much: so many for each mean use of a slot that an option books."""


class TiedLagrangian(Lagrangian):
    """The Lagrangian of jobs that data tie, smoothed: of some of their options.

    Parameters
    ----------
    site : indices, (rows of the table,)
        Of each option.

    Attributes
    ----------
    copy : floats, (R, S)
        What each reader pays towards a copy.
    at : floats, (J, S + 1)
        Each job's part at each site where it was last looked at; in the last column, left out.
    """

    def __init__(self, relaxed: Relaxed, lines: Lines, table: Table, site: Indices) -> None:
        super().__init__(lines, table, np.arange(len(relaxed.fixed_usd)))
        self.relaxed, self.site = relaxed, site
        self.copy = self.at = np.zeros((0, 0))

    def weigh(self, price: Floats, tau: float) -> tuple[float, float]:
        """Write the parts that pairs get; return the value, smoothed, twice."""
        relaxed, table, pairs = self.relaxed, self.table, self.pairs
        price_pairs(table, self.jobs, self.lines.knots(price), tau, pairs)
        usd = np.full(relaxed.fixed_usd.shape, np.inf)
        usd[:, -1] = 0.0
        factor = gather_sites(table.first, pairs, self.site, tau, usd)
        at = usd + relaxed.fixed_usd
        at[:, :-1] += relaxed.readers.by_job @ self.copy
        messages = gather(relaxed.forest, at, tau)
        smooth_usd = float(softmin(at, 1, tau)[relaxed.forest.root].sum())
        spread(relaxed.forest, at, messages, tau)
        at -= softmin(at, 1, tau)[:, None]
        at /= -tau
        self.at = np.exp(at, out=at)
        share_sites(table.first, pairs, self.site, self.at * factor)
        return smooth_usd, smooth_usd


class SlotAscent(Ascent):
    """Accelerated ascent of the smoothed bound over time; `price` has slots, limits and shares."""

    def __init__(self, relaxed: Relaxed) -> None:
        super().__init__(relaxed)
        instance = relaxed.instance
        self.lines = lines_of(instance)
        self.price = price_vector(self.lines, self._first_prices())
        self.unit_usd = np.ones(len(relaxed.fixed_usd))
        whole = self._whole()
        self.at_most, self.limited = whole.at_most, whole.limited
        self.use, self.least = scales_of(whole)
        self.bulk = self._bulk(whole.table)
        self.some: TiedLagrangian | None = None

    def _whole(self) -> Lagrangian:
        """Return the Lagrangian of all options as if nothing tied them; it takes much room."""
        everything = np.arange(len(self.relaxed.instance.options.job))
        table = some_table(self.relaxed.instance, self.lines, everything, self.unit_usd)
        return Lagrangian(self.lines, table, np.arange(len(self.unit_usd)))

    def _first_prices(self) -> Prices:
        """Return prices of capacity for what readers pay first.

        What a job pays for data wherever it is, since results are worth much to their readers, is
        taken off all its choices: it decides nothing, and hides what costs are like.
        """
        instance = self.relaxed.instance
        extra = extra_usd(instance, Ascent(self.relaxed).prices())
        least_usd = instance.jobs.reject_usd.astype(np.float64)
        np.minimum.at(least_usd, instance.options.job, extra)
        jobs = replace(instance.jobs, reject_usd=instance.jobs.reject_usd - least_usd)
        return first_prices(replace(instance, jobs=jobs), extra - least_usd[instance.options.job])

    def _bulk(self, whole: Table) -> Floats:
        """Return how many mean uses of a slot each option books."""
        loads, rows = whole.loads, whole.rows
        owner = np.repeat(np.arange(len(rows)), rows["load_end"] - rows["load"])
        mean = self.use[:: self.relaxed.instance.slots][loads["line"]]
        use = loads["use"] / mean * rows["slots"][owner]
        bulk: Floats = np.bincount(owner, use, len(rows)).astype(np.float64)
        return bulk

    def parts(self) -> tuple[float, Floats, Floats]:
        """Return the smoothed bound, each job's part at each site, and those of pairs."""
        some = self._selected()
        some.copy = self.copy
        value, _ = some.weigh(self.price, self.tau)
        return value - float(self.at_most @ self.price), some.at, some.pairs.usd

    def climb(self, steps: int) -> None:
        """Take steps at one temperature."""
        self.cool(np.full(steps, self.tau))

    def cool(self, temperatures: Floats) -> None:
        """Take a step at each temperature, each from ahead of the last by its pace."""
        ahead, ahead_copy, pace, before = self.price, self.copy, 1.0, -np.inf
        limited, slope = self.limited, np.ones(len(self.price))
        for number, tau in enumerate(temperatures.tolist()):
            self.tau = tau
            if number % SELECT == 0:
                self.some = some = None  # two at once would not fit
            some = self._selected()
            some.relaxed, some.copy = self.relaxed, ahead_copy
            there = some(ahead, tau, ((ahead > 0) | (slope > 0)) & limited)
            slope = there.slope
            price = stepped(ahead, there, tau, self.use, self.least)
            copy = self._copy_step(ahead_copy, some.at)
            if there.smooth_usd < before or slope @ (price - self.price) < 0:
                pace = 1.0
            quicker = (1.0 + np.sqrt(1.0 + 4.0 * pace * pace)) / 2.0
            momentum, pace, before = (pace - 1.0) / quicker, quicker, there.smooth_usd
            ahead = np.maximum(price + momentum * (price - self.price), 0.0)
            ahead_copy = np.maximum(copy + momentum * (copy - self.copy), 0.0)
            self.price, self.copy = price, copy

    def alone_usd(self) -> Floats:
        """Return what each job costs at each site at these prices; (J, S + 1)."""
        table, _ = self._alone()
        table[:, :-1] += self.relaxed.readers.by_job @ self.copy
        return table

    def scarce_prices(self) -> Prices:
        """Return the prices of what is scarce as all stages share them."""
        return prices_of(self.relaxed.instance, self.lines, self.price)

    def _alone(self) -> tuple[Floats, Floats]:
        """Return the same before copies, and what each option costs at its best start."""
        relaxed, offered = self.relaxed, self.relaxed.offered
        tariff = tariff_of(relaxed.instance, self.scarce_prices())
        usd, _ = least_over_starts(tariff)
        table = np.full(relaxed.fixed_usd.shape, np.inf)
        if len(offered.row):
            least = np.minimum.reduceat(usd[offered.row], offered.first)
            table.reshape(-1)[offered.cell[offered.first]] = least
        table[:, -1] = 0.0
        table += relaxed.fixed_usd
        return table, usd

    def _selected(self) -> TiedLagrangian:
        """Return the Lagrangian of options that are not set aside."""
        if self.some is None:
            instance = self.relaxed.instance
            rows = np.flatnonzero(self._excess() <= self.tau * (FAR + FAR_USE * self.bulk))
            table = some_table(instance, self.lines, rows, self.unit_usd)
            self.some = TiedLagrangian(self.relaxed, self.lines, table, instance.options.site[rows])
        return self.some

    def _excess(self) -> Floats:
        """Return by how much a plan with an option, were all copies free, exceeds the bound."""
        relaxed, options = self.relaxed, self.relaxed.instance.options
        table, usd = self._alone()
        now = table.copy()
        now[:, :-1] += relaxed.readers.by_job @ self.copy
        least, free = self._at_sites(now).min(axis=1), self._at_sites(table.copy())
        there, base = np.isfinite(table), np.full(table.shape, np.inf)
        base[there] = (relaxed.fixed_usd + free - least[:, None])[there] - table[there]
        excess: Floats = usd + base[options.job, options.site]
        return excess

    def _at_sites(self, usd: Floats) -> Floats:
        """Return the least of the whole tree by each job's site, in place."""
        messages = gather(self.relaxed.forest, usd, 0.0)
        spread(self.relaxed.forest, usd, messages, 0.0)
        return usd


def ascend_by_slot(relaxed: Relaxed) -> tuple[SlotAscent, Shared]:
    """Return where the ascent ends, and the best prices on its way."""
    ascent, instance = SlotAscent(relaxed), relaxed.instance
    best = shared_at(instance, ascent.prices())
    jobs = max(1, len(relaxed.fixed_usd))
    steps = int(np.clip(WORK // jobs, FEWEST_STEPS, MOST_STEPS))
    scale_usd = max(1e-6, abs(best.bound_usd) / jobs)
    temperatures = scale_usd * np.geomspace(HOT, COLD, steps)
    ends = [int(part * steps) for part in PROVEN]
    for begin, end in zip([0, *ends], ends, strict=False):
        ascent.cool(temperatures[begin:end])
        found = shared_at(instance, ascent.prices())
        best = found if found.bound_usd > best.bound_usd else best
    return ascent, best


@compiled
def gather_sites(first: Ints, pairs: Pairs, site: Indices, tau: float, usd: Floats) -> Floats:
    """Write the soft minimum over the pairs of each job at each site; `usd` is (J, S + 1).

    What pairs cost becomes their parts of their site, but for a factor that is returned.
    """
    total, cold, factor = np.zeros(usd.shape[1]), 1.0 / tau, np.zeros(usd.shape)
    for j in range(len(first) - 1):
        for p in range(first[j], first[j + 1]):
            least = np.inf
            for a in range(pairs.begin[p], pairs.begin[p + 1]):
                least = min(least, pairs.usd[a])
            usd[j, site[p]] = min(usd[j, site[p]], least)
        total[:] = 0.0
        for p in range(first[j], first[j + 1]):
            added, least = 0.0, usd[j, site[p]]
            for a in range(pairs.begin[p], pairs.begin[p + 1]):
                above = (pairs.usd[a] - least) * cold
                pairs.usd[a] = np.exp(-above) if above < WIDTH else 0.0
                added += pairs.usd[a]
            total[site[p]] += added
        for s in range(len(total)):
            if total[s] > 0.0:
                usd[j, s] -= tau * np.log(total[s])
                factor[j, s] = 1.0 / total[s]
    return factor


@compiled
def share_sites(first: Ints, pairs: Pairs, site: Indices, part: Floats) -> None:
    """Turn the parts of sites that `gather_sites` leaves into those of jobs; of the least 0.

    `part` is each job's part at each site times the factor; (J, S + 1).
    """
    least = np.exp(-WIDTH)
    for j in range(len(first) - 1):
        for p in range(first[j], first[j + 1]):
            whole = part[j, site[p]]
            for a in range(pairs.begin[p], pairs.begin[p + 1]):
                mine = whole * pairs.usd[a]
                pairs.usd[a] = mine if mine > least else 0.0
