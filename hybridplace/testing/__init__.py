"""The conformance kit: proves that a provider keeps the contract.

::

    pytest --pyargs hybridplace.testing --provider static      # any installed provider

or, in a plug-in's own tests, a class derived from `ProviderSuite`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hybridplace.testing.suite import ProviderSuite

__all__ = ["ProviderSuite"]


def __getattr__(name: str) -> object:
    # pytest imports this package at every start, with or without --provider: the rest waits.
    if name == "ProviderSuite":
        from hybridplace.testing.suite import ProviderSuite

        return ProviderSuite
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
