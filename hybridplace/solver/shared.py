"""Jobs and the data they share, placed together: prices, first plan, chains, cores.

The gap is the sum of what is wrong (`losses`): each job's excess at the prices, what is left of
what has a price, and what copies cost beyond what their readers pay. The search goes there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hybridplace.solver.chains import Chains
from hybridplace.solver.copies import charges, data_usd, unclaimed_usd
from hybridplace.solver.holdings import Holdings
from hybridplace.solver.instance import Choice, Floats, Instance, Ints, Prices
from hybridplace.solver.opening import arrange, open_copies
from hybridplace.solver.pairs import Pairs, near_pairs
from hybridplace.solver.pricing import costs_at, price_at, reduced, tariff_of
from hybridplace.solver.relaxation import relaxed_of
from hybridplace.solver.sharing import Shared, ascend
from hybridplace.solver.slots import relax_slots
from hybridplace.solver.together import decide_together

NEAR, MOST_PAIRS = 4.0, 16
"""Pairs that are tried: of so small an excess (times what a job costs), and so many of a job."""

DEPTHS = (1, 2)
"""Of the ejection chains in each pass."""

CORE_JOBS, CORE_PAIRS = 160, 8
"""Jobs that are decided together again, and pairs of each."""

CORE_WORK = 0.25
"""CP-SAT's deterministic seconds for a core."""

