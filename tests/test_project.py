"""The rules that hold over the whole tree, whoever writes the code."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import os
import pkgutil
import re
import statistics
import subprocess
import sys
import tomllib
import typing
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import hybridplace
import hybridplace.model

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 40
MAX_MEDIAN_FUNCTION_LINES = 10

Function = ast.FunctionDef | ast.AsyncFunctionDef


def _sources(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return sorted(path for path in found if not {"build", "dist"} & set(path.parts))


SHIPPED = [path for path in _sources("hybridplace", "plugins") if "tests" not in path.parts]
ALL = _sources("hybridplace", "plugins", "examples", "benchmarks", "tests")


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def _run(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(cwd)}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


# --- size and docstrings ---------------------------------------------------------------------


def test_files_are_short() -> None:
    """No file is longer than a reader's patience."""
    lines = {_name(path): len(path.read_text().splitlines()) for path in ALL}

    assert {} == {name: count for name, count in lines.items() if count > MAX_FILE_LINES}


def _length(function: Function) -> int:
    """Lines of the function without its docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def test_functions_are_short() -> None:
    """No function of the package or a plug-in is long, and most are very short."""
    lengths = {
        f"{_name(path)}:{function.lineno} {function.name}": _length(function)
        for path in SHIPPED
        for function in _functions(ast.parse(path.read_text()))
    }

    assert {} == {name: lines for name, lines in lengths.items() if lines > MAX_FUNCTION_LINES}
    assert statistics.median(lengths.values()) < MAX_MEDIAN_FUNCTION_LINES


def _public(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, ast.stmt]]:
    for node in body:
        if isinstance(node, ast.ClassDef | Function) and not node.name.startswith("_"):
            yield f"{prefix}{node.name}", node
            if isinstance(node, ast.ClassDef):
                yield from _public(node.body, f"{prefix}{node.name}.")


def _inherits_docstring(node: ast.stmt) -> bool:
    decorators = getattr(node, "decorator_list", [])
    return any(ast.unparse(decorator).split(".")[-1] == "override" for decorator in decorators)


def test_public_things_have_docstrings() -> None:
    """Every module, and every public class, function and method, says what it is for."""
    missing = []
    for path in SHIPPED:
        module = ast.parse(path.read_text())
        if module.body and not ast.get_docstring(module):
            missing.append(_name(path))
        for name, node in _public(module.body, ""):
            if not ast.get_docstring(node) and not _inherits_docstring(node):  # type: ignore[arg-type]
                missing.append(f"{_name(path)}:{node.lineno} {name}")

    assert [] == missing


# --- units in names --------------------------------------------------------------------------

UNITS = {"deg", "g", "gbps", "gib", "h", "hours", "kwh", "ms", "rps", "t", "usd", "w"}

# Counts and ratios have no unit; each with the reason why its name alone is clear.
DIMENSIONLESS = {
    "accelerator_load": "a share",
    "accelerators": "a count, halves and quarters included",
    "at_most": "in the unit that the measure beside it names",
    "cpus": "a count of virtual CPUs",
    "devices": "loads in accelerators, by index",
    "discount": "a share of the price",
    "efficiency": "a share of the linear speed-up",
    "hour_of_day": "in the unit that the measure beside it names",
    "hourly": "in the unit that the measure beside it names",
    "pue": "a ratio of energies",
    "quantile": "a share of the chances",
    "share": "a share of the requests",
    "units": "a count in the job's own unit",
    "weight": "relative to other tenants",
    "work_range": "factors of the stated work",
}


def _model_classes() -> list[type]:
    modules = [
        importlib.import_module(f"hybridplace.model.{found.name}")
        for found in pkgutil.iter_modules(hybridplace.model.__path__)
    ]
    members = [(module, member) for module in modules for member in vars(module).values()]
    return [
        member
        for module, member in members
        if dataclasses.is_dataclass(member)
        and isinstance(member, type)
        and member.__module__ == module.__name__
    ]


def _holds_float(hint: object) -> bool:
    return hint is float or any(_holds_float(part) for part in typing.get_args(hint))


def _float_fields() -> dict[str, str]:
    """Every float field of the model by its full name, with its short name."""
    found = {}
    for cls in _model_classes():
        hints = typing.get_type_hints(cls)
        for field in dataclasses.fields(cls):
            if _holds_float(hints[field.name]):
                found[f"{cls.__module__}.{cls.__name__}.{field.name}"] = field.name
    return found


def test_float_fields_name_their_unit() -> None:
    """Nobody has to guess whether a number is in hours or seconds, GiB or TB."""
    fields = _float_fields()

    assert len(fields) > 20, "the search found the model's fields"
    assert [] == [
        full
        for full, name in fields.items()
        if name.split("_")[-1] not in UNITS and name not in DIMENSIONLESS
    ]


def test_dimensionless_names_are_in_use() -> None:
    """The list of exceptions holds nothing that is gone."""
    assert set() == set(DIMENSIONLESS) - set(_float_fields().values())


def test_model_values_are_frozen_and_keyword_only() -> None:
    """A value of the model never changes, and its fields are always named."""
    classes = _model_classes()
    positional = {
        f"{cls.__name__}.{field.name}"
        for cls in classes
        for field in dataclasses.fields(cls)
        if not field.kw_only
    }

    assert set() == positional
    assert [] == [cls.__name__ for cls in classes if not vars(cls)["__dataclass_params__"].frozen]


# --- imports ---------------------------------------------------------------------------------

HEAVY = {"boto3", "cedarpy", "moto", "numpy", "ortools", "pandas", "pydantic", "scipy", "torch"}
HELP = "sys.argv = ['hybridplace', '--help']; from hybridplace.cli import main; main()"
ENTRIES = {"import": "import hybridplace", "help": HELP}


@pytest.mark.parametrize("entry", ENTRIES)
def test_start_imports_nothing_heavy(entry: str) -> None:
    """Importing the package, or asking for help, loads no solver, SDK or array library."""
    script = (
        "import atexit, sys\n"
        "loaded = lambda: print(','.join(sorted(sys.modules)), file=sys.stderr)\n"
        "atexit.register(loaded)\n" + ENTRIES[entry]
    )

    done = _run("-c", script)

    assert 0 == done.returncode, done.stderr
    loaded = set(done.stderr.strip().splitlines()[-1].split(","))
    assert "hybridplace" in loaded
    assert set() == HEAVY & loaded


PURE = [
    path
    for path in SHIPPED
    if re.fullmatch(r"hybridplace/(model/.*|units|errors)\.?(py)?", _name(path))
]


def _imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add("." * node.level + (node.module or ""))
    return names


def test_model_units_and_errors_use_the_standard_library_only() -> None:
    """The values and the verifier run wherever Python runs."""
    allowed = {"hybridplace.model", "hybridplace.units", "hybridplace.errors"}
    foreign = {
        _name(path): name
        for path in PURE
        for name in _imported(path)
        if name.split(".")[0] not in sys.stdlib_module_names
        and ".".join(name.split(".")[:2]) not in allowed
    }

    assert len(PURE) > 5, "the search found the pure modules"
    assert {} == foreign


def _lint_imports(tree: Path) -> subprocess.CompletedProcess[str]:
    script = "from importlinter.cli import lint_imports; exit(lint_imports(no_cache=True))"
    return _run("-c", script, cwd=tree)


def test_import_contracts_hold() -> None:
    """Imports go one way, and each heavy library has one home."""
    done = _lint_imports(ROOT)

    assert 0 == done.returncode, done.stdout
    assert "0 broken" in done.stdout


VIOLATIONS = {
    "upwards": ("units.py", "import hybridplace.model.job"),
    "siblings": ("errors.py", "import hybridplace.units"),
    "checker that trusts the solver": ("checker/check.py", "import hybridplace.solver.stop"),
    "foreign in model": ("model/job.py", "import numpy"),
    "ortools outside solver": ("plugin/interfaces.py", "import ortools"),
    "sdk outside plug-ins": ("plugin/interfaces.py", "import boto3"),
    "moto outside mock": ("plugin/interfaces.py", "import moto"),
    "pydantic outside io": ("plugin/interfaces.py", "import pydantic"),
    "cedarpy outside policy": ("plugin/interfaces.py", "import cedarpy"),
    "package without a layer": ("helpers.py", ""),
}


@pytest.mark.parametrize("violation", VIOLATIONS)
def test_import_contracts_can_break(violation: str, tmp_path: Path) -> None:
    """Each contract refuses what it is there to refuse."""
    file, statement = VIOLATIONS[violation]
    tree = tmp_path / "hybridplace"
    for path in (path for path in SHIPPED if _name(path).startswith("hybridplace/")):
        target = tmp_path / _name(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(path.read_text())
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    with (tree / file).open("a") as changed:
        changed.write(f"\n{statement}\n")

    done = _lint_imports(tmp_path)

    assert 1 == done.returncode, done.stdout
    assert "BROKEN" in done.stdout


# --- what is published -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    """Every file that git tracks."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def _private_words() -> set[str]:
    """Names of this machine that must not be written down: its folders and its package index."""
    words = {str(ROOT), str(ROOT.parent / "shared"), f"{Path.home()}/"}
    done = _run("-m", "pip", "config", "list")
    urls = re.findall(r"https?://[^\s'\"]+", done.stdout)
    urls += [value for name, value in os.environ.items() if "INDEX_URL" in name]
    words |= {urlsplit(url).hostname or "" for url in urls}
    return {word for word in words if len(word) > 4}


