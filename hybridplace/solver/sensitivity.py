r"""What each limit, pool, policy and deadline costs, and how far its price holds.

Prices are those of the linear relaxation. A saving comes with two figures: an estimate, what the
relaxation's cost falls by, and what is proven, by weak duality: no plan of the changed problem is
below its Lagrangian, so the plan's cost less that is at most what can be saved (parametric
analysis: Gal, "Postoptimal Analyses, Parametric Programming, and Related Topics" (1995), chapter 4,
doi:10.1515/9783110871203; Geoffrion and Nauss, "Parametric and postoptimality analysis in integer
linear programming", Management Science 23 (1977), doi:10.1287/mnsc.23.5.453).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from hybridplace.model.plan import Plan
from hybridplace.model.problem import Problem
from hybridplace.solver.compile import compile_instance
from hybridplace.solver.instance import Ints
from hybridplace.solver.repricing import Repricing, lagrangian_usd, relaxation
from hybridplace.solver.scarce import Scarce, scarce_things, with_more

HOLDS = 0.1
"""A price holds as long as what is saved differs by no more than this share from what it says."""

HALVINGS = 3
"""Of the amounts between which a price ceases to hold."""

RANGES = 12
"""Things of which ranges are looked for, those that are worth the most."""

RULES = 12
"""Policies without which the relaxation is solved again, those that cost the most."""

LEAST_USD = 0.005
"""What saves less costs nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How far a price holds in one direction, and what comes of a change to there.

    Parameters
    ----------
    units : float
        Of the change.
    holds : bool
        False: the price does not even hold for this, the least change.
    estimate_usd : float
        What the relaxation costs less with more, or costs more with less.
    proven_usd : float
        With more: no plan saves more than that. With less: none costs less in addition.
    """

    units: float
    holds: bool
    estimate_usd: float
    proven_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountPrice:
    """What a unit of something scarce is worth, over the whole horizon.

    Parameters
    ----------
    more, less : Reach or None
        None if ranges were looked for only of what is worth more, or there is none to change.
    """

    thing: Scarce
    price_usd: float
    more: Reach | None = None
    less: Reach | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePrice:
    """What a policy costs.

    Parameters
    ----------
    jobs : int
        Jobs, and readers of datasets, that it alone keeps from somewhere.
    estimate_usd, proven_usd : float
        What is saved without it; no plan saves more than the second.
    """

    rule: str
    reason: str
    jobs: int
    estimate_usd: float
    proven_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlinePrice:
    """What the deadline of a job costs at standing prices; figures as in `RulePrice`."""

    job: str
    deadline_h: float
    estimate_usd: float
    proven_usd: float


Price = AmountPrice | RulePrice | DeadlinePrice


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """What costs what in a plan, each part from the dearest on.

    Parameters
    ----------
    objective_usd, relaxed_usd : float
        Of the plan, and of the linear relaxation that all prices are of. Their difference is part
        of each proven figure.
    """

    objective_usd: float
    relaxed_usd: float
    amounts: tuple[AmountPrice, ...]
    rules: tuple[RulePrice, ...]
    deadlines: tuple[DeadlinePrice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A change that was planned with.

    Parameters
    ----------
    price : Price
    estimate_usd, proven_usd : float
        What was foretold.
    saved_usd : float
        What the new plan costs less.
    """

    price: Price
    estimate_usd: float
    proven_usd: float
    saved_usd: float


def sensitivity(problem: Problem, plan: Plan) -> Sensitivity:
    """Return what each limit, pool, policy and deadline costs."""
    repricing = Repricing(problem)
    return Sensitivity(
        objective_usd=plan.objective_usd,
        relaxed_usd=repricing.bound_usd,
        amounts=tuple(_amounts(repricing, plan)),
        rules=tuple(_rules(repricing, plan)),
        deadlines=tuple(_deadlines(repricing, plan)),
    )


def _amounts(repricing: Repricing, plan: Plan) -> Iterator[AmountPrice]:
    """Yield the prices of what is scarce, of what is worth the most first."""
    prices = repricing.prices
    things = list(scarce_things(repricing.problem, prices))
    usd = [thing.price_usd(prices) for thing in things]
    order = sorted(range(len(things)), key=lambda k: (-usd[k] * things[k].amount, k))
    for rank, k in enumerate(order):
        more = less = None
        if rank < RANGES and usd[k] * things[k].step > LEAST_USD:
            more = _reach(repricing, plan, things[k], 1)
            less = _reach(repricing, plan, things[k], -1)
        yield AmountPrice(thing=things[k], price_usd=usd[k], more=more, less=less)


def _reach(repricing: Repricing, plan: Plan, thing: Scarce, sign: int) -> Reach | None:
    """Return how far a price holds: doubling first, then halving what is in between."""
    most = math.floor((thing.more if sign > 0 else thing.less) / thing.step + 1e-9)
    if most < 1:
        return None
    best = first = _at(repricing, plan, thing, sign)
    steps, beyond = 1, most + 1
    while first.holds and steps < most:
        tried = _at(repricing, plan, thing, sign * min(2 * steps, most))
        if not tried.holds:
            beyond = min(2 * steps, most)
            break
        best, steps = tried, min(2 * steps, most)
    for _ in range(HALVINGS if first.holds and beyond <= most else 0):
        middle = (steps + beyond) // 2
        if middle == steps:
            break
        tried = _at(repricing, plan, thing, sign * middle)
        if tried.holds:
            best, steps = tried, middle
        else:
            beyond = middle
    return best


