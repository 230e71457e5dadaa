"""Plan files: what is written comes back, and nothing else does."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridplace.errors import InputError, PlanError
from hybridplace.io import dumps_plan, planfile, read_plan, write_plan
from hybridplace.model.canonical import digest
from hybridplace.model.plan import Costs, Plan, Status
from tests.io.drawing import plans
from tests.problems import NAMED, small_problems

PROBLEM = NAMED["pipeline"]
PLAN = Plan(
    placements=(),
    transfers=(),
    unplaced=(),
    status=Status.OPTIMAL,
    costs=Costs(rejection_usd=400.0),
    objective_usd=400.0,
    bound_usd=400.0,
    carbon_g=None,
    solver="exact",
    seed=7,
    problem_digest=PROBLEM.digest,
)
TEXT = dumps_plan(PLAN, PROBLEM)
AGAIN = "; make the plan again; to change one, change its input"
CHANGED = f"(file): expected the bytes that were written, got edited or damaged content{AGAIN}"


def _refusal(folder: Path, content: str | bytes) -> str:
    path = folder / "plan.json"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InputError) as caught:
        read_plan(path)
    return str(caught.value).removeprefix(f"{path}: ")


@given(st.data())
def test_plans_and_problems_come_back(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Each value is the one that was written, and so are the digests."""
    problem = data.draw(st.sampled_from(list(NAMED.values())) | small_problems())
    plan = data.draw(plans(problem))
    path = tmp_path_factory.mktemp("plan") / "plan.json"

    write_plan(path, plan, problem)

    assert (plan, problem) == read_plan(path)
    assert problem.digest == read_plan(path)[1].digest
    assert dumps_plan(*read_plan(path)) == path.read_text()


@given(st.data())
def test_a_file_in_which_any_byte_has_changed_is_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """White space, digits, letters of the digest: nothing can be altered."""
    content = bytearray(TEXT.encode())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))

    assert "(file): " in _refusal(tmp_path_factory.mktemp("plan"), bytes(content))


@given(st.integers(0, len(TEXT) - 1))
def test_a_file_that_was_cut_off_is_refused(
    tmp_path_factory: pytest.TempPathFactory, length: int
) -> None:
    """A half-written file is no plan, wherever it ends."""
    assert "(file): expected " in _refusal(tmp_path_factory.mktemp("plan"), TEXT[:length])


def test_the_plan_comes_first_and_can_be_read() -> None:
    """Who opens the file sees the plan line by line, and the problem as one line below it."""
    lines = TEXT.splitlines()

    assert '  "format": "hybridplace-plan",' == lines[1]
    assert '    "objective_usd": 400,' in lines
    assert lines[-2].startswith('  "problem": {"assumptions":')
    assert ["format", "version", "digest", "plan", "problem"] == list(json.loads(TEXT))


def _altered(**changes: Any) -> str:
    """Return the file with parts replaced, and its digest made to fit."""
    content = {**json.loads(TEXT), **changes}
    rest = {key: value for key, value in content.items() if key != "digest"}
    return planfile._layout({**content, "digest": digest(rest)})


