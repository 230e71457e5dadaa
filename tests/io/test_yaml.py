"""What YAML means, and what is refused of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hybridplace.errors import InputError
from hybridplace.io import document, read_jobs, yamltext

LIMIT = document.MAX_VALUES
SCALARS = {
    "NO": "NO",
    "yes": "yes",
    "off": "off",
    "true": True,
    "False": False,
    "~": None,
    "": None,
    "1e3": 1000.0,
    "1E-3": 0.001,
    ".5": 0.5,
    "5.": 5.0,
    "-7": -7,
    "0777": 777,
    "0o17": 15,
    "0x1F": 31,
    "12:30": "12:30",
    "1_000": "1_000",
    "2026-01-05": "2026-01-05",
    "'5'": "5",
    '"true"': "true",
    ".inf": float("inf"),
    "-.INF": float("-inf"),
    "1e999": float("inf"),
    "=": "=",
}


@pytest.mark.parametrize("text", SCALARS)
def test_scalars_are_those_of_yaml_1_2(text: str) -> None:
    """Norway is no boolean, a time no base 60, a leading zero no octal, 1e3 a number."""
    data = yamltext.parse("f", f"key: {text}").data["key"]

    assert (type(SCALARS[text]), SCALARS[text]) == (type(data), data)


def _is_number(text: str) -> bool:
    """Say whether YAML 1.2 has a number where PyYAML may write a text without quotes."""
    try:
        float(text.replace("0o", "0"))
    except ValueError:
        return False
    return True


TEXT = st.text().filter(lambda text: not _is_number(text))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=12,
)


@given(PLAIN)
def test_whatever_pyyaml_writes_is_read_back(data: Any) -> None:
    """Nothing written by the common library is misread."""
    assert data == yamltext.parse("f", yaml.safe_dump(data)).data


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    """No text ends in a traceback."""
    try:
        told = str(yamltext.parse("f", text).where)
    except InputError as error:
        told = str(error)

    assert told.startswith("f")


def test_anchors_and_merges_work_and_own_keys_win() -> None:
    """What several jobs share can be written once."""
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {<<: [{x: 5}, *a]}\nd: *a\n"

    data = yamltext.parse("f", text).data

    assert {"x": 1, "y": 3} == data["b"]
    assert {"x": 5, "y": 2} == data["c"]
    assert {"x": 1, "y": 2} == data["d"]


def _refused(tmp_path: Path, text: str, name: str = "jobs.yaml") -> list[str]:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_jobs(path)
    return [str(fault).removeprefix(f"{tmp_path}/") for fault in caught.value.faults]


TWICE = "jobs:\n  - {id: a, id: b, kind: tuning, kind: tuning}\n"


def test_keys_that_stand_twice_are_told_with_every_other_fault(tmp_path: Path) -> None:
    """The second value would silently win."""
    words = "expected each key once, got {!r} more than once; remove all but one"
    told = _refused(tmp_path, TWICE)

    assert f"jobs.yaml:2: jobs[0].id: {words.format('id')}" in told
    assert f"jobs.yaml:2: jobs[0].kind: {words.format('kind')}" in told
    assert (
        "jobs.yaml:2: jobs[0].runs: expected a whole number of at least 1, got nothing at all; "
        in ("".join(told))
    )


def test_keys_that_stand_twice_in_json_are_told(tmp_path: Path) -> None:
    """JSON readers keep the last one, without a word."""
    assert [
        "jobs.json: jobs: expected each key once, got 'jobs' more than once; remove all but one"
    ] == _refused(tmp_path, '{"jobs": [], "jobs": []}', "jobs.json")


@pytest.mark.parametrize(
    ("tag", "told"),
    [
        ("!!python/object/apply:os.system ['true']", "!!python/object/apply:os.system"),
        ("!!python/name:os.system", "!!python/name:os.system"),
        ("!mine 3", "!mine"),
        ("!!int 3", "!!int"),
        ("!!binary aGk=", "!!binary"),
    ],
)
def test_tags_are_refused_and_never_followed(tag: str, told: str, tmp_path: Path) -> None:
    """A file of figures constructs nothing."""
    assert [
        f"jobs.yaml:1: jobs: expected plain YAML, got the tag {told}; remove the tag"
    ] == _refused(tmp_path, f"jobs: {tag}\n")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("jobs: [{<<: 5}]", "a mapping, or a list of mappings, after <<, got something else"),
        ("jobs: [{<<: [{}, a]}]", "a mapping, or a list of mappings, after <<, got something else"),
        ("jobs: [{[a]: 5}]", "names as keys, got a list or a mapping"),
    ],
)
def test_mappings_of_something_else_are_refused(text: str, told: str, tmp_path: Path) -> None:
    """Nothing that stands in a file is passed over."""
    assert [f"jobs.yaml:1: jobs[0]: expected {told}"] == _refused(tmp_path, text)


BOMB = "a0: &a0 [x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 400)
)
MERGE_BOMB = "a0: &a0 {x: 1}\n" + "".join(
    f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}\n" for n in range(1, 30)
)
WHOLE = {
    BOMB: f"expected at most {LIMIT} values, aliases written out, got more; use fewer aliases, or "
    "JSON",
    MERGE_BOMB: f"expected at most {LIMIT} values, aliases written out, got more; use fewer "
    "aliases, or JSON",
    "jobs: &a [*a]\n": "expected YAML, got lists or mappings nested without end",
    "# nothing\n": "expected YAML or JSON, got only comments",
    "   \n": "expected YAML or JSON, got an empty file",
    "- id: a\n": "expected a mapping, got a list",
    "jobs\n": "expected a mapping, got the text 'jobs'",
}


@pytest.mark.parametrize("text", WHOLE, ids=range(len(WHOLE)))
def test_a_file_that_is_wrong_as_a_whole_is_one_fault(text: str, tmp_path: Path) -> None:
    """Bombs are refused before they are written out."""
    (told,) = _refused(tmp_path, text)

    assert f"(file): {WHOLE[text]}" == told.split(": ", 1)[1]


@pytest.mark.parametrize(
    "text", ["jobs: [1\n", "jobs: {a: 1\n", "a: b: c\n", "*nobody\n", "a\n---\nb\n", "\tx: 1\n"]
)
def test_what_is_no_yaml_is_told_with_its_line(text: str, tmp_path: Path) -> None:
    """The parser's reason, and where it stopped."""
    (told,) = _refused(tmp_path, text)

    assert told.startswith("jobs.yaml:")
    assert ": (file): expected YAML, got " in told
    assert ", column " in told


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    """A hundred thousand brackets are no reason to crash."""
    for name, text in (("jobs.yaml", "[" * 100_000), ("jobs.json", "[" * 100_000)):
        (told,) = _refused(tmp_path, text, name)
        assert ": (file): expected " in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "jobs.json:1: (file): expected JSON, got expecting property name enclosed in double"),
        ('{"jobs":\n[1,]}', "jobs.json:2: (file): expected JSON, got "),
        ("1" * 5000, "jobs.json: (file): expected JSON, got a number with thousands of digits"),
    ],
)
def test_what_is_no_json_is_told_with_its_line(text: str, told: str, tmp_path: Path) -> None:
    """JSON files are read as JSON, not as the YAML that they nearly are."""
    (fault,) = _refused(tmp_path, text, "jobs.json")

    assert told == fault[: len(told)]


def test_a_number_of_thousands_of_digits_is_a_fault_of_its_field(tmp_path: Path) -> None:
    """Python itself would refuse to read it."""
    job = {"id": "a", "kind": "tuning", "tenant": "t", "runs": 1}
    text = json.dumps({"jobs": [job | {"shapes": []}]}).replace("1", "1" * 5000)

    told = _refused(tmp_path, text)

    assert (
        "jobs.yaml:1: jobs[0].runs: expected a whole number of at least 1, got a text of "
        in (told[0])
    )
