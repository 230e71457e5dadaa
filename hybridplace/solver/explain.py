"""Why a job is where it is, why not there, and what would have to change.

"Why not there" leaves all other jobs where they are, and holds the changed plan to `verify`: what
it calls possible is possible, at the price it names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from hybridplace.errors import Fault, InputError
from hybridplace.model.capacity import closed
from hybridplace.model.cost import (
    placement_costs,
    plan_carbon_g,
    plan_costs,
    rejection_costs,
    transfers_usd,
)
from hybridplace.model.job import Inference
from hybridplace.model.plan import Costs, Placement, Plan, Status, Transfer
from hybridplace.model.problem import Problem, Rule
from hybridplace.model.run import TIME_TOLERANCE_H, first_slot, run_of
from hybridplace.model.verify import breaches
from hybridplace.solver.exclusions import Exclusions, fewest_reasons
from hybridplace.solver.packing import Stay, pack
from hybridplace.solver.place import denying_rules, own_nodes
from hybridplace.solver.reasons import TEXT, Reason, reasons_of
from hybridplace.solver.relax import Relaxation, smallest_relaxation
from hybridplace.solver.tables import Compiled, compile_problem, start_h
from hybridplace.solver.transfers import transfers_for

NEXT_BEST = 3
FULL = "own nodes are full then"
TRIED = 60
"""Offers held to `verify` to find the next best ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """Another offer for a job, all others staying where they are.

    Parameters
    ----------
    extra_usd : float or None
        What the plan would then cost more (or less, if negative); None if it is not possible.
    reasons : tuple of str
        Why it is not possible.
    rules : tuple of Rule
        The policies that forbid it.
    """

    offer: str
    start_h: float | None = None
    extra_usd: float | None = None
    reasons: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why one job is where it is.

    Parameters
    ----------
    placement : Placement or None
        None if the plan leaves it out.
    costs : Costs
        Of the placement without data, or of leaving the job out.
    transfers : tuple of (Transfer, float)
        What is moved for it (shared with other readers there), with its price in USD: its share, by
        volume, of what all that goes over the link costs.
    alternatives : tuple of Alternative
        The next best offers; for an offer asked about, that one only.
    exclusions : tuple of (str, int)
        For how many offers each reason stands against the job; an offer may have several.
    relaxation : Relaxation or None
        Of a job that is left out: the smallest change that places it.
    """

    job: str
    placement: Placement | None
    costs: Costs
    transfers: tuple[tuple[Transfer, float], ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    exclusions: tuple[tuple[str, int], ...] = ()
    relaxation: Relaxation | None = None


def explain(problem: Problem, plan: Plan, job: str, offer: str | None = None) -> Explanation:
    """Return why `job` is where it is; with `offer`, why it is not there.

    Raises
    ------
    InputError
        When the job or offer is not in the problem.
    """
    _refuse_unknown(problem, job, offer)
    compiled = compile_problem(problem)
    placement = next((one for one in plan.placements if one.job == job), None)
    found = (
        [alternative(compiled, plan, job, offer)]
        if offer is not None
        else _next_best(compiled, plan, job)
    )
    relaxation = None
    if placement is None and offer is None:
        relaxation = smallest_relaxation(compiled, plan, job)
    told = Exclusions(problem, [one.job for one in plan.unplaced])
    number = next(row for row, one in enumerate(problem.jobs) if one.id == job)
    return Explanation(
        job=job,
        placement=placement,
        costs=_own_costs(problem, job, placement),
        transfers=_moved_for(problem, plan, job),
        alternatives=tuple(found),
        exclusions=told.counts(job, fewest_reasons(compiled, number)),
        relaxation=relaxation,
    )


def alternative(compiled: Compiled, plan: Plan, job: str, offer: str) -> Alternative:
    """Return whether `job` could be on `offer`, all others staying, and for how much more."""
    problem = compiled.problem
    number = next(row for row, one in enumerate(problem.jobs) if one.id == job)
    row = next(row for row, one in enumerate(problem.offers) if one.id == offer)
    mask = int(fewest_reasons(compiled, number)[row])
    if mask:
        return _excluded(problem, job, offer, mask)
    best: Alternative | None = None
    refused: tuple[str, ...] = ()
    for trial in _trials(compiled, plan, number, row):
        told = (trial,) if isinstance(trial, str) else breaches(problem, trial)
        if isinstance(trial, str) or told:
            refused = refused or told
            continue
        start_h = next(one.start_h for one in trial.placements if one.job == job)
        extra_usd = trial.objective_usd - plan.objective_usd
        if best is None or best.extra_usd is None or extra_usd < best.extra_usd:
            best = Alternative(offer=offer, start_h=start_h, extra_usd=extra_usd)
    return best or Alternative(offer=offer, reasons=refused)


def _refuse_unknown(problem: Problem, job: str, offer: str | None) -> None:
    faults = []
    for path, name, known in (("job", job, problem.job), ("offer", offer, problem.offer)):
        if name is not None and name not in known:
            remedy = "see hybridplace plan" if path == "job" else "see hybridplace catalog list"
            faults.append(
                Fault(
                    where="plan",
                    path=path,
                    expected=f"the id of a {path}" if path == "job" else "the id of an offer",
                    got=repr(name),
                    remedy=remedy,
                )
            )
    if faults:
        raise InputError(faults)


def _own_costs(problem: Problem, job: str, placement: Placement | None) -> Costs:
    if placement is not None:
        return placement_costs(problem, placement)
    return rejection_costs(problem, problem.job[job])


def _moved_for(problem: Problem, plan: Plan, job: str) -> tuple[tuple[Transfer, float], ...]:
    site_of = {one.job: problem.offer[one.offer].site for one in plan.placements}
    inputs, site = problem.job[job].inputs, site_of.get(job)
    return tuple(
        (one, usd)
        for one, usd in zip(plan.transfers, transfers_usd(problem, plan.transfers), strict=True)
        if one.dataset in inputs and one.target == site
    )


def _excluded(problem: Problem, job: str, offer: str, mask: int) -> Alternative:
    rules = denying_rules(problem, job, problem.offer[offer])
    reasons = [TEXT[one] for one in reasons_of(mask) if one is not Reason.POLICY]
    if mask & Reason.POLICY:
        reasons.append(f"{TEXT[Reason.POLICY]}: {', '.join(rules)}")
    return Alternative(
        offer=offer,
        reasons=tuple(reasons),
        rules=tuple(problem.rule[rule] for rule in rules if rule in problem.rule),
    )


def _next_best(compiled: Compiled, plan: Plan, job: str) -> Iterator[Alternative]:
    """Yield the cheapest other offers that hold, one per machine type and site."""
    problem = compiled.problem
    number = next(row for row, one in enumerate(problem.jobs) if one.id == job)
    here = next((one.offer for one in plan.placements if one.job == job), None)
    ranked = sorted(
        (usd, row)
        for row, mask in enumerate(fewest_reasons(compiled, number))
        if mask == 0 and problem.offers[row].id != here
        for usd in (min(_roughly(compiled, plan, number, row), default=None),)
        if usd is not None
    )
    found = [
        one
        for _, row in ranked[:TRIED]
        for one in (alternative(compiled, plan, job, problem.offers[row].id),)
        if one.extra_usd is not None
    ]
    found.sort(key=lambda one: (one.extra_usd, one.offer))
    yield from found[:NEXT_BEST]


def _roughly(compiled: Compiled, plan: Plan, number: int, row: int) -> Iterator[float]:
    """Yield the price of each shape on an offer, data included, from its earliest start."""
    problem = compiled.problem
    job = problem.jobs[number]
    for table in compiled.pairs[number]:
        if table.reasons[row] == 0:
            begin = start_h(problem, job, float(table.ready_h[row]))
            trial = _placed(compiled, plan, number, row, table.shape, begin)
            moved = _transfers(problem, trial)
            if moved is not None:
                yield float(table.usd[row]) + sum(transfers_usd(problem, moved))


def _trials(compiled: Compiled, plan: Plan, number: int, row: int) -> Iterator[Plan | str]:
    """Yield the plan with one job moved to an offer, or why not, for each shape and start there."""
    problem = compiled.problem
    job = problem.jobs[number]
    for table in compiled.pairs[number]:
        if table.reasons[row] != 0:
            continue
        first = round(start_h(problem, job, float(table.ready_h[row])) / problem.slot_h)
        latest = (problem.horizon_h - float(table.hours[row])) / problem.slot_h + TIME_TOLERANCE_H
        last = first if isinstance(job.work, Inference) else max(first, int(np.floor(latest)))
        for slot in range(first, last + 1):
            placements = _placed(compiled, plan, number, row, table.shape, slot * problem.slot_h)
            packed = _packed(problem, placements, row)
            moved = _transfers(problem, placements)
            if packed is None:
                yield FULL
            elif moved is None:
                yield TEXT[Reason.DATA]
            else:
                yield _as_plan(problem, plan, packed, moved)


def _placed(
    compiled: Compiled, plan: Plan, number: int, row: int, shape: int, begin_h: float
) -> tuple[Placement, ...]:
    """Return the placements with one job moved, its nodes not chosen yet."""
    problem = compiled.problem
    job, offer = problem.jobs[number], problem.offers[row]
    run = run_of(problem, job, offer, job.shapes[shape], begin_h)
    assert run is not None  # noqa: S101 - a usable pair fits
    moved = Placement(
        job=job.id,
        offer=offer.id,
        shape=shape,
        start_h=begin_h,
        end_h=run.end_h,
        machines=run.machines,
    )
    others = [one for one in plan.placements if one.job != job.id]
    return tuple(sorted([*others, moved], key=lambda one: one.job))


def _packed(
    problem: Problem, placements: tuple[Placement, ...], row: int
) -> tuple[Placement, ...] | None:
    """Return the placements with those on the nodes of an offer packed anew; None if full."""
    offer = problem.offers[row]
    nodes = own_nodes(problem, offer)
    if not nodes:
        return placements
    alike = {
        one.id
        for one in problem.offers
        if (one.pool, one.accelerator) == (offer.pool, offer.accelerator)
    }
    here = [one for one in placements if one.offer in alike]
    stays = [_stay(problem, one) for one in here]
    try:
        packed = pack(nodes, stays, closed(problem, problem.pool[offer.pool or ""]))
    except TimeoutError:
        packed = None
    if packed is None:
        return None
    shares = {one.job: share for one, share in zip(here, packed, strict=True)}
    return tuple(
        replace(
            one, shares=shares[one.job], machines=len({share.node for share in shares[one.job]})
        )
        if one.job in shares
        else one
        for one in placements
    )


def _stay(problem: Problem, placement: Placement) -> Stay:
    job = problem.job[placement.job]
    shape = job.shapes[placement.shape]
    run = run_of(problem, job, problem.offer[placement.offer], shape, placement.start_h)
    assert run is not None  # noqa: S101 - it is placed
    start = first_slot(problem, placement.start_h)
    return Stay(job=job, shape=shape, start=start, workers=run.workers)


def _transfers(problem: Problem, placements: tuple[Placement, ...]) -> tuple[Transfer, ...] | None:
    try:
        return transfers_for(problem, placements)
    except ValueError:  # no source may be copied from
        return None


def _as_plan(
    problem: Problem,
    plan: Plan,
    placements: tuple[Placement, ...],
    moved: tuple[Transfer, ...],
) -> Plan:
    """Return the plan with these placements and transfers, its sums computed afresh."""
    placed = {one.job for one in placements}
    unplaced = tuple(one for one in plan.unplaced if one.job not in placed)
    costs = plan_costs(problem, placements, moved, [one.job for one in unplaced])
    return replace(
        plan,
        placements=placements,
        transfers=moved,
        unplaced=unplaced,
        costs=costs,
        objective_usd=costs.total_usd,
        bound_usd=min(plan.bound_usd, costs.total_usd),
        carbon_g=plan_carbon_g(problem, placements),
        status=Status.FEASIBLE,
    )
