"""Short searches on plans that are held: rows hold, what is saved is saved, jobs have nodes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.solver.events import new_jobs
from benchmarks.solver.instances import static_problem
from hybridplace.model.verify import breaches
from hybridplace.solver.refit import search
from hybridplace.solver.standing import Standing


@pytest.fixture(scope="module")
def standing():
    """Return a plan of a hundred jobs that is held, its quotas crowded."""
    return Standing(static_problem(100, 2))


def _left(board, room, pair):
    """Return what pairs leave of each group, added up one by one."""
    left = room.copy()
    for p in pair[pair >= 0].tolist():
        i, begin = int(board.option[p]), int(board.start[p])
        for since in range(int(board.slots[i])):
            curve = int(board.curve[i])
            share = 1.0 if curve < 0 else board.curves[curve, since]
            left[board.group[i], begin + since] -= share * board.use[i]
    return left


def _usd(board, seats):
    placed = seats.pair >= 0
    return float(np.where(placed, board.usd[seats.pair], seats.out_usd).sum())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 60), st.integers(0, 400))
def test_what_is_saved_is_saved_and_rows_hold(standing, seed, out, steps):
    """From any part of a plan, a search saves just what it says, and breaks no row."""
    ledger = standing._ledger
    board = ledger.board()
    seats = ledger.seats(board)
    empty = _left(board, seats.room, np.zeros(0, np.int64))
    for p in seats.pair[seats.pair >= 0].tolist():
        empty -= _left(board, np.zeros_like(empty), np.array([p]))
    draw = np.random.default_rng(seed)
    gone = draw.permutation(np.flatnonzero(seats.pair >= 0))[:out]
    seats.room[:] += _left(board, np.zeros_like(seats.room), seats.pair[gone]) * -1.0
    seats.pair[gone] = -1
    before = _usd(board, seats)
    saved = search(board, seats, gone.astype(np.int64), np.zeros(0, np.int64), steps, np.inf)
    assert before - _usd(board, seats) == pytest.approx(saved, abs=1e-6)
    left = _left(board, empty, seats.pair)
    np.testing.assert_allclose(left, seats.room, atol=1e-6)
    assert (left[:-1] > -1e-6).all()


def test_the_same_search_ends_the_same(standing):
    """Two searches agree to the last bit."""
    ends = []
    for _ in range(2):
        board = standing._ledger.board()
        seats = standing._ledger.seats(board)
        saved = search(board, seats, np.zeros(0, np.int64), np.zeros(0, np.int64), 200, np.inf)
        ends.append((saved, seats.pair.tobytes()))
    assert ends[0] == ends[1]


def test_who_comes_and_goes_leaves_a_plan_with_nodes():
    """After churn nearly everyone is placed, nobody shares an accelerator, and the gap is near."""
    problem = static_problem(100, 3)
    standing = Standing(problem)
    gap = standing.plan().gap
    come = new_jobs(problem, 10, 7)
    standing.change(come=come, gone=[job.id for job in problem.jobs[:10]])
    plan = standing.plan()
    assert breaches(standing.problem(), plan) == ()
    assert plan.gap <= gap + 0.1
