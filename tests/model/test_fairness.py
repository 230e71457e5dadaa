"""Ranges of work, moves, spreads and shares: what they mean, and what of them means nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridplace.errors import InputError
from hybridplace.model.cost import limit_use, plan_costs, unfairness_usd
from hybridplace.model.fairness import dominant_share, dues, largest_share, worst_off
from hybridplace.model.job import Inference, Tenant, Training, Tuning
from hybridplace.model.problem import Assumptions, Limit, LimitMeasure, Spread
from hybridplace.model.run import run_of, work_factor
from hybridplace.model.site import Domain, Node
from tests.brute import best_plan
from tests.problems import BOUGHT, LAB, NAMED, NODES, ONE_GPU, OWNED, PLAIN, TRAIN

# --- work as a range ----------------------------------------------------------------------------


def _hours(quantile: float, **changes: object) -> float:
    job = replace(TRAIN, **changes)  # type: ignore[arg-type]
    problem = replace(PLAIN, assumptions=Assumptions(quantile=quantile), horizon_h=99.0)
    run = run_of(problem, job, OWNED, job.shapes[0], 0.0)
    assert run is not None
    return run.end_h


@pytest.mark.parametrize(("quantile", "hours"), [(0.0, 1.0), (0.5, 2.0), (1.0, 4.0)])
def test_a_quantile_of_the_range_is_planned_with(quantile: float, hours: float) -> None:
    """Half to twice of two hours: the ends, and in the middle what is stated."""
    assert pytest.approx(hours) == _hours(quantile, work_range=(0.5, 2.0))


def test_each_run_of_a_tuning_job_takes_its_part() -> None:
    """Three runs of an hour, each half as long again; saved after every run."""
    assert pytest.approx(4.5) == _hours(1.0, work=Tuning(runs=3), work_range=(1.0, 1.5))


@given(st.floats(0.1, 5.0), st.floats(1.0, 9.0), st.floats(0.0, 1.0))
def test_the_quantile_is_that_of_a_log_uniform_factor(
    least: float, ratio: float, quantile: float
) -> None:
    """The chance to need no more, log(f / a) / log(b / a), is the quantile."""
    job = replace(TRAIN, work_range=(least, least * ratio))
    factor = work_factor(replace(PLAIN, assumptions=Assumptions(quantile=quantile)), job)

    assert pytest.approx(least * ratio**quantile) == factor
    assert least * (1 - 1e-9) <= factor <= least * ratio * (1 + 1e-9)


# --- moves --------------------------------------------------------------------------------------


def test_moves_are_those_of_running_jobs_to_another_offer() -> None:
    """Of two that run near, one is moved; a limit counts only the job that it names."""
    problem = NAMED["moving"]
    plan = best_plan(problem)
    limits = {
        scope: Limit(id="l", measure=LimitMeasure.MOVES, at_most=9.0, job=scope)
        for scope in (None, "a", "b")
    }

    assert {None: 1.0, "a": 1.0, "b": 0.0} == {
        scope: limit_use(problem, limit, plan) for scope, limit in limits.items()
    }


def test_what_is_left_out_is_not_moved() -> None:
    """A limit on moves never keeps a plan from existing: leaving all out keeps it."""
    problem = NAMED["moving"]
    nothing = replace(best_plan(problem), placements=(), transfers=())

    assert 0.0 == limit_use(problem, problem.limits[0], nothing)


# --- spread -------------------------------------------------------------------------------------


def test_a_site_is_in_one_failure_domain_of_each_sort() -> None:
    """Regions of two providers may have the same name, and are two all the same."""
    assert {
        Domain.SITE: "lab",
        Domain.REGION: "static/lab",
        Domain.PROVIDER: "static",
        Domain.COUNTRY: "DE",
    } == {domain: LAB.within(domain) for domain in Domain}


def test_jobs_that_are_gone_are_spread_no_more() -> None:
    """A problem with fewer jobs keeps its spreads, for those that are left."""
    (spread,) = NAMED["spread"].with_jobs(NAMED["spread"].job["a"]).spreads

    assert ("a",) == spread.jobs


# --- shares of the own nodes --------------------------------------------------------------------

FAIR = replace(PLAIN, assumptions=Assumptions(unfair_usd=50.0))
"""Own nodes with 3 accelerators, 24 CPUs and 96 GiB, for 4 hours."""


def test_the_dominant_share_is_that_of_the_scarcest() -> None:
    """An accelerator of three for two hours of four is a sixth; ten CPUs of 24 are more."""
    run = run_of(FAIR, TRAIN, OWNED, ONE_GPU, 0.0)
    hungry = replace(ONE_GPU, cpus=10.0)
    assert run is not None

    assert pytest.approx(1 / 3 * 2 / 4) == dominant_share(FAIR, OWNED, ONE_GPU, run)
    assert pytest.approx(10 / 24 * 2 / 4) == dominant_share(FAIR, OWNED, hungry, run)
    assert 0.0 == dominant_share(FAIR, BOUGHT, ONE_GPU, run)


def test_whole_slots_are_booked() -> None:
    """An hour and a half books two slots, and so takes as much as two hours."""
    job = replace(TRAIN, work=Training(units=1.5))

    assert pytest.approx(largest_share(FAIR, TRAIN)) == largest_share(FAIR, job)


def test_only_what_holds_a_job_counts() -> None:
    """Five workers find no room in three accelerators, nor do ten hours in four."""
    gang = replace(TRAIN, shapes=(replace(ONE_GPU, workers=5),))
    long = replace(TRAIN, work=Training(units=10.0))

    assert [0.0, 0.0] == [largest_share(FAIR, job) for job in (gang, long)]


def test_a_tenant_is_due_its_weight_but_no_more_than_it_can_use() -> None:
    """Of weights 1 and 3, t is due a quarter and asks for two sixths; u can use but a sixth."""
    jobs = [replace(TRAIN, id=name, tenant=name[0]) for name in ("t1", "t2", "u1")]
    problem = replace(FAIR, tenants=(Tenant(id="t"), Tenant(id="u", weight=3.0)), jobs=tuple(jobs))

    assert pytest.approx({"t": 1 / 4, "u": 1 / 6}) == dues(problem)


def test_who_asks_for_nothing_is_due_nothing() -> None:
    """A tenant without jobs for the own nodes neither has a share nor narrows that of others."""
    assert pytest.approx({"t": 1 / 6}) == dues(FAIR)
    dues(FAIR)["t"] = 0.0
    assert pytest.approx({"t": 1 / 6}) == dues(FAIR), "what a caller does with it stays his"
    assert {} == dues(replace(FAIR, offers=(BOUGHT,)))
    assert 0.0 == unfairness_usd(replace(FAIR, offers=(BOUGHT,)), ())


def test_unfairness_is_what_the_worst_off_lacks() -> None:
    """Nothing placed is all of the price; all placed is none of it."""
    plan = best_plan(FAIR)

    assert 50.0 == unfairness_usd(FAIR, ())
    assert 0.0 == unfairness_usd(FAIR, plan.placements) == plan.costs.unfairness_usd
    assert 50.0 == plan_costs(FAIR, (), (), ("train",)).unfairness_usd
    assert 0.0 == plan_costs(PLAIN, (), (), ("train",)).unfairness_usd


def test_fairness_gives_each_tenant_nodes() -> None:
    """Room for three of four: both get some, and of their dues the worse off has what is best."""
    problem = NAMED["fair"]
    plan = best_plan(problem)
    per_tenant = dict.fromkeys(problem.tenant_ids, 0)
    for one in plan.placements:
        per_tenant[problem.job[one.job].tenant] += 1

    assert {1, 2} == set(per_tenant.values())


@given(st.dictionaries(st.sampled_from("abc"), st.floats(0.01, 1.0)))
def test_the_worst_off_is_the_least_relative_share(due: dict[str, float]) -> None:
    """Half of each due is half; more than is due counts as all of it."""
    assert (0.5 if due else 1.0) == pytest.approx(
        worst_off({k: v / 2 for k, v in due.items()}, due)
    )
    assert 1.0 == worst_off({k: v * 3 for k, v in due.items()}, due)


# --- what means nothing -------------------------------------------------------------------------

MOVES = Limit(id="l", measure=LimitMeasure.MOVES, at_most=1.0)
SERVES = Inference(load_rps=(1.0,), hours=1.0)
SPREAD = Spread(id="s", jobs=("train",), domain=Domain.SITE, at_most=1)
FAULTS = {
    "range upside down": {"jobs": (replace(TRAIN, work_range=(2.0, 1.0)),)},
    "range from nothing": {"jobs": (replace(TRAIN, work_range=(0.0, 1.0)),)},
    "endless range": {"jobs": (replace(TRAIN, work_range=(1.0, float("inf"))),)},
    "range of three": {"jobs": (replace(TRAIN, work_range=(1.0, 2.0, 3.0)),)},  # type: ignore[arg-type]
    "range of serving": {"jobs": (replace(TRAIN, work=SERVES, work_range=(1.0, 2.0)),)},
    "quantile above one": {"assumptions": Assumptions(quantile=1.1)},
    "unfairness below nothing": {"assumptions": Assumptions(unfair_usd=-1.0)},
    "moves at a site": {"limits": (replace(MOVES, site="lab"),)},
    "spread of nobody": {"spreads": (replace(SPREAD, jobs=("x",)),)},
    "spread of one twice": {"spreads": (replace(SPREAD, jobs=("train", "train")),)},
    "spread nowhere": {"spreads": (replace(SPREAD, at_most=0),)},
    "spread twice": {"spreads": (SPREAD, SPREAD)},
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_means_nothing_is_refused(name: str) -> None:
    """One fault each."""
    with pytest.raises(InputError) as raised:
        replace(PLAIN, **FAULTS[name])  # type: ignore[arg-type]

    assert 1 == len(raised.value.faults)


def test_nodes_of_all_pools_are_what_is_shared() -> None:
    """Two pools count together, also nodes that no offer has."""
    more = replace(NODES, id="more", nodes=(Node(id="c", cpus=6.0, memory_gib=4.0),))
    problem = replace(PLAIN, pools=(*PLAIN.pools, more))

    assert (3.0, 30.0, 100.0) == problem.own_totals
