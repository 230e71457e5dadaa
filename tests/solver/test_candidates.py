"""What the exact model chooses from."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hybridplace.solver.candidates import choose_candidates, pareto
from hybridplace.solver.tables import compile_problem
from tests.problems import NAMED
from tests.solver.crowding import crowded_problem


def test_candidates_are_in_the_order_of_jobs():
    """The CSR arrays are consistent: rows of a job lie together, cheapest first."""
    for problem in [*NAMED.values(), *map(crowded_problem, range(40))]:
        found = choose_candidates(compile_problem(problem))

        assert found.first[0] == 0
        assert found.first[-1] == len(found.usd)
        for number in range(len(problem.jobs)):
            rows = list(found.of(number))
            assert {number} >= set(found.job[rows].tolist())
            assert sorted(found.usd[rows]) == found.usd[rows].tolist()


def test_pareto_keeps_what_nothing_replaces():
    """A row goes when another is no larger anywhere; of equal ones the first stays."""
    criteria = np.array([[2.0, 1.0], [1.0, 2.0], [2.0, 2.0], [1.0, 2.0], [3.0, 0.5]])

    assert [1, 0, 4] == pareto(criteria)


@pytest.mark.parametrize("seed", range(0, 120, 3))
def test_dropped_pairs_are_not_missed(seed, monkeypatch):
    """Solving over all pairs costs what solving over the undominated ones costs."""
    from hybridplace.solver import candidates, solve

    problem = crowded_problem(seed)
    pruned = solve(problem)
    monkeypatch.setattr(candidates, "pareto", lambda criteria: list(range(len(criteria))))

    assert math.isclose(pruned.objective_usd, solve(problem).objective_usd, abs_tol=1e-6)
