"""The published JSON Schemas, the documented examples, and the reader agree."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridplace.errors import InputError
from hybridplace.io import (
    estate_schema,
    jobs_schema,
    read_estate,
    read_input,
    read_jobs,
    yamltext,
)
from tests.io import regenerate
from tests.io.conftest import ABSENT, ESTATE, JOBS, changed

ESTATES = jsonschema.Draft202012Validator(estate_schema())
OF_JOBS = jsonschema.Draft202012Validator(jobs_schema())


@pytest.mark.parametrize("schema", [estate_schema(), jobs_schema()], ids=["estate", "jobs"])
def test_schemas_are_json_schema_2020_12(schema: dict[str, Any]) -> None:
    """Any validator can use them."""
    jsonschema.Draft202012Validator.check_schema(schema)

    assert "https://json-schema.org/draft/2020-12/schema" == schema["$schema"]


def test_published_schemas_and_documented_fields_are_current() -> None:
    """`python -m tests.io.regenerate` was run after the last change of the forms."""
    for path, text in regenerate.schemas().items():
        assert text == path.read_text()
    assert regenerate.docs() == regenerate.DOCS.read_text()


def test_what_is_right_satisfies_the_schema() -> None:
    """An editor marks nothing in a right file."""
    assert [] == list(ESTATES.iter_errors(ESTATE))
    assert [] == list(OF_JOBS.iter_errors(JOBS))


def _paths(data: Any, path: str) -> list[str]:
    if isinstance(data, dict):
        below = [_paths(item, f"{path}.{key}".lstrip(".")) for key, item in data.items()]
    elif isinstance(data, list):
        below = [_paths(item, f"{path}[{index}]") for index, item in enumerate(data)]
    else:
        below = []
    return [path, *(one for each in below for one in each)]


ANYTHING = st.sampled_from(
    [ABSENT, None, True, "text", "", "a b", "1", 0, -1, 1, 0.3, 0.5, 1e6, [], [1], {}, {"x": 1}]
)
WHERE = st.sampled_from([*_paths(ESTATE, "")[1:], *_paths(JOBS, "")[1:]])


@given(WHERE, ANYTHING)
def test_what_the_schema_refuses_the_reader_refuses(
    tmp_path_factory: pytest.TempPathFactory, path: str, value: object
) -> None:
    """Whatever is put in whatever place: an editor never marks what would be read."""
    of_jobs = path.startswith("jobs")
    document = changed(JOBS if of_jobs else ESTATE, (path, value))
    file = tmp_path_factory.mktemp("file") / "file.json"
    file.write_text(json.dumps(document))
    marked = any((OF_JOBS if of_jobs else ESTATES).iter_errors(document))
    try:
        (read_jobs if of_jobs else read_estate)(file)
    except InputError:
        refused = True
    else:
        refused = False

    assert refused >= marked


BLOCKS = re.findall(r"```yaml\n(# yaml-language-server.*?)```", regenerate.DOCS.read_text(), re.S)


def test_the_documented_examples_are_right(tmp_path: Path) -> None:
    """Who copies the two files from the page can plan with them."""
    paths = tmp_path / "estate.yaml", tmp_path / "jobs.yaml"
    for path, block in zip(paths, BLOCKS, strict=True):
        path.write_text(block)

    _estate, jobs = read_input(*paths)

    assert {"training", "inference", "preprocessing", "tuning"} == {job.kind for job in jobs}
    assert [] == list(ESTATES.iter_errors(yamltext.parse("", BLOCKS[0]).data))
    # Every part of an estate is shown.
    assert set() == {name for name in estate_schema()["properties"] if name not in BLOCKS[0]}


EXAMPLES = sorted((regenerate.ROOT / "examples").glob("*/estate.yaml"))


@pytest.mark.parametrize("estate", EXAMPLES, ids=lambda path: path.parent.name)
def test_the_shipped_examples_are_right(estate: Path) -> None:
    """Each example folder holds an estate and jobs that fit it."""
    _, jobs = read_input(estate, estate.parent / "jobs.yaml")

    assert len(jobs) > 0
