"""A Hypothesis strategy for certificates: any prices at all of what a problem has."""

from __future__ import annotations

from itertools import product

from hypothesis import strategies as st

from hybridplace.model.certificate import (
    Capacity,
    CapacityPrice,
    Certificate,
    CopyPrice,
    LimitPrice,
    SharePrice,
    SpreadPrice,
)
from hybridplace.model.fairness import dues
from hybridplace.model.problem import Problem

USD = st.sampled_from((0.0, 0.01, 0.1, 0.5, 1.0, 3.0, 10.0))


@st.composite
def certificates(draw: st.DrawFn, problem: Problem) -> Certificate:
    """Draw a certificate whose prices make sense and whose bound is 0."""
    slots = range(-int(-problem.horizon_h // problem.slot_h))
    rows = [(pool.id, None, Capacity.QUOTA) for pool in problem.pools if pool.measure]
    for pool in problem.pools:
        for name in dict.fromkeys(node.accelerator for node in pool.nodes):
            parts = [Capacity.CPUS, Capacity.MEMORY_GIB] + [Capacity.ACCELERATORS] * bool(name)
            rows += [(pool.id, name, part) for part in parts]
    return Certificate(
        bound_usd=0.0,
        capacity=tuple(
            CapacityPrice(
                pool=pool,
                accelerator=accelerator,
                capacity=part,
                first_slot=slot,
                slots=1,
                price_usd=draw(USD),
            )
            for (pool, accelerator, part), slot in product(rows, slots)
        ),
        limits=tuple(LimitPrice(limit=one.id, price_usd=draw(USD)) for one in problem.limits),
        spreads=tuple(
            SpreadPrice(spread=one.id, domain=domain, price_usd=draw(USD))
            for one in problem.spreads
            for domain in sorted({site.within(one.domain) for site in problem.sites})
        ),
        shares=tuple(
            SharePrice(tenant=tenant, price_usd=draw(USD))
            for tenant in (dues(problem) if problem.assumptions.unfair_usd > 0 else ())
        ),
        copies=tuple(
            CopyPrice(job=job.id, dataset=dataset, site=site.id, price_usd=draw(USD))
            for job in problem.jobs
            for dataset in job.inputs
            for site in problem.sites
        ),
    )
