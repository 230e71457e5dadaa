"""What a placement counts towards limits, spreads and shares, by the scalar formulas."""

from __future__ import annotations

from hybridplace.model.cost import placement_run, placement_use
from hybridplace.model.fairness import dominant_share
from hybridplace.model.plan import Placement
from hybridplace.model.problem import Problem
from hybridplace.solver.compile import dues_of
from hybridplace.solver.spreads import spreads_of


def uses_of(problem: Problem, placement: Placement) -> list[float]:
    """Return what a placement counts towards each limit, then towards each domain of spreads."""
    site = problem.site[problem.offer[placement.offer].site]
    domain = {one.id: (one.jobs, site.within(one.domain)) for one in problem.spreads}
    return [
        *(placement_use(problem, limit, placement) for limit in problem.limits),
        *(
            float(placement.job in domain[spread][0] and name == domain[spread][1])
            for spread, name in spreads_of(problem).rows
        ),
    ]


def share_of(problem: Problem, placement: Placement) -> float:
    """Return what a placement adds to the relative share of its tenant."""
    job, offer = problem.job[placement.job], problem.offer[placement.offer]
    due = dues_of(problem).get(job.tenant)
    if due is None:
        return 0.0
    run = placement_run(problem, placement)
    return min(1.0, dominant_share(problem, offer, job.shapes[placement.shape], run) / due)
