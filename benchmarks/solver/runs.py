"""Runs each case, size and seed in a process of its own, and sums up over seeds."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.solver.cases import Size
from benchmarks.solver.measure import Row

THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""More of them make small matrices slower, and times hard to compare."""

MEDIANS = ("cpu_s", "wall_s", "gap", "cost_usd", "bound_usd", "rss_mb")


def fresh(module: str, *arguments: str, python: str = sys.executable) -> Iterator[Row]:
    """Yield the rows that ``python -m module arguments`` prints, from a process of its own.

    Raises
    ------
    RuntimeError
        When it fails; what it wrote to standard error comes along.
    """
    done = subprocess.run(
        [python, "-m", module, *arguments],
        env={**os.environ, **THREADS},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{module} {' '.join(arguments)} failed:\n{done.stderr[-2000:]}")
    yield from (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))


def measured(case: str, sizes: Sequence[Size], seeds: Iterable[int]) -> Iterator[Row]:
    """Yield the row of each size and seed, and tell on standard error what is going on."""
    for size in sizes:
        for seed in seeds:
            yield from _told("benchmarks.solver.measure", case, size, seed)


def repaired(sizes: Sequence[Size], seeds: Iterable[int]) -> Iterator[Row]:
    """Yield the rows of each size and seed of standing plans, and tell the same."""
    for size in sizes:
        for seed in seeds:
            yield from _told("benchmarks.solver.replanning", "replan", size, seed)


def compared(
    rival: str, sizes: Sequence[Size], seeds: Iterable[int], skypilot: Path | None
) -> Iterator[Row]:
    """Yield the row of each size and seed of a rival, and tell the same."""
    python = () if skypilot is None else (str(skypilot),)
    for size in sizes:
        for seed in seeds:
            yield from _told("benchmarks.solver.peers", rival, size, seed, *python)


def _told(module: str, name: str, size: Size, seed: int, *more: str) -> Iterator[Row]:
    told = f"{name}: {size.jobs:,} jobs, {size.slots} slots, seed {seed}"
    print(told, file=sys.stderr, end=" ... ", flush=True)
    rows = list(fresh(module, name, str(size.jobs), str(size.slots), str(seed), *more))
    for row in rows:
        saved = f", saves {row['saving']:.1%}" if "saving" in row else ""
        print(f"{row['cpu_s']:.2f} CPU-s, gap {row['gap']:.3%}{saved}", file=sys.stderr, flush=True)
    if not rows:
        print("no plan", file=sys.stderr, flush=True)
    yield from rows


def medians(rows: Iterable[Row]) -> list[Row]:
    """Return one row per case, jobs and slots: medians over seeds, and how many there were."""
    return [_median(group) for group in grouped(rows, "case")]


def grouped(rows: Iterable[Row], name: str) -> list[list[Row]]:
    """Return the rows of each name, jobs and slots, one list over seeds for each."""
    found: dict[tuple[str, int, int], list[Row]] = {}
    for row in rows:
        found.setdefault((row[name], row["jobs"], row["slots"]), []).append(row)
    return list(found.values())


def _median(rows: list[Row]) -> Row:
    first = rows[0]
    middle = {name: statistics.median(row[name] for row in rows) for name in MEDIANS}
    ratio = statistics.median(row["cpu_s"] / row["reference_s"] for row in rows)
    kept = {name: first[name] for name in ("case", "jobs", "offers", "slots")}
    off = max((one for row in rows if (one := row["proof_off"]) is not None), default=None)
    return {**kept, "seeds": len(rows), **middle, "proof_off": off, "cpu_ratio": round(ratio, 3)}


def savings(rows: Iterable[Row]) -> list[Row]:
    """Return one row per rival, jobs and slots: the mean saving over seeds, with its interval."""
    return [_saving(group) for group in grouped(rows, "rival")]


def _saving(rows: list[Row]) -> Row:
    first, saved = rows[0], [row["saving"] for row in rows]
    kept = {name: first[name] for name in ("rival", "jobs", "slots", "rival_jobs")}
    low, high = interval(saved)
    return {
        **kept,
        "seeds": len(rows),
        "cpu_s": statistics.median(row["cpu_s"] for row in rows),
        "rival_cpu_s": statistics.median(row["rival_cpu_s"] for row in rows),
        "times_cpu": statistics.median(row["times_cpu"] for row in rows),
        "saving": statistics.fmean(saved),
        "low": low,
        "high": high,
        "each": {row["seed"]: row["saving"] for row in rows},
        "rival_left_out": statistics.median(row["rival_left_out"] for row in rows),
        "left_out": statistics.median(row["left_out"] for row in rows),
    }


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the mean (percentiles); of one value, itself.

    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
    """
    if len(set(values)) < 2:
        return values[0], values[0]
    from scipy.stats import bootstrap

    found = bootstrap((values,), np.mean, method="percentile", rng=np.random.default_rng(0))
    return float(found.confidence_interval.low), float(found.confidence_interval.high)
