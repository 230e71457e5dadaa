"""Betters a plan that is held, and gives those that this moves their nodes."""

from __future__ import annotations

from collections.abc import Sequence

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

LATER = 4
"""Times fewer steps in later rounds."""

Before = dict[int, tuple[int, int, float, tuple[Share, ...]]]
"""Of jobs that were moved: the option, the start, the cost, and the nodes that each had."""


def regain(
    ledger: Ledger,
    seating: Seating,
    come: Sequence[int],
    freed: Sequence[int],
    steps: int,
    enough_usd: float,
) -> set[int]:
    """Place jobs that are left out, and better the plan until enough is saved.

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
    goal_usd, queue = state.total_usd() - enough_usd, np.array(come, dtype=np.int64)
    moved, left = set(come), np.array(freed, dtype=np.int64)
    for turn in range(ROUNDS):
        short_usd = state.total_usd() - goal_usd
        if short_usd <= 0 and not len(queue):
            break
        limits = steps if turn == 0 else steps // LATER, short_usd
        homeless = _search(ledger, seating, queue, left, limits, moved)
        queue, left = queue[:0], left[:0]
        if not len(homeless):
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
    state, board = ledger.state, ledger.board()
    seats = ledger.seats(board)
    before = seats.pair.copy()
    search(board, seats, queue, freed, *limits)
    rows = np.flatnonzero(seats.pair != before)
    if len(queue):
        rows = np.union1d(rows, queue)
    had_usd = state.total_usd()
    had: Before = {row: _leave(seating, state, row) for row in rows.tolist()}
    homeless = _enter(ledger, seating, rows, seats.pair[rows], had)
    if state.total_usd() <= had_usd:
        moved.update(had)
        return homeless
    for row in had:
        leave(seating, state, row)
    for option, start, usd, shares in had.values():
        if option >= 0:
            state.place(option, start, usd)
            seating.come_back(option, start, shares)
    for row in queue.tolist():
        move(seating, state, row)
    return homeless


def leave(seating: Seating, state: State, row: int) -> tuple[Share, ...]:
    """Take a job out, if it is placed; return the nodes that it had."""
    return _leave(seating, state, row)[-1]


def _leave(seating: Seating, state: State, row: int) -> tuple[int, int, float, tuple[Share, ...]]:
    """Take a job out, if it is placed; return where it was."""
    option, start, usd = int(state.option[row]), int(state.start[row]), float(state.usd[row])
    shares = tuple[Share, ...]()
    if option >= 0:
        shares = seating.leave(option, start)
        state.remove(row)
    return option, start, usd, shares


def _enter(ledger: Ledger, seating: Seating, rows: Ints, pair: Ints, had: Before) -> Ints:
    """Place jobs at pairs, the largest first; return the pairs that nodes do not hold.

    Nodes are packed again where that helps; who is given others then is added to `had`. Who is
    left out otherwise goes where it costs least.
    """
    state, board = ledger.state, ledger.board()
    size = np.where(pair >= 0, state.use[board.option[pair], 0], 0.0)
    homeless, out = [], []
    for k in np.lexsort((rows, -size)).tolist():
        p = int(pair[k])
        if p < 0:
            out.append(int(rows[k]))
        elif seating.take(int(board.option[p]), int(board.start[p])):
            state.place(int(board.option[p]), int(board.start[p]), float(board.usd[p]))
        else:
            homeless.append(p)
    left = []
    for p in homeless:
        option, start, usd = int(board.option[p]), int(board.start[p]), float(board.usd[p])
        packed = repack(seating, state, int(board.group[option]), [(option, start)])
        if packed is None:
            left.append(p)
            out.append(int(board.job[option]))
            continue
        state.place(option, start, usd)
        for job, shares in packed.items():
            there = int(state.option[job]), int(state.start[job]), float(state.usd[job])
            had.setdefault(job, (*there, shares))
    for row in out:
        move(seating, state, row)
    return np.array(left, dtype=np.int64)
