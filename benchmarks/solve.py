"""What planning costs: CPU seconds and proven gap for 10, 30 and 100 jobs on the shipped catalog.

The jobs are drawn from a seed: four kinds, a third of them in pipelines, on own pools that hold
less than half of them, quotas, budgets and three clouds. Fails when a plan does not hold, or when
its gap is larger than promised; the times are told, with what share of them is the search.
"""

from __future__ import annotations

import json
import random
import sys
import time
from datetime import UTC, datetime

from hybridplace.engine import Engine
from hybridplace.model.estate import Access, Estate, Quota
from hybridplace.model.job import (
    Checkpoint,
    Dataset,
    Inference,
    Job,
    Preprocessing,
    Shape,
    Tenant,
    Training,
    Tuning,
    Users,
)
from hybridplace.model.problem import Limit, LimitMeasure
from hybridplace.model.site import Measure, Node, Pool, Site
from hybridplace.model.verify import verify
from hybridplace.solver import Stop, solve
from hybridplace.solver.candidates import choose_candidates
from hybridplace.solver.tables import compile_problem

SIZES = (10, 30, 100)
GAP = 0.01
"""Promised at every size."""

GPUS = ("A100-40GB", "A10G", "L4", "T4", "H100-SXM")


def estate_of(jobs: int) -> Estate:
    """Return an estate whose own pools hold less than half of `jobs`."""
    sites = tuple(
        Site(
            id=name,
            provider="static",
            region=name,
            country=country,
            jurisdictions=(country, "EU", "EEA"),
            own=True,
            latitude_deg=latitude,
            longitude_deg=longitude,
            carbon_g_kwh=carbon,
            pue=1.4,
            energy_usd_kwh=0.2,
        )
        for name, country, latitude, longitude, carbon in (
            ("berlin", "DE", 52.52, 13.40, 381.0),
            ("paris", "FR", 48.86, 2.35, 56.0),
        )
    )
    nodes = tuple(
        Node(id=f"n{n}", accelerator="A100-40GB", accelerators=8, cpus=96, memory_gib=768)
        for n in range(max(1, jobs // 25))
    )
    return Estate(
        name="bench",
        sites=sites,
        pools=tuple(Pool(id=f"{site.id}-gpus", site=site.id, nodes=nodes) for site in sites),
        tenants=(Tenant(id="a"), Tenant(id="b")),
        datasets=(
            *(
                Dataset(id=f"raw{n}", tenant="a", size_gib=50.0 * (n + 1), homes=(sites[n % 2].id,))
                for n in range(4)
            ),
            *(Dataset(id=f"made{n}", tenant="b", size_gib=30.0) for n in range(jobs // 6)),
        ),
        limits=(Limit(id="budget-a", measure=LimitMeasure.USD, at_most=15.0 * jobs, tenant="a"),),
        providers=(
            Access(provider="aws", regions=("eu-*", "us-east-*")),
            Access(provider="azure", regions=("northeurope", "westeurope", "swedencentral")),
            Access(provider="gcp", regions=("europe-west1", "europe-west4", "us-central1")),
        ),
        quotas=tuple(
            Quota(
                id=f"gpus-{region}",
                site=f"aws/{region}",
                measure=Measure.CPUS,
                at_most=96.0,
                instance_types=("g*", "p*"),
            )
            for region in ("eu-west-1", "eu-north-1", "us-east-1", "us-east-2")
        ),
    )


def jobs_of(count: int, seed: int) -> tuple[Job, ...]:
    """Return `count` jobs drawn from `seed`; every sixth makes data that the next one reads."""
    draw = random.Random(seed)  # noqa: S311 - a benchmark, not a secret
    jobs: list[Job] = []
    for n in range(count):
        made = n // 6
        makes, reads = n % 6 == 0 and made < count // 6, n % 6 == 1 and made < count // 6
        jobs.append(
            _job(draw, n, f"made{made}" if makes else None, f"made{made}" if reads else None)
        )
    return tuple(jobs)


def _job(draw: random.Random, n: int, makes: str | None, reads: str | None) -> Job:
    inputs = (reads,) if reads else ((f"raw{draw.randrange(4)}",) if draw.random() < 0.4 else ())
    late = draw.random() < 0.5
    kind = (
        "preprocessing" if makes else draw.choice(("training", "tuning", "inference", "training"))
    )
    workers = draw.choice((1, 1, 2, 4, 8))
    gpus = draw.sample(GPUS, 3)
    shapes = tuple(
        Shape(
            accelerator=gpu,
            accelerators=draw.choice((1.0, 1.0, 0.5 if kind == "inference" else 1.0)),
            cpus=4,
            memory_gib=24,
            workers=1 if kind == "inference" else workers,
            units_h={"training": 1000.0, "tuning": 1.0, "inference": 40_000.0}.get(kind, 0.0)
            * draw.choice((0.6, 1.0, 1.8)),
        )
        for gpu in gpus
    )
    work: Training | Tuning | Inference | Preprocessing
    if kind == "training":
        work = Training(units=1000.0 * workers * draw.uniform(1, 8))
    elif kind == "tuning":
        work = Tuning(runs=draw.randrange(4, 40))
    elif kind == "inference":
        users = (Users(site="berlin", share=0.5), Users(site="paris", share=0.5))
        work = Inference(
            load_rps=tuple(draw.uniform(2, 40) for _ in range(24)),
            hours=8,
            users=users,
            latency_limit_ms=90,
        )
    else:
        work = Preprocessing(data_gib=200)
        shapes = (Shape(cpus=8, memory_gib=32, workers=2, units_h=60),)
    return Job(
        id=f"job{n:03}",
        tenant=draw.choice("ab"),
        work=work,
        shapes=shapes,
        inputs=inputs,
        outputs=(makes,) if makes else (),
        due_h=draw.uniform(4, 14) if late else None,
        late_usd_h=2.0 if late else 0.0,
        checkpoint=Checkpoint(interval_h=0.5, write_h=0.01) if draw.random() < 0.7 else None,
        setup_h=0.1,
        reject_usd=2000.0,
    )


def measure(count: int, seed: int) -> dict[str, float | int | str]:
    """Return what planning `count` jobs took."""
    engine = Engine(estate_of(count))
    problem = engine.problem(jobs_of(count, seed), now=datetime(2026, 11, 24, tzinfo=UTC))
    begin = time.process_time()
    compiled = compile_problem(problem)
    candidates = choose_candidates(compiled)
    compiled_s = time.process_time() - begin
    begin = time.process_time()
    plan = solve(problem, stop=Stop(gap=GAP / 2, work=150), compiled=compiled)
    solve_s = time.process_time() - begin
    verify(problem, plan)
    return {
        "jobs": count,
        "seed": seed,
        "offers": len(problem.offers),
        "pairs": compiled.usable,
        "candidates": len(candidates.usd),
        "left_out": len(plan.unplaced),
        "cost_usd": round(plan.objective_usd, 2),
        "gap": round(plan.gap, 5),
        "compile_cpu_s": round(compiled_s, 2),
        "solve_cpu_s": round(solve_s, 2),
    }


def main() -> None:
    """Print a row per size and seed; exit 1 if a gap is larger than promised."""
    sizes = [int(size) for size in sys.argv[1:]] or SIZES
    rows = [measure(size, seed) for size in sizes for seed in (1, 2)]
    for row in rows:
        print(json.dumps(row))
    sys.exit(any(float(row["gap"]) > GAP for row in rows))


if __name__ == "__main__":
    main()
