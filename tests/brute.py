"""The cheapest right plan of a tiny problem by exhaustive search.

It knows the rules only by asking `verify` and the prices only by asking `cost`; it knows no solver.
What it skips cannot be part of a better plan: a placement that breaks a rule by itself, a partial
plan that breaks a rule which further decisions cannot mend, and a partial plan that already costs
as much as the best plan found (every cost line is at least 0).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter
from itertools import combinations, product

from hybridplace.model import verify, verify_placement
from hybridplace.model.cost import (
    placement_costs,
    placement_run,
    plan_carbon_g,
    plan_costs,
    rejection_costs,
    transfers_usd,
)
from hybridplace.model.data import copies_needed, holders
from hybridplace.model.fairness import dominant_share, dues, worst_off
from hybridplace.model.job import Inference, Job, Shape
from hybridplace.model.plan import (
    Costs,
    Placement,
    Plan,
    Share,
    Status,
    Transfer,
    Unplaced,
)
from hybridplace.model.problem import Problem
from hybridplace.model.run import planned_quantile, run_of
from hybridplace.model.site import Market, Node, Offer

_LASTING = (
    verify.jobs_are_together_or_apart,
    verify.jobs_are_spread,
    verify.producers_are_placed,
    verify.inputs_come_first,
    verify.quotas_hold,
    verify.limits_hold,
)
"""Rules that, once broken by the first jobs (producers before readers), stay broken."""

_NODES = (verify.nodes_hold,)
"""The same, for the one rule of several jobs that depends on shares."""

Placements = tuple[Placement, ...]
Got = dict[str, float]
"""What each tenant has of the own nodes."""

Decided = tuple[Placements, ...]
"""For each job that is placed, the placements that differ in their shares only."""


@dataclass(frozen=True)
class Choice:
    """One way to decide a job: left out, or placed, with one of several sets of shares.

    `share` is what it adds to what the job's tenant has of the own nodes.
    """

    usd: float
    alternatives: Placements = ()
    share: float = 0.0


def best_plan(problem: Problem) -> Plan:
    """Return the cheapest right plan; of several, the first found."""
    order = _producers_first(problem)
    choices = [_choices(problem, problem.job[job]) for job in order]
    least = [min(choice.usd for choice in each) for each in choices]
    rest = [sum(least[depth:]) for depth in range(len(order) + 1)]
    unfair = _Unfairness(problem, order, choices)
    best = nobody_placed(problem)

    def decide(depth: int, usd: float, decided: Decided, packed: Placements, got: Got) -> None:
        nonlocal best
        if depth == len(order):
            best = _with_transfers(problem, packed, best)
            return
        for choice in choices[depth]:
            if usd + choice.usd + rest[depth + 1] >= best.objective_usd:
                return  # the choices that follow cost as much or more
            more = unfair.with_choice(got, depth, choice)
            unfair_usd = unfair.least_usd(more, depth + 1)
            if usd + choice.usd + unfair_usd + rest[depth + 1] >= best.objective_usd:
                continue
            chosen = (*decided, choice.alternatives) if choice.alternatives else decided
            placements = _packed(problem, chosen, packed)
            if placements is None:
                continue
            # The data of the first jobs may cost so much that no choice here is cheap enough.
            moved_usd = _least_transfer_usd(problem, placements)
            lost_usd = unfair_usd + moved_usd
            if usd + choice.usd + lost_usd + rest[depth + 1] < best.objective_usd:
                decide(depth + 1, usd + choice.usd, chosen, placements, more)

    decide(0, 0.0, (), (), dict.fromkeys(problem.tenant_ids, 0.0))
    return best


def nobody_placed(problem: Problem) -> Plan:
    """Return the cheapest plan that leaves everything out: data is delivered from its homes."""
    return _with_transfers(problem, (), None)


class _Unfairness:
    """What unfairness costs at least, once the first jobs are decided: the others may all help."""

    def __init__(self, problem: Problem, order: tuple[str, ...], choices: list[list[Choice]]):
        self.unfair_usd, self.due = problem.assumptions.unfair_usd, dues(problem)
        self.tenants = [problem.job[job].tenant for job in order]
        self.most = [max(choice.share for choice in each) for each in choices]

    def with_choice(self, got: Got, depth: int, choice: Choice) -> Got:
        tenant = self.tenants[depth]
        return {**got, tenant: got[tenant] + choice.share}

    def least_usd(self, got: Got, depth: int) -> float:
        got = dict(got)
        for tenant, most in zip(self.tenants[depth:], self.most[depth:], strict=True):
            got[tenant] += most
        return self.unfair_usd * (1.0 - worst_off(got, self.due))


def stated(
    problem: Problem,
    placements: Placements,
    transfers: tuple[Transfer, ...],
    unplaced: tuple[str, ...],
    costs: Costs | None = None,
) -> Plan:
    """Return the plan that decides so, with the sums that `cost` gives unless `costs` is."""
    costs = plan_costs(problem, placements, transfers, unplaced) if costs is None else costs
    return Plan(
        placements=tuple(sorted(placements, key=lambda one: one.job)),
        transfers=tuple(sorted(transfers, key=lambda one: (one.dataset, one.target, one.source))),
        unplaced=tuple(Unplaced(job=job) for job in sorted(unplaced)),
        status=Status.OPTIMAL,
        costs=costs,
        objective_usd=costs.total_usd,
        bound_usd=costs.total_usd,
        carbon_g=plan_carbon_g(problem, placements),
        solver="brute",
        seed=0,
        problem_digest=problem.digest,
        quantile=planned_quantile(problem),
    )


def _producers_first(problem: Problem) -> tuple[str, ...]:
    before = {
        job.id: [problem.producer[one] for one in job.inputs if one in problem.producer]
        for job in problem.jobs
    }
    return tuple(TopologicalSorter(before).static_order())


def _choices(problem: Problem, job: Job) -> list[Choice]:
    """Return every way to decide a job that breaks no rule by itself, cheapest first."""
    found = [Choice(usd=rejection_costs(problem, job).total_usd)]
    for offer, (index, shape), slot in product(
        problem.offers,
        enumerate(job.shapes),
        range(math.ceil(problem.horizon_h / problem.slot_h)),
    ):
        placed = tuple(
            placement
            for placement in _placements(problem, job, offer, index, shape, slot * problem.slot_h)
            if not any(verify_placement.breaches(problem, placement))
        )
        if placed:
            usd = placement_costs(problem, placed[0]).total_usd
            run = placement_run(problem, placed[0])
            share = dominant_share(problem, offer, shape, run)
            found.append(Choice(usd=usd, alternatives=placed, share=share))
    return sorted(found, key=lambda choice: choice.usd)


def _placements(
    problem: Problem, job: Job, offer: Offer, index: int, shape: Shape, start_h: float
) -> Iterator[Placement]:
    """Yield the placements of a job on an offer from a start: one for each set of shares."""
    run = run_of(problem, job, offer, shape, start_h)
    if run is None:
        return
    bought = Placement(
        job=job.id,
        offer=offer.id,
        shape=index,
        start_h=start_h,
        end_h=run.end_h,
        machines=run.machines,
    )
    if offer.market is not Market.OWNED:
        yield bought
        return
    nodes = problem.pool[offer.pool].nodes if offer.pool else ()
    singles = [share for node in nodes for share in _shares(node, shape)]
    # Workers that are all busy all the time are interchangeable; the first replicas are busier.
    alike = not isinstance(job.work, Inference)
    for chosen in product(range(len(singles)), repeat=max(run.workers)):
        if alike and list(chosen) != sorted(chosen):
            continue
        shares = tuple(singles[position] for position in chosen)
        yield replace(bought, machines=len({share.node for share in shares}), shares=shares)


def _shares(node: Node, shape: Shape) -> Iterator[Share]:
    wanted = math.ceil(shape.accelerators)
    for devices in combinations(range(node.accelerators), wanted):
        yield Share(node=node.id, devices=devices)


def _packed(problem: Problem, decided: Decided, packed: Placements) -> Placements | None:
    """Return a placement for each decision such that no lasting rule is broken, if there is one.

    Which shares a job has matters to nothing but the nodes: no cost and no other rule sees them.
    First the placements before the last decision are kept, then all are tried.
    """
    if len(decided) == len(packed):
        return packed
    if _breaks(problem, (*packed, decided[-1][0]), _LASTING):
        return None
    kept = tuple((one,) for one in packed)
    return _pack(problem, (*kept, decided[-1]), ()) or _pack(problem, decided, ())


def _pack(problem: Problem, decided: Decided, packed: Placements) -> Placements | None:
    if len(packed) == len(decided):
        return packed
    for placement in decided[len(packed)]:
        more = (*packed, placement)
        if _uses_devices_in_order(problem, more) and not _breaks(problem, more, _NODES):
            found = _pack(problem, decided, more)
            if found is not None:
                return found
    return None


def _uses_devices_in_order(problem: Problem, placements: Placements) -> bool:
    """Say whether each node's accelerators are first used in order of their index.

    Accelerators of one node are alike, so renaming them turns every other plan into one of these.
    """
    used: defaultdict[tuple[str | None, str], list[int]] = defaultdict(list)
    for placement in placements:
        pool = problem.offer[placement.offer].pool
        for share in placement.shares:
            seen = used[pool, share.node]
            seen.extend(device for device in share.devices if device not in seen)
    return all(seen == list(range(len(seen))) for seen in used.values())


def _breaks(problem: Problem, placements: Placements, rules: tuple[verify.Rule, ...]) -> bool:
    draft = Plan(
        placements=placements,
        transfers=(),
        unplaced=(),
        status=Status.FEASIBLE,
        costs=Costs(),
        objective_usd=0.0,
        bound_usd=0.0,
        carbon_g=None,
        solver="brute",
        seed=0,
        problem_digest="",
    )
    return any(told for rule in rules for told in rule(problem, draft))


def _site_of(problem: Problem, placements: Placements) -> dict[str, str]:
    return {placement.job: problem.offer[placement.offer].site for placement in placements}


def _transfers(problem: Problem, placements: Placements) -> list[tuple[Transfer, ...]]:
    """Return, for each copy that is needed, every way to make it."""
    site_of = _site_of(problem, placements)
    return [
        tuple(
            Transfer(dataset=dataset, source=source, target=target)
            for source in holders(problem, dataset, site_of)
            if problem.link(source, target).usd_gib is not None
        )
        for dataset, target in copies_needed(problem, site_of)
    ]


def _least_transfer_usd(problem: Problem, placements: Placements) -> float:
    """Return what moving the data of these placements costs at least; infinite if it cannot.

    More data over a link never makes it cheaper, so that no more placements cost less.
    """
    chosen = product(*_transfers(problem, placements))
    return min((sum(transfers_usd(problem, each)) for each in chosen), default=math.inf)


def _with_transfers(problem: Problem, placements: Placements, best: Plan | None) -> Plan:
    """Return the cheapest right plan with these placements, or `best` where none is cheaper."""
    best_usd = math.inf if best is None else best.objective_usd
    placed = {placement.job for placement in placements}
    unplaced = tuple(job.id for job in problem.jobs if job.id not in placed)
    for ways in product(*_transfers(problem, placements)):
        plan = stated(problem, placements, ways, unplaced)
        if plan.objective_usd < best_usd and not verify.breaches(problem, plan):
            best, best_usd = plan, plan.objective_usd
    assert best is not None, "leaving everything out is always right"
    return best
