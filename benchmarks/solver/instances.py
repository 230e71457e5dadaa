"""Problems drawn from a seed on the shipped catalog, where jobs compete for nearly everything.

Own pools hold 30 to 60 % of what the jobs ask for, most quotas that a job would take first are too
small for all who would, and a quarter of the jobs are bound to some places.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from benchmarks.solver.datasets import data_links, draw_reading
from benchmarks.solver.demand import (
    TENANTS,
    USERS,
    Demand,
    First,
    draw_demand,
    first_choices,
    write_jobs,
)
from benchmarks.solver.supply import (
    COMPLIANCE,
    FAMILIES,
    OWN_POOLS,
    Floats,
    cloud_offers,
    denied_sites,
    in_quotas,
    own_offers,
    places,
    quota_ids,
    shipped,
)
from benchmarks.solver.varying import forecasts, maintenance
from hybridplace.model.job import Job
from hybridplace.model.problem import Assumptions, Denial, Limit, LimitMeasure, Problem, Rule
from hybridplace.model.site import Link, Pool

NOW = datetime(2026, 11, 25, tzinfo=UTC)
STATIC_H = 168.0
"""Of the single slot of problems without time."""

LONG_H = 4 * STATIC_H

BUDGET = 2.5
"""Of the two largest tenants, times what their jobs cost if each took its cheapest."""

TENANT_BUDGET = 0.6
CARBON_CAP = 1.2

UNFAIR = 0.1
"""What it costs if the worst-off tenant gets nothing, by what jobs would spend."""

DATA_SLOTS = 28
"""Of six hours each."""

INSTANT_GBPS = 1e9
"""Ten TiB in less than the tolerance of hours."""


def static_problem(jobs: int, seed: int) -> Problem:
    """Return `jobs` different jobs that all want capacity at the same time: one slot of a week."""
    demand = draw_demand(jobs, seed, horizon_h=STATIC_H, waits=False)
    return Problem(**_parts(demand, tuple(write_jobs(demand)), seed, STATIC_H, STATIC_H))


def slots_problem(jobs: int, slots: int, seed: int, *, roomy: bool = False) -> Problem:
    """Return jobs that come over `slots` hours and may wait, 1.2 to 10 times their length.

    The estate is sized by what runs at a time on average. A roomy one is sized as if all jobs ran
    at the same time, as studies of placement draw it; what is promised over time comes from such.
    """
    return Problem(**_waiting(jobs, slots, seed, roomy=roomy))


def varying_problem(jobs: int, slots: int, seed: int, *, roomy: bool = False) -> Problem:
    """Return the same with prices, emissions and own nodes that change from hour to hour."""
    parts = _waiting(jobs, slots, seed, roomy=roomy)
    draw = np.random.default_rng((seed, 5))
    parts["forecasts"] = tuple(forecasts(parts["sites"], parts["offers"], slots, draw))
    parts["maintenance"] = tuple(maintenance(parts["pools"], slots, draw))
    return Problem(**parts)


def tenants_problem(jobs: int, seed: int) -> Problem:
    """Return the static problem with budgets, a cap on emissions and a price of unfairness.

    Of what the jobs would spend and emit if each took its cheapest offer under a quota, the
    budgets of every other tenant allow `TENANT_BUDGET` times as much, and the cap `CARBON_CAP`
    times; to share the own nodes most unfairly costs `UNFAIR` times.
    """
    demand = draw_demand(jobs, seed, horizon_h=STATIC_H, waits=False)
    first = first_choices(demand)
    cap = Limit(
        id="carbon",
        measure=LimitMeasure.CARBON_G,
        at_most=round(CARBON_CAP * float(first.carbon_g.sum()), 1),
    )
    limits = (*_budgets(demand, first, range(0, len(TENANTS), 2), TENANT_BUDGET), cap)
    parts = _parts(demand, tuple(write_jobs(demand)), seed, STATIC_H, STATIC_H)
    unfair_usd = round(UNFAIR * float(first.usd.sum()), 2)
    parts["assumptions"] = replace(parts["assumptions"], unfair_usd=unfair_usd)
    return Problem(**parts | {"limits": limits})


def data_problem(jobs: int, seed: int, *, slots: int = DATA_SLOTS, roomy: bool = False) -> Problem:
    """Return jobs that read shared datasets, and pipelines, in slots of a week.

    In one slot nothing can come after anything: then there are no pipelines, and data arrives at
    once, over links of `INSTANT_GBPS`.
    """
    demand = draw_demand(jobs, seed, horizon_h=STATIC_H, waits=False)
    reading = draw_reading(tuple(write_jobs(demand)), seed, pipelines=slots > 1)
    slot_h = STATIC_H / slots
    parts = _parts(demand, reading.jobs, seed, STATIC_H, slot_h, at_once=roomy or slots == 1)
    parts |= {"datasets": reading.datasets, "links": data_links()}
    if slots == 1:
        parts["links"] = tuple(replace(one, gbps=INSTANT_GBPS) for one in parts["links"])
    return Problem(**parts)


def classes_problem(jobs: int, classes: int, seed: int) -> Problem:
    """Return the static problem where only `classes` jobs differ, each there many times."""
    demand = draw_demand(classes, seed, horizon_h=STATIC_H, waits=False)
    draw = np.random.default_rng((seed, 3))
    weight = draw.pareto(1.5, classes) + 0.2
    rows = np.sort(draw.choice(classes, jobs, p=weight / weight.sum()))
    kinds = tuple(write_jobs(demand))
    copies = tuple(replace(kinds[row], id=f"job{n:06}") for n, row in enumerate(rows.tolist()))
    return Problem(**_parts(demand.take(rows), copies, seed, STATIC_H, STATIC_H))


def independent_problem(jobs: int, seed: int) -> Problem:
    """Return training jobs that nothing ties together: what SkyPilot's optimizer is made for.

    No own nodes, quotas, budgets, places that are forbidden or price of carbon; machines that are
    sold with their accelerators under one name, and jobs that ask for whole ones. The horizon is
    long: SkyPilot knows none, and would choose machines on which jobs end after it.
    """
    drawn = draw_demand(jobs, seed, horizon_h=STATIC_H, waits=False)
    demand = drawn.independent()
    parts = _parts(demand, tuple(write_jobs(demand)), seed, STATIC_H, STATIC_H)
    sold = (one for one in cloud_offers() if one.accelerator in FAMILIES)
    offers = tuple(one for one in sold if "+" not in one.instance_type)
    parts |= {"pools": (), "offers": offers, "limits": (), "links": ()}
    parts |= {"horizon_h": LONG_H, "slot_h": LONG_H}
    return Problem(**parts | {"assumptions": Assumptions()})


def _waiting(jobs: int, slots: int, seed: int, *, roomy: bool) -> dict[str, Any]:
    """Return the fields of a problem with jobs that come over hours and may wait."""
    demand = draw_demand(jobs, seed, horizon_h=float(slots), waits=True)
    written = tuple(write_jobs(demand))
    return _parts(demand, written, seed, float(slots), 1.0, at_once=roomy)


def _parts(
    demand: Demand,
    jobs: tuple[Job, ...],
    seed: int,
    horizon_h: float,
    slot_h: float,
    *,
    at_once: bool = True,
) -> dict[str, Any]:
    """Return the fields of a problem with these jobs, its estate sized by what they ask for.

    That is what all ask for together if they run at once, and else on average over the horizon.
    """
    draw = np.random.default_rng((seed, 1))
    first = first_choices(demand)
    held = first.held if at_once else first.accelerator_h / horizon_h
    asked = np.bincount(first.quota + 1, held, len(quota_ids()) + 1)[1:].astype(np.float64)
    quotas, offers = in_quotas(_quotas(draw, asked, large=not at_once))
    own = draw.uniform(0.3, 0.6) * float(asked.sum())
    return {
        "now": NOW,
        "horizon_h": horizon_h,
        "slot_h": slot_h,
        "jobs": jobs,
        "tenants": TENANTS,
        "sites": places(),
        "pools": (*_own_pools(own), *quotas),
        "offers": (*own_offers(), *offers),
        "links": _links(),
        "limits": _budgets(demand, first, range(2), BUDGET),
        "rules": tuple(Rule(id=one.rule, reason=one.reason) for one in COMPLIANCE),
        "denials": _denials(demand, jobs),
        "assumptions": Assumptions(carbon_usd_t=50.0),
        "catalog_digest": shipped().digest,
    }


def _own_pools(accelerators: float) -> tuple[Pool, ...]:
    return tuple(one.pool(accelerators * one.share) for one in OWN_POOLS)


def _quotas(draw: np.random.Generator, asked: Floats, *, large: bool) -> dict[str, float]:
    """Return what may be used of each quota: mostly less than is asked of it first."""
    share = draw.uniform(0.1, 1.0, len(asked))
    spare = draw.uniform(0.0, 0.5, len(asked)) * asked.sum() / len(asked)
    least = draw.choice([16.0, 32.0, 64.0] if large else [8.0, 16.0, 32.0], len(asked))
    at_most = np.maximum(np.ceil(np.where(asked > 0, asked * share, spare)), least)
    return dict(zip(quota_ids(), at_most.tolist(), strict=True))


def _budgets(
    demand: Demand, first: First, tenants: Iterable[int], share: float
) -> tuple[Limit, ...]:
    return tuple(
        Limit(
            id=f"budget-{TENANTS[tenant].id}",
            measure=LimitMeasure.USD,
            at_most=round(share * float(first.usd[demand.tenant == tenant].sum()) + 100.0, 2),
            tenant=TENANTS[tenant].id,
        )
        for tenant in tenants
    )


def _denials(demand: Demand, jobs: tuple[Job, ...]) -> tuple[Denial, ...]:
    """Return where the jobs that are bound to some places may not run."""
    bound: dict[int, list[str]] = {}
    for job, row in zip(jobs, demand.compliance.tolist(), strict=True):
        if row >= 0:
            bound.setdefault(row, []).append(job.id)
    return tuple(
        Denial(
            action="place",
            subjects=tuple(names),
            sites=denied_sites()[row],
            rules=(COMPLIANCE[row].rule,),
        )
        for row, names in sorted(bound.items())
    )


def _links() -> tuple[Link, ...]:
    site = {one.id: one for one in places()}
    return tuple(
        shipped().link(site[users], target)
        for users in USERS
        for target in site.values()
        if target.id != users
    )
