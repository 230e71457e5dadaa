"""Every noun of the code is explained, once, in a list that can be looked through."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import hybridplace
import hybridplace.model
from hybridplace.errors import Fault

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "glossary.md").read_text()
ENTRIES = re.findall(r"^\| \*\*(.+?)\*\* \| ", TEXT, re.MULTILINE)


def _nouns() -> set[str]:
    """Names of the public classes; errors are explained where they are, as a tree."""
    modules = [
        importlib.import_module(f"hybridplace.model.{found.name}")
        for found in pkgutil.iter_modules(hybridplace.model.__path__)
    ]
    found = {
        member
        for module in modules
        for member in vars(module).values()
        if isinstance(member, type) and member.__module__ == module.__name__
    }
    found |= {
        member
        for name in hybridplace.__all__
        if isinstance(member := getattr(hybridplace, name), type)
    }
    return {
        member.__name__
        for member in found - {Fault}
        if not member.__name__.startswith("_") and not issubclass(member, Exception)
    }


def test_every_public_class_is_explained() -> None:
    """A class is an entry of its own, or named in code type by the entry that it belongs to."""
    nouns = _nouns()

    assert {"Engine", "Lease", "Verb"} <= nouns, "the search found the classes"
    assert set() == nouns - set(ENTRIES) - set(re.findall(r"`(\w+)`", TEXT))


def test_entries_stand_once_and_in_order() -> None:
    """Who looks for a word finds it by the alphabet."""
    assert sorted(set(ENTRIES), key=str.lower) == ENTRIES
