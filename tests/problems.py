"""Problems small enough for exhaustive search: some by name, and a strategy that draws others."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

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
)
from tests.model.drawing import small_problems

__all__ = ["NAMED", "small_problems"]

NOW = datetime(2026, 1, 5, 6, 30, tzinfo=UTC)
LAB = Site(
    id="lab",
    provider="static",
    region="lab",
    country="DE",
    own=True,
    carbon_g_kwh=400.0,
    pue=1.5,
    energy_usd_kwh=0.2,
)
NEAR = Site(id="near", provider="aws", region="near", country="DE", carbon_g_kwh=300.0, pue=1.2)
FAR = Site(id="far", provider="gcp", region="far", country="US", carbon_g_kwh=100.0, pue=1.1)
NODES = Pool(
    id="lab-nodes",
    site="lab",
    nodes=(
        Node(id="n1", accelerator="A100", accelerators=2, cpus=16, memory_gib=64),
        Node(id="n2", accelerator="A100", accelerators=1, cpus=8, memory_gib=32),
    ),
)
OWNED = Offer(
    id="lab/a100/owned",
    site="lab",
    instance_type="a100",
    market=Market.OWNED,
    price_usd_h=0.0,
    cpus=16,
    memory_gib=64,
    accelerator="A100",
    accelerators=2,
    accelerator_power_w=400.0,
    pool="lab-nodes",
)
QUOTA = Pool(id="near-quota", site="near", measure=Measure.MACHINES, at_most=2)
BOUGHT = Offer(
    id="near/g4/on_demand",
    site="near",
    instance_type="g4",
    market=Market.ON_DEMAND,
    price_usd_h=4.0,
    cpus=16,
    memory_gib=64,
    accelerator="A100",
    accelerators=1,
    accelerator_power_w=400.0,
    disk_usd_gib_h=0.0001,
    address_usd_h=0.005,
    pool="near-quota",
)
SPOT = replace(
    BOUGHT,
    id="far/g4/spot",
    site="far",
    market=Market.SPOT,
    price_usd_h=1.0,
    interruptions_per_h=0.1,
    pool=None,
)
LINKS = (
    Link(source="lab", target="near", usd_gib=0.0, latency_ms=10.0, gbps=10.0),
    Link(source="near", target="lab", usd_gib=0.09, latency_ms=10.0, gbps=10.0),
    Link(source="lab", target="far", usd_gib=0.02, latency_ms=90.0, gbps=1.0),
    Link(source="far", target="lab", usd_gib=0.12, latency_ms=90.0, gbps=1.0),
    Link(source="near", target="far", usd_gib=0.05, latency_ms=80.0),
    Link(source="far", target="near", usd_gib=0.12, latency_ms=80.0),
)
ONE_GPU = Shape(accelerator="A100", accelerators=1, cpus=4, memory_gib=16, units_h=1.0)
TRAIN = Job(id="train", tenant="t", work=Training(units=2.0), shapes=(ONE_GPU,), reject_usd=100.0)
PLAIN = Problem(
    now=NOW,
    horizon_h=4.0,
    jobs=(TRAIN,),
    tenants=(Tenant(id="t"), Tenant(id="u")),
    sites=(LAB, NEAR, FAR),
    pools=(NODES, QUOTA),
    offers=(OWNED, BOUGHT, SPOT),
    links=LINKS,
)


def _crowded() -> Problem:
    """Four jobs for three own accelerators, one of them in a hurry: one must wait."""
    hurried = replace(TRAIN, id="hurried", deadline_h=2.0)
    others = [replace(TRAIN, id=f"calm{number}") for number in range(3)]
    return PLAIN.with_jobs(hurried, *others)


def _shared_accelerator() -> Problem:
    """Halves of an accelerator: three of them and a whole one fit into a node of two, if packed."""
    half = replace(ONE_GPU, accelerators=0.5)
    halves = [replace(TRAIN, id=f"half{number}", shapes=(half,)) for number in range(3)]
    pool = replace(NODES, nodes=(replace(NODES.nodes[0], accelerators=3),))
    whole = replace(TRAIN, id="whole", deadline_h=2.0)
    problem = replace(PLAIN, pools=(pool, QUOTA), horizon_h=2.0)
    return problem.with_jobs(*halves, whole)


def _pipeline() -> Problem:
    """Raw data at home in the lab is cleaned, read by two jobs elsewhere, and delivered."""
    cpu = Shape(cpus=2, memory_gib=8, units_h=100.0)
    clean = Job(
        id="clean",
        tenant="t",
        work=Preprocessing(data_gib=100.0),
        shapes=(cpu,),
        inputs=("raw",),
        outputs=("ready",),
        reject_usd=200.0,
    )
    readers = [replace(TRAIN, id=f"read{number}", inputs=("ready",)) for number in (1, 2)]
    datasets = (
        Dataset(id="raw", tenant="t", size_gib=100.0, homes=("lab",)),
        Dataset(id="ready", tenant="u", size_gib=50.0, deliver_to=("far",)),
    )
    small = replace(NODES, nodes=(Node(id="n0", cpus=2, memory_gib=8),))
    owned = replace(OWNED, cpus=2, memory_gib=8, accelerator=None, accelerators=0)
    problem = replace(PLAIN, datasets=datasets, pools=(small, QUOTA), offers=(owned, BOUGHT, SPOT))
    return problem.with_jobs(clean, *readers)


def _delivered() -> Problem:
    """Data of the lab is delivered to where nobody runs, and to where a job reads it at once.

    There it comes from the dearer home, which is quicker.
    """
    fast = Link(source="far", target="near", usd_gib=0.2, latency_ms=80.0, gbps=10.0)
    slow = Link(source="lab", target="near", usd_gib=0.01, latency_ms=10.0, gbps=0.1)
    ends = {(fast.source, fast.target), (slow.source, slow.target)}
    links = tuple(link for link in LINKS if (link.source, link.target) not in ends)
    data = Dataset(id="d", tenant="t", size_gib=50.0, homes=("lab", "far"), deliver_to=("near",))
    idle = Dataset(id="e", tenant="u", size_gib=10.0, homes=("near",), deliver_to=("far", "near"))
    reader = replace(TRAIN, id="read", inputs=("d",), deadline_h=3.0)
    offers = (replace(BOUGHT, pool=None),)
    problem = replace(PLAIN, datasets=(data, idle), links=(*links, slow, fast), offers=offers)
    return problem.with_jobs(reader)


def _denied() -> Problem:
    """The cheapest place is forbidden to the job, and the next cheapest to a copy of its data."""
    data = Dataset(id="patients", tenant="t", size_gib=10.0, homes=("near",))
    denials = (
        Denial(
            action="place", subjects=("train",), sites=("lab",), market=Market.OWNED, rules=("r1",)
        ),
        Denial(action="transfer", subjects=("patients",), sites=("far",), rules=("r2",)),
    )
    rules = (Rule(id="r1", reason="not here"), Rule(id="r2", reason="stays in the country"))
    reader = replace(TRAIN, inputs=("patients",))
    problem = replace(PLAIN, datasets=(data,), denials=denials, rules=rules)
    return problem.with_jobs(reader)


def _serving() -> Problem:
    """Replicas follow the hour of the day, within a quota and a latency limit, beside a job."""
    loads = tuple(2 / 3600 if hour == 8 else 1 / 3600 for hour in range(24))
    work = Inference(
        load_rps=loads,
        hours=3.0,
        users=(Users(site="lab", share=0.75), Users(site="near", share=0.25)),
        service_ms=20.0,
        latency_limit_ms=50.0,
        latency_target_ms=25.0,
        latency_usd_ms_h=0.01,
    )
    serve = Job(id="serve", tenant="u", work=work, shapes=(ONE_GPU,), setup_h=0.1, public=True)
    problem = replace(PLAIN, pools=(replace(NODES, nodes=NODES.nodes[1:]), QUOTA))
    return problem.with_jobs(serve, replace(TRAIN, deadline_h=3.0))


def _spot() -> Problem:
    """Interrupted but saved often, spot is cheaper; without checkpoints it is late."""
    saved = replace(
        TRAIN,
        id="saved",
        work=Training(units=8.0, efficiency=0.8, interconnect_gbps=10.0),
        shapes=(replace(ONE_GPU, workers=2, disk_gib=100.0),),
        setup_h=0.1,
        checkpoint=Checkpoint(interval_h=0.5, write_h=0.05, restart_h=0.1),
    )
    unsaved = replace(saved, id="unsaved", checkpoint=None, due_h=5.0, late_usd_h=10.0)
    offers = tuple(replace(offer, interconnect_gbps=10.0) for offer in (BOUGHT, SPOT))
    problem = replace(PLAIN, horizon_h=10.0, slot_h=2.0, offers=offers)
    return problem.with_jobs(saved, unsaved)


def _budget() -> Problem:
    """Money for one bought machine, carbon for one own run: the third job is left out."""
    limits = (
        Limit(id="budget", measure=LimitMeasure.USD, at_most=9.0, tenant="t"),
        Limit(id="carbon", measure=LimitMeasure.CARBON_G, at_most=700.0, site="lab"),
        Limit(id="no-spot", measure=LimitMeasure.ACCELERATOR_H, at_most=0.0, market=Market.SPOT),
    )
    tune = Job(id="tune", tenant="t", work=Tuning(runs=2), shapes=(ONE_GPU,), reject_usd=50.0)
    problem = replace(PLAIN, limits=limits, assumptions=Assumptions(carbon_usd_t=100.0))
    return problem.with_jobs(TRAIN, tune, replace(TRAIN, id="more"))


def _running() -> Problem:
    """What runs stays where it is, since moving it costs more than the cheaper place saves."""
    job = replace(TRAIN, move_usd=20.0)
    lease = Lease(
        id="key",
        provider="aws",
        owner="estate",
        plan="earlier",
        job="train",
        offer="near/g4/on_demand",
        machines=("i-1",),
        state=LeaseState.ACTIVE,
    )
    return replace(PLAIN, leases=(lease,)).with_jobs(job)


def _apart() -> Problem:
    """Two replicas in different places, a third beside the first."""
    names = ("a", "b", "c")
    first, second, third = (replace(TRAIN, id=name, deadline_h=2.0) for name in names)
    return PLAIN.with_jobs(
        first, replace(second, apart_from=("a",)), replace(third, same_site_as=("a",))
    )


def _gang() -> Problem:
    """Three workers span both own nodes, which their interconnect allows."""
    nodes = tuple(replace(node, interconnect_gbps=10.0) for node in NODES.nodes)
    work = Training(units=6.0, interconnect_gbps=10.0)
    problem = replace(PLAIN, pools=(replace(NODES, nodes=nodes), QUOTA))
    return problem.with_jobs(replace(TRAIN, work=work, shapes=(replace(ONE_GPU, workers=3),)))


def _waiting() -> Problem:
    """Energy is dear until eight (the first half hour and the next hour), so the job waits."""
    dear = Forecast(subject="lab", measure=Figure.ENERGY_USD_KWH, hourly=(3.0, 3.0, 0.1))
    return replace(PLAIN, forecasts=(dear,))


def _maintained() -> Problem:
    """The larger node is down for the first hours: one job has the other node, one waits."""
    down = Maintenance(pool="lab-nodes", node="n1", start_h=0.0, end_h=1.5)
    problem = replace(PLAIN, maintenance=(down,))
    return problem.with_jobs(TRAIN, replace(TRAIN, id="other"))


def _spread() -> Problem:
    """Two replicas in two countries, although both would be cheapest in the lab."""
    two = Spread(id="two", jobs=("a", "b"), domain=Domain.COUNTRY, at_most=1)
    problem = replace(PLAIN.with_jobs(*(replace(TRAIN, id=one) for one in "ab")), spreads=(two,))
    return replace(problem, assumptions=Assumptions(interruptions_per_h=0.0))


def _moving() -> Problem:
    """Two run where it is dear and would be moved to the lab for nothing: only one may be."""
    leases = tuple(
        Lease(
            id=f"key-{job}",
            provider="aws",
            owner="estate",
            plan="earlier",
            job=job,
            offer="near/g4/on_demand",
            machines=("i-1",),
            state=LeaseState.ACTIVE,
        )
        for job in ("a", "b")
    )
    one = Limit(id="moves", measure=LimitMeasure.MOVES, at_most=1.0)
    problem = PLAIN.with_jobs(*(replace(TRAIN, id=job) for job in ("a", "b")))
    return replace(problem, leases=leases, limits=(one,))


def _fair() -> Problem:
    """Nodes for one at a time: the tenant of the larger weight gets more, though nobody pays."""
    one_hour = Training(units=4.0)
    pool = replace(NODES, nodes=(replace(NODES.nodes[0], accelerators=1),))
    mine = [replace(TRAIN, id=f"t{number}", work=one_hour, reject_usd=9.0) for number in (1, 2)]
    others = [replace(one, id=f"u{number}", tenant="u") for number, one in enumerate(mine)]
    problem = replace(PLAIN, horizon_h=12.0, pools=(pool,), offers=(OWNED,))
    problem = replace(problem, assumptions=Assumptions(unfair_usd=50.0))
    return problem.with_jobs(*mine, *others)


def _uncertain() -> Problem:
    """Twice the work in nine of ten cases would miss the deadline on the slower shape."""
    slow = replace(ONE_GPU, units_h=1.0)
    fast = replace(ONE_GPU, units_h=2.0, cpus=8)
    job = replace(TRAIN, shapes=(slow, fast), work_range=(0.5, 2.0), deadline_h=3.0)
    problem = replace(PLAIN, assumptions=Assumptions(quantile=0.9))
    return problem.with_jobs(job)


def _impossible() -> Problem:
    """Nothing fits, is priced, is for sale or ends in time: both jobs are left out."""
    offers = (replace(BOUGHT, available=False), replace(SPOT, price_usd_h=None))
    big = replace(TRAIN, id="big", shapes=(replace(ONE_GPU, memory_gib=1000.0),))
    return replace(PLAIN, offers=(*offers, OWNED)).with_jobs(big, replace(TRAIN, deadline_h=1.0))


NAMED = {
    make.__name__.removeprefix("_"): make()
    for make in (
        _crowded,
        _shared_accelerator,
        _pipeline,
        _delivered,
        _denied,
        _serving,
        _spot,
        _budget,
        _running,
        _apart,
        _gang,
        _waiting,
        _maintained,
        _spread,
        _moving,
        _fair,
        _uncertain,
        _impossible,
    )
}
