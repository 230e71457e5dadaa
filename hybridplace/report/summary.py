"""The figures of a plan that people ask for, gathered once for text and JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from hybridplace.model.capacity import quota_uses
from hybridplace.model.cost import limit_use, placement_costs, placement_run, transfers_usd
from hybridplace.model.data import transfer_hours
from hybridplace.model.plan import Costs, Placement, Plan, Status, Transfer
from hybridplace.model.problem import Problem
from hybridplace.model.site import Market

GRAMS_PER_KG = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedJob:
    """One job where it runs; `costs` are those of the job alone, without data that is moved.

    Parameters
    ----------
    nodes, accelerators : tuple of str, float or None
        On own machines, those that it uses, and how many of their accelerators at the peak.
    start_h, end_h : float
        Hours since the plan's `now`.
    """

    job: str
    tenant: str
    site: str
    offer: str
    instance_type: str
    market: Market
    machines: int
    nodes: tuple[str, ...]
    accelerator: str | None
    accelerators: float | None
    start_h: float
    end_h: float
    costs: Costs
    usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One dataset that is copied to a site.

    `usd` is its share, by volume, of what all that goes over the link costs.
    """

    dataset: str
    source: str
    target: str
    size_gib: float
    hours: float
    usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantShare:
    """What one tenant gets and pays; `money_usd` is what providers bill and energy costs."""

    tenant: str
    jobs: int
    placed: int
    accelerator_h: float
    money_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """How much of a limit, or of a quota at its peak, is used; both in the unit of `measure`."""

    id: str
    measure: str
    used: float
    at_most: float
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A job without a place, how many of the offers each reason excludes, and what to do."""

    job: str
    tenant: str
    usd: float
    offers: int
    reasons: tuple[tuple[str, int], ...]
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A plan in figures; its fields are what ``hybridplace plan --json`` prints.

    Parameters
    ----------
    gap : float
        (objective - bound) / bound.
    quantile : float or None
        Of the ranges of work, which hours are planned with; None if no job has one.
    carbon_kg : float or None
        None if a figure is missing.
    warnings : tuple of str
        What is worth a second look.
    """

    now: datetime
    horizon_h: float
    status: Status
    objective_usd: float
    bound_usd: float
    gap: float
    quantile: float | None
    carbon_kg: float | None
    placements: tuple[PlacedJob, ...]
    transfers: tuple[Moved, ...]
    unplaced: tuple[LeftOut, ...]
    costs: Costs
    tenants: tuple[TenantShare, ...]
    limits: tuple[Use, ...]
    quotas: tuple[Use, ...]
    warnings: tuple[str, ...]
    problem_digest: str
    catalog_digest: str | None
    policy_digest: str | None
    solver: str
    seed: int


def summary(problem: Problem, plan: Plan, *, warnings: tuple[str, ...] = ()) -> Summary:
    """Return the figures of a plan that holds for its problem."""
    return Summary(
        now=problem.now,
        horizon_h=problem.horizon_h,
        status=plan.status,
        objective_usd=plan.objective_usd,
        bound_usd=plan.bound_usd,
        gap=plan.gap,
        quantile=plan.quantile,
        carbon_kg=None if plan.carbon_g is None else plan.carbon_g / GRAMS_PER_KG,
        placements=tuple(placed(problem, one) for one in by_start(plan)),
        transfers=tuple(
            moved(problem, one, usd)
            for one, usd in zip(plan.transfers, transfers_usd(problem, plan.transfers), strict=True)
        ),
        unplaced=tuple(_left_out(problem, plan)),
        costs=plan.costs,
        tenants=tuple(_tenants(problem, plan)),
        limits=tuple(_limits(problem, plan)),
        quotas=tuple(_quotas(problem, plan)),
        warnings=warnings,
        problem_digest=plan.problem_digest,
        catalog_digest=problem.catalog_digest,
        policy_digest=problem.policy_digest,
        solver=plan.solver,
        seed=plan.seed,
    )


def by_start(plan: Plan) -> list[Placement]:
    """Return the placements in the order in which they start."""
    return sorted(plan.placements, key=lambda one: (one.start_h, one.end_h, one.job))


def placed(problem: Problem, placement: Placement) -> PlacedJob:
    """Return one placement with its site, machines and costs."""
    offer = problem.offer[placement.offer]
    costs = placement_costs(problem, placement)
    shape = problem.job[placement.job].shapes[placement.shape]
    return PlacedJob(
        job=placement.job,
        tenant=problem.job[placement.job].tenant,
        site=offer.site,
        offer=offer.id,
        instance_type=offer.instance_type,
        market=offer.market,
        machines=placement.machines,
        nodes=tuple(dict.fromkeys(share.node for share in placement.shares)),
        accelerator=shape.accelerator,
        accelerators=shape.accelerators * len(placement.shares) if placement.shares else None,
        start_h=placement.start_h,
        end_h=placement.end_h,
        costs=costs,
        usd=costs.total_usd,
    )


def moved(problem: Problem, transfer: Transfer, usd: float) -> Moved:
    """Return one transfer with its size and duration."""
    return Moved(
        dataset=transfer.dataset,
        source=transfer.source,
        target=transfer.target,
        size_gib=problem.dataset[transfer.dataset].size_gib,
        hours=transfer_hours(problem, transfer.dataset, transfer.source, transfer.target),
        usd=usd,
    )


def _left_out(problem: Problem, plan: Plan) -> Iterator[LeftOut]:
    for one in plan.unplaced:
        job = problem.job[one.job]
        yield LeftOut(
            job=job.id,
            tenant=job.tenant,
            usd=job.reject_usd,
            offers=len(problem.offers),
            reasons=one.reasons,
            remedy=f"hybridplace explain {job.id} names the smallest change that places it",
        )


def _tenants(problem: Problem, plan: Plan) -> Iterator[TenantShare]:
    each_usd = transfers_usd(problem, plan.transfers)
    for tenant in problem.tenant_ids:
        asked = [job.id for job in problem.jobs if job.tenant == tenant]
        mine = [one for one in plan.placements if one.job in set(asked)]
        yield TenantShare(
            tenant=tenant,
            jobs=len(asked),
            placed=len(mine),
            accelerator_h=sum(_accelerator_h(problem, one) for one in mine),
            money_usd=sum(placement_costs(problem, one).money_usd for one in mine)
            + sum(
                usd
                for one, usd in zip(plan.transfers, each_usd, strict=True)
                if problem.dataset[one.dataset].tenant == tenant
            ),
        )


def _accelerator_h(problem: Problem, placement: Placement) -> float:
    shape = problem.job[placement.job].shapes[placement.shape]
    return shape.accelerators * placement_run(problem, placement).worker_h


def _limits(problem: Problem, plan: Plan) -> Iterator[Use]:
    for limit in problem.limits:
        yield Use(
            id=limit.id,
            measure=limit.measure,
            used=limit_use(problem, limit, plan),
            at_most=limit.at_most,
            reason=limit.reason,
        )


def _quotas(problem: Problem, plan: Plan) -> Iterator[Use]:
    """Yield the peak use of each quota that anything of the plan counts towards."""
    for pool in problem.pools:
        if pool.measure is None or pool.at_most is None:
            continue
        used = quota_uses(problem, pool, plan.placements)
        if used:
            peak = max(used.values())
            yield Use(id=pool.id, measure=pool.measure, used=peak, at_most=pool.at_most)
