"""Right plans made wrong, each in one way, and the rule that must tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from math import inf, nan
from typing import Any, NamedTuple

from hybridplace.model.cost import UnknownFigureError
from hybridplace.model.plan import Costs, Plan, Share, Status, Transfer, Unplaced
from hybridplace.model.problem import Denial, Limit, LimitMeasure, Problem
from hybridplace.model.site import Market, Measure
from tests.brute import best_plan, stated
from tests.problems import NAMED

Change = Callable[[Problem, Plan], tuple[Problem, Plan]]


class Corruption(NamedTuple):
    """The rule that tells, and what is done to the best plan of a named problem."""

    rule: str
    named: str
    change: Change

    def apply(self) -> tuple[Problem, Plan]:
        """The problem and the wrong plan."""
        return self.change(NAMED[self.named], best(self.named))


@cache
def best(name: str) -> Plan:
    """The best plan of a named problem."""
    return best_plan(NAMED[name])


def _restated(problem: Problem, plan: Plan, **decisions: Any) -> Plan:
    """The plan with other decisions, and the sums that belong to these where they are known."""
    plan = replace(plan, problem_digest=problem.digest, **decisions)
    unplaced = tuple(left_out.job for left_out in plan.unplaced)
    try:
        return stated(problem, plan.placements, plan.transfers, unplaced)
    except UnknownFigureError:
        return plan


def _said(**changes: Any) -> Change:
    """What the plan says of itself."""
    return lambda problem, plan: (problem, replace(plan, **changes))


def _cost(line: str) -> Change:
    def change(problem: Problem, plan: Plan) -> tuple[Problem, Plan]:
        costs = replace(plan.costs, **{line: getattr(plan.costs, line) + 0.01})
        return problem, replace(plan, costs=costs)

    return change


def _placed(job: str, /, **changes: Any) -> Change:
    """A placement is another, and the sums are those of the new one."""

    def change(problem: Problem, plan: Plan) -> tuple[Problem, Plan]:
        placements = tuple(
            replace(one, **changes) if one.job == job else one for one in plan.placements
        )
        return problem, _restated(problem, plan, placements=placements)

    return change


def _named(job: str, /, **changes: Any) -> Change:
    """A placement is another, and the sums are the old ones, since there are no new ones."""

    def change(problem: Problem, plan: Plan) -> tuple[Problem, Plan]:
        placements = tuple(
            replace(one, **changes) if one.job == job else one for one in plan.placements
        )
        return problem, replace(plan, placements=placements)

    return change


def _left_out(job: str, *, dropped: bool = True, told: bool = True) -> Change:
    """A job's placement is dropped, or the job is told to be left out, or both."""

    def change(problem: Problem, plan: Plan) -> tuple[Problem, Plan]:
        placements = tuple(one for one in plan.placements if not dropped or one.job != job)
        unplaced = (*plan.unplaced, *((Unplaced(job=job),) if told else ()))
        return problem, _restated(problem, plan, placements=placements, unplaced=unplaced)

    return change


def _twice(problem: Problem, plan: Plan) -> tuple[Problem, Plan]:
    return problem, _restated(problem, plan, placements=plan.placements * 2)


def _copied(*copies: tuple[str, str, str]) -> Change:
    """The transfers are these (dataset, source, target)."""
    transfers = tuple(
        Transfer(dataset=dataset, source=source, target=target)
        for dataset, source, target in copies
    )
    return lambda problem, plan: (problem, _restated(problem, plan, transfers=transfers))


def _given(**changes: Callable[[Problem], Any]) -> Change:
    """Parts of the problem are others, and the plan is restated for it."""

    def change(problem: Problem, plan: Plan) -> tuple[Problem, Plan]:
        parts = {name: part(problem) for name, part in changes.items()}
        other = replace(problem, **parts)
        return other, _restated(other, plan)

    return change


