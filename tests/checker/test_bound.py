"""The bound that the checker computes, against one slow loop and exhaustive search."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridplace.checker import check
from hybridplace.checker.pricing import least_usd
from hybridplace.checker.scarcity import scarcity_of
from hybridplace.model.certificate import Capacity, CapacityPrice, Certificate
from hybridplace.model.forecast import Figure
from hybridplace.model.job import Job, Shape, Tenant, Training
from hybridplace.model.problem import LimitMeasure, Problem
from hybridplace.model.site import Market, Measure, Offer, Pool, Site
from tests.brute import best_plan, stated
from tests.checker.drawing import certificates
from tests.checker.scarce import PRICES, SCARCE, certified_plan
from tests.checker.slow import slow_bound_usd
from tests.model.drawing import small_problems
from tests.solver.crowding import crowded_problem

PROBLEMS = small_problems() | st.builds(crowded_problem, st.integers(0, 10**6))


def _bound_usd(problem: Problem, certificate: Certificate) -> float:
    left_out = tuple(job.id for job in problem.jobs)
    found = check(problem, replace(stated(problem, (), (), left_out), certificate=certificate))
    assert found.bound_usd is not None, found.faults
    return found.bound_usd


@settings(max_examples=100)
@given(st.data())
def test_the_bound_is_below_the_best_plan(data):
    """Whatever the prices: no plan of exhaustive search costs less than the bound."""
    problem = data.draw(PROBLEMS)
    certificate = data.draw(certificates(problem))
    best_usd = best_plan(problem).objective_usd

    assert _bound_usd(problem, certificate) <= best_usd + 1e-9 * (1 + best_usd)


def _apart(problem: Problem) -> Problem:
    """Return the problem without what ties jobs to each other but capacity, limits and copies."""
    return problem.with_jobs(
        *(replace(job, same_site_as=(), apart_from=()) for job in problem.jobs)
    )


def _is_loose(problem: Problem) -> bool:
    """Say whether the slow loop may see jobs out that the bound does not.

    Those which alone exceed a budget with their copies, or, where figures change, a limit, a quota
    or their own nodes at some starts only.
    """
    counts_copies = any(limit.measure is LimitMeasure.USD for limit in problem.limits)
    sizes = any(one.measure is Figure.AT_MOST for one in problem.forecasts)
    changes = bool(problem.forecasts) and bool(problem.limits)
    return counts_copies or sizes or changes or bool(problem.maintenance)


@settings(max_examples=150)
@given(st.data())
def test_every_pair_and_start_is_priced(data):
    """The bound is that of a loop over all shapes, offers and starts that hold for a job alone."""
    problem = _apart(data.draw(PROBLEMS))
    certificate = data.draw(certificates(problem))
    slow_usd = slow_bound_usd(problem, certificate)
    bound_usd = _bound_usd(problem, certificate)

    if _is_loose(problem):
        assert bound_usd <= slow_usd + 1e-9 * (1 + abs(slow_usd))
    else:
        assert math.isclose(bound_usd, slow_usd, rel_tol=1e-9, abs_tol=1e-9)


def test_prices_of_every_kind_count():
    """In the example the bound is the slow loop's, and each price that is left out changes it."""
    plan = certified_plan()
    found = check(SCARCE, plan)

    assert () == found.faults
    assert math.isclose(plan.bound_usd, found.bound_usd, rel_tol=1e-12)
    for part in ("capacity", "limits", "spreads", "shares", "copies"):
        for row in range(len(getattr(PRICES, part))):
            kept = getattr(PRICES, part)[:row] + getattr(PRICES, part)[row + 1 :]
            less = replace(PRICES, **{part: kept})
            assert not math.isclose(_bound_usd(SCARCE, less), plan.bound_usd, rel_tol=1e-6)


@pytest.mark.parametrize(("room_gib", "dear"), [(10.0, False), (9.0, True)])
def test_what_no_cache_holds_is_copied_nowhere(room_gib, dear):
    """Where caches are smaller than what two jobs read, one of them at least does without."""
    sites = tuple(replace(site, cache_gib=room_gib) for site in SCARCE.sites)
    caches = replace(SCARCE, sites=sites)
    least, slow_usd = _bound_usd(caches, PRICES), slow_bound_usd(caches, PRICES)

    assert least == pytest.approx(slow_usd)
    assert dear == (least > _bound_usd(SCARCE, PRICES) + 1e-6)
    assert least <= best_plan(caches).objective_usd


def _two_for_one(price_usd: float) -> tuple[Problem, Certificate]:
    """Two jobs of 10 h and a quota for one machine at 1 USD/h; others cost 3 USD/h."""
    shape = Shape(accelerator="L4", accelerators=1.0, cpus=1.0, memory_gib=1.0, units_h=1.0)
    jobs = (Job(id=name, tenant="t", work=Training(units=10.0), shapes=(shape,)) for name in "ab")
    offer = Offer(
        id="here",
        site="s",
        instance_type="x",
        market=Market.ON_DEMAND,
        price_usd_h=1.0,
        cpus=4.0,
        memory_gib=16.0,
        accelerator="L4",
        accelerators=1,
        pool="quota",
    )
    problem = Problem(
        now=SCARCE.now,
        horizon_h=10.0,
        slot_h=10.0,
        jobs=tuple(jobs),
        tenants=(Tenant(id="t"),),
        sites=(Site(id="s", provider="aws", region="s", country="DE"),),
        pools=(Pool(id="quota", site="s", measure=Measure.MACHINES, at_most=1.0),),
        offers=(offer, replace(offer, id="there", price_usd_h=3.0, pool=None)),
    )
    price = CapacityPrice(
        pool="quota", capacity=Capacity.QUOTA, first_slot=0, slots=1, price_usd=price_usd
    )
    return problem, Certificate(bound_usd=0.0, capacity=(price,))


@pytest.mark.parametrize(("price_usd", "bound_usd"), [(0, 20), (10, 30), (20, 40), (30, 30)])
def test_the_right_price_proves_the_optimum(price_usd, bound_usd):
    """One job on the cheap machine, one elsewhere: 40 USD, proven by the difference, 20 USD."""
    problem, certificate = _two_for_one(float(price_usd))

    assert bound_usd == pytest.approx(_bound_usd(problem, certificate))
    assert 40 == best_plan(problem).objective_usd


def test_each_job_has_a_least():
    """No job costs more than leaving it out, and each pair of shape and offer is counted."""
    least, pairs = least_usd(SCARCE, scarcity_of(SCARCE, PRICES))

    assert (4, 12) == (len(least), pairs)
    assert (least <= 50.0).all()
