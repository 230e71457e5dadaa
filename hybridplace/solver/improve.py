"""From prices and a fractional solution to a good plan: round, improve, until it is good enough.

With prices, the gap of any plan is the sum of what is wrong with it (`gap_usd`): each job's excess,
and each row's price times what is left of it. The search goes where the excess is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from hybridplace.solver.core import decide_again, related
from hybridplace.solver.ejection import Ejection
from hybridplace.solver.instance import Choice, Floats, Instance, Prices
from hybridplace.solver.pairs import Pairs, near_pairs
from hybridplace.solver.pricing import Tariff, price_at, tariff_of
from hybridplace.solver.repair import overdraw
from hybridplace.solver.rounding import Fractional, round_off
from hybridplace.solver.state import State

NEAR = 4.0
"""Pairs are tried whose excess is up to so many times the average cost of a job."""

MOST_PAIRS = 12
"""Of each job, times the logarithm of the number of slots."""

PASSES = 8
"""Over the jobs that have an excess, at most."""

DEPTH = 3
"""Of ejection chains, at most."""

CORES = 40
"""Small cores decided, at most, divided by the logarithm of the number of slots."""

CORE_JOBS = 100
"""Jobs of a core."""

CORE_WORK = 0.1
"""Deterministic seconds for each."""


class Incumbent:
    """Keeps the best plan so far, so that an interrupt loses nothing.

    Parameters
    ----------
    watch : callable, optional
        Called with the cost in USD whenever it has fallen.

    Attributes
    ----------
    choice : Choice or None
        None as long as no plan was found.
    usd : float
        What it costs; inf without one.
    """

    def __init__(self, watch: Callable[[float], None] | None = None) -> None:
        self.choice: Choice | None = None
        self.usd = np.inf
        self._watch = watch

    def offer(self, state: State) -> None:
        """Keep what a state has, if it breaks no limit and costs less."""
        if state.breaks_limits():
            return
        usd = state.total_usd()
        if usd < self.usd:
            # One assignment: an interrupt finds the old or the new.
            self.choice, self.usd = state.choice(), usd
            if self._watch is not None:
                self._watch(usd)


def improve(
    instance: Instance,
    prices: Prices,
    lp: Fractional,
    *,
    target_gap: float,
    seed: int = 0,
    incumbent: Incumbent | None = None,
    extra_usd: Floats | None = None,
    prove: Callable[[Choice, float], float] | None = None,
) -> Incumbent:
    """Return a plan whose cost is within `target_gap` of the bound at these prices, if found.

    Parameters
    ----------
    target_gap : float
        (cost - bound) / bound at which the search ends.
    seed : int
        Of the solver of small cores.
    incumbent : Incumbent, optional
        Is kept up to date, also when a KeyboardInterrupt ends the search.
    extra_usd : floats, (n,), optional
        Added to the cost of each option.
    prove : callable, optional
        Given a first plan and what it costs, returns a better bound: asked once, where the plan is
        not good enough yet.
    """
    best = Incumbent() if incumbent is None else incumbent
    state = State(instance, share_usd=prices.share, extra_usd=extra_usd)
    tariff = tariff_of(instance, prices, extra_usd)
    most = int(MOST_PAIRS * (1 + np.log2(instance.slots)))
    pairs = near_pairs(state, prices, near=NEAR, most=most, extra_usd=extra_usd)
    chains = Ejection(state, pairs)
    round_off(chains, tariff, lp)
    best.offer(state)
    search = _Search(state, pairs, tariff, chains, pairs.bound_usd * (1 + target_gap), best)
    if prove is not None:
        _chain(search, passes=1)
        if best.choice is not None and best.usd > search.enough_usd:
            bound_usd = prove(best.choice, best.usd)
            search = replace(search, enough_usd=bound_usd * (1 + target_gap))
    _chain(search, passes=PASSES)
    _decide_cores(search, seed)
    return best


@dataclass(frozen=True, slots=True)
class _Search:
    """What the search works on, and when it is good enough."""

    state: State
    pairs: Pairs
    tariff: Tariff
    chains: Ejection
    enough_usd: float
    best: Incumbent


def _chain(search: _Search, passes: int) -> None:
    """Run ejection chains from the jobs of largest excess, ever deeper while that saves."""
    chains = search.chains
    for turn in range(passes):
        excess = excess_usd(search.state, search.pairs, search.tariff)
        queue = np.lexsort((np.arange(len(excess)), -excess))
        saved = 0.0
        for job in queue[excess[queue] > 0].tolist():
            if search.best.usd <= search.enough_usd:
                return
            gain = chains.improve(job, min(DEPTH, 1 + turn))
            if gain <= 0 and search.state.has_limits:
                gain = overdraw(chains, job, 1)
            if gain > 0:
                saved += gain
                search.best.offer(search.state)
        if turn >= DEPTH and saved <= 0:
            return


def _decide_cores(search: _Search, seed: int) -> None:
    """Decide small cores, each around the job of largest excess that was in the middle of none."""
    state, done = search.state, set[int]()
    most = int(CORES / (1 + np.log2(state.instance.slots)))
    while len(done) < most and search.best.usd > search.enough_usd:
        excess = excess_usd(state, search.pairs, search.tariff)
        excess[list(done)] = 0.0
        if not excess.any():
            return
        done.add(int(excess.argmax()))
        jobs = related(state, search.pairs, excess, int(excess.argmax()), CORE_JOBS)
        if decide_again(state, search.pairs, jobs, work=CORE_WORK, seed=seed) > 0:
            search.best.offer(state)
        if len(jobs) == len(excess):
            return


def excess_usd(state: State, pairs: Pairs, tariff: Tariff) -> Floats:
    """Return by how much the reduced cost of each job is above its least."""
    placed = np.flatnonzero(state.option >= 0)
    usd = state.instance.jobs.reject_usd.astype(np.float64)
    usd[placed] = price_at(tariff, state.option[placed], state.start[placed])
    excess = usd - pairs.best_usd
    excess[excess < 1e-9 * np.abs(usd)] = 0.0
    return excess
