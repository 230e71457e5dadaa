"""Measures a rival beside our solver, on the same problem, in this process.

``python -m benchmarks.solver.peers RIVAL JOBS SLOTS SEED [PYTHON]`` prints one JSON object. PYTHON
is that of an environment with SkyPilot. Both plans are held to the same rules and judged by the
same formulas.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.solver.cases import Size
from benchmarks.solver.firstcome import decide_first_come
from benchmarks.solver.instances import (
    data_problem,
    independent_problem,
    slots_problem,
    static_problem,
)
from benchmarks.solver.judge import decisions_of, judged
from benchmarks.solver.measure import WARM, Row, figures, reference_s, spending
from benchmarks.solver.naive import naive
from benchmarks.solver.skypilot.run import ask_skypilot
from hybridplace.model.cost import placement_costs
from hybridplace.model.plan import Plan
from hybridplace.model.problem import Problem
from hybridplace.solver import solve
from hybridplace.solver.compile import compile_instance
from hybridplace.solver.seating import seated
from hybridplace.solver.shared import solve_shared, without_sharing

DATA_GAP = 0.01
"""At which the search of the rival that pays for each copy ends, as ours does."""

SAMPLE = 50
"""Jobs that SkyPilot is asked about: it takes each by itself, so that more say nothing new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A rival's plan for jobs that it was asked about, how many, and the CPU seconds it took."""

    jobs: int
    cpu_s: float
    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """Somebody else's way to place jobs.

    Parameters
    ----------
    answer : callable
        Of the problem, and the Python that has SkyPilot, if any; None where it finds nothing.
    needs_skypilot : bool
        Whether it cannot do without that.
    """

    told: str
    make: Callable[[Size, int], Problem]
    answer: Callable[[Problem, Path | None], Answer | None]
    sizes: tuple[Size, ...]
    needs_skypilot: bool = False


def compare(name: str, size: Size, seed: int, python: Path | None) -> Row | None:
    """Return our figures and the rival's; None if the rival finds no plan at all.

    `saving` is what our plan saves of the jobs in the rival's plan, as a share of theirs.
    """
    rival = RIVALS[name]
    solve(rival.make(replace(size, jobs=min(size.jobs, WARM)), 0))
    problem = rival.make(size, seed)
    reference = reference_s()
    with spending() as spent:
        plan = solve(problem, seed=seed)
    answer = rival.answer(problem, python)
    if answer is None:
        return None
    ours = _usd(problem, plan, answer.plan)
    theirs = answer.plan.objective_usd
    return {
        "case": "peers",
        "rival": name,
        **figures(problem, plan, spent, seed),
        "reference_s": round(reference, 4),
        "rival_jobs": answer.jobs,
        "rival_cpu_s": round(answer.cpu_s, 4),
        "rival_cost_usd": round(theirs, 4),
        "rival_left_out": answer.jobs - len(answer.plan.placements),
        "rival_rejection_usd": round(answer.plan.costs.rejection_usd, 2),
        "same_jobs_cost_usd": round(ours, 4),
        "saving": (theirs - ours) / theirs,
        "times_cpu": (answer.cpu_s / answer.jobs) / (spent.cpu_s / size.jobs),
    }


def _usd(problem: Problem, plan: Plan, other: Plan) -> float:
    """Return what a plan costs of the jobs in another, or of all, data included."""
    asked = {one.job for one in other.placements} | {one.job for one in other.unplaced}
    if len(asked) == len(problem.jobs):
        return plan.objective_usd
    placed = [one for one in plan.placements if one.job in asked]
    left_out = asked - {one.job for one in placed}
    return sum(placement_costs(problem, one).total_usd for one in placed) + sum(
        problem.job[name].reject_usd for name in left_out
    )


def _first_come(problem: Problem, _: Path | None) -> Answer:
    with spending() as spent:
        decisions = decide_first_come(problem)
    plan = judged(problem, decisions, "first-come")
    return Answer(jobs=len(problem.jobs), cpu_s=spent.cpu_s, plan=plan)


def _naive(problem: Problem, _: Path | None) -> Answer | None:
    with spending() as spent:
        solved = naive(problem)
    if solved is None:
        return None
    plan = judged(problem, solved.decisions, "naive-cp-sat")
    return Answer(jobs=len(problem.jobs), cpu_s=spent.cpu_s, plan=plan)


def _full_transfer(problem: Problem, _: Path | None) -> Answer:
    with spending() as spent:
        instance = compile_instance(problem)
        choice = solve_shared(without_sharing(instance), target_gap=DATA_GAP).choice
        choice, shares = seated(problem, instance, choice)
    decisions = decisions_of(problem, instance, choice, shares)
    plan = judged(problem, decisions, "full-transfer")
    return Answer(jobs=len(problem.jobs), cpu_s=spent.cpu_s, plan=plan)


def _skypilot(problem: Problem, python: Path | None) -> Answer:
    if python is None:
        raise ValueError("where is the Python that has SkyPilot?")
    jobs = problem.jobs[:SAMPLE]
    asked = ask_skypilot(problem, jobs, python)
    # A job that it finds no machine for is told, and not held against what it pays for others.
    placed = (job for job in jobs if job.id in asked.decisions)
    plan = judged(problem.with_jobs(*placed), asked.decisions, f"skypilot {asked.version}")
    return Answer(jobs=len(jobs), cpu_s=asked.cpu_s, plan=plan)


RIVALS = {
    "first-come": Rival(
        told="first come, cheapest, with failover",
        make=lambda size, seed: (
            static_problem(size.jobs, seed)
            if size.slots == 1
            else slots_problem(size.jobs, size.slots, seed)
        ),
        answer=_first_come,
        sizes=(
            Size(jobs=100, quick=True),
            Size(jobs=1000),
            Size(jobs=10_000),
            Size(jobs=1000, slots=168),
        ),
    ),
    "naive-cp-sat": Rival(
        told="CP-SAT on one boolean per pair",
        make=lambda size, seed: static_problem(size.jobs, seed),
        answer=_naive,
        sizes=(Size(jobs=10, quick=True), Size(jobs=30), Size(jobs=100)),
    ),
    "full-transfer": Rival(
        told="our solver, charging each job for a copy of its own; judged at one copy per site",
        make=lambda size, seed: data_problem(size.jobs, seed, slots=size.slots),
        answer=_full_transfer,
        sizes=(Size(jobs=100), Size(jobs=1000)),
    ),
    "skypilot": Rival(
        told="SkyPilot's optimizer, on independent jobs",
        make=lambda size, seed: independent_problem(size.jobs, seed),
        answer=_skypilot,
        sizes=(Size(jobs=1000), Size(jobs=10_000)),
        needs_skypilot=True,
    ),
}


def main(arguments: list[str]) -> None:
    """Print the row of a rival, its jobs, its slots and a seed."""
    jobs, slots, seed = map(int, arguments[1:4])
    python = Path(arguments[4]) if len(arguments) > 4 else None
    row = compare(arguments[0], Size(jobs=jobs, slots=slots), seed, python)
    if row is not None:
        print(json.dumps(row))


if __name__ == "__main__":
    main(sys.argv[1:])
