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
from hybridplace.solver.seats import Seats, leave
from hybridplace.solver.standing import Standing


@pytest.fixture(scope="module")
def standing():
    """Return a plan of a hundred jobs that is held, its quotas crowded."""
    return Standing(static_problem(100, 2))


def _left(table, room, pair):
    """Return what pairs leave of each group, added up one by one."""
    left = room.copy()
    for p in pair[pair >= 0].tolist():
        i, begin = int(table.option[p]), int(table.start[p])
        for since in range(int(table.slots[i])):
            curve = int(table.curve[i])
            share = 1.0 if curve < 0 else table.curves[curve, since]
            left[table.group[i], begin + since] -= share * table.use[i]
    return left


def _usd(table, seats):
    placed = seats.pair >= 0
    return float(np.where(placed, table.usd[seats.pair], seats.out_usd).sum())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 60), st.integers(0, 400))
def test_what_is_saved_is_saved_and_rows_hold(standing, seed, out, steps):
    """From any part of a plan, a search saves just what it says, and breaks no row."""
    ledger = standing._ledger
    table = ledger.table()
    seats = ledger.seats(table)
    empty = _left(table, seats.room, np.zeros(0, np.int64))
    for p in seats.pair[seats.pair >= 0].tolist():
        empty -= _left(table, np.zeros_like(empty), np.array([p]))
    draw = np.random.default_rng(seed)
    gone = draw.permutation(np.flatnonzero(seats.pair >= 0))[:out]
    for job in gone:
        leave(table, seats, job)
    before = _usd(table, seats)
    saved = search(table, seats, gone.astype(np.int64), np.zeros(0, np.int64), steps, np.inf)
    assert before - _usd(table, seats) == pytest.approx(saved, abs=1e-6)
    left = _left(table, empty, seats.pair)
    np.testing.assert_allclose(left, seats.room, atol=1e-6)
    assert (left[:-1] > -1e-6).all()


def test_the_same_search_ends_the_same(standing):
    """Two searches agree to the last bit."""
    ends, table = [], standing._ledger.table()
    begin = standing._ledger.seats(table)
    for _ in range(2):
        seats = Seats(*(one.copy() for one in begin))
        saved = search(table, seats, np.zeros(0, np.int64), np.zeros(0, np.int64), 200, np.inf)
        ends.append((saved, seats.pair.tobytes()))
    assert ends[0] == ends[1]


def test_members_are_listed_once_however_plans_change():
    """Lists that are carried on from round to round have the members that lists made anew have."""
    problem = static_problem(100, 4)
    standing = Standing(problem)
    for number, job in enumerate(new_jobs(problem, 12, 5)):
        standing.change(come=[job], gone=[problem.jobs[number].id] if number % 3 else [])
    ledger = standing._ledger
    table = ledger.table()
    seats = ledger.seats(table)
    placed = np.flatnonzero(seats.pair >= 0)
    option = ledger.state.option[placed]
    np.testing.assert_array_equal(option, table.option[seats.pair[placed]])
    for g, begin in enumerate(seats.first_member[:-1].tolist()):
        listed = seats.member[begin : begin + seats.members[g]]
        assert sorted(listed) == placed[ledger.state.group[option] == g].tolist()
        np.testing.assert_array_equal(seats.place[listed], begin + np.arange(len(listed)))


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
