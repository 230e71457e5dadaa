"""A plan made from a fractional solution and bettered by ruin and recreate."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hybridplace.solver.berths import Berths
from hybridplace.solver.instance import RESOURCES, Choice, Floats, Ints, Prices
from hybridplace.solver.moves import fill, full_usd, judged_usd, settle
from hybridplace.solver.pairs import Pairs
from hybridplace.solver.rounding import Fractional
from hybridplace.solver.ruin import walk
from hybridplace.solver.state import State
from hybridplace.solver.tabling import table_of
from hybridplace.solver.walking import MOST_OUT, MOST_SHIFTED, Plan, Table

MOST_RUINED = 10
"""Jobs around a slot that a step takes out, and as many that would rather be there."""


class Heat(NamedTuple):
    """Of what a job costs on average: what a step may cost, as a rule.

    Parameters
    ----------
    hot, warm, cold : float
        At first, once workers have their nodes, and at last.
    """

    hot: float
    warm: float
    cold: float


HEAT = Heat(hot=0.1, warm=0.02, cold=0.001)
HEAT_OVER_TIME = Heat(hot=1.0, warm=0.1, cold=0.01)
HEAT_WITHIN_LIMITS = Heat(hot=0.5, warm=0.02, cold=0.001)
"""Where nothing of that holds, where jobs may start in many slots, and where limits bind."""

FAR, NEAR = 0.02, 0.0002
"""Of a limit, or of what a tenant is due: what is missing when it is worth its price more, at first
and at last."""

LOW, HIGH = 0.8, 1.25

WORTH, DEAREST = 0.1, 64
"""Of what jobs pay per unit that they count towards a limit, what the unit is worth at least; times
that is its price at most.
"""

TINY_USD = 1e-9


class Walk:
    """A plan that steps of ruin and recreate make better.

    Parameters
    ----------
    state : State
        Says what there is, and how moves are judged; it is left without any job placed.
    pairs : Pairs
        What may be chosen.
    first : Fractional
        Where the walk begins.
    seed : int
        Of what is drawn.
    heat : Heat
        What a step may cost.
    ruined : int
        Jobs around a slot that a step takes out at most.
    """

    def __init__(
        self,
        state: State,
        pairs: Pairs,
        prices: Prices,
        first: Fractional,
        *,
        seed: int,
        heat: Heat = HEAT,
        ruined: int = MOST_RUINED,
    ) -> None:
        self._state, self._seed, self._heat = state, seed, heat
        self.chosen = chosen_of(pairs, len(state.instance.options.job))
        self._party = np.ones(len(self.chosen), np.int64)
        self.table = table_of(state, pairs, prices, self.chosen)
        self._worth_usd, self._most = _worth_of_limits(self.table), ruined
        self._begin(first, np.zeros((0, state.instance.slots, RESOURCES)), heat.hot)

    def moor(self, berths: Berths, choice: Choice | None = None) -> None:
        """Give workers their nodes, leaving out who finds none, and walk on from there.

        Those of the best plan so far, or of another one. From now on a step keeps in mind what each
        node has room for.
        """
        state, parties = self._state, berths.parties(self.chosen)
        seat_first, self._party = berths.seats(self.chosen, parties.workers), parties.size
        self.table = self.table._replace(
            node_first=berths.first,
            workers=parties.workers,
            worker_use=np.ascontiguousarray(state.limited(parties.use)),
            seat_first=seat_first,
            sitter=np.repeat(np.arange(len(seat_first) - 1), np.diff(seat_first)),
        )
        self._begin(choice or self.choice(), berths.room, self._heat.warm)

    def _begin(self, first: Choice | Fractional, nodes: Floats, hot: float) -> None:
        """Place jobs where they are first; `nodes` are what each has, (nodes, T, resources)."""
        state, table = self._state, self.table
        state.clear()
        berth = np.ascontiguousarray(nodes[:, :, state.resources].transpose(2, 1, 0))
        self._full = state.room[0].copy(), state.limit_room.copy(), berth
        self.plan = _empty(state, table, berth, self._seed)
        strict = table._replace(loose=np.zeros_like(table.loose))
        fill(strict, self.plan, *_first_pairs(table, state, first, self.chosen))
        usd = full_usd(table, self.plan)
        holds = bool((self.plan.limit_room >= 0).all())
        self.plan.total[:] = usd, usd if holds else np.inf, self.plan.total[2], float(holds)
        mean_usd = float(np.abs(self.plan.usd).mean()) if len(self.plan.usd) else 0.0
        self._hot_usd = hot * mean_usd + TINY_USD
        self._cold_usd = self._heat.cold * mean_usd + TINY_USD
        self._done = 0.0

    @property
    def usd(self) -> float:
        """Return what the best plan so far costs."""
        return float(self.plan.total[1])

    @property
    def breaks_limits(self) -> bool:
        """Tell whether the plan that the walk is at exceeds a limit."""
        return bool((self.plan.limit_room < 0).any())

    def go(self, steps: int, part: float) -> None:
        """Take some steps that are a part of the whole walk, from hot to cold."""
        if not len(self.table.usd):
            return
        hot_usd = self._temperature_usd(self._done)
        self._pull()
        self._done += part
        cold_usd = self._temperature_usd(self._done)
        walk(self.table, self.plan, steps, self._most, hot_usd, cold_usd)
        self.plan.room[:], self.plan.limit_room[:], self.plan.berth[:] = self._full
        self.plan.share[:] = 0.0
        self.plan.sitter[:] = -1
        settle(self.table, self.plan)

    def choice(self) -> Choice:
        """Return the best plan so far."""
        pair = self.plan.pair if self.plan.total[3] > 0 else self.plan.best
        placed = pair >= 0
        if not placed.any():
            return Choice(option=pair.copy(), start=np.zeros_like(pair))
        option = np.where(placed, self.chosen[self.table.option[pair]], -1)
        return Choice(option=option, start=np.where(placed, self.table.start[pair], 0))

    def seats(self) -> dict[int, Ints]:
        """Return the node of each party of each job on own nodes in the best plan so far.

        Nodes are numbered within their group, and parties are repeated for each of their workers.
        """
        newest = self.plan.total[3] > 0
        pair = self.plan.pair if newest else self.plan.best
        seat = self.plan.seat if newest else self.plan.best_seat
        table, found = self.table, {}
        for job in np.flatnonzero(pair >= 0).tolist():
            begin, group = int(table.seat_first[job]), table.group[pair[job]]
            first = table.node_first[group]
            if first < table.node_first[group + 1]:
                option = table.option[pair[job]]
                end = begin + int(table.workers[option])
                found[job] = np.repeat(seat[begin:end] - first, self._party[option])
        return found

    def _pull(self) -> None:
        """Let prices of what is missing of limits and shares grow with it, ever faster."""
        plan, table = self.plan, self.table
        base_usd, worth_usd = np.append(table.limit_usd, table.share_usd), self._worth_usd
        worst = min(1.0, float(plan.share.min(initial=1.0)))
        missing = plan.aim - np.append(plan.limit_room[:-1], plan.share - worst)
        most = DEAREST if self._done > 0.99 else HIGH
        now_usd = np.clip(base_usd + plan.pull * missing, LOW * base_usd, most * worth_usd)
        near = FAR * (NEAR / FAR) ** self._done
        unit = np.append(np.abs(table.limit_full[:-1]), np.ones(len(plan.share)))
        plan.pull[:] = worth_usd / np.maximum(near * unit, 1e-9)
        some = plan.pull > 0
        plan.aim[some] = (now_usd - base_usd)[some] / plan.pull[some]
        plan.total[0] = judged_usd(table, plan)

    def _temperature_usd(self, done: float) -> float:
        return float(self._hot_usd * (self._cold_usd / self._hot_usd) ** done)


def chosen_of(pairs: Pairs, options: int) -> Ints:
    """Return the options that pairs have, of so many, ascending."""
    is_chosen = np.zeros(options, np.bool_)
    is_chosen[pairs.option] = True
    return np.flatnonzero(is_chosen)


def _first_pairs(
    table: Table, state: State, first: Choice | Fractional, chosen: Ints
) -> tuple[Ints, Ints]:
    """Return jobs in the order in which they are placed first, and at which pair; -1 is none.

    Of a plan, in the order in which they start: so nodes are shared best.
    """
    jobs, slots = len(table.reject_usd), state.instance.slots
    if isinstance(first, Choice):
        placed = np.flatnonzero(first.option >= 0)
        value = np.ones(len(placed))
        wanted = first.option[placed], first.start[placed]
    else:
        value, wanted = first.value, (first.option, first.start)
    at, known = _pairs_at(table, slots, chosen, *wanted)
    value, pair = value[known], at[known]
    job = state.instance.options.job[chosen[table.option[pair]]]
    best = np.lexsort((pair, -value, job))
    best = best[np.diff(job[best], prepend=-1) != 0]
    found, part = np.full(jobs, -1, np.int64), np.zeros(jobs)
    found[job[best]], part[job[best]] = pair[best], value[best]
    if isinstance(first, Choice) and len(table.option):
        wide = table.worker_use[table.option[found], 0]
        start = np.where(found < 0, slots, table.start[found])
        queue = np.lexsort((np.arange(jobs), -table.length[found], -wide, start))
    else:
        rounded = np.round(part, 2)
        keys = (-table.worth_usd, -rounded) if slots == 1 else (-part, -table.worth_usd * part)
        queue = np.lexsort((np.arange(jobs), *keys))
    return queue, found[queue]


def _pairs_at(
    table: Table, slots: int, chosen: Ints, option: Ints, start: Ints
) -> tuple[Ints, Ints]:
    """Return the pairs that have some options and starts, and which of these are pairs."""
    if not len(chosen) or not len(option):
        return np.zeros(len(option), np.int64), np.zeros(0, np.int64)
    row = np.minimum(np.searchsorted(chosen, option), len(chosen) - 1)
    is_wanted = np.zeros(len(chosen), np.bool_)
    is_wanted[row] = True
    some = np.flatnonzero(is_wanted[table.option])
    key = table.option[some] * slots + table.start[some]
    order = np.argsort(key, kind="stable")
    key, wanted = key[order], row * slots + start
    at = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
    return some[order[at]], np.flatnonzero((chosen[row] == option) & (key[at] == wanted))


def _worth_of_limits(table: Table) -> Floats:
    """Return what a unit of each limit that has a price is worth, and of each tenant's share.

    At least a part of what jobs pay per unit that they count: where few jobs count, prices near 0
    tell little.
    """
    at, limits, tenants = table.limit[table.option], len(table.limit_usd), len(table.share_usd)
    worth_usd = np.zeros(limits + tenants)
    for k in np.flatnonzero(table.limit_usd > 0).tolist():
        counts = (at == k) & (table.limit_use > 0)
        paid_usd = float(table.usd[counts.any(axis=1)].sum())
        per_unit = paid_usd / max(float(table.limit_use[counts].sum()), TINY_USD)
        worth_usd[k] = max(float(table.limit_usd[k]), WORTH * per_unit)
    worth_usd[limits:] = np.maximum(table.share_usd, table.unfair_usd / max(tenants, 1))
    return worth_usd


def _empty(state: State, table: Table, berth: Floats, seed: int) -> Plan:
    """Return the plan in which every job is left out."""
    jobs = len(table.reject_usd)
    usd = float(table.reject_usd.sum())
    groups, slots, _ = table.price.shape
    return Plan(
        pair=np.full(jobs, -1, np.int64),
        usd=table.reject_usd.copy(),
        reduced_usd=table.reject_usd.copy(),
        room=state.room[0].copy(),
        limit_room=state.limit_room.copy(),
        share=state.share.copy(),
        crowd=np.zeros(table.crowd_first[-1], np.int32),
        crowds=np.zeros((groups - 1) * slots, np.int64),
        spot=np.zeros(table.stay_first[-1], np.int32),
        best=np.full(jobs, -1, np.int64),
        total=np.array([usd, usd, usd, 0.0]),
        pull=np.zeros(len(table.limit_usd) + len(state.share)),
        aim=np.zeros(len(table.limit_usd) + len(state.share)),
        draw=np.array([seed + 1], np.uint64),
        waste=np.zeros(max(1, (groups - 1) * slots)),
        excess=np.zeros(jobs),
        berth=berth.copy(),
        seat=np.zeros(table.seat_first[-1], np.int64),
        old_seat=np.zeros(table.seat_first[-1], np.int64),
        best_seat=np.zeros(table.seat_first[-1], np.int64),
        sitter=np.full(berth.shape[2], -1, np.int64),
        next=np.zeros(table.seat_first[-1], np.int64),
        before=np.zeros(table.seat_first[-1], np.int64),
        shifted=np.zeros(MOST_SHIFTED, np.int64),
        shifts=np.zeros(1, np.int64),
        out=np.zeros(MOST_OUT + 8, np.int64),
        was=np.zeros(MOST_OUT + 8, np.int64),
        key=np.zeros(MOST_OUT + 8),
    )
