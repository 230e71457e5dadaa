"""hybridplace: where, when and on what every AI job runs, at the lowest proven cost.

Names are loaded when they are first used: importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from os import PathLike

    from hybridplace.engine import Engine, Step
    from hybridplace.errors import (
        AuthError,
        CapacityError,
        Fault,
        HybridplaceError,
        InputError,
        PlanError,
        PluginError,
        PolicyError,
        ProviderError,
        QuotaError,
        TransientError,
    )
    from hybridplace.io import read_plan, write_plan
    from hybridplace.model.estate import Access, Estate, PriceOverlay, Quota
    from hybridplace.model.job import (
        Checkpoint,
        Dataset,
        Inference,
        Job,
        Mount,
        Preprocessing,
        Program,
        Shape,
        Tenant,
        Training,
        Tuning,
        Users,
    )
    from hybridplace.model.plan import (
        Action,
        Costs,
        Placement,
        Plan,
        Share,
        Status,
        Transfer,
        Unplaced,
    )
    from hybridplace.model.problem import Assumptions, Limit, LimitMeasure, Problem
    from hybridplace.model.site import (
        Lease,
        Link,
        Market,
        Measure,
        Node,
        Offer,
        Pool,
        Site,
    )
    from hybridplace.model.verify import breaches, verify
    from hybridplace.solver import Progress, Stop, solve
    from hybridplace.solver.explain import Explanation, explain

__all__ = [
    "Access",
    "Action",
    "Assumptions",
    "AuthError",
    "CapacityError",
    "Checkpoint",
    "Costs",
    "Dataset",
    "Engine",
    "Estate",
    "Explanation",
    "Fault",
    "HybridplaceError",
    "Inference",
    "InputError",
    "Job",
    "Lease",
    "Limit",
    "LimitMeasure",
    "Link",
    "Market",
    "Measure",
    "Mount",
    "Node",
    "Offer",
    "Placement",
    "Plan",
    "PlanError",
    "PluginError",
    "PolicyError",
    "Pool",
    "Preprocessing",
    "PriceOverlay",
    "Problem",
    "Program",
    "Progress",
    "ProviderError",
    "Quota",
    "QuotaError",
    "Shape",
    "Share",
    "Site",
    "Status",
    "Step",
    "Stop",
    "Tenant",
    "Training",
    "Transfer",
    "TransientError",
    "Tuning",
    "Unplaced",
    "Users",
    "breaches",
    "explain",
    "load",
    "read_plan",
    "solve",
    "verify",
    "write_plan",
]

_NAMES = {
    "engine": "Engine Step",
    "errors": "AuthError CapacityError Fault HybridplaceError InputError PlanError PluginError"
    " PolicyError ProviderError QuotaError TransientError",
    "io": "read_plan write_plan",
    "model.estate": "Access Estate PriceOverlay Quota",
    "model.job": "Checkpoint Dataset Inference Job Mount Preprocessing Program Shape Tenant"
    " Training Tuning Users",
    "model.plan": "Action Costs Placement Plan Share Status Transfer Unplaced",
    "model.problem": "Assumptions Limit LimitMeasure Problem",
    "model.site": "Lease Link Market Measure Node Offer Pool Site",
    "model.verify": "breaches verify",
    "solver": "Progress Stop solve",
    "solver.explain": "Explanation explain",
}
"""What comes from which module; the imports above tell the same to mypy and editors."""

_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}


def load(estate: str | PathLike[str], jobs: str | PathLike[str]) -> tuple[Estate, tuple[Job, ...]]:
    """Return the estate and the jobs of two files, checked against each other and the catalog.

    Raises
    ------
    InputError
        When anything is wrong in either file; names every fault.
    """
    from pathlib import Path

    from hybridplace import catalog
    from hybridplace.engine.engine import known_regions
    from hybridplace.io import read_input

    return read_input(Path(estate), Path(jobs), regions=known_regions(catalog.load()))


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"hybridplace.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
