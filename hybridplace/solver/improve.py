"""From prices and a fractional solution to a good plan: round, walk, decide small cores.

With prices, the gap of any plan is the sum of what is wrong with it: each job's excess, and each
row's price times what is left of it. The search goes where the excess is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hybridplace.solver.berths import Berths
from hybridplace.solver.core import decide_again, related
from hybridplace.solver.instance import Choice, Floats, Instance, Ints, Prices
from hybridplace.solver.outright import decide_outright
from hybridplace.solver.pairs import Pairs, near_pairs
from hybridplace.solver.pricing import Tariff, price_at, tariff_of
from hybridplace.solver.recreate import (
    HEAT,
    HEAT_OVER_TIME,
    HEAT_WITHIN_LIMITS,
    MOST_RUINED,
    Heat,
    Walk,
)
from hybridplace.solver.rounding import Fractional
from hybridplace.solver.state import State

NEAR = 4.0
"""Pairs are tried whose excess is up to so many times the average cost of a job."""

MOST_PAIRS, MOST_PAIRS_OVER_TIME = 12, 8
"""Of each job, the latter times the logarithm of the number of slots; last resorts come on top."""

ROUNDS = 20
"""Of a walk, and of the walk with nodes that follows: after each it may end."""

STEPS, STEPS_OF_JOB = 30_000, 3
"""Of each: at least, and for each job."""

PROVEN_AT = 2
"""Rounds of a walk after which a better bound is asked for: often it may end there."""

LOST = 1e-6
"""Of what a plan costs: with less lost to nodes, the second walk is spared."""

STEPS_BEFORE_ONE_CORE = 4_000
"""Where one core has all jobs: it will do better."""

OUTRIGHT_JOBS, OUTRIGHT_WORK = 200, 3.0
"""No more jobs are decided all at once, and CP-SAT's deterministic seconds for that."""

STEPS_OVER_TIME = 100_000
"""Where jobs may start in many slots, and no more for each job unless limits have a price."""

STEPS_WITHIN_LIMITS, STEPS_OF_JOB_WITHIN_LIMITS = 100_000, 15
"""The same, where limits or shares have a price: they bind many jobs, each a little."""

RUINED_WITHIN_LIMITS = 5
"""Jobs around a slot that a step takes out then."""

MORE_WITHIN_LIMITS = 3
"""Times as many pairs then."""

CORES = 40
"""Small cores decided, at most, where there is one slot."""

PATIENCE, WORTHWHILE = 10, 2e-5
"""Cores in a row that may save less than such a share of what the plan costs."""

CORE_JOBS = 100
"""Jobs of a core."""

CORE_WORK = 0.1
"""Deterministic seconds for each."""


class _Goal:
    """What a plan may cost to be good enough.

    Parameters
    ----------
    bound_usd, gap : float
        It is so much above the bound.
    prove : callable or None
        As `improve` has it.
    """

    def __init__(
        self, bound_usd: float, gap: float, prove: Callable[[Choice, float], float] | None
    ) -> None:
        self.gap, self._prove = gap, prove
        self._enough_usd = bound_usd + gap * abs(bound_usd)

    def is_met_by(self, best: Incumbent) -> bool:
        """Say whether the best plan is good enough."""
        return best.usd <= self._enough_usd

    def prove(self, best: Incumbent) -> None:
        """Ask for a better bound, unless that is done or the plan is good enough."""
        if self._prove is None or best.choice is None or self.is_met_by(best):
            return
        bound_usd, self._prove = self._prove(best.choice, best.usd), None
        self._enough_usd = bound_usd + self.gap * abs(bound_usd)


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
    searched_usd : float or None
        A bound that a search proved, which prices cannot.
    """

    def __init__(self, watch: Callable[[float], None] | None = None) -> None:
        self.choice: Choice | None = None
        self.usd = np.inf
        self.searched_usd: float | None = None
        self._moored: tuple[Choice, dict[int, Ints]] | None = None
        self._watch = watch

    def offer(self, choice: Choice, usd: float) -> None:
        """Keep a plan that breaks no limit, if it costs less."""
        if usd < self.usd:
            # One assignment: an interrupt finds the old or the new.
            self.choice, self.usd = choice, usd
            if self._watch is not None:
                self._watch(usd)

    def moor(self, choice: Choice, seats: dict[int, Ints]) -> None:
        """Keep the nodes of a plan's workers, as `Walk.seats` has them."""
        self._moored = choice, seats

    def seats(self) -> dict[int, Ints]:
        """Return the node of each worker of jobs on own nodes, as far as known."""
        if self._moored is None or self.choice is None:
            return {}
        (moored, seats), choice = self._moored, self.choice
        stay = (choice.option == moored.option) & (choice.start == moored.start)
        return {job: nodes for job, nodes in seats.items() if stay[job]}


