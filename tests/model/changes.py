"""Ways to change a problem and its plan, so that one of them becomes wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hybridplace.model.cost import UnknownFigureError
from hybridplace.model.plan import Plan, Transfer, Unplaced
from hybridplace.model.problem import Denial, Limit, LimitMeasure, Problem, Spread
from hybridplace.model.site import Domain
from tests.brute import stated

Change = Callable[[Problem, Plan], tuple[Problem, Plan]]


def restated(problem: Problem, plan: Plan, **decisions: Any) -> Plan:
    """The plan with other decisions, and the sums that belong to these where they are known."""
    plan = replace(plan, problem_digest=problem.digest, **decisions)
    unplaced = tuple(left_out.job for left_out in plan.unplaced)
    try:
        return stated(problem, plan.placements, plan.transfers, unplaced)
    except UnknownFigureError:
        return plan


def said(**changes: Any) -> Change:
    """What the plan says of itself."""
    return lambda problem, plan: (problem, replace(plan, **changes))


def cost(line: str) -> Change:
    """A line of the plan's costs is a cent more."""

    def change(problem: Problem, plan: Plan) -> tuple[Problem, Plan]:
        costs = replace(plan.costs, **{line: getattr(plan.costs, line) + 0.01})
        return problem, replace(plan, costs=costs)

    return change


def placed(job: str, /, **changes: Any) -> Change:
    """A placement is another, and the sums are those of the new one."""

    def change(problem: Problem, plan: Plan) -> tuple[Problem, Plan]:
        placements = tuple(
            replace(one, **changes) if one.job == job else one for one in plan.placements
        )
        return problem, restated(problem, plan, placements=placements)

    return change


def named(job: str, /, **changes: Any) -> Change:
    """A placement is another, and the sums are the old ones, since there are no new ones."""

    def change(problem: Problem, plan: Plan) -> tuple[Problem, Plan]:
        placements = tuple(
            replace(one, **changes) if one.job == job else one for one in plan.placements
        )
        return problem, replace(plan, placements=placements)

    return change


def left_out(job: str, *, dropped: bool = True, told: bool = True) -> Change:
    """A job's placement is dropped, or the job is told to be left out, or both."""

    def change(problem: Problem, plan: Plan) -> tuple[Problem, Plan]:
        placements = tuple(one for one in plan.placements if not dropped or one.job != job)
        unplaced = (*plan.unplaced, *((Unplaced(job=job),) if told else ()))
        return problem, restated(problem, plan, placements=placements, unplaced=unplaced)

    return change


def twice(problem: Problem, plan: Plan) -> tuple[Problem, Plan]:
    """Every placement stands there twice."""
    return problem, restated(problem, plan, placements=plan.placements * 2)


def copied(*copies: tuple[str, str, str]) -> Change:
    """The transfers are these (dataset, source, target)."""
    transfers = tuple(
        Transfer(dataset=dataset, source=source, target=target)
        for dataset, source, target in copies
    )
    return lambda problem, plan: (problem, restated(problem, plan, transfers=transfers))


def given(**changes: Callable[[Problem], Any]) -> Change:
    """Parts of the problem are others, and the plan is restated for it."""

    def change(problem: Problem, plan: Plan) -> tuple[Problem, Plan]:
        parts = {name: part(problem) for name, part in changes.items()}
        other = replace(problem, **parts)
        return other, restated(other, plan)

    return change


def one_with(name: str, key: str, **fields: Any) -> Change:
    """One value of the problem is another."""

    def values(problem: Problem) -> tuple[Any, ...]:
        return tuple(
            replace(one, **fields) if one.id == key else one for one in getattr(problem, name)
        )

    return given(**{name: values})


def job_with(key: str, **fields: Any) -> Change:
    """A job is another."""
    return one_with("jobs", key, **fields)


def shape_with(key: str, **fields: Any) -> Change:
    """The shapes of a job are others."""

    def jobs(problem: Problem) -> tuple[Any, ...]:
        job = problem.job[key]
        shapes = tuple(replace(shape, **fields) for shape in job.shapes)
        return tuple(replace(one, shapes=shapes) if one is job else one for one in problem.jobs)

    return given(jobs=jobs)


def work_with(key: str, **fields: Any) -> Change:
    """The work of a job is another."""

    def jobs(problem: Problem) -> tuple[Any, ...]:
        job = problem.job[key]
        work = replace(job.work, **fields)
        return tuple(replace(one, work=work) if one is job else one for one in problem.jobs)

    return given(jobs=jobs)


def nodes_with(**fields: Any) -> Change:
    """All nodes are others."""

    def pools(problem: Problem) -> tuple[Any, ...]:
        return tuple(
            replace(pool, nodes=tuple(replace(node, **fields) for node in pool.nodes))
            for pool in problem.pools
        )

    return given(pools=pools)


def link_with(source: str, target: str, **fields: Any) -> Change:
    """A link is another."""

    def links(problem: Problem) -> tuple[Any, ...]:
        return tuple(
            replace(one, **fields) if (one.source, one.target) == (source, target) else one
            for one in problem.links
        )

    return given(links=links)


def denied(action: str, subject: str, site: str, **narrowed: Any) -> Change:
    """One more thing is denied."""
    denial = Denial(action=action, subjects=(subject,), sites=(site,), rules=("r9",), **narrowed)
    return given(denials=lambda problem: (*problem.denials, denial))


def limited(measure: LimitMeasure, at_most: float, **scope: Any) -> Change:
    """There is one more limit."""
    limit = Limit(id="added", measure=measure, at_most=at_most, **scope)
    return given(limits=lambda problem: (*problem.limits, limit))


def spread_out(*jobs: str, domain: Domain, at_most: int) -> Change:
    """Some jobs are to be spread."""
    spread = Spread(id="added", jobs=jobs, domain=domain, at_most=at_most)
    return given(spreads=lambda _: (spread,))


def all_of(*changes: Change) -> Change:
    """One change after the other."""

    def change(problem: Problem, plan: Plan) -> tuple[Problem, Plan]:
        for each in changes:
            problem, plan = each(problem, plan)
        return problem, plan

    return change


def not_restated(change: Change) -> Change:
    """The problem is another, and the plan still says what it said."""

    def keep(problem: Problem, plan: Plan) -> tuple[Problem, Plan]:
        other, _ = change(problem, plan)
        return other, replace(plan, problem_digest=other.digest)

    return keep
