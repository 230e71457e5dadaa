"""Which data must be moved for a set of placements, from where, and when it is there."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from hybridplace.model.capacity import SIZE_TOLERANCE
from hybridplace.model.plan import Transfer
from hybridplace.model.problem import Problem
from hybridplace.model.site import Site
from hybridplace.units import transfer_h


def holders(problem: Problem, dataset: str, site_of: Mapping[str, str]) -> tuple[str, ...]:
    """Return the sites that hold a dataset by themselves: its homes, and where it is produced.

    Parameters
    ----------
    site_of : mapping
        The site of each placed job.
    """
    homes = problem.dataset[dataset].homes
    produced = site_of.get(problem.producer.get(dataset, ""))
    return homes if produced is None or produced in homes else (*homes, produced)


def copies_needed(problem: Problem, site_of: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return each (dataset, site) that needs a copy: to be read there, or delivered there.

    A dataset counts once per site, however many jobs read it there. What has homes is delivered
    whatever the plan. What nothing holds is not copied: its producer is left out, and so is whoever
    reads it.
    """
    needed = {
        (dataset, site_of[job.id])
        for job in problem.jobs
        if job.id in site_of
        for dataset in job.inputs
    }
    needed |= {(dataset.id, one) for dataset in problem.datasets for one in dataset.deliver_to}
    return tuple(
        (dataset, site)
        for dataset, site in sorted(needed)
        if (held := holders(problem, dataset, site_of)) and site not in held
    )


def cheapest_transfer(
    problem: Problem, dataset: str, target: str, sources: tuple[str, ...]
) -> Transfer | None:
    """Return the cheapest transfer of a dataset to `target`; None if no link has a price."""
    priced = [
        (usd_gib, transfer_hours(problem, dataset, source, target), source)
        for source in sources
        if (usd_gib := problem.link(source, target).usd_gib) is not None
    ]
    if not priced:
        return None
    return Transfer(dataset=dataset, source=min(priced)[2], target=target)


def room_gib(site: Site) -> float:
    """Return the largest sum of copies that the cache of a site holds, rounding included."""
    if site.cache_gib is None:
        return math.inf
    return site.cache_gib + SIZE_TOLERANCE * max(1.0, site.cache_gib)


def cached_gib(problem: Problem, transfers: Iterable[Transfer]) -> dict[str, float]:
    """Return the size of all copies that are brought to each site with a cache of some size.

    A copy is there from when it comes until the horizon, so all count together, whenever they come.
    """
    used = {site.id: 0.0 for site in problem.sites if site.cache_gib is not None}
    for transfer in transfers:
        if transfer.target in used:
            used[transfer.target] += problem.dataset[transfer.dataset].size_gib
    return used


def transfer_hours(problem: Problem, dataset: str, source: str, target: str) -> float:
    """Return the hours that copying a dataset takes: ``size / rate of the link``."""
    if source == target:
        return 0.0
    gbps = problem.link(source, target).gbps
    rate_gbps = problem.assumptions.transfer_gbps if gbps is None else gbps
    return transfer_h(problem.dataset[dataset].size_gib, rate_gbps)
