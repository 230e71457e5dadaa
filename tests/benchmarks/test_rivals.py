"""Rivals decide by their own lights, and are judged by ours."""

from __future__ import annotations

import csv
import json
from collections import Counter

import pytest

from benchmarks.solver.cases import Size
from benchmarks.solver.firstcome import decide_first_come
from benchmarks.solver.instances import independent_problem, slots_problem, static_problem
from benchmarks.solver.judge import Decision, judged
from benchmarks.solver.naive import naive
from benchmarks.solver.page import write_page
from benchmarks.solver.peers import compare
from benchmarks.solver.runs import interval, savings
from benchmarks.solver.skypilot.export import CATALOGS, write_asked, write_catalogs
from benchmarks.solver.tables import savings_table
from hybridplace.errors import PlanError
from hybridplace.model.run import run_of
from hybridplace.solver import Stop, solve


def test_naive_cp_sat_finds_what_the_exact_model_finds():
    """On a small problem both are optimal, from different models."""
    problem = static_problem(12, 3)
    ours = solve(problem, stop=Stop(work=20))
    solved = naive(problem)
    plan = judged(problem, solved.decisions, "naive")

    assert plan.objective_usd == pytest.approx(ours.objective_usd, rel=1e-4)
    assert solved.bound_usd == pytest.approx(ours.objective_usd, rel=1e-3)
    assert solved.pairs > 1000


def test_a_decision_that_breaks_a_rule_is_not_judged():
    """No rival wins by breaking what others keep."""
    problem = static_problem(30, 1)
    job, offer, shape = next(
        (job.id, offer.id, number)
        for job in problem.jobs
        for offer in problem.offers
        if offer.pool is None and problem.denied("place", job.id, offer.site)
        for number, shape in enumerate(job.shapes)
        if run_of(problem, job, offer, shape, 0.0) is not None
    )
    decisions = {job: Decision(offer=offer, shape=shape)}

    with pytest.raises(PlanError, match="denied by"):
        judged(problem, decisions, "lawless")


@pytest.mark.parametrize("slots", [1, 24])
def test_first_come_keeps_every_rule(slots):
    """Own nodes, quotas, budgets, deadlines: what it decides is a plan that holds."""
    problem = static_problem(60, 2) if slots == 1 else slots_problem(40, slots, 2)
    plan = judged(problem, decide_first_come(problem), "first-come")

    assert any(one.shares for one in plan.placements)
    assert len(plan.placements) > 0.9 * len(problem.jobs)


def test_our_plan_costs_no_more_than_first_come():
    """On the same problem, in the same row."""
    row = compare("first-come", Size(jobs=50), 1, None)

    assert row["saving"] > 0
    assert row["cost_usd"] == row["same_jobs_cost_usd"]
    assert row["rival_jobs"] == 50


def test_charging_each_reader_is_judged_at_one_copy_per_site():
    """The rival does not know that copies are shared; its plan still pays for each once."""
    row = compare("full-transfer", Size(jobs=20), 1, None)

    assert row["saving"] > -1e-6
    assert row["rival_jobs"] == 20


@pytest.fixture(scope="module")
def independent():
    """Jobs for SkyPilot."""
    return independent_problem(40, 1)


def test_skypilot_reads_each_machine_once_per_region(independent, tmp_path):
    """With both prices; machines of Google's in two rows, of which the accelerators are free."""
    write_catalogs(independent.offers, tmp_path)
    read = {
        cloud: list(
            csv.DictReader((tmp_path / CATALOGS / cloud / "vms.csv").read_text().splitlines())
        )
        for cloud in ("aws", "azure", "gcp")
    }
    machines = {(offer.site, offer.instance_type) for offer in independent.offers}
    listed = Counter(
        (f"{cloud}/{row['Region']}", row["InstanceType"])
        for cloud, rows in read.items()
        for row in rows
        if row["InstanceType"]
    )

    assert set(listed) == machines
    assert set(listed.values()) == {1}
    assert "AvailabilityZone" not in read["azure"][0]
    assert {row["Price"] for row in read["gcp"] if not row["InstanceType"]} == {"0.0"}


def test_skypilot_may_split_a_gang_in_every_way(independent, tmp_path):
    """Each layout has all accelerators; the one with the fewest nodes comes first."""
    write_asked(independent.jobs, tmp_path / "jobs.json")
    asked = json.loads((tmp_path / "jobs.json").read_text())
    for job, one in zip(independent.jobs, asked, strict=True):
        wanted = job.shapes[0].accelerators * job.shapes[0].workers
        nodes = [layout["nodes"] for layout in one["layouts"]]

        assert nodes == sorted(nodes)
        assert all(layout["nodes"] * layout["accelerators"] == wanted for layout in one["layouts"])
        assert len(one["hours"]) == len(job.shapes)


def test_independent_jobs_are_tied_by_nothing(independent):
    """No pools, limits or denials; whole accelerators."""
    assert (independent.pools, independent.limits, independent.denials) == ((), (), ())
    assert all(shape.accelerators >= 1 for job in independent.jobs for shape in job.shapes)


def test_the_interval_holds_the_mean_and_narrows_with_agreement():
    """Percentiles of resampled means; the same each time."""
    low, high = interval([0.1, 0.2, 0.3, 0.25, 0.15])

    assert low < 0.2 < high
    assert (low, high) == interval([0.1, 0.2, 0.3, 0.25, 0.15])
    assert interval([0.2]) == (0.2, 0.2)
    assert high - low > interval([0.19, 0.2, 0.21])[1] - interval([0.19, 0.2, 0.21])[0]


def saved(seed, saving):
    """Return a row of a comparison."""
    figures = {"cpu_s": 1.0, "rival_cpu_s": 5.0, "times_cpu": 5.0, "left_out": 0}
    named = {"rival": "first-come", "jobs": 100, "slots": 1, "rival_jobs": 100, "seed": seed}
    return {**named, **figures, "rival_left_out": 2, "saving": saving}


def test_every_seed_is_listed_beside_the_mean():
    """Nothing hides behind an average."""
    rows = savings([saved(1, 0.1), saved(2, 0.3)])

    assert rows[0]["each"] == {1: 0.1, 2: 0.3}
    assert rows[0]["saving"] == pytest.approx(0.2)
    assert "10.0%, 30.0%" in savings_table(rows)


def test_a_page_keeps_what_stands_around_the_figures(tmp_path):
    """Between its marks, and nowhere else; twice is the same as once."""
    page = tmp_path / "page.md"
    other = "<!-- measured -->\nkept\n<!-- end -->\n"
    page.write_text(f"before\n{other}<!-- savings -->\nold\n<!-- end -->\nafter\n")
    tables = {"savings": savings_table(savings([saved(1, 0.1)]), markdown=True)}
    write_page(page, tables, arguments=["--skypilot", "/somewhere/python"])
    once = page.read_text()
    write_page(page, tables, arguments=["--skypilot", "/somewhere/python"])

    assert once == page.read_text()
    assert once.startswith(f"before\n{other}")
    assert once.endswith("after\n")
    assert "| first-come |" in once
    assert "old" not in once
    assert "`python -m benchmarks.solver --skypilot PYTHON`" in once