_CONTENT = json.loads(TEXT)
REFUSED = {
    "": "(file): expected a plan file of hybridplace, got something else",
    "jobs: []": "(file): expected a plan file of hybridplace, got something else",
    "{}": "(file): expected a plan file of hybridplace, got another JSON document",
    "[]": "(file): expected a plan file of hybridplace, got another JSON document",
    TEXT[:-20]: f"(file): expected a whole plan file, got one cut off or damaged{AGAIN}",
    TEXT + "\n": CHANGED,
    TEXT.replace('"seed": 7', '"seed": 8'): CHANGED,
    TEXT.replace("  ", " "): CHANGED,
    TEXT.replace('"seed": 7', '"seed": NaN'): "(file): expected a whole plan file, got one cut off "
    f"or damaged{AGAIN}",
    _altered(version=2): "(file): expected version 1 or older, got version 2; update hybridplace",
    _altered(version=0): "(file): expected a plan file of hybridplace, got other keys, or no "
    f"version{AGAIN}",
    _altered(version=True): "(file): expected a plan file of hybridplace, got other keys, or no "
    f"version{AGAIN}",
    _altered(plan={**_CONTENT["plan"], "problem_digest": "sha256:0"}): "(file): expected a plan "
    f"for the problem beside it, got a plan that was made for another problem{AGAIN}",
    _altered(plan=5): "(file): expected a plan for the problem beside it, got a plan that was made "
    f"for another problem{AGAIN}",
    _altered(plan={**_CONTENT["plan"], "seed": "x"}): "plan.seed: expected a whole number, got the "
    f"text 'x'{AGAIN}",
    _altered(plan={**_CONTENT["plan"], "mood": 1}): "plan.mood: expected fields of Plan, got an "
    f"unknown field{AGAIN}",
    _altered(plan={**_CONTENT["plan"], "status": "best"}): "plan.status: expected a Status, got "
    f"the text 'best'{AGAIN}",
    _altered(plan={**_CONTENT["plan"], "transfers": {}}): "plan.transfers: expected a list, got an "
    f"empty mapping{AGAIN}",
    _altered(plan={**_CONTENT["plan"], "unplaced": [{"job": "a", "reasons": [["b"]]}]}): "plan."
    f"unplaced[0].reasons[0]: expected a list of 2, got a list of 1{AGAIN}",
    _altered(plan={key: _CONTENT["plan"][key] for key in _CONTENT["plan"] if key != "solver"}): (
        f"plan.solver: expected a value, got nothing{AGAIN}"
    ),
    _altered(
        plan={**_CONTENT["plan"], "costs": 5}
    ): f"plan.costs: expected a mapping, got 5{AGAIN}",
    "[" * 100_000: "(file): expected a plan file of hybridplace, got something else",
}


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_what_is_no_plan_of_ours_is_refused_with_the_reason(text: str, tmp_path: Path) -> None:
    """Not ours, cut off, newer, edited, or for another problem: each is told apart."""
    assert REFUSED[text] == _refusal(tmp_path, text)


def test_a_problem_that_is_not_well_formed_is_refused(tmp_path: Path) -> None:
    """A digest that fits does not make up for a job whose tenant is nobody."""
    problem = {**_CONTENT["problem"], "tenants": []}
    plan = {**_CONTENT["plan"], "problem_digest": digest(problem)}

    assert "expected the id of a tenant" in _refusal(tmp_path, _altered(plan=plan, problem=problem))


def test_a_plan_for_another_problem_is_not_written() -> None:
    """The file would be refused by every reader."""
    with pytest.raises(PlanError, match="the plan was made for the problem sha256:"):
        dumps_plan(PLAN, NAMED["spot"])


@pytest.mark.parametrize("make", [Path.mkdir, None])
def test_a_plan_that_cannot_be_written_is_told_and_leaves_nothing(
    make: Any, tmp_path: Path
) -> None:
    """A folder in its place, or no folder to be in."""
    path = tmp_path / "plan.json" if make else tmp_path / "no" / "plan.json"
    if make:
        make(path)
    with pytest.raises(InputError, match=r"\(file\): expected (a file|the path) .*, got "):
        write_plan(path, PLAN, PROBLEM)

    assert ([path] if make else []) == list(tmp_path.iterdir())


def test_a_crash_while_writing_leaves_the_old_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new file takes the old one's place only when all of it is on the disk."""
    path = tmp_path / "plan.json"
    old = dumps_plan(PLAN, PROBLEM)
    path.write_text(old)
    monkeypatch.setattr(os, "fsync", _full)
    with pytest.raises(InputError, match="got no space left on device"):
        write_plan(path, PLAN, PROBLEM)

    assert {"plan.json": old} == {one.name: one.read_text() for one in tmp_path.iterdir()}


def _full(descriptor: int) -> None:
    raise OSError(28, "No space left on device")
