"""Decides some jobs again, with the copies that they read, exactly; all others stay.

An integer program over the near pairs of some hundred jobs: the copies they share, pipelines among
them, and what the others leave of each row (large neighbourhood search: Shaw, "Using constraint
programming and local search methods to solve vehicle routing problems", CP 1998,
doi:10.1007/3-540-49481-2_30).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hybridplace.model.run import TIME_TOLERANCE_H
from hybridplace.solver.ejection import SMALLEST_USD
from hybridplace.solver.holdings import Holdings
from hybridplace.solver.instance import Floats, Ints
from hybridplace.solver.pairs import Pairs

USD_STEPS = 1_000
"""Of a dollar in the objective."""

USE_STEPS = 10_000
"""Of an accelerator, a CPU, a GiB; uses are rounded up."""

MOST = 1 << 50
"""Stands for no end of a row."""

BARRED_USD = 1e9
"""Stands for what may not be."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the program, between two ends."""

    columns: Ints
    uses: Floats
    ends: tuple[float, float]


class Core:
    """The program for some jobs, all of them left out of the holdings at the moment.

    Parameters
    ----------
    holdings : Holdings
    jobs : ints
    option, start, usd, whose : arrays
        Pairs, what each costs without data, and the place of its job in `jobs`.
    """

    def __init__(
        self, holdings: Holdings, jobs: Ints, option: Ints, start: Ints, usd: Floats, whose: Ints
    ) -> None:
        self.holdings, self.jobs = holdings, jobs
        self.option, self.start, self.whose = option, start, whose
        self.site = holdings.instance.options.site[option]
        self.place = {int(job): k for k, job in enumerate(jobs)}
        self.cost = [usd.copy(), holdings.instance.jobs.reject_usd[jobs].astype(np.float64)]
        self.columns = len(option) + len(jobs)
        self.ceiling = [np.ones(self.columns)]
        self.rows: list[_Row] = []
        self.at = [self._by_site(k) for k in range(len(jobs))]
        self._choose_one_each()
        self._share_copies()
        self._pass_results()
        self._keep_capacity()
        if holdings.instance.slots > 1:
            self._keep_order()

    def solve(self, now: Floats, work: float, seed: int) -> Floats | None:
        """Return which pairs to take, 1 or 0 each; None if nothing was found.

        Parameters
        ----------
        now : floats, (pairs,)
            Where jobs are.
        work : float
            CP-SAT's deterministic seconds.
        """
        from ortools.sat.python import cp_model

        model = cp_model.CpModel()
        ceiling = np.concatenate(self.ceiling)
        x = [model.new_int_var(0, int(most), "") for most in ceiling]
        for row in self.rows:
            scaled = np.ceil(row.uses * USE_STEPS - 1e-6).astype(np.int64)
            terms = cp_model.LinearExpr.weighted_sum(
                [x[k] for k in row.columns.tolist()], scaled.tolist()
            )
            model.add_linear_constraint(
                terms, *(int(np.clip(np.floor(end * USE_STEPS), -MOST, MOST)) for end in row.ends)
            )
        usd = np.minimum(np.concatenate(self.cost), BARRED_USD)
        costs = np.rint(usd * USD_STEPS).astype(np.int64)
        model.minimize(cp_model.LinearExpr.weighted_sum(x, costs.tolist()))
        for variable, value in zip(x, now.tolist(), strict=False):
            model.add_hint(variable, int(value))
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.random_seed = seed
        solver.parameters.linearization_level = 2
        solver.parameters.max_deterministic_time = work
        solver.parameters.catch_sigint_signal = False  # Python raises once the solver returns
        status = solver.solve(model)
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return None
        return np.array([float(solver.value(one)) for one in x[: len(self.option)]])

    def _by_site(self, k: int) -> dict[int, Ints]:
        """Return the pairs of a job by site."""
        mine = np.flatnonzero(self.whose == k)
        return {int(s): mine[self.site[mine] == s] for s in np.unique(self.site[mine])}

    def _add(self, columns: Ints, uses: Floats, ends: tuple[float, float]) -> None:
        self.rows.append(_Row(columns, uses, ends))

    def _new(self, cost_usd: Floats) -> Ints:
        """Return new variables between 0 and 1."""
        self.cost.append(cost_usd)
        self.ceiling.append(np.ones(len(cost_usd)))
        self.columns += len(cost_usd)
        return np.arange(self.columns - len(cost_usd), self.columns)

    def _choose_one_each(self) -> None:
        """Each job takes one pair or is left out; not if someone who stays reads its results."""
        out = len(self.option) + np.arange(len(self.jobs))
        for k, job in enumerate(self.jobs.tolist()):
            columns = np.append(np.flatnonzero(self.whose == k), out[k])
            self._add(columns, np.ones(len(columns)), (1.0, 1.0))
            if not self.holdings.may_leave(job):
                self.ceiling[0][out[k]] = 0.0
            for d in self.holdings.reads[job]:
                maker = self.place.get(int(self.holdings.data.maker[d]))
                if maker is not None:
                    self._add(out[[maker, k]], np.array([1.0, -1.0]), (-np.inf, 0.0))

    def _share_copies(self) -> None:
        """Charge reading a copy, once for all who read it at a site."""
        holdings = self.holdings
        readers: dict[int, list[int]] = {}
        for k, job in enumerate(self.jobs.tolist()):
            for d in holdings.reads[job]:
                if int(holdings.data.maker[d]) not in self.place:
                    readers.setdefault(d, []).append(k)
            for d in holdings.makes[job]:
                self.cost[0][self._all(k)] += holdings.leaving_usd(d)[self.site[self._all(k)]]
        for d, who in sorted(readers.items()):
            self._share(holdings.fee_usd[d] if holdings.homed[d] else holdings.reading_usd(d), who)

    def _all(self, k: int) -> Ints:
        return np.flatnonzero(self.whose == k)

    def _share(self, fee_usd: Floats, who: list[int]) -> None:
        """Let some jobs share copies that cost `fee_usd` by site."""
        for s in sorted({s for k in who for s in self.at[k]}):
            there = [k for k in who if s in self.at[k]]
            if fee_usd[s] == 0.0:
                continue
            if len(there) == 1 or np.isinf(fee_usd[s]):
                for k in there:
                    self.cost[0][self.at[k][s]] += min(fee_usd[s], BARRED_USD)
                continue
            copy = self._new(fee_usd[[s]])
            for k in there:
                columns = np.append(self.at[k][s], copy)
                values = np.append(np.ones(len(columns) - 1), -1.0)
                self._add(columns, values, (-np.inf, 0.0))

    def _pass_results(self) -> None:
        """Let results flow from their makers' sites to their readers', each flow at its tariff."""
        for k, job in enumerate(self.jobs.tolist()):
            for d in self.holdings.reads[job]:
                maker = self.place.get(int(self.holdings.data.maker[d]))
                if maker is not None:
                    self._flow(d, maker, k)

    def _flow(self, dataset: int, maker: int, reader: int) -> None:
        usd = self.holdings.passing_usd(dataset)
        flow: dict[int, list[tuple[int, float]]] = {}
        for source in self.at[maker]:
            for target in self.at[reader]:
                if source != target and np.isfinite(usd[source, target]):
                    column = int(self._new(usd[[source], target])[0])
                    flow.setdefault(source, []).append((column, 1.0))
                    flow.setdefault(target, []).append((column, -1.0))
        none = np.zeros(0, dtype=np.int64)
        for s in sorted({*self.at[maker], *self.at[reader]}):
            come, go = self.at[reader].get(s, none), self.at[maker].get(s, none)
            moves = flow.get(s, [])
            columns = np.concatenate([come, go, np.array([c for c, _ in moves], dtype=np.int64)])
            signs = [np.ones(len(come)), -np.ones(len(go)), np.array([v for _, v in moves])]
            self._add(columns, np.concatenate(signs), (-np.inf, 0.0))

    def _keep_capacity(self) -> None:
        """In no slot more is taken of a group than the others leave."""
        state, options = self.holdings.state, self.holdings.instance.options
        slots, length = state.instance.slots, options.slots[self.option].astype(np.int64)
        pair = np.repeat(np.arange(len(self.option)), length)
        since = np.arange(len(pair)) - np.repeat(np.cumsum(length) - length, length)
        cell = state.group[self.option[pair]].astype(np.int64) * slots
        cell += self.start[pair] + since
        curve = options.curve[self.option[pair]]
        share = np.ones(len(pair))
        if state.has_curves:
            share = np.where(curve < 0, 1.0, options.curves[curve, since])
        order = np.argsort(cell, kind="stable")
        cells, heads = np.unique(cell[order], return_index=True)
        ends = np.append(heads[1:], len(order))
        for r in range(len(state.resources)):
            uses = (state.use[self.option[pair], r] * share)[order]
            room = state.room[0, :, :, r].reshape(-1)[cells]
            total = np.add.reduceat(uses, heads) if len(heads) else uses
            for at in np.flatnonzero(total > room):
                part = slice(heads[at], ends[at])
                some = uses[part] > 0
                self._add(pair[order[part]][some], uses[part][some], (-np.inf, room[at]))

    def _keep_order(self) -> None:
        """Let no reader start before its input is made and has come."""
        for k, job in enumerate(self.jobs.tolist()):
            for d in self.holdings.reads[job]:
                maker = self.place.get(int(self.holdings.data.maker[d]))
                if maker is not None:
                    mine, theirs = self._all(k), self._all(maker)
                    for one in theirs.tolist():
                        ready_h = self.holdings.ready_h(d, self.option[one], self.start[one])
                        begin_h = self.start[mine] * self.holdings.instance.slot_h
                        early = mine[begin_h < ready_h[self.site[mine]] - TIME_TOLERANCE_H]
                        if len(early):
                            columns = np.append(early, one)
                            self._add(columns, np.ones(len(columns)), (-np.inf, 1.0))


