"""From prices to a first plan: which copies to open, then each pipeline from its makers on."""

from __future__ import annotations

import numpy as np

from hybridplace.solver.board import Board
from hybridplace.solver.instance import Floats, Ints
from hybridplace.solver.pipelines import makers_before
from hybridplace.solver.regroup import place
from hybridplace.solver.relaxation import Relaxed, data_of, heads
from hybridplace.solver.sharing import Ascent

ROUNDS = 4
"""How often copies are opened."""

STEPS = 10
"""Of the ascent after each time."""

LIKELY = 0.6
"""A copy is opened if a reader is there for at least such a part."""

SOME = 0.3
"""So are these of the others, the likeliest."""

LEAST = 0.15
"""But none that is less likely than this."""


TOGETHER = 1_000
"""Jobs that are placed between two moments when Ctrl-C is heard."""


def open_copies(ascent: Ascent) -> Floats:
    """Return what is left to pay for each copy, 0 for those that are opened; (D, S).

    A dive: the likely copies are opened, their fees are sunk, and the prices follow.
    """
    readers = ascent.relaxed.readers
    fee_usd = readers.fee_usd.copy()
    for _ in range(ROUNDS):
        _, at, _ = ascent.parts()
        if not len(readers.of):
            break
        part = np.maximum.reduceat(at[readers.job, :-1], heads(readers.of), axis=0)
        part[fee_usd == 0] = 0.0
        unsure = part[(part >= LEAST) & (part < LIKELY)]
        least = np.quantile(unsure, 1.0 - SOME) if len(unsure) else LIKELY
        likely = part >= min(LIKELY, least)
        if not likely.any():
            break
        fee_usd[likely] = 0.0
        ascent.waive(fee_usd)
        ascent.climb(STEPS)
    return fee_usd


def place_all(board: Board, relaxed: Relaxed, fee_usd: Floats) -> None:
    """Place all jobs where there is room: trees by what is at stake, makers before readers.

    Parameters
    ----------
    board : Board
        Nobody is placed.
    fee_usd : floats, (D, S)
        Of `open_copies`: what jobs take copies to cost while they look for a place.
    """
    datasets = np.unique(data_of(relaxed.instance).reads[relaxed.readers.read, 1])
    free = np.zeros(board.ask_usd.shape, dtype=np.bool_)
    free[datasets] = fee_usd == 0.0
    board.ask_usd[free & np.isfinite(board.fee_usd)] = 0.0
    order = _order(board, relaxed)
    for some in np.array_split(order, len(order) // TOGETHER + 1):
        place(board, some)
    board.ask_usd[:] = board.fee_usd
    board.job["best_way"], board.job["best_start"] = board.job["way"], board.job["start"]


def _order(board: Board, relaxed: Relaxed) -> Ints:
    """Return the jobs, whole trees together: first those that lose most by their second best."""
    jobs = len(board.job)
    root = np.arange(jobs)
    for level in reversed(relaxed.forest.levels):
        root[level.child] = root[level.parent]
    stake = np.bincount(root, -board.urge[:, 1], minlength=jobs)
    depth = makers_before(data_of(relaxed.instance), jobs)
    return np.lexsort((np.arange(jobs), depth, root, -stake[root]))
