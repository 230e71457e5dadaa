"""Holds a run to a recorded one: by ratios alone, so that any machine may check."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.solver.measure import Row

RECORDED = Path(__file__).with_name("baseline.json")

SLOWER = 1.5
"""Times the recorded CPU time, both in units of the reference computation of their own run."""

WIDER = 1.25
GAP_TOLERANCE = 5e-4
"""The gap may be so many times the recorded one, and this much more."""

LARGER = 1.25
"""Times the recorded peak of memory."""

KEYS = ("case", "jobs", "slots", "seeds")
FIGURES = ("cpu_ratio", "gap", "rss_mb")


def record(rows: Iterable[Row], path: Path = RECORDED) -> None:
    """Write the medians that later runs are held to; what was not measured now stays."""
    known = _recorded(path)
    known |= {_key(row): {name: row[name] for name in (*KEYS, *FIGURES)} for row in rows}
    lines = [json.dumps(known[key]) for key in sorted(known)]
    path.write_text("[\n " + ",\n ".join(lines) + "\n]\n", encoding="utf-8")


def _recorded(path: Path) -> dict[tuple[str, int, int], Row]:
    if not path.exists():
        return {}
    return {_key(row): row for row in json.loads(path.read_text(encoding="utf-8"))}


def regressions(rows: Iterable[Row], path: Path = RECORDED) -> Iterator[str]:
    """Yield what is worse than recorded, and what was not recorded at all."""
    known = _recorded(path)
    for row in rows:
        told = f"{row['case']}, {row['jobs']:,} jobs, {row['slots']} slots"
        before = known.get(_key(row))
        if before is None:
            yield f"{told}: not in {path.name}; record it"
            continue
        most = {
            "cpu_ratio": before["cpu_ratio"] * SLOWER,
            "gap": before["gap"] * WIDER + GAP_TOLERANCE,
            "rss_mb": before["rss_mb"] * LARGER,
        }
        for name, limit in most.items():
            if row[name] > limit:
                yield f"{told}: {name} {row[name]:.4g}, at most {limit:.4g}"


def _key(row: Row) -> tuple[str, int, int]:
    return row["case"], row["jobs"], row["slots"]
