"""One run tells everything that is wrong, in reading order."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hybridplace.errors import InputError
from hybridplace.io import check_input, read_estate, read_input, read_jobs
from tests.io.conftest import ESTATE, JOBS, changed

ESTATE_YAML = """\
name: acme
slot_h: 7          # does not divide 24
sites:
  - id: lab
    country: Germany
tenants:
  - id: research
datasets:
  - {id: raw, tenant: reserch, size_gb: 5, homes: [lab]}
"""
JOBS_YAML = """\
jobs:
  - id: train
    kind: training
    tenant: sales
    units: .inf
    deadline_h: 2
    earliest_h: 3
    inputs:
      - raw
      - rav
    shapes:
      - {cpus: "8", memory_gib: 4, units_h: 1, accelerator: A100}
  - id: train
    kind: tuning
    tenant: research
    runs: 1
    apart_from: [train, nobody]
    shapes: []
"""


def _written(folder: Path, estate: str, jobs: str) -> tuple[Path, Path]:
    paths = folder / "estate.yaml", folder / "jobs.yaml"
    for path, text in zip(paths, (estate, jobs), strict=True):
        path.write_text(text)
    return paths


def test_all_faults_of_both_files_come_in_reading_order(tmp_path: Path) -> None:
    """No fault hides another: fields, references, relations, of the estate, then of the jobs."""
    with pytest.raises(InputError) as caught:
        read_input(*_written(tmp_path, ESTATE_YAML, JOBS_YAML))

    assert [
        ("estate.yaml:2", "slot_h"),
        ("estate.yaml:5", "sites[0].country"),
        ("estate.yaml:9", "datasets[0].tenant"),
        ("estate.yaml:9", "datasets[0].size_gb"),
        ("jobs.yaml:4", "jobs[0].tenant"),
        ("jobs.yaml:5", "jobs[0].units"),
        ("jobs.yaml:6", "jobs[0].deadline_h"),
        ("jobs.yaml:10", "jobs[0].inputs[1]"),
        ("jobs.yaml:12", "jobs[0].shapes[0].accelerators"),
        ("jobs.yaml:12", "jobs[0].shapes[0].cpus"),
        ("jobs.yaml:13", "jobs[1].id"),
        ("jobs.yaml:17", "jobs[1].apart_from[0]"),
        ("jobs.yaml:17", "jobs[1].apart_from[1]"),
        ("jobs.yaml:18", "jobs[1].shapes"),
    ] == [(Path(fault.where).name, fault.path) for fault in caught.value.faults]


def test_a_file_that_cannot_be_read_does_not_hide_the_faults_of_the_other(tmp_path: Path) -> None:
    """What the readable file says is checked alone."""
    paths = _written(tmp_path, ESTATE_YAML, "")
    with pytest.raises(InputError) as caught:
        read_input(*paths)

    assert "jobs.yaml: (file): expected YAML or JSON, got an empty file" in str(caught.value)
    assert "sites[0].country" in str(caught.value)


def test_each_file_can_be_read_alone(tmp_path: Path) -> None:
    """Alone, a file is held to everything but the other one."""
    jobs = changed(JOBS, ("jobs[0].tenant", "nobody"))
    paths = _written(tmp_path, json.dumps(ESTATE), json.dumps(jobs))

    assert "acme" == read_estate(paths[0]).name
    assert ["prepare", "train", "serve", "tune"] == [job.id for job in read_jobs(paths[1])]


def test_values_built_in_python_are_held_to_the_same_rules(tmp_path: Path) -> None:
    """Numbers, references and relations are checked wherever a value comes from."""
    paths = _written(tmp_path, json.dumps(ESTATE), json.dumps(JOBS))
    estate, jobs = read_input(*paths)
    wrong = replace(jobs[1], tenant="nobody", deadline_h=float("nan"))

    assert () == check_input(estate, jobs)
    assert [
        (
            "jobs: jobs[1].tenant: expected the id of a tenant, got 'nobody'; add the tenant or "
            "correct it"
        ),
        "jobs: jobs[1].deadline_h: expected a number above 0, got NaN, which is no number",
        "jobs: jobs[4].id: expected a job that is listed once, got 'tune' again; rename one",
    ] == [str(fault) for fault in check_input(estate, (jobs[0], wrong, *jobs[2:], jobs[3]))]
    assert ["slot_h"] == [one.path for one in check_input(replace(estate, slot_h=7.0), jobs)]


def test_values_of_the_wrong_type_are_told(tmp_path: Path) -> None:
    """What no type checker saw is no traceback either."""
    estate, jobs = read_input(*_written(tmp_path, json.dumps(ESTATE), json.dumps(JOBS)))
    wrong = replace(jobs[3], work="tune", shapes={3})  # type: ignore[arg-type]

    assert [
        "estate: sites: expected a list, got 5",
        (
            "jobs: jobs[0].kind: expected one of training, inference, preprocessing, tuning, got "
            "nothing"
        ),
        "jobs: jobs[0].shapes: expected a list with at least 1 item, got a set",
        "jobs: jobs[1]: expected a mapping, got the text 'train'",
    ] == [str(one) for one in check_input(replace(estate, sites=5), (wrong, "train"))]  # type: ignore[arg-type]


@pytest.mark.parametrize("read", [read_estate, read_jobs])
@pytest.mark.parametrize("whole", [5, [], "text", None])
def test_a_document_that_is_no_mapping_is_one_fault(
    whole: object, read: Callable[[Path], object], tmp_path: Path
) -> None:
    """Nothing is made up about what it could have said."""
    path = tmp_path / "file.json"
    path.write_text(json.dumps(whole))
    with pytest.raises(InputError) as caught:
        read(path)

    assert 1 == len(caught.value.faults)
    assert "(file): expected a mapping, got " in str(caught.value)