def _with(name: str, key: str, **fields: Any) -> Change:
    """One value of the problem is another."""

    def values(problem: Problem) -> tuple[Any, ...]:
        return tuple(
            replace(one, **fields) if one.id == key else one for one in getattr(problem, name)
        )

    return _given(**{name: values})


def _job(key: str, **fields: Any) -> Change:
    return _with("jobs", key, **fields)


def _shape(key: str, **fields: Any) -> Change:
    def jobs(problem: Problem) -> tuple[Any, ...]:
        job = problem.job[key]
        shapes = tuple(replace(shape, **fields) for shape in job.shapes)
        return tuple(replace(one, shapes=shapes) if one is job else one for one in problem.jobs)

    return _given(jobs=jobs)


def _work(key: str, **fields: Any) -> Change:
    def jobs(problem: Problem) -> tuple[Any, ...]:
        job = problem.job[key]
        work = replace(job.work, **fields)
        return tuple(replace(one, work=work) if one is job else one for one in problem.jobs)

    return _given(jobs=jobs)


def _nodes(**fields: Any) -> Change:
    def pools(problem: Problem) -> tuple[Any, ...]:
        return tuple(
            replace(pool, nodes=tuple(replace(node, **fields) for node in pool.nodes))
            for pool in problem.pools
        )

    return _given(pools=pools)


def _link(source: str, target: str, **fields: Any) -> Change:
    def links(problem: Problem) -> tuple[Any, ...]:
        return tuple(
            replace(one, **fields) if (one.source, one.target) == (source, target) else one
            for one in problem.links
        )

    return _given(links=links)


def _deny(action: str, subject: str, site: str, **narrowed: Any) -> Change:
    denial = Denial(action=action, subject=subject, site=site, rules=("r9",), **narrowed)
    return _given(denials=lambda problem: (*problem.denials, denial))


def _limit(measure: LimitMeasure, at_most: float, **scope: Any) -> Change:
    limit = Limit(id="added", measure=measure, at_most=at_most, **scope)
    return _given(limits=lambda problem: (*problem.limits, limit))


def _all(*changes: Change) -> Change:
    def change(problem: Problem, plan: Plan) -> tuple[Problem, Plan]:
        for each in changes:
            problem, plan = each(problem, plan)
        return problem, plan

    return change


# --- the corruptions, by rule and name ----------------------------------------------------------

_USD, _CARBON, _HOURS = LimitMeasure
_OWNED, _BOUGHT, _SPOT = "lab/a100/owned", "near/g4/on_demand", "far/g4/spot"
_TO_FAR, _TO_NEAR = ("ready", "lab", "far"), ("ready", "lab", "near")


def _share(*devices: int, node: str = "n1") -> dict[str, tuple[Share, ...]]:
    return {"shares": (Share(node=node, devices=devices),)}


def _transfer(**ends: str) -> Change:
    transfer = Transfer(**{"dataset": "ready", "source": "lab", "target": "far", **ends})
    return _said(transfers=(transfer,))


