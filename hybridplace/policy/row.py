"""Reads the rows of a decision table, and says all that is wrong with them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from hybridplace.errors import Fault, InputError
from hybridplace.model.job import (
    Checkpoint,
    Dataset,
    Inference,
    Job,
    Kind,
    Preprocessing,
    Training,
    Tuning,
    Work,
)
from hybridplace.model.site import Market, Site
from hybridplace.policy.ask import ACTIONS, PLACE


class Verdict(StrEnum):
    """What a row expects."""

    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a decision table: facts, and what the policies must answer.

    Parameters
    ----------
    case : str
        The row in words.
    subject : Job or Dataset
        A job for ``place``, else a dataset.
    datasets : tuple of Dataset
        What the job reads.
    by : tuple of str or None
        Ids of exactly the policies that decide, sorted; None is any.
    """

    case: str
    action: str
    subject: Job | Dataset
    datasets: tuple[Dataset, ...]
    site: Site
    market: Market
    confidential: tuple[str, ...]
    allow: bool
    by: tuple[str, ...] | None


# The fields of each part of a row: str, bool, float, a set of words, or tuple for a list of texts.
_DATA = {
    "id": str,
    "tenant": str,
    "size_gib": float,
    "homes": tuple,
    "labels": tuple,
    "origin": str,
}
_JOB = {
    "id": str,
    "tenant": str,
    "kind": Kind,
    "labels": tuple,
    "checkpointed": bool,
    "public": bool,
}
_SITE = {
    "id": str,
    "provider": str,
    "region": str,
    "country": str,
    "jurisdictions": tuple,
    "attestations": tuple,
    "own": bool,
}
_OFFER = {"market": Market, "confidential": tuple}
_ROW = {
    **dict.fromkeys(ACTIONS, dict),
    "case": str,
    "data": list,
    "site": dict,
    "offer": dict,
    "expect": Verdict,
    "by": tuple,
}
_TABLE = {"policies": tuple, "rows": list}

# Policies see the kind of work, not its size.
_WORK: dict[str, Work] = {
    Kind.TRAINING: Training(units=1.0),
    Kind.INFERENCE: Inference(load_rps=(1.0,), hours=1.0),
    Kind.PREPROCESSING: Preprocessing(data_gib=1.0),
    Kind.TUNING: Tuning(runs=1),
}


def rows(path: Path) -> tuple[tuple[str, ...], tuple[Row, ...]]:
    """Return the policies that a table is about, and its rows.

    Raises
    ------
    InputError
        With every fault: a file that cannot be read, a field that is unknown, missing or of the
        wrong type.
    """
    reader = _Reader(where=path.name)
    table = reader.fields("table", _parsed(path), _TABLE, needs=("policies", "rows"))
    found = [_row(reader, f"rows[{number}]", row) for number, row in enumerate(table["rows"])]
    if not found:
        reader.fault("rows", "at least one row", "none")
    if reader.faults:
        raise InputError(reader.faults)
    return table["policies"], tuple(row for row in found if row)


def _parsed(path: Path) -> Any:
    import yaml

    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        got = " ".join(str(error).split())
        fault = Fault(where=path.name, path="-", expected="a table in YAML", got=got)
        raise InputError([fault]) from None


@dataclass(slots=True)
class _Reader:
    """Takes fields out of plain values, and gathers what is wrong with them."""

    where: str
    faults: list[Fault] = field(default_factory=list)

    def fault(self, path: str, expected: str, got: str, remedy: str = "") -> None:
        found = Fault(where=self.where, path=path, expected=expected, got=got, remedy=remedy)
        self.faults.append(found)

    def fields(
        self, path: str, value: Any, kinds: Mapping[str, type], needs: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """Return the fields that are right; what is absent or wrong is empty."""
        read: dict[str, Any] = {
            name: kind() for name, kind in kinds.items() if kind in (tuple, list, dict)
        }
        if not isinstance(value, dict):
            self.fault(path, "a mapping", _shown(value))
            return read
        for name, given in value.items():
            if name in kinds:
                read |= self._field(f"{path}.{name}", name, given, kinds[name])
            else:
                near = difflib.get_close_matches(str(name), kinds, n=1)
                remedy = f"did you mean {near[0]}?" if near else ""
                self.fault(f"{path}.{name}", f"one of {', '.join(kinds)}", _shown(name), remedy)
        for name in needs:
            if name not in value:
                self.fault(path, f"the field {name}", "none")
        return read

    def _field(self, path: str, name: str, given: Any, kind: type) -> dict[str, Any]:
        if issubclass(kind, StrEnum):
            if given in [member.value for member in kind]:
                return {name: kind(given)}
            self.fault(path, f"one of {', '.join(kind)}", _shown(given))
        elif kind is tuple:
            if isinstance(given, list) and all(isinstance(item, str) for item in given):
                return {name: tuple(given)}
            self.fault(path, "a list of texts", _shown(given), "put words like NO in quotes")
        elif kind is float:
            if isinstance(given, int | float) and not isinstance(given, bool):
                return {name: float(given)}
            self.fault(path, "a number", _shown(given))
        elif isinstance(given, kind):
            return {name: given}
        else:
            words = {str: "a text", bool: "true or false", list: "a list", dict: "a mapping"}
            remedy = "put words like NO in quotes" if kind is str else ""
            self.fault(path, words[kind], _shown(given), remedy)
        return {}


def _row(reader: _Reader, path: str, value: Any) -> Row | None:
    before = len(reader.faults)
    row = reader.fields(path, value, _ROW, needs=("case", "site", "expect"))
    given = [action for action in ACTIONS if isinstance(value, dict) and action in value]
    if len(given) != 1:
        reader.fault(path, f"exactly one of {', '.join(ACTIONS)}", ", ".join(given) or "none")
    action = given[0] if given else PLACE
    site = reader.fields(f"{path}.site", row["site"], _SITE, needs=("country",))
    offer = reader.fields(f"{path}.offer", row["offer"], _OFFER)
    data = [
        reader.fields(f"{path}.data[{number}]", each, _DATA)
        for number, each in enumerate(row["data"])
    ]
    kinds, needs = (_JOB, ("kind",)) if action == PLACE else (_DATA, ())
    subject = reader.fields(f"{path}.{action}", row[action], kinds, needs)
    if len(reader.faults) > before:
        return None
    datasets = tuple(_dataset(f"data-{number}", each) for number, each in enumerate(data))
    return Row(
        case=row["case"],
        action=action,
        subject=_job(subject, datasets) if action == PLACE else _dataset("data", subject),
        datasets=datasets,
        site=Site(**{"id": "site", "provider": "example", "region": "example", **site}),
        market=offer.get("market", Market.ON_DEMAND),
        confidential=offer["confidential"],
        allow=row["expect"] == Verdict.ALLOW,
        by=tuple(sorted(row["by"])) if "by" in value else None,
    )


def _dataset(name: str, given: dict[str, Any]) -> Dataset:
    return Dataset(**{"id": name, "tenant": "example", "size_gib": 1.0, **given})


def _job(given: dict[str, Any], datasets: tuple[Dataset, ...]) -> Job:
    return Job(
        id=given.get("id", "job"),
        tenant=given.get("tenant", "example"),
        work=_WORK[given["kind"]],
        shapes=(),
        inputs=tuple(dataset.id for dataset in datasets),
        labels=given["labels"],
        checkpoint=Checkpoint(interval_h=1.0) if given.get("checkpointed") else None,
        public=given.get("public", False),
    )


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
