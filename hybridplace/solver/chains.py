"""Ejection chains where copies are shared: each step is paid at what it changes, exactly.

As `ejection`, with costs that depend on where others are: what a job costs somewhere is what the
plan would cost more (Yagiura, Ibaraki and Glover, European Journal of Operational Research 169
(2006), doi:10.1016/j.ejor.2004.08.015).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hybridplace.solver.ejection import SMALLEST_USD, WIDTH, cover, relief_of
from hybridplace.solver.holdings import Holdings
from hybridplace.solver.instance import Floats, Ints
from hybridplace.solver.pairs import Pairs


@dataclass(frozen=True, slots=True)
class _Ask:
    """What a job may pay for a place: less than a budget, with jobs that may not be ejected."""

    budget_usd: float
    depth: int
    busy: frozenset[int]


class Chains:
    """Chains on holdings.

    Parameters
    ----------
    holdings : Holdings
    pairs : Pairs
        With what jobs pay for data in their reduced costs, and without in their costs.
    """

    def __init__(self, holdings: Holdings, pairs: Pairs) -> None:
        self.holdings, self.pairs = holdings, pairs
        self.site = holdings.instance.options.site
        self._done: list[tuple[int, int, int, float]] = []

    def improve(self, job: int, depth: int) -> float:
        """Move a job to where all costs less with what follows; return the USD saved."""
        self._done.clear()
        state = self.holdings.state
        broken = state.breaks_limits()
        before = self._leave(job)
        paid = self._insert(job, _Ask(before - SMALLEST_USD, depth, frozenset([job])))
        if paid is None or state.breaks_limits() > broken:
            self._undo(0)
            return 0.0
        return before - paid

    def _insert(self, job: int, ask: _Ask) -> float | None:
        """Place a job that is left out, or leave it out; return what that costs in all.

        Returns
        -------
        float or None
            None if no way is within the budget.
        """
        holdings, pairs, mine = self.holdings, self.pairs, self.pairs.of(job)
        option, start = pairs.option[mine], pairs.start[mine]
        usd = pairs.usd[mine] + holdings.usd_at(job)[self.site[option]]
        stays = holdings.may_leave(job)
        reject_usd = float(holdings.instance.jobs.reject_usd[job]) if stays else np.inf
        best = min(ask.budget_usd, reject_usd)
        cheap = np.flatnonzero(usd < best)
        cheap = cheap[np.argsort(usd[cheap], kind="stable")]
        fit = holdings.fits(job, option[cheap], start[cheap])
        chosen = int(cheap[fit.argmax()]) if fit.any() else -1
        best = float(usd[chosen]) if chosen >= 0 else best
        if ask.depth:
            blocked = cheap[~fit]
            for k in blocked[usd[blocked] < best][:WIDTH].tolist():
                paid = self._eject(int(option[k]), int(start[k]), _Ask(best, ask.depth, ask.busy))
                if paid is not None:
                    return paid
        if chosen >= 0:
            self._enter(int(option[chosen]), int(start[chosen]))
            return best
        return reject_usd if reject_usd < ask.budget_usd else None

    def _eject(self, i: int, t: int, ask: _Ask) -> float | None:
        """Place a pair whose job is left out, and find others a place whom that ejects."""
        holdings, mark = self.holdings, len(self._done)
        victims = self._victims(i, t, ask)
        if victims is None:
            return None
        before = [self._leave(job) for job in victims]
        if not holdings.fits(int(holdings.instance.options.job[i]), np.array([i]), np.array([t]))[
            0
        ]:
            self._undo(mark)
            return None
        left = ask.budget_usd - self._enter(i, t)
        busy = ask.busy | frozenset(victims)
        for job, was in zip(victims, before, strict=True):
            paid = self._insert(job, _Ask(was + left, ask.depth - 1, busy))
            if paid is None:
                self._undo(mark)
                return None
            left -= paid - was
        return ask.budget_usd - left

    def _victims(self, i: int, t: int, ask: _Ask) -> list[int] | None:
        """Return jobs that make room for a pair and can be expected to move for the budget."""
        state, options = self.holdings.state, self.holdings.instance.options
        group, end = int(state.group[i]), t + int(options.slots[i])
        need = (state.use[i] - state.room[0, group, t:end]).reshape(-1)
        short = np.flatnonzero(need > 0)
        free = (job for job in state.members[group] if job not in ask.busy)
        jobs = np.array([job for job in free if self.holdings.has_inputs(job)], np.int64)
        if not len(short) or not len(jobs):
            return None
        relief = relief_of(state, jobs, t * len(state.resources) + short)
        some = np.flatnonzero(relief.any(axis=1))
        jobs, relief = jobs[some], relief[some]
        chosen = cover(need[short], relief, self._regrets(jobs, group), ask.budget_usd)
        return None if chosen is None else jobs[chosen].tolist()

    def _regrets(self, jobs: Ints, group: int) -> Floats:
        """Estimate by prices what each job would pay more in another group."""
        state, pairs = self.holdings.state, self.pairs
        position, whose = pairs.of_all(jobs)
        usd = pairs.reduced_usd[position].copy()
        here = pairs.option[position] == state.option[jobs][whose]
        now = pairs.best_usd[jobs].copy()
        now[whose[here]] = usd[here]
        usd[state.group[pairs.option[position]] == group] = np.inf
        least = self.holdings.instance.jobs.reject_usd[jobs].astype(np.float64)
        np.minimum.at(least, whose, usd)
        return np.maximum(least - now, 0.0)

    def _leave(self, job: int) -> float:
        """Take a job out, if it is placed; return what the plan costs less without it."""
        holdings = self.holdings
        if holdings.site[job] < 0:
            return float(holdings.instance.jobs.reject_usd[job])
        was = int(holdings.state.option[job]), int(holdings.state.start[job])
        usd, site = float(holdings.state.usd[job]), int(holdings.site[job])
        self._done.append((job, *was, usd))
        holdings.remove(job)
        return usd + float(holdings.usd_at(job)[site])

    def _enter(self, i: int, t: int) -> float:
        """Place a pair; return what the plan costs more with it."""
        holdings = self.holdings
        job = int(holdings.instance.options.job[i])
        self._done.append((job, -1, 0, 0.0))
        copies = float(holdings.usd_at(job)[self.site[i]])
        holdings.place(i, t)
        return float(holdings.state.usd[job]) + copies

    def _undo(self, mark: int) -> None:
        """Take back all but the first `mark` steps."""
        while len(self._done) > mark:
            job, i, t, usd = self._done.pop()
            if i < 0:
                self.holdings.remove(job)
            else:
                self.holdings.place(i, t, usd)
