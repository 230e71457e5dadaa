"""What is worth a second look before a plan is believed or applied."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from difflib import get_close_matches

from hybridplace.engine import Engine
from hybridplace.model.job import Inference
from hybridplace.model.plan import Plan
from hybridplace.model.problem import Problem

STALE_DAYS = 90
"""Older prices are told: list prices change a few times a year, spot prices by the day."""


def warnings(engine: Engine, problem: Problem, plan: Plan) -> tuple[str, ...]:
    """Return a sentence for each thing that is allowed and yet may surprise."""
    from hybridplace.policy import notes

    denies = engine.policies.denies_everything
    return (
        *([f"the policies deny everything: {denies}"] if denies else []),
        *notes(problem.jobs, problem.datasets),
        *unknown_accelerators(engine, problem),
        *doubtful_labels(engine, problem),
        *_broken_plugins(engine),
        *_without_plugin(engine, problem, plan),
        *stale_prices(problem, plan),
        *estimated_latencies(problem, plan),
    )


def unknown_accelerators(engine: Engine, problem: Problem) -> Iterator[str]:
    """Tell of accelerators that nothing offers: most likely a name is misspelt."""
    offered = {offer.accelerator for offer in problem.offers} - {None}
    known = sorted({*engine.catalog.accelerators, *map(str, offered)})
    asked = {
        str(shape.accelerator): f"job {job.id}"
        for job in problem.jobs
        for shape in job.shapes
        if shape.accelerator is not None and shape.accelerator not in offered
    }
    here = {
        str(node.accelerator): f"pool {pool.id}"
        for pool in problem.pools
        for node in pool.nodes
        if node.accelerator is not None and node.accelerator not in engine.catalog.accelerators
    }
    for name, who in sorted((asked | here).items()):
        near = get_close_matches(name, [one for one in known if one != name], n=1)
        hint = f" (did you mean {near[0]}?)" if near and name not in known else ""
        told = "no offer has" if name in asked else "the catalog does not know"
        yield f"{who}: {told} the accelerator {name}{hint}"


def doubtful_labels(engine: Engine, problem: Problem) -> Iterator[str]:
    """Tell of labels that are nearly one that a policy in force looks for."""
    text = "".join(policy.text for policy in engine.policies.policies)
    known = set(re.findall(r'"([a-z][a-z0-9-]+)"', text))
    labelled = {
        label: what
        for what, labels in (
            *((f"job {job.id}", job.labels) for job in problem.jobs),
            *((f"dataset {one.id}", one.labels) for one in problem.datasets),
        )
        for label in labels
    }
    for label, what in sorted(labelled.items()):
        near = get_close_matches(label.lower(), sorted(known), n=1, cutoff=0.7)
        if label not in known and near:
            yield f"{what}: no policy looks for the label {label}; did you mean {near[0]}?"


def _broken_plugins(engine: Engine) -> Iterator[str]:
    for info in engine.plugins.infos:
        if info.error is not None:
            yield f"plug-in {info.name} ({info.origin}) is not used: {info.error}"


def stale_prices(problem: Problem, plan: Plan) -> Iterator[str]:
    """Tell of prices in use that are old on the day of the plan."""
    today = problem.now.date()
    offers = (problem.offer[name] for name in sorted({one.offer for one in plan.placements}))
    aged = sorted((one.as_of, one.id) for one in offers if one.as_of is not None)
    old = [(day, name) for day, name in aged if _days(day, today) > STALE_DAYS]
    if old:
        day, name = old[0]
        count = "the price of 1 offer" if len(old) == 1 else f"the prices of {len(old)} offers"
        told = f"{count} in use, out of {len(aged)}, older than {STALE_DAYS} days"
        yield f"{told}; the oldest is of {day} ({name})"


def estimated_latencies(problem: Problem, plan: Plan) -> Iterator[str]:
    """Tell of latencies that decide about a job, and are a fit over distance."""
    guessed: Counter[str] = Counter()
    for placement in plan.placements:
        work, site = problem.job[placement.job].work, problem.offer[placement.offer].site
        if isinstance(work, Inference) and (work.latency_limit_ms or work.latency_target_ms):
            guessed[placement.job] += sum(
                problem.link(users.site, site).estimated for users in work.users
            )
    names = [job for job, count in sorted(guessed.items()) if count]
    if names:
        yield (
            f"latency to the users of {', '.join(names)} is estimated from the distance, not "
            "measured: state latency_ms of these links in the estate where you know it"
        )


def _without_plugin(engine: Engine, problem: Problem, plan: Plan) -> Iterator[str]:
    """Tell of providers that can be planned with, from the catalog, but not acted on."""
    used = {problem.site[problem.offer[one.offer].site].provider for one in plan.placements}
    for name in sorted(used - set(engine.plugins.providers)):
        yield f"no plug-in acts on {name}: the plan can be shown, but not applied there"


def _days(day: str, today: date) -> int:
    return (today - date.fromisoformat(day)).days
