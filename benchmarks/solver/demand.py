"""What the generated jobs ask for: drawn as arrays, then written as jobs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from benchmarks.solver.supply import (
    COMPLIANCE,
    FAMILIES,
    Bools,
    Floats,
    Ints,
    cloud_offers,
    cloud_sites,
    denied_sites,
    family_memory_gib,
    last_resorts,
    quota_ids,
    quota_of,
    shipped,
    throughput,
)
from hybridplace.model.job import (
    Checkpoint,
    Inference,
    Job,
    Preprocessing,
    Shape,
    Tenant,
    Training,
    Tuning,
    Users,
    Work,
)

TENANTS = tuple(
    Tenant(id=name, weight=weight)
    for name, weight in zip("abcdef", (3, 2, 2, 1, 1, 1), strict=True)
)

KINDS = (Training, Tuning, Inference, Preprocessing)
KIND_SHARES = (0.65, 0.13, 0.12, 0.10)

USERS = ("aws/us-east-1", "aws/eu-central-1", "gcp/asia-northeast1", "azure/uksouth")
"""Where those are that inference jobs answer."""

TASTE = 0.08
"""Standard deviation, in logarithms, of a job's throughput around what the catalog suggests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Jobs as arrays, J rows.

    Parameters
    ----------
    kind, tenant, compliance : ints
        Rows of `KINDS`, `TENANTS` and `COMPLIANCE`; -1 is bound to no place.
    workers : ints
        The gang; of inference, replicas on an A100-40GB at the peak.
    accelerators, cpus, memory_gib : floats
        Of one worker.
    speed : floats, (J, families)
        Throughput relative to an A100-40GB; NaN where the job does not run.
    hours : floats
        Of work on A100-40GB; inference, of serving.
    earliest_h, deadline_h, due_h, late_usd_h, reject_usd : floats
        inf: none.
    users : ints
        Row of `USERS`.
    """

    kind: Ints
    tenant: Ints
    compliance: Ints
    workers: Ints
    accelerators: Floats
    cpus: Floats
    memory_gib: Floats
    speed: Floats
    hours: Floats
    earliest_h: Floats
    deadline_h: Floats
    due_h: Floats
    late_usd_h: Floats
    reject_usd: Floats
    users: Ints

    def take(self, rows: Ints) -> Demand:
        """Return the demand of these rows, which may repeat."""
        return Demand(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def independent(self) -> Demand:
        """Return the same as training on whole accelerators, bound to no place and no time."""
        never = np.full(len(self.kind), np.inf)
        whole = np.maximum(np.ceil(self.accelerators), 1.0)
        return replace(
            self,
            kind=np.full(len(self.kind), KINDS.index(Training)),
            compliance=np.full(len(self.kind), -1),
            workers=2 ** np.floor(np.log2(self.workers.clip(max=4))).astype(np.int64),
            accelerators=whole,
            cpus=3.0 * whole,
            memory_gib=12.0 * whole,
            deadline_h=never,
            due_h=never,
        )


def draw_demand(jobs: int, seed: int, *, horizon_h: float, waits: bool) -> Demand:
    """Return `jobs` jobs drawn from a seed.

    Parameters
    ----------
    waits : bool
        Whether jobs arrive over the horizon and may wait, 1.2 to 10 times their length.
    """
    draw = np.random.default_rng((seed, jobs))
    kind = draw.choice(len(KINDS), jobs, p=KIND_SHARES)
    serves, prepares = kind == KINDS.index(Inference), kind == KINDS.index(Preprocessing)
    workers = draw.choice([1, 1, 1, 2, 2, 4, 8, 16], jobs)
    workers = np.where(serves | prepares, draw.integers(1, 5, jobs), workers)
    # A gang has a worker per accelerator; a single worker may use a whole machine.
    accelerators = np.where(workers > 1, 1.0, draw.choice([1.0, 1.0, 1.0, 2.0, 4.0, 8.0], jobs))
    small = (kind != KINDS.index(Training)) & (draw.random(jobs) < 0.4)
    accelerators = np.where(prepares, 0.0, np.where(small, 0.5, accelerators))
    compliance = _compliance(draw, jobs)
    speed = _speeds(draw, draw.choice([8, 14, 20, 36, 70], jobs), compliance)
    longest_h = horizon_h * (0.6 if waits else 0.9)
    # Deadlines can be kept at the last resort.
    best = np.nanmax(np.where(last_resorts()[compliance], speed, np.nan), axis=1)
    hours = np.minimum(np.exp(draw.normal(1.2, 0.9, jobs)).clip(0.3, 60.0), longest_h * best)
    least_h = np.where(serves | prepares, hours, hours / best)
    slack = draw.uniform(1.2, 10.0, jobs)
    earliest = draw.random(jobs) * np.maximum(horizon_h - 1.2 * least_h - 2.0, 0.0)
    earliest = np.floor(earliest) * waits
    deadline = np.minimum(earliest + slack * least_h + 1.0, horizon_h)
    hurried = waits | (draw.random(jobs) < 0.4)
    due = earliest + draw.uniform(0.9, 3.0, jobs) * least_h
    cost_usd = _cheapest_usd(workers, accelerators, speed, hours, serves)
    return Demand(
        kind=kind,
        tenant=draw.choice(len(TENANTS), jobs, p=[0.3, 0.2, 0.2, 0.1, 0.1, 0.1]),
        compliance=compliance,
        workers=workers,
        accelerators=accelerators,
        cpus=np.where(prepares, 8.0, draw.choice([3.0, 6.0], jobs) * np.maximum(accelerators, 0.5)),
        memory_gib=np.where(
            prepares, 28.0, draw.choice([12.0, 24.0, 48.0], jobs) * np.maximum(accelerators, 0.5)
        ),
        speed=speed,
        hours=hours,
        earliest_h=earliest,
        deadline_h=np.where(hurried & ~serves, deadline, np.inf),
        due_h=np.where((draw.random(jobs) < 0.3) & ~serves, due, np.inf),
        late_usd_h=draw.uniform(0.05, 1.0, jobs) * cost_usd / least_h,
        reject_usd=cost_usd * draw.uniform(30.0, 60.0, jobs),
        users=draw.integers(0, len(USERS), jobs),
    )


def _speeds(draw: np.random.Generator, least_gib: Ints, compliance: Ints) -> Floats:
    """Return throughputs on the families that a job runs on: some of those with the memory.

    What is bound to few regions asks for less memory: not all of them have large accelerators. One
    family that is sold without a quota where the job may run is always among them.
    """
    jobs, bound = len(least_gib), compliance >= 0
    speed = throughput(draw.random(jobs)) * np.exp(draw.normal(0, TASTE, (jobs, len(FAMILIES))))
    least = np.where(bound, least_gib.clip(max=14), least_gib)
    large = family_memory_gib()[None, :] >= least[:, None]
    written = draw.random((jobs, len(FAMILIES))) < np.where(bound, 0.65, 0.4)[:, None]
    common = large & last_resorts()[compliance]
    first = np.where(common, draw.random(common.shape), -1.0).argmax(axis=1)
    written[np.arange(jobs), first] = True
    return np.where(large & written, speed, np.nan)


def _compliance(draw: np.random.Generator, jobs: int) -> Ints:
    edges = np.cumsum([one.share for one in COMPLIANCE])
    row = np.searchsorted(edges, draw.random(jobs), side="right")
    return np.where(row < len(COMPLIANCE), row, -1)


def cheapest_prices() -> tuple[Floats, Ints]:
    """Return USD per accelerator-hour and the quota, by compliance (last: none) and family.

    Of the cheapest offer that is under a quota, as if machines were sold by the accelerator.
    """
    row_of = {name: row for row, name in enumerate(quota_ids())}
    usd_h = np.full((len(COMPLIANCE) + 1, len(FAMILIES)), np.inf)
    quota = np.full(usd_h.shape, -1)
    denied = [*map(set, denied_sites()), set()]
    for offer in cloud_offers():
        name = quota_of(offer)
        if offer.accelerator not in FAMILIES or name is None or offer.price_usd_h is None:
            continue
        price, family = offer.price_usd_h / offer.accelerators, FAMILIES.index(offer.accelerator)
        for row, sites in enumerate(denied):
            if offer.site not in sites and price < usd_h[row, family]:
                usd_h[row, family], quota[row, family] = price, row_of[name]
    return usd_h, quota


def _cheapest_usd(
    workers: Ints, accelerators: Floats, speed: Floats, hours: Floats, serves: Bools
) -> Floats:
    """Return what each job would cost at the cheapest price anywhere."""
    free_usd_h = cheapest_prices()[0][-1]
    taken = (workers * np.maximum(accelerators, 0.1))[:, None] / np.where(serves[:, None], speed, 1)
    length = hours[:, None] / np.where(serves[:, None], 1.0, speed)
    usd: Floats = np.nanmin(taken * length * free_usd_h, axis=1)
    return usd


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """What each job would take if it were alone: its cheapest family under a quota; J rows.

    Parameters
    ----------
    quota : ints
        Row of `quota_ids()`; -1: none.
    held, accelerator_h : floats
        Accelerators held, and for how many hours in all.
    usd, carbon_g : floats
        0 where there is no quota; emissions of the accelerators alone.
    """

    quota: Ints
    held: Floats
    accelerator_h: Floats
    usd: Floats
    carbon_g: Floats


def first_choices(demand: Demand) -> First:
    """Return the cheapest of each job, as if machines were sold by the accelerator."""
    usd_h, quota = cheapest_prices()
    rows, bound = np.arange(len(demand.kind)), demand.compliance
    needs = demand.workers * demand.accelerators
    known = np.isfinite(demand.speed) & np.isfinite(usd_h[bound]) & (needs > 0)[:, None]
    speed = np.where(known, demand.speed, 1.0)
    accelerator_h = (needs * demand.hours)[:, None] / speed
    usd = np.where(known, accelerator_h * np.where(known, usd_h[bound], 0.0), np.inf)
    best = usd.argmin(axis=1)
    found = known[rows, best]
    # A faster accelerator ends sooner; of a faster replica there are fewer.
    serves = demand.kind == KINDS.index(Inference)
    held = np.where(serves, needs / speed[rows, best], needs)
    chosen = np.where(found, quota[bound, best], -1)
    spent_h = np.where(found, accelerator_h[rows, best], 0.0)
    return First(
        quota=chosen,
        held=np.where(found, held, 0.0),
        accelerator_h=spent_h,
        usd=np.where(found, usd[rows, best], 0.0),
        carbon_g=spent_h * _carbon_g_h()[chosen],
    )


def _carbon_g_h() -> Floats:
    """Return the emissions of an accelerator by quota; one more row, 0, for none."""
    site = {one.id: one for one in cloud_sites()}
    found = []
    for name in quota_ids():
        place, _, family = name.rpartition("/")
        power_w = shipped().accelerators[family].power_w or 0.0
        found.append(
            power_w / 1000.0 * (site[place].pue or 1.0) * (site[place].carbon_g_kwh or 0.0)
        )
    return np.array([*found, 0.0])


def write_jobs(demand: Demand) -> Iterator[Job]:
    """Yield the jobs."""
    users = [(Users(site=site, share=1.0),) for site in USERS]
    checkpoint = Checkpoint(interval_h=0.5, write_h=0.01)
    for row, kind in enumerate(demand.kind.tolist()):
        work, shapes = _work(demand, row, KINDS[kind], users)
        hours = float(demand.hours[row])
        yield Job(
            id=f"job{row:06}",
            tenant=TENANTS[demand.tenant[row]].id,
            work=work,
            shapes=shapes,
            earliest_h=float(demand.earliest_h[row]),
            deadline_h=_finite(demand.deadline_h[row]),
            due_h=_finite(demand.due_h[row]),
            late_usd_h=round(float(demand.late_usd_h[row]), 4),
            setup_h=0.05,
            checkpoint=checkpoint if hours > 2.0 else None,
            reject_usd=round(float(demand.reject_usd[row]), 2) + 1.0,
        )


def _finite(hour: float) -> float | None:
    return round(float(hour), 4) if np.isfinite(hour) else None


def _work(
    demand: Demand, row: int, kind: type[Work], users: Sequence[tuple[Users, ...]]
) -> tuple[Work, tuple[Shape, ...]]:
    """Return what a job does, and in which shapes."""
    workers, hours = int(demand.workers[row]), float(demand.hours[row])
    bound = int(demand.compliance[row])
    if kind is Preprocessing:
        shape = Shape(cpus=8.0, memory_gib=28.0, workers=workers, units_h=60.0)
        return Preprocessing(data_gib=round(60.0 * workers * hours, 3)), (shape,)
    if kind is Training:
        efficiency = round(1.0 - 0.02 * float(np.log2(workers)), 4)
        units = round(1000.0 * workers * (efficiency if workers > 1 else 1.0) * hours, 3)
        gbps = 50.0 if workers >= 8 else None
        work: Work = Training(units=units, efficiency=efficiency, interconnect_gbps=gbps)
        return work, _shapes(demand, row, workers, 1000.0)
    if kind is Tuning:
        rounds = 1 + row % 7
        work = Tuning(runs=workers * rounds - row % workers)
        return work, _shapes(demand, row, workers, rounds / hours)
    swing = 0.55 + 0.45 * np.sin(np.arange(24) / 24 * 2 * np.pi + row)
    load_rps = tuple(round(10.0 * workers * float(share), 3) for share in swing)
    work = Inference(
        load_rps=load_rps,
        hours=round(hours, 3),
        users=users[int(demand.users[row])],
        latency_limit_ms=(70.0, 120.0, 200.0, 400.0)[row % 4] if bound < 0 else None,
    )
    return work, _shapes(demand, row, 1, 36_000.0)


def _shapes(demand: Demand, row: int, workers: int, units_h: float) -> tuple[Shape, ...]:
    needs = demand.accelerators[row], demand.cpus[row], demand.memory_gib[row]
    accelerators, cpus, memory_gib = map(float, needs)
    return tuple(
        Shape(
            accelerator=family,
            accelerators=accelerators,
            cpus=cpus,
            memory_gib=memory_gib,
            workers=workers,
            units_h=round(units_h * speed, 4),
        )
        for family, speed in zip(FAMILIES, demand.speed[row].tolist(), strict=True)
        if np.isfinite(speed)
    )
