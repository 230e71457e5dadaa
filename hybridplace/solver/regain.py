"""Betters a plan that is held, and gives those that this moves their nodes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hybridplace.model.plan import Share
from hybridplace.solver.instance import Ints
from hybridplace.solver.ledger import Ledger
from hybridplace.solver.refit import search
from hybridplace.solver.seating import Seating, move
from hybridplace.solver.state import State

ROUNDS = 3
"""Of search, at most: whom nodes do not hold where the search put them may not go there again."""

LATER = 4
"""Times fewer steps in later rounds."""


def regain(
    ledger: Ledger, seating: Seating, come: Sequence[int], *, steps: int, enough_usd: float
) -> None:
    """Place jobs that are left out, and better the plan until enough is saved."""
    state, barred = ledger.state, dict[int, float]()
    goal_usd, queue = state.total_usd() - enough_usd, np.array(come, dtype=np.int64)
    homeless = _search(ledger, seating, queue, (0, 0.0)) if len(queue) else []
    for turn in range(ROUNDS):
        for option in homeless:
            barred[option] = float(state.use[option, 0])
            # NaN fits nowhere.
            state.use[option, 0] = np.nan
        short_usd = state.total_usd() - goal_usd
        if short_usd <= 0 or (turn and not homeless):
            break
        homeless = _search(
            ledger, seating, queue[:0], (steps if turn == 0 else steps // LATER, short_usd)
        )
    for option, use in barred.items():
        state.use[option, 0] = use


def _search(ledger: Ledger, seating: Seating, queue: Ints, limits: tuple[int, float]) -> list[int]:
    """Search once; return the options of those whom nodes did not hold, if that left no gain."""
    state, board = ledger.state, ledger.board()
    seats = ledger.seats(board)
    before = seats.pair.copy()
    search(board, seats, queue, *limits)
    rows = np.unique(np.append(np.flatnonzero(seats.pair != before), queue))
    had_usd = state.total_usd()
    was = state.option[rows], state.start[rows], state.usd[rows]
    shares = [leave(seating, state, row) for row in rows.tolist()]
    homeless = _enter(ledger, seating, rows, seats.pair[rows])
    if state.total_usd() <= had_usd:
        return homeless
    for row in rows.tolist():
        leave(seating, state, row)
    for i, t, usd, had in zip(*(one.tolist() for one in was), shares, strict=True):
        if i >= 0:
            state.place(i, t, usd)
            seating.come_back(i, t, had)
    return homeless


def leave(seating: Seating, state: State, row: int) -> tuple[Share, ...]:
    """Take a job out, if it is placed; return the nodes that it had."""
    shares = tuple[Share, ...]()
    if state.option[row] >= 0:
        shares = seating.leave(int(state.option[row]), int(state.start[row]))
        state.remove(row)
    return shares


def _enter(ledger: Ledger, seating: Seating, rows: Ints, pair: Ints) -> list[int]:
    """Place jobs at pairs, the largest first; return the options that nodes do not hold.

    Who is left out otherwise goes where it costs least.
    """
    state, board = ledger.state, ledger.board()
    size = np.where(pair >= 0, state.use[board.option[pair], 0], 0.0)
    homeless, out = [], []
    for k in np.lexsort((rows, -size)).tolist():
        p, row = int(pair[k]), int(rows[k])
        if p >= 0:
            i, t = int(board.option[p]), int(board.start[p])
            if seating.take(i, t):
                state.place(i, t, float(board.usd[p]))
                continue
            homeless.append(i)
        out.append(row)
    for row in out:
        move(seating, state, row)
    return homeless
