"""What makes a problem well-formed, wherever its values come from: ids, references, pipelines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from hybridplace.errors import Fault
from hybridplace.model.job import Inference, Job

if TYPE_CHECKING:
    from hybridplace.model.problem import Problem

_BY_ID = ("jobs", "datasets", "tenants", "sites", "pools", "offers", "limits", "rules", "leases")


def problem_faults(problem: Problem) -> tuple[Fault, ...]:
    """Return what keeps a problem from meaning anything; empty if it is well-formed."""
    return (
        *_duplicates(problem),
        *_dangling(problem),
        *_homeless_or_twice_made(problem),
        *_cycles(problem.jobs),
        *_odd_parts(problem.jobs),
    )


def _fault(path: str, expected: str, got: str, remedy: str = "") -> Fault:
    return Fault(where="problem", path=path, expected=expected, got=got, remedy=remedy)


def _duplicates(problem: Problem) -> Iterator[Fault]:
    for name in _BY_ID:
        for one, times in Counter(value.id for value in getattr(problem, name)).items():
            if times > 1:
                yield _fault(name, "unique ids", f"{one!r} {times} times", "rename all but one")


def _dangling(problem: Problem) -> Iterator[Fault]:
    known: dict[str, set[str]] = {
        "tenant": set(problem.tenant_ids),
        "site": set(problem.site),
        "pool": set(problem.pool),
        "dataset": set(problem.dataset),
        "job": set(problem.job),
    }
    for path, kind, name in _references(problem):
        if name not in known[kind]:
            yield _fault(path, f"the id of a {kind}", repr(name), f"add the {kind} or correct it")


def _references(problem: Problem) -> Iterator[tuple[str, str, str]]:
    """Yield (path, kind, id) of everything that names something else."""
    for job in problem.jobs:
        yield f"jobs[{job.id}].tenant", "tenant", job.tenant
        for field in ("inputs", "outputs"):
            yield from ((f"jobs[{job.id}].{field}", "dataset", d) for d in getattr(job, field))
        for field in ("same_site_as", "apart_from"):
            yield from ((f"jobs[{job.id}].{field}", "job", one) for one in getattr(job, field))
        if isinstance(job.work, Inference):
            yield from ((f"jobs[{job.id}].users", "site", one.site) for one in job.work.users)
    for dataset in problem.datasets:
        yield f"datasets[{dataset.id}].tenant", "tenant", dataset.tenant
        for site in (*dataset.homes, *dataset.deliver_to):
            yield f"datasets[{dataset.id}]", "site", site
    for pool in problem.pools:
        yield f"pools[{pool.id}].site", "site", pool.site
    for offer in problem.offers:
        yield f"offers[{offer.id}].site", "site", offer.site
        if offer.pool is not None:
            yield f"offers[{offer.id}].pool", "pool", offer.pool


def _homeless_or_twice_made(problem: Problem) -> Iterator[Fault]:
    makers: dict[str, list[str]] = {}
    for job in problem.jobs:
        for name in job.outputs:
            makers.setdefault(name, []).append(job.id)
    for dataset in problem.datasets:
        made_by, path = makers.get(dataset.id, []), f"datasets[{dataset.id}]"
        if len(made_by) > 1:
            yield _fault(path, "one job that writes it", ", ".join(made_by))
        if made_by and dataset.homes:
            told = f"homes {', '.join(dataset.homes)} and the writer {made_by[0]}"
            yield _fault(f"{path}.homes", "homes, or a job that writes it", told, "remove one")
        if not made_by and not dataset.homes and dataset.id in problem.readers:
            yield _fault(f"{path}.homes", "a site, or a job that writes it", "neither")


def _cycles(jobs: Iterable[Job]) -> Iterator[Fault]:
    by_output = {dataset: job.id for job in jobs for dataset in job.outputs}
    before = {
        job.id: [by_output[dataset] for dataset in job.inputs if dataset in by_output]
        for job in jobs
    }
    try:
        TopologicalSorter(before).prepare()
    except CycleError as error:
        told = " -> ".join(reversed(error.args[1]))
        yield _fault("jobs", "a pipeline without cycles", told, "remove an input or an output")


def _odd_parts(jobs: Iterable[Job]) -> Iterator[Fault]:
    for job in jobs:
        for number, shape in enumerate(job.shapes):
            count = shape.accelerators
            if not (count % 1 == 0 if count >= 1 else count in (0, 1 / 2, 1 / 4, 1 / 8)):
                path = f"jobs[{job.id}].shapes[{number}].accelerators"
                yield _fault(path, "a whole number, or 1/2, 1/4 or 1/8 of one", f"{count:g}")
