"""What the plan should do in situations that people know."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hybridplace.model.cost import placement_costs, plan_costs, transfers_usd
from hybridplace.model.job import Checkpoint, Dataset, Job, Preprocessing, Shape, Training
from hybridplace.model.plan import Transfer
from hybridplace.model.problem import Limit, LimitMeasure, Problem
from hybridplace.model.site import Lease, LeaseState, Link, Market, Offer, Site
from hybridplace.model.verify import verify
from hybridplace.solver import Stop, solve
from tests.problems import BOUGHT, NODES, ONE_GPU, OWNED, PLAIN, SPOT, TRAIN

DOLLARS_GIB = 0.02
"""Between two regions of one provider, as AWS lists it in the United States."""


def _region(name: str) -> Site:
    return Site(id=name, provider="aws", region=name, country="US", pue=1.1, carbon_g_kwh=300.0)


def _machine(site: str, kind: str, price_usd_h: float) -> Offer:
    return Offer(
        id=f"{site}/{kind}/on_demand",
        site=site,
        instance_type=kind,
        market=Market.ON_DEMAND,
        price_usd_h=price_usd_h,
        cpus=16.0,
        memory_gib=64.0,
    )


def chain() -> Problem:
    """Five terabytes in Ohio, read by two stages; Oregon's machines are a little cheaper."""
    shape = Shape(cpus=8, memory_gib=32, units_h=450.0)
    big = Dataset(id="raw", tenant="t", size_gib=5120.0, homes=("ohio",))
    clean = Dataset(id="clean", tenant="t", size_gib=5120.0)
    work = Preprocessing(data_gib=5120.0)
    filter_ = Job(
        id="filter", tenant="t", work=work, shapes=(shape,), inputs=("raw",), outputs=("clean",)
    )
    count = Job(id="count", tenant="t", work=work, shapes=(shape,), inputs=("clean",))
    ends = ("ohio", "oregon")
    links = [Link(source=a, target=b, usd_gib=DOLLARS_GIB, gbps=25.0) for a in ends for b in ends]
    return Problem(
        now=PLAIN.now,
        horizon_h=72.0,
        jobs=(filter_, count),
        datasets=(big, clean),
        tenants=PLAIN.tenants,
        sites=tuple(_region(name) for name in ends),
        offers=(_machine("ohio", "m5", 0.768), _machine("oregon", "m5", 0.666)),
        links=tuple(link for link in links if link.source != link.target),
    )


def test_data_has_weight_between_regions_of_one_provider():
    """Moving five terabytes to save two dollars of compute is not done.

    A planner that prices transfers within a provider at zero would move: it saves 2.32 USD on
    machines and pays 102.40 USD for the copy.
    """
    problem = chain()
    plan = solve(problem)
    sites = {placement.job: problem.offer[placement.offer].site for placement in plan.placements}
    free = replace(problem, links=tuple(replace(link, usd_gib=0.0) for link in problem.links))
    moved = solve(free)
    there = {problem.offer[placement.offer].site for placement in moved.placements}
    saved_usd = plan.costs.compute_usd - moved.costs.compute_usd
    true_usd = plan_costs(problem, moved.placements, moved.transfers, ())

    assert {"filter": "ohio", "count": "ohio"} == sites
    assert () == plan.transfers
    assert {"oregon"} == there
    assert 2.32 == pytest.approx(saved_usd, abs=0.005)
    assert 102.40 == pytest.approx(true_usd.egress_usd)
    assert true_usd.total_usd - plan.objective_usd == pytest.approx(102.40 - saved_usd)


def test_stages_split_when_it_pays():
    """The small result of a big stage goes to where the next one is much cheaper."""
    problem = chain()
    small = replace(problem.dataset["clean"], size_gib=1.0)
    dear = _machine("ohio", "m5", 40.0)
    only_ohio = replace(problem.job["filter"], apart_from=("count",))
    problem = replace(
        problem,
        datasets=(problem.dataset["raw"], small),
        jobs=(only_ohio, problem.job["count"]),
        offers=(problem.offers[0], problem.offers[1], replace(dear, id="ohio/x/on_demand")),
    )
    plan = solve(problem)

    assert (Transfer(dataset="clean", source="ohio", target="oregon"),) == plan.transfers


def test_a_copy_is_paid_once_for_all_its_readers():
    """Three jobs elsewhere read one dataset: it is moved once, at one price."""
    problem = chain()
    readers = tuple(
        replace(problem.job["count"], id=f"count{n}", inputs=("raw",)) for n in range(3)
    )
    only_oregon = tuple(offer for offer in problem.offers if offer.site == "oregon")
    problem = replace(problem, jobs=readers, datasets=(problem.dataset["raw"],), offers=only_oregon)
    plan = solve(problem)

    assert 3 == len(plan.placements)
    assert 102.40 == pytest.approx(plan.costs.egress_usd)
    assert 1 == len(plan.transfers)
    assert 102.40 == pytest.approx(transfers_usd(problem, (plan.transfers[0],))[0])


def _with(*jobs: Job, offers=(OWNED, BOUGHT, SPOT), **parts) -> Problem:
    return replace(PLAIN, jobs=jobs, offers=offers, **parts)


def test_it_waits_for_own_accelerators_while_the_deadline_allows():
    """A job waits in line for an own machine; with a deadline before its turn it is bought."""
    one = replace(NODES, nodes=NODES.nodes[1:])
    line = [replace(TRAIN, id=f"train{n}") for n in range(2)]
    patient = _with(*line, pools=(one, PLAIN.pool["near-quota"]))
    hasty = _with(
        *(replace(job, deadline_h=2.0) for job in line), pools=(one, PLAIN.pool["near-quota"])
    )

    assert [OWNED.id] * 2 == [placement.offer for placement in solve(patient).placements]
    assert {0.0, 2.0} == {placement.start_h for placement in solve(patient).placements}
    assert 1 == sum(placement.offer == OWNED.id for placement in solve(hasty).placements)


