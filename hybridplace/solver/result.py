"""Writes a solution down as a plan: placements, transfers, what is left out and why, costs."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from hybridplace.model.certificate import Certificate
from hybridplace.model.cost import plan_carbon_g, plan_costs
from hybridplace.model.job import Job
from hybridplace.model.plan import Placement, Plan, Share, Status, Unplaced
from hybridplace.model.problem import Problem
from hybridplace.model.run import planned_quantile, run_once
from hybridplace.model.verify import MONEY_TOLERANCE
from hybridplace.solver.candidates import Candidates
from hybridplace.solver.classes import classes_of
from hybridplace.solver.exact import Solution
from hybridplace.solver.exclusions import Exclusions, fewest_reasons, fewest_reasons_of
from hybridplace.solver.instance import Choice, Instance
from hybridplace.solver.tables import Compiled
from hybridplace.solver.transfers import Copy, transfers_for

SOLVER, JOINT_SOLVER = "cp-sat", "prices, ruin and recreate"


def plan_of(compiled: Compiled, candidates: Candidates, solution: Solution, *, seed: int) -> Plan:
    """Return the plan that a solution of the exact model is."""
    problem = compiled.problem
    placements = [
        _placement(candidates, solution, job.id) for job in problem.jobs if job.id in solution.rows
    ]
    left_out = [row for row, job in enumerate(problem.jobs) if job.id not in solution.rows]
    told = Exclusions(problem, [problem.jobs[row].id for row in left_out])
    unplaced = [
        Unplaced(job=name, reasons=told.counts(name, fewest_reasons(compiled, row)))
        for row in left_out
        for name in (problem.jobs[row].id,)
    ]
    return priced_plan(
        problem,
        placements,
        unplaced,
        bound_usd=solution.bound_usd,
        solver=SOLVER,
        seed=seed,
        copies=solution.copies,
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
    copies: Collection[Copy] = (),
) -> Plan:
    """Return the plan that a choice of options and starts is.

    Parameters
    ----------
    shares : mapping
        Of each job on own nodes, by its number.
    copies : collection of Copy
        As in `priced_plan`.
    """
    placements = _placements(problem, instance, choice, shares)
    return priced_plan(
        problem,
        placements,
        _unplaced(problem, {one.job for one in placements}),
        bound_usd=max(certificate.bound_usd, certificate.searched_usd or -math.inf),
        solver=JOINT_SOLVER,
        seed=seed,
        certificate=certificate,
        copies=copies,
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
    told = Exclusions(problem, [problem.jobs[number].id for number in numbers])
    masks = fewest_reasons_of(problem, list(first.values()))
    reasons = {
        one: told.counts(problem.jobs[number].id, fewest)
        for (one, number), fewest in zip(first.items(), masks, strict=True)
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
    copies: Collection[Copy] = (),
    interrupted: bool = False,
) -> Plan:
    """Return the plan of some placements: with transfers, and costs by the cost formulas.

    Parameters
    ----------
    copies : collection of Copy
        Which copies are made, as far as that is decided.
    """
    transfers = transfers_for(problem, placements, copies)
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