def decide_together(
    holdings: Holdings, pairs: Pairs, jobs: Ints, *, most: int, work: float, seed: int = 0
) -> float:
    """Decide some jobs again and return the USD saved; nothing changes if that is none.

    Parameters
    ----------
    most : int
        Pairs of each job, those of least reduced cost, and where it is.
    work : float
        CP-SAT's deterministic seconds.
    """
    state = holdings.state
    jobs = jobs[np.lexsort((jobs, holdings.depth[jobs]))]
    option, start, usd, whose, now = _pairs(holdings, pairs, jobs, most)
    held = [(int(state.option[j]), int(state.start[j]), float(state.usd[j])) for j in jobs]
    before = sum(take_out(holdings, job) for job in jobs[::-1].tolist())
    taken = Core(holdings, jobs, option, start, usd, whose).solve(now, work, seed)
    if taken is not None:
        chosen = np.flatnonzero(taken > 0.5)
        chosen = chosen[np.argsort(whose[chosen], kind="stable")]
        after = _put_in(holdings, jobs, option[chosen], start[chosen])
        if after is not None and after < before - SMALLEST_USD:
            return before - after
        for job in jobs[::-1].tolist():
            if holdings.site[job] >= 0:
                holdings.remove(job)
    for i, t, cost_usd in held:
        if i >= 0:
            holdings.place(i, t, cost_usd)
    return 0.0


