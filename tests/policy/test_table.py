"""Decision tables: read with all their faults, run, and compared."""

from __future__ import annotations

import pytest

from hybridplace.errors import InputError
from hybridplace.policy import check, read_table, run_table
from tests.policy.values import PERMIT

SPOT_ROW = """
  - case: training on spot
    place: {kind: training}
    offer: {market: spot}
    site: {country: DE}
    expect: deny
    by: [spot-training]
"""


def _table(folder, rows, policies="[base, spot-safety]", name="mine.table.yaml"):
    path = folder / name
    path.write_text(f"policies: {policies}\nrows:{rows}")
    return path


def test_a_table_of_ones_own_is_run(tmp_path):
    """A row that holds says so."""
    (outcome,) = run_table(_table(tmp_path, SPOT_ROW))

    assert outcome.holds
    assert ["spot-training"] == [rule.id for rule in outcome.got.rules]


WRONG_ROWS = {
    "verdict": (SPOT_ROW.replace("deny", "allow"), "expected allow by spot-training"),
    "policy": (SPOT_ROW.replace("[spot-training]", "[spot-inference]"), "by spot-inference"),
    "too few": (SPOT_ROW.replace("[spot-training]", "[]"), "got deny by spot-training"),
}


@pytest.mark.parametrize("wrong", WRONG_ROWS)
def test_a_row_can_fail(wrong, tmp_path):
    """A row with another verdict, or by another policy, does not hold, and says what came."""
    rows, told = WRONG_ROWS[wrong]

    (outcome,) = run_table(_table(tmp_path, rows))

    assert not outcome.holds
    assert told in str(outcome)
    assert "mine.table.yaml: training on spot" in str(outcome)


def test_who_decides_may_be_left_open(tmp_path):
    """A row without `by` holds whoever decides."""
    (outcome,) = run_table(_table(tmp_path, SPOT_ROW.replace("by: [spot-training]", "")))

    assert outcome.holds


def test_check_runs_what_lies_beside(tmp_path):
    """Policies are checked with the tables of their packs and files, where there are any."""
    (tmp_path / "mine.cedar").write_text(PERMIT)
    (tmp_path / "bare.cedar").write_text(PERMIT.replace('"p"', '"q"'))
    _table(tmp_path, SPOT_ROW.replace("[spot-training]", "[p]"), policies="[mine.cedar]")

    done = check(["spot-safety", "mine.cedar", "bare.cedar"], folder=tmp_path)

    assert {"spot-safety.table.yaml", "mine.table.yaml"} == {outcome.table for outcome in done}
    assert ["mine.table.yaml"] == [outcome.table for outcome in done if not outcome.holds]


def test_check_says_all_that_is_wrong_with_tables(tmp_path):
    """The faults of several tables come at once."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.cedar").write_text(PERMIT.replace('"p"', f'"{name}"'))
        _table(tmp_path, " []", name=f"{name}.table.yaml")

    with pytest.raises(InputError) as caught:
        check(["a.cedar", "b.cedar"], folder=tmp_path)

    assert ["a.table.yaml", "b.table.yaml"] == [fault.where for fault in caught.value.faults]


FAULTS = {
    "not YAML": ("rows: [", "-"),
    "unsafe YAML": ("rows: !!python/object/apply:os.getcwd []", "-"),
    "nested too deeply": ("[" * 3000, "-"),
    "a text for a mapping": (
        f"policies: [base]\nrows:{SPOT_ROW.replace('{country: DE}', 'DE')}",
        "rows[0].site",
    ),
    "a list": ("- 1", "table"),
    "no rows": ("policies: [base]\nrows: []", "rows"),
    "unknown field": (f"policies: [base]\nraws: 1\nrows:{SPOT_ROW}", "table.raws"),
    "policies of a wrong type": (f"policies: base\nrows:{SPOT_ROW}", "table.policies"),
    "a row that is text": ("policies: [base]\nrows: [x]", "rows[0]"),
    "no action": (
        f"policies: [base]\nrows:{SPOT_ROW.replace('place: {kind: training}', '')}",
        "rows[0]",
    ),
    "two actions": (
        f"policies: [base]\nrows:{SPOT_ROW}    transfer: {{}}\n",
        "rows[0]",
    ),
    "unknown kind": (
        f"policies: [base]\nrows:{SPOT_ROW.replace('kind: training', 'kind: trainig')}",
        "rows[0].place.kind",
    ),
    "no kind": (
        f"policies: [base]\nrows:{SPOT_ROW.replace('kind: training', '')}",
        "rows[0].place",
    ),
    "Norway": (
        f"policies: [base]\nrows:{SPOT_ROW.replace('country: DE', 'country: NO')}",
        "rows[0].site.country",
    ),
    "labels of a wrong type": (
        f"policies: [base]\nrows:{SPOT_ROW.replace('kind: training', 'kind: training, labels: x')}",
        "rows[0].place.labels",
    ),
    "own of a wrong type": (
        f"policies: [base]\nrows:{SPOT_ROW.replace('country: DE', 'country: DE, own: x')}",
        "rows[0].site.own",
    ),
    "size of a wrong type": (
        f"policies: [base]\nrows:{SPOT_ROW}    data: [{{size_gib: big}}]\n",
        "rows[0].data[0].size_gib",
    ),
    "no country": (
        f"policies: [base]\nrows:{SPOT_ROW.replace('country: DE', '')}",
        "rows[0].site",
    ),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_wrong_table_is_refused(kind, tmp_path):
    """Each kind of mistake is a fault that names the table and the field."""
    text, path = FAULTS[kind]
    (tmp_path / "mine.table.yaml").write_text(text)

    with pytest.raises(InputError) as caught:
        read_table(tmp_path / "mine.table.yaml")

    assert ("mine.table.yaml", path) in [(each.where, each.path) for each in caught.value.faults]


def test_all_faults_of_a_table_come_at_once(tmp_path):
    """Faults in several rows are reported together, and near words are guessed."""
    rows = SPOT_ROW.replace("expect", "expects") + SPOT_ROW.replace("spot}", "spt}")

    with pytest.raises(InputError) as caught:
        read_table(_table(tmp_path, rows))

    assert [
        ("rows[0].expects", "did you mean expect?"),
        ("rows[0]", ""),
        ("rows[1].offer.market", ""),
    ] == [(fault.path, fault.remedy) for fault in caught.value.faults]


def test_a_table_that_is_not_there_is_a_fault(tmp_path):
    """A path without a file behind it is named."""
    with pytest.raises(InputError, match=r"gone\.yaml: -: expected a table in YAML"):
        read_table(tmp_path / "gone.yaml")