def test_no_file_names_a_machine_or_an_index(tracked: list[Path]) -> None:
    """What is published holds no path of a developer's machine and no package index."""
    generic = r"/(?:home|Users)/[a-z]|--(?:extra-)?index-url|--find-links|@ file:/"
    pattern = re.compile("|".join([generic, *map(re.escape, sorted(_private_words()))]))
    found = {}
    for path in set(tracked) - {Path(__file__).resolve()}:  # this file holds the pattern
        if match := pattern.search(path.read_text(errors="replace")):
            found[_name(path)] = match.group()

    assert {} == found


def test_the_wheel_holds_all_data(tracked: list[Path], tmp_path: Path) -> None:
    """Whatever lies in the package (typing marker, catalog, policies, schemas) is installed."""
    done = _run("-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path))
    assert 0 == done.returncode, done.stderr
    (wheel,) = tmp_path.glob("*.whl")

    held = set(zipfile.ZipFile(wheel).namelist())

    names = {_name(path) for path in tracked}
    assert set() == {name for name in names if name.startswith("hybridplace/")} - held
    assert "hybridplace/py.typed" in held
    assert any(name.endswith("/LICENSE") for name in held)


def _normal(requirement: str) -> str:
    return re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0].replace("_", "-").lower()


def test_every_dependency_is_pinned() -> None:
    """A fresh clone installs exactly what was tested."""
    project = PYPROJECT["project"]
    plugins = [tomllib.loads(path.read_text()) for path in ROOT.glob("plugins/*/pyproject.toml")]
    projects = [project, *(plugin["project"] for plugin in plugins)]
    asked = {
        _normal(requirement)
        for each in projects
        for group in [each.get("dependencies", []), *each.get("optional-dependencies", {}).values()]
        for requirement in group
    }
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]

    assert [] == [line for line in pins if "==" not in line]
    assert set() == asked - {_normal(line) for line in pins} - {"hybridplace"}


def test_ci_runs_what_the_readme_says() -> None:
    """Continuous integration ends with the very command that README gives to a newcomer."""
    readme = (ROOT / "README.md").read_text()

    assert "make test" in readme
    assert "\nmake test\n" in (ROOT / ".ci" / "run").read_text()