CORES = 40
"""Decided again at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedPlan:
    """A plan, what it costs with shared copies, and the prices that prove a bound."""

    choice: Choice
    usd: float
    shared: Shared


def solve_shared(
    instance: Instance, *, target_gap: float = 0.0, sharing: bool = True, seed: int = 0
) -> SharedPlan:
    """Return a plan for an instance with data.

    Parameters
    ----------
    target_gap : float
        (cost - bound) / bound at which the search ends.
    sharing : bool
        False: decide as if each reader paid for a copy of its own. The plan is the one of an
        optimiser that knows no shared data, `usd` what it truly costs, and the prices prove
        nothing.
    """
    relaxed = relaxed_of(instance, sharing=sharing)
    ascent, shared = ascend(relaxed)
    # Prices by slot prove more, but a plan is found better along those of all hours.
    proof = by_slot(instance, shared) if sharing and instance.slots > 1 else shared
    extra = _extra_usd(instance, shared.prices)
    holdings = Holdings(instance, sharing=sharing)
    pairs = near_pairs(
        holdings.state,
        shared.prices,
        near=NEAR,
        most=int(MOST_PAIRS * (1 + np.log2(instance.slots))),
        extra_usd=extra,
    )
    fee_usd = open_copies(ascent)
    arrange(holdings, pairs, relaxed, fee_usd, shared.prices)
    search = _Search(holdings, pairs, shared, extra, (1.0 + target_gap) * proof.bound_usd)
    search.run(seed)
    choice = holdings.choice()
    return SharedPlan(choice=choice, usd=plan_usd(instance, choice), shared=proof)


def by_slot(instance: Instance, shared: Shared) -> Shared:
    """Return prices that differ between slots, and prove no less; those of data stay."""
    relaxed = relax_slots(instance, _extra_usd(instance, shared.prices))
    prices = replace(relaxed.prices, copy=shared.prices.copy, edge=shared.prices.edge)
    bound_usd = reduced(instance, prices, _extra_usd(instance, prices)).bound_usd
    bound_usd += unclaimed_usd(instance, prices)
    better = bound_usd > shared.bound_usd
    return Shared(prices=prices, bound_usd=bound_usd) if better else shared


def _extra_usd(instance: Instance, prices: Prices) -> Floats:
    """Return what each option pays for data, finite where that may not come; (n,)."""
    options = instance.options
    extra = charges(instance, prices)[options.job, options.site]
    return np.minimum(extra, 2.0 * float(instance.jobs.reject_usd.max(initial=0.0)))


def plan_usd(instance: Instance, choice: Choice) -> float:
    """Return what a choice costs with its copies, each paid once."""
    assert instance.data is not None  # noqa: S101 - its callers have some
    placed = choice.option >= 0
    site = np.full(len(placed), -1)
    site[placed] = instance.options.site[choice.option[placed]]
    usd = costs_at(instance, choice.option[placed], choice.start[placed]).sum()
    usd += instance.jobs.reject_usd[~placed].sum()
    return float(usd) + data_usd(instance.data, site)


class _Search:
    """Improves holdings where most is lost."""

    def __init__(
        self, holdings: Holdings, pairs: Pairs, shared: Shared, extra_usd: Floats, enough_usd: float
    ) -> None:
        self.holdings, self.pairs, self.shared = holdings, pairs, shared
        self.tariff = tariff_of(holdings.instance, shared.prices, extra_usd)
        self.enough_usd = enough_usd

    def run(self, seed: int) -> None:
        """Run chains, then cores, until it is good enough or the counts are used up."""
        chains = Chains(self.holdings, self.pairs)
        for depth in DEPTHS:
            excess = self.excess_usd()
            queue = np.lexsort((np.arange(len(excess)), -excess))
            for job in queue[excess[queue] > 0].tolist():
                chains.improve(job, depth)
        tried = np.zeros(len(self.holdings.site), dtype=np.int64)
        for _ in range(CORES):
            if tried.all() or self.holdings.total_usd() <= self.enough_usd:
                return
            lost = self.losses()
            first = int(np.lexsort((np.arange(len(lost)), -lost, tried))[0])
            jobs = self.around(first, lost)
            saved = decide_together(
                self.holdings, self.pairs, jobs, most=CORE_PAIRS, work=CORE_WORK, seed=seed
            )
            tried[jobs if saved <= 0 else first] += 1

    def excess_usd(self) -> Floats:
        """Return by how much the reduced cost of each job is above its least."""
        state, instance = self.holdings.state, self.holdings.instance
        placed = np.flatnonzero(state.option >= 0)
        usd = instance.jobs.reject_usd.astype(np.float64)
        option, start = state.option[placed], state.start[placed]
        usd[placed] = price_at(self.tariff, option, start)
        return np.maximum(usd - self.pairs.best_usd, 0.0)

    def losses(self) -> Floats:
        """Return the excess of each job, with its part of what copies cost beyond payments."""
        holdings, data = self.holdings, self.holdings.data
        lost = self.excess_usd()
        job, dataset = data.reads.T
        site = holdings.site[job]
        some = np.flatnonzero(holdings.homed[dataset] & (site >= 0))
        job, cell = job[some], dataset[some] * holdings.sites + site[some]
        copy = self.shared.prices.copy
        paid = 0.0 if copy is None else copy[some, site[some]]
        total = np.bincount(cell, np.broadcast_to(paid, cell.shape), holdings.count.size)
        short = np.maximum(holdings.full_usd.ravel() - total, 0.0)
        np.add.at(lost, job, (short / np.maximum(holdings.count.ravel(), 1))[cell])
        return lost

    def around(self, first: int, lost: Floats) -> Ints:
        """Return jobs around one: of its pipeline, who shares its data, who competes with it."""
        pairs, state = self.pairs, self.holdings.state
        easy = np.full(len(lost), np.inf)
        two = np.flatnonzero(np.diff(pairs.first) > 1)
        easy[two] = pairs.reduced_usd[pairs.first[two] + 1] - pairs.best_usd[two] - 2 * lost[two]
        chosen, seen = {first: None}, set[tuple[str, int]]()
        queue = [first]
        for job in queue:
            nearby = self.holdings.neighbours(job)
            for d in self.holdings.reads[job]:
                if self.holdings.homed[d] and ("data", d) not in seen:
                    seen.add(("data", d))
                    nearby += _easiest(self.holdings.readers[d], easy, CORE_JOBS // 3)
            best = pairs.option[pairs.first[job] : min(pairs.first[job] + 3, pairs.first[job + 1])]
            for i in [*best.tolist(), int(state.option[job])]:
                group = int(state.group[i])
                if i >= 0 and group < len(state.members) - 1 and ("group", group) not in seen:
                    seen.add(("group", group))
                    nearby += _easiest(list(state.members[group]), easy, CORE_JOBS // 8)
            for other in nearby:
                if len(chosen) < CORE_JOBS and other not in chosen:
                    chosen[other] = None
                    queue.append(other)
        return np.array(sorted(chosen), dtype=np.int64)


def _easiest(jobs: list[int], easy: Floats, most: int) -> list[int]:
    """Return the jobs that move most easily."""
    among = np.array(jobs, dtype=np.int64)
    found: list[int] = among[np.lexsort((among, easy[among]))][:most].tolist()
    return found
