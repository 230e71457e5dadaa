"""Writes a solution down as a plan: placements, transfers, what is left out and why, costs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from hybridplace.model.certificate import Certificate
from hybridplace.model.cost import plan_carbon_g, plan_costs
from hybridplace.model.job import Job
from hybridplace.model.plan import Placement, Plan, Share, Status, Unplaced
from hybridplace.model.problem import Problem
from hybridplace.model.run import planned_quantile, run_once
from hybridplace.model.site import Offer
from hybridplace.model.verify import MONEY_TOLERANCE
from hybridplace.solver.candidates import Candidates
from hybridplace.solver.classes import classes_of
from hybridplace.solver.exact import Solution
from hybridplace.solver.instance import Choice, Instance
from hybridplace.solver.place import denying_rules
from hybridplace.solver.reasons import TEXT, Reason, reasons_of
from hybridplace.solver.tables import Compiled, compile_jobs
from hybridplace.solver.transfers import transfers_for

SOLVER, JOINT_SOLVER = "cp-sat", "prices, ruin and recreate"
NOT_MADE = "could run here if its input were made, but this is left out:"
NO_ROOM = "could run here, but room or money goes to other jobs"


def plan_of(compiled: Compiled, candidates: Candidates, solution: Solution, *, seed: int) -> Plan:
    """Return the plan that a solution of the exact model is."""
    problem = compiled.problem
    placements = [
        _placement(candidates, solution, job.id) for job in problem.jobs if job.id in solution.rows
    ]
    left_out = [job.id for job in problem.jobs if job.id not in solution.rows]
    unplaced = [
        Unplaced(job=job, reasons=exclusion_counts(compiled, job, left_out)) for job in left_out
    ]
    return priced_plan(
        problem,
        placements,
        unplaced,
        bound_usd=solution.bound_usd,
        solver=SOLVER,
        seed=seed,
        interrupted=solution.interrupted,
    )


def plan_of_choice(
    problem: Problem,
    instance: Instance,
    choice: Choice,
    shares: Mapping[int, tuple[Share, ...]],
    *,
    certificate: Certificate,
    seed: int,
    interrupted: bool,
) -> Plan:
    """Return the plan that a choice of options and starts is.

    Parameters
    ----------
    shares : mapping
        Of each job on own nodes, by its number.
    """
    placements = _placements(problem, instance, choice, shares)
    return priced_plan(
        problem,
        placements,
        _unplaced(problem, {one.job for one in placements}),
        bound_usd=certificate.bound_usd,
        solver=JOINT_SOLVER,
        seed=seed,
        certificate=certificate,
        interrupted=interrupted,
    )


def _placements(
    problem: Problem,
    instance: Instance,
    choice: Choice,
    shares: Mapping[int, tuple[Share, ...]],
) -> list[Placement]:
    """Return the placement of each job that has a pair."""
    placed = np.flatnonzero(choice.option >= 0).tolist()
    pairs = zip(choice.option[placed].tolist(), choice.start[placed].tolist(), strict=True)
    found = (
        placement_of(problem, instance, problem.jobs[number], pair, shares.get(number, ()))
        for number, pair in zip(placed, pairs, strict=True)
    )
    return [one for one in found if one is not None]


def placement_of(
    problem: Problem, instance: Instance, job: Job, pair: tuple[int, int], on: tuple[Share, ...]
) -> Placement | None:
    """Return the placement of a job; None if it is left out.

    Parameters
    ----------
    pair : (int, int)
        Its option and its start.
    on : tuple of Share
        Its nodes, if these are own.
    """
    (row, start), options = pair, instance.options
    if row < 0:
        return None
    offer, shape = problem.offers[int(options.offer[row])], int(options.shape[row])
    start_h = float(start) * problem.slot_h
    run = run_once(problem, job, offer, shape, start_h)
    assert run is not None  # noqa: S101 - an option fits its offer
    return Placement(
        job=job.id,
        offer=offer.id,
        shape=shape,
        start_h=start_h,
        end_h=run.end_h,
        machines=len({share.node for share in on}) if on else run.machines,
        shares=on,
    )


def _unplaced(problem: Problem, placed: set[str]) -> list[Unplaced]:
    """Return the jobs that are left out, each with what stands against it."""
    numbers = [row for row, job in enumerate(problem.jobs) if job.id not in placed]
    if not numbers:
        return []
    # What stands against a job stands against all of its class.
    row = classes_of(problem).row
    first = {int(row[number]): number for number in reversed(numbers)}
    compiled = compile_jobs(problem, first.values())
    left_out = [problem.jobs[number].id for number in numbers]
    reasons = {
        one: exclusion_counts(compiled, problem.jobs[number].id, left_out)
        for one, number in first.items()
    }
    return [
        Unplaced(job=problem.jobs[number].id, reasons=reasons[int(row[number])])
        for number in numbers
    ]


def priced_plan(
    problem: Problem,
    placements: Sequence[Placement],
    unplaced: Sequence[Unplaced],
    *,
    bound_usd: float,
    solver: str,
    seed: int,
    certificate: Certificate | None = None,
    interrupted: bool = False,
) -> Plan:
    """Return the plan of some placements: with transfers, and costs by the cost formulas."""
    transfers = transfers_for(problem, placements)
    costs = plan_costs(problem, placements, transfers, [left.job for left in unplaced])
    total_usd = costs.total_usd
    bound_usd = min(bound_usd, total_usd)
    proven = math.isclose(bound_usd, total_usd, rel_tol=MONEY_TOLERANCE, abs_tol=MONEY_TOLERANCE)
    missed = Status.INTERRUPTED if interrupted else Status.FEASIBLE
    return Plan(
        placements=tuple(placements),
        transfers=transfers,
        unplaced=tuple(unplaced),
        status=Status.OPTIMAL if proven else missed,
        costs=costs,
        objective_usd=total_usd,
        bound_usd=bound_usd,
        carbon_g=plan_carbon_g(problem, placements),
        solver=solver,
        seed=seed,
        problem_digest=problem.digest,
        certificate=certificate,
        quantile=planned_quantile(problem),
    )


def _placement(candidates: Candidates, solution: Solution, name: str) -> Placement:
    problem, row = candidates.problem, solution.rows[name]
    job, offer = problem.job[name], problem.offers[int(candidates.offer[row])]
    start_h = float(candidates.start[row]) * problem.slot_h
    run = run_once(problem, job, offer, int(candidates.shape[row]), start_h)
    assert run is not None  # noqa: S101 - a candidate fits its offer
    shares = (solution.shares or {}).get(name, ())
    return Placement(
        job=name,
        offer=offer.id,
        shape=int(candidates.shape[row]),
        start_h=start_h,
        end_h=run.end_h,
        machines=len({share.node for share in shares}) if shares else run.machines,
        shares=shares,
    )


def exclusion_counts(
    compiled: Compiled, name: str, left_out: Collection[str]
) -> tuple[tuple[str, int], ...]:
    """Return for how many offers each reason stands against a job, the most frequent first.

    An offer counts with the shape that has the fewest reasons against it, under each of them;
    policies count by rule. Where no reason stands, it is that an input is not made, or that room
    and money go to others.

    Parameters
    ----------
    left_out : collection of str
        The jobs that the plan leaves out.
    """
    problem = compiled.problem
    makers = {problem.producer.get(one) for one in problem.job[name].inputs} & set(left_out)
    otherwise = f"{NOT_MADE} {', '.join(sorted(map(str, makers)))}" if makers else NO_ROOM
    number = next(row for row, job in enumerate(problem.jobs) if job.id == name)
    counts: Counter[str] = Counter()
    masks = fewest_reasons(compiled, number)
    rules = {
        key: denying_rules(problem, name, offer)
        for key, offer in {_place(offer): offer for offer in problem.offers}.items()
    }
    for mask, times in Counter(masks).items():
        told = [TEXT[one] for one in reasons_of(mask) if one is not Reason.POLICY]
        counts.update(dict.fromkeys(told if mask else [otherwise], times))
    for offer, mask in zip(problem.offers, masks, strict=False):
        if mask & Reason.POLICY.value:
            counts.update(f"{TEXT[Reason.POLICY]} {rule}" for rule in rules[_place(offer)])
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _place(offer: Offer) -> tuple[object, ...]:
    """Return all that a policy looks at."""
    return (offer.site, offer.market, offer.confidential)


def fewest_reasons(compiled: Compiled, number: int) -> list[int]:
    """Return, for each offer, the reasons against the shape that has the fewest."""
    masks = np.array([table.reasons for table in compiled.pairs[number]])
    if masks.size == 0:
        return []
    best = np.bitwise_count(masks).argmin(axis=0)
    fewest: list[int] = masks[best, np.arange(masks.shape[1])].tolist()
    return fewest
