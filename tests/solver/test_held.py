"""What is sold out may be kept by whom it runs for: the solver and exhaustive search agree."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hybridplace.model.problem import Problem
from hybridplace.model.site import LeaseState
from hybridplace.model.verify import breaches
from hybridplace.solver import solve
from tests.brute import best_plan
from tests.problems import NAMED, TRAIN


def _sold_out(state: LeaseState) -> Problem:
    """Every bought offer is sold out, and `train` has a lease on one of them in this state."""
    running = NAMED["running"]
    offers = tuple(
        replace(offer, available=offer.pool == "lab-nodes", price_usd_h=offer.price_usd_h or 9.0)
        for offer in running.offers
    )
    leases = tuple(replace(lease, state=state) for lease in running.leases)
    problem = replace(running, offers=offers, leases=leases)
    return problem.with_jobs(*running.jobs, replace(TRAIN, id="other"))


@pytest.mark.parametrize("state", LeaseState)
def test_only_a_live_lease_keeps_what_is_sold_out(state: LeaseState) -> None:
    """The solver's plan costs what the best of all plans costs, and leaves the job if it may."""
    problem = _sold_out(state)
    best, plan = best_plan(problem), solve(problem)

    assert () == tuple(breaches(problem, plan))
    assert best.objective_usd == pytest.approx(plan.objective_usd)
    stays = {one.job: one.offer for one in plan.placements}["train"] == "near/g4/on_demand"
    assert (state in (LeaseState.PENDING, LeaseState.ACTIVE)) == stays
