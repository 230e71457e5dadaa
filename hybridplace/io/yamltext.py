"""YAML as YAML 1.2 reads it: ``NO`` is text, ``1e3`` a number, ``12:30`` text, ``0777`` is 777.

PyYAML follows YAML 1.1, where these are a boolean, a text, 750 and 511. Only its parser is used
here; nothing is ever constructed from a tag.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from hybridplace.errors import InputError
from hybridplace.io.document import (
    MAX_VALUES,
    Document,
    FieldPath,
    Finding,
    refusal,
    repeated,
)

_TAG = "tag:yaml.org,2002:"
_CONSTANTS = {"null": None, "~": None, "": None, "true": True, "false": False}
_CONSTANT = re.compile(r"null|Null|NULL|~||true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_PLAIN = re.compile(rf"{_CONSTANT.pattern}|{_INT.pattern}|{_FLOAT.pattern}|{_NOT_FINITE.pattern}")

_Base: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """Tags plain scalars as YAML 1.2 does; merge keys stay, since many files use them."""


_Loader.yaml_implicit_resolvers = {
    None: [(_TAG + "plain", re.compile(rf"(?:{_PLAIN.pattern})$"))],
    "<": [(_TAG + "merge", re.compile("<<$"))],
}


def parse(where: str, text: str) -> Document:
    """Return the document that a YAML text is.

    Raises
    ------
    InputError
        When it is not one YAML document, or holds loops or too many values.
    """
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise _not_yaml(where, error) from None
    except RecursionError:
        raise _too_deep(where) from None
    if root is None:
        raise refusal(where, "YAML or JSON", "only comments")
    _refuse_bombs(where, root)
    findings: list[Finding] = []
    data = _plain(root, (), findings)
    return Document(where=where, data=data, root=root, findings=tuple(findings))


def _refuse_bombs(where: str, root: yaml.Node) -> None:
    try:
        count = _count(root, {})
    except RecursionError:
        raise _too_deep(where) from None
    if count > MAX_VALUES:
        expected = f"at most {MAX_VALUES} values, aliases written out"
        raise refusal(where, expected, "more", "use fewer aliases, or JSON")


def _not_yaml(where: str, error: yaml.YAMLError) -> InputError:
    mark = getattr(error, "problem_mark", None)
    place = f"{where}:{mark.line + 1}" if mark else where
    reason = getattr(error, "problem", None) or "characters that YAML does not allow"
    column = f", column {mark.column + 1}" if mark else ""
    return refusal(place, "YAML", f"{reason}{column}")


def _too_deep(where: str) -> InputError:
    return refusal(where, "YAML", "lists or mappings nested without end")


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _count(node: yaml.Node, known: dict[int, int]) -> int:
    """Return how many values a node becomes; one that holds itself recurses without end."""
    if id(node) not in known:
        known[id(node)] = 1 + sum(_count(child, known) for child in _children(node))
    return known[id(node)]


def _plain(node: yaml.Node, path: FieldPath, findings: list[Finding]) -> Any:
    if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
        return _mapping(node, path, findings)
    if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
        return [_plain(item, (*path, index), findings) for index, item in enumerate(node.value)]
    if isinstance(node, yaml.ScalarNode) and node.tag in (_TAG + "str", _TAG + "merge"):
        return node.value
    if isinstance(node, yaml.ScalarNode) and node.tag == _TAG + "plain":
        return _scalar(node.value)
    tag = node.tag.replace(_TAG, "!!")
    got = f"the tag {tag}"
    findings.append(Finding(path=path, expected="plain YAML", got=got, remedy="remove the tag"))
    return None


def _scalar(text: str) -> Any:
    if _CONSTANT.fullmatch(text):
        return _CONSTANTS[text.lower()]
    if _INT.fullmatch(text):
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        # Python refuses thousands of digits; as a text, they are a fault of their field.
        return int(text, base) if len(text) < 1000 else text
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


def _mapping(node: yaml.MappingNode, path: FieldPath, findings: list[Finding]) -> dict[str, Any]:
    own = [key for key, _ in node.value if key.tag != _TAG + "merge"]
    merges = [value for key, value in node.value if key.tag == _TAG + "merge"]
    if not all(isinstance(one, yaml.MappingNode) for value in merges for one in _sources(value)):
        expected = "a mapping, or a list of mappings, after <<"
        findings.append(Finding(path=path, expected=expected, got="something else"))
    if not all(isinstance(key, yaml.ScalarNode) for key in own):
        findings.append(Finding(path=path, expected="names as keys", got="a list or a mapping"))
    data = {
        name: _plain(value, (*path, name), findings) for name, (_, value) in _flat(node).items()
    }
    names = [key.value for key in own if isinstance(key, yaml.ScalarNode)]
    return data if len(set(names)) == len(names) else repeated(data, names)


def _flat(node: yaml.MappingNode) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """Return (key, value) by name; what a merge key brings in gives way to the mapping's own."""
    own: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    merged: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    for key, value in node.value:
        if key.tag == _TAG + "merge":
            for source in reversed(_sources(value)):
                merged |= _flat(source) if isinstance(source, yaml.MappingNode) else {}
        elif isinstance(key, yaml.ScalarNode):
            own.setdefault(key.value, (key, value))
    return {**{name: pair for name, pair in merged.items() if name not in own}, **own}


def _sources(merge: yaml.Node) -> list[yaml.Node]:
    return list(merge.value) if isinstance(merge, yaml.SequenceNode) else [merge]


def line_of(root: yaml.Node, path: FieldPath) -> int:
    """Return the line, from 1, of a field, or of the nearest thing around it that is there."""
    node, line = root, root.start_mark.line
    for key in path:
        if isinstance(node, yaml.MappingNode) and key in (flat := _flat(node)):
            name, node = flat[str(key)]
            line = name.start_mark.line
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            node = node.value[key]
            line = node.start_mark.line
        else:
            break
    return int(line) + 1
