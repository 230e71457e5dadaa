"""Judges what rivals decide by our own cost formulas and rules: a rival's plan is a plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hybridplace.model.cost import plan_carbon_g, plan_costs
from hybridplace.model.plan import Placement, Plan, Share, Status, Unplaced
from hybridplace.model.problem import Problem
from hybridplace.model.run import run_of
from hybridplace.model.verify import verify
from hybridplace.solver.instance import Choice, Instance
from hybridplace.solver.transfers import transfers_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Where a rival puts a job: the offer, the shape, the start and, on own nodes, the nodes."""

    offer: str
    shape: int
    start_h: float = 0.0
    shares: tuple[Share, ...] = ()


def decisions_of(
    problem: Problem, instance: Instance, choice: Choice, shares: Mapping[int, tuple[Share, ...]]
) -> dict[str, Decision]:
    """Return a choice among compiled options, with the nodes by job row, as decisions."""
    options = instance.options
    return {
        problem.jobs[job].id: Decision(
            offer=problem.offers[int(options.offer[option])].id,
            shape=int(options.shape[option]),
            start_h=start * problem.slot_h,
            shares=shares.get(job, ()),
        )
        for job, (option, start) in enumerate(
            zip(choice.option.tolist(), choice.start.tolist(), strict=True)
        )
        if option >= 0
    }


def judged(problem: Problem, decisions: Mapping[str, Decision], rival: str) -> Plan:
    """Return a rival's decisions, by job, as a plan that holds; jobs without one are left out.

    Raises
    ------
    PlanError
        When they break a rule.
    """
    placements = tuple(
        placement(problem, job.id, decisions[job.id]) for job in problem.jobs if job.id in decisions
    )
    return of_placements(problem, placements, rival)


def of_placements(problem: Problem, placements: Iterable[Placement], rival: str) -> Plan:
    """Return placements as a plan that holds, each copy of data paid once; see `judged`."""
    placed = tuple(placements)
    done = {one.job for one in placed}
    left_out = tuple(job.id for job in problem.jobs if job.id not in done)
    transfers = transfers_for(problem, placed)
    costs = plan_costs(problem, placed, transfers, left_out)
    plan = Plan(
        placements=placed,
        transfers=transfers,
        unplaced=tuple(Unplaced(job=job) for job in left_out),
        status=Status.FEASIBLE,
        costs=costs,
        objective_usd=costs.total_usd,
        bound_usd=0.0,
        carbon_g=plan_carbon_g(problem, placed),
        solver=rival,
        seed=0,
        problem_digest=problem.digest,
    )
    verify(problem, plan)
    return plan


def placement(problem: Problem, name: str, decision: Decision) -> Placement:
    """Return a decision as a placement, with the end and the machines that follow from it."""
    job = problem.job[name]
    run = run_of(
        problem, job, problem.offer[decision.offer], job.shapes[decision.shape], decision.start_h
    )
    if run is None:
        raise ValueError(f"{decision.offer} cannot hold job {name}")
    nodes = {share.node for share in decision.shares}
    return Placement(
        job=name,
        offer=decision.offer,
        shape=decision.shape,
        start_h=decision.start_h,
        end_h=run.end_h,
        machines=len(nodes) if nodes else run.machines,
        shares=decision.shares,
    )
