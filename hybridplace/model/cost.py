"""What a plan costs: each formula once. docs/model.md lists them with their sources."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from hybridplace.model.egress import Ends, mean_usd_gib, volumes_gib
from hybridplace.model.fairness import dominant_share, dues, worst_off
from hybridplace.model.forecast import Figure, mean
from hybridplace.model.job import Inference, Job, Shape
from hybridplace.model.plan import Costs, Placement, Plan, Transfer
from hybridplace.model.problem import Limit, LimitMeasure, Problem
from hybridplace.model.run import Run, first_slot, run_once
from hybridplace.model.site import Market, Offer, Site
from hybridplace.units import GRAMS_PER_TONNE, energy_kwh

T = TypeVar("T")


class UnknownFigureError(LookupError):
    """A figure that the cost needs is not known; the text names it."""


def placement_run(problem: Problem, placement: Placement) -> Run:
    """Return the run of a placement, computed afresh from its job, offer, shape and start.

    Raises
    ------
    UnknownFigureError
        When the offer cannot hold the job.
    """
    job, offer = problem.job[placement.job], problem.offer[placement.offer]
    run = run_once(problem, job, offer, placement.shape, placement.start_h)
    if run is None:
        raise UnknownFigureError(f"how job {job.id} would run on {offer.id}")
    return run


def placement_costs(problem: Problem, placement: Placement) -> Costs:
    """Return the cost lines of one placement, without the data that is moved for it.

    Raises
    ------
    UnknownFigureError
        When a price, power, energy price or latency that it needs is not known.
    """
    job, offer = problem.job[placement.job], problem.offer[placement.offer]
    run = placement_run(problem, placement)
    return run_costs(problem, job, offer, job.shapes[placement.shape], run)


def run_costs(problem: Problem, job: Job, offer: Offer, shape: Shape, run: Run) -> Costs:
    """Return the cost lines of a run; see `placement_costs`."""
    site = problem.site[offer.site]
    price_usd_h = _known(
        figure_over(problem, offer, Figure.PRICE_USD_H, run), f"price of {offer.id}"
    )
    address_usd_h = offer.address_usd_h if job.public else 0.0
    energy_usd = 0.0
    if offer.market is Market.OWNED:
        energy_usd = run_energy_kwh(problem, offer, shape, run) * _known(
            figure_over(problem, site, Figure.ENERGY_USD_KWH, run), f"energy price of {site.id}"
        )
    carbon_usd = 0.0
    if problem.assumptions.carbon_usd_t > 0:
        carbon_g = _known(run_carbon_g(problem, offer, shape, run), f"carbon of {offer.id}")
        carbon_usd = carbon_g / GRAMS_PER_TONNE * problem.assumptions.carbon_usd_t
    return Costs(
        compute_usd=price_usd_h * run.planned_machine_h,
        disk_usd=offer.disk_usd_gib_h * shape.disk_gib * run.worker_h,
        address_usd=address_usd_h * (run.planned_machine_h + run.lost_machine_h),
        lost_spot_work_usd=price_usd_h * run.lost_machine_h,
        energy_usd=energy_usd,
        carbon_usd=carbon_usd,
        lateness_usd=lateness_usd(job, run.end_h),
        latency_usd=latency_usd(problem, job, site),
        disruption_usd=disruption_usd(problem, job, offer),
    )


def figure_over(problem: Problem, holder: Offer | Site, figure: Figure, run: Run) -> float | None:
    """Return the mean of a figure over the hours of a run; None if it is not known.

    A figure that is forecast by the hour has, in each slot, the mean of the slot's hours; of a slot
    that the run covers in part, that part counts.
    """
    by_slot = problem.by_slot.get((holder.id, figure)) if problem.forecasts else None
    if by_slot is None:
        stated: float | None = getattr(holder, figure)
        return stated
    first, slot_h = first_slot(problem, run.start_h), problem.slot_h
    slots = range(first, first + len(run.workers))
    return mean(
        [by_slot[max(0, min(slot, len(by_slot) - 1))] for slot in slots],
        [min(run.end_h, (slot + 1) * slot_h) - max(run.start_h, slot * slot_h) for slot in slots],
    )


def run_energy_kwh(problem: Problem, offer: Offer, shape: Shape, run: Run) -> float:
    """Return the energy of a run in kWh, cooling and losses (PUE) included.

    ``(accelerators x board power x load + CPUs x W + GiB x W) x hours x PUE``. A bought machine
    counts whole; on own nodes it is the margin: what the job's workers draw beyond idle nodes.
    After the Cloud Carbon Footprint methodology (2023), "energy estimate".

    Raises
    ------
    UnknownFigureError
        When the site's PUE or the accelerator's power is not known.
    """
    pue = _known(problem.site[offer.site].pue, f"PUE of {offer.site}")
    if offer.market is Market.OWNED:
        power_w = _power_w(problem, offer, shape.accelerators, shape.cpus, shape.memory_gib)
        return energy_kwh(power_w, run.worker_h) * pue
    power_w = _power_w(problem, offer, offer.accelerators, offer.cpus, offer.memory_gib)
    return energy_kwh(power_w, run.planned_machine_h + run.lost_machine_h) * pue


def run_carbon_g(problem: Problem, offer: Offer, shape: Shape, run: Run) -> float | None:
    """Return the emissions of a run in g CO2e: energy x grid intensity; None if not known."""
    intensity = figure_over(problem, problem.site[offer.site], Figure.CARBON_G_KWH, run)
    if intensity is None:
        return None
    try:
        return run_energy_kwh(problem, offer, shape, run) * intensity
    except UnknownFigureError:
        return None


def lateness_usd(job: Job, end_h: float) -> float:
    """Return ``late_usd_h x hours past due_h``."""
    return 0.0 if job.due_h is None else job.late_usd_h * max(0.0, end_h - job.due_h)


def user_latency_ms(problem: Problem, work: Inference, site: Site) -> tuple[float | None, ...]:
    """Return what each group of users sees at `site`: round trip + service; None is not known."""
    links = [problem.link(users.site, site.id).latency_ms for users in work.users]
    return tuple(None if round_ms is None else round_ms + work.service_ms for round_ms in links)


def latency_usd(problem: Problem, job: Job, site: Site) -> float:
    """Return ``latency_usd_ms_h x hours x sum of share x ms beyond the target``.

    Raises
    ------
    UnknownFigureError
        When a latency that has a price is not known.
    """
    work = job.work
    if not isinstance(work, Inference) or work.latency_target_ms is None:
        return 0.0
    if work.latency_usd_ms_h == 0.0:
        return 0.0
    beyond_ms = 0.0
    seen = user_latency_ms(problem, work, site)
    for users, latency_ms in zip(work.users, seen, strict=True):
        known_ms = _known(latency_ms, f"latency from {users.site} to {site.id}")
        beyond_ms += users.share * max(0.0, known_ms - work.latency_target_ms)
    return work.latency_usd_ms_h * work.hours * beyond_ms


def is_moved(problem: Problem, job: Job, offer: Offer | None) -> bool:
    """Say whether the job runs now and would run on another offer, or not at all."""
    lease = problem.lease_of.get(job.id)
    return lease is not None and (offer is None or lease.offer != offer.id)


def disruption_usd(problem: Problem, job: Job, offer: Offer | None) -> float:
    """Return `move_usd` if the job runs now and would run elsewhere, or not at all."""
    return job.move_usd if is_moved(problem, job, offer) else 0.0


def transfers_usd(problem: Problem, transfers: Sequence[Transfer]) -> tuple[float, ...]:
    r"""Return what each of all transfers of a plan costs, once for all jobs that read the copy.

    ``size x tariff of the link``. If the link has tiers, its tariff is the mean price :math:`g(v) /
    v` of all that goes over it: each transfer has its share of what the link costs by its volume.

    Raises
    ------
    UnknownFigureError
        When a link has no tariff.
    """
    usd_gib: dict[Ends, float] = {}
    for (source, target), gib in volumes_gib(problem, transfers).items():
        link = problem.link(source, target)
        _known(link.usd_gib, f"price of moving data from {source} to {target}")
        usd_gib[source, target] = mean_usd_gib(link, gib)
    return tuple(
        problem.dataset[one.dataset].size_gib * usd_gib[one.source, one.target] for one in transfers
    )


def rejection_costs(problem: Problem, job: Job) -> Costs:
    """Return what leaving the job out costs."""
    return Costs(rejection_usd=job.reject_usd, disruption_usd=disruption_usd(problem, job, None))


def plan_costs(
    problem: Problem,
    placements: Iterable[Placement],
    transfers: Iterable[Transfer],
    unplaced: Iterable[str],
) -> Costs:
    """Return the cost lines of a whole plan.

    Parameters
    ----------
    placements : iterable of Placement
    transfers : iterable of Transfer
    unplaced : iterable of str
        Ids of the jobs that are left out.

    Raises
    ------
    UnknownFigureError
        When a figure that it needs is not known.
    """
    placements = tuple(placements)
    moved_usd = sum(transfers_usd(problem, tuple(transfers)))
    costs = [Costs(egress_usd=moved_usd, unfairness_usd=unfairness_usd(problem, placements))]
    costs += _each_once(problem, placements, placement_costs)
    costs += [rejection_costs(problem, problem.job[job]) for job in unplaced]
    return Costs.added_up(costs)


def _each_once(
    problem: Problem, placements: Iterable[Placement], figure: Callable[[Problem, Placement], T]
) -> list[T]:
    """Return a figure of each placement, computed once where jobs of a kind are placed alike."""
    known: dict[tuple[int, str, int, float], T] = {}
    found = []
    for one in placements:
        key = (problem.kind[one.job], one.offer, one.shape, one.start_h)
        if key not in known:
            known[key] = figure(problem, one)
        found.append(known[key])
    return found


def unfairness_usd(problem: Problem, placements: Iterable[Placement]) -> float:
    r"""Return :math:`\varphi (1 - m)`, with :math:`m` what the worst-off tenant has of its due.

    What a tenant has is the sum of the dominant shares of its placements (see `fairness`).
    """
    if problem.assumptions.unfair_usd == 0:
        return 0.0
    got = dict.fromkeys(problem.tenant_ids, 0.0)
    for placement in placements:
        job, offer = problem.job[placement.job], problem.offer[placement.offer]
        run = placement_run(problem, placement)
        got[job.tenant] += dominant_share(problem, offer, job.shapes[placement.shape], run)
    return problem.assumptions.unfair_usd * (1.0 - worst_off(got, dues(problem)))


def plan_carbon_g(problem: Problem, placements: Iterable[Placement]) -> float | None:
    """Return the emissions of all placements in g CO2e; None if one is not known."""
    amounts = _each_once(problem, placements, _placement_carbon_g)
    known = [amount for amount in amounts if amount is not None]
    return math.fsum(known) if len(known) == len(amounts) else None


def _placement_carbon_g(problem: Problem, placement: Placement) -> float | None:
    shape = problem.job[placement.job].shapes[placement.shape]
    run = placement_run(problem, placement)
    return run_carbon_g(problem, problem.offer[placement.offer], shape, run)


def limit_use(problem: Problem, limit: Limit, plan: Plan) -> float:
    """Return how much of a limit a plan uses, in the unit of its measure.

    Raises
    ------
    UnknownFigureError
        When a figure that it needs is not known.
    """
    used = sum(placement_use(problem, limit, placement) for placement in plan.placements)
    if limit.measure is LimitMeasure.USD:
        each_usd = transfers_usd(problem, plan.transfers)
        used += sum(
            usd
            for transfer, usd in zip(plan.transfers, each_usd, strict=True)
            if covers_transfer(problem, limit, transfer)
        )
    return used


def placement_use(problem: Problem, limit: Limit, placement: Placement) -> float:
    """Return what one placement adds to a limit; 0 outside its scope."""
    job, offer = problem.job[placement.job], problem.offer[placement.offer]
    shape = job.shapes[placement.shape]
    if not covers_placement(problem, limit, job, offer, shape):
        return 0.0
    return run_use(problem, limit, job, offer, shape, placement_run(problem, placement))


def run_use(
    problem: Problem, limit: Limit, job: Job, offer: Offer, shape: Shape, run: Run
) -> float:
    """Return what a run adds to a limit; 0 outside its scope."""
    if not covers_placement(problem, limit, job, offer, shape):
        return 0.0
    match limit.measure:
        case LimitMeasure.USD:
            return run_costs(problem, job, offer, shape, run).money_usd
        case LimitMeasure.CARBON_G:
            return _known(run_carbon_g(problem, offer, shape, run), f"carbon of {offer.id}")
        case LimitMeasure.ACCELERATOR_H:
            return shape.accelerators * run.worker_h
        case LimitMeasure.MOVES:
            return float(is_moved(problem, job, offer))


def covers_placement(problem: Problem, limit: Limit, job: Job, offer: Offer, shape: Shape) -> bool:
    """Say whether a placement counts towards a limit."""
    site = problem.site[offer.site]
    asked = (
        (limit.tenant, job.tenant),
        (limit.job, job.id),
        (limit.site, site.id),
        (limit.provider, site.provider),
        (limit.country, site.country),
        (limit.market, offer.market),
        (limit.accelerator, shape.accelerator),
    )
    return all(wanted in (None, got) for wanted, got in asked)


def covers_transfer(problem: Problem, limit: Limit, transfer: Transfer) -> bool:
    """Say whether a transfer counts towards a limit."""
    site = problem.site[transfer.target]
    asked = (
        (limit.tenant, problem.dataset[transfer.dataset].tenant),
        (limit.site, site.id),
        (limit.provider, site.provider),
        (limit.country, site.country),
        (limit.job, None),
        (limit.market, None),
        (limit.accelerator, None),
    )
    return all(wanted in (None, got) for wanted, got in asked)


def _power_w(
    problem: Problem, offer: Offer, accelerators: float, cpus: float, memory_gib: float
) -> float:
    assumed = problem.assumptions
    power_w = cpus * assumed.cpu_power_w + memory_gib * assumed.memory_power_w_gib
    if accelerators > 0:
        board_w = _known(offer.accelerator_power_w, f"power of {offer.accelerator}")
        power_w += accelerators * board_w * assumed.accelerator_load
    return power_w


def _known(figure: float | None, what: str) -> float:
    if figure is None:
        raise UnknownFigureError(what)
    return figure
