"""The hospital's day from Python: plan it, ask why, and with ``--apply`` act on it."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import hybridplace as hp

folder = Path(__file__).resolve().parent
estate, jobs = hp.load(folder / "estate.yaml", folder / "jobs.yaml")
with hp.Engine(estate, folder=folder, state_dir=folder / ".hybridplace") as engine:
    problem = engine.problem(jobs, now=datetime(2026, 11, 24, tzinfo=UTC))
    plan = engine.plan(problem, seed=7)
    print(f"{plan.objective_usd:.2f} USD, proven within {plan.gap:.2%}")
    for placement in plan.placements:
        print(placement.job, placement.offer, placement.start_h)
    print(hp.explain(problem, plan, "encoder").alternatives[0])
    if "--apply" in sys.argv:
        engine.apply(problem, plan, engine.diff(plan))
