"""The search that others are compared to skips nothing that matters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from itertools import combinations, product
from math import inf, prod

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings

from hybridplace.model import verify
from hybridplace.model.data import copies_needed
from hybridplace.model.job import Job, Kind
from hybridplace.model.plan import Costs, Placement, Share, Transfer
from hybridplace.model.problem import Problem
from hybridplace.model.run import run_of
from hybridplace.model.site import Market
from tests.brute import best_plan, stated
from tests.problems import NAMED, small_problems

MOST_PLANS = 800
OTHERS = (
    "unplaced",
    "carbon unknown",
    "waits",
    "second shape",
    "fraction",
    "several nodes",
    "checked latency",
    "limits",
    "denials",
    "leases",
    "forecasts",
    "maintenance",
    "spreads",
    "links",
    "transfers",
)


def _every_placement(problem: Problem, job: Job) -> Iterator[Placement | None]:
    """Leaving it out, and every placement on the grid with every assignment of devices."""
    yield None
    slots = range(round(problem.horizon_h / problem.slot_h))
    for offer, shape, slot in product(problem.offers, range(len(job.shapes)), slots):
        run = run_of(problem, job, offer, job.shapes[shape], slot * problem.slot_h)
        if run is None:
            continue
        own = offer.market is Market.OWNED
        singles = [
            Share(node=node.id, devices=devices)
            for node in (problem.pool[offer.pool].nodes if own and offer.pool else ())
            for count in range(node.accelerators + 1)
            for devices in combinations(range(node.accelerators), count)
        ]
        for shares in product(singles, repeat=max(run.workers) if own else 0):
            yield Placement(
                job=job.id,
                offer=offer.id,
                shape=shape,
                start_h=run.start_h,
                end_h=run.end_h,
                machines=len({one.node for one in shares}) if own else run.machines,
                shares=shares,
            )


def _least_usd(problem: Problem, choices: list[list[Placement | None]]) -> float:
    """The cost of the cheapest right plan among all, none skipped."""
    least = inf
    for chosen in product(*choices):
        placements = tuple(one for one in chosen if one is not None)
        site_of = {one.job: problem.offer[one.offer].site for one in placements}
        unplaced = tuple(job for job in problem.job if job not in site_of)
        needed = copies_needed(problem, site_of)
        for sources in product(problem.site, repeat=len(needed)):
            transfers = tuple(
                Transfer(dataset=dataset, source=source, target=target)
                for source, (dataset, target) in zip(sources, needed, strict=True)
            )
            try:
                plan = stated(problem, placements, transfers, unplaced)
            except LookupError:  # a figure is not known
                continue
            if plan.objective_usd < least and not verify.breaches(problem, plan):
                least = plan.objective_usd
    return least


@settings(max_examples=120, suppress_health_check=[HealthCheck.filter_too_much])
@given(small_problems())
def test_nothing_is_skipped_that_matters(problem: Problem) -> None:
    """The best plan costs what the cheapest of all plans costs."""
    choices = [list(_every_placement(problem, job)) for job in problem.jobs]
    assume(prod(map(len, choices)) <= MOST_PLANS)

    assert pytest.approx(_least_usd(problem, choices), abs=1e-9) == best_plan(problem).objective_usd


REASONS = {
    "crowded": {("hurried", "lab", 0.0), ("calm0", "lab", 0.0), ("calm2", "lab", 2.0)},
    "shared_accelerator": {("half2", "lab", 0.0), ("whole", "lab", 0.0)},
    "pipeline": {("clean", "lab", 0.0), ("read1", "near", 2.0), ("read2", "near", 2.0)},
    "delivered": {("read", "near", 1.0)},
    "denied": {("train", "near", 0.0)},
    "serving": {("serve", "near", 0.0), ("train", "lab", 0.0)},
    "spot": {("saved", "far", 0.0), ("unsaved", "near", 0.0)},
    "budget": {("more", "lab", 0.0), ("train", "near", 0.0)},
    "running": {("train", "near", 0.0)},
    "apart": {("a", "lab", 0.0), ("b", "near", 0.0), ("c", "lab", 0.0)},
    "gang": {("train", "lab", 0.0)},
    "waiting": {("train", "lab", 2.0)},
    "maintained": {("train", "lab", 2.0), ("other", "lab", 0.0)},
    "spread": {("a", "lab", 0.0), ("b", "far", 0.0)},
    "moving": {("a", "lab", 0.0), ("b", "near", 0.0)},
    "fair": set(),
    "uncertain": {("train", "lab", 0.0)},
    "impossible": set(),
}


@pytest.mark.parametrize("name", NAMED)
def test_a_named_problem_shows_why_it_exists(name: str) -> None:
    """Jobs wait, share, follow their data, avoid, scale, stay or are left out, as it says."""
    problem = NAMED[name]

    placed = {
        (one.job, problem.offer[one.offer].site, one.start_h)
        for one in best_plan(problem).placements
    }

    assert REASONS[name] <= placed


def _features(problem: Problem) -> Iterator[str]:
    """What a problem and its best plan make use of."""
    plan = best_plan(problem)
    yield from (line for line in Costs.__slots__ if getattr(plan.costs, line) > 0.0)
    yield from ("unplaced" for _ in plan.unplaced)
    yield from ("carbon unknown" for _ in [plan] if plan.carbon_g is None)
    for placement in plan.placements:
        job, offer = problem.job[placement.job], problem.offer[placement.offer]
        shape = job.shapes[placement.shape]
        yield from (job.kind, offer.market)
        for field in fields(job):
            if getattr(job, field.name) not in (field.default, ()):
                yield field.name
        yield from ("waits" for _ in [job] if placement.start_h >= job.earliest_h + problem.slot_h)
        yield from ("second shape" for _ in range(placement.shape))
        yield from ("fraction" for share in placement.shares if 0 < shape.accelerators < 1)
        yield from ("several nodes" for _ in placement.shares if placement.machines > 1)
        yield from ("checked latency" for _ in [job] if getattr(job.work, "latency_limit_ms", None))
    for part in (
        "limits",
        "denials",
        "leases",
        "forecasts",
        "maintenance",
        "spreads",
        "links",
        "transfers",
    ):
        yield from (part for _ in getattr(plan if part == "transfers" else problem, part))


def test_drawn_problems_use_every_part_of_the_model() -> None:
    """Whatever the model knows shows up in the best plans of the problems that are drawn."""
    seen: Counter[str] = Counter()

    @settings(max_examples=400, phases=[Phase.generate])
    @given(small_problems())
    def look(problem: Problem) -> None:
        seen.update(set(_features(problem)))

    look()

    of_jobs = {one.name for one in fields(Job)} - {"labels"}  # these are for policies
    assert set() == {*Costs.__slots__, *Kind, *Market, *of_jobs, *OTHERS} - set(seen)


def test_the_same_problem_has_the_same_plan() -> None:
    """Twice the same bytes."""
    assert best_plan(NAMED["crowded"]) == best_plan(NAMED["crowded"])
