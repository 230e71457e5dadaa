"""Writes what is made from the input forms: ``python -m tests.io.regenerate``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hybridplace import io
from hybridplace.io.formfaults import expectation
from hybridplace.io.jobs_form import JobForm

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs" / "input.md"
BEGIN, END = "<!-- fields of {} -->", "<!-- end -->"


def schemas() -> dict[Path, str]:
    """Return the text of each published schema file."""
    folder = ROOT / "hybridplace" / "io" / "schemas"
    named = {"estate": io.estate_schema(), "jobs": io.jobs_schema()}
    return {
        folder / f"{name}.schema.json": json.dumps(schema, indent=1) + "\n"
        for name, schema in named.items()
    }


def docs() -> str:
    """Return the page on input files with its tables made anew."""
    text = DOCS.read_text()
    for name, rows in _tables():
        begin = BEGIN.format(name)
        before, rest = text.split(f"{begin}\n", 1)
        after = rest.split(END, 1)[1]
        text = f"{before}{begin}\n{rows}{END}{after}"
    return text


def _tables() -> Iterator[tuple[str, str]]:
    common = JobForm.model_json_schema()
    yield "JobForm", _table(common, common, {})
    for root in (io.estate_schema(), io.jobs_schema()):
        for name, schema in {root["title"]: root, **root["$defs"]}.items():
            if name != "JobsForm" and "properties" in schema:
                known = common["properties"] if "kind" in schema["properties"] else {}
                yield name, _table(schema, root, known)


def _table(schema: dict[str, Any], root: dict[str, Any], known: dict[str, Any]) -> str:
    rows = [_row(name, schema, root) for name in schema["properties"] if name not in known]
    return "| field | is | if absent | means |\n|---|---|---|---|\n" + "".join(rows)


def _row(name: str, schema: dict[str, Any], root: dict[str, Any]) -> str:
    field = schema["properties"][name]
    absent = "needed" if name in schema.get("required", ()) else _default(field.get("default"))
    is_a = expectation(field, root)
    return f"| `{name}` | {is_a} | {absent} | {field.get('description', '')} |\n"


def _default(value: Any) -> str:
    match value:
        case None | [] | "" | {}:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(value)
        case dict():
            return "as below"
        case float():
            return f"{value:g}"
    return str(value)


if __name__ == "__main__":
    for path, text in schemas().items():
        path.write_text(text)
    DOCS.write_text(docs())
