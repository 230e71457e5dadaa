"""What makes a plan right: one function per rule, none of which knows a solver.

This is the specification. Nothing that a plan says about itself is believed: whatever can be
computed from the problem is computed again.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator

from hybridplace.errors import PlanError
from hybridplace.model import verify_placement
from hybridplace.model.capacity import (
    SIZE_TOLERANCE,
    by_pool,
    closed,
    node_uses,
    quota_size,
    quota_uses,
)
from hybridplace.model.cost import (
    UnknownFigureError,
    limit_use,
    plan_carbon_g,
    plan_costs,
)
from hybridplace.model.data import cached_gib, copies_needed, holders, room_gib, transfer_hours
from hybridplace.model.plan import Plan, Status
from hybridplace.model.problem import Problem
from hybridplace.model.run import TIME_TOLERANCE_H, planned_quantile

MONEY_TOLERANCE = 1e-6
"""Relative, and absolute below one USD: what sums of floats may differ by."""


def verify(problem: Problem, plan: Plan) -> None:
    """Hold a plan to its problem.

    Raises
    ------
    PlanError
        When the plan breaks a rule, or says something of itself that is not so; names everything.
    """
    found = breaches(problem, plan)
    if found:
        raise PlanError(found)


def breaches(problem: Problem, plan: Plan) -> tuple[str, ...]:
    """Return everything that is wrong with a plan; empty if it holds.

    A plan for another problem, or one that names things the problem lacks, is told as such and not
    looked at further: nothing else could be said of it.
    """
    if plan.problem_digest != problem.digest:
        told = f"the plan was made for problem {plan.problem_digest}, this is {problem.digest}"
        return (f"{told}; plan again, or give the problem it was made for",)
    for rules in (_FIRST, _THEN, _LAST):
        found = tuple(told for rule in rules for told in rule(problem, plan))
        if found:
            return found
    return ()


def names_are_known(problem: Problem, plan: Plan) -> Iterator[str]:
    """Every job, offer, shape, dataset and site that the plan names is in the problem."""
    for placement in plan.placements:
        job = problem.job.get(placement.job)
        if job is None:
            yield f"placement of {placement.job}: there is no such job"
        elif not 0 <= placement.shape < len(job.shapes):
            yield f"job {job.id}: there is no shape {placement.shape}"
        if placement.offer not in problem.offer:
            yield f"job {placement.job}: there is no offer {placement.offer}"
    for left_out in plan.unplaced:
        if left_out.job not in problem.job:
            yield f"unplaced {left_out.job}: there is no such job"
    for transfer in plan.transfers:
        if transfer.dataset not in problem.dataset:
            yield f"transfer of {transfer.dataset}: there is no such dataset"
        for site in (transfer.source, transfer.target):
            if site not in problem.site:
                yield f"transfer of {transfer.dataset}: there is no site {site}"


def each_job_is_decided_once(problem: Problem, plan: Plan) -> Iterator[str]:
    """Every job is placed once or left out once, and not both."""
    decided = Counter(placement.job for placement in plan.placements)
    decided += Counter(left_out.job for left_out in plan.unplaced)
    for job in problem.jobs:
        if decided[job.id] != 1:
            yield f"job {job.id}: decided {decided[job.id]} times, expected once"


def each_placement_holds(problem: Problem, plan: Plan) -> Iterator[str]:
    """Every placement keeps the rules that concern its job and offer alone."""
    for placement in plan.placements:
        yield from verify_placement.breaches(problem, placement)


def data_is_there(problem: Problem, plan: Plan) -> Iterator[str]:
    """What is read or delivered at a site is at home there, produced there, or copied there once.

    Nothing else is copied, and only from a site that holds it, over a link that has a price.
    """
    site_of = _site_of(problem, plan)
    needed = set(copies_needed(problem, site_of))
    copied = Counter((transfer.dataset, transfer.target) for transfer in plan.transfers)
    for dataset, site in sorted(needed - set(copied)):
        yield f"dataset {dataset}: no copy is planned to {site}, where it is needed"
    for (dataset, site), times in sorted(copied.items()):
        if times > 1:
            yield f"dataset {dataset}: copied to {site} {times} times"
        if (dataset, site) not in needed:
            yield f"dataset {dataset}: copied to {site}, where nothing needs a copy"
    for transfer in plan.transfers:
        who = f"dataset {transfer.dataset}: copy from {transfer.source} to {transfer.target}"
        if transfer.source not in holders(problem, transfer.dataset, site_of):
            yield f"{who}: the source does not hold it"
        if problem.link(transfer.source, transfer.target).usd_gib is None:
            yield f"{who}: the link has no price"


def producers_are_placed(problem: Problem, plan: Plan) -> Iterator[str]:
    """A job runs only if what it reads exists: at home somewhere, or produced by a placed job."""
    site_of = _site_of(problem, plan)
    for placement in plan.placements:
        for dataset in problem.job[placement.job].inputs:
            if not holders(problem, dataset, site_of):
                producer = problem.producer.get(dataset)
                told = f"{producer} is left out" if producer else "it has no home"
                yield f"job {placement.job}: reads dataset {dataset}, but {told}"


def transfers_are_allowed(problem: Problem, plan: Plan) -> Iterator[str]:
    """No policy forbids the copy of a dataset at its target."""
    for transfer in plan.transfers:
        for denial in problem.denied("transfer", transfer.dataset, transfer.target):
            told = ", ".join(denial.rules)
            yield f"dataset {transfer.dataset}: copy to {transfer.target} is denied by {told}"


def inputs_come_first(problem: Problem, plan: Plan) -> Iterator[str]:
    """A job starts once its inputs are produced and have arrived."""
    site_of = _site_of(problem, plan)
    end_h = {placement.job: placement.end_h for placement in plan.placements}
    copies = {(transfer.dataset, transfer.target): transfer for transfer in plan.transfers}
    for placement in plan.placements:
        for dataset in problem.job[placement.job].inputs:
            ready_h = end_h.get(problem.producer.get(dataset, ""), 0.0)
            copy = copies.get((dataset, site_of[placement.job]))
            if copy is not None:
                ready_h += transfer_hours(problem, dataset, copy.source, copy.target)
            if placement.start_h < ready_h - TIME_TOLERANCE_H:
                told = f"starts at {placement.start_h:g} h, its input {dataset} is there at"
                yield f"job {placement.job}: {told} {ready_h:g} h"


def jobs_are_together_or_apart(problem: Problem, plan: Plan) -> Iterator[str]:
    """Placed jobs are at the same site, or at different ones, as they ask."""
    site_of = _site_of(problem, plan)
    for job in problem.jobs:
        for other in job.same_site_as:
            if job.id in site_of and other in site_of and site_of[job.id] != site_of[other]:
                yield f"job {job.id}: not at the same site as {other}"
        for other in job.apart_from:
            if job.id in site_of and other in site_of and site_of[job.id] == site_of[other]:
                yield f"job {job.id}: at the same site as {other}, from which it must be apart"


def jobs_are_spread(problem: Problem, plan: Plan) -> Iterator[str]:
    """No failure domain has more of the jobs that are to be spread than it may."""
    site_of = _site_of(problem, plan)
    for spread in problem.spreads:
        placed = (problem.site[site_of[job]] for job in spread.jobs if job in site_of)
        for name, there in sorted(Counter(one.within(spread.domain) for one in placed).items()):
            if there > spread.at_most:
                told = f"{there} jobs in {spread.domain} {name}, at most {spread.at_most}"
                yield f"spread {spread.id}: {told}"


def quotas_hold(problem: Problem, plan: Plan) -> Iterator[str]:
    """In no slot is more of a quota in use than there is."""
    placed = by_pool(problem, plan.placements)
    for pool in problem.pools:
        if pool.measure is None:
            continue
        for slot, used in sorted(quota_uses(problem, pool, placed.get(pool.id, ())).items()):
            at_most = quota_size(problem, pool, slot)
            if used > at_most + SIZE_TOLERANCE:
                told = f"{used:g} {pool.measure} in use, at most {at_most:g}"
                yield f"pool {pool.id}, slot {slot}: {told}"


def nodes_hold(problem: Problem, plan: Plan) -> Iterator[str]:
    """In no slot is more of a node in use than it has, and nothing while it is maintained."""
    placed = by_pool(problem, plan.placements)
    for pool in problem.pools:
        not_now = closed(problem, pool)
        for (name, slot), used in sorted(node_uses(problem, pool, placed.get(pool.id, ())).items()):
            node = problem.node[pool.id].get(name)
            if node is None:
                continue  # told by `verify_placement`
            if (name, slot) in not_now:
                yield f"pool {pool.id}, node {name}, slot {slot}: in use during its maintenance"
            has = {"cpus": node.cpus, "memory_gib": node.memory_gib}
            for what, most in has.items():
                if getattr(used, what) > most + SIZE_TOLERANCE:
                    told = f"{getattr(used, what):g} {what} in use, has {most:g}"
                    yield f"pool {pool.id}, node {name}, slot {slot}: {told}"
            for device, load in enumerate(used.devices):
                if load > 1.0 + SIZE_TOLERANCE:
                    told = f"accelerator {device} is in use {load:g} times"
                    yield f"pool {pool.id}, node {name}, slot {slot}: {told}"


def caches_hold(problem: Problem, plan: Plan) -> Iterator[str]:
    """No site gets more copies than its cache has room for."""
    for name, used_gib in sorted(cached_gib(problem, plan.transfers).items()):
        site = problem.site[name]
        if used_gib > room_gib(site):
            yield f"site {name}: copies of {used_gib:g} GiB, its cache has {site.cache_gib:g} GiB"


def limits_hold(problem: Problem, plan: Plan) -> Iterator[str]:
    """No limit is exceeded, and whatever it adds up is known."""
    for limit in problem.limits:
        try:
            used = limit_use(problem, limit, plan)
        except UnknownFigureError as error:
            yield f"limit {limit.id}: the {error} is not known"
            continue
        if used > limit.at_most + MONEY_TOLERANCE * max(1.0, abs(limit.at_most)):
            yield f"limit {limit.id}: {used:g} {limit.measure} used, at most {limit.at_most:g}"


def sums_are_right(problem: Problem, plan: Plan) -> Iterator[str]:
    """Costs, objective, emissions, bound and status are what the problem says they are."""
    unplaced = [left_out.job for left_out in plan.unplaced]
    try:
        costs = plan_costs(problem, plan.placements, plan.transfers, unplaced)
    except UnknownFigureError as error:
        yield f"costs: the {error} is not known"
        return
    for name in costs.__slots__:
        said, is_usd = getattr(plan.costs, name), getattr(costs, name)
        if not _same(said, is_usd):
            yield f"costs: {name} is {is_usd:.6f}, the plan says {said}"
    if not _same(plan.objective_usd, costs.total_usd):
        yield f"objective_usd is {costs.total_usd:.6f}, the plan says {plan.objective_usd}"
    carbon_g = plan_carbon_g(problem, plan.placements)
    if (carbon_g is None) != (plan.carbon_g is None) or not _same(
        plan.carbon_g or 0.0, carbon_g or 0.0
    ):
        yield f"carbon_g is {carbon_g}, the plan says {plan.carbon_g}"
    if not _at_most(plan.bound_usd, costs.total_usd):
        yield f"bound_usd {plan.bound_usd} is above the cost {costs.total_usd:.6f}"
    if plan.quantile != planned_quantile(problem):
        yield f"quantile is {planned_quantile(problem)}, the plan says {plan.quantile}"
    if plan.status is Status.OPTIMAL and not _same(plan.bound_usd, costs.total_usd):
        yield f"status is optimal, but the bound is {plan.bound_usd}"


Rule = Callable[[Problem, Plan], Iterator[str]]
_FIRST: tuple[Rule, ...] = (names_are_known,)
_THEN: tuple[Rule, ...] = (
    each_job_is_decided_once,
    each_placement_holds,
    data_is_there,
    producers_are_placed,
    transfers_are_allowed,
    jobs_are_together_or_apart,
    jobs_are_spread,
)
_LAST: tuple[Rule, ...] = (
    inputs_come_first,
    quotas_hold,
    nodes_hold,
    caches_hold,
    limits_hold,
    sums_are_right,
)
"""What needs the rules before it to hold, so that its figures can be computed at all."""


def _site_of(problem: Problem, plan: Plan) -> dict[str, str]:
    return {placement.job: problem.offer[placement.offer].site for placement in plan.placements}


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=MONEY_TOLERANCE, abs_tol=MONEY_TOLERANCE)


def _at_most(one: float, other: float) -> bool:
    return one <= other or _same(one, other)
