"""The smallest change that would place a job that is left out, priced by solving again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from hybridplace.model.job import Inference, Job
from hybridplace.model.plan import Plan
from hybridplace.model.problem import Problem
from hybridplace.solver.compile import Compiled
from hybridplace.solver.reasons import Reason, reasons_of

LIFTABLE = (
    Reason.QUOTA
    | Reason.LATENCY
    | Reason.POLICY
    | Reason.TIME
    | Reason.LIMIT
    | Reason.REPLICAS
    | Reason.SOLD_OUT
)
"""What somebody can decide to change; a machine that is too small is not among it."""

TRIED = 4
"""Relaxations solved before giving up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxation:
    """A change that places the job.

    Parameters
    ----------
    lifted : tuple of str
        What would have to go, in words.
    offer : str
        Where the job would then run.
    plan_usd : float
        What the whole plan would then cost, without what leaving the job out costs now.
    """

    lifted: tuple[str, ...]
    offer: str
    plan_usd: float


def smallest_relaxation(compiled: Compiled, plan: Plan, name: str) -> Relaxation | None:
    """Return the change with the fewest things lifted, and of those the cheapest; None if none.

    Each is tried by solving the changed problem: what is named here does place the job.
    """
    from hybridplace.solver import solve

    for changed, lifted in _changes(compiled, plan, name):
        found = solve(changed, seed=plan.seed)
        placed = next((one for one in found.placements if one.job == name), None)
        if placed is not None:
            return Relaxation(lifted=lifted, offer=placed.offer, plan_usd=found.objective_usd)
    return None


def _changes(
    compiled: Compiled, plan: Plan, name: str
) -> Iterator[tuple[Problem, tuple[str, ...]]]:
    """Yield changed problems with what was lifted, fewest first."""
    problem = compiled.problem
    placed = {one.job for one in plan.placements}
    for dataset in problem.job[name].inputs:
        maker = problem.producer.get(dataset)
        if maker is not None and maker not in placed:
            return  # its maker must be placed first: the explanation of that job tells how
    joint = [limit.id for limit in problem.limits] + [
        pool.id for pool in problem.pools if pool.measure is not None
    ]
    tried: set[tuple[str, ...]] = set()
    for _, _, row, mask in _liftable(compiled, name):
        changed, lifted = _lift(problem, name, row, mask)
        if lifted and lifted not in tried and len(tried) < TRIED:
            tried.add(lifted)
            yield changed, lifted
    for one in joint:
        yield _without(problem, one), (f"limit or quota {one}",)


def _liftable(compiled: Compiled, name: str) -> list[tuple[int, float, int, int]]:
    """Return (number of things to lift, price, offer, reasons) of pairs that could be had."""
    problem = compiled.problem
    number = next(row for row, job in enumerate(problem.jobs) if job.id == name)
    found = []
    for table in compiled.pairs[number]:
        for row in np.flatnonzero((table.reasons & ~LIFTABLE.value) == 0):
            mask = int(table.reasons[row])
            usd = float(table.usd[row])
            if mask and np.isfinite(usd):
                things = len(reasons_of(mask)) - 1 + len(_rules(problem, name, int(row)) or "1")
                found.append((things, usd, int(row), mask))
    return sorted(found)


def _rules(problem: Problem, job: str, row: int) -> tuple[str, ...]:
    offer = problem.offers[row]
    denials = [one for one in problem.denied("place", job, offer.site) if one.covers(offer)]
    return tuple(sorted({rule for denial in denials for rule in denial.rules}))


def _lift(problem: Problem, name: str, row: int, mask: int) -> tuple[Problem, tuple[str, ...]]:
    """Return the problem without what excludes one offer from one job, and the words for it."""
    offer, job, lifted = problem.offers[row], problem.job[name], []
    if mask & Reason.POLICY:
        rules = _rules(problem, name, row)
        lifted += [f"rule {rule}" for rule in rules]
        problem = _without_rules(problem, name, set(rules))
    if mask & Reason.TIME:
        lifted.append(f"the deadline at {job.deadline_h:g} h" if job.deadline_h else "the horizon")
        job = replace(job, deadline_h=None)
    if mask & Reason.LATENCY and isinstance(job.work, Inference):
        lifted.append(f"the latency limit of {job.work.latency_limit_ms} ms")
        job = replace(job, work=replace(job.work, latency_limit_ms=None))
    if mask & Reason.REPLICAS and isinstance(job.work, Inference):
        lifted.append(f"max_replicas {job.work.max_replicas}")
        job = replace(job, work=replace(job.work, max_replicas=None))
    if mask & Reason.SOLD_OUT:
        lifted.append(f"{offer.id} being sold out")
        freed = replace(offer, available=True)
        offers = tuple(freed if one.id == offer.id else one for one in problem.offers)
        problem = replace(problem, offers=offers)
    if mask & Reason.QUOTA and offer.pool is not None:
        lifted.append(f"quota {offer.pool}")
        problem = _without(problem, offer.pool)
    if mask & Reason.LIMIT:
        for limit in problem.limits:
            if limit.tenant in (None, job.tenant) and limit.job in (None, job.id):
                lifted.append(f"limit {limit.id}")
                problem = _without(problem, limit.id)
    return _with_job(problem, job), tuple(lifted)


def _with_job(problem: Problem, job: Job) -> Problem:
    return problem.with_jobs(*(job if one.id == job.id else one for one in problem.jobs))


def _without(problem: Problem, name: str) -> Problem:
    """Return the problem without a limit, or with a quota that bounds nothing."""
    return replace(
        problem,
        limits=tuple(limit for limit in problem.limits if limit.id != name),
        offers=tuple(
            replace(offer, pool=None)
            if offer.pool == name and problem.pool[name].measure is not None
            else offer
            for offer in problem.offers
        ),
    )


def _without_rules(problem: Problem, job: str, rules: set[str]) -> Problem:
    kept = []
    for denial in problem.denials:
        left = tuple(rule for rule in denial.rules if rule not in rules)
        if denial.subject != job or left == denial.rules:
            kept.append(denial)
        elif left:
            kept.append(replace(denial, rules=left))
    return replace(problem, denials=tuple(kept))
