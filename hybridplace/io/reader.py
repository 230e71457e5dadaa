"""The two input files, read and checked together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from hybridplace.errors import Fault, InputError
from hybridplace.io import pipelines, references, relations
from hybridplace.io.document import Document, FieldPath, Finding, load
from hybridplace.io.normal import estate_of, flat, in_file, jobs_of
from hybridplace.model.canonical import to_plain
from hybridplace.model.estate import Estate
from hybridplace.model.job import Job


def read_estate(path: Path, *, regions: Collection[str] = ()) -> Estate:
    """Return the estate of a YAML file, or of a JSON file with the suffix ``.json``.

    Parameters
    ----------
    path : Path
    regions : collection of str
        Site ids that the catalog knows; regions of a provider that it lacks are not checked.

    Raises
    ------
    InputError
        When anything in it is wrong; names every fault. What an estate and its jobs say of each
        other is checked by `read_input`.
    """
    half = _EstateHalf(load(path), regions)
    _refuse(half.faults())
    return half.estate


def read_jobs(path: Path) -> tuple[Job, ...]:
    """Return the jobs of a YAML file, or of a JSON file with the suffix ``.json``.

    Raises
    ------
    InputError
        When anything in it is wrong; names every fault. What an estate and its jobs say of each
        other is checked by `read_input`.
    """
    half = _JobsHalf(load(path))
    _refuse(half.faults())
    return half.jobs


def read_input(
    estate: Path, jobs: Path, *, regions: Collection[str] = ()
) -> tuple[Estate, tuple[Job, ...]]:
    """Return the estate and the jobs of two files that fit each other.

    Parameters
    ----------
    estate, jobs : Path
    regions : collection of str
        Site ids that the catalog knows; regions of a provider that it lacks are not checked.

    Raises
    ------
    InputError
        When anything is wrong in either file; names every fault, in reading order.
    """
    documents: list[Document] = []
    unread: list[Fault] = []
    for path in (estate, jobs):
        try:
            documents.append(load(path))
        except InputError as error:
            unread += error.faults
            documents.append(Document(where=str(path), data=None))
    halves = _EstateHalf(documents[0], regions), _JobsHalf(documents[1])
    if unread:
        readable = [half for half in halves if half.document.data is not None]
        _refuse([*unread, *(fault for half in readable for fault in half.faults())])
    _refuse(_joined(*halves))
    return halves[0].estate, halves[1].jobs


def check_input(
    estate: Estate, jobs: Sequence[Job], *, regions: Collection[str] = ()
) -> tuple[Fault, ...]:
    """Return everything wrong with values that were built in Python; empty if nothing is.

    Each `Fault.where` is ``estate`` or ``jobs``, and each path is that of an input file, where the
    fields of a job's work stand beside its own.
    """
    of_estate = Document(where="estate", data=to_plain(estate))
    of_jobs = Document(where="jobs", data={"jobs": [flat(job) for job in jobs]})
    return tuple(_joined(_EstateHalf(of_estate, regions), _JobsHalf(of_jobs)))


def estate_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of an estate file."""
    from hybridplace.io.estate_form import EstateForm

    return EstateForm.published()


def jobs_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a jobs file."""
    from hybridplace.io.jobs_form import JobsForm

    return JobsForm.published()


class _EstateHalf:
    """An estate file as far as it can be understood, and what is wrong with it alone."""

    def __init__(self, document: Document, regions: Collection[str]) -> None:
        from hybridplace.io.formfaults import check_estate

        self.document = document
        found, plain = check_estate(document.data)
        self._form = [*document.findings, *_certain(found, document.findings)]
        self.estate, self._nodes = estate_of(plain)
        self.places = references.places(self.estate, regions)

    def faults(self, joint: Iterable[Finding] = ()) -> list[Fault]:
        found = [
            *references.duplicates(self.estate),
            *references.estate_references(self.estate, self.places),
            *references.time_references(self.estate, self.places),
            *relations.estate_relations(self.estate),
            *joint,
        ]
        moved = [
            Finding(
                path=in_file(one.path, self._nodes),
                expected=one.expected,
                got=one.got,
                remedy=one.remedy,
            )
            for one in found
        ]
        return self.document.faults([*self._form, *_certain(moved, self._form)])


class _JobsHalf:
    """A jobs file as far as it can be understood, and what is wrong with it alone."""

    def __init__(self, document: Document) -> None:
        from hybridplace.io.formfaults import check_jobs

        self.document = document
        found, plain = check_jobs(document.data)
        self._form = [*document.findings, *_certain(found, document.findings)]
        self.jobs = jobs_of(plain)

    def faults(self, joint: Iterable[Finding] = ()) -> list[Fault]:
        found = [
            *references.duplicate_jobs(self.jobs),
            *references.job_references(self.jobs),
            *relations.job_relations(self.jobs),
            *pipelines.pipeline_findings(self.jobs),
            *pipelines.affinity_findings(self.jobs),
            *joint,
        ]
        return self.document.faults([*self._form, *_certain(found, self._form)])


def _joined(estate: _EstateHalf, jobs: _JobsHalf) -> list[Fault]:
    """Return every fault of both, those between them included."""
    both = estate.estate, jobs.jobs
    joint = [
        *references.joint_references(*both, estate.places),
        *relations.horizon_relations(*both),
        *pipelines.source_findings(*both),
    ]
    of_jobs = [finding for finding in joint if finding.path[0] == "jobs"]
    of_estate = [finding for finding in joint if finding.path[0] != "jobs"]
    return [*estate.faults(of_estate), *jobs.faults(of_jobs)]


def _certain(findings: Iterable[Finding], unread: Sequence[Finding]) -> Iterator[Finding]:
    """Yield the findings on what could be read: nothing is said twice of one field."""
    faulty: set[FieldPath] = {finding.path for finding in unread}
    for finding in findings:
        path = finding.path
        if not any(path[:length] in faulty for length in range(len(path) + 1)):
            yield finding


def _refuse(faults: Sequence[Fault]) -> None:
    if faults:
        raise InputError(faults)
