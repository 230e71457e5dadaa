"""docs/solver.md names what is there, all of the arrays, and every formula of the bound."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
from dataclasses import fields
from functools import reduce
from pathlib import Path

import pytest

from hybridplace.solver import copies, instance, joint, pricing

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "solver.md").read_text()
NAMES = set(re.findall(r"`([a-z]+(?:\.\w+)+)`", PAGE))
ARRAYS = set(re.findall(r"`([A-Z]\w+\.\w+)`", PAGE))
CONTRACT = (
    instance.Jobs,
    instance.Options,
    instance.Hourly,
    instance.Data,
    instance.Instance,
    instance.Prices,
)
LAYERS = ("solver", "checker", "model")


def _is_there(name: str) -> bool:
    """Say whether the solver, the checker or the model has `module.member`, or a member of it."""
    module, *members = name.split(".")
    for layer in LAYERS:
        path = f"hybridplace.{layer}.{module}"
        if importlib.util.find_spec(path):
            try:
                reduce(getattr, members, importlib.import_module(path))
            except AttributeError:
                continue
            return True
    return False


@pytest.mark.parametrize("name", sorted(NAMES))
def test_what_the_page_names_is_there(name: str) -> None:
    """Whoever looks a formula up finds the function."""
    assert _is_there(name)


def test_a_name_that_is_not_there_would_be_found() -> None:
    """The search finds names, and tells which are none."""
    assert len(NAMES) > 80
    assert not _is_there("pricing.reduce_all")
    assert not _is_there("state.State.fit_all")


@pytest.mark.parametrize("array", CONTRACT, ids=lambda one: one.__name__)
def test_every_array_of_the_contract_is_on_the_page(array: type) -> None:
    """The page says what each array stands for in the formulas."""
    members = {f"{array.__name__}.{one.name}" for one in fields(array)}
    parts = {f"Instance.{name}" for name in ("jobs", "options", "hourly", "data", "slots")}

    assert set() == members - ARRAYS - parts


def test_arrays_that_the_page_names_are_there() -> None:
    """No array is named that the contract does not have."""
    there = {f"{array.__name__}.{one.name}" for array in CONTRACT for one in fields(array)}

    assert set() == ARRAYS - there


@pytest.mark.parametrize("module", [pricing, copies], ids=lambda module: module.__name__)
def test_every_formula_of_the_bound_is_on_the_page(module: object) -> None:
    """What prices prove can be followed from the page alone."""
    short = module.__name__.rsplit(".", 1)[-1]  # type: ignore[attr-defined]
    public = {
        f"{short}.{name}"
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__  # type: ignore[attr-defined]
        and not name.startswith("_")
    }

    assert set() == public - NAMES


def test_every_stage_is_on_the_page() -> None:
    """Whatever module the joint solver calls by name has its place."""
    source = inspect.getsource(joint)
    stages = set(re.findall(r"^from hybridplace\.solver\.(\w+) import", source, re.MULTILINE))

    assert len(stages) > 8
    assert set() == stages - {name.split(".")[0] for name in NAMES}


def test_every_doi_of_the_solver_is_on_the_page() -> None:
    """What a module that the page names cites, the page cites."""
    cited = {
        doi.rstrip(".,;)")
        for path in sorted((ROOT / "hybridplace" / "solver").glob("*.py"))
        if path.stem in {name.split(".")[0] for name in NAMES}
        for doi in re.findall(r"doi:(10\.[^\s\"]+)", path.read_text())
    }
    pages = PAGE + (ROOT / "docs" / "model.md").read_text()

    assert len(cited) > 15
    assert [] == sorted(doi for doi in cited if doi not in pages)
