"""Betters a plan that is held, and gives those that this moves their nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hybridplace.model.plan import Share
from hybridplace.solver.instance import Floats, Ints
from hybridplace.solver.ledger import Ledger
from hybridplace.solver.refit import search
from hybridplace.solver.repack import repack
from hybridplace.solver.seating import Seating, move
from hybridplace.solver.state import State

ROUNDS = 3
"""Of search, at most: whom nodes do not hold where the search put them may not go there again."""

SINGLY = 4
"""Jobs at most that are placed where they cost least, before any search."""

ALL_ROUNDS = 200
"""Steps of a search that is worth a second one."""

MOVED = 12
"""Jobs whose nodes may change for one that finds none, after shorter searches."""

LATER = 4
"""Times fewer steps in later rounds."""

Pair = tuple[int, int, float, int]
"""An option, a start, what they cost, and their place on the table."""

Before = dict[int, tuple[int, int, float, tuple[Share, ...]]]
"""Of jobs that were moved: the option, the start, the cost, and the nodes that each had."""


def regain(
    ledger: Ledger,
    seating: Seating,
    come: Sequence[int],
    freed: Sequence[int],
    steps: int,
    goal_usd: float,
) -> set[int]:
    """Place jobs that are left out, and better the plan until it costs no more than a goal.

    Parameters
    ----------
    freed : sequence of int
        Groups that jobs have left.

    Returns
    -------
    set of int
        The jobs that were placed, moved, or given other nodes.
    """
    state, near, barred = ledger.state, ledger.near, list[tuple[Ints, Floats]]()
    queue, left = np.array(come, dtype=np.int64), np.array(freed, dtype=np.int64)
    moved = set(come)
    if len(come) <= SINGLY:
        for row in come:
            if state.option[row] < 0:
                move(seating, state, row)
    for turn in range(ROUNDS):
        short_usd = state.total_usd() - goal_usd
        if short_usd <= 0 and (len(come) <= SINGLY or turn > 0):
            break
        limits = steps if turn == 0 else steps // LATER, short_usd
        homeless = _search(ledger, seating, queue, left, limits, moved)
        left = left[:0]
        if not len(homeless) or steps < ALL_ROUNDS:
            break
        barred.append((homeless, near.bar(homeless)))
    for pairs, usd in reversed(barred):
        near.spare(pairs, usd)
    return moved


def _search(
    ledger: Ledger,
    seating: Seating,
    queue: Ints,
    freed: Ints,
    limits: tuple[int, float],
    moved: set[int],
) -> Ints:
    """Search once; return the pairs that nodes did not hold. Whom it moved is added to `moved`."""
    state, table = ledger.state, ledger.table()
    seats = ledger.seats(table)
    before = seats.pair.copy()
    search(table, seats, queue, freed, *limits, ledger.draw)
    rows = np.flatnonzero(seats.pair != before)
    out = queue[before[queue] < 0]
    if len(out):
        rows = np.union1d(rows, out)
    had_usd = state.total_usd()
    had = _leave(seating, state, rows)
    most = MOVED if limits[0] < ALL_ROUNDS else None
    homeless = _enter(ledger, seating, rows, seats.pair[rows], had, most)
    if state.total_usd() <= had_usd:
        moved.update(had)
        return homeless
    _leave(seating, state, np.array(sorted(had), dtype=np.int64))
    back = [one for one in had.values() if one[0] >= 0]
    _place(state, back)
    for option, start, _, shares in back:
        seating.come_back(option, start, shares)
    for row in out.tolist():
        move(seating, state, row)
    return homeless


def leave(seating: Seating, state: State, row: int) -> tuple[Share, ...]:
    """Take a job out, if it is placed; return the nodes that it had."""
    return _leave(seating, state, np.array([row]))[row][-1]


Place = tuple[int, int, int, tuple[Share, ...]]
"""Offer, shape, start, nodes."""


def place_of(ledger: Ledger, seating: Seating, row: int) -> Place | None:
    """Return where a job is; None if it is left out."""
    options, i = ledger.instance.options, int(ledger.state.option[row])
    if i < 0:
        return None
    start, shares = int(ledger.state.start[row]), seating.shares.get(row, ())
    return int(options.offer[i]), int(options.shape[i]), start, shares


def come_back(ledger: Ledger, seating: Seating, row: int, place: Place | None) -> bool:
    """Put a job that was compiled again where it was; False if that is no option any more."""
    if place is None:
        return True
    offer, shape, start, shares = place
    options, of = ledger.instance.options, ledger.instance.options.of(row)
    same = (options.offer[of] == offer) & (options.shape[of] == shape)
    for i in (of.start + np.flatnonzero(same)).tolist():
        ledger.state.place(i, start)
        seating.come_back(i, start, shares)
        return True
    return False


def _leave(seating: Seating, state: State, rows: Ints) -> Before:
    """Take some jobs out, those that are placed; return where they were."""
    placed = rows[state.option[rows] >= 0]
    columns = (state.option[rows], state.start[rows], state.usd[rows])
    had: Before = {}
    for row, option, start, usd in zip(rows.tolist(), *(c.tolist() for c in columns), strict=True):
        had[row] = option, start, usd, seating.leave(option, start) if option >= 0 else ()
    state.remove_many(placed)
    return had


def _place(state: State, pairs: Sequence[tuple[int, int, float, Any]]) -> None:
    """Place jobs at options and starts, for what these cost."""
    if pairs:
        option, start, usd, _ = zip(*pairs, strict=True)
        state.place_many(np.array(option), np.array(start), np.array(usd))


def _enter(
    ledger: Ledger, seating: Seating, rows: Ints, pair: Ints, had: Before, most: int | None
) -> Ints:
    """Place jobs at pairs, the largest first; return the pairs that nodes do not hold.

    Nodes are packed again where that helps; who is given others then is added to `had`. Who is
    left out otherwise goes where it costs least.
    """
    state, table = ledger.state, ledger.table()
    size = np.where(pair >= 0, state.use[table.option[pair], 0], 0.0)
    order = np.lexsort((rows, -size))
    rows, pair = rows[order], pair[order]
    out = rows[pair < 0].tolist()
    pair = pair[pair >= 0]
    columns = (table.option[pair], table.start[pair], table.usd[pair], pair)
    pairs = zip(*(one.tolist() for one in columns), strict=True)
    found = [(seating.take(one[0], one[1]), one) for one in pairs]
    _place(state, [one for fits, one in found if fits])
    homeless = dict[int, list[Pair]]()
    for fits, one in found:
        if not fits:
            homeless.setdefault(int(table.group[one[0]]), []).append(one)
    left = [
        one
        for group, some in homeless.items()
        for one in _packed(seating, state, group, some, had, most)
    ]
    out += [int(table.job[option]) for option, *_ in left]
    for row in out:
        move(seating, state, row)
    return np.array([p for *_, p in left], dtype=np.int64)


def _packed(
    seating: Seating, state: State, group: int, some: list[Pair], had: Before, most: int | None
) -> list[Pair]:
    """Place pairs that find no nodes where packing a group again makes room; return the others."""
    packed = repack(seating, state, group, [one[:2] for one in some], most)
    if packed is None and len(some) > 1:
        return [one for each in some for one in _packed(seating, state, group, [each], had, most)]
    if packed is None:
        return some
    _place(state, some)
    for job, shares in packed.items():
        there = int(state.option[job]), int(state.start[job]), float(state.usd[job])
        had.setdefault(job, (*there, shares))
    return []