def improve(
    instance: Instance,
    prices: Prices,
    lp: Fractional,
    *,
    target_gap: float,
    seed: int = 0,
    incumbent: Incumbent | None = None,
    berths: Berths | None = None,
    prove: Callable[[Choice, float], float] | None = None,
) -> Incumbent:
    """Return a plan whose cost is within `target_gap` of the bound at these prices, if found.

    Parameters
    ----------
    target_gap : float
        (cost - bound) / bound at which the search ends.
    seed : int
        Of the walk, and of the solver of small cores.
    incumbent : Incumbent, optional
        Is kept up to date, also when a KeyboardInterrupt ends the search.
    berths : Berths, optional
        Nodes that workers are to find room on.
    prove : callable, optional
        Given a plan and what it costs, returns a better bound: asked once, where the plan is not
        good enough after the first rounds.
    """
    best = Incumbent() if incumbent is None else incumbent
    state = State(instance, share_usd=prices.share, limit_usd=prices.limit)
    within = bool(prices.limit.any() or prices.share.any())
    most = _most_pairs(instance, within=within)
    pairs = near_pairs(state, prices, near=NEAR, most=most)
    goal = _Goal(pairs.bound_usd, target_gap, prove)
    ruined = RUINED_WITHIN_LIMITS if within else MOST_RUINED
    heat = _heat(instance, within=within)
    walk = Walk(state, pairs, prices, lp, seed=seed, heat=heat, ruined=ruined)
    steps = _steps(instance, within=within)
    _go(walk, best, goal, steps)
    free_usd = best.usd
    if berths is not None:
        _moor(walk, berths, best)
    goal.prove(best)
    if berths is not None:
        if best.usd > free_usd + LOST * abs(free_usd):
            _go(walk, best, goal, steps)
        best.moor(walk.choice(), walk.seats())
    if best.choice is not None and instance.slots == 1:
        before = best.choice, best.usd
        if not _decide_outright(instance, prices, best, goal, seed):
            state.load(best.choice)
            cores = _Cores(state, pairs, tariff_of(instance, prices), most, seed)
            _decide_cores(cores, best, goal)
        if berths is not None and best.usd < before[1]:
            _moor_again(walk, berths, best, before)
    return best


def _moor(walk: Walk, berths: Berths, best: Incumbent) -> None:
    """Give nodes to the plan of a walk; what it costs without them counts no more."""
    best.usd = np.inf
    walk.moor(berths)
    best.offer(walk.choice(), walk.usd)
    best.moor(walk.choice(), walk.seats())


def _moor_again(walk: Walk, berths: Berths, best: Incumbent, before: tuple[Choice, float]) -> None:
    """Give nodes to a plan of cores, which know none; take the one before if that costs less."""
    walk.moor(berths, best.choice)
    if walk.usd >= before[1]:
        best.choice, best.usd = before
        return
    best.choice, best.usd = walk.choice(), walk.usd
    best.moor(walk.choice(), walk.seats())


def _most_pairs(instance: Instance, *, within: bool) -> int:
    """Return how many pairs of a job a walk tries."""
    each = MOST_PAIRS if instance.slots == 1 else MOST_PAIRS_OVER_TIME
    return int(each * (1 + np.log2(instance.slots)) * (MORE_WITHIN_LIMITS if within else 1))


def _heat(instance: Instance, *, within: bool) -> Heat:
    """Return what steps of a walk may cost."""
    if within:
        return HEAT_WITHIN_LIMITS
    return HEAT if instance.slots == 1 else HEAT_OVER_TIME


def _steps(instance: Instance, *, within: bool) -> int:
    """Return how many steps a walk has."""
    jobs = len(instance.jobs.reject_usd)
    least = STEPS_WITHIN_LIMITS if within else STEPS
    if instance.slots > 1:
        least = max(least, STEPS_OVER_TIME)
    elif jobs <= CORE_JOBS and not within:
        least = STEPS_BEFORE_ONE_CORE
    each = STEPS_OF_JOB_WITHIN_LIMITS if within else STEPS_OF_JOB
    return least + (0 if instance.slots > 1 and not within else each) * jobs


def _go(walk: Walk, best: Incumbent, goal: _Goal, steps: int) -> None:
    """Walk until the plan is good enough or the steps are done."""
    for turn in range(2 * ROUNDS + 1):
        if turn > ROUNDS and not walk.breaks_limits:
            return
        if turn > 0:
            walk.go(steps // ROUNDS, 1.0 / ROUNDS if turn <= ROUNDS else 0.0)
        if walk.usd < best.usd:
            best.offer(walk.choice(), walk.usd)
        if turn == PROVEN_AT:
            goal.prove(best)
        if goal.is_met_by(best):
            return


@dataclass(frozen=True, slots=True)
class _Cores:
    """What small cores are cut from."""

    state: State
    pairs: Pairs
    tariff: Tariff
    ways: int
    seed: int


def _decide_outright(
    instance: Instance, prices: Prices, best: Incumbent, goal: _Goal, seed: int
) -> bool:
    """Decide few jobs all at once, unless the plan is good enough; tell whether that was tried."""
    few = len(instance.jobs.reject_usd) <= OUTRIGHT_JOBS
    if best.choice is None or not few or goal.is_met_by(best):
        return False
    found = decide_outright(
        instance, prices, best.choice, best.usd, gap=goal.gap, work=OUTRIGHT_WORK, seed=seed
    )
    if found is None:
        return False
    best.searched_usd = found.bound_usd
    if found.choice is not None:
        state = State(instance)
        state.load(found.choice)
        best.offer(found.choice, state.total_usd())
    if found.interrupted:
        raise KeyboardInterrupt
    return True


def _decide_cores(cores: _Cores, best: Incumbent, goal: _Goal) -> None:
    """Decide small cores, each around the job of largest excess that was in the middle of none."""
    state, pairs, done = cores.state, cores.pairs, set[int]()
    usd = [state.total_usd()]
    while len(done) < CORES and not goal.is_met_by(best):
        if len(usd) > PATIENCE and usd[-PATIENCE - 1] - usd[-1] < WORTHWHILE * abs(usd[-1]):
            return
        excess = excess_usd(state, pairs, cores.tariff)
        excess[list(done)] = 0.0
        if not excess.any():
            return
        done.add(int(excess.argmax()))
        jobs = related(state, pairs, excess, int(excess.argmax()), CORE_JOBS)
        saved_usd = decide_again(
            state, pairs, jobs, work=CORE_WORK, ways=cores.ways, seed=cores.seed
        )
        if saved_usd > 0 and not state.breaks_limits():
            best.offer(state.choice(), state.total_usd())
        usd.append(state.total_usd())
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
