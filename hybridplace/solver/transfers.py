"""Where copies come from: the transfers that placements need."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from hybridplace.model.data import copies_needed, holders, transfer_hours
from hybridplace.model.plan import Placement, Transfer
from hybridplace.model.problem import Problem
from hybridplace.model.run import TIME_TOLERANCE_H
from hybridplace.solver.place import may_copy


def transfers_for(problem: Problem, placements: Sequence[Placement]) -> tuple[Transfer, ...]:
    """Return the transfers that placements need, each from the cheapest source that is in time."""
    site_of = {one.job: problem.offer[one.offer].site for one in placements}
    start_h = {one.job: one.start_h for one in placements}
    return tuple(
        _transfer(problem, dataset, target, site_of, start_h)
        for dataset, target in copies_needed(problem, site_of)
    )


def _transfer(
    problem: Problem,
    dataset: str,
    target: str,
    site_of: Mapping[str, str],
    start_h: Mapping[str, float],
) -> Transfer:
    by_h = min(
        (
            start_h[job]
            for job in problem.readers.get(dataset, ())
            if site_of.get(job) == target and dataset not in problem.producer
        ),
        default=math.inf,
    )
    options = [
        (problem.link(source, target).usd_gib or 0.0, hours, source)
        for source in holders(problem, dataset, site_of)
        if may_copy(problem, dataset, source, target)
        for hours in (transfer_hours(problem, dataset, source, target),)
        if hours <= by_h + TIME_TOLERANCE_H
    ]
    return Transfer(dataset=dataset, source=min(options)[2], target=target)
