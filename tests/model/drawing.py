"""A Hypothesis strategy for problems that are small, well-formed and use every part of the model.

Figures come from short lists of decimal values, so that ties and full capacities are common.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import permutations
from typing import Any

from hypothesis import strategies as st

from hybridplace.model.job import (
    Checkpoint,
    Dataset,
    Inference,
    Job,
    Preprocessing,
    Program,
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
)
from hybridplace.model.site import (
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
from tests.model.draw import Draw
from tests.model.drawing_families import deliverable, forecasts, maintenance, spreads, tiers

SITES = ("edge", "lab", "near", "far")
COUNTRY = {"edge": "DE", "lab": "DE", "near": "DE", "far": "US"}
TENANTS = ("t", "u")
ACCELERATORS = (None, "A100", "H100")
NOWS = (
    datetime(2026, 1, 5, tzinfo=UTC),
    datetime(2026, 1, 5, 22, 30, tzinfo=UTC),
    datetime(2026, 1, 5, 9, 20, tzinfo=timezone(timedelta(hours=2))),
)


@st.composite
def small_problems(draw: st.DrawFn) -> Problem:
    """A problem of one to four jobs that exhaustive search solves in a moment."""
    d = Draw(draw)
    slot_h = d.of(0.5, 1.0, 1.0, 2.0)
    pools, offers = _capacity(d)
    names = tuple(f"j{number}" for number in range(d.of(1, 2, 2, 3, 3, 4)))
    datasets, reads, writes = _data(d, names)
    jobs = tuple(_job(d, name, slot_h, reads[name], writes[name], names) for name in names)
    limits = tuple(_limit(d, f"limit{number}", names) for number in range(d.of(0, 0, 0, 1, 2)))
    return deliverable(
        now=d.of(*NOWS),
        horizon_h=slot_h * d.of(3, 4, 4, 5, 5, 6),
        slot_h=slot_h,
        jobs=jobs,
        datasets=datasets,
        tenants=tuple(Tenant(id=name, weight=d.of(1.0, 1.0, 3.0)) for name in TENANTS),
        sites=tuple(_site(d, name) for name in SITES),
        pools=pools,
        offers=offers,
        links=tuple(
            _link(d, *ends)
            for ends in permutations(SITES, 2)
            if d.of(True, True, True, True, False)
        ),
        limits=limits,
        spreads=spreads(d, names),
        rules=(Rule(id="r1", reason="no"), Rule(id="r2", reason="no", article="Art. 44")),
        denials=_denials(d, names, tuple(one.id for one in datasets)),
        leases=_leases(d, names, offers),
        forecasts=forecasts(d, offers),
        maintenance=maintenance(d, pools[0], slot_h),
        assumptions=Assumptions(
            carbon_usd_t=d.of(0.0, 0.0, 0.0, 100.0, 1000.0),
            interruptions_per_h=d.of(0.1, 0.5),
            quantile=d.of(0.5, 0.5, 0.9),
            unfair_usd=d.of(0.0, 0.0, 0.0, 5.0, 100.0),
        ),
    )


def _site(d: Draw, name: str) -> Site:
    own = name in ("edge", "lab")
    return Site(
        id=name,
        provider="static" if own else "aws" if name == "near" else "gcp",
        region=name,
        country=COUNTRY[name],
        own=own,
        carbon_g_kwh=d.of(0.0, 100.0, 400.0, 400.0, 400.0, None),
        pue=d.of(1.0, 1.2, 1.2, 1.5, 1.5, 1.5, 1.5, None),
        energy_usd_kwh=d.of(0.0, 0.1, 0.2, 0.2, 0.2, 0.2, 0.2, None) if own else None,
        cache_gib=d.of(None, None, None, 10.0, 15.0, 100.0),
    )


def _link(d: Draw, source: str, target: str) -> Link:
    usd_gib = d.of(0.0, 0.01, 0.01, 0.1, 0.1, 0.1, None)
    return Link(
        source=source,
        target=target,
        usd_gib=usd_gib,
        tiers=() if usd_gib is None else tiers(d),
        used_gib=d.of(0.0, 0.0, 5.0),
        latency_ms=d.of(1.0, 15.0, 15.0, 20.0, 90.0, None),
        gbps=d.of(None, None, 0.1, 1.0, 10.0),
    )


def _capacity(d: Draw) -> tuple[tuple[Pool, ...], tuple[Offer, ...]]:
    nodes = tuple(_node(d, f"n{number}") for number in range(d.of(1, 2, 2, 3)))
    if d.of(False, True):
        nodes = tuple(replace(nodes[0], id=node.id) for node in nodes)
    pools = (
        Pool(id="nodes", site="lab", nodes=nodes),
        *(
            Pool(
                id=f"{site}-quota", site=site, measure=d.of(*Measure), at_most=d.of(1, 2, 4, 8, 16)
            )
            for site in ("near", "far")
        ),
    )
    owned = tuple(_owned(d, name, nodes) for name in ACCELERATORS if _largest(name, nodes))
    bought = tuple(_bought(d, f"m{number}") for number in range(d.of(0, 1, 2, 3, 3, 4)))
    return pools, (*owned, *bought)


def _node(d: Draw, name: str) -> Node:
    accelerator = d.of(None, "A100", "A100", "A100", "A100", "H100")
    return Node(
        id=name,
        accelerator=accelerator,
        accelerators=0 if accelerator is None else d.of(1, 1, 2),
        cpus=d.of(2.0, 4.0, 8.0, 8.0),
        memory_gib=d.of(8.0, 16.0, 32.0, 32.0),
        interconnect_gbps=d.of(None, 10.0, 100.0),
    )


def _largest(accelerator: str | None, nodes: tuple[Node, ...]) -> Node | None:
    fitting = [node for node in nodes if node.accelerator == accelerator]
    return max(
        fitting, key=lambda node: (node.accelerators, node.cpus, node.memory_gib), default=None
    )


def _owned(d: Draw, accelerator: str | None, nodes: tuple[Node, ...]) -> Offer:
    node = _largest(accelerator, nodes)
    assert node is not None
    return Offer(
        id=f"lab/{accelerator or 'cpu'}/owned",
        site="lab",
        instance_type=accelerator or "cpu",
        market=Market.OWNED,
        price_usd_h=d.of(0.0, 0.0, 0.0, 0.0, 0.5, 0.5, None),
        cpus=node.cpus,
        memory_gib=node.memory_gib,
        accelerator=accelerator,
        accelerators=node.accelerators,
        accelerator_power_w=d.of(300.0, 300.0, 300.0, 300.0, None),
        interruptions_per_h=d.of(None, None, 0.1),
        pool="nodes",
        available=d.of(True, True, True, True, True, True, True, False),
    )


def _bought(d: Draw, name: str) -> Offer:
    site = d.of("near", "far")
    market = d.of(Market.ON_DEMAND, Market.ON_DEMAND, Market.SPOT, Market.SPOT, Market.RESERVED)
    accelerator = d.of(*ACCELERATORS, "A100", "A100", "A100")
    return Offer(
        id=f"{site}/{name}/{market}",
        site=site,
        instance_type=name,
        market=market,
        price_usd_h=d.of(0.5, 1.0, 1.0, 2.0, 2.0, 4.0, 4.0, None),
        cpus=d.of(4.0, 8.0),
        memory_gib=d.of(16.0, 32.0),
        accelerator=accelerator,
        accelerators=0 if accelerator is None else d.of(1, 2, 4),
        accelerator_power_w=d.of(300.0, 300.0, 300.0, 300.0, None),
        interconnect_gbps=d.of(None, 10.0, 100.0),
        interruptions_per_h=d.of(None, 0.1, 0.5) if market is Market.SPOT else None,
        confidential=d.of((), (), ("sev-snp",)),
        architecture=d.of("x86_64", "x86_64", "x86_64", "arm64"),
        disk_usd_gib_h=d.of(0.0, 0.001),
        address_usd_h=d.of(0.0, 0.01),
        pool=d.of(None, f"{site}-quota"),
        available=d.of(True, True, True, True, True, True, True, False),
    )


def _data(
    d: Draw, names: tuple[str, ...]
) -> tuple[tuple[Dataset, ...], dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """Datasets, and what each job reads and writes; only later jobs read what a job writes."""
    datasets: list[Dataset] = []
    reads: dict[str, tuple[str, ...]] = dict.fromkeys(names, ())
    writes = dict(reads)
    for dataset in (f"d{number}" for number in range(d.of(0, 1, 1, 2, 2))):
        producer = d.of(None, *range(len(names)))
        homes = d.of(("lab",), ("near",), ("far",), ("near", "far"), ())
        later = names[0 if producer is None else producer + 1 :]
        readers = d.some(later, 3) or later[:1]
        if producer is not None:
            homes = ()
            writes[names[producer]] += (dataset,)
        for reader in readers if homes or producer is not None else ():
            reads[reader] += (dataset,)
        drawn = Dataset(
            id=dataset,
            tenant=d.of(*TENANTS),
            size_gib=d.of(1.0, 10.0, 10.0, 100.0),
            homes=homes,
            deliver_to=d.some(SITES[1:], d.of(0, 0, 1, 2)),
        )
        datasets.append(drawn)
    return tuple(datasets), reads, writes


def _shape(d: Draw) -> Shape:
    accelerator = d.of(*ACCELERATORS, None, None, "A100", "A100", "A100")
    return Shape(
        accelerator=accelerator,
        accelerators=0.0 if accelerator is None else d.of(0.25, 0.5, 1.0, 1.0, 2.0),
        cpus=d.of(1.0, 1.0, 2.0, 4.0),
        memory_gib=d.of(2.0, 4.0, 8.0),
        disk_gib=d.of(0.0, 100.0),
        workers=d.of(1, 1, 2, 2, 3),
        units_h=d.of(1.0, 2.0, 2.0, 4.0),
        architectures=d.of(("x86_64",), ("x86_64",), ("x86_64", "arm64"), ("arm64", "x86_64")),
    )


def _work(d: Draw, kind: type[Work]) -> Work:
    if kind is Training:
        return Training(
            units=d.of(1.0, 2.0, 2.0, 4.0),
            efficiency=d.of(1.0, 0.8),
            interconnect_gbps=d.of(None, None, 10.0, 50.0),
        )
    if kind is Preprocessing:
        return Preprocessing(data_gib=d.of(1.0, 2.0, 4.0))
    if kind is Tuning:
        return Tuning(runs=d.count(4, 1))
    return _inference(d)


def _inference(d: Draw) -> Inference:
    loads_h = d.of((1.0,), (2.0,), tuple(float(hour % 3) for hour in range(24)))
    return Inference(
        load_rps=tuple(load / 3600 for load in loads_h),
        hours=d.of(1.0, 1.5, 2.0, 2.0),
        users=d.of(
            (),
            (Users(site="edge", share=1.0),),
            (Users(site="near", share=0.5), Users(site="edge", share=0.5)),
            (Users(site="lab", share=0.75), Users(site="near", share=0.25)),
        ),
        service_ms=d.of(0.0, 10.0),
        latency_limit_ms=d.of(None, 30.0, 100.0, 100.0),
        latency_target_ms=d.of(None, 10.0, 10.0, 20.0),
        latency_usd_ms_h=d.of(0.0, 0.001, 0.01, 0.01),
        min_replicas=d.of(1, 1, 1, 2),
        max_replicas=d.of(None, None, 2),
    )


def _job(
    d: Draw,
    name: str,
    slot_h: float,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    names: tuple[str, ...],
) -> Job:
    others: tuple[str, ...] = tuple(other for other in names if other != name)
    checkpoint = Checkpoint(
        interval_h=d.of(0.25, 1.0), write_h=d.of(0.0, 0.05), restart_h=d.of(0.0, 0.1)
    )
    optional: dict[str, Any] = {
        "deadline_h": d.of(None, None, None, 4.0, 3 * slot_h),
        "due_h": d.of(None, 0.5, 1.0, 2.0),
        "checkpoint": d.of(None, checkpoint),
    }
    work = _work(d, d.of(Training, Training, Inference, Inference, Preprocessing, Tuning))
    work_range = d.of(None, None, (0.5, 2.0), (0.8, 1.5))
    return Job(
        id=name,
        tenant=d.of(*TENANTS),
        work=work,
        work_range=None if isinstance(work, Inference) else work_range,
        shapes=tuple(_shape(d) for _ in range(d.of(1, 2))),
        inputs=inputs,
        outputs=outputs,
        earliest_h=d.of(0.0, 0.0, 0.0, 0.75, slot_h),
        late_usd_h=d.of(0.0, 1.0, 5.0),
        setup_h=d.of(0.0, 0.1, 0.25),
        public=d.of(False, True),
        same_site_as=d.some(others, d.of(0, 0, 0, 1)),
        apart_from=d.some(others, d.of(0, 0, 0, 1)),
        reject_usd=d.of(1.0, 10.0, 100.0, 100.0, 100.0, 100.0),
        move_usd=d.of(0.0, 0.5, 2.0),
        program=Program(command=(name,)) if others else None,  # no plan depends on it
        **optional,
    )


def _limit(d: Draw, name: str, names: tuple[str, ...]) -> Limit:
    measure = d.of(*LimitMeasure)
    at_most = {
        LimitMeasure.USD: d.of(0.0, 1.0, 4.0, 10.0),
        LimitMeasure.CARBON_G: d.of(0.0, 100.0, 1000.0),
        LimitMeasure.ACCELERATOR_H: d.of(0.0, 1.0, 2.0, 4.0),
        LimitMeasure.MOVES: d.of(0.0, 1.0),
    }[measure]
    scopes: tuple[dict[str, Any], ...] = (
        {},
        {"tenant": d.of(*TENANTS)},
        {"job": d.of(*names)},
        {"site": d.of(*SITES)},
        {"provider": d.of("static", "aws", "gcp")},
        {"country": d.of("DE", "US")},
        {"market": d.of(*Market)},
        {"accelerator": d.of("A100", "H100")},
        {"tenant": d.of(*TENANTS), "country": d.of("DE", "US")},
    )
    scopes = scopes[:3] if measure is LimitMeasure.MOVES else scopes
    return Limit(id=name, measure=measure, at_most=at_most, **d.of(*scopes))


def _denials(d: Draw, names: tuple[str, ...], datasets: tuple[str, ...]) -> tuple[Denial, ...]:
    found = {}
    for _ in range(d.of(0, 0, 0, 1, 2, 3)):
        place = d.of(True, not datasets)
        named = names if place else datasets
        denial = Denial(
            action="place" if place else "transfer",
            subjects=d.of((d.of(*named),), (d.of(*named),), named),
            sites=d.of((d.of(*SITES[1:]),), SITES[2:]),
            market=d.of(None, *Market) if place else None,
            confidential=d.of(None, None, (), ("sev-snp",)) if place else None,
            rules=d.of(("r1",), ("r1", "r2")),
        )
        found[denial.action, denial.subjects, denial.sites] = denial
    return tuple(found.values())


def _leases(d: Draw, names: tuple[str, ...], offers: tuple[Offer, ...]) -> tuple[Lease, ...]:
    return tuple(
        Lease(
            id=f"key-{name}",
            provider="aws",
            owner="estate",
            plan="earlier",
            job=name,
            offer=d.of(*offers).id if offers else "gone",
            machines=("i-1",),
            state=LeaseState.ACTIVE,
        )
        for name in d.some(names, 2)
    )
