"""Plans that are held: after any events they keep every rule, and their bound is that of anew."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.solver.events import new_jobs
from benchmarks.solver.instances import static_problem
from hybridplace.checker import check
from hybridplace.model.canonical import canonical_json
from hybridplace.model.problem import Denial, LimitMeasure
from hybridplace.solver.joint import solve_jointly
from hybridplace.solver.standable import NotStandingError
from hybridplace.solver.standing import Standing
from tests.brute import best_plan
from tests.solver.crowding import crowded_problem

KINDS = ("come", "gone", "price", "sale", "node", "rules")


def untied(problem):
    """Return a problem without data, jobs tied to others, and what else cannot be held."""
    jobs = tuple(
        replace(job, inputs=(), outputs=(), same_site_as=(), apart_from=()) for job in problem.jobs
    )
    limits = tuple(
        limit
        for limit in problem.limits
        if limit.job is None and limit.measure is not LimitMeasure.MOVES
    )
    denials = tuple(one for one in problem.denials if one.action == "place")
    return replace(
        problem,
        jobs=jobs,
        datasets=(),
        limits=limits,
        denials=denials,
        spreads=(),
        assumptions=replace(problem.assumptions, unfair_usd=0.0),
    )


def happen(standing, kind, number):
    """Let one event happen; which one depends on the number."""
    problem = standing.problem()
    offer = problem.offers[number % len(problem.offers)]
    match kind:
        case "come":
            job = untied(crowded_problem(number)).jobs[0]
            standing.change(come=[replace(job, id=f"new{number}")])
        case "gone" if problem.jobs:
            standing.change(gone=[problem.jobs[number % len(problem.jobs)].id])
        case "price":
            factor = (0.5, 0.9, 1.5)[number % 3]
            standing.change_offer(replace(offer, price_usd_h=factor * (offer.price_usd_h or 1.0)))
        case "sale":
            standing.change_offer(replace(offer, available=not offer.available))
        case "node":
            pool = next(pool for pool in problem.pools if pool.nodes)
            if len(pool.nodes) > 1:
                standing.lose_node(pool.id, pool.nodes[number % len(pool.nodes)].id)
        case "rules" if problem.jobs:
            denied = Denial(
                action="place",
                subjects=(problem.jobs[number % len(problem.jobs)].id,),
                sites=(offer.site,),
                rules=("r1",),
            )
            standing.change_rules(problem.rules, (denied,))


def drawn_events(most):
    """Return lists of events, each a kind and a number."""
    event = st.tuples(st.sampled_from(KINDS), st.integers(0, 40))
    return st.lists(event, max_size=most, unique_by=lambda one: one)


@given(seed=st.integers(0, 60), events=drawn_events(8))
@settings(max_examples=25)
def test_after_any_events_the_plan_holds_and_the_bound_can_be_computed_again(seed, events) -> None:
    """The checker, which prices all pairs anew, finds no fault, and the same bound and cost."""
    standing = Standing(untied(crowded_problem(seed)))
    for kind, number in events:
        happen(standing, kind, number)
        problem, plan = standing.problem(), standing.plan()
        checked = check(problem, plan)

        assert checked.faults == ()
        assert checked.bound_usd == pytest.approx(standing.bound_usd, rel=1e-9, abs=1e-9)
        assert plan.objective_usd == pytest.approx(standing.cost_usd, rel=1e-9, abs=1e-9)


@given(seed=st.integers(0, 60), events=drawn_events(4))
@settings(max_examples=10)
def test_no_plan_is_below_the_bound(seed, events) -> None:
    """Exhaustive search of the problem after some events finds nothing that costs less."""
    standing = Standing(untied(crowded_problem(seed)))
    for kind, number in events:
        happen(standing, kind, number)
    best = best_plan(standing.problem())

    assert standing.bound_usd <= best.objective_usd + 1e-6
    assert standing.cost_usd >= best.objective_usd - 1e-6


@pytest.fixture(scope="module")
def estate():
    """A crowded estate of 80 jobs."""
    return static_problem(80, 2)


def test_a_round_of_events_on_an_estate_holds(estate) -> None:
    """Jobs come and go, offers sell out, a node is lost: no fault, and the gap is small."""
    standing = Standing(estate)
    for event in range(3):
        standing.change(come=[replace(new_jobs(estate, 1, event)[0], id=f"new{event}")])
    standing.change(come=new_jobs(estate, 5, 4), gone=[job.id for job in estate.jobs[:5]])
    busiest = standing.plan().placements[0].offer
    standing.change_offer(replace(standing.problem().offer[busiest], available=False))
    used = next(one for one in standing.plan().placements if one.shares)
    pool = standing.problem().offer[used.offer].pool
    last = standing.lose_node(pool, used.shares[0].node)
    checked = check(standing.problem(), standing.plan())

    assert checked.faults == ()
    assert used.job in last.jobs
    assert checked.bound_usd == pytest.approx(last.bound_usd, rel=1e-9)
    assert last.gap < 0.1


def test_the_bound_is_that_of_the_full_solve(estate) -> None:
    """Knapsacks are held: what was proven at the start is proven still, and more than by prices."""
    standing, solved = Standing(estate), solve_jointly(estate)

    assert standing.bound_usd == pytest.approx(solved.bound_usd, rel=1e-9)
    assert standing.plan().certificate.knapsacks != ()


def test_what_waits_proves_no_less_than_is_said(estate) -> None:
    """After an offer is sold out, others wait to be compiled: the bound holds, the plan has all."""
    standing = Standing(estate)
    on = Counter(one.offer for one in standing.plan().placements)
    for name, _ in on.most_common(4):
        offer = standing.problem().offer[name]
        said = standing.change_offer(replace(offer, available=False))
        assert name not in {one.offer for one in map(standing.placement, said.jobs) if one}
    plan = standing.plan()
    checked = check(standing.problem(), plan)

    assert checked.faults == ()
    assert said.bound_usd <= checked.bound_usd + 1e-6
    assert standing.bound_usd == pytest.approx(checked.bound_usd, rel=1e-9)


def test_offers_that_are_sold_out_for_a_while_prove_no_less_afterwards(estate) -> None:
    """Jobs that are compiled again, many at once, keep their prices: the bound nearly stays."""
    standing = Standing(estate)
    before_usd, on = standing.bound_usd, Counter(one.offer for one in standing.plan().placements)
    for name, _ in on.most_common(6):
        offer = standing.problem().offer[name]
        standing.change_offer(replace(offer, available=False))
        standing.change_offer(offer)

    assert standing.problem() == estate
    assert standing.bound_usd > 0.998 * before_usd


def test_who_moved_is_told(estate) -> None:
    """All jobs that a round has placed otherwise are among those that it tells."""
    standing = Standing(estate)
    before = {one.job: one for one in standing.plan().placements}
    repair = standing.change(
        come=new_jobs(estate, 6, 9), gone=[job.id for job in estate.jobs[::12]]
    )
    after = {one.job: one for one in standing.plan().placements}
    others = {job for job in after if before.get(job) != after[job]}

    assert others <= set(repair.moved)
    assert {job: standing.placement(job) for job in after} == after


def test_who_comes_and_leaves_changes_nothing(estate) -> None:
    """A job that comes and is withdrawn at once: the bound is as before, the cost no higher."""
    standing = Standing(estate)
    before = standing.bound_usd, standing.cost_usd
    job = new_jobs(estate, 1, 5)[0]
    came = standing.change(come=[job])
    standing.change(gone=[job.id])

    assert came.bound_usd > before[0]
    assert standing.bound_usd == pytest.approx(before[0], rel=1e-12)
    assert standing.problem() == estate


def test_the_same_events_give_the_same_bytes(estate) -> None:
    """Twice the same plan and events, twice the same plan afterwards."""
    plans = []
    for _ in range(2):
        standing = Standing(estate)
        standing.change(come=new_jobs(estate, 4, 6), gone=[estate.jobs[3].id])
        plans.append(canonical_json(standing.plan()))

    assert plans[0] == plans[1]


def test_a_gap_that_drifts_is_told(estate) -> None:
    """Held to no growth of the gap, many more jobs drift; solved again, they do not."""
    standing = Standing(estate, drift=0.0)
    repair = standing.change(come=new_jobs(estate, 40, 7))
    again = Standing(standing.problem())

    assert repair.drifted
    assert again.gap < repair.gap


def test_what_cannot_be_held_is_told(estate) -> None:
    """Data, jobs that are not there, another machine: to be solved in full."""
    standing = Standing(estate)
    job, offer = new_jobs(estate, 1, 8)[0], estate.offers[0]

    with pytest.raises(NotStandingError, match="depends on"):
        standing.change(come=[replace(job, same_site_as=(estate.jobs[0].id,))])
    with pytest.raises(NotStandingError, match="no job"):
        standing.change(gone=["nobody"])
    with pytest.raises(NotStandingError, match="no tenant"):
        standing.change(come=[replace(job, tenant="nobody")])
    with pytest.raises(NotStandingError, match="price and availability"):
        standing.change_offer(replace(offer, cpus=offer.cpus + 1))
