"""Problems without what arrays do not hold yet; gone once `compile_instance` writes it down."""

from __future__ import annotations

from dataclasses import replace

from hybridplace.model.problem import LimitMeasure, Problem
from tests.model.drawing import small_problems
from tests.solver.crowding import crowded_problem


def within_arrays(problem: Problem) -> Problem:
    """Return a problem without spreads, limits on moves and a price of unfairness."""
    return replace(
        problem,
        spreads=(),
        limits=tuple(one for one in problem.limits if one.measure is not LimitMeasure.MOVES),
        assumptions=replace(problem.assumptions, unfair_usd=0.0),
    )


def small_within():
    """The problems of `small_problems`, without that."""
    return small_problems().map(within_arrays)


def crowded_within(seed: int) -> Problem:
    """The problem of `crowded_problem`, without that."""
    return within_arrays(crowded_problem(seed))
