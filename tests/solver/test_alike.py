"""What gangs of many alike jobs cannot fill: knapsacks of classes, and the bound they prove."""

from __future__ import annotations

from itertools import product
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridplace.checker import check
from hybridplace.checker.knapsacks import most_worth as checked_worth
from hybridplace.model.plan import Status
from hybridplace.solver.classes import classes_of, decide_by_classes
from hybridplace.solver.filling import most_worth
from hybridplace.solver.joint import solve_jointly
from tests.solver.test_classes import _problem


@given(
    st.integers(0, 12),
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 5), st.integers(1, 9)), min_size=1, max_size=5
    ),
    st.lists(st.integers(1, 6), min_size=3, max_size=3),
)
def test_alike_jobs_fill_a_knapsack_best(
    room: int, options: list[tuple[int, int, int]], copies: list[int]
) -> None:
    """No counts are worth more, the counts that are told reach it, and the checker agrees."""
    options = sorted(options, key=lambda one: (one[0], one[1], -one[2]))
    job, size, worth = (np.array(column, dtype=np.int64) for column in zip(*options, strict=True))
    count = np.array(copies)[job]
    usd, taken = most_worth(job, size, worth.astype(np.float64), count, room)

    best = 0
    for some in map(np.array, product(*(range(one + 1) for one in count.tolist()))):
        within = np.bincount(job, some, 3) <= np.array(copies)
        if within.all() and some @ size <= room:
            best = max(best, int(some @ worth))
    assert usd == best
    assert taken @ worth == best
    assert taken @ size <= room
    assert (np.bincount(job, taken, 3) <= np.array(copies)).all()
    assert checked_worth(job, size, worth.astype(np.float64), count, room) == best


@pytest.mark.parametrize(("copies", "quota"), [(9, 17.0), (30, 40.0), (40, 100.0)])
def test_knapsacks_of_classes_prove_more(copies: int, quota: float) -> None:
    """The bound is no less than that of capacity prices, no plan is below it, the checker agrees.

    A quota that gangs of two and three do not fill exactly is where it is higher.
    """
    problem = _problem(copies, quota=quota)
    found = decide_by_classes(problem, classes_of(problem))
    plan = solve_jointly(problem)

    if found.whole is not None:
        assert found.whole.bound_usd >= found.relaxed.bound_usd
        assert len(found.whole.job_usd) == len(problem.jobs)
    assert plan.bound_usd <= plan.objective_usd
    assert check(problem, plan).faults == ()


def test_an_interrupt_of_counting_is_told() -> None:
    """Ctrl-C while whole numbers are looked for ends the search, and the plan says so."""
    problem = _problem(30)
    with patch("ortools.sat.python.cp_model.CpSolver.solve", side_effect=KeyboardInterrupt):
        plan = solve_jointly(problem)

    assert plan.status is Status.INTERRUPTED
    assert plan.placements
    assert check(problem, plan).faults == ()
