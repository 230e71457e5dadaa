"""The harness: JSON for programs, a table for people, and an alarm that goes off."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.solver.baseline import FIGURES, record, regressions
from benchmarks.solver.cases import CASES, Size
from benchmarks.solver.measure import ProofError, proof_off, reference_s
from benchmarks.solver.runs import MEDIANS, fresh, medians
from benchmarks.solver.tables import kept, table
from hybridplace.solver import solve

ROOT = Path(__file__).resolve().parents[2]
NAMED = "case jobs offers slots seed cpu_s wall_s gap cost_usd bound_usd rss_mb"


def row(**changed):
    """Return a row as measured."""
    figures = dict.fromkeys(MEDIANS, 1.0) | {
        "gap": 0.001,
        "cpu_s": 0.1,
        "reference_s": 0.1,
        "proof_off": 1e-16,
    }
    named = {"case": "static", "jobs": 100, "offers": 4087, "slots": 1, "seed": 1}
    return named | figures | changed


def test_it_prints_one_json_object_per_line_with_what_is_promised():
    """And nothing else on standard output; what goes on is told on standard error."""
    arguments = ["--json", "--case=static", "--jobs=6", "--slots=1", "--seed=2"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.solver", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]

    assert [(one["jobs"], one["seed"]) for one in rows] == [(6, 2)]
    assert all(set(NAMED.split()) <= set(one) for one in rows)
    assert all(one["bound_usd"] <= one["cost_usd"] + 1e-4 for one in rows)
    assert "static: 6 jobs" in done.stderr


def test_medians_are_over_seeds_of_the_same_size():
    """Three seeds make one row; another size is another row."""
    rows = [row(seed=n, cpu_s=cpu_s) for n, cpu_s in enumerate((0.1, 0.9, 0.2))]
    found = medians([*rows, row(jobs=1000)])

    assert [(one["jobs"], one["seeds"], one["cpu_s"]) for one in found] == [
        (100, 3, 0.2),
        (1000, 1, 0.1),
    ]
    assert found[0]["cpu_ratio"] == pytest.approx(2.0)


def test_a_proof_that_does_not_hold_is_no_figure():
    """The checker computes the bound again; who says more than it finds is not measured at all."""
    problem = CASES["static"].make(Size(jobs=50), 1)
    plan = solve(problem)

    assert proof_off(problem, plan) < 1e-9
    with pytest.raises(ProofError, match="above what is proven"):
        proof_off(problem, replace(plan, bound_usd=plan.bound_usd * 1.001))


@pytest.mark.parametrize(("figure", "times"), [("cpu_s", 1.6), ("gap", 2.0), ("rss_mb", 1.3)])
def test_what_got_worse_is_told(tmp_path, figure, times):
    """Each figure by itself, and only beyond its ratio."""
    path = tmp_path / "baseline.json"
    record(medians([row()]), path)
    worse = row(**{figure: row()[figure] * times})

    assert not list(regressions(medians([row()]), path))
    assert len(list(regressions(medians([worse]), path))) == 1


def test_a_slow_machine_is_no_regression(tmp_path):
    """Ten times the seconds of everything, the reference computation included."""
    path = tmp_path / "baseline.json"
    record(medians([row()]), path)

    assert not list(regressions(medians([row(cpu_s=1.0, reference_s=1.0)]), path))


def test_what_was_not_recorded_is_told(tmp_path):
    """Else a new case would be held to nothing."""
    path = tmp_path / "baseline.json"
    record(medians([row()]), path)

    assert "record it" in next(regressions(medians([row(case="slots")]), path))


def test_a_recorded_figure_is_what_is_compared(tmp_path):
    """The file holds the ratios, not seconds."""
    path = tmp_path / "baseline.json"
    record(medians([row()]), path)
    found = json.loads(path.read_text())

    assert set(FIGURES) <= set(found[0])
    assert "cpu_s" not in found[0]


def test_the_table_says_what_is_promised_and_whether_it_is_kept():
    """A median beyond the promise is marked."""
    good, bad = row(), row(gap=0.5)

    assert kept(medians([good])[0])
    assert not kept(medians([bad])[0])
    assert "0.100% (0.200%)" in table(medians([good]))
    assert "NO" in table(medians([bad]), markdown=True)


def test_a_failed_run_is_an_error_with_what_it_said():
    """Not an empty result."""
    with pytest.raises(RuntimeError, match="nonsense"):
        list(fresh("benchmarks.solver.measure", "nonsense", "1", "1", "1"))


def test_the_reference_takes_time():
    """Ratios to nothing would be noise."""
    assert reference_s() > 0.02


def test_recording_one_case_keeps_the_others(tmp_path):
    """A part can be measured anew by itself."""
    path = tmp_path / "baseline.json"
    record(medians([row(), row(case="slots")]), path)
    record(medians([row(case="slots", gap=0.5)]), path)

    assert not list(regressions(medians([row(), row(case="slots", gap=0.5)]), path))
