"""Measures how fast a standing plan is repaired, in this process, which should be a fresh one.

``python -m benchmarks.solver.replanning replan JOBS SLOTS SEED`` prints a JSON object per kind of
event: CPU milliseconds of each event (median and 99th percentile), and the gap after all of them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

import numpy as np

from benchmarks.solver.cases import Size
from benchmarks.solver.events import CHURN, PRICE_STEP, new_jobs
from benchmarks.solver.instances import slots_problem, static_problem
from benchmarks.solver.measure import WARM, Row, peak_rss_mb, proof_off, spending
from benchmarks.solver.tables import agreement, aligned
from hybridplace.model.plan import Plan
from hybridplace.model.problem import Problem
from hybridplace.model.site import Market
from hybridplace.solver.ledger import Repair
from hybridplace.solver.standing import Standing

SIZES = (Size(jobs=1000), Size(jobs=10_000))

SINGLES, NODES = 50, 5
"""Jobs that come, and as many that end later, one by one; nodes lost, offers sold out."""

PROMISED_MS = {"arrival": 3.0, "departure": 3.0, "preemption": 3.0, "node": 30.0, "churn": 400.0}
"""CPU time of an event, at most: of one job the 99th percentile, a round at 10,000 jobs."""


@dataclass(slots=True)
class _Log:
    """What events of one kind took, and what they led to."""

    ms: list[float] = field(default_factory=list)
    wall_s: float = 0.0
    jobs: int = 0
    last: Repair | None = None

    def time(self, event: Callable[[], Repair]) -> None:
        with spending() as spent:
            self.last = event()
        self.ms.append(1000.0 * spent.cpu_s)
        self.wall_s += spent.wall_s
        self.jobs += len(self.last.jobs)


def problem_of(size: Size, seed: int) -> Problem:
    """Return the problem that is held."""
    if size.slots > 1:
        return slots_problem(size.jobs, size.slots, seed)
    return static_problem(size.jobs, seed)


def replanned(size: Size, seed: int) -> Iterator[Row]:
    """Yield a row for each kind of event, in one standing plan; the plan is held to its problem."""
    _warm(seed)
    problem = problem_of(size, seed)
    with spending() as spent:
        standing = Standing(problem, seed=seed)
    first = {"cpu_s": spent.cpu_s, "wall_s": spent.wall_s, "gap": standing.gap}
    yield _head(problem, size, seed, "solve") | first | _amounts(standing.plan())
    for kind, happen in _KINDS.items():
        log, draw = _Log(), np.random.default_rng((seed, 5))
        happen(standing, log, draw, seed)
        if log.last is None:
            continue
        plan = standing.plan()
        figures = {
            "proof_off": proof_off(standing.problem(), plan),
            "events": len(log.ms),
            "placed": log.jobs,
            "p50_ms": round(float(np.percentile(log.ms, 50)), 3),
            "p99_ms": round(float(np.percentile(log.ms, 99)), 3),
            "cpu_s": round(sum(log.ms) / 1000.0, 4),
            "wall_s": round(log.wall_s, 4),
            "gap": plan.gap,
            "drifted": log.last.drifted,
        }
        yield _head(problem, size, seed, kind) | figures | _amounts(plan)


def _warm(seed: int) -> None:
    """Repair a small plan first: what that imports is not what it costs each time."""
    small = Standing(static_problem(WARM, seed), drift=0.0)
    for kind in _KINDS.values():
        kind(small, _Log(), np.random.default_rng(seed), seed)


def _head(problem: Problem, size: Size, seed: int, event: str) -> Row:
    row = {"case": "replan", "event": event, "jobs": size.jobs, "offers": len(problem.offers)}
    return row | {"slots": problem.slots, "seed": seed}


def _amounts(plan: Plan) -> Row:
    cost = {"cost_usd": round(plan.objective_usd, 4), "bound_usd": round(plan.bound_usd, 4)}
    return cost | {"rss_mb": round(peak_rss_mb(), 1)}


def _churn(standing: Standing, log: _Log, draw: np.random.Generator, seed: int) -> None:
    """Let 3 % of the jobs end, and as many come, in one round."""
    jobs = standing.problem().jobs
    count = max(1, round(CHURN * len(jobs)))
    gone = [jobs[row].id for row in draw.choice(len(jobs), count, replace=False).tolist()]
    come = new_jobs(standing.problem(), count, seed)
    log.time(lambda: standing.change(come=come, gone=gone))


def _arrive(standing: Standing, log: _Log, draw: np.random.Generator, seed: int) -> None:
    """Let jobs come one by one; after each an old one ends, which is not counted here."""
    old = [job.id for job in standing.problem().jobs]
    come = new_jobs(standing.problem(), SINGLES, seed + 1)
    for job, row in zip(come, draw.permutation(len(old)).tolist(), strict=False):
        one = replace(job, id=f"single-{job.id}")
        log.time(lambda one=one: standing.change(come=[one]))  # type: ignore[misc]
        standing.change(gone=[old[row]])


def _depart(standing: Standing, log: _Log, draw: np.random.Generator, seed: int) -> None:
    """Let jobs end one by one."""
    old = [job.id for job in standing.problem().jobs]
    for row in draw.permutation(len(old))[:SINGLES].tolist():
        log.time(lambda name=old[row]: standing.change(gone=[name]))  # type: ignore[misc]


def _preempt(standing: Standing, log: _Log, draw: np.random.Generator, seed: int) -> None:
    """Let spot offers sell out that one job is on; afterwards they are for sale again."""
    problem, on = standing.problem(), _on_spot(standing)
    alone = sorted(offer for offer, count in on.items() if count == 1)
    for row in draw.permutation(len(alone))[:NODES].tolist():
        offer = problem.offer[alone[row]]
        log.time(lambda offer=offer: standing.change_offer(replace(offer, available=False)))  # type: ignore[misc]
        standing.change_offer(offer)


def _lose_nodes(standing: Standing, log: _Log, draw: np.random.Generator, seed: int) -> None:
    """Let nodes be lost one after the other, those that jobs are on if there are any."""
    for _ in range(NODES):
        problem = standing.problem()
        nodes = {pool.id: pool.nodes for pool in problem.pools if len(pool.nodes) > 1}
        if not nodes:
            return
        used = {
            (str(problem.offer[one.offer].pool), share.node)
            for one in standing.plan().placements
            for share in one.shares
        }
        all_ = sorted((pool, node.id) for pool, own in nodes.items() for node in own)
        some = [one for one in all_ if one in used] or all_
        pool, node = some[int(draw.integers(len(some)))]
        log.time(lambda pool=pool, node=node: standing.lose_node(pool, node))  # type: ignore[misc]


def _move_price(standing: Standing, log: _Log, draw: np.random.Generator, seed: int) -> None:
    """Let the price rise of the spot offer that most jobs are on."""
    on = _on_spot(standing)
    if not on:
        return
    offer = standing.problem().offer[max(sorted(on), key=lambda name: on[name])]
    dearer = replace(offer, price_usd_h=PRICE_STEP * (offer.price_usd_h or 0.0))
    log.time(lambda: standing.change_offer(dearer))


def _on_spot(standing: Standing) -> dict[str, int]:
    """Return how many jobs are on each spot offer that has any."""
    problem, found = standing.problem(), dict[str, int]()
    for one in standing.plan().placements:
        if problem.offer[one.offer].market is Market.SPOT:
            found[one.offer] = found.get(one.offer, 0) + 1
    return found


_KINDS = {
    "churn": _churn,
    "arrival": _arrive,
    "departure": _depart,
    "preemption": _preempt,
    "node": _lose_nodes,
    "price": _move_price,
}


def replan_table(rows: Sequence[Row], *, markdown: bool = False) -> str:
    """Return rows as a table: of each kind and size the median over seeds, and the worst."""
    heading = ["event", "jobs", "seeds", "p50 ms", "p99 ms (promised)", "worst", "gap after"]
    lines = [[*heading, "worst", "checker"]]
    kinds = dict.fromkeys((row["event"], row["jobs"]) for row in rows if "p99_ms" in row)
    for kind, jobs in kinds:
        some = [row for row in rows if (row["event"], row["jobs"]) == (kind, jobs)]
        names = ("p50_ms", "p99_ms", "gap", "proof_off")
        p50, p99, gap, _ = (median(row[name] for row in some) for name in names)
        _, late, wide, off = (max(row[name] for row in some) for name in names)
        told = f"{p99:.1f}" + (f" ({PROMISED_MS[kind]:g})" if kind in PROMISED_MS else "")
        cells = [f"{jobs:,}", str(len(some)), f"{p50:.1f}", told, f"{late:.1f}", f"{gap:.3%}"]
        lines.append([kind, *cells, f"{wide:.3%}", agreement(off)])
    return aligned(lines, markdown=markdown)


def main(arguments: list[str]) -> None:
    """Print the rows of a size and a seed."""
    jobs, slots, seed = map(int, arguments[1:4])
    for row in replanned(Size(jobs=jobs, slots=slots), seed):
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
