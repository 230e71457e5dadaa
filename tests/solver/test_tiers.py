"""Links that cost less, or more, beyond some volume: exactly, and where many jobs are decided."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hybridplace.checker import check
from hybridplace.model.job import Dataset
from hybridplace.model.problem import Limit, LimitMeasure, Problem
from hybridplace.model.site import Link, Tier
from hybridplace.model.verify import breaches
from hybridplace.solver import slopes, solve
from hybridplace.solver.compile import compile_instance
from hybridplace.solver.joint import solve_jointly
from hybridplace.solver.sites import links_of
from tests.brute import best_plan
from tests.problems import BOUGHT, FAR, LAB, NEAR, PLAIN, TRAIN
from tests.solver.crowding import crowded_problem

CHEAPER = (Tier(beyond_gib=20.0, usd_gib=0.02),)


def _tiered(seeds: range) -> list[int]:
    """Return seeds of crowded problems in which data may go over links with tiers."""
    return [
        seed
        for seed in seeds
        for problem in [crowded_problem(seed)]
        if problem.datasets and slopes.has_tiers(problem)
    ]


@pytest.mark.parametrize("seed", _tiered(range(40)))
def test_joint_plans_hold_and_bounds_are_bounds(seed: int) -> None:
    """Every rule is kept, limits by what links truly cost; the checker finds the same bound."""
    problem = crowded_problem(seed)
    plan, best = solve_jointly(problem), best_plan(problem)

    assert breaches(problem, plan) == ()
    assert plan.bound_usd <= best.objective_usd + 1e-6
    assert check(problem, plan).faults == ()


def _budgets(at_most: float, tiers: tuple[Tier, ...] = CHEAPER) -> Problem:
    """Three jobs that read data of two tenants, which may come from two homes; a budget of one."""
    sizes = {"d0": ("t", 12.0), "d1": ("u", 14.0), "d2": ("t", 5.0)}
    datasets = tuple(
        Dataset(id=name, tenant=tenant, size_gib=size, homes=("lab", "far"))
        for name, (tenant, size) in sizes.items()
    )
    jobs = tuple(
        replace(TRAIN, id=f"j{number}", inputs=(name,), reject_usd=20.0)
        for number, name in enumerate(sizes)
    )
    limit = Limit(id="t", measure=LimitMeasure.USD, at_most=at_most, tenant="t", site="near")
    links = (
        Link(source="lab", target="near", usd_gib=0.3, tiers=tiers, gbps=10.0),
        Link(source="far", target="near", usd_gib=0.25, gbps=10.0),
    )
    return replace(
        PLAIN,
        jobs=jobs,
        datasets=datasets,
        offers=(replace(BOUGHT, pool=None),),
        links=links,
        limits=(limit,),
        sites=(LAB, NEAR, FAR),
    )


@pytest.mark.parametrize("at_most", [0.0, 9.0, 18.5, 19.0, 19.4, 20.0, 40.0])
@pytest.mark.parametrize("tiers", [CHEAPER, (Tier(beyond_gib=13.0, usd_gib=0.6),)])
def test_a_tenant_pays_its_share_of_a_link(at_most: float, tiers: tuple[Tier, ...]) -> None:
    """Budgets of one of two tenants on a link: the exact model finds the best plan, and proves it.

    So does exhaustive search; the joint plan keeps the budget too.
    """
    problem = _budgets(at_most, tiers)
    plan, best, joint = solve(problem), best_plan(problem), solve_jointly(problem)

    assert breaches(problem, plan) == breaches(problem, joint) == ()
    assert plan.objective_usd == pytest.approx(best.objective_usd)
    assert plan.bound_usd == pytest.approx(best.objective_usd, rel=1e-6)
    assert joint.bound_usd <= best.objective_usd + 1e-6


def test_budgets_decide_who_is_placed() -> None:
    """With more money more jobs of the tenant are placed: the budgets above are not all alike."""
    placed = [len(best_plan(_budgets(at_most)).placements) for at_most in (0.0, 18.5, 40.0)]

    assert placed == sorted(placed)
    assert len(set(placed)) > 1


def _two_homes(jobs: int) -> Problem:
    """Jobs near, each with data of its own, from a home that is cheaper if all comes from it."""
    problem = _budgets(1.0)
    names = [f"d{number:02}" for number in range(jobs)]
    return replace(
        problem,
        jobs=tuple(replace(TRAIN, id=f"j{name}", inputs=(name,)) for name in names),
        datasets=tuple(
            Dataset(id=name, tenant="t", size_gib=10.0, homes=("lab", "far")) for name in names
        ),
        limits=(),
    )


@pytest.mark.parametrize("method", [solve, solve_jointly])
def test_volume_is_brought_together(method) -> None:
    """Alone the other home is cheaper by list price; together all come over the link with tiers."""
    plan = method(_two_homes(12))

    assert {"lab"} == {one.source for one in plan.transfers}
    assert len(plan.placements) == 12
    assert plan.costs.egress_usd == pytest.approx(20 * 0.3 + 100 * 0.02)


def test_the_bound_counts_the_least_mean_price() -> None:
    """All data over the link would cost 8 USD for 120 GiB, and nothing makes a GiB cheaper."""
    problem = _two_homes(12)
    links = links_of(problem)
    lab, far, near = (list(problem.site).index(name) for name in ("lab", "far", "near"))

    assert links.usd_gib[lab, near] == pytest.approx(8 / 120)
    assert links.usd_gib[far, near] == 0.25
    dear = slopes.dearest(problem, compile_instance(problem))
    assert dear.data is not None
    assert dear.data.usd_gib[lab, near] == pytest.approx(0.3)


def test_true_costs_are_those_of_the_plan() -> None:
    """What the search takes a choice to cost is what its plan costs."""
    for seed in _tiered(range(60)):
        problem = replace(crowded_problem(seed), limits=())
        instance = compile_instance(problem)
        if instance.data is None:
            continue  # what jobs read may be nothing
        kept: list[slopes.SharedPlan] = []
        slopes.solve_tiered(problem, instance, target_gap=0.0, seed=0, keep=kept.append)
        usd = [one.usd for one in kept]
        assert usd == sorted(usd, reverse=True)
        assert all(np.isfinite(usd))
        plan = solve_jointly(problem)
        assert plan.objective_usd <= usd[0] + instance.sunk_usd + 1e-6
