"""docs/model.md names every formula and every rule, and nothing that is not there."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from hybridplace.model import (
    capacity,
    cost,
    data,
    fairness,
    forecast,
    run,
    verify,
    verify_placement,
)
from hybridplace.model.plan import Costs
from hybridplace.solver.exact import FAMILIES

PAGE = (Path(__file__).parents[2] / "docs" / "model.md").read_text()
ON_PAGE = set(re.findall(r"`([a-z_]+\.[A-Za-z_]+)`", PAGE))
RULES = (*verify._FIRST, *verify._THEN, *verify._LAST, *verify_placement._RULES)


def _exists(module: str, member: str) -> bool:
    """Say whether the model, the solver or the checker of certificates has it."""
    layers = [f"hybridplace.{layer}.{module}" for layer in ("model", "solver", "checker")]
    found = [importlib.import_module(one) for one in layers if importlib.util.find_spec(one)]
    return any(hasattr(one, member) for one in found)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_every_constraint_family_is_on_the_page(family: Any) -> None:
    """The exact model is stated as it is built."""
    module = family.__module__.rpartition(".")[2]
    assert f"{module}.{family.__name__}" in ON_PAGE


def test_what_the_page_names_exists() -> None:
    """Every `module.name` is in the model."""
    missing = {
        name
        for name in ON_PAGE
        for module, _, member in [name.partition(".")]
        if not _exists(module, member)
    }

    assert len(ON_PAGE) > 40, "the search found the names"
    assert set() == missing


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_rule_is_on_the_page(rule: object) -> None:
    """Whoever reads the page knows all rules."""
    module = rule.__module__.rsplit(".", 1)[-1]  # type: ignore[attr-defined]

    assert f"{module}.{rule.__name__}" in ON_PAGE  # type: ignore[attr-defined]


@pytest.mark.parametrize("module", [run, forecast, fairness, cost, data, capacity, verify])
def test_every_formula_is_on_the_page(module: object) -> None:
    """Every public function of the modules that compute is in one of the tables."""
    short = module.__name__.rsplit(".", 1)[-1]  # type: ignore[attr-defined]
    public = {
        f"{short}.{name}"
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__  # type: ignore[attr-defined]
        and not name.startswith("_")
    }

    assert set() == public - ON_PAGE


@pytest.mark.parametrize("line", Costs.__slots__)
def test_every_cost_line_is_on_the_page(line: str) -> None:
    """No line of a bill goes unexplained."""
    assert f"| `{line}` |" in PAGE
