"""From the paths that a user gives to an engine, jobs and a moment."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hybridplace.cli.options import STATE_FOLDER
from hybridplace.errors import Fault, InputError

if TYPE_CHECKING:
    from hybridplace.engine import Engine
    from hybridplace.model.job import Job
    from hybridplace.model.problem import Problem

SECONDS_PER_HOUR = 3600.0


def open_both(
    estate_path: Path, jobs_path: Path, state_path: Path | None = None
) -> tuple[Engine, tuple[Job, ...]]:
    """Return an engine for an estate, and the jobs.

    Raises
    ------
    InputError, PolicyError
        When anything is wrong in either file, or with the policies.
    """
    from hybridplace import catalog
    from hybridplace.engine import Engine
    from hybridplace.engine.engine import known_regions
    from hybridplace.io import read_input

    known = catalog.load()
    estate, jobs = read_input(estate_path, jobs_path, regions=known_regions(known))
    folder = estate_path.parent
    state = state_path or folder / STATE_FOLDER
    return Engine(estate, folder=folder, state_dir=state, catalog=known), jobs


def open_estate(estate_path: Path, state_path: Path | None = None) -> Engine:
    """Return an engine for an estate whose jobs do not matter.

    Raises
    ------
    InputError, PolicyError
        When anything is wrong in the file, or with the policies.
    """
    from hybridplace import catalog
    from hybridplace.engine import Engine
    from hybridplace.engine.engine import known_regions
    from hybridplace.io import read_estate

    known = catalog.load()
    estate = read_estate(estate_path, regions=known_regions(known))
    folder = estate_path.parent
    state = state_path or folder / STATE_FOLDER
    return Engine(estate, folder=folder, state_dir=state, catalog=known)


def present_hour() -> datetime:
    """Return the present hour in UTC, rounded down."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def hours_since_start(problem: Problem, at_h: float | None) -> float:
    """Return the hour of a plan that is asked for; the present one if none is.

    Raises
    ------
    InputError
        When the plan has not begun: at an hour before it, it wants nothing to run.
    """
    if at_h is not None:
        return at_h
    passed_h = (datetime.now(UTC) - problem.now).total_seconds() / SECONDS_PER_HOUR
    if passed_h < 0:
        fault = Fault(
            where="plan",
            path="now",
            expected="a plan that has begun",
            got=f"one that begins at {problem.now:%Y-%m-%d %H:%M} UTC",
            remedy="wait, or give the hour with --at",
        )
        raise InputError([fault])
    return passed_h
