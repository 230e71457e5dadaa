"""Events on a standing plan: each kind is measured, and what was planned holds."""

from __future__ import annotations

from benchmarks.solver.cases import Size
from benchmarks.solver.replanning import replan_table, replanned

KINDS = ["solve", "churn", "arrival", "departure", "preemption", "node", "price"]


def test_every_kind_of_event_is_measured() -> None:
    """A row for each kind, with times, a gap and a cost not below the bound; a table of them."""
    rows = list(replanned(Size(jobs=150), 1))

    assert [row["event"] for row in rows] == KINDS
    for row in rows:
        assert row["cost_usd"] >= row["bound_usd"] > 0
        assert row["gap"] >= 0
        assert row["cpu_s"] > 0
    assert all(0 < row["p50_ms"] <= row["p99_ms"] for row in rows[1:])
    assert rows[2]["placed"] == rows[2]["events"] > 0
    assert len(replan_table(rows).splitlines()) == len(KINDS)
