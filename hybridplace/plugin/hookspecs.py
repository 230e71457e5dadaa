"""The hooks: a plug-in's module defines a function of that name, which hands over its parts.

A hook gets arguments by name, and a plug-in may take fewer than there are; so an argument can be
added without breaking anyone.
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from hybridplace.plugin.interfaces import Provider

PROJECT = "hybridplace"
PREFIX = "hybridplace_"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def hybridplace_providers() -> Iterable[type[Provider]]:
    """Return the classes of the providers that this plug-in adds, not objects of them.

    Each is made, with its `Settings`, only when an estate uses it. Called once for each load.
    """
    raise NotImplementedError("pluggy reads the signature and never calls this")
