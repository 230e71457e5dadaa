"""Runs SkyPilot's optimizer in its own Python on jobs of ours, and reads what it chose."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.solver.judge import Decision
from benchmarks.solver.skypilot.export import write_asked, write_catalogs
from hybridplace.model.job import Job
from hybridplace.model.problem import Problem

CHOOSE = Path(__file__).with_name("choose.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What SkyPilot chose for the jobs it was asked about, and the CPU seconds that it took."""

    version: str
    jobs: int
    cpu_s: float
    decisions: dict[str, Decision]


def ask_skypilot(problem: Problem, jobs: tuple[Job, ...], python: Path) -> Asked:
    """Return SkyPilot's choices, each as if the job were alone.

    Parameters
    ----------
    python : Path
        Of an environment that has SkyPilot.

    Raises
    ------
    RuntimeError
        When it fails; what it wrote to standard error comes along.
    """
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        write_catalogs(problem.offers, home)
        write_asked(jobs, home / "jobs.json")
        done = subprocess.run(
            [str(python), str(CHOOSE), str(home / "jobs.json")],
            env={**os.environ, "HOME": folder, "SKYPILOT_DISABLE_USAGE_COLLECTION": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"SkyPilot failed:\n{done.stderr[-2000:]}")
    told = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    chosen = zip(jobs, told["chosen"], strict=True)
    return Asked(
        version=told["version"],
        jobs=len(jobs),
        cpu_s=told["cpu_s"],
        decisions={job.id: _decision(problem, job, one) for job, one in chosen if one},
    )


def _decision(problem: Problem, job: Job, chosen: dict[str, Any]) -> Decision:
    market = "spot" if chosen["spot"] else "on_demand"
    name = f"{chosen['cloud']}/{chosen['region']}/{chosen['instance_type']}/{market}"
    accelerator = problem.offer[name].accelerator
    shapes = [one.accelerator for one in job.shapes]
    return Decision(offer=name, shape=shapes.index(accelerator))
