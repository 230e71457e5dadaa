"""Estates, jobs and plans, drawn at random, that no rule forbids."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

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
from hybridplace.model.estate import Access, Estate, HourlyFigure, PriceOverlay, Quota
from hybridplace.model.forecast import Figure
from hybridplace.model.job import (
    Checkpoint,
    Dataset,
    Inference,
    Job,
    Mount,
    Preprocessing,
    Program,
    Shape,
    Tenant,
    Training,
    Tuning,
    Users,
)
from hybridplace.model.plan import Costs, Placement, Plan, Share, Status, Transfer, Unplaced
from hybridplace.model.problem import Assumptions, Limit, LimitMeasure, Problem, Spread
from hybridplace.model.site import Domain, Link, Market, Measure, Node, Pool, Site, Tier

AMOUNT = st.floats(0, 1e12)
POSITIVE = st.floats(1e-9, 1e12)
COUNT = st.integers(1, 2**31)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
# Among them what YAML 1.1 takes for booleans, numbers, times and dates.
NAME = st.sampled_from(
    ["no", "12:30", "1_000", "0x1f", "2026-01-05", "null", "~", "é", "a.b-c", "="]
)
NAMES = st.lists(NAME, max_size=3).map(tuple)
MARKETS = st.sampled_from(Market)
COUNTRY = st.sampled_from(["NO", "DE", "US"])
SITES = ("lab", "town", "aws/eu-north-1")


def _maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def _several(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(strategy, max_size=2).map(tuple)


@st.composite
def _site(draw: st.DrawFn, name: str) -> Site:
    return Site(
        id=name,
        provider=draw(st.sampled_from(["static", "k8s"])),
        region=draw(NAME),
        country=draw(COUNTRY),
        jurisdictions=draw(NAMES),
        attestations=draw(NAMES),
        own=draw(st.booleans()),
        latitude_deg=draw(_maybe(st.floats(-90, 90))),
        longitude_deg=draw(_maybe(st.floats(-180, 180))),
        carbon_g_kwh=draw(AMOUNT),
        pue=draw(st.floats(1, 9)),
        energy_usd_kwh=draw(AMOUNT),
        cache_gib=draw(_maybe(AMOUNT)),
    )


@st.composite
def _pool(draw: st.DrawFn, name: str) -> Pool:
    if draw(st.booleans()):
        amount = {"measure": draw(st.sampled_from(Measure)), "at_most": draw(AMOUNT)}
        return Pool(id=name, site=draw(st.sampled_from(SITES)), **amount)
    cpu = st.builds(Node, id=st.just("c"), cpus=POSITIVE, memory_gib=POSITIVE)
    gpu = st.builds(
        Node,
        id=st.just("g"),
        accelerator=NAME,
        accelerators=COUNT,
        cpus=POSITIVE,
        memory_gib=POSITIVE,
        interconnect_gbps=_maybe(POSITIVE),
    )
    return Pool(id=name, site="lab", nodes=tuple(draw(each) for each in (cpu, gpu)))


_MOVES = st.builds(
    Limit,
    id=st.just("limit"),
    measure=st.just(LimitMeasure.MOVES),
    at_most=AMOUNT,
    tenant=_maybe(st.just("t")),
    job=_maybe(st.just("job0")),
)
_LIMIT = _MOVES | st.builds(
    Limit,
    id=st.just("limit"),
    measure=st.sampled_from([one for one in LimitMeasure if one is not LimitMeasure.MOVES]),
    at_most=AMOUNT,
    reason=TEXT,
    tenant=_maybe(st.just("t")),
    job=_maybe(st.just("job0")),
    site=_maybe(st.sampled_from(SITES)),
    provider=_maybe(st.just("aws")),
    country=_maybe(COUNTRY),
    market=_maybe(MARKETS),
    accelerator=_maybe(NAME),
)
_DISCOUNT = st.floats(0, 1, exclude_max=True)
_OVERLAY = st.builds(PriceOverlay, offers=NAME, discount=_DISCOUNT) | st.builds(
    PriceOverlay, offers=NAME, price_usd_h=AMOUNT
)
_QUOTA = st.builds(
    Quota,
    id=st.just("quota"),
    site=st.just("aws/eu-north-1"),
    measure=st.sampled_from(Measure),
    at_most=AMOUNT,
    market=_maybe(MARKETS),
    instance_types=NAMES,
)


_MOMENT = st.datetimes(timezones=st.just(UTC), min_value=datetime(1900, 1, 1))  # noqa: DTZ001
_FIGURES = st.sampled_from(
    [("lab", Figure.CARBON_G_KWH), ("town", Figure.ENERGY_USD_KWH), ("*", Figure.PRICE_USD_H)]
)
_DAILY = st.lists(AMOUNT, min_size=24, max_size=24).map(tuple)
_HOURLY = st.lists(AMOUNT, min_size=1, max_size=3).map(tuple)
_FORECAST = _FIGURES.flatmap(
    lambda of: (
        st.builds(HourlyFigure, subject=st.just(of[0]), measure=st.just(of[1]), hour_of_day=_DAILY)
        | st.builds(
            HourlyFigure,
            subject=st.just(of[0]),
            measure=st.just(of[1]),
            hourly=_HOURLY,
            start=_maybe(_MOMENT),
        )
    )
)
_SPREAD = st.builds(
    Spread,
    id=st.just("spread"),
    jobs=st.just(("job0", "job2")),
    domain=st.sampled_from(Domain),
    at_most=COUNT,
)


_OPTION = st.sampled_from(["image", "image.eu-north-1", "no", "12"])


@st.composite
def estates(draw: st.DrawFn) -> Estate:
    """Draw an estate that is right, with every field in use now and then."""
    slot_h = draw(st.sampled_from([0.25, 1.0, 3.0]))
    access = st.builds(
        Access,
        provider=st.just("aws"),
        regions=NAMES,
        markets=_several(MARKETS),
        attestations=NAMES,
        discount=_DISCOUNT,
        live_prices=st.booleans(),
        options=st.dictionaries(_OPTION, TEXT, max_size=2),
    )
    tiers = st.sets(POSITIVE, max_size=2).flatmap(
        lambda begins: st.tuples(
            *(st.builds(Tier, beyond_gib=st.just(one), usd_gib=AMOUNT) for one in sorted(begins))
        )
    )
    priced = st.tuples(AMOUNT, tiers) | st.just((None, ()))
    usd_gib, its_tiers = draw(priced)
    link = st.builds(
        Link,
        source=st.just("lab"),
        target=st.sampled_from(SITES[1:]),
        usd_gib=st.just(usd_gib),
        tiers=st.just(its_tiers),
        used_gib=AMOUNT,
        latency_ms=_maybe(AMOUNT),
        gbps=_maybe(POSITIVE),
        estimated=st.booleans(),
    )
    raw = st.builds(
        Dataset,
        id=st.just("raw"),
        tenant=st.just("t"),
        size_gib=AMOUNT,
        homes=st.lists(st.sampled_from(SITES), min_size=1, max_size=2).map(tuple),
        labels=NAMES,
        origin=_maybe(NAME),
    )
    made = Dataset(id="made", tenant="t", size_gib=draw(AMOUNT), deliver_to=("town",))
    return Estate(
        name=draw(NAME),
        horizon_h=slot_h * draw(st.integers(200, 900)),
        slot_h=slot_h,
        sites=tuple(draw(_site(name)) for name in SITES[:2]),
        pools=tuple(draw(_pool(name)) for name in ("p", "q")),
        links=draw(st.lists(link, max_size=1).map(tuple)),
        tenants=(Tenant(id="t", weight=draw(POSITIVE)),),
        datasets=(draw(raw), made),
        limits=draw(st.lists(_LIMIT, max_size=1).map(tuple)),
        spreads=draw(st.lists(_SPREAD, max_size=1).map(tuple)),
        forecasts=draw(_several(_FORECAST)),
        providers=(draw(access),),
        quotas=draw(st.lists(_QUOTA, max_size=1).map(tuple)),
        overlays=draw(_several(_OVERLAY)),
        policies=draw(_several(TEXT)),
        plugins=draw(_several(TEXT)),
        assumptions=Assumptions(
            **{name: draw(POSITIVE) for name in ("carbon_usd_t", "cpu_power_w", "transfer_gbps")},
            accelerator_load=draw(st.floats(0, 1)),
            quantile=draw(st.floats(0, 1)),
            unfair_usd=draw(AMOUNT),
        ),
    )


_SHAPE = st.builds(
    Shape,
    accelerator=st.just("A100"),
    accelerators=st.sampled_from([0.125, 0.25, 0.5, 1.0, 8.0]),
    cpus=POSITIVE,
    memory_gib=POSITIVE,
    disk_gib=AMOUNT,
    workers=COUNT,
    units_h=POSITIVE,
) | st.builds(Shape, cpus=POSITIVE, memory_gib=POSITIVE, units_h=POSITIVE)
_USERS = st.sampled_from([(), (Users(site="town", share=1.0),)]) | st.floats(0.1, 0.9).map(
    lambda share: (Users(site="lab", share=share), Users(site="town", share=1 - share))
)
_INFERENCE = st.builds(
    Inference,
    load_rps=st.sampled_from([1, 24]).flatmap(
        lambda count: st.lists(AMOUNT, min_size=count, max_size=count).map(tuple)
    ),
    hours=st.floats(0.1, 9),
    users=_USERS,
    service_ms=AMOUNT,
    latency_limit_ms=_maybe(AMOUNT),
    latency_target_ms=_maybe(AMOUNT),
    latency_usd_ms_h=AMOUNT,
    min_replicas=st.integers(1, 4),
    max_replicas=_maybe(st.integers(4, 9)),
)
_WORK = (
    st.builds(
        Training,
        units=POSITIVE,
        efficiency=st.floats(0.1, 1),
        interconnect_gbps=_maybe(POSITIVE),
    )
    | _INFERENCE
    | st.builds(Preprocessing, data_gib=POSITIVE)
    | st.builds(Tuning, runs=COUNT)
)


def _programs(inputs: tuple[str, ...], outputs: tuple[str, ...]) -> st.SearchStrategy[Program]:
    mount = st.tuples(st.sampled_from((*inputs, *outputs)), st.booleans()).map(
        lambda drawn: Mount(
            dataset=drawn[0],
            source=f"s3://acme/{drawn[0]}",
            path=f"/data/{drawn[0]} x",
            read_only=drawn[1] and drawn[0] not in outputs,
        )
    )
    variable = st.tuples(st.sampled_from(["A", "_b1", "no"]), TEXT)
    return st.builds(
        Program,
        command=st.lists(TEXT, min_size=1, max_size=2).map(tuple),
        image=_maybe(NAME),
        checkpoint=_maybe(NAME),
        environment=st.lists(variable, max_size=2, unique_by=lambda pair: pair[0]).map(
            lambda drawn: tuple(sorted(drawn))
        ),
        mounts=st.lists(mount, max_size=1).map(tuple),
    )


@st.composite
def job_lists(draw: st.DrawFn) -> tuple[Job, ...]:
    """Draw jobs that fit every drawn estate; the first two make a pipeline."""
    data = [((), ("made",)), (("raw", "made"), ()), (("raw",), ())]
    works = [draw(_WORK) for _ in data]
    ranges = st.none() | st.tuples(st.floats(0.1, 1.0), st.floats(1.0, 9.0))
    return tuple(
        Job(
            id=f"job{index}",
            tenant="t",
            work=works[index],
            work_range=None if isinstance(works[index], Inference) else draw(ranges),
            shapes=draw(st.lists(_SHAPE, min_size=1, max_size=2).map(tuple)),
            inputs=inputs,
            outputs=outputs,
            labels=draw(NAMES),
            earliest_h=draw(st.floats(0, 9)),
            deadline_h=draw(_maybe(st.floats(30, 48))),
            due_h=draw(_maybe(st.floats(0, 30))),
            late_usd_h=draw(AMOUNT),
            setup_h=draw(AMOUNT),
            checkpoint=draw(_maybe(st.builds(Checkpoint, interval_h=POSITIVE, write_h=AMOUNT))),
            public=draw(st.booleans()),
            same_site_as=("job0",) if index == 1 else (),
            apart_from=("job0",) if index == 2 else (),
            reject_usd=draw(AMOUNT),
            move_usd=draw(AMOUNT),
            program=draw(_maybe(_programs(inputs, outputs))),
        )
        for index, (inputs, outputs) in enumerate(data)
    )


@st.composite
def plans(draw: st.DrawFn, problem: Problem) -> Plan:
    """Draw any plan at all that says it is for `problem`."""
    share = st.builds(Share, node=TEXT, devices=_several(COUNT))
    placement = st.builds(
        Placement,
        job=TEXT,
        offer=TEXT,
        shape=COUNT,
        start_h=AMOUNT,
        end_h=AMOUNT,
        machines=COUNT,
        shares=_several(share),
    )
    names = list(Costs.__dataclass_fields__)
    return Plan(
        placements=draw(_several(placement)),
        transfers=draw(_several(st.builds(Transfer, dataset=TEXT, source=TEXT, target=TEXT))),
        unplaced=draw(
            _several(st.builds(Unplaced, job=TEXT, reasons=_several(st.tuples(TEXT, COUNT))))
        ),
        status=draw(st.sampled_from(Status)),
        costs=Costs(**{name: draw(AMOUNT) for name in names}),
        objective_usd=draw(AMOUNT),
        bound_usd=draw(AMOUNT),
        carbon_g=draw(_maybe(AMOUNT)),
        solver=draw(TEXT),
        seed=draw(st.integers(0, 2**64)),
        problem_digest=problem.digest,
        certificate=draw(_maybe(_certificates())),
    )


def _certificates() -> st.SearchStrategy[Certificate]:
    capacity = st.builds(
        CapacityPrice,
        pool=TEXT,
        accelerator=_maybe(TEXT),
        capacity=st.sampled_from(Capacity),
        first_slot=COUNT,
        slots=COUNT,
        price_usd=AMOUNT,
    )
    return st.builds(
        Certificate,
        bound_usd=AMOUNT,
        capacity=_several(capacity),
        limits=_several(st.builds(LimitPrice, limit=TEXT, price_usd=AMOUNT)),
        spreads=_several(
            st.builds(SpreadPrice, spread=TEXT, domain=TEXT, price_usd=AMOUNT),
        ),
        shares=_several(st.builds(SharePrice, tenant=TEXT, price_usd=AMOUNT)),
        copies=_several(st.builds(CopyPrice, job=TEXT, dataset=TEXT, site=TEXT, price_usd=AMOUNT)),
        searched_usd=_maybe(AMOUNT),
    )
