"""Which mocked cloud stands in for which provider."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from hybridplace.mock.cloud import MockCloud

CLOUDS = {"aws": "hybridplace.mock.aws:MockAws"}
"""By provider, where the class is; it is imported when it is used."""


def cloud_class(provider: str) -> type[MockCloud]:
    """Return the mocked cloud of a provider.

    Raises
    ------
    KeyError
        When there is none.
    """
    module, _, name = CLOUDS[provider].partition(":")
    found: type[MockCloud] = getattr(import_module(module), name)
    return found


def actions(providers: Iterable[str] = tuple(CLOUDS)) -> frozenset[str]:
    """Return the names of the calls that the mocked clouds of some providers answer."""
    return frozenset().union(*(cloud_class(name).actions for name in providers))
