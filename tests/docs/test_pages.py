"""What the README and the tutorial show is what happens."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
HOSPITAL = ROOT / "examples" / "hospital"
PAGES = [*sorted(ROOT.glob("docs/**/*.md")), ROOT / "README.md"]
BIN = Path(sys.executable).parent


def _run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of a page as a shell would, with this environment's commands first."""
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        ["sh", "-ec", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def _blocks(text: str, language: str) -> list[str]:
    """Return the code blocks of a language; "" is those of none."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [body for name, body in found if name == language]


def test_readme_script_is_the_example():
    """The script in the README is the one that the tests run."""
    (shown,) = _blocks(README, "python")
    example = (HOSPITAL / "place.py").read_text()

    assert shown == example[example.index("import sys") :]
    assert 15 >= len([line for line in shown.splitlines() if line and "import" not in line])


def test_example_script_plans_and_explains():
    """The orchestration script runs to its end and places every job."""
    done = _run("python place.py", HOSPITAL)

    assert 0 == done.returncode, done.stderr
    assert "proven within 0.00%" in done.stdout
    assert 15 + 2 == len(done.stdout.splitlines())


def test_readme_table_is_what_the_baseline_prints():
    """The saving that the README claims is what its command measures."""
    done = _run("python baseline.py --json", HOSPITAL)
    rows = json.loads(done.stdout)

    shown = re.findall(
        r"^\| (own machines.*|any allowed.*?) \| ([\d.]+) USD \|", README, re.MULTILINE
    )
    carbon = re.findall(r"\| ([\d.]+) kg \|", README)
    assert [(row["plan"], f"{row['paid_usd']:.2f}") for row in rows] == shown
    assert [f"{row['carbon_kg']:.1f}" for row in rows] == carbon
    assert [0, 0, 0] == [row["left_out"] for row in rows]
    for row in rows[1:]:
        assert f"| {row['saved'] * 100:.0f} % |" in README


def test_tutorial_runs_as_written(tmp_path):
    """Each command of the tutorial, one after another, does what the page says."""
    text = (ROOT / "docs" / "tutorial.md").read_text()
    commands = re.findall(r"^\$ (.+)$", "".join(_blocks(text, "console")), re.MULTILINE)
    folder, told = tmp_path, []
    for command in commands:
        if command.startswith("cd "):
            folder = folder / command[3:]
            continue
        done = _run(command, folder)
        # 1 is "no": denied, or an action failed, as the page says.
        assert done.returncode in (0, 1), f"{command}: {done.stdout}{done.stderr}"
        told.append(done.stdout)

    assert "proven cheapest" in told[1]
    assert "certificate proves a bound" in told[2]
    assert "residency-eu-origin" in told[5]
    assert told[6].startswith("It costs ")
    assert "spot" in told[8]
    assert "0 leases left" in told[9]
    assert "InsufficientInstanceCapacity" in told[10]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page):
    """No page links to a file that is not there."""
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    local = [link for link in links if not link.startswith(("http", "mailto"))]

    assert [] == [link for link in local if not (page.parent / link).exists()]


def test_readme_commands_exist():
    """Every command and option that the README names is one."""
    lines = [line for block in _blocks(README, "") for line in block.splitlines()]
    commands = {
        shlex.split(line.split("#")[0])[1] for line in lines if line.startswith("hybridplace")
    }

    assert {"init", "plan", "explain", "whatif", "verify", "apply"} == commands
    for command in commands:
        assert 0 == _run(f"hybridplace {command} --help", ROOT).returncode
