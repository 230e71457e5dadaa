"""What the hospital's day costs without hybridplace's choices: ``python baseline.py``.

The static rule of thumb that the plan is compared with: everything runs on the group's own
machines, or on demand in the nearest region that has what the job needs. Even so, the baseline is
planned well: the same solver decides all jobs together, at the lowest cost that the rule allows,
and it is let off the budgets. What is left of the difference is due to regions and markets alone.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import hybridplace as hp
from hybridplace.model.job import Job
from hybridplace.model.problem import Denial, Problem, Rule
from hybridplace.model.site import Market
from hybridplace.solver.tables import compile_problem

FOLDER = Path(__file__).resolve().parent
NOW = datetime(2026, 11, 24, tzinfo=UTC)
RULE = Rule(id="static", reason="Own machines, or the nearest region that has what the job needs")
HEADQUARTERS = "munich"


def static_problem(problem: Problem) -> Problem:
    """Return the problem without spot, budgets and all regions but each job's nearest one."""
    offers = tuple(offer for offer in problem.offers if offer.market is not Market.SPOT)
    problem = replace(problem, offers=offers, limits=())
    denials = tuple(
        Denial(action="place", subjects=(job,), sites=(site,), rules=(RULE.id,))
        for job, nearest in nearest_regions(problem).items()
        for site in _rented(problem)
        if site != nearest
    )
    return replace(problem, denials=(*problem.denials, *denials), rules=(*problem.rules, RULE))


def nearest_regions(problem: Problem) -> dict[str, str | None]:
    """Return the region nearest to each job's data or users that has a machine for it."""
    compiled = compile_problem(problem)
    nearest = {}
    for row, job in enumerate(problem.jobs):
        can = {
            offer.site
            for table in compiled.pairs[row]
            for offer, reasons in zip(problem.offers, table.reasons, strict=True)
            if reasons == 0 and offer.market is not Market.OWNED
        }
        home = _home(problem, job)
        nearest[job.id] = min(can, key=partial(_far, problem, home), default=None)
    return nearest


def _rented(problem: Problem) -> list[str]:
    return sorted({o.site for o in problem.offers if o.market is not Market.OWNED})


def _home(problem: Problem, job: Job) -> str:
    """Return where a job's users are, or its data is; else the headquarters."""
    if isinstance(job.work, hp.Inference) and job.work.users:
        return max(job.work.users, key=lambda users: users.share).site
    homes = [home for name in job.inputs for home in problem.dataset[name].homes]
    return homes[0] if homes else HEADQUARTERS


def _far(problem: Problem, home: str, site: str) -> tuple[float, str]:
    latency_ms = problem.link(home, site).latency_ms
    return (float("inf") if latency_ms is None else latency_ms, site)


def compared(engine: hp.Engine, jobs: tuple[Job, ...]) -> list[tuple[str, hp.Plan]]:
    """Return plans by name, from the static rule to everything that the estate allows."""
    problem = engine.problem(jobs, now=NOW)
    on_demand = replace(
        problem, offers=tuple(o for o in problem.offers if o.market is not Market.SPOT), limits=()
    )
    steps: list[tuple[str, Callable[[], Problem]]] = [
        ("own machines, else on demand in the nearest region", lambda: static_problem(problem)),
        ("any allowed region, on demand", lambda: on_demand),
        ("any allowed region and market: the plan", lambda: problem),
    ]
    return [(name, engine.plan(make())) for name, make in steps]


def main() -> None:
    """Print a row per plan; with ``--json`` as one JSON document."""
    estate, jobs = hp.load(FOLDER / "estate.yaml", FOLDER / "jobs.yaml")
    with hp.Engine(estate, folder=FOLDER) as engine:
        plans = compared(engine, jobs)
    static_usd = plans[0][1].costs.money_usd
    rows = [
        {
            "plan": name,
            "paid_usd": round(plan.costs.money_usd, 2),
            "saved": round(1 - plan.costs.money_usd / static_usd, 3),
            "total_usd": round(plan.objective_usd, 2),
            "carbon_kg": round((plan.carbon_g or 0.0) / 1000, 1),
            "left_out": len(plan.unplaced),
            "gap": round(plan.gap, 6),
        }
        for name, plan in plans
    ]
    if "--json" in sys.argv:
        print(json.dumps(rows, indent=1))
        return
    print(f"{'':52} {'paid':>9} {'saved':>7} {'carbon':>9}  left out")
    for row in rows:
        paid, saved = f"{row['paid_usd']:.2f} USD", f"{row['saved']:.0%}"
        print(
            f"{row['plan']:50} {paid:>11} {saved:>7} {row['carbon_kg']:>6} kg  {row['left_out']:>8}"
        )


if __name__ == "__main__":
    main()
