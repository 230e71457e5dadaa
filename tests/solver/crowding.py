"""Problems where nearly everything can be placed and nearly every constraint binds.

Those of `tests.problems.small_problems` use every part of the model; in these, jobs compete: for
nodes, quotas and budgets, for being where their data is, and for time. Drawn from a seed.
"""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime
from itertools import permutations

from hybridplace.errors import InputError
from hybridplace.model.forecast import Figure, Forecast, Maintenance
from hybridplace.model.job import (
    Checkpoint,
    Dataset,
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
from hybridplace.model.problem import (
    Assumptions,
    Denial,
    Limit,
    LimitMeasure,
    Problem,
    Rule,
    Spread,
)
from hybridplace.model.site import (
    Domain,
    Lease,
    LeaseState,
    Link,
    Market,
    Measure,
    Node,
    Offer,
    Pool,
    Site,
    Tier,
)

SITES = ("lab", "near", "far")
CACHES_GIB = (None, None, None, 4.0, 21.0)


def crowded_problem(seed: int) -> Problem:
    """Return a problem of two to four jobs that exhaustive search solves in a moment."""
    draw = random.Random(seed)
    other = random.Random(f"families {seed}")  # so that what these draw changes nothing else
    caches = random.Random(f"caches {seed}")
    names = [f"j{number}" for number in range(draw.choice((2, 3, 3, 4)))]
    datasets, reads, writes = _data(draw, names)
    problem = Problem(
        now=datetime(2026, 1, 5, tzinfo=UTC),
        horizon_h=float(draw.choice((3, 4, 5))),
        jobs=tuple(_job(draw, name, reads[name], writes[name], names) for name in names),
        datasets=datasets,
        tenants=(Tenant(id="t"), Tenant(id="u", weight=2.0)),
        sites=tuple(replace(_site(name), cache_gib=caches.choice(CACHES_GIB)) for name in SITES),
        pools=_pools(draw),
        offers=_offers(draw),
        links=tuple(
            Link(
                source=source,
                target=target,
                usd_gib=draw.choice((0.0, 0.02, 0.1, 0.1, None)),
                latency_ms=draw.choice((5.0, 20.0, 60.0)),
                gbps=draw.choice((0.02, 1.0, 10.0)),
            )
            for source, target in permutations(SITES, 2)
        ),
        limits=_limits(draw),
        rules=(Rule(id="r1", reason="no"),),
        denials=_denials(draw, names, datasets),
        forecasts=_forecasts(other),
        maintenance=_maintenance(other),
        spreads=_spreads(other, names),
        assumptions=Assumptions(unfair_usd=other.choice((0.0, 0.0, 6.0, 40.0)), quantile=0.8),
    )
    problem = _tiered(random.Random(f"tiers {seed}"), _running(other, problem))
    return _delivered(random.Random(f"deliveries {seed}"), problem)


def _site(name: str) -> Site:
    return Site(
        id=name,
        provider="static" if name == "lab" else "aws",
        region=name,
        country="US" if name == "far" else "DE",
        own=name == "lab",
        carbon_g_kwh=300.0,
        pue=1.2,
        energy_usd_kwh=0.2,
    )


def _pools(draw: random.Random) -> tuple[Pool, ...]:
    nodes = tuple(
        Node(
            id=f"n{number}",
            accelerator="A100",
            accelerators=draw.choice((1, 2, 2)),
            cpus=draw.choice((4.0, 8.0)),
            memory_gib=32.0,
            interconnect_gbps=draw.choice((10.0, 100.0)),
        )
        for number in range(draw.choice((1, 2)))
    )
    measure, at_most = draw.choice(list(Measure)), draw.choice((1, 2, 8))
    quotas = (
        Pool(id=f"{site}-quota", site=site, measure=measure, at_most=at_most)
        for site in ("near", "far")
    )
    return (Pool(id="nodes", site="lab", nodes=nodes), *quotas)


def _forecasts(draw: random.Random) -> tuple[Forecast, ...]:
    """Figures of the lab and of a quota that change from hour to hour, in a third of them."""
    if draw.random() < 0.65:
        return ()
    values = {
        ("lab", Figure.ENERGY_USD_KWH): (0.1, 0.2, 3.0),
        ("lab", Figure.CARBON_G_KWH): (100.0, 300.0, 900.0),
        ("near-quota", Figure.AT_MOST): (0.0, 1.0, 2.0, 8.0),
    }
    kept = draw.sample(list(values), draw.choice((1, 2, 3)))
    return tuple(
        Forecast(
            subject=subject,
            measure=figure,
            hourly=tuple(draw.choice(values[subject, figure]) for _ in range(4)),
        )
        for subject, figure in kept
    )


def _spreads(draw: random.Random, names: list[str]) -> tuple[Spread, ...]:
    if draw.random() < 0.6:
        return ()
    domain = draw.choice(list(Domain))
    return (Spread(id="spread", jobs=tuple(draw.sample(names, 2)), domain=domain, at_most=1),)


def _running(draw: random.Random, problem: Problem) -> Problem:
    """Two jobs run, each where another might run better, and one of them at most may be moved."""
    if draw.random() < 0.7:
        return problem
    leases = tuple(
        Lease(
            id=f"key-{job.id}",
            provider="aws",
            owner="estate",
            plan="earlier",
            job=job.id,
            offer=draw.choice(problem.offers).id,
            machines=("m",),
            state=LeaseState.ACTIVE,
        )
        for job in draw.sample(problem.jobs, 2)
    )
    limit = Limit(id="moves", measure=LimitMeasure.MOVES, at_most=draw.choice((0.0, 1.0)))
    jobs = tuple(
        replace(job, work_range=None if isinstance(job.work, Inference) else (0.5, 1.25))
        for job in problem.jobs
    )
    return replace(problem, jobs=jobs, leases=leases, limits=(*problem.limits, limit))


def _tiered(draw: random.Random, problem: Problem) -> Problem:
    """Have links cost less, or more, beyond some volume, in half of the problems."""
    if draw.random() < 0.5:
        return problem
    tiers = (
        (),
        (Tier(beyond_gib=10.0, usd_gib=0.04),),
        (Tier(beyond_gib=4.0, usd_gib=0.3), Tier(beyond_gib=20.0, usd_gib=0.01)),
    )
    links = tuple(
        replace(link, tiers=draw.choice(tiers), used_gib=draw.choice((0.0, 0.0, 5.0)))
        if link.usd_gib is not None
        else link
        for link in problem.links
    )
    return replace(problem, links=links)


def _delivered(draw: random.Random, problem: Problem) -> Problem:
    """Have data with homes delivered elsewhere, too, in a third of the problems, where possible."""
    if draw.random() < 0.65:
        return problem
    datasets = tuple(
        replace(one, deliver_to=tuple(draw.sample(SITES, draw.choice((1, 1, 2)))))
        if one.homes
        else one
        for one in problem.datasets
    )
    try:
        return replace(problem, datasets=datasets)
    except InputError:
        return problem


def _maintenance(draw: random.Random) -> tuple[Maintenance, ...]:
    if draw.random() < 0.75:
        return ()
    start_h = draw.choice((0.0, 0.5, 1.0))
    node = draw.choice((None, "n0"))
    return (Maintenance(pool="nodes", node=node, start_h=start_h, end_h=start_h + 1.0),)


def _offers(draw: random.Random) -> tuple[Offer, ...]:
    def bought(site: str, market: Market, price_usd_h: float, pool: str | None) -> Offer:
        return Offer(
            id=f"{site}/g/{market}",
            site=site,
            instance_type="g",
            market=market,
            price_usd_h=price_usd_h,
            cpus=4.0,
            memory_gib=16.0,
            accelerator="A100",
            accelerators=draw.choice((1, 1, 2)),
            accelerator_power_w=300.0,
            interconnect_gbps=draw.choice((10.0, 100.0)),
            interruptions_per_h=0.2 if market is Market.SPOT else None,
            pool=pool,
        )

    owned = Offer(
        id="lab/a/owned",
        site="lab",
        instance_type="a",
        market=Market.OWNED,
        price_usd_h=0.0,
        cpus=8.0,
        memory_gib=32.0,
        accelerator="A100",
        accelerators=2,
        accelerator_power_w=300.0,
        pool="nodes",
    )
    near = bought("near", Market.ON_DEMAND, draw.choice((1.0, 2.0)), "near-quota")
    price_usd_h, pool = draw.choice((0.5, 3.0)), draw.choice((None, None, "far-quota"))
    far = bought("far", Market.SPOT, price_usd_h, pool)
    return tuple(draw.sample((owned, near, far), draw.choice((2, 3, 3))))


def _data(
    draw: random.Random, names: list[str]
) -> tuple[tuple[Dataset, ...], dict[str, list[str]], dict[str, list[str]]]:
    reads: dict[str, list[str]] = {name: [] for name in names}
    writes: dict[str, list[str]] = {name: [] for name in names}
    datasets = []
    for number in range(draw.choice((0, 1, 2, 2))):
        dataset, made = f"d{number}", draw.random() < 0.6
        maker = draw.randrange(len(names) - 1)
        readers = draw.sample(names[maker + 1 :], 1 if made else len(names) - maker - 1)
        homes = () if made else tuple(draw.sample(SITES, draw.choice((1, 2))))
        if made:
            writes[names[maker]].append(dataset)
        for reader in readers:
            reads[reader].append(dataset)
        deliver_to = draw.choice(((), (), ("far",), ("lab", "near"))) if made else ()
        size_gib = draw.choice((5.0, 20.0))
        datasets.append(
            Dataset(id=dataset, tenant="t", size_gib=size_gib, homes=homes, deliver_to=deliver_to)
        )
    return tuple(datasets), reads, writes


def _job(
    draw: random.Random, name: str, reads: list[str], writes: list[str], names: list[str]
) -> Job:
    others = [other for other in names if other < name]
    tied = draw.choice((None, None, None, "same_site_as", "apart_from")) if others else None
    return Job(
        id=name,
        tenant=draw.choice("tu"),
        work=_work(draw),
        shapes=tuple(_shape(draw) for _ in range(draw.choice((1, 2)))),
        inputs=tuple(reads),
        outputs=tuple(writes),
        due_h=draw.choice((None, 1.0)),
        late_usd_h=draw.choice((0.0, 0.3)),
        checkpoint=draw.choice((None, Checkpoint(interval_h=0.5, write_h=0.05))),
        reject_usd=draw.choice((30.0, 40.0)),
        same_site_as=(others[0],) if tied == "same_site_as" else (),
        apart_from=(others[0],) if tied == "apart_from" else (),
    )


def _work(draw: random.Random) -> Work:
    kind = draw.choice((Training, Training, Preprocessing, Tuning, Inference))
    if kind is Training:
        return Training(units=draw.choice((1.0, 2.0)), interconnect_gbps=draw.choice((None, 50.0)))
    if kind is Preprocessing:
        return Preprocessing(data_gib=1.0)
    if kind is Tuning:
        return Tuning(runs=2)
    return Inference(
        load_rps=draw.choice(((1 / 3600,), tuple((1 + hour % 3) / 3600 for hour in range(24)))),
        hours=2.0,
        users=(Users(site="lab", share=1.0),),
        latency_limit_ms=draw.choice((30.0, 100.0)),
        max_replicas=3,
    )


def _shape(draw: random.Random) -> Shape:
    return Shape(
        accelerator="A100",
        accelerators=draw.choice((0.5, 0.5, 1.0, 1.0, 2.0)),
        cpus=draw.choice((1.0, 2.0, 4.0)),
        memory_gib=4.0,
        workers=draw.choice((1, 1, 2)),
        units_h=draw.choice((1.0, 2.0)),
    )


def _limits(draw: random.Random) -> tuple[Limit, ...]:
    if draw.random() < 0.4:
        return ()
    measure = draw.choice(list(LimitMeasure)[:3])
    most = {
        LimitMeasure.USD: draw.choice((1.0, 2.5, 5.0)),
        LimitMeasure.CARBON_G: draw.choice((150.0, 400.0)),
        LimitMeasure.ACCELERATOR_H: draw.choice((1.0, 3.0)),
    }[measure]
    scope = draw.choice(({}, {}, {"tenant": "t"}, {"market": Market.OWNED}, {"country": "DE"}))
    return (Limit(id="limit", measure=measure, at_most=most, **scope),)


def _denials(
    draw: random.Random, names: list[str], datasets: tuple[Dataset, ...]
) -> tuple[Denial, ...]:
    found = [Denial(action="place", subjects=(draw.choice(names),), sites=("far",), rules=("r1",))]
    if datasets:
        subject, site = draw.choice(datasets).id, draw.choice(SITES)
        found.append(Denial(action="transfer", subjects=(subject,), sites=(site,), rules=("r1",)))
    return tuple(draw.sample(found, draw.choice((0, 0, len(found)))))
