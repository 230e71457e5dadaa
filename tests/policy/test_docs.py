"""What docs/policies.md says is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hybridplace.policy import check, shipped
from tests.policy.values import packs

PAGE = (Path(__file__).parents[2] / "docs" / "policies.md").read_text()


def _blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_example_holds(tmp_path):
    """The policies that the page shows are valid, and the table beside them holds."""
    (tmp_path / "lab.cedar").write_text(*_blocks("cedar"))
    (tmp_path / "lab.table.yaml").write_text(_blocks("yaml")[-1])

    done = check(["lab.cedar"], folder=tmp_path)

    assert 4 == len(done)
    assert [] == [str(outcome) for outcome in done if not outcome.holds]


def test_the_python_runs(monkeypatch, tmp_path, capsys):
    """The program that the page shows prints what it says."""
    monkeypatch.chdir(tmp_path)

    exec(compile(*_blocks("python"), "policies.md", "exec"), {})  # noqa: S102 (our own page)

    assert "None\n[]\n" == capsys.readouterr().out


@pytest.mark.parametrize("pack", shipped())
def test_the_page_lists_what_a_pack_knows(pack):
    """The row of a pack names every label and attestation that its policies compare with."""
    (row,) = re.findall(rf"^\| `{pack}` \|.*$", PAGE, flags=re.MULTILINE)
    text = "\n".join(policy.text for policy in packs(pack).policies)
    compared = re.findall(r"(?:labels|attestations)\.contains\w*\(\[?([^\])]*)", text)
    names = {name for part in compared for name in re.findall(r'"([^"]+)"', part)}

    assert set() == {name for name in names if f"`{name}`" not in row}
