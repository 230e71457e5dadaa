"""What makes the figures of a problem mean something, wherever they come from."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import fields
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any

from hybridplace.errors import Fault
from hybridplace.model.forecast import Figure, Forecast, Maintenance
from hybridplace.model.job import Inference, Job, Program, Shape, Training
from hybridplace.model.site import Lease, LeaseState, Link, Market, Node, Offer, Pool

if TYPE_CHECKING:
    from hybridplace.model.problem import Limit, Problem, Spread

ABOVE_ZERO = frozenset(
    {
        "cpus",
        "data_gib",
        "efficiency",
        "gbps",
        "horizon_h",
        "hours",
        "interval_h",
        "max_replicas",
        "memory_gib",
        "min_replicas",
        "runs",
        "slot_h",
        "transfer_gbps",
        "units",
        "units_h",
        "weight",
        "workers",
    }
)
"""What is divided by, or would mean nothing if it were zero; all else is at least 0."""

MOST_SLOTS = 2_000
"""A week in slots of five minutes; each start is a choice of its own."""

PLACES = ("site", "provider", "country", "market", "accelerator")
"""Scopes of a limit that a move, which is between places, does not have."""

SIGNED = frozenset({"latitude_deg", "longitude_deg"})

ALIVE = (LeaseState.PENDING, LeaseState.ACTIVE)


def value_faults(problem: Problem) -> Iterator[Fault]:
    """Yield every figure that is no number or out of range, and what contradicts itself."""
    if problem.now.tzinfo is None:
        yield _fault("now", "a time with an offset", problem.now.isoformat(), "add UTC")
    for name in ("horizon_h", "slot_h"):
        yield from _number(name, name, getattr(problem, name))
    if problem.slot_h > 0 and problem.horizon_h / problem.slot_h > MOST_SLOTS:
        told = f"{problem.horizon_h / problem.slot_h:,.0f} slots"
        yield _fault("slot_h", f"at most {MOST_SLOTS:,} slots", told, "widen the slots")
    yield from _numbers("assumptions", problem.assumptions)
    if problem.assumptions.quantile > 1:
        told = f"{problem.assumptions.quantile:g}"
        yield _fault("assumptions.quantile", "a share in [0, 1]", told)
    yield from chain.from_iterable(map(_job, problem.jobs))
    for part in ("datasets", "tenants", "sites", "pools", "offers", "limits"):
        for value in getattr(problem, part):
            yield from _numbers(f"{part}[{value.id}]", value)
    for link in problem.links:
        yield from _numbers(f"links[{link.source} to {link.target}]", link)
        yield from _tiers(f"links[{link.source} to {link.target}]", link)
    yield from chain.from_iterable(map(_pool, problem.pools))
    for part, faults in (
        ("offers", _offer),
        ("forecasts", _forecast),
        ("maintenance", _maintenance),
        ("limits", _limit),
        ("spreads", _spread),
    ):
        for value in getattr(problem, part):
            yield from faults(problem, value)
    for denial in problem.denials:
        if denial.action not in ("place", "transfer"):
            subjects, sites = ", ".join(denial.subjects), ", ".join(denial.sites)
            path = f"denials[{subjects} at {sites}].action"
            yield _fault(path, "place or transfer", repr(denial.action))
    yield from _twice(problem)


def _fault(path: str, expected: str, got: object, remedy: str = "") -> Fault:
    return Fault(where="problem", path=path, expected=expected, got=str(got), remedy=remedy)


def _number(path: str, name: str, value: float) -> Iterator[Fault]:
    if not math.isfinite(value):
        yield _fault(path, "a number", value)
    elif name not in SIGNED and (value < 0 or (value == 0 and name in ABOVE_ZERO)):
        yield _fault(path, "a number above 0" if name in ABOVE_ZERO else "at least 0", f"{value:g}")


@cache
def _numeric(kind: Any) -> tuple[str, ...]:
    """Return the fields of a class that hold numbers, by their annotations."""
    numeric = ("float", "int", "float | None", "int | None")
    return tuple(field.name for field in fields(kind) if field.type in numeric)


def _numbers(path: str, value: Any) -> Iterator[Fault]:
    kind: Any = type(value)
    for name in _numeric(kind):
        number = getattr(value, name)
        if number is not None and not (number > 0 and number < math.inf):
            yield from _number(f"{path}.{name}", name, number)


def _tiers(path: str, link: Link) -> Iterator[Fault]:
    for number, tier in enumerate(link.tiers):
        yield from _numbers(f"{path}.tiers[{number}]", tier)
        least = link.tiers[number - 1].beyond_gib if number else 0.0
        if tier.beyond_gib <= least:
            where = f"{path}.tiers[{number}].beyond_gib"
            yield _fault(where, f"more than {least:g}", f"{tier.beyond_gib:g}")
    if link.tiers and link.usd_gib is None:
        yield _fault(f"{path}.usd_gib", "a price until the first tier begins", "none")


def _job(job: Job) -> Iterator[Fault]:
    path = f"jobs[{job.id}]"
    yield from _numbers(path, job)
    yield from _numbers(path, job.work)
    if job.checkpoint is not None:
        yield from _numbers(f"{path}.checkpoint", job.checkpoint)
    if not job.shapes:
        yield _fault(f"{path}.shapes", "at least one shape", "none")
    for number, shape in enumerate(job.shapes):
        yield from _shape(f"{path}.shapes[{number}]", shape)
    if isinstance(job.work, Inference):
        yield from _inference(path, job.work)
    if isinstance(job.work, Training) and job.work.efficiency > 1:
        yield _fault(f"{path}.efficiency", "a share in (0, 1]", f"{job.work.efficiency:g}")
    yield from _work_range(f"{path}.work_range", job)
    if job.deadline_h is not None and job.deadline_h <= job.earliest_h:
        told = f"{job.deadline_h:g}, earliest_h is {job.earliest_h:g}"
        yield _fault(f"{path}.deadline_h", "more than earliest_h", told)
    for field in ("same_site_as", "apart_from"):
        if job.id in getattr(job, field):
            yield _fault(f"{path}.{field}", "other jobs", job.id, "remove the job itself")
    if job.program is not None:
        yield from _program(f"{path}.program", job.program)


def _program(path: str, program: Program) -> Iterator[Fault]:
    if not program.command:
        yield _fault(f"{path}.command", "a program", "none", "write what is to be run")
    pairs = [pair for pair in program.environment if set(map(type, pair)) == {str}]
    if len(pairs) < len(program.environment) or any(len(pair) != 2 for pair in pairs):
        yield _fault(f"{path}.environment", "pairs of texts", str(program.environment)[:80])
    names = Counter(pair[0] for pair in pairs), Counter(mount.path for mount in program.mounts)
    for field, counted in zip(("environment", "mounts"), names, strict=True):
        for name, times in counted.items():
            if times > 1:
                yield _fault(f"{path}.{field}", "each of them once", f"{name!r} {times} times")


def _work_range(path: str, job: Job) -> Iterator[Fault]:
    if job.work_range is None:
        return
    if isinstance(job.work, Inference):
        yield _fault(path, "none: its hours are its own", "a range", "remove it")
    ends: tuple[float, ...] = job.work_range
    if len(ends) != 2 or not 0 < ends[0] <= ends[1] < math.inf:
        yield _fault(path, "two numbers above 0, the smaller first", str(ends))


def _shape(path: str, shape: Shape) -> Iterator[Fault]:
    yield from _numbers(path, shape)
    count = shape.accelerators
    whole = math.isfinite(count) and count % 1 == 0
    if not (whole if count >= 1 else count in (0, 1 / 2, 1 / 4, 1 / 8)):
        yield _fault(
            f"{path}.accelerators", "a whole number, or 1/2, 1/4 or 1/8 of one", f"{count:g}"
        )
    yield from _accelerators(path, shape)


def _accelerators(path: str, what: Shape | Node | Offer) -> Iterator[Fault]:
    if (what.accelerator is None) != (what.accelerators == 0):
        told = f"accelerator {what.accelerator}, accelerators {what.accelerators:g}"
        yield _fault(path, "accelerator and accelerators, or neither", told)


def _inference(path: str, work: Inference) -> Iterator[Fault]:
    if len(work.load_rps) not in (1, 24):
        yield _fault(f"{path}.load_rps", "1 value, or 24", len(work.load_rps))
    for number, load in enumerate(work.load_rps):
        yield from _number(f"{path}.load_rps[{number}]", "load_rps", load)
    for users in work.users:
        yield from _numbers(f"{path}.users[{users.site}]", users)
    shares = sum(users.share for users in work.users)
    if work.users and not math.isclose(shares, 1.0, abs_tol=1e-6):
        yield _fault(f"{path}.users", "shares that add up to 1", f"{shares:g}")
    if work.max_replicas is not None and work.max_replicas < work.min_replicas:
        told = f"{work.min_replicas} and {work.max_replicas}"
        yield _fault(f"{path}.max_replicas", "at least min_replicas", told)


def _pool(pool: Pool) -> Iterator[Fault]:
    path = f"pools[{pool.id}]"
    for node in pool.nodes:
        yield from _numbers(f"{path}.nodes[{node.id}]", node)
        yield from _accelerators(f"{path}.nodes[{node.id}]", node)
    for name, times in Counter(node.id for node in pool.nodes).items():
        if times > 1:
            yield _fault(f"{path}.nodes", "unique ids", f"{name!r} {times} times")
    counted = (pool.measure is not None, pool.at_most is not None)
    if counted != ((not pool.nodes,) * 2):
        yield _fault(path, "nodes, or measure and at_most", "both, a half, or neither")


def _offer(problem: Problem, offer: Offer) -> Iterator[Fault]:
    pool = problem.pool.get(offer.pool or "")
    has_nodes = pool is not None and bool(pool.nodes)
    if has_nodes != (offer.market is Market.OWNED):
        expected = "a pool with nodes for what is owned, and for nothing else"
        yield _fault(f"offers[{offer.id}].pool", expected, f"{offer.market}, {offer.pool}")
    if pool is not None and pool.site != offer.site:
        told = f"site {offer.site}, and pool {pool.id} at {pool.site}"
        yield _fault(f"offers[{offer.id}].pool", "a pool at the offer's own site", told)
    yield from _accelerators(f"offers[{offer.id}]", offer)


def _limit(_: Problem, limit: Limit) -> Iterator[Fault]:
    path = f"limits[{limit.id}]"
    scoped = [name for name in PLACES if getattr(limit, name) is not None]
    if limit.measure == "moves" and scoped:
        yield _fault(path, "a tenant, a job or neither", ", ".join(scoped), "remove it")


def _spread(_: Problem, spread: Spread) -> Iterator[Fault]:
    path = f"spreads[{spread.id}]"
    if spread.at_most < 1:
        yield _fault(f"{path}.at_most", "at least 1", spread.at_most)
    for name, times in Counter(spread.jobs).items():
        if times > 1:
            yield _fault(f"{path}.jobs", "each job once", f"{name!r} {times} times")


def _forecast(problem: Problem, forecast: Forecast) -> Iterator[Fault]:
    path = f"forecasts[{forecast.measure} of {forecast.subject}]"
    if not forecast.hourly:
        yield _fault(f"{path}.hourly", "a value for each hour", "none")
    for number, value in enumerate(forecast.hourly):
        yield from _number(f"{path}.hourly[{number}]", "hourly", value)
    pool = problem.pool.get(forecast.subject)
    if forecast.measure is Figure.AT_MOST and pool is not None and pool.nodes:
        yield _fault(path, "a quota", "a pool with nodes", "write their maintenance instead")


def _maintenance(problem: Problem, one: Maintenance) -> Iterator[Fault]:
    path = f"maintenance[{one.pool}]"
    yield from _numbers(path, one)
    if one.end_h <= one.start_h:
        yield _fault(f"{path}.end_h", "more than start_h", f"{one.end_h:g}")
    nodes = problem.pool[one.pool].nodes if one.pool in problem.pool else ()
    names = {node.id for node in nodes}
    if one.pool in problem.pool and (not nodes or one.node not in {None, *names}):
        yield _fault(f"{path}.node", "a node of the pool", str(one.node))


def _twice(problem: Problem) -> Iterator[Fault]:
    ends = Counter((link.source, link.target) for link in problem.links)
    for (source, target), times in ends.items():
        if times > 1:
            yield _fault("links", "one link each way", f"{times} from {source} to {target}")
    foretold = Counter((one.subject, one.measure) for one in problem.forecasts)
    for (subject, measure), times in foretold.items():
        if times > 1:
            yield _fault("forecasts", "one per figure", f"{times} of {measure} of {subject}")
    for job, times in Counter(lease.job for lease in alive(problem.leases)).items():
        if times > 1:
            remedy = "release all but one"
            yield _fault("leases", "one live lease per job", f"{times} of {job}", remedy)


def alive(leases: Iterable[Lease]) -> tuple[Lease, ...]:
    """Return the leases that run, or are about to."""
    return tuple(lease for lease in leases if lease.state in ALIVE)