_BY_RULE: dict[str, dict[str, tuple[str, Change]]] = {
    "names_are_known": {
        "unknown job": ("running", _named("train", job="other")),
        "unknown offer": ("running", _named("train", offer="other")),
        "unknown shape": ("running", _named("train", shape=1)),
        "shape counted from the end": ("running", _named("train", shape=-1)),
        "unknown job left out": ("running", _said(unplaced=(Unplaced(job="other"),))),
        "unknown dataset": ("pipeline", _transfer(dataset="other")),
        "unknown source": ("pipeline", _transfer(source="other")),
        "unknown target": ("pipeline", _transfer(target="other")),
    },
    "each_job_is_decided_once": {
        "job missing": ("crowded", _left_out("calm1", told=False)),
        "job twice": ("running", _twice),
        "job left out twice": ("impossible", _left_out("big")),
        "job placed and left out": ("crowded", _left_out("calm1", dropped=False)),
    },
    "each_placement_holds": {
        "start is no number": ("crowded", _named("calm0", start_h=nan)),
        "start is infinite": ("crowded", _named("calm0", start_h=inf)),
        "worker too big": ("running", _shape("train", memory_gib=65.0)),
        "accelerator of another kind": ("running", _shape("train", accelerator="H100")),
        "CPUs of another kind": ("running", _with("offers", _BOUGHT, architecture="arm64")),
        "too many replicas": ("serving", _work("serve", max_replicas=1)),
        "serving beyond the horizon": ("serving", _work("serve", hours=1e12)),
        "interrupted for ages": ("spot", _with("offers", _SPOT, interruptions_per_h=40.0)),
        "interrupted for ever": ("spot", _with("offers", _SPOT, interruptions_per_h=1e5)),
    },
    "_is_in_time": {
        "wrong end": ("crowded", _placed("calm0", end_h=1.5)),
        "end is no number": ("crowded", _placed("calm0", end_h=nan)),
        "start off the grid": ("running", _placed("train", start_h=0.5, end_h=2.5)),
        "start before now": (
            "running",
            _placed("train", start_h=-1.0, end_h=1.0),
        ),
        "start too early": ("running", _job("train", earliest_h=1.0)),
        "served too late": ("serving", _placed("serve", start_h=1.0, end_h=4.0)),
        "deadline missed": ("crowded", _job("calm2", deadline_h=3.0)),
        "horizon missed": ("crowded", _given(horizon_h=lambda _: 3.0)),
    },
    "_has_its_machines": {
        "wrong machines": ("running", _placed("train", machines=2)),
        "wrong nodes": ("crowded", _placed("calm0", machines=2)),
        "shares on bought": ("running", _placed("train", **_share(0))),
        "share missing": ("gang", _placed("train", machines=1, **_share(0))),
        "no share": ("crowded", _placed("calm0", machines=0, shares=())),
        "no such node": ("crowded", _placed("hurried", **_share(0, node="n9"))),
        "node of another accelerator": ("gang", _nodes(accelerator="H100")),
        "accelerator named twice": ("crowded", _placed("calm2", **_share(0, 0))),
        "too many accelerators": ("crowded", _placed("calm2", **_share(0, 1))),
        "no such accelerator": ("crowded", _placed("calm2", **_share(2))),
        "accelerator counted from the end": ("crowded", _placed("calm2", **_share(-1))),
    },
    "_is_connected": {
        "interconnect unknown": ("spot", _with("offers", _SPOT, interconnect_gbps=None)),
        "interconnect too slow": ("gang", _nodes(interconnect_gbps=5.0)),
    },
    "_is_near_its_users": {
        "users too far": ("serving", _work("serve", latency_limit_ms=29.0)),
        "users at no known distance": (
            "serving",
            _all(_work("serve", latency_target_ms=None), _link("lab", "near", latency_ms=None)),
        ),
    },
    "_is_allowed": {
        "denied": ("running", _deny("place", "train", "near")),
        "denied on that market": (
            "running",
            _deny("place", "train", "near", market=Market.ON_DEMAND),
        ),
        "denied in the clear": ("running", _deny("place", "train", "near", confidential=())),
    },
    "_is_sold": {
        "sold out": ("crowded", _with("offers", _OWNED, available=False)),
        "price unknown": ("running", _with("offers", _BOUGHT, price_usd_h=None)),
        "energy price unknown": ("crowded", _with("sites", "lab", energy_usd_kwh=None)),
        "PUE unknown": ("crowded", _with("sites", "lab", pue=None)),
        "power unknown": ("crowded", _with("offers", _OWNED, accelerator_power_w=None)),
        "carbon unknown at a price": ("budget", _with("sites", "near", carbon_g_kwh=None)),
        "latency unknown at a price": (
            "serving",
            _all(_work("serve", latency_limit_ms=None), _link("lab", "near", latency_ms=None)),
        ),
    },
    "nodes_hold": {
        "accelerator used twice": ("crowded", _placed("calm1", **_share(0))),
        "half too much": ("shared_accelerator", _placed("half0", **_share(2))),
        "too few cpus": ("crowded", _nodes(cpus=7.0)),
        "too little memory": ("crowded", _nodes(memory_gib=31.0)),
    },
    "quotas_hold": {
        "quota of machines": ("pipeline", _with("pools", "near-quota", at_most=1)),
        "quota of cpus": (
            "pipeline",
            _with("pools", "near-quota", measure=Measure.CPUS, at_most=31.0),
        ),
        "quota of accelerators": (
            "serving",
            _with("pools", "near-quota", measure=Measure.ACCELERATORS, at_most=1),
        ),
    },
    "limits_hold": {
        "budget exceeded": ("budget", _with("limits", "budget", at_most=8.0)),
        "egress over budget": ("pipeline", _limit(_USD, 0.9, tenant="u")),
        "carbon exceeded": ("budget", _with("limits", "carbon", at_most=400.0)),
        "accelerator hours exceeded": ("gang", _limit(_HOURS, 5.9)),
        "limit on what is not known": (
            "running",
            _all(_with("sites", "near", carbon_g_kwh=None), _limit(_CARBON, 1e9)),
        ),
    },
    "data_is_there": {
        "copy missing": ("pipeline", _copied(_TO_FAR)),
        "delivery missing": ("pipeline", _copied(_TO_NEAR)),
        "copy twice": ("pipeline", _copied(_TO_FAR, _TO_FAR, _TO_NEAR)),
        "copy for nobody": ("pipeline", _copied(_TO_FAR, _TO_NEAR, ("raw", "lab", "far"))),
        "copy to where it is": ("pipeline", _copied(_TO_FAR, _TO_NEAR, ("raw", "lab", "lab"))),
        "copy of a copy": ("pipeline", _copied(("ready", "near", "far"), _TO_NEAR)),
        "link without a price": ("pipeline", _link("lab", "far", usd_gib=None)),
    },
    "producers_are_placed": {
        "producer left out": ("pipeline", _all(_left_out("clean"), _copied())),
    },
    "inputs_come_first": {
        "read before produced": ("pipeline", _placed("read1", start_h=0.0, end_h=2.0)),
        "read before arrived": ("pipeline", _link("lab", "near", gbps=0.1)),
        "read before moved from home": (
            "denied",
            _all(
                _given(datasets=lambda one: (replace(one.datasets[0], homes=("lab",)),)),
                _link("lab", "near", gbps=0.001),
                _copied(("patients", "lab", "near")),
            ),
        ),
    },
    "transfers_are_allowed": {
        "copied where denied": ("pipeline", _deny("transfer", "ready", "far")),
    },
    "jobs_are_together_or_apart": {
        "apart but together": ("apart", _placed("b", offer=_OWNED, **_share(0, node="n2"))),
        "together but apart": ("apart", _placed("c", offer=_BOUGHT, shares=())),
    },
    "sums_are_right": {
        **{f"{line} changed": ("pipeline", _cost(line)) for line in Costs.__slots__},
        "cost is no number": ("running", _said(costs=Costs(compute_usd=nan))),
        "disruption not counted": (
            "running",
            _all(
                _with("leases", "key", offer=_SPOT),
                _said(costs=Costs(compute_usd=8.0), objective_usd=8.0, bound_usd=8.0),
            ),
        ),
        "objective changed": ("running", _said(objective_usd=7.0)),
        "carbon changed": ("running", _said(carbon_g=1.0)),
        "carbon not told": ("running", _said(carbon_g=None)),
        "bound above the cost": ("running", _said(bound_usd=8.1, status=Status.FEASIBLE)),
        "bound is no number": ("running", _said(bound_usd=nan, status=Status.FEASIBLE)),
        "optimal with a gap": ("running", _said(bound_usd=7.0)),
    },
}
CORRUPTIONS = {
    name: Corruption(rule, *parts)
    for rule, group in _BY_RULE.items()
    for name, parts in group.items()
}
