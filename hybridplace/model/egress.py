"""What moving data over a link costs: one price, or less for what goes beyond some volume."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from hybridplace.model.plan import Transfer
from hybridplace.model.problem import Problem
from hybridplace.model.site import Link

Ends = tuple[str, str]
"""Source and target of a link."""


def tiers_left(link: Link) -> tuple[tuple[float, float], ...]:
    r"""Return (volume from which on, USD per GiB) of a link, the first from 0 on.

    Volumes count from `Link.used_gib`, what has gone over it before.
    """
    found = [(0.0, link.usd_gib or 0.0)]
    for tier in link.tiers:
        begin_gib = tier.beyond_gib - link.used_gib
        if begin_gib <= 0:
            found = [(0.0, tier.usd_gib)]
        else:
            found.append((begin_gib, tier.usd_gib))
    return tuple(found)


def link_usd(link: Link, gib: float) -> float:
    r"""Return :math:`g(v) = \int_0^v p`, with p the price beyond each volume."""
    tiers = tiers_left(link)
    usd = sum(
        price * (min(end, gib) - begin)
        for (begin, price), (end, _) in pairwise(tiers)
        if begin < gib
    )
    begin, price = tiers[-1]
    return usd + price * max(0.0, gib - begin)


def mean_usd_gib(link: Link, gib: float) -> float:
    """Return what a GiB costs on average if so many go over a link: ``g(v) / v``."""
    if not link.tiers:
        return link.usd_gib or 0.0
    return link_usd(link, gib) / gib if gib > 0 else tiers_left(link)[0][1]


def volumes_gib(problem: Problem, transfers: Iterable[Transfer]) -> dict[Ends, float]:
    """Return what transfers bring over each link, all together."""
    found: dict[Ends, float] = {}
    for one in transfers:
        ends = (one.source, one.target)
        found[ends] = found.get(ends, 0.0) + problem.dataset[one.dataset].size_gib
    return found


def mean_range_usd_gib(problem: Problem) -> dict[Ends, tuple[float, float]]:
    """Return what a GiB costs on average at least and at most, of each link with tiers.

    Over all volumes from the smallest dataset that may go over it to all of them together. The mean
    changes its course only where a tier begins, so that its extremes are there or at the ends.
    """
    return {
        (link.source, link.target): (min(means), max(means))
        for link, sizes in _carried_gib(problem)
        for means in [[mean_usd_gib(link, volume) for volume in _corners(link, sizes)]]
    }


def _corners(link: Link, sizes: list[float]) -> Iterator[float]:
    if not sizes:
        yield 0.0
        return
    yield min(sizes)
    yield sum(sizes)
    yield from (begin for begin, _ in tiers_left(link) if min(sizes) < begin < sum(sizes))


def _carried_gib(problem: Problem) -> Iterator[tuple[Link, list[float]]]:
    """Yield each link with tiers, and the sizes of all datasets that may go over it.

    Those that its source may hold, that are read or delivered, and that may come to its target.
    """
    links = [link for link in problem.links if link.tiers and link.usd_gib is not None]
    for link in links:
        yield (
            link,
            [
                one.size_gib
                for one in problem.datasets
                if one.size_gib > 0
                and (link.source in one.homes or one.id in problem.producer)
                and (one.id in problem.readers or link.target in one.deliver_to)
                and link.target not in one.homes
                and not problem.denied("transfer", one.id, link.target)
            ],
        )
