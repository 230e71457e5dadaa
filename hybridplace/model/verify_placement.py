"""The rules of `verify` that concern one placement alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from hybridplace.model.cost import UnknownFigureError, run_costs, user_latency_ms
from hybridplace.model.job import Inference, Job, Shape, Training
from hybridplace.model.plan import Placement
from hybridplace.model.problem import Problem
from hybridplace.model.run import TIME_TOLERANCE_H, Run, run_once, workers_per_machine
from hybridplace.model.site import Market, Offer


def breaches(problem: Problem, placement: Placement) -> Iterator[str]:
    """Yield what is wrong with a placement whose job, offer and shape exist."""
    job, offer = problem.job[placement.job], problem.offer[placement.offer]
    shape = job.shapes[placement.shape]
    who = f"job {job.id} on {offer.id}"
    if not math.isfinite(placement.start_h):
        yield f"{who}: starts at {placement.start_h} h, expected a number of hours"
        return
    run = run_once(problem, job, offer, placement.shape, placement.start_h)
    if run is None:
        yield f"{who}: {_why_not_held(problem, job, shape, offer)}"
        return
    for rule in _RULES:
        for told in rule(problem, placement, job, shape, offer, run):
            yield f"{who}: {told}"


def _why_not_held(problem: Problem, job: Job, shape: Shape, offer: Offer) -> str:
    if workers_per_machine(shape, offer) < 1:
        return "one worker does not fit into one machine"
    if isinstance(job.work, Inference) and job.work.hours <= problem.horizon_h:
        return f"its load asks for more than max_replicas {job.work.max_replicas}"
    return f"it would take longer than the horizon of {problem.horizon_h:g} h"


def _is_sold(
    problem: Problem, _p: Placement, job: Job, shape: Shape, offer: Offer, run: Run
) -> Iterator[str]:
    """The offer is available, or the job runs on it now; every figure of its cost is known."""
    lease = problem.lease_of.get(job.id)
    if not offer.available and (lease is None or lease.offer != offer.id):
        yield "the offer is sold out"
    try:
        run_costs(problem, job, offer, shape, run)
    except UnknownFigureError as error:
        yield f"the {error} is not known"


def _is_in_time(
    problem: Problem, placement: Placement, job: Job, _s: Shape, _o: Offer, run: Run
) -> Iterator[str]:
    """Start and end are right, on the grid, and within what the job and the problem allow."""
    slots = placement.start_h / problem.slot_h
    if abs(slots - round(slots)) > TIME_TOLERANCE_H:
        yield f"starts at {placement.start_h:g} h, not at a multiple of {problem.slot_h:g} h"
    earliest_h = max(job.earliest_h, 0.0)
    if placement.start_h < earliest_h - TIME_TOLERANCE_H:
        yield f"starts at {placement.start_h:g} h, before {earliest_h:g} h"
    if isinstance(job.work, Inference) and placement.start_h >= earliest_h + problem.slot_h:
        yield f"starts at {placement.start_h:g} h, must serve from {earliest_h:g} h"
    if not abs(placement.end_h - run.end_h) <= TIME_TOLERANCE_H:  # so that NaN is told as well
        yield f"ends at {run.end_h:g} h, the plan says {placement.end_h:g} h"
    for name, latest_h in (("deadline", job.deadline_h), ("horizon", problem.horizon_h)):
        if latest_h is not None and run.end_h > latest_h + TIME_TOLERANCE_H:
            yield f"ends at {run.end_h:g} h, after the {name} at {latest_h:g} h"


def _has_its_machines(
    problem: Problem, placement: Placement, _j: Job, shape: Shape, offer: Offer, run: Run
) -> Iterator[str]:
    """The number of machines is right; on own nodes each worker has its share of one."""
    if offer.market is not Market.OWNED:
        if placement.shares:
            yield "has shares of nodes, but it is no own pool"
        if placement.machines != run.machines:
            yield f"needs {run.machines} machines, the plan says {placement.machines}"
        return
    nodes = {share.node for share in placement.shares}
    if placement.machines != len(nodes):
        yield f"uses {len(nodes)} nodes, the plan says {placement.machines}"
    if len(placement.shares) != max(run.workers):
        yield f"has {len(placement.shares)} shares for {max(run.workers)} workers"
    node_of = problem.node[offer.pool] if offer.pool else {}
    wanted = 1 if 0 < shape.accelerators < 1 else int(shape.accelerators)
    for share in placement.shares:
        node = node_of.get(share.node)
        if node is None or node.accelerator != offer.accelerator:
            yield f"there is no such node {share.node}"
            continue
        if len(share.devices) != wanted or len(set(share.devices)) != wanted:
            yield f"a worker on {share.node} has accelerators {share.devices}, needs {wanted}"
        if any(not 0 <= device < node.accelerators for device in share.devices):
            yield f"{share.node} does not have accelerators {share.devices}"


def _is_connected(
    problem: Problem, placement: Placement, job: Job, _s: Shape, offer: Offer, run: Run
) -> Iterator[str]:
    """A gang on several machines has the interconnect that it needs."""
    need_gbps = job.work.interconnect_gbps if isinstance(job.work, Training) else None
    if need_gbps is None:
        return
    if offer.market is not Market.OWNED:
        speeds = [offer.interconnect_gbps] if run.machines > 1 else []
    else:
        used = {share.node for share in placement.shares}
        node_of = problem.node[offer.pool] if offer.pool else {}
        speeds = [node_of[name].interconnect_gbps for name in used if name in node_of]
        speeds = speeds if len(used) > 1 else []
    if any(speed is None or speed < need_gbps for speed in speeds):
        yield f"spans machines without the {need_gbps:g} Gbit/s that it needs"


def _is_near_its_users(
    problem: Problem, _p: Placement, job: Job, _s: Shape, offer: Offer, _r: Run
) -> Iterator[str]:
    """No group of users sees more than the latency limit."""
    if not isinstance(job.work, Inference) or job.work.latency_limit_ms is None:
        return
    seen = user_latency_ms(problem, job.work, problem.site[offer.site])
    for users, latency_ms in zip(job.work.users, seen, strict=True):
        if latency_ms is None:
            yield f"the latency from {users.site} is not known"
        elif latency_ms > job.work.latency_limit_ms:
            limit_ms = job.work.latency_limit_ms
            yield f"users at {users.site} see {latency_ms:g} ms, at most {limit_ms:g}"


def _is_allowed(
    problem: Problem, _p: Placement, job: Job, _s: Shape, offer: Offer, _r: Run
) -> Iterator[str]:
    """No policy forbids the job on this offer."""
    for denial in problem.denied("place", job.id, offer.site):
        if denial.covers(offer):
            yield f"denied by {', '.join(denial.rules)}"


_Rule = Callable[[Problem, Placement, Job, Shape, Offer, Run], Iterator[str]]
_RULES: tuple[_Rule, ...] = (
    _is_sold,
    _is_in_time,
    _has_its_machines,
    _is_connected,
    _is_near_its_users,
    _is_allowed,
)
