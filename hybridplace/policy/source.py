"""Reads the text of policies: one by one, so that every fault is found and has its line."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from hybridplace.errors import Fault
from hybridplace.model.problem import Rule
from hybridplace.policy.facts import PACKS

DEFAULT_DENY = "default-deny"

_SCOPE = ("principal", "action", "resource")
_ENTITIES = {"Job", "Dataset", "Site"}
# Cedar's parser exhausts the stack, and ends the process, at some 1,000 brackets in each other,
# and at a chain of some 100,000 characters.
_MAX_DEPTH = 64
_MAX_CHARACTERS = 30_000
_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|[;(){}\[\]]', re.DOTALL)
_BLANK = re.compile(r"(?:\s+|//[^\n]*)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One policy of a file.

    Parameters
    ----------
    where, line : str, int
        The file as the user named it, and the line on which the policy begins.
    forbids : bool
        Whether it is a ``forbid``, else a ``permit``.
    open : bool
        It has neither scope nor condition: what it says, it says of everything.
    reads : frozenset of str
        Attributes it looks at, as ``principal.labels``.
    """

    where: str
    line: int
    text: str
    rule: Rule
    forbids: bool
    open: bool
    reads: frozenset[str]


def schema_text() -> str:
    """Return the Cedar schema: what a policy can ask about."""
    return (PACKS / "schema.cedarschema").read_text(encoding="utf-8")


def parse(where: str, text: str) -> tuple[list[Policy], list[Fault]]:
    """Return the policies of a file, and all that is wrong with the others."""
    policies, faults = [], []
    for line, statement in _statements(text):
        found = _parse_one(where, line, statement)
        if isinstance(found, Policy):
            policies.append(found)
        else:
            faults += found
    if not policies and not faults:
        faults = [_fault(where, 1, "at least one policy", "none", "write one, or leave it out")]
    return policies, faults


def duplicates(policies: Iterable[Policy]) -> list[Fault]:
    """Return a fault for each policy whose id another one has, or that is reserved."""
    policies = list(policies)
    times = Counter(policy.rule.id for policy in policies)
    taken = [p for p in policies if times[p.rule.id] > 1 or p.rule.id == DEFAULT_DENY]
    remedy = "rename one of them: an explanation must name one policy"
    return [
        _fault(p.where, p.line, "an @id that no other policy has", f'@id("{p.rule.id}")', remedy)
        for p in taken
    ]


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Split at the semicolons outside strings and comments; yield first line and text of each."""
    start = 0
    for token in _TOKEN.finditer(text):
        if token.group() == ";":
            yield _located(text, start, token.end())
            start = token.end()
    rest = _located(text, start, len(text))
    if rest[1]:
        yield rest


def _located(text: str, start: int, end: int) -> tuple[int, str]:
    blank = _BLANK.match(text, start, end)
    begin = blank.end() if blank else start
    return text.count("\n", 0, begin) + 1, text[begin:end]


def _depth(text: str) -> int:
    """Return how many brackets stand in each other at most, outside strings and comments."""
    depth = deepest = 0
    for found in _TOKEN.findall(text):
        depth += (found in "([{") - (found in ")]}")
        deepest = max(deepest, depth)
    return deepest


def _parse_one(where: str, line: int, text: str) -> Policy | list[Fault]:
    import cedarpy

    deep = _fault(where, line, "a policy", "one too long or nested too deeply", "write several")
    if len(text) > _MAX_CHARACTERS or _depth(text) > _MAX_DEPTH:
        return [deep]
    try:
        parsed = json.loads(cedarpy.policies_to_json_str(text))
    except ValueError as error:
        remedy = "see docs/policies.md and https://docs.cedarpolicy.com"
        return [_fault(where, line, "a policy in Cedar", str(error), remedy)]
    except RecursionError:
        return [deep]
    if parsed["templates"]:
        return [_fault(where, line, "a policy", "a template", "write what ?principal stands for")]
    (policy,) = parsed["staticPolicies"].values()
    annotations = policy.pop("annotations", {})
    faults = [
        *_annotation_faults(where, line, annotations),
        *_entity_faults(where, line, policy),
        *_schema_faults(where, line, text),
    ]
    if faults:
        return faults
    return Policy(
        where=where,
        line=line,
        text=text,
        rule=Rule(
            id=annotations["id"],
            reason=annotations["reason"],
            article=annotations.get("article") or "",
        ),
        forbids=policy["effect"] == "forbid",
        open=not policy["conditions"] and {"All"} == {policy[part]["op"] for part in _SCOPE},
        reads=_reads(policy),
    )


def _annotation_faults(where: str, line: int, annotations: dict[str, str | None]) -> list[Fault]:
    wanted = {"id": "a name that explanations show", "reason": "a sentence that says why"}
    return [
        _fault(where, line, f"@{name}", "none", f'add @{name}("..."): {what}')
        for name, what in wanted.items()
        if not (annotations.get(name) or "").strip()
    ]


def _entity_faults(where: str, line: int, policy: dict[str, Any]) -> list[Fault]:
    """Refuse entities by name: equal jobs and sites are asked about together, under no name."""
    found = [*_values(policy, "entity"), *_values(policy, "__entity")]
    entities = [
        value for value in found if isinstance(value, dict) and {"type", "id"} <= set(value)
    ]
    return [
        _fault(
            where,
            line,
            "an attribute",
            f'{entity["type"]}::"{entity["id"]}"',
            f'compare the id instead: principal.id or resource.id == "{entity["id"]}"',
        )
        for entity in entities
        if entity["type"] in _ENTITIES
    ]


def _schema_faults(where: str, line: int, text: str) -> list[Fault]:
    import cedarpy

    result = cedarpy.validate_policies(text, _schema())
    messages = [re.sub(r"^for policy `[^`]*`, ", "", error.error) for error in result.errors]
    remedy = "docs/policies.md lists actions and attributes"
    return [_fault(where, line, "what the schema has", told, remedy) for told in messages]


def _reads(policy: dict[str, Any]) -> frozenset[str]:
    reads = set()
    for access in [*_values(policy, "."), *_values(policy, "has")]:
        of = access["left"].get("Var") if "attr" in access else None
        # Where it cannot be told whose attribute it is, it counts for all.
        owners = [of] if of else ["principal", "resource", "context"]
        reads |= {f"{owner}.{access.get('attr')}" for owner in owners}
    return frozenset(reads)


def _values(tree: object, key: str) -> list[Any]:
    """Return every value that stands under `key` anywhere in the tree, however deep."""
    found, left = [], [tree]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            found += [value for name, value in node.items() if name == key]
            left += node.values()
        elif isinstance(node, list):
            left += node
    return found


def _fault(where: str, line: int, expected: str, got: str, remedy: str) -> Fault:
    return Fault(where=where, path=f"line {line}", expected=expected, got=got, remedy=remedy)


@cache
def _schema() -> Any:
    import cedarpy

    return cedarpy.Schema.from_str(schema_text())
