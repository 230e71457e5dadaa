"""What plans cost: each line by hand, and no figure that is not known becomes zero."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given

from hybridplace.model.cost import (
    UnknownFigureError,
    disruption_usd,
    latency_usd,
    lateness_usd,
    placement_costs,
    placement_run,
    plan_carbon_g,
    plan_costs,
    rejection_costs,
    run_carbon_g,
    run_costs,
    run_energy_kwh,
    transfers_usd,
    user_latency_ms,
)
from hybridplace.model.job import Dataset, Inference, Job, Training, Users
from hybridplace.model.plan import Costs, Placement, Plan, Status, Transfer
from hybridplace.model.problem import Assumptions, Problem
from hybridplace.model.run import Run, run_of
from hybridplace.model.site import Offer
from hybridplace.units import energy_kwh, transfer_h
from tests.brute import best_plan
from tests.problems import (
    BOUGHT,
    LAB,
    NAMED,
    NEAR,
    ONE_GPU,
    OWNED,
    PLAIN,
    SPOT,
    TRAIN,
    small_problems,
)

SHAPE = replace(ONE_GPU, accelerators=0.5, disk_gib=100.0, workers=2)
JOB = replace(TRAIN, work=Training(units=4.0), shapes=(SHAPE,), public=True)
"""Two hours of two workers that share one accelerator."""
PRICED = replace(PLAIN, assumptions=Assumptions(carbon_usd_t=100.0))


def _run(offer: Offer, job: Job = JOB, problem: Problem = PLAIN) -> Run:
    run = run_of(problem, job, offer, job.shapes[0], 0.0)
    assert run is not None
    return run


def _costs(offer: Offer, job: Job = JOB, problem: Problem = PRICED) -> Costs:
    run = _run(offer, job, problem)
    return run_costs(problem, job, offer, job.shapes[0], run)


def _with_site(problem: Problem, **changes: object) -> Problem:
    sites = tuple(replace(site, **changes) for site in problem.sites)  # type: ignore[arg-type]
    return replace(problem, sites=sites)


# --- units --------------------------------------------------------------------------------------


def test_transfer_h() -> None:
    """A GiB is 2^30 bytes of 8 bits: 1000 GiB at 10 Gbit/s take 859 s."""
    assert pytest.approx(1000 * 8 * 1.073741824 / 10 / 3600) == transfer_h(1000.0, 10.0)


def test_energy_kwh() -> None:
    """500 W over 3 h are 1.5 kWh."""
    assert pytest.approx(1.5) == energy_kwh(500.0, 3.0)


# --- lines of a placement -----------------------------------------------------------------------


def test_a_bought_run_by_hand() -> None:
    """One machine for 2 h: 4 USD/h, 2 x 100 GiB of disk, an address, and its carbon."""
    power_w = 400 * 0.8 + 16 * 3.5 + 64 * 0.392
    carbon_g = power_w * 2 / 1000 * 1.2 * 300

    assert Costs(
        compute_usd=8.0,
        disk_usd=pytest.approx(0.0001 * 100 * 2 * 2),
        address_usd=pytest.approx(0.005 * 2),
        carbon_usd=pytest.approx(carbon_g / 1e6 * 100),
    ) == _costs(BOUGHT)


def test_a_spot_run_pays_lost_work_apart() -> None:
    """What interruptions add is priced, addressed and warm, but not planned compute."""
    run = _run(SPOT)
    costs = _costs(SPOT)
    hours = run.planned_machine_h + run.lost_machine_h

    assert 2.0 == costs.compute_usd
    assert pytest.approx(1.0 * (run.end_h - 2.0)) == costs.lost_spot_work_usd
    assert pytest.approx(0.005 * hours) == costs.address_usd
    assert pytest.approx(0.0001 * 100 * 2 * run.end_h) == costs.disk_usd


def test_an_own_run_pays_the_energy_of_its_workers() -> None:
    """Two halves of an accelerator, 2 x 4 CPUs and 2 x 16 GiB for 2 h at 0.2 USD/kWh."""
    power_w = 0.5 * 400 * 0.8 + 4 * 3.5 + 16 * 0.392
    kwh = power_w * 4 / 1000 * 1.5

    costs = _costs(OWNED)

    assert pytest.approx(kwh) == run_energy_kwh(PLAIN, OWNED, SHAPE, _run(OWNED))
    assert pytest.approx(kwh * 0.2) == costs.energy_usd
    assert pytest.approx(kwh * 400 / 1e6 * 100) == costs.carbon_usd
    assert 0.0 == costs.compute_usd


def test_an_own_run_may_have_an_internal_price() -> None:
    """2 workers take half of the largest node: 0.5 x 2 h x 3 USD/h."""
    assert pytest.approx(3.0) == _costs(replace(OWNED, price_usd_h=3.0)).compute_usd


def test_cpus_need_no_accelerator_power() -> None:
    """What draws no accelerator does not ask for its power."""
    shape = replace(SHAPE, accelerator=None, accelerators=0.0)
    offer = replace(OWNED, accelerator_power_w=None)
    kwh = (4 * 3.5 + 16 * 0.392) * 4 / 1000 * 1.5

    job = replace(JOB, shapes=(shape,))

    assert pytest.approx(kwh * 0.2) == _costs(offer, job).energy_usd


def test_private_machines_have_no_address() -> None:
    """Only public jobs pay for addresses."""
    assert 0.0 == _costs(BOUGHT, replace(JOB, public=False)).address_usd


def test_carbon_has_no_price_unless_set() -> None:
    """Without a price of carbon its figures may be missing."""
    dark = _with_site(PLAIN, carbon_g_kwh=None)

    assert 0.0 == _costs(BOUGHT, problem=dark).carbon_usd
    assert run_carbon_g(dark, BOUGHT, SHAPE, _run(BOUGHT)) is None


@pytest.mark.parametrize(
    ("offer", "site", "told"),
    [
        (replace(BOUGHT, price_usd_h=None), {}, "price of near/g4/on_demand"),
        (OWNED, {"energy_usd_kwh": None}, "energy price of lab"),
        (OWNED, {"pue": None}, "PUE of lab"),
        (replace(OWNED, accelerator_power_w=None), {}, "power of A100"),
        (BOUGHT, {"carbon_g_kwh": None}, "carbon of near/g4/on_demand"),
        (BOUGHT, {"pue": None}, "carbon of near/g4/on_demand"),
        (replace(BOUGHT, accelerator_power_w=None), {}, "carbon of near/g4/on_demand"),
    ],
)
def test_a_missing_figure_is_not_zero(offer: Offer, site: dict[str, object], told: str) -> None:
    """A price or power that is needed and not known is named."""
    problem = _with_site(PRICED, **site)

    with pytest.raises(UnknownFigureError, match=told):
        _costs(offer, problem=problem)


@pytest.mark.parametrize(("end_h", "expected"), [(2.0, 0.0), (3.0, 0.0), (4.5, 15.0)])
def test_lateness(end_h: float, expected: float) -> None:
    """10 USD for each hour past 3 h."""
    assert expected == lateness_usd(replace(JOB, due_h=3.0, late_usd_h=10.0), end_h)


def test_nothing_is_late_without_a_due_date() -> None:
    """A rate without a date costs nothing."""
    assert 0.0 == lateness_usd(replace(JOB, late_usd_h=10.0), 99.0)


# --- latency ------------------------------------------------------------------------------------

SERVING = Inference(
    load_rps=(0.0001,),
    hours=2.0,
    users=(Users(site="lab", share=0.75), Users(site="far", share=0.25)),
    service_ms=20.0,
    latency_target_ms=50.0,
    latency_usd_ms_h=0.1,
)


def test_users_see_round_trip_and_service() -> None:
    """10 ms from the lab, 80 ms from far, each with 20 ms of service; nothing at the same site."""
    assert (30.0, 100.0) == user_latency_ms(PLAIN, SERVING, NEAR)
    assert (20.0, 110.0) == user_latency_ms(PLAIN, SERVING, LAB)
    assert (None, None) == user_latency_ms(replace(PLAIN, links=()), SERVING, NEAR)


def test_latency_beyond_the_target_costs_by_share() -> None:
    """At `near` a quarter of the users sees 50 ms too much: 0.1 x 2 h x 0.25 x 50."""
    assert pytest.approx(2.5) == latency_usd(PLAIN, replace(JOB, work=SERVING), NEAR)


@pytest.mark.parametrize(
    "work",
    [
        replace(SERVING, latency_target_ms=None),
        replace(SERVING, latency_usd_ms_h=0.0),
        replace(SERVING, users=()),
        Training(units=1.0),
    ],
)
def test_latency_without_a_price_needs_no_figure(work: Inference | Training) -> None:
    """Unknown latencies are no matter where nothing depends on them."""
    dark = replace(PLAIN, links=())

    assert 0.0 == latency_usd(dark, replace(JOB, work=work), NEAR)


def test_unknown_latency_with_a_price_is_told() -> None:
    """A latency that is not known is not free."""
    with pytest.raises(UnknownFigureError, match="latency from lab to near"):
        latency_usd(replace(PLAIN, links=()), replace(JOB, work=SERVING), NEAR)


# --- disruption, rejection, transfers -----------------------------------------------------------


def test_moving_what_runs_costs() -> None:
    """Staying is free; another offer, or none, costs `move_usd`; so does nothing that is new."""
    problem, job = NAMED["running"], NAMED["running"].job["train"]

    assert 0.0 == disruption_usd(problem, job, BOUGHT)
    assert 20.0 == disruption_usd(problem, job, SPOT)
    assert 20.0 == disruption_usd(problem, job, None)
    assert 0.0 == disruption_usd(PLAIN, replace(job, move_usd=20.0), SPOT)


def test_rejection() -> None:
    """Leaving a running job out costs its rejection and its disruption."""
    problem = NAMED["running"]

    assert Costs(rejection_usd=100.0, disruption_usd=20.0) == rejection_costs(
        problem, problem.job["train"]
    )


DATA = replace(PLAIN, datasets=(Dataset(id="d", tenant="u", size_gib=200.0, homes=("lab",)),))


def test_a_transfer_costs_by_size() -> None:
    """200 GiB at 0.02 USD."""
    assert pytest.approx(4.0) == transfers_usd(DATA, (_moved("far"),))[0]


def test_a_link_without_a_tariff_is_told() -> None:
    """Moving data over it is not free."""
    with pytest.raises(UnknownFigureError, match="price of moving data from lab to near"):
        transfers_usd(replace(DATA, links=()), (_moved("near"),))[0]


def _moved(target: str) -> Transfer:
    return Transfer(dataset="d", source="lab", target=target)


# --- whole plans --------------------------------------------------------------------------------


def _placed(job: str, offer: Offer, start_h: float = 0.0) -> Placement:
    return Placement(job=job, offer=offer.id, shape=0, start_h=start_h, end_h=0.0, machines=1)


def test_money_is_what_is_billed() -> None:
    """The first six lines are money; the total has all."""
    costs = Costs(**{field.name: 2.0**power for power, field in enumerate(fields(Costs))})

    assert 2.0**6 - 1 == costs.money_usd
    assert 2.0 ** len(fields(Costs)) - 1 == costs.total_usd


def test_plan_costs_are_the_sum_of_their_parts() -> None:
    """Placements, transfers and rejections are added line by line."""
    problem = replace(DATA, jobs=(JOB, replace(JOB, id="other")))
    placement = _placed("train", BOUGHT)

    costs = plan_costs(problem, (placement,), (_moved("far"),), ("other",))

    rest = Costs(egress_usd=4.0, rejection_usd=100.0)
    expected = Costs.added_up((placement_costs(problem, placement), rest))
    assert expected == costs


def test_carbon_of_a_plan_is_known_or_not() -> None:
    """Emissions are added up; one that is not known makes the sum unknown; none are 0."""
    problem = PLAIN.with_jobs(JOB)
    one, two = _placed("train", BOUGHT), _placed("train", SPOT)
    dark = _with_site(problem, carbon_g_kwh=None)

    each = [run_carbon_g(problem, offer, SHAPE, _run(offer)) or 0.0 for offer in (BOUGHT, SPOT)]

    assert pytest.approx(sum(each)) == plan_carbon_g(problem, (one, two))
    assert plan_carbon_g(dark, (one,)) is None
    assert 0.0 == plan_carbon_g(dark, ())


def test_a_placement_that_cannot_be_has_no_cost() -> None:
    """The run is computed afresh, and told where there is none."""
    big = replace(JOB, shapes=(replace(SHAPE, cpus=100.0),))

    with pytest.raises(UnknownFigureError, match="how job train would run on near"):
        placement_run(PLAIN.with_jobs(big), _placed("train", BOUGHT))


@given(small_problems())
def test_no_cost_line_is_negative(problem: Problem) -> None:
    """Exhaustive search prunes by this: no decision ever earns money."""
    costs = best_plan(problem).costs

    assert all(getattr(costs, field.name) >= 0.0 for field in fields(Costs))
    assert pytest.approx(costs.total_usd) == sum(getattr(costs, f.name) for f in fields(Costs))


@pytest.mark.parametrize(
    ("objective_usd", "bound_usd", "expected"),
    [(10.0, 10.0, 0.0), (11.0, 10.0, 0.1), (0.0, 0.0, 0.0), (9.0, 10.0, 0.0)],
)
def test_gap(objective_usd: float, bound_usd: float, expected: float) -> None:
    """(cost - bound) / bound, 0 where both are 0."""
    plan = Plan(
        placements=(),
        transfers=(),
        unplaced=(),
        status=Status.FEASIBLE,
        costs=Costs(),
        objective_usd=objective_usd,
        bound_usd=bound_usd,
        carbon_g=None,
        solver="brute",
        seed=0,
        problem_digest="",
    )

    assert pytest.approx(expected) == plan.gap
