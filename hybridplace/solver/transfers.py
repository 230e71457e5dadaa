"""Where copies come from: the transfers that placements need."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from hybridplace.model.cost import transfers_usd
from hybridplace.model.data import copies_needed, holders, transfer_hours
from hybridplace.model.egress import mean_range_usd_gib
from hybridplace.model.plan import Placement, Transfer
from hybridplace.model.problem import Problem
from hybridplace.model.run import TIME_TOLERANCE_H
from hybridplace.solver.place import may_copy

Copy = tuple[str, str, str]
"""Dataset, source, target."""

MOST_PASSES, LEAST_USD = 10, 1e-9
"""Over all transfers, to change where they come from; and what a change has to save."""


def transfers_for(
    problem: Problem, placements: Sequence[Placement], chosen: Collection[Copy] = ()
) -> tuple[Transfer, ...]:
    """Return the transfers that placements need, each from the cheapest source that is in time.

    With tiers, what is cheapest depends on what else goes over a link: beginning with the cheapest
    by first prices, and by the least mean prices, sources are then changed one by one as long as
    that saves something.

    Parameters
    ----------
    chosen : collection of (dataset, source, target)
        Copies that are taken before others.
    """
    site_of = {one.job: problem.offer[one.offer].site for one in placements}
    start_h = {one.job: one.start_h for one in placements}
    ways = [
        _ways(problem, dataset, target, site_of, start_h, chosen)
        for dataset, target in copies_needed(problem, site_of)
    ]
    first = tuple(each[0] for each in ways)
    unsure = [one for each in ways if len(each) > 1 for one in each]
    if not any(problem.link(one.source, one.target).tiers for one in unsure):
        return first
    together = _at_least_means(problem, ways)
    found = (_changed(problem, start, ways) for start in (first, together))
    return min(found, key=lambda each: sum(transfers_usd(problem, each)))


def _at_least_means(problem: Problem, ways: Sequence[Sequence[Transfer]]) -> tuple[Transfer, ...]:
    """Return each copy from where it is cheapest if as much as possible comes from there."""
    means = mean_range_usd_gib(problem)

    def usd_gib(one: Transfer) -> float:
        listed = problem.link(one.source, one.target).usd_gib or 0.0
        return means.get((one.source, one.target), (listed,))[0]

    return tuple(min(each, key=usd_gib) for each in ways)


def _changed(
    problem: Problem, transfers: tuple[Transfer, ...], ways: Sequence[Sequence[Transfer]]
) -> tuple[Transfer, ...]:
    """Return the transfers with other sources, as long as a change of one saves something."""
    usd = sum(transfers_usd(problem, transfers))
    for _ in range(MOST_PASSES):
        before = usd
        for row, each in enumerate(ways):
            for one in each if len(each) > 1 else ():
                tried = (*transfers[:row], one, *transfers[row + 1 :])
                tried_usd = sum(transfers_usd(problem, tried))
                if tried_usd < usd - LEAST_USD:
                    transfers, usd = tried, tried_usd
        if usd == before:
            break
    return transfers


def _ways(
    problem: Problem,
    dataset: str,
    target: str,
    site_of: Mapping[str, str],
    start_h: Mapping[str, float],
    chosen: Collection[Copy],
) -> list[Transfer]:
    """Return each copy that is in time, the cheapest first; a chosen one alone."""
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
    sources = [source for *_, source in sorted(options)]
    taken = [source for source in sources if (dataset, source, target) in chosen]
    if not options:
        raise ValueError(f"dataset {dataset} cannot come to {target} in time")
    return [Transfer(dataset=dataset, source=source, target=target) for source in taken or sources]