def test_own_nodes_hold_halves():
    """Six halves run at once on three accelerators; a seventh waits."""
    half = replace(ONE_GPU, accelerators=0.5, cpus=1.0)
    jobs = [replace(TRAIN, id=f"half{n}", shapes=(half,)) for n in range(7)]
    starts = [one.start_h for one in solve(_with(*jobs, offers=(OWNED,))).placements]

    assert [0.0] * 6 + [2.0] == sorted(starts)


def test_a_gang_needs_its_interconnect():
    """Two workers that need 50 Gbit/s between machines do not span machines that lack it."""
    gang = replace(TRAIN, work=Training(units=2.0, interconnect_gbps=50.0))
    gang = replace(gang, shapes=(replace(ONE_GPU, workers=2),))
    slow = _with(gang, offers=(BOUGHT,))
    fast = _with(gang, offers=(replace(BOUGHT, interconnect_gbps=100.0),))

    assert ["train"] == [one.job for one in solve(slow).unplaced]
    assert [2] == [one.machines for one in solve(fast).placements]


def test_checkpoints_make_spot_worth_it():
    """Where interruptions are frequent, spot is cheaper only for a job that can resume."""
    offers = (replace(BOUGHT, price_usd_h=1.5), replace(SPOT, interruptions_per_h=1.0))
    long = replace(TRAIN, work=Training(units=2.0))
    saved = replace(long, checkpoint=Checkpoint(interval_h=0.1))

    assert [Market.ON_DEMAND] == _markets(_with(long, offers=offers, horizon_h=24.0))
    assert [Market.SPOT] == _markets(_with(saved, offers=offers, horizon_h=24.0))


def _markets(problem: Problem) -> list[Market]:
    return [problem.offer[one.offer].market for one in solve(problem).placements]


def test_a_budget_binds_and_says_who_is_left_out():
    """With money for one of two jobs, the one that is dearer to leave out runs."""
    jobs = (replace(TRAIN, id="first", reject_usd=50.0), replace(TRAIN, id="second"))
    budget = Limit(id="budget", measure=LimitMeasure.USD, at_most=9.0, reason="all there is")
    plan = solve(_with(*jobs, offers=(BOUGHT,), limits=(budget,)))

    assert ["second"] == [one.job for one in plan.placements]
    assert ["first"] == [one.job for one in plan.unplaced]
    assert "optimal" == plan.status


def test_a_carbon_cap_moves_work_to_cleaner_energy():
    """Under a cap the cleaner site runs the job, although it costs more."""
    free = solve(_with(TRAIN))
    cap = Limit(id="cap", measure=LimitMeasure.CARBON_G, at_most=(free.carbon_g or 0) * 0.6)
    capped = solve(_with(TRAIN, limits=(cap,)))

    assert [SPOT.id] == [one.offer for one in capped.placements]
    assert capped.objective_usd > free.objective_usd
    assert cap.at_most >= (capped.carbon_g or 0)


def test_leaving_out_is_the_last_resort():
    """A job that costs more than leaving it out costs is left out, and one that fits is not."""
    cheap = replace(TRAIN, reject_usd=1.0)

    assert ["train"] == [one.job for one in solve(_with(cheap, offers=(BOUGHT,))).unplaced]
    assert () == solve(_with(TRAIN, offers=(BOUGHT,))).unplaced


def test_starts_are_as_early_as_costs_nothing():
    """Nobody waits without a reason."""
    plan = solve(_with(TRAIN, offers=(BOUGHT,)))

    assert [0.0] == [one.start_h for one in plan.placements]
    assert placement_costs(PLAIN, plan.placements[0]).total_usd == pytest.approx(plan.objective_usd)


def test_stopping_early_keeps_plan_and_bound_right():
    """Whatever the limits, the plan holds and the bound is below the true optimum."""
    from tests.solver.crowding import crowded_problem

    for seed in range(25):
        problem = crowded_problem(seed)
        best = solve(problem)
        for stop in (Stop(gap=0.5), Stop(work=1e-6), Stop(rounds=1)):
            plan = solve(problem, stop=stop)
            verify(problem, plan)
            assert plan.bound_usd <= best.objective_usd + 1e-6
            assert plan.objective_usd >= best.objective_usd - 1e-6


def test_progress_is_told():
    """Whoever watches sees bounds rise and costs fall, to the plan's own."""
    seen = []
    plan = solve(_with(TRAIN), watch=seen.append)

    assert seen
    assert seen[-1].objective_usd == pytest.approx(plan.objective_usd, abs=1e-3)
    assert all(one.bound_usd <= plan.objective_usd + 1e-6 for one in seen)


def test_costs_beyond_counting_are_refused():
    """A rejection price that integers cannot hold is an input fault that names the job."""
    from hybridplace.errors import InputError

    with pytest.raises(InputError, match="train"):
        solve(_with(replace(TRAIN, reject_usd=1e15)))


def test_a_job_may_stay_where_nobody_else_gets_in():
    """An offer that sold out keeps the job that runs on it, and takes no other."""
    gone = replace(BOUGHT, available=False)
    lease = Lease(
        id="key",
        provider="aws",
        owner="o",
        plan="p",
        job="train",
        offer=gone.id,
        machines=("i",),
        state=LeaseState.ACTIVE,
    )
    plan = solve(_with(TRAIN, replace(TRAIN, id="other"), offers=(gone,), leases=(lease,)))

    assert ["train"] == [one.job for one in plan.placements]
    assert ["other"] == [one.job for one in plan.unplaced]
