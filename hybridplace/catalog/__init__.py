"""A dated snapshot of sites, offers, accelerators, tariffs and latency, with its sources."""

from hybridplace.catalog.catalog import (
    Accelerator,
    Catalog,
    MachineType,
    Source,
    find,
    load,
    unknown_regions,
)

__all__ = [
    "Accelerator",
    "Catalog",
    "MachineType",
    "Source",
    "find",
    "load",
    "unknown_regions",
]
