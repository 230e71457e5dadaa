"""Runs each case, size and seed in a process of its own, and sums up over seeds."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence

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
            told = f"{case}: {size.jobs:,} jobs, {size.slots} slots, seed {seed}"
            print(told, file=sys.stderr, end=" ... ", flush=True)
            arguments = (case, str(size.jobs), str(size.slots), str(seed))
            for row in fresh("benchmarks.solver.measure", *arguments):
                told = f"{row['cpu_s']:.2f} CPU-s, gap {row['gap']:.3%}"
                print(told, file=sys.stderr, flush=True)
                yield row


def medians(rows: Iterable[Row]) -> list[Row]:
    """Return one row per case, jobs and slots: medians over seeds, and how many there were."""
    found: dict[tuple[str, int, int], list[Row]] = {}
    for row in rows:
        found.setdefault((row["case"], row["jobs"], row["slots"]), []).append(row)
    return [_median(group) for group in found.values()]


def _median(rows: list[Row]) -> Row:
    first = rows[0]
    middle = {name: statistics.median(row[name] for row in rows) for name in MEDIANS}
    ratio = statistics.median(row["cpu_s"] / row["reference_s"] for row in rows)
    kept = {name: first[name] for name in ("case", "jobs", "offers", "slots")}
    return {**kept, "seeds": len(rows), **middle, "cpu_ratio": round(ratio, 3)}
