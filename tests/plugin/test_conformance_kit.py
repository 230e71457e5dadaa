"""The conformance kit passes an honest provider and catches each dishonest one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

import pytest

from hybridplace.testing.suite import ProviderSuite
from tests.plugin.honest import Honest
from tests.plugin.saboteurs import WRONG

ROOT = Path(__file__).parents[2]
CHECKS = {name for name in dir(ProviderSuite) if name.startswith("test_")}
SUITES = """
from tests.plugin.honest import Honest, suite
from tests.plugin.saboteurs import WRONG
globals().update({f"Test{one.__name__}": suite(one) for one in (Honest, *WRONG)})
"""
DODGER = """
import pytest
from tests.plugin.honest import Honest, suite

class TestDodger(suite(Honest)):
    def test_ids_are_unique(self): pass
    def test_gang(self): pass

class TestOpen(suite(Honest)):
    @pytest.mark.xfail(reason="one zone only", strict=False)
    def test_gang(self): assert False
"""
THRIFTY = """
import pytest
from hybridplace.testing import ProviderSuite
from tests.plugin.honest import Honest

class TestThrifty(ProviderSuite):
    @pytest.fixture
    def provider_class(self): return Honest
    @pytest.fixture(autouse=True)
    def nothing_was_bought(self, bench):
        yield
        assert not bench.listed()
"""


def run(folder: Path, text: str) -> dict[str, dict[str, set[str]]]:
    """Run a test file in a pytest of its own; return the checks per class and outcome."""
    (folder / "test_suites.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml=out.xml"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
    found = defaultdict(lambda: defaultdict(set))
    report = ElementTree.parse(folder / "out.xml")  # noqa: S314 - we have just written it
    for case in report.iter("testcase"):
        outcome = case[0].tag if len(case) else "passed"
        found[case.get("classname").split(".")[-1]][outcome].add(case.get("name"))
    return found


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Run all suites once."""
    return run(tmp_path_factory.mktemp("suites"), SUITES)


def test_an_honest_provider_passes_every_check(outcomes):
    """No check fails or is skipped on a provider that keeps the contract with all features."""
    assert {"passed": CHECKS} == outcomes["TestHonest"]


@pytest.mark.parametrize("saboteur", WRONG, ids=lambda saboteur: saboteur.__name__)
def test_a_saboteur_fails_exactly_its_own_check(outcomes, saboteur):
    """What is wrong in one way fails one check, so that a failure names the fault."""
    found = outcomes[f"Test{saboteur.__name__}"]
    assert ({WRONG[saboteur]}, set()) == (found["failure"], found["error"])


def test_every_check_has_a_saboteur():
    """A check that nothing fails could be empty; the one on overriding has its own test."""
    assert {"test_no_check_is_left_out"} == CHECKS - set(WRONG.values())


def test_a_check_cannot_be_overridden_away(tmp_path):
    """Overriding is told, unless it is an xfail with a reason."""
    outcomes = run(tmp_path, DODGER)
    assert {"test_no_check_is_left_out"} == outcomes["TestDodger"]["failure"]
    assert set() == outcomes["TestOpen"]["failure"]


def kit(*arguments: str, cwd) -> subprocess.CompletedProcess[str]:
    """Run the kit's command line as a plug-in author would."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rs", *arguments]
    return subprocess.run(
        [*command, "--pyargs", "hybridplace.testing"],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_installed_provider_is_proven_by_name(tmp_path):
    """The command of the documentation works, and tells why a feature was skipped."""
    done = kit("--provider", "static", cwd=tmp_path)
    assert 0 == done.returncode, done.stdout
    assert f"{len(CHECKS) - 4} passed, 4 skipped" in done.stdout
    assert "provider 'static' does not declare the feature SPOT" in done.stdout


def test_a_wrong_name_stops_with_one_line(tmp_path):
    """A misspelt provider runs nothing and lists what is installed."""
    done = kit("--provider", "statik", cwd=tmp_path)
    assert 4 == done.returncode
    told = [line for line in done.stderr.splitlines() if line]
    assert 1 == len(told)
    assert told[0].startswith("ERROR: no provider 'statik'; installed: ")
    assert "static" in told[0]


def test_no_name_is_an_error(tmp_path):
    """Without a provider the run fails: all skipped would look like success."""
    done = kit(cwd=tmp_path)
    assert 4 == done.returncode
    assert "ERROR: name the provider: --provider NAME; installed: " in done.stderr


def test_a_wrong_option_is_an_error(tmp_path):
    """An option without a value is refused before anything runs."""
    done = kit("--provider", "static", "--provider-option", "file", cwd=tmp_path)
    assert 4 == done.returncode
    assert "--provider-option: expected KEY=VALUE, got 'file'" in done.stderr


def test_an_unknown_option_is_an_error(tmp_path):
    """One that the provider does not declare is refused, with those that it does."""
    done = kit("--provider", "static", "--provider-option", "fil=x", cwd=tmp_path)
    assert 4 == done.returncode
    told = "provider 'static' has no option 'fil' (did you mean 'file'?); its options: file"
    assert told in done.stderr


def test_money_is_spent_only_when_allowed(tmp_path):
    """A provider of rented machines that is not on loopback fails instead of buying."""
    failed = run(tmp_path, THRIFTY)["TestThrifty"]["failure"]
    assert {"test_one_key_makes_one_lease", "test_spot", "test_gang"} <= failed


def test_pytest_starts_without_the_kit():
    """Without --provider, pytest's start imports neither the suite nor the plug-in manager."""
    code = (
        "import sys, hybridplace.testing.pytest_plugin\n"
        "print([name for name in sys.modules if name.startswith('hybridplace')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    known = ["hybridplace", "hybridplace.testing", "hybridplace.testing.pytest_plugin"]
    assert str(known) == done.stdout.strip()
    assert Honest.name not in done.stdout
