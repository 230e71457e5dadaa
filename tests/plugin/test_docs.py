"""The page for plug-in authors is true: its code runs, and its words are ours."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from hybridplace.plugin.contract import option_faults
from hybridplace.plugin.interfaces import OF_AN_ACCOUNT, Feature, Provider
from hybridplace.plugin.manager import load_plugins
from tests.plugin.test_manager import BROKEN, plugin

PAGE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)


def _blocks(language: str) -> list[str]:
    return [text for kind, text in BLOCKS if kind == language]


@pytest.fixture
def folder(tmp_path):
    """Give a folder with the page's single file in it."""
    (tmp_path / "hybridplace_lab.py").write_text(_blocks("python")[0])
    return tmp_path


def _pytest(folder, *arguments):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_page_ends_with_a_provider_that_passes_the_kit(folder):
    """The file and the command of the page, as they stand, pass every check that applies."""
    (command,) = [text for text in _blocks("sh") if text.startswith("pytest")]
    done = _pytest(folder, *command.split()[1:])
    assert 0 == done.returncode, done.stdout
    assert " passed, 4 skipped" in done.stdout


def test_the_file_of_an_estate_is_loaded(folder, monkeypatch):
    """The estate's lines name the file and the provider that is in it."""
    estate = yaml.safe_load(_blocks("yaml")[0])
    monkeypatch.chdir(folder)
    plugins = load_plugins(estate["plugins"], names=["lab"])
    (info,) = plugins.infos
    assert (None, "1.0", ("lab",)) == (info.error, info.version, info.providers)
    assert [entry["provider"] for entry in estate["providers"]] == list(plugins.providers)


def test_the_options_of_the_page_are_those_of_aws():
    """What the page sets can be set, and what it says is the same everywhere is there."""
    (access,) = yaml.safe_load(_blocks("yaml")[1])["providers"]
    provider = load_plugins().providers[access["provider"]]
    assert () == option_faults(provider, access["options"])
    assert set(OF_AN_ACCOUNT) <= set(provider.options)
    assert [] == [name for name in OF_AN_ACCOUNT if f"`{name}` (" not in PAGE]


def test_the_package_is_found_by_its_entry_point(folder, monkeypatch):
    """The page's pyproject.toml builds a wheel whose plug-in is found without naming a file."""
    (folder / "pyproject.toml").write_text(_blocks("toml")[0])
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    subprocess.run(command, cwd=folder, capture_output=True, check=True)
    (wheel,) = (folder / "dist").iterdir()
    monkeypatch.syspath_prepend(str(wheel))  # Python imports from a wheel as it is
    (found,) = load_plugins(names=["lab"]).infos
    assert ("hybridplace-lab", None, ("lab",)) == (found.origin, found.error, found.providers)


def test_the_suite_of_a_package_passes(folder):
    """The page's own test file passes, beside the plug-in."""
    (folder / "test_lab.py").write_text(_blocks("python")[1])
    done = _pytest(folder, "test_lab.py")
    assert 0 == done.returncode, done.stdout
    assert " passed, 4 skipped" in done.stdout


def test_every_refusal_is_in_the_page(tmp_path):
    """Whatever a plug-in is refused for is in the table, in the very words; and nothing else is."""
    table = PAGE[PAGE.index("| Fault | Words |") :].splitlines()[2:]
    rows = [line.split("|")[2].strip() for line in table if line.startswith("|")]
    patterns = {row: re.sub(r"\bERROR\b", ".+", re.escape(row)) for row in rows}
    patterns = {row: re.sub(r"\b[A-Z]{4,}\b", "[^;]+", text) for row, text in patterns.items()}
    errors = [error for texts in _refused(tmp_path) for error in texts]
    met = {
        error: [row for row, pattern in patterns.items() if re.fullmatch(pattern, error, re.DOTALL)]
        for error in errors
    }
    assert [] == [error for error, rows in met.items() if not rows]
    assert set(rows) == {row for rows in met.values() for row in rows}


def _refused(folder):
    """Yield the errors of every kind of broken plug-in."""
    for number, (text, _) in enumerate(BROKEN.values()):
        (folder / str(number)).mkdir()
        yield _errors(plugin(folder / str(number), "acme", text))
    for name, provider in (("a", "x"), ("b", "x")):
        (folder / name).mkdir()
        plugin(folder / name, "acme", provider="x")
        plugin(folder / name, name, provider=provider)
    yield _errors(folder / "a" / "acme.py", folder / "b" / "acme.py")
    yield _errors(folder / "a" / "a.py", folder / "b" / "b.py")


def _errors(*files):
    names = {file.stem for file in files}
    return [info.error for info in load_plugins(files, names=names).infos]


def test_every_method_and_feature_is_in_the_page():
    """The page names each method of the interface and each feature."""
    methods = {name for name in vars(Provider) if not name.startswith("_")}
    methods -= {"name", "api_version", "features", "options"}
    promised = PAGE[PAGE.index("| Method |") : PAGE.index("What is optional")]
    assert set() == {name for name in methods if f"`{name}(" not in promised}
    assert set() == {feature for feature in Feature if f"`{feature}`" not in PAGE}
