"""The smallest change that would place a job that is left out, priced by solving again."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from hybridplace.model.job import Inference, Job
from hybridplace.model.plan import Plan
from hybridplace.model.problem import Problem
from hybridplace.model.run import TIME_TOLERANCE_H
from hybridplace.model.verify import MONEY_TOLERANCE
from hybridplace.solver.instance import Bools
from hybridplace.solver.place import denying_rules, latency_usd_at
from hybridplace.solver.reasons import Reason, reasons_of
from hybridplace.solver.tables import Compiled, Pairs, start_h

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
"""Ways to lift what excludes offers, solved before giving up."""

Lift = tuple[Reason, str]
"""What to lift: a reason, and the id of the rule, limit, quota or offer that is meant."""


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
        What the whole plan would then cost.
    """

    lifted: tuple[str, ...]
    offer: str
    plan_usd: float


def smallest_relaxation(compiled: Compiled, plan: Plan, name: str) -> Relaxation | None:
    """Return the change with the fewest things lifted, and of those the cheapest; None if none.

    Each is tried by solving the changed problem: what is named here does place the job.
    """
    from hybridplace.solver import solve

    problem = compiled.problem
    if _waits_for_maker(problem, plan, name):
        return None  # the explanation of its maker tells what to do
    for lifts in _ways(compiled, name):
        changed = problem
        for lift in lifts:
            changed = _without(changed, name, lift)
        found = solve(changed, seed=plan.seed)
        placed = next((one for one in found.placements if one.job == name), None)
        if placed is not None:
            words = tuple(_words(problem.job[name], lift) for lift in lifts)
            return Relaxation(lifted=words, offer=placed.offer, plan_usd=found.objective_usd)
    return None


def _waits_for_maker(problem: Problem, plan: Plan, name: str) -> bool:
    placed = {one.job for one in plan.placements}
    makers = {problem.producer.get(dataset) for dataset in problem.job[name].inputs}
    return not makers - {None} <= placed


def _ways(compiled: Compiled, name: str) -> Iterator[tuple[Lift, ...]]:
    """Yield sets of things to lift: what excludes offers, fewest first; each shared bound."""
    problem = compiled.problem
    alone = dict.fromkeys(lifts for _, _, lifts in sorted(_liftable(compiled, name)))
    yield from islice(alone, TRIED)
    for limit in problem.limits:
        yield ((Reason.LIMIT, limit.id),)
    for pool in problem.pools:
        if pool.measure is not None:
            yield ((Reason.QUOTA, pool.id),)


def _liftable(compiled: Compiled, name: str) -> Iterator[tuple[int, float, tuple[Lift, ...]]]:
    """Yield (number of things, price, things to lift) for each pair that could be had."""
    problem = compiled.problem
    number = next(row for row, job in enumerate(problem.jobs) if job.id == name)
    for table in compiled.pairs[number]:
        exceeded = _exceeded(compiled, table)
        for row in map(int, np.flatnonzero((table.reasons & ~LIFTABLE.value) == 0)):
            usd = float(table.usd[row])
            if np.isfinite(usd) and _would_do(compiled, number, table, row):
                over = [problem.limits[one].id for one in np.flatnonzero(exceeded[:, row])]
                lifts = tuple(_lifts(problem, name, row, int(table.reasons[row]), over))
                if lifts:
                    yield len(lifts), usd, lifts


def _lifts(problem: Problem, name: str, row: int, mask: int, over: list[str]) -> Iterator[Lift]:
    """Yield what excludes one offer from one job; `over` are the limits it exceeds alone."""
    offer = problem.offers[row]
    for reason in reasons_of(mask):
        match reason:
            case Reason.POLICY:
                yield from ((reason, rule) for rule in denying_rules(problem, name, offer))
            case Reason.LIMIT:
                yield from ((reason, limit) for limit in over)
            case Reason.QUOTA:
                yield reason, offer.pool or ""
            case _:
                yield reason, offer.id if reason is Reason.SOLD_OUT else name


def _exceeded(compiled: Compiled, table: Pairs) -> Bools:
    """Return which limits each offer exceeds all by itself, one row per limit."""
    limits = compiled.problem.limits
    most = [one.at_most + MONEY_TOLERANCE * max(1.0, one.at_most) for one in limits]
    return table.limit_use > np.array(most).reshape(len(limits), 1)


def _would_do(compiled: Compiled, number: int, table: Pairs, row: int) -> bool:
    """Say whether a pair would do without deadline and latency limit: some things stay."""
    problem, job = compiled.problem, compiled.problem.jobs[number]
    if math.isnan(latency_usd_at(problem, job, problem.site[problem.offers[row].site])):
        return False
    begin = start_h(problem, job, float(table.ready_h[row]))
    if isinstance(job.work, Inference) and begin > start_h(problem, job):
        return False
    return begin + float(table.hours[row]) <= problem.horizon_h + TIME_TOLERANCE_H


def _words(job: Job, lift: Lift) -> str:
    reason, name = lift
    match reason, job.work:
        case Reason.TIME, _:
            return f"the deadline at {job.deadline_h:g} h"
        case Reason.LATENCY, Inference(latency_limit_ms=limit_ms):
            return f"the latency limit of {limit_ms} ms"
        case Reason.REPLICAS, Inference(max_replicas=most):
            return f"max_replicas {most}"
        case Reason.SOLD_OUT, _:
            return f"{name} being sold out"
    nouns = {Reason.POLICY: "rule", Reason.QUOTA: "quota", Reason.LIMIT: "limit"}
    return f"{nouns[reason]} {name}"


def _without(problem: Problem, job: str, lift: Lift) -> Problem:
    """Return the problem without one thing that excludes a job."""
    reason, name = lift
    match reason, problem.job[job].work:
        case Reason.TIME, _:
            return _with_job(problem, replace(problem.job[job], deadline_h=None))
        case Reason.LATENCY, Inference() as work:
            work = replace(work, latency_limit_ms=None)
            return _with_job(problem, replace(problem.job[job], work=work))
        case Reason.REPLICAS, Inference() as work:
            work = replace(work, max_replicas=None)
            return _with_job(problem, replace(problem.job[job], work=work))
        case Reason.SOLD_OUT, _:
            return _with_offers(problem, {"available": True}, id=name)
        case Reason.QUOTA, _:
            return _with_offers(problem, {"pool": None}, pool=name)
        case Reason.LIMIT, _:
            limits = tuple(limit for limit in problem.limits if limit.id != name)
            return replace(problem, limits=limits)
    return _without_rule(problem, job, name)


def _with_job(problem: Problem, job: Job) -> Problem:
    return problem.with_jobs(*(job if one.id == job.id else one for one in problem.jobs))


def _with_offers(problem: Problem, changed: dict[str, Any], **chosen: str) -> Problem:
    """Return the problem with a change to the offers whose field has the value in `chosen`."""
    ((field, value),) = chosen.items()
    return replace(
        problem,
        offers=tuple(
            replace(offer, **changed) if getattr(offer, field) == value else offer
            for offer in problem.offers
        ),
    )


def _without_rule(problem: Problem, job: str, rule: str) -> Problem:
    kept = []
    for denial in problem.denials:
        left = tuple(one for one in denial.rules if one != rule)
        if denial.action != "place" or job not in denial.subjects or left == denial.rules:
            kept.append(denial)
            continue
        others = tuple(one for one in denial.subjects if one != job)
        kept += [replace(denial, subjects=others)] if others else []
        kept += [replace(denial, subjects=(job,), rules=left)] if left else []
    return replace(problem, denials=tuple(kept))
