"""What plug-in authors import."""

from hybridplace.plugin.hookspecs import hookimpl
from hybridplace.plugin.interfaces import (
    API_VERSION,
    KEY_REUSE,
    Feature,
    Notice,
    Provider,
    Request,
    Settings,
)

__all__ = [
    "API_VERSION",
    "KEY_REUSE",
    "Feature",
    "Notice",
    "Provider",
    "Request",
    "Settings",
    "hookimpl",
]
