"""Many identical jobs, decided by counting."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from benchmarks.solver.instances import classes_problem
from hybridplace.checker import check
from hybridplace.model.job import Job, Program, Shape, Tenant, Training
from hybridplace.model.problem import (
    Assumptions,
    Denial,
    Limit,
    LimitMeasure,
    Problem,
    Rule,
    Spread,
)
from hybridplace.model.site import Domain, Lease, LeaseState, Market, Measure
from hybridplace.model.verify import breaches
from hybridplace.solver import classes, solve
from hybridplace.solver.classes import classes_of, decide_by_classes
from hybridplace.solver.compile import compile_instance
from hybridplace.solver.joint import solve_jointly
from hybridplace.solver.pricing import costs_at, reduced
from hybridplace.solver.state import State
from tests.checker.scarce import SCARCE


def _job(name: str, hours: float, workers: int, tenant: str = "t") -> Job:
    shape = Shape(
        accelerator="A100",
        accelerators=1.0,
        cpus=4.0,
        memory_gib=16.0,
        workers=workers,
        units_h=1.0,
    )
    work = Training(units=hours * workers)
    return Job(id=name, tenant=tenant, work=work, shapes=(shape,), reject_usd=30.0 * workers)


KINDS = ((2.0, 1, "t"), (3.0, 2, "u"), (4.0, 3, "t"))


def _problem(copies: int, *, quota: float = 17.0, budget_usd: float = 1000.0) -> Problem:
    """Three kinds of job, each so many times, on a small quota, two own nodes and dear machines."""
    nodes = tuple(replace(SCARCE.pools[1].nodes[0], id=name) for name in ("m", "n"))
    rack = replace(SCARCE.pools[1], nodes=nodes)
    cheap = replace(SCARCE.pools[0], at_most=quota, measure=Measure.MACHINES)
    return replace(
        SCARCE,
        horizon_h=4.0,
        slot_h=4.0,
        jobs=tuple(
            _job(f"{kind}-{copy:03}", *KINDS[kind])
            for kind, copy in product(range(3), range(copies))
        ),
        datasets=(),
        tenants=(Tenant(id="t"), Tenant(id="u")),
        pools=(cheap, rack),
        limits=(Limit(id="b", measure=LimitMeasure.USD, at_most=budget_usd, tenant="t"),),
        spreads=(),
        assumptions=Assumptions(),
    )


def test_jobs_that_differ_in_their_id_alone_are_one_class():
    """Classes are numbered by their first jobs."""
    found = classes_of(_problem(5))

    assert found.are_few
    assert [5, 5, 5] == found.count.tolist()
    assert [0, 5, 10] == found.first.tolist()
    assert [0] * 5 + [1] * 5 + [2] * 5 == found.row.tolist()


def test_programs_tell_no_job_apart():
    """No plan depends on what a job starts: jobs that differ in that alone are one class."""
    problem = _problem(5)
    programs = [Program(command=("run", job.id)) for job in problem.jobs]
    jobs = [replace(job, program=one) for job, one in zip(problem.jobs, programs, strict=True)]
    started = replace(problem, jobs=(*jobs[:-1], problem.jobs[-1]))
    plan = solve_jointly(started)

    assert [5, 5, 5] == classes_of(started).count.tolist()
    assert solve_jointly(problem).placements == plan.placements
    assert problem.digest != started.digest
    assert () == breaches(started, plan)
    assert () == check(started, plan).faults


def _leased(problem: Problem) -> Problem:
    lease = Lease(
        id="l",
        provider="aws",
        owner="me",
        plan="p",
        job="1-002",
        offer="near/a100",
        machines=("i",),
        state=LeaseState.ACTIVE,
    )
    return replace(problem, leases=(lease,))


def _denied(problem: Problem) -> Problem:
    denial = Denial(action="place", subjects=("1-002",), sites=("far",), rules=("r",))
    return replace(problem, denials=(denial,), rules=(Rule(id="r", reason="no"),))


def _limited(problem: Problem) -> Problem:
    limit = Limit(id="own", measure=LimitMeasure.USD, at_most=5.0, job="1-002")
    return replace(problem, limits=(*problem.limits, limit))


def _later(problem: Problem) -> Problem:
    changed = (replace(job, due_h=1.0) if job.id == "1-002" else job for job in problem.jobs)
    return replace(problem, jobs=tuple(changed))


@pytest.mark.parametrize("change", [_leased, _denied, _limited, _later])
def test_what_tells_one_job_apart_makes_it_a_class(change):
    """A lease, a denial, a limit or a figure of one job: it is no copy of the others any more."""
    found = classes_of(change(_problem(5)))

    assert [1, 4, 5, 5] == sorted(found.count.tolist())
    assert 1 == found.count[found.row[7]]


def test_jobs_that_ask_for_each_other_are_not_counted():
    """Who is to be apart from whom cannot be said of a number of jobs."""
    problem = _problem(5)
    jobs = (replace(problem.jobs[0], apart_from=("1-002",)), *problem.jobs[1:])

    assert not classes_of(replace(problem, jobs=jobs)).are_few


def test_identical_jobs_over_time_are_not_counted():
    """Counts are of one slot: a problem of several is planned job by job, and the plan holds."""
    problem = replace(_problem(20), slot_h=1.0)
    plan = solve_jointly(problem)

    assert not classes_of(problem).are_few
    assert breaches(problem, plan) == ()
    assert not check(problem, plan).faults


@pytest.mark.parametrize("budget_usd", [1000.0, 60.0])
def test_prices_prove_the_same_for_single_jobs(budget_usd):
    """Priced one by one, over all their options, the jobs have the bound of their classes."""
    problem = _problem(8, budget_usd=budget_usd)
    relaxed = decide_by_classes(problem, classes_of(problem)).relaxed
    instance = compile_instance(problem)

    assert reduced(instance, relaxed.prices).bound_usd == pytest.approx(relaxed.bound_usd, rel=1e-9)


@pytest.mark.parametrize(
    ("copies", "quota", "budget_usd"), [(4, 5.0, 1000.0), (5, 7.0, 40.0), (8, 17.0, 70.0)]
)
def test_counts_are_as_cheap_as_the_exact_model(copies, quota, budget_usd):
    """On small problems whole numbers near the relaxation reach the optimum."""
    problem = _problem(copies, quota=quota, budget_usd=budget_usd)
    bought = tuple(offer for offer in problem.offers if offer.market is Market.ON_DEMAND)
    problem = replace(problem, pools=problem.pools[:1], offers=bought)
    counted = decide_by_classes(problem, classes_of(problem))
    state = State(counted.instance)
    state.load(counted.choice)

    assert not state.breaks_limits()
    assert (state.room[0] >= 0).all()
    assert state.total_usd() == pytest.approx(solve(problem).objective_usd, rel=1e-6)


def test_counts_are_fair_and_apart_too():
    """Shares are of what all jobs make due, and jobs of a spread are classes: the check agrees."""
    problem = _problem(20, quota=60.0, budget_usd=300.0)
    names = tuple(job.id for job in problem.jobs[::7])
    quota, rack = problem.pools
    nodes = (*rack.nodes, *(replace(node, id=f"{node.id}2") for node in rack.nodes))
    problem = replace(
        problem,
        pools=(quota, replace(rack, nodes=nodes)),
        assumptions=replace(problem.assumptions, unfair_usd=500.0),
        spreads=(Spread(id="s", jobs=names, domain=Domain.SITE, at_most=2),),
    )
    plan = solve_jointly(problem)

    assert classes_of(problem).are_few
    assert breaches(problem, plan) == ()
    assert not check(problem, plan).faults
    assert plan.costs.unfairness_usd < 1.0


def test_each_job_has_an_option_of_its_own():
    """Jobs of a class take its options in their order; the costs add up to those of the counts."""
    problem = _problem(8)
    counted = decide_by_classes(problem, classes_of(problem))
    options, taken = counted.instance.options, counted.choice.option
    placed = np.flatnonzero(taken >= 0)

    assert (options.job[taken[placed]] == placed).all()
    usd = costs_at(counted.instance, taken[placed], 0 * placed)
    whole = compile_instance(problem)
    for job, option, cost in zip(placed.tolist(), taken[placed].tolist(), usd, strict=True):
        rows = np.arange(len(whole.options.job))[whole.options.of(job)]
        same = rows[whole.options.offer[rows] == options.offer[option]]
        assert cost in costs_at(whole, same, 0 * same)


def test_the_plan_holds_and_is_certified():
    """From counts to a plan that verifies, with a certificate that the checker believes."""
    problem = _problem(40, quota=60.0, budget_usd=300.0)
    plan = solve_jointly(problem)

    assert () == breaches(problem, plan)
    assert () == check(problem, plan).faults
    assert plan.gap < 0.05
    assert plan == solve_jointly(problem)


def test_the_bound_is_over_all_options(monkeypatch):
    """On the shipped catalog, too, where jobs are given few of the options of their class."""
    monkeypatch.setattr(classes, "KEPT", 1)
    problem = classes_problem(300, 40, 1)
    plan = solve_jointly(problem)
    found = check(problem, plan)

    assert () == found.faults
    assert found.bound_usd == pytest.approx(plan.bound_usd, rel=1e-9)
