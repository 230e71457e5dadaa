"""What depends on the place alone: its nodes, whether data may come and go, how far users are."""

from __future__ import annotations

import math

from hybridplace.model.cost import UnknownFigureError, latency_usd
from hybridplace.model.job import Job
from hybridplace.model.problem import Problem
from hybridplace.model.site import Node, Offer, Site


def sources(problem: Problem, dataset: str, site: str) -> tuple[str, ...]:
    """Return the homes from which a copy of a dataset may be brought to `site`."""
    if problem.denied("transfer", dataset, site):
        return ()
    homes = problem.dataset[dataset].homes
    return tuple(home for home in homes if problem.link(home, site).usd_gib is not None)


def latency_usd_at(problem: Problem, job: Job, site: Site) -> float:
    """Return the cost of latency beyond the target at a site; NaN if a latency is not known."""
    try:
        return latency_usd(problem, job, site)
    except UnknownFigureError:
        return math.nan


def may_copy(problem: Problem, dataset: str, source: str, target: str) -> bool:
    """Say whether policy allows a copy at `target` and the link there has a price."""
    priced = problem.link(source, target).usd_gib is not None
    return priced and not problem.denied("transfer", dataset, target)


def own_nodes(problem: Problem, offer: Offer) -> tuple[Node, ...]:
    """Return the own nodes that an offer stands for; none if its machines are bought."""
    nodes = problem.pool[offer.pool].nodes if offer.pool else ()
    return tuple(node for node in nodes if node.accelerator == offer.accelerator)


def denying_rules(problem: Problem, job: str, offer: Offer) -> tuple[str, ...]:
    """Return the ids of the rules that forbid an offer to a job, sorted."""
    denials = [one for one in problem.denied("place", job, offer.site) if one.covers(offer)]
    return tuple(sorted({rule for denial in denials for rule in denial.rules}))
