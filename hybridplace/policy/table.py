"""Decision tables: what a pack must answer, row by row, as its author and its lawyers read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hybridplace.errors import Fault, InputError
from hybridplace.policy.decide import Decision, explain
from hybridplace.policy.load import PolicySet, load
from hybridplace.policy.row import Row, rows

SUFFIX = ".table.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A decision table: rows, and the policies they are about.

    Parameters
    ----------
    policies : tuple of str
        As in an estate; paths are relative to the table's folder.
    """

    name: str
    policies: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the policies answered to a row."""

    table: str
    row: Row
    got: Decision

    @property
    def holds(self) -> bool:
        """Say whether the answer is the expected one, decided by exactly the expected policies."""
        deciding = tuple(rule.id for rule in self.got.rules)
        return self.row.allow == self.got.allowed and self.row.by in (None, deciding)

    def __str__(self) -> str:
        got = "allow" if self.got.allowed else "deny"
        want = "allow" if self.row.allow else "deny"
        by = f" by {', '.join(self.row.by)}" if self.row.by is not None else ""
        deciding = ", ".join(rule.id for rule in self.got.rules)
        return f"{self.table}: {self.row.case}: expected {want}{by}, got {got} by {deciding}"


def read_table(path: Path) -> Table:
    """Read a decision table.

    Raises
    ------
    InputError
        With everything that is wrong with the file.
    """
    policies, found = rows(path)
    return Table(name=path.name, policies=policies, rows=found)


def run_table(path: Path) -> tuple[Outcome, ...]:
    """Ask the policies that a table names for each of its rows.

    Raises
    ------
    InputError
        The table or a policy is invalid.
    PolicyError
        A policy could not be evaluated.
    """
    table = read_table(path)
    return outcomes(table, load(table.policies, folder=path.parent))


def outcomes(table: Table, policies: PolicySet) -> tuple[Outcome, ...]:
    """Ask these policies, instead of those that the table names, for each row."""
    return tuple(
        Outcome(table=table.name, row=row, got=_decision(policies, row)) for row in table.rows
    )


def check(names: Sequence[str], *, folder: Path) -> tuple[Outcome, ...]:
    """Load policies, and run the table of each pack and file that has one beside it.

    The table of ``gdpr.cedar`` is ``gdpr.table.yaml``.

    Raises
    ------
    InputError
        With everything that is wrong with the policies, or with the tables.
    PolicyError
        A policy could not be evaluated.
    """
    files = load(names, folder=folder).files
    tables = [path for path in (file.with_suffix(SUFFIX) for file in files) if path.is_file()]
    done: list[Outcome] = []
    faults: list[Fault] = []
    for path in tables:
        try:
            done += run_table(path)
        except InputError as error:
            faults += error.faults
    if faults:
        raise InputError(faults)
    return tuple(done)


def _decision(policies: PolicySet, row: Row) -> Decision:
    return explain(
        policies,
        row.subject,
        row.site,
        datasets=row.datasets,
        market=row.market,
        confidential=row.confidential,
        action=row.action,
    )
