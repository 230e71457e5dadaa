"""The pairs worth trying of jobs that come while a plan is held, as machine code reads them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridplace.solver.instance import Bools, Floats, Indices, Instance, Ints, Prices
from hybridplace.solver.judged import Judged
from hybridplace.solver.pairs import near_pairs, rank
from hybridplace.solver.pricing import Tariff, limit_uses_at, price_at
from hybridplace.solver.rows import Rows
from hybridplace.solver.seats import ROOMY, SPARE, PairTable, Seats, follow, locate, shut
from hybridplace.solver.state import State

NEAR, MOST_PAIRS = 4.0, 12
"""Of each job pairs are tried whose excess is up to so many times the average cost of a job."""

FILLERS = {"start": -1, "usd": np.inf, "reduced_usd": np.inf}
"""Of a pair that there is not."""

BARRED_USD = np.inf
"""What a pair costs that nobody may take."""

UNKNOWN, ELSEWHERE = -3, -2
"""Of a job that was not looked for yet; of one whose pair is another one now."""


class Near:
    """Pairs by job, the least reduced cost first; the last of each job is where else it may be.

    Parameters
    ----------
    instance : Instance
    prices : Prices
        That stand.
    """

    def __init__(self, instance: Instance, prices: Prices) -> None:
        pairs = near_pairs(State(instance), prices, near=NEAR, most=MOST_PAIRS)
        self._reach_usd = (
            NEAR * float(np.abs(pairs.best_usd).mean()) if len(pairs.best_usd) else 0.0
        )
        option, start = pairs.option.astype(np.int64), pairs.start.astype(np.int64)
        uses, nothing = limit_uses_at(instance, option, start), np.zeros(0, np.int64)
        self._first = Rows({"first": np.zeros(1, np.int64)})
        self._at = Rows(dict.fromkeys(("pair", "option", "start"), nothing))
        self._pairs = Rows(_table(nothing, nothing, np.zeros((2, 0)), uses[:0]))
        usd = np.stack([pairs.usd, pairs.reduced_usd])
        self._append(np.diff(pairs.first), _table(option, start, usd, uses))
        self._fan, groups = np.zeros(0, np.int64), len(instance.capacity) + 1
        self._fans = np.zeros(groups + 1, np.int64), np.zeros(groups, np.int64)
        self._fanned = np.zeros(1, np.int64)
        self._sat, self._place, self._member = nothing, nothing, nothing
        self._members = np.zeros(groups + 1, np.int64), np.zeros(groups, np.int64)

    def add(self, some: Instance, least: Floats, at: Judged, before: int) -> None:
        """Add the pairs of new jobs that are worth trying: options at their best start.

        Parameters
        ----------
        some : Instance
            Of the new jobs alone.
        least : floats
            The least that each could cost, at the prices.
        at : Judged
            What its options cost.
        before : int
            Options that there were before.
        """
        usd, job = at.usd, some.options.job
        near = np.flatnonzero(usd <= least[job] + self._reach_usd)
        near = near[np.lexsort((near, usd[near], job[near]))]
        near = near[(rank(job[near]) < MOST_PAIRS) | (some.options.group[near] < 0)]
        start = at.start[near]
        uses = limit_uses_at(some, near, start)
        counts = np.bincount(job[near], minlength=len(least))
        self._append(counts, _table(before + near, start, (at.free_usd[near], usd[near]), uses))

    def table(self, state: State, least: Floats) -> PairTable:
        """Return what machine code reads."""
        options, pairs = state.instance.options, self._pairs
        return PairTable(
            first=self._first["first"],
            option=pairs["option"],
            start=pairs["start"],
            usd=pairs["usd"],
            reduced_usd=pairs["reduced_usd"],
            limit_use=pairs["limit_use"],
            job=options.job,
            group=state.group,
            slots=options.slots,
            curve=options.curve,
            use=state.use,
            curves=options.curves,
            limit=options.limit,
            least_usd=least,
        )

    def seats(self, table: PairTable, state: State, is_live: Bools, tariff: Tariff) -> Seats:
        """Return where jobs are, and what is left; who is at none of its pairs gets one more.

        Parameters
        ----------
        tariff : Tariff
            At the prices.
        """
        jobs, groups = len(state.option), len(state.room[0])
        if len(self._fan) < len(table.option) + SPARE * groups:
            self._fan = np.zeros(int(ROOMY * len(table.option)) + SPARE * groups, np.int64)
            for one in (*self._fans, self._fanned):
                one[:] = 0
        anew = len(self._sat) < jobs
        if anew:
            most = int(ROOMY * jobs)
            self._sat, self._place = np.full(most, -1), np.full(most, -1)
            self._member = np.zeros(most + SPARE * groups, np.int64)
        out_usd = state.instance.jobs.reject_usd.astype(np.float64)
        out_usd[~is_live] = -np.inf
        pair = self._located(table, state, tariff)
        seats = Seats(
            pair=self._sat[:jobs],
            out_usd=out_usd,
            room=state.room[0].copy(),
            limit_room=state.limit_room.copy(),
            member=self._member,
            first_member=self._members[0],
            members=self._members[1],
            place=self._place[:jobs],
            fan=self._fan,
            first_fan=self._fans[0],
            fans=self._fans[1],
            fanned=self._fanned,
        )
        follow(table, seats, pair, anew)
        return seats

    def _located(self, table: PairTable, state: State, tariff: Tariff) -> Ints:
        """Return the pair at which each job is; only who has moved since is looked for."""
        pair, option, start = (self._at[name] for name in ("pair", "option", "start"))
        jobs = np.flatnonzero((option != state.option) | (start != state.start))
        if locate(table, jobs, state.option, state.start, pair):
            missing = jobs[pair[jobs] == -2]
            self._note(missing, state, tariff)
            self._sat[missing] = ELSEWHERE
            locate(table, missing, state.option, state.start, pair)
        option[jobs], start[jobs] = state.option[jobs], state.start[jobs]
        return pair

    def withdraw(self, jobs: Indices, options: Ints) -> None:
        """Let these jobs not take these options any more."""
        pairs = self._pairs
        shut(self._first["first"], pairs["option"], pairs["usd"], jobs, options)

    def bar(self, pairs: Ints) -> Floats:
        """Let nobody take some pairs for a while; return what they cost, for `spare`."""
        usd: Floats = self._pairs["usd"][pairs]
        self._pairs["usd"][pairs] = BARRED_USD
        return usd

    def spare(self, pairs: Ints, usd: Floats) -> None:
        """Let pairs cost again what they did, where they are still the same."""
        barred = self._pairs["usd"][pairs] == BARRED_USD
        self._pairs["usd"][pairs[barred]] = usd[barred]

    def _append(self, counts: Ints, table: dict[str, NDArray[Any]]) -> None:
        """Add the pairs of new jobs, and for each the place of one more."""
        ends = np.cumsum(counts)
        last = ends + np.arange(len(ends))
        filled = np.ones(int(ends[-1]) + len(ends) if len(ends) else 0, dtype=bool)
        filled[last] = False
        more = {
            name: np.empty((len(filled), *one.shape[1:]), one.dtype) for name, one in table.items()
        }
        for name, column in table.items():
            more[name][filled], more[name][last] = column, FILLERS.get(name, 0.0)
        first = self._pairs.size + last + 1
        self._pairs.add(more)
        self._first.add({"first": first})
        unknown = np.full(len(counts), UNKNOWN)
        self._at.add(dict.fromkeys(("pair", "option", "start"), unknown))

    def _note(self, rows: Ints, state: State, tariff: Tariff) -> None:
        """Let the last pair of some jobs be where they are."""
        at, option, start = (
            self._first["first"][rows + 1] - 1,
            state.option[rows],
            state.start[rows],
        )
        uses = limit_uses_at(state.instance, option, start)
        usd = np.stack([state.usd[rows], price_at(tariff, option, start)])
        for name, column in _table(option, start, usd, uses).items():
            self._pairs[name][at] = column


def _table(
    option: Ints, start: Ints, usd: tuple[Floats, Floats] | Floats, limit_use: Floats
) -> dict[str, NDArray[Any]]:
    return {
        "option": option,
        "start": start,
        "usd": usd[0],
        "reduced_usd": usd[1],
        "limit_use": limit_use,
    }
