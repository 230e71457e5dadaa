"""Datasets that many jobs read, and pipelines: drawn onto jobs that exist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from benchmarks.solver.demand import TENANTS
from benchmarks.solver.supply import own_sites, places, shipped
from hybridplace.model.job import Dataset, Inference, Job
from hybridplace.model.site import Link

JOBS_PER_DATASET = 15
READ_SHARE = 0.8
"""Jobs that read a dataset with homes, of those that start a pipeline or are in none."""

PIPELINE_SHARE = 0.4
STAGES = (2, 3, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Jobs with what they read and make, and the data itself."""

    jobs: tuple[Job, ...]
    datasets: tuple[Dataset, ...]


def draw_reading(jobs: Sequence[Job], seed: int, *, pipelines: bool) -> Reading:
    """Return `jobs` with datasets drawn from a seed.

    Some datasets have most of the readers (Zipf); they hold 10 GiB to 10 TiB at one or two homes.
    With `pipelines` 40 % of the jobs are stages, two to four in a row, which hand on 1 to 500 GiB;
    stages have no deadline, since they wait for each other.
    """
    draw = np.random.default_rng((seed, 2))
    shared = _shared(draw, max(2, len(jobs) // JOBS_PER_DATASET))
    stages = _stages(draw, jobs) if pipelines else []
    inputs: dict[int, tuple[str, ...]] = {}
    outputs: dict[int, tuple[str, ...]] = {}
    made = []
    for number, chain in enumerate(stages):
        for stage, (maker, reader) in enumerate(pairwise(chain)):
            name = f"made{number:05}-{stage}"
            size_gib = round(float(np.exp(draw.uniform(0.0, np.log(500.0)))), 1)
            made.append(Dataset(id=name, tenant=jobs[maker].tenant, size_gib=size_gib))
            outputs[maker], inputs[reader] = (name,), (name,)
    popular = 1.0 / np.arange(1, len(shared) + 1) ** 1.1
    chosen = draw.choice(len(shared), len(jobs), p=popular / popular.sum())
    reads = draw.random(len(jobs)) < READ_SHARE
    for row, job in enumerate(jobs):
        if reads[row] and row not in inputs and not isinstance(job.work, Inference):
            inputs[row] = (shared[chosen[row]].id,)
    staged = {row for chain in stages for row in chain}
    changed = tuple(
        _reader(job, inputs.get(row, ()), outputs.get(row, ()), staged=row in staged)
        for row, job in enumerate(jobs)
    )
    return Reading(jobs=changed, datasets=(*shared, *made))


def data_links() -> tuple[Link, ...]:
    """Return the links between all places."""
    return tuple(
        shipped().link(source, target)
        for source in places()
        for target in places()
        if source.id != target.id
    )


def _reader(job: Job, inputs: tuple[str, ...], outputs: tuple[str, ...], *, staged: bool) -> Job:
    if not staged:
        return replace(job, inputs=inputs) if inputs else job
    return replace(job, inputs=inputs, outputs=outputs, earliest_h=0.0, deadline_h=None, due_h=None)


def _shared(draw: np.random.Generator, count: int) -> list[Dataset]:
    """Return datasets with homes, a fifth of them at own sites; the first are read most."""
    own, all_sites = [site.id for site in own_sites()], [site.id for site in places()]
    sizes_gib = np.exp(draw.normal(np.log(60.0), 1.3, count)).clip(10.0, 10_240.0)
    return [
        Dataset(
            id=f"shared{number:05}",
            tenant=TENANTS[number % len(TENANTS)].id,
            size_gib=round(float(sizes_gib[number]), 1),
            homes=tuple(
                sorted(
                    str(site)
                    for site in draw.choice(
                        own if draw.random() < 0.2 else all_sites,
                        draw.choice([1, 1, 2]),
                        replace=False,
                    )
                )
            ),
        )
        for number in range(count)
    ]


def _stages(draw: np.random.Generator, jobs: Sequence[Job]) -> list[list[int]]:
    """Return the rows of jobs in pipelines, in order."""
    rows = [row for row, job in enumerate(jobs) if not isinstance(job.work, Inference)]
    left = [rows[at] for at in draw.permutation(len(rows))[: round(PIPELINE_SHARE * len(jobs))]]
    chains = []
    while len(left) >= max(STAGES):
        count = int(draw.choice(STAGES))
        chains.append(left[:count])
        left = left[count:]
    return chains
