"""Which jobs can follow each other, and which can be where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter

from hybridplace.io.decode import UNREADABLE_NAME
from hybridplace.io.document import Finding
from hybridplace.model.estate import Estate
from hybridplace.model.job import Job


def pipeline_findings(jobs: Sequence[Job]) -> Iterator[Finding]:
    """Yield datasets that two jobs write, and circles of jobs that wait for each other."""
    writer: dict[str, int] = {}
    for index, job in enumerate(jobs):
        for at, name in enumerate(job.outputs):
            other = writer.setdefault(name, index)
            if other != index and name != UNREADABLE_NAME:
                yield Finding(
                    path=("jobs", index, "outputs", at),
                    expected="a dataset that no other job writes",
                    got=f"{name!r}, which {jobs[other].id!r} writes",
                    remedy="write a dataset of its own",
                )
    writer.pop(UNREADABLE_NAME, None)
    before = {
        index: [writer[name] for name in job.inputs if name in writer]
        for index, job in enumerate(jobs)
    }
    for cycle in _cycles(before):
        names = [jobs[index].id for index in (*cycle, cycle[0])]
        yield Finding(
            path=("jobs", cycle[0], "inputs"),
            expected="a pipeline without a cycle",
            got=" -> ".join(names),
            remedy="remove an input or an output of one of them",
        )


def _cycles(before: dict[int, list[int]]) -> Iterator[list[int]]:
    """Yield cycles that have no job in common, each from its first job on, as data flows."""
    while True:
        try:
            TopologicalSorter(before).prepare()
        except CycleError as error:
            cycle = list(error.args[1])[1:]
        else:
            return
        first = cycle.index(min(cycle))
        yield cycle[first:] + cycle[:first]
        before = {
            index: [one for one in earlier if one not in cycle]
            for index, earlier in before.items()
            if index not in cycle
        }


def affinity_findings(jobs: Sequence[Job]) -> Iterator[Finding]:
    """Yield jobs that must be both at the same site and apart."""
    together = _groups(jobs)
    for index, job in enumerate(jobs):
        for at, other in enumerate(job.apart_from):
            if other == UNREADABLE_NAME or job.id == UNREADABLE_NAME:
                continue
            if other == job.id:
                got, remedy = f"{other!r}, the job itself", "remove it"
            elif other in together and together[other] == together[job.id]:
                got = f"{other!r}, which same_site_as ties to {job.id!r}"
                remedy = "remove it, or one of the ties"
            else:
                continue
            yield Finding(
                path=("jobs", index, "apart_from", at),
                expected="a job that may be at another site",
                got=got,
                remedy=remedy,
            )


def _groups(jobs: Sequence[Job]) -> dict[str, str]:
    """Return for each job one that stands for all that must be at its site."""
    leader = {job.id: job.id for job in jobs if job.id != UNREADABLE_NAME}

    def find(name: str) -> str:
        while leader[name] != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    for job in jobs:
        for other in job.same_site_as:
            if other in leader and job.id in leader:
                leader[find(other)] = find(job.id)
    return {name: find(name) for name in leader}


def source_findings(estate: Estate, jobs: Sequence[Job]) -> Iterator[Finding]:
    """Yield datasets that come from nowhere although a job reads them, or from two places."""
    writers = {name: job.id for job in jobs for name in job.outputs}
    readers = {name: job.id for job in reversed(jobs) for name in job.inputs}
    for index, dataset in enumerate(estate.datasets):
        path = ("datasets", index, "homes")
        if dataset.homes and dataset.id in writers and dataset.id != UNREADABLE_NAME:
            yield Finding(
                path=path,
                expected="no homes, since a job writes the dataset",
                got=f"{', '.join(dataset.homes)}, and the writer {writers[dataset.id]!r}",
                remedy="remove the homes, or the dataset from the job's outputs",
            )
        made = dataset.homes or dataset.id in writers or UNREADABLE_NAME in writers
        if not made and dataset.id in readers:
            yield Finding(
                path=path,
                expected="a site that holds the dataset, or a job that writes it",
                got=f"neither, and {readers[dataset.id]!r} reads it",
                remedy="name its site, or list it in a job's outputs",
            )
