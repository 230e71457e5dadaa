"""The generated problems are what benchmarks claim: well-formed, crowded, the same each time."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from benchmarks.solver.demand import draw_demand, first_choices
from benchmarks.solver.instances import (
    STATIC_H,
    classes_problem,
    data_problem,
    slots_problem,
    static_problem,
    tenants_problem,
    varying_problem,
)
from benchmarks.solver.supply import quota_ids
from hybridplace.model.job import Inference, Training
from hybridplace.model.plan import Placement
from hybridplace.model.problem import LimitMeasure
from hybridplace.model.run import run_of
from hybridplace.model.site import Market
from hybridplace.model.verify import verify
from hybridplace.model.verify_placement import breaches
from hybridplace.solver import Stop, solve

JOBS = 1000


@pytest.fixture(scope="module")
def problem():
    """One for all that only look."""
    return static_problem(JOBS, 1)


def test_the_catalog_is_the_shipped_one_with_three_clouds_and_both_markets(problem):
    """At least 3,500 priced offers, of every cloud both on demand and on spot."""
    bought = [offer for offer in problem.offers if offer.market is not Market.OWNED]
    kinds = {(offer.site.split("/")[0], offer.market) for offer in bought}

    assert len(bought) >= 3500
    assert all(offer.price_usd_h is not None for offer in bought)
    assert {(cloud, market) for cloud in ("aws", "azure", "gcp") for market in Market} - kinds == {
        (cloud, market)
        for cloud in ("aws", "azure", "gcp")
        for market in (Market.OWNED, Market.RESERVED)
    }


def test_own_pools_hold_30_to_60_percent_of_the_demand(problem):
    """Own accelerators, against those that the gangs hold where they are cheapest."""
    asked = first_choices(draw_demand(JOBS, 1, horizon_h=STATIC_H, waits=False)).held.sum()
    own = sum(node.accelerators for pool in problem.pools for node in pool.nodes)

    assert sum(bool(pool.nodes) for pool in problem.pools) >= 4
    assert 0.29 < own / asked < 0.62


@pytest.mark.parametrize("roomy", [False, True])
def test_own_pools_over_time_hold_their_share_of_what_is_asked_on_average_or_at_once(roomy):
    """A roomy estate holds it of all jobs at once, another one of those that run at a time."""
    first = first_choices(draw_demand(JOBS, 1, horizon_h=48.0, waits=True))
    asked = first.held.sum() if roomy else first.accelerator_h.sum() / 48.0
    pools = slots_problem(JOBS, 48, 1, roomy=roomy).pools

    assert 0.29 < sum(node.accelerators for pool in pools for node in pool.nodes) / asked < 0.7


@pytest.mark.parametrize(("jobs", "least"), [(1000, 15), (10_000, 35)])
def test_many_quotas_are_too_small_for_all_who_want_them_first(jobs, least):
    """If every job took its cheapest offer, dozens of quotas would overflow."""
    at_most = {pool.id: pool.at_most for pool in static_problem(jobs, 2).pools}
    first = first_choices(draw_demand(jobs, 2, horizon_h=STATIC_H, waits=False))
    held = np.bincount(first.quota + 1, first.held, len(quota_ids()) + 1)[1:]
    over = sum(used > at_most[name] for name, used in zip(quota_ids(), held, strict=True))

    assert over >= least


def test_a_quarter_of_the_jobs_is_bound_to_some_places(problem):
    """By denials that leave each of them at least one site."""
    sites = [site.id for site in problem.sites]
    denied = {
        job.id: sum(bool(problem.denied("place", job.id, site)) for site in sites)
        for job in problem.jobs
    }
    bound = [job for job, count in denied.items() if count]

    assert 0.2 < len(bound) / JOBS < 0.3
    assert max(denied.values()) < len(sites)


def test_all_jobs_differ_and_most_train(problem):
    """No two jobs ask for the same; gangs have 1 to 16 workers."""
    works = {(job.work, job.shapes) for job in problem.jobs}
    gangs = {job.shapes[0].workers for job in problem.jobs if isinstance(job.work, Training)}

    assert len(works) == JOBS
    assert sum(isinstance(job.work, Training) for job in problem.jobs) > JOBS / 2
    assert gangs == {1, 2, 4, 8, 16}


def test_a_seed_gives_one_problem_and_another_seed_another():
    """Byte for byte."""
    assert static_problem(20, 5).digest == static_problem(20, 5).digest
    assert static_problem(20, 5).digest != static_problem(20, 6).digest


def test_nearly_every_job_could_be_bought_somewhere():
    """Few jobs have no cloud offer at all that they may run on, in time."""
    problem = static_problem(100, 4)
    bought = [offer for offer in problem.offers if offer.market is not Market.OWNED]
    nowhere = [job.id for job in problem.jobs if not any(_runs(problem, job, bought))]

    assert len(nowhere) <= 1


def _runs(problem, job, offers):
    """Yield whether the job holds every rule of a placement on each offer that fits it."""
    for offer in offers:
        for number, shape in enumerate(job.shapes):
            run = run_of(problem, job, offer, shape, 0.0)
            if run is not None:
                placement = Placement(
                    job=job.id,
                    offer=offer.id,
                    shape=number,
                    start_h=0.0,
                    end_h=run.end_h,
                    machines=run.machines,
                )
                yield not any(breaches(problem, placement))


def test_a_plan_for_a_small_one_holds():
    """The exact solver plans what is generated."""
    small = static_problem(12, 7)
    plan = solve(small, stop=Stop(work=20))

    verify(small, plan)
    assert len(plan.placements) >= 11


def test_jobs_of_many_slots_arrive_over_time_and_may_wait():
    """Starts spread over the horizon, and most jobs have slack before their deadline."""
    problem = slots_problem(200, 48, 3)
    starts = {job.earliest_h for job in problem.jobs}
    deadlines = [job.deadline_h for job in problem.jobs if not isinstance(job.work, Inference)]

    assert problem.slot_h == 1.0
    assert len(starts) > 15
    assert all(hour is not None and hour <= 48 for hour in deadlines)


def test_what_varies_changes_by_the_hour():
    """Spot prices, grids and the power of own sites have a figure per hour; own nodes go away."""
    problem = varying_problem(100, 48, 1)
    measures = Counter(one.measure for one in problem.forecasts)
    away = Counter(one.pool for one in problem.maintenance)

    assert len(measures) == 3
    assert all(len(set(one.hourly)) > 1 for one in problem.forecasts)
    assert set(away) == {pool.id for pool in problem.pools if pool.nodes}


def test_shared_datasets_have_many_readers_and_pipelines_run_in_order():
    """A few datasets have most readers; 40 % of the jobs are stages, whose data has no home."""
    problem = data_problem(300, 1)
    counts = Counter(name for job in problem.jobs for name in job.inputs)
    staged = {job.id for job in problem.jobs if job.outputs}
    staged |= {job.id for job in problem.jobs if set(job.inputs) & set(problem.producer)}

    assert counts.most_common(1)[0][1] >= 15
    assert 0.35 < len(staged) / 300 < 0.42
    assert all(bool(one.homes) != (one.id in problem.producer) for one in problem.datasets)


def test_data_in_a_single_slot_has_no_pipelines_and_comes_at_once():
    """With one slot nothing can follow anything, yet what has a home can be copied in time."""
    problem = data_problem(40, 1, slots=1)

    assert not problem.producer
    assert problem.datasets
    plan = solve(problem, stop=Stop(work=10))
    verify(problem, plan)
    assert len(plan.placements) >= 39


def test_tenants_have_budgets_and_share_a_cap_on_emissions():
    """Three of the six have a budget."""
    problem = tenants_problem(200, 1)
    measures = Counter(limit.measure for limit in problem.limits)

    assert measures == {LimitMeasure.USD: 3, LimitMeasure.CARBON_G: 1}
    assert all(limit.at_most > 0 for limit in problem.limits)


def test_jobs_of_a_class_differ_in_their_names_only():
    """As many kinds as asked for, of uneven sizes."""
    problem = classes_problem(500, 20, 1)
    kinds = Counter((job.work, job.shapes, job.tenant, job.reject_usd) for job in problem.jobs)

    assert 10 <= len(kinds) <= 20
    assert max(kinds.values()) > 3 * min(kinds.values())
