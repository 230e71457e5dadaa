"""Measures one case, size and seed in this process, which should be a fresh one.

``python -m benchmarks.solver.measure CASE JOBS SLOTS SEED`` prints one JSON object.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.solver.cases import CASES, Size
from hybridplace.checker import check
from hybridplace.model.plan import Plan
from hybridplace.model.problem import Problem
from hybridplace.model.verify import verify
from hybridplace.solver import Stop, solve

Row = dict[str, Any]

REFERENCE_ROUNDS = 3

WARM = 50
"""Jobs of a first plan: what it imports is not what planning costs each time."""


@dataclass(slots=True)
class Spent:
    """CPU and wall seconds of a block, children included."""

    cpu_s: float = 0.0
    wall_s: float = 0.0


@contextmanager
def spending() -> Iterator[Spent]:
    """Yield what is filled in, at the end of the block, with what the block took."""
    spent = Spent()
    cpu, wall = _cpu_s(), time.perf_counter()
    yield spent
    spent.cpu_s, spent.wall_s = _cpu_s() - cpu, time.perf_counter() - wall


def reference_s() -> float:
    """Return the CPU seconds of a computation that never changes, the least of three rounds.

    It prices jobs on offers with numpy and books them one by one in Python, as a solver does. Other
    times divided by it can be compared between machines, and between quiet and busy ones.
    """
    return min(_reference_round() for _ in range(REFERENCE_ROUNDS))


def peak_rss_mb() -> float:
    """Return the most memory that this process has had in use."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def measure(case: str, size: Size, seed: int) -> Row:
    """Return what solving took, how good the plan is and that it holds; making is not counted.

    It is asked for the gap that is promised of the size, if any is.
    """
    stop = Stop() if (gap := _promised(case, size)) is None else Stop(gap=gap)
    solve(CASES[case].make(replace(size, jobs=min(size.jobs, WARM)), 0))
    problem = CASES[case].make(size, seed)
    reference = reference_s()
    with spending() as spent:
        plan = solve(problem, seed=seed, stop=stop)
    row = {"case": case, **figures(problem, plan, spent, seed)}
    return row | {"reference_s": round(reference, 4)}


def _promised(case: str, size: Size) -> float | None:
    """Return the gap that is promised of a size."""
    sizes = CASES[case].sizes
    return next(
        (one.gap for one in sizes if (one.jobs, one.slots) == (size.jobs, size.slots)), None
    )


def figures(problem: Problem, plan: Plan, spent: Spent, seed: int) -> Row:
    """Return the figures of a plan that was just made; it is held to its problem after that."""
    rss_mb = peak_rss_mb()
    return {
        "jobs": len(problem.jobs),
        "offers": len(problem.offers),
        "slots": round(problem.horizon_h / problem.slot_h),
        "seed": seed,
        "cpu_s": round(spent.cpu_s, 4),
        "wall_s": round(spent.wall_s, 4),
        "gap": plan.gap,
        "cost_usd": round(plan.objective_usd, 4),
        "bound_usd": round(plan.bound_usd, 4),
        "rss_mb": round(rss_mb, 1),
        "left_out": len(plan.unplaced),
        "proof_off": proof_off(problem, plan),
    }


class ProofError(RuntimeError):
    """A plan or its proof does not hold."""


def proof_off(problem: Problem, plan: Plan) -> float | None:
    """Return by how much the bound differs, relatively, that the checker computes from its prices.

    None if the plan has no prices: a small one whose bound was searched for.

    Raises
    ------
    ProofError
        If the plan breaks a rule, or says of itself what the checker does not find.
    """
    if plan.certificate is None:
        verify(problem, plan)
        return None
    checked = check(problem, plan)
    if checked.faults or checked.bound_usd is None:
        raise ProofError(f"{len(problem.jobs)} jobs: " + "; ".join(checked.faults[:5]))
    said_usd = plan.certificate.bound_usd
    return abs(checked.bound_usd - said_usd) / max(abs(said_usd), 1e-9)


def _cpu_s() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _reference_round() -> float:
    begin = time.process_time()
    draw = np.random.default_rng(0)
    price, length = draw.random(4000), draw.random((1000, 1)) + 0.5
    best = np.argsort(price * length, axis=1)[:, :50]
    room = dict.fromkeys(range(4000), 2)
    for row in best.tolist():
        for offer in row:
            if room[offer] > 0:
                room[offer] -= 1
                break
    for size in (300, 500):
        matrix = draw.random((size, size)) + np.eye(size) * size
        np.linalg.solve(matrix, matrix)
    return time.process_time() - begin


def main(arguments: list[str]) -> None:
    """Print the row of a case, its jobs, its slots and a seed."""
    case, jobs, slots, seed = arguments[0], *map(int, arguments[1:4])
    print(json.dumps(measure(case, Size(jobs=jobs, slots=slots), seed)))


if __name__ == "__main__":
    main(sys.argv[1:])
