"""A problem in which everything that has a price is scarce, and its certificate."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hybridplace.model.certificate import (
    Capacity,
    CapacityPrice,
    Certificate,
    CopyPrice,
    LimitPrice,
    SharePrice,
    SpreadPrice,
)
from hybridplace.model.job import Dataset, Job, Shape, Tenant, Training
from hybridplace.model.plan import Plan, Status
from hybridplace.model.problem import Assumptions, Limit, LimitMeasure, Problem, Spread
from hybridplace.model.site import Domain, Link, Market, Measure, Node, Offer, Pool, Site
from tests.brute import best_plan
from tests.checker.slow import slow_bound_usd


def _site(name: str, *, own: bool = False) -> Site:
    return Site(
        id=name,
        provider="static" if own else "aws",
        region=name,
        country="DE",
        own=own,
        carbon_g_kwh=100.0,
        pue=1.0,
        energy_usd_kwh=0.2 if own else None,
    )


def _offer(site: str, price_usd_h: float, pool: str | None, *, own: bool = False) -> Offer:
    return Offer(
        id=f"{site}/a100",
        site=site,
        instance_type="a100",
        market=Market.OWNED if own else Market.ON_DEMAND,
        price_usd_h=price_usd_h,
        cpus=8.0,
        memory_gib=32.0,
        accelerator="A100",
        accelerators=1,
        accelerator_power_w=400.0,
        pool=pool,
    )


def _job(name: str, tenant: str, hours: float, reads: tuple[str, ...] = ()) -> Job:
    shape = Shape(accelerator="A100", accelerators=1.0, cpus=4.0, memory_gib=16.0, units_h=1.0)
    return Job(
        id=name,
        tenant=tenant,
        work=Training(units=hours),
        shapes=(shape,),
        inputs=reads,
        due_h=2.0,
        late_usd_h=0.3,
        reject_usd=50.0,
    )


SCARCE = Problem(
    now=datetime(2026, 1, 5, tzinfo=UTC),
    horizon_h=4.0,
    jobs=(
        _job("a", "t", 2.0, ("scans",)),
        _job("b", "u", 2.0, ("scans",)),
        _job("c", "u", 1.0),
        _job("d", "t", 3.0),
    ),
    datasets=(Dataset(id="scans", tenant="t", size_gib=10.0, homes=("lab",)),),
    tenants=(Tenant(id="t"), Tenant(id="u")),
    sites=(_site("lab", own=True), _site("near"), _site("far")),
    pools=(
        Pool(
            id="rack",
            site="lab",
            nodes=(Node(id="n", accelerator="A100", accelerators=1, cpus=8.0, memory_gib=32.0),),
        ),
        Pool(id="quota", site="near", measure=Measure.ACCELERATORS, at_most=1.0),
    ),
    offers=(
        _offer("lab", 0.0, "rack", own=True),
        _offer("near", 1.0, "quota"),
        _offer("far", 3.0, None),
    ),
    links=tuple(
        Link(source=source, target=target, usd_gib=usd_gib, latency_ms=10.0, gbps=10.0)
        for source, target, usd_gib in (("lab", "near", 0.1), ("lab", "far", 0.2))
    ),
    limits=tuple(
        Limit(id=f"budget-{tenant}", measure=LimitMeasure.USD, at_most=most, tenant=tenant)
        for tenant, most in (("t", 6.0), ("u", 5.0))
    ),
    spreads=(
        Spread(id="one-by-one", jobs=("c", "d"), domain=Domain.SITE, at_most=1),
        Spread(id="two-owners", jobs=("a", "b", "c"), domain=Domain.PROVIDER, at_most=2),
    ),
    assumptions=Assumptions(unfair_usd=4.0),
)


def _rack(first_slot: int, slots: int, price_usd: float) -> CapacityPrice:
    return CapacityPrice(
        pool="rack",
        accelerator="A100",
        capacity=Capacity.ACCELERATORS,
        first_slot=first_slot,
        slots=slots,
        price_usd=price_usd,
    )


def _quota(slot: int, price_usd: float) -> CapacityPrice:
    return CapacityPrice(
        pool="quota", capacity=Capacity.QUOTA, first_slot=slot, slots=1, price_usd=price_usd
    )


PRICES = Certificate(
    bound_usd=0.0,
    capacity=(_rack(0, 2, 1.5), _rack(2, 2, 1.2), _quota(0, 0.6), _quota(2, 0.2)),
    limits=(
        LimitPrice(limit="budget-t", price_usd=0.04),
        LimitPrice(limit="budget-u", price_usd=0.01),
    ),
    spreads=(
        SpreadPrice(spread="one-by-one", domain="lab", price_usd=0.5),
        SpreadPrice(spread="two-owners", domain="static", price_usd=0.6),
    ),
    shares=(
        SharePrice(tenant="t", price_usd=0.4),
        SharePrice(tenant="u", price_usd=0.8),
    ),
    copies=(
        CopyPrice(job="a", dataset="scans", site="near", price_usd=0.4),
        CopyPrice(job="b", dataset="scans", site="near", price_usd=0.6),
    ),
)


def certified_plan() -> Plan:
    """Return the best plan of `SCARCE` with the bound that `PRICES` prove, by the slow loop."""
    best = best_plan(SCARCE)
    bound_usd = slow_bound_usd(SCARCE, PRICES)
    assert bound_usd < best.objective_usd
    return replace(
        best,
        status=Status.FEASIBLE,
        bound_usd=bound_usd,
        certificate=replace(PRICES, bound_usd=bound_usd),
    )
