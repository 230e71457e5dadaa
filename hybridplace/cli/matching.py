"""Whether a plan was made for what the estate and jobs files say now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybridplace.errors import Fault, InputError

if TYPE_CHECKING:
    from hybridplace.engine import Engine
    from hybridplace.model.job import Job
    from hybridplace.model.problem import Problem

NAMED = 3
"""How many ids are told of each part that differs."""

FROM_OFFERS = frozenset({"offers", "pools", "links", "denials"})
"""What live prices change, and so is not compared where the estate asks for them."""


def refuse_other_problem(
    engine: Engine, jobs: Sequence[Job], problem: Problem, plan_path: Path, *, folder: Path
) -> None:
    """Gather the problem again, as of the plan's own start, and hold it against the plan's.

    No provider is asked for live prices: where the estate wants them, everything but offers, and
    what comes of these, is compared.

    Raises
    ------
    InputError
        When they differ; names each part that does.
    """
    from hybridplace.engine import Engine

    estate = engine.estate
    live = any(access.live_prices for access in estate.providers)
    asks_nobody = tuple(replace(access, live_prices=False) for access in estate.providers)
    quiet = Engine(
        replace(estate, providers=asks_nobody),
        folder=folder,
        catalog=engine.catalog,
        plugins=engine.plugins,
    )
    with quiet:
        now = quiet.problem(jobs, now=problem.now, leases=problem.leases)
    skipped = FROM_OFFERS if live else frozenset()
    faults = [
        Fault(
            where=str(plan_path),
            path=name,
            expected="what estate, jobs, policies and catalog say now",
            got=got,
            remedy="plan again",
        )
        for name, got in differences(problem, now)
        if name not in skipped
    ]
    if faults:
        raise InputError(faults)


def differences(planned: Problem, now: Problem) -> Iterator[tuple[str, str]]:
    """Yield each part of two problems that differs, and how."""
    for field in fields(planned):
        before, after = getattr(planned, field.name), getattr(now, field.name)
        if before != after:
            yield field.name, _told(before, after)


def _told(before: Any, after: Any) -> str:
    if not isinstance(before, tuple):
        return f"{before}, now {after}"
    names = list(dict.fromkeys(_name(one) for one in sorted({*before} ^ {*after}, key=_name)))
    return f"other {_some(names)}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"


def _name(value: Any) -> str:
    if hasattr(value, "id"):
        return str(value.id)
    if hasattr(value, "source"):
        return f"{value.source} to {value.target}"
    return f"{value.action} {_some(value.subjects)} at {_some(value.sites)}"
