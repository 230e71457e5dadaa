"""What makes a problem well-formed, wherever its values come from: ids, references, pipelines.

`check_values` does the same for figures, `check_deliveries` for what must be copied in any case.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from hybridplace.errors import Fault
from hybridplace.model.check_values import value_faults
from hybridplace.model.forecast import Figure
from hybridplace.model.job import Inference, Job

if TYPE_CHECKING:
    from hybridplace.model.problem import Problem

FORETOLD = {
    Figure.PRICE_USD_H: "offer",
    Figure.ENERGY_USD_KWH: "site",
    Figure.CARBON_G_KWH: "site",
    Figure.AT_MOST: "pool",
}
"""What each figure that can be foretold is a figure of."""

_BY_ID = (
    *("jobs", "datasets", "tenants", "sites", "pools", "offers"),
    *("limits", "spreads", "rules", "leases"),
)


def problem_faults(problem: Problem) -> tuple[Fault, ...]:
    """Return what keeps a problem from meaning anything; empty if it is well-formed."""
    found = (
        *_duplicates(problem),
        *_dangling(problem),
        *_homeless_or_twice_made(problem),
        *_cycles(problem.jobs),
        *value_faults(problem),
    )
    if found or not any(one.homes and one.deliver_to for one in problem.datasets):
        return found
    from hybridplace.model.check_deliveries import delivery_faults

    return tuple(delivery_faults(problem))


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
        "offer": set(problem.offer),
    }
    for path, kind, name in (*_references(problem), *_more_references(problem)):
        if name not in known[kind]:
            yield _fault(path, f"the id of a {kind}", repr(name), f"add the {kind} or correct it")


def _references(problem: Problem) -> Iterator[tuple[str, str, str]]:
    """Yield (path, kind, id) of everything that names something else."""
    for job in problem.jobs:
        yield from _job_references(job)
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
    for link in problem.links:
        for site in (link.source, link.target):
            yield f"links[{link.source} to {link.target}]", "site", site
    for limit in problem.limits:
        for kind in ("tenant", "job", "site"):
            if (name := getattr(limit, kind)) is not None:
                yield f"limits[{limit.id}].{kind}", kind, name


def _more_references(problem: Problem) -> Iterator[tuple[str, str, str]]:
    for spread in problem.spreads:
        yield from ((f"spreads[{spread.id}].jobs", "job", job) for job in spread.jobs)
    for forecast in problem.forecasts:
        kind = FORETOLD[forecast.measure]
        yield f"forecasts[{forecast.measure} of {forecast.subject}]", kind, forecast.subject
    for one in problem.maintenance:
        yield f"maintenance[{one.pool}]", "pool", one.pool


def _job_references(job: Job) -> Iterator[tuple[str, str, str]]:
    path = f"jobs[{job.id}]"
    yield f"{path}.tenant", "tenant", job.tenant
    for field in ("inputs", "outputs"):
        yield from ((f"{path}.{field}", "dataset", one) for one in getattr(job, field))
    for field in ("same_site_as", "apart_from"):
        yield from ((f"{path}.{field}", "job", one) for one in getattr(job, field))
    if isinstance(job.work, Inference):
        yield from ((f"{path}.users", "site", one.site) for one in job.work.users)
    for mount in job.program.mounts if job.program else ():
        yield f"{path}.program.mounts", "dataset", mount.dataset


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
