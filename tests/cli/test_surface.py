"""What `import hybridplace` gives."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import hybridplace

SOURCE = Path(hybridplace.__file__).read_text()


def _typed() -> dict[str, str]:
    """Return the module of each name that editors and mypy see."""
    guarded = next(
        node
        for node in ast.parse(SOURCE).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    return {
        alias.name: node.module
        for node in guarded.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hybridplace")
        for alias in node.names
    }


def test_all_names_are_those_that_editors_see():
    """`__all__` holds exactly what is imported for types, and `load`."""
    assert sorted([*_typed(), "load"]) == sorted(hybridplace.__all__)


@pytest.mark.parametrize("name", _typed())
def test_names_are_the_things_themselves(name):
    """Each name gives the very object of the module that editors are told of."""
    assert getattr(import_module(_typed()[name]), name) is getattr(hybridplace, name)


def test_unknown_names_are_refused():
    """A name that the package lacks is told like that of any module."""
    with pytest.raises(AttributeError, match="module 'hybridplace' has no attribute 'Jobs'"):
        hybridplace.Jobs  # noqa: B018


def test_dir_lists_the_surface():
    """Completion in a Python shell shows the public names."""
    assert hybridplace.__all__ == sorted(dir(hybridplace), key=hybridplace.__all__.index)


def test_values_load_nothing_heavy():
    """Building jobs in Python needs neither solver nor array library."""
    script = (
        "import sys, hybridplace; hybridplace.Job, hybridplace.Estate, hybridplace.verify;"
        "heavy = {'numba', 'numpy', 'ortools', 'pydantic', 'cedarpy', 'click', 'rich'};"
        "print(heavy & set(sys.modules))"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )

    assert "set()" == done.stdout.strip(), done.stderr


def test_a_plan_is_three_lines(estate, jobs, now):
    """Files become a plan that holds, without any other import."""
    found, asked = hybridplace.load(estate, str(jobs))
    with hybridplace.Engine(found) as engine:
        problem = engine.problem(asked, now=now)
        plan = engine.plan(problem)

    assert () == plan.unplaced
    assert () == hybridplace.breaches(problem, plan)
