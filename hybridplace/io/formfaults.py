"""A document held against a form: every fault, and the data with what is faulty marked."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from hybridplace.io.constraints import PATTERNS, Form
from hybridplace.io.decode import UNREADABLE
from hybridplace.io.document import FieldPath, Finding, number, told
from hybridplace.io.estate_form import EstateForm
from hybridplace.io.jobs_form import KINDS, JobForm, JobsForm
from hybridplace.io.unknown import instead_of, nearest

Schema = dict[str, Any]


def check_estate(data: Any) -> tuple[list[Finding], Any]:
    """Return what an estate file gets wrong, and its data with the faulty parts unreadable."""
    return _marked(data, list(_findings(EstateForm, data, ())))


def check_jobs(data: Any) -> tuple[list[Finding], Any]:
    """Return what a jobs file gets wrong, and its data with the faulty parts unreadable."""
    findings: list[Finding] = []
    for finding in _findings(JobsForm, data, ()):
        if finding.path[:1] == ("jobs",) and len(finding.path) == 2 and finding.got == _NO_KIND:
            findings += _kindless(data["jobs"][finding.path[1]], finding.path)
        else:
            findings.append(finding)
    return _marked(data, findings)


_NO_KIND = "no kind"


def _kindless(job: dict[str, Any], path: FieldPath) -> Iterator[Finding]:
    """Check a job of an unknown kind as one of the kind that was probably meant."""
    kind = job.get("kind")
    meant = nearest(kind, KINDS) if isinstance(kind, str) else []
    yield Finding(
        path=(*path, "kind"),
        expected=f"one of {', '.join(KINDS)}",
        got=told(kind),
        remedy=f"write {meant[0]}" if meant else "",
    )
    if meant:
        yield from _findings(KINDS[meant[0]], {**job, "kind": meant[0]}, path)
    else:
        common = {key: job[key] for key in job if key in JobForm.model_fields}
        yield from _findings(JobForm, common, path)


def _findings(form: type[Form], data: Any, top: FieldPath) -> Iterator[Finding]:
    try:
        form.model_validate(data)
    except ValidationError as error:
        schema = form.model_json_schema()
        for details in error.errors(include_url=False, include_context=False):
            yield _finding(details, schema, top)


_KNOWN = "a known field"
_MISSING = "nothing at all"


def _finding(error: ErrorDetails, schema: Schema, top: FieldPath) -> Finding:
    parent, here, path = _follow(schema, error["loc"])
    full = (*top, *path)
    match error["type"]:
        case "extra_forbidden":
            return _unknown(str(path[-1]), parent, full)
        case "union_tag_invalid" | "union_tag_not_found":
            return Finding(path=full, expected="", got=_NO_KIND)
    missing = error["type"] == "missing"
    return Finding(
        path=full,
        expected=expectation(here, schema),
        got=_MISSING if missing else told(error["input"]),
        remedy=f"add {path[-1]}" if missing else _remedy(error["input"], here),
    )


def _unknown(name: str, parent: Schema, path: FieldPath) -> Finding:
    known = parent["properties"]
    kinds = [kind for kind, form in KINDS.items() if name in form.model_fields]
    meant, remedy = instead_of(name, known)
    if "shapes" in known and kinds:
        meant, remedy = None, f"remove it, it is for jobs of kind {', '.join(kinds)}"
    return Finding(path=path, expected=_KNOWN, got=repr(name), remedy=remedy, meant=meant)


def _remedy(value: object, schema: Schema) -> str:
    if isinstance(value, str) and _type(schema) in ("number", "integer"):
        plain = value.replace("_", "")
        return f"write {plain}, without quotes" if _is_number(plain) else ""
    if type(value) in (int, float) and _type(schema) == "string":
        return "write it in quotes"
    allowed = schema.get("enum", ())
    near = nearest(value, allowed) if isinstance(value, str) else []
    return f"write {near[0]}" if near else ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _type(schema: Schema) -> Any:
    return next((one.get("type") for one in schema.get("anyOf", ())), schema.get("type"))


def _follow(root: Schema, location: tuple[int | str, ...]) -> tuple[Schema, Schema, FieldPath]:
    """Return the schema around and of a location, and its path: without the tags of unions."""
    parent: Schema = {}
    here = _resolved(root, root)
    path: list[int | str] = []
    for key in location:
        if "oneOf" in here and key in KINDS:
            here = _resolved({"$ref": here["discriminator"]["mapping"][key]}, root)
            continue
        if key == _THE_KEY and "patternProperties" in parent:
            here = {"type": "string", "pattern": next(iter(parent["patternProperties"]))}
            continue
        parent, here = here, _resolved(_below(here, key), root)
        path.append(key)
    return parent, here, tuple(path)


_THE_KEY = "[key]"
"""What pydantic writes after a key that is itself wrong."""


def _below(schema: Schema, key: int | str) -> Schema:
    """Return the schema of an item, of a field, or of what any key of a mapping may have."""
    if isinstance(key, int):
        found: Schema = schema.get("items", {})
    else:
        patterned: dict[str, Schema] = schema.get("patternProperties", {})
        any_key = next(iter(patterned.values()), {})
        found = schema.get("properties", {}).get(key, any_key)
    return found


def _resolved(schema: Schema, root: Schema) -> Schema:
    """Return what a schema refers to; of one that may be null, the other part."""
    parts = [part for part in schema.get("anyOf", ()) if part != {"type": "null"}]
    if len(parts) == 1:
        return _resolved(parts[0], root)
    if "$ref" in schema:
        found: Schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
        return found
    return schema


def expectation(schema: Schema, root: Schema) -> str:
    """Return in words what a schema asks for."""
    schema = _resolved(schema, root)
    if "anyOf" in schema:
        return " or ".join(expectation(part, root) for part in schema["anyOf"])
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    if "const" in schema:
        return str(schema["const"])
    match schema.get("type"):
        case "string":
            return PATTERNS.get(schema.get("pattern", ""), "a text")
        case "number" | "integer":
            return _number_words(schema)
        case "boolean":
            return "true or false"
        case "array":
            return "a list with at least 1 item" if schema.get("minItems") else "a list"
    return "a mapping"


def _number_words(schema: Schema) -> str:
    kind = "a whole number" if schema["type"] == "integer" else "a number"
    bounds = {
        "minimum": "of at least",
        "exclusiveMinimum": "above",
        "maximum": "of at most",
        "exclusiveMaximum": "below",
    }
    told_bounds = [f"{word} {number(schema[key])}" for key, word in bounds.items() if key in schema]
    return f"{kind} {' and '.join(told_bounds)}".strip()


def _marked(data: Any, findings: Collection[Finding]) -> tuple[list[Finding], Any]:
    """Return the findings, and a copy of the data without unknown fields and faulty values."""
    marked = {"": copy.deepcopy(data) if findings else data}
    for finding in findings:
        _mark(marked, ("", *finding.path), finding)
    # A field under a wrong name is not missing as well.
    meant = {(*finding.path[:-1], finding.meant) for finding in findings}
    told_once = [one for one in findings if one.got != _MISSING or one.path not in meant]
    return told_once, marked[""]


def _mark(data: Any, path: FieldPath, finding: Finding) -> None:
    *around, last = path
    for key in around:
        data = data[key]
    if finding.expected != _KNOWN:
        data[last] = UNREADABLE
        return
    data.pop(last, None)
    if finding.meant is not None:
        data.setdefault(finding.meant, UNREADABLE)
