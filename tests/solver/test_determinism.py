"""The same input gives the same bytes, whatever the order, the process and the hash seed."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import hybridplace as hp
from hybridplace.io import dumps_plan
from hybridplace.model.problem import Problem
from hybridplace.solver import solve
from tests.problems import NAMED
from tests.solver.crowding import crowded_problem

ROOT = Path(__file__).resolve().parents[2]
HOSPITAL = ROOT / "examples" / "hospital"
SHUFFLED = ("jobs", "datasets", "tenants", "sites", "pools", "offers", "links", "limits", "denials")

SCRIPT = """
import sys
from tests.solver.test_determinism import hospital
from hybridplace.io import dumps_plan
from hybridplace.solver import solve
problem = hospital()
sys.stdout.write(dumps_plan(solve(problem), problem))
"""


def hospital() -> Problem:
    """Return the problem of the hospital example."""
    estate, jobs = hp.load(HOSPITAL / "estate.yaml", HOSPITAL / "jobs.yaml")
    with hp.Engine(estate, folder=HOSPITAL) as engine:
        return engine.problem(jobs, now=datetime(2026, 11, 24, tzinfo=UTC))


def _shuffled(problem: Problem, seed: int) -> Problem:
    draw = random.Random(seed)
    parts = {name: list(getattr(problem, name)) for name in SHUFFLED}
    for part in parts.values():
        draw.shuffle(part)
    return replace(problem, **{name: tuple(part) for name, part in parts.items()})


@pytest.mark.parametrize("name", NAMED)
def test_twenty_runs_under_shuffled_input_are_equal(name):
    """Twenty solves, each of the input in another order, write the same bytes."""
    problem = NAMED[name]
    written = {
        dumps_plan(solve(shuffled), shuffled)
        for shuffled in (_shuffled(problem, seed) for seed in range(20))
    }

    assert 1 == len(written)


def test_crowded_problems_give_the_same_bytes():
    """Also where ties and full nodes leave a choice."""
    for seed in range(40):
        problem = crowded_problem(seed)
        again = _shuffled(crowded_problem(seed), seed)
        assert dumps_plan(solve(problem), problem) == dumps_plan(solve(again), again)


def test_other_processes_write_the_same_bytes():
    """Fresh interpreters with other hash seeds plan the hospital to the same file."""
    written = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4711")
    }

    assert 1 == len(written)
    assert b'"status": "optimal"' in written.pop()


def test_another_seed_costs_the_same():
    """A seed may choose another of the cheapest plans, and no dearer one."""
    problem = crowded_problem(3)

    assert solve(problem).objective_usd == pytest.approx(solve(problem, seed=99).objective_usd)
