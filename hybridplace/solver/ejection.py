"""Ejection chains: a job takes the place that suits it, and who is in the way moves on.

Chains grow from jobs whose place costs most beyond the prices of what they use (Yagiura, Ibaraki
and Glover, "A path relinking approach with ejection chains for the generalized assignment
problem", European Journal of Operational Research 169 (2006), doi:10.1016/j.ejor.2004.08.015);
whom to eject is estimated by the same prices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hybridplace.solver.instance import Floats, Ints
from hybridplace.solver.pairs import Pairs
from hybridplace.solver.state import State

SMALLEST_USD = 1e-7
"""What a chain must save."""

WIDTH = 4
"""Pairs of a job for which room is made, one after the other."""

MOST_VICTIMS = 8
"""Jobs that one job ejects."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What a job may pay for a place.

    Parameters
    ----------
    budget_usd : float
        Less than this, with what those pay more that are ejected.
    depth : int
        How often ejected jobs may eject in turn.
    busy : frozenset of int
        Jobs that are part of the chain already.
    """

    budget_usd: float
    depth: int
    busy: frozenset[int]


class Ejection:
    """Chains on a state.

    Parameters
    ----------
    state : State
    pairs : Pairs

    Attributes
    ----------
    work : int
        Insertions tried so far.
    done : list
        Steps that `undo` takes back: a job and the pair that it left, or -1 if it entered one.
    """

    def __init__(self, state: State, pairs: Pairs) -> None:
        self.state, self.pairs = state, pairs
        self.work = 0
        self.done: list[tuple[int, int, int, float]] = []

    def improve(self, job: int, depth: int) -> float:
        """Move a job to a place that costs less with all that follows; return the USD saved."""
        state = self.state
        before, broken = float(state.usd[job]), state.breaks_limits()
        self.done.clear()
        self.leave(job)
        paid = self.insert(job, Ask(before - SMALLEST_USD, depth, frozenset([job])))
        # Whoever leaves may have counted less than nothing towards a limit.
        if paid is None or state.breaks_limits() > broken:
            self.undo(0)
            return 0.0
        return before - paid

    def insert(self, job: int, ask: Ask) -> float | None:
        """Place a job that is left out, or leave it out; None if no way is within the budget.

        Returns
        -------
        float or None
            What it costs, with what others pay more that it ejects.
        """
        self.work += 1
        state, pairs, mine = self.state, self.pairs, self.pairs.of(job)
        option, start, usd = pairs.option[mine], pairs.start[mine], pairs.usd[mine]
        fit = state.fits(option, start)
        reject_usd = float(state.instance.jobs.reject_usd[job])
        best = min(ask.budget_usd, reject_usd)
        costs = np.where(fit & (usd < best), usd, np.inf)
        chosen = int(costs.argmin()) if len(costs) else -1
        if chosen >= 0 and costs[chosen] < best:
            best = float(costs[chosen])
        else:
            chosen = -1
        if ask.depth:
            for k in np.flatnonzero(~fit & (usd < best))[:WIDTH].tolist():
                pair = int(option[k]), int(start[k]), float(usd[k])
                paid = self.eject(pair, Ask(best, ask.depth, ask.busy))
                if paid is not None:
                    return paid
        if chosen >= 0:
            self.enter(int(option[chosen]), int(start[chosen]), best)
            return best
        return reject_usd if reject_usd < ask.budget_usd else None

    def eject(self, pair: tuple[int, int, float], ask: Ask) -> float | None:
        """Place a pair whose job is left out, and find others a place whom that ejects."""
        i, t, usd = pair
        mark, paid = len(self.done), usd
        victims = self._victims(i, t, Ask(ask.budget_usd - usd, ask.depth - 1, ask.busy))
        if victims is None:
            return None
        before = [float(self.state.usd[job]) for job in victims]
        for job in victims:
            self.leave(job)
        if not self.state.fits(np.array([i]), np.array([t]))[0]:
            self.undo(mark)
            return None
        self.enter(i, t, usd)
        busy = ask.busy | frozenset(victims)
        for job, was in zip(victims, before, strict=True):
            more = self.insert(job, Ask(was + ask.budget_usd - paid, ask.depth - 1, busy))
            if more is None:
                self.undo(mark)
                return None
            paid += more - was
        return paid

    def _victims(self, i: int, t: int, ask: Ask) -> list[int] | None:
        """Return jobs that make room for a pair and can be expected to move for the budget."""
        state, options = self.state, self.state.instance.options
        group, end = int(state.group[i]), t + int(options.slots[i])
        need = (state.use[i] - state.room[0, group, t:end]).reshape(-1)
        short = np.flatnonzero(need > 0)
        jobs = np.array([job for job in state.members[group] if job not in ask.busy], np.int64)
        if not len(short) or not len(jobs):
            return None
        relief = relief_of(state, jobs, t * len(state.resources) + short)
        some = np.flatnonzero(relief.any(axis=1))
        jobs, relief = jobs[some], relief[some]
        regret = regrets(state, self.pairs, jobs, (group, t, end), full_too=ask.depth > 0)
        chosen = cover(need[short], relief, regret, ask.budget_usd)
        return None if chosen is None else jobs[chosen].tolist()

    def leave(self, job: int) -> None:
        """Take a job out, if it is placed."""
        state = self.state
        if state.option[job] >= 0:
            was = int(state.option[job]), int(state.start[job]), float(state.usd[job])
            self.done.append((job, *was))
            state.remove(job)

    def enter(self, i: int, t: int, usd: float) -> None:
        """Place a pair."""
        self.done.append((int(self.state.instance.options.job[i]), -1, 0, 0.0))
        self.state.place(i, t, usd)

    def undo(self, mark: int) -> None:
        """Take back all but the first `mark` steps."""
        while len(self.done) > mark:
            job, i, t, usd = self.done.pop()
            if i < 0:
                self.state.remove(job)
            else:
                self.state.place(i, t, usd)


def relief_of(state: State, jobs: Ints, at: Ints) -> Floats:
    """Return how much placed jobs use at some positions of (T, resources) of their group.

    Returns
    -------
    floats, (jobs, positions)
    """
    slot, resource = np.divmod(at, len(state.resources))
    options, option = state.instance.options, state.option[jobs]
    since = slot - state.start[jobs, None]
    running = (since >= 0) & (since < options.slots[option, None])
    relief = np.where(running, state.use[option][:, resource], 0.0)
    if state.has_curves:
        curved = np.flatnonzero(options.curve[option] >= 0)
        shares = options.curves[options.curve[option[curved], None], since[curved].clip(0)]
        relief[curved] *= shares
    return relief


def regrets(
    state: State, pairs: Pairs, jobs: Ints, window: tuple[int, int, int], *, full_too: bool
) -> Floats:
    """Return what it would cost each job more to be elsewhere than in (group, begin, end).

    Parameters
    ----------
    full_too : bool
        Pairs that do not fit are open as well, at the prices of what they use.
    """
    group, begin, end = window
    position, whose = pairs.of_all(jobs)
    option, start = pairs.option[position], pairs.start[position]
    options = state.instance.options
    usd = np.where(
        state.fits(option, start),
        pairs.usd[position],
        pairs.reduced_usd[position] if full_too else np.inf,
    )
    away = (
        (state.group[option] != group) | (start >= end) | (start + options.slots[option] <= begin)
    )
    usd[~away] = np.inf
    least = state.instance.jobs.reject_usd[jobs].astype(np.float64)
    np.minimum.at(least, whose, usd)
    return least - state.usd[jobs]


def cover(
    need: Floats, relief: Floats, regret: Floats, budget_usd: float, most: int = MOST_VICTIMS
) -> Ints | None:
    """Return up to `most` rows of `relief` that cover `need` for less than the budget, or None.

    The cheaper of the best single row and of a greedy cover without what it can spare (Chvatal,
    "A greedy heuristic for the set-covering problem", Mathematics of Operations Research 4 (1979),
    doi:10.1287/moor.4.3.233).
    """
    order = np.flatnonzero(regret < budget_usd)
    single = order[(relief[order] >= need).all(axis=1)]
    found: Ints | None = None
    if len(single):
        found = single[[int(regret[single].argmin())]]
        budget_usd = float(regret[found[0]])
    chosen: list[int] = []
    left, open_ = need.copy(), regret < budget_usd
    while (left > 0).any():
        useful = (np.minimum(relief, np.maximum(left, 0.0)) / need).sum(axis=1)
        open_ &= useful > 0
        if len(chosen) == most or not open_.any():
            return found
        ratio = np.where(
            open_, np.maximum(regret, SMALLEST_USD) / np.where(open_, useful, 1), np.inf
        )
        chosen.append(int(ratio.argmin()))
        open_[chosen[-1]] = False
        left -= relief[chosen[-1]]
        if regret[chosen].sum() >= budget_usd:
            return found
    for row in sorted(chosen, key=lambda row: (-regret[row], row)):
        others = [other for other in chosen if other != row]
        if (relief[others].sum(axis=0) >= need).all():
            chosen = others
    return np.array(chosen, dtype=np.int64)