def take_out(holdings: Holdings, job: int) -> float:
    """Leave a job out and return what that saves; what leaving it out costs if it is out."""
    if holdings.site[job] < 0:
        return float(holdings.instance.jobs.reject_usd[job])
    site, usd = int(holdings.site[job]), float(holdings.state.usd[job])
    holdings.remove(job)
    return usd + float(holdings.usd_at(job)[site])


def _put_in(holdings: Holdings, jobs: Ints, option: Ints, start: Ints) -> float | None:
    """Place pairs; return what jobs and copies cost more, or None if one does not fit."""
    options = holdings.instance.options
    out = np.setdiff1d(jobs, options.job[option])
    total = float(holdings.instance.jobs.reject_usd[out].sum())
    for i, t in zip(option.tolist(), start.tolist(), strict=True):
        job = int(options.job[i])
        pair = np.array([i]), np.array([t])
        copies = float(holdings.usd_at(job)[options.site[i]])
        if not np.isfinite(copies) or not holdings.fits(job, *pair)[0]:
            return None
        usd = float(holdings.state.costs(*pair)[0])
        holdings.place(i, t, usd)
        total += usd + copies
    return total


def _pairs(
    holdings: Holdings, pairs: Pairs, jobs: Ints, most: int
) -> tuple[Ints, Ints, Floats, Ints, Floats]:
    """Return option, start, USD, whose, and whether a job is there, of each pair of a core."""
    state = holdings.state
    position, whose = pairs.of_all(jobs)
    near = position - pairs.first[jobs[whose]] < most
    held = state.option[jobs]
    here = (pairs.option[position] == held[whose]) & (
        pairs.start[position] == state.start[jobs[whose]]
    )
    position, whose, here = position[near | here], whose[near | here], here[near | here]
    missing = np.setdiff1d(np.flatnonzero(held >= 0), whose[here])
    return (
        np.concatenate([pairs.option[position], held[missing]]),
        np.concatenate([pairs.start[position], state.start[jobs[missing]]]),
        np.concatenate([pairs.usd[position], state.usd[jobs[missing]]]),
        np.concatenate([whose, missing]),
        np.concatenate([here, np.ones(len(missing), dtype=bool)]).astype(np.float64),
    )
