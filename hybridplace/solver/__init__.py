"""Finds a cheapest plan, proves how good it is, and says why each job is where it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hybridplace.model.plan import Plan
from hybridplace.model.problem import Problem
from hybridplace.solver.stop import Progress, Stop

if TYPE_CHECKING:
    from hybridplace.solver.tables import Compiled

__all__ = ["Progress", "Stop", "solve"]

EXACT_JOBS = 40
"""More are not given to the exact model."""


def solve(
    problem: Problem,
    *,
    seed: int = 0,
    stop: Stop | None = None,
    watch: Callable[[Progress], None] | None = None,
    compiled: Compiled | None = None,
) -> Plan:
    """Return a plan with a proven bound.

    Few jobs are decided by the exact model, many by `hybridplace.solver.joint`. The same problem,
    seed and stop give the same plan, byte for byte. An interrupt (Ctrl-C) ends the search: the plan
    is the best one so far, with its gap, and its status says so.

    Parameters
    ----------
    watch : callable or None
        Told of each better plan and bound while it solves.
    compiled : Compiled or None
        If the problem was compiled before.

    Raises
    ------
    InputError
        When costs are too large to be added up exactly.
    """
    if len(problem.jobs) > EXACT_JOBS:
        from hybridplace.solver.joint import solve_jointly

        return solve_jointly(problem, seed=seed, stop=stop, watch=watch)
    from hybridplace.solver.candidates import choose_candidates
    from hybridplace.solver.exact import solve_exactly
    from hybridplace.solver.result import plan_of
    from hybridplace.solver.tables import compile_problem

    compiled = compiled or compile_problem(problem)
    candidates = choose_candidates(compiled)
    solution = solve_exactly(candidates, seed=seed, stop=stop or Stop(), watch=watch)
    return plan_of(compiled, candidates, solution, seed=seed)