def _at(repricing: Repricing, plan: Plan, thing: Scarce, steps: int) -> Reach:
    """Return what a change by so many steps does."""
    units = steps * thing.step
    instance = repricing.changed(thing, units)
    usd, prices = repricing.bound(instance)
    # Prices that were found for the changed amounts may prove more of the present ones, too.
    before_usd = max(repricing.bound_usd, lagrangian_usd(repricing.instance, prices))
    saved, said = before_usd - usd, thing.price_usd(repricing.prices) * units
    return Reach(
        units=abs(units),
        holds=abs(saved - said) <= HOLDS * abs(said),
        estimate_usd=abs(saved),
        proven_usd=max(plan.objective_usd - usd if steps > 0 else usd - plan.objective_usd, 0.0),
    )


def _rules(repricing: Repricing, plan: Plan) -> Iterator[RulePrice]:
    """Yield what policies cost, from the dearest on."""
    found = []
    for rule in repricing.problem.rules:
        rows, of_copies = _concerned(repricing.problem, rule.id)
        if len(rows):
            without = repricing.problem.without_rules(rule.id)
            usd = _bound_without(repricing, without, rows, of_copies=of_copies)
            found.append((usd, rule, without, len(rows)))
    found.sort(key=lambda one: (one[0], one[1].id))
    prices = []
    for rank, (at_prices_usd, rule, without, jobs) in enumerate(found):
        usd = at_prices_usd
        if rank < RULES and repricing.bound_usd - usd > LEAST_USD:
            usd = max(usd, repricing.bound(compile_instance(without))[0])
        price = RulePrice(
            rule=rule.id,
            reason=rule.reason,
            jobs=jobs,
            estimate_usd=max(repricing.bound_usd - usd, 0.0),
            proven_usd=max(plan.objective_usd - usd, 0.0),
        )
        prices.append(price)
    yield from sorted(prices, key=lambda one: (-one.estimate_usd, one.rule))


def _concerned(problem: Problem, rule: str) -> tuple[Ints, bool]:
    """Return the jobs for which a policy alone denies something, and whether that is a copy."""
    alone = [one for one in problem.denials if set(one.rules) == {rule}]
    names = {name for one in alone if one.action == "place" for name in one.subjects}
    copies = {name for one in alone if one.action == "transfer" for name in one.subjects}
    names |= {reader for one in copies for reader in problem.readers.get(one, ())}
    rows = [row for row, job in enumerate(problem.jobs) if job.id in names]
    return np.array(rows, dtype=np.int64), bool(copies)


def _bound_without(repricing: Repricing, without: Problem, rows: Ints, *, of_copies: bool) -> float:
    """Return what standing prices prove without a policy; only its jobs are priced again."""
    if of_copies:  # who may read where decides what data is worth: prices from the beginning
        instance = compile_instance(without)
        return max(relaxation(instance)[1], lagrangian_usd(instance, repricing.prices))
    before, after = repricing.job_usd[rows], repricing.job_usd_in(without, rows)
    return repricing.bound_usd - float((before - after).sum())


def _deadlines(repricing: Repricing, plan: Plan) -> Iterator[DeadlinePrice]:
    """Yield what deadlines cost, from the dearest on."""
    problem = repricing.problem
    late = [row for row, job in enumerate(problem.jobs) if job.deadline_h is not None]
    if not late:
        return
    rows = np.array(late, dtype=np.int64)
    jobs = tuple(replace(job, deadline_h=None) for job in problem.jobs)
    usd = repricing.job_usd_in(replace(problem, jobs=jobs), rows)
    saved = np.maximum(repricing.job_usd[rows] - usd, 0.0)
    gap_usd = max(plan.objective_usd - repricing.bound_usd, 0.0)
    for k in np.lexsort((rows, -saved)).tolist():
        job = problem.jobs[late[k]]
        yield DeadlinePrice(
            job=job.id,
            deadline_h=job.deadline_h or 0.0,
            estimate_usd=float(saved[k]),
            proven_usd=float(saved[k]) + gap_usd,
        )


def checked(problem: Problem, plan: Plan, told: Sensitivity, most: int) -> tuple[Checked, ...]:
    """Return the changes that are to save the most, with what planning again truly saves."""
    from hybridplace.solver import solve

    foretold = sorted(
        (one for one in _foretold(told) if one[1] > LEAST_USD), key=lambda one: -one[1]
    )
    found = []
    for price, estimate, proven in foretold[:most]:
        after = solve(changed_by(problem, price), seed=plan.seed)
        found.append(
            Checked(
                price=price,
                estimate_usd=estimate,
                proven_usd=proven,
                saved_usd=plan.objective_usd - after.objective_usd,
            )
        )
    return tuple(found)


def _foretold(told: Sensitivity) -> Iterator[tuple[Price, float, float]]:
    """Yield all prices of changes that save something, with estimates and what is proven."""
    for amount in told.amounts:
        if amount.more is not None:
            yield amount, amount.more.estimate_usd, amount.more.proven_usd
    others: tuple[RulePrice | DeadlinePrice, ...] = (*told.rules, *told.deadlines)
    for price in others:
        yield price, price.estimate_usd, price.proven_usd


def changed_by(problem: Problem, price: Price) -> Problem:
    """Return the problem with more of what is scarce, without the policy, or the deadline."""
    match price:
        case AmountPrice(thing=thing, more=Reach(units=units)):
            return with_more(problem, thing, units)
        case RulePrice(rule=rule):
            return problem.without_rules(rule)
        case DeadlinePrice(job=name):
            jobs = (
                replace(job, deadline_h=None) if job.id == name else job for job in problem.jobs
            )
            return replace(problem, jobs=tuple(jobs))
    raise ValueError("nothing is changed")
