"""What is allowed and yet worth a second look: labels that vanish, or that no policy knows."""

from __future__ import annotations

from collections.abc import Iterable

from hybridplace.model.job import Dataset, Job

_KEPT = ("personal", "phi")


def notes(jobs: Iterable[Job], datasets: Iterable[Dataset]) -> tuple[str, ...]:
    """Return a sentence for each output that lacks a label of its inputs, sorted.

    A policy sees of an output what its author declares. Where the job reads ``personal`` or
    ``phi`` data and writes a dataset with neither the label nor ``anonymised``, the label may have
    been forgotten, and then no policy protects the output.
    """
    known = {dataset.id: dataset for dataset in datasets}
    found = {
        f"job {job.id}: reads {label} data ({source.id}) and writes {output.id} without this "
        "label: add it, or anonymised if that is what the job does"
        for job in jobs
        for source in _named(job.inputs, known)
        for output in _named(job.outputs, known)
        for label in _KEPT
        if label in source.labels and label not in output.labels
        if "anonymised" not in (*source.labels, *output.labels)
    }
    return tuple(sorted(found))


def _named(names: Iterable[str], known: dict[str, Dataset]) -> list[Dataset]:
    return [known[name] for name in names if name in known]
