"""A problem that means nothing is refused when it is made, with everything that is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from hybridplace.errors import InputError
from hybridplace.model.canonical import digest
from hybridplace.model.estate import Access, Estate, PriceOverlay, Quota
from hybridplace.model.job import Dataset, Inference, Mount, Program, Tenant, Users
from hybridplace.model.problem import Denial, Limit, LimitMeasure, Problem, Rule
from hybridplace.model.site import Link, Measure, Tier
from tests.problems import BOUGHT, FAR, LAB, NAMED, NEAR, ONE_GPU, PLAIN, QUOTA, TRAIN

DATA = Dataset(id="d", tenant="t", size_gib=1.0, homes=("lab",))
DELIVERED = replace(DATA, deliver_to=("lab", "near"))
MADE = replace(DATA, id="made", homes=())
MOUNT = Mount(dataset="x", source="s3://x", path="/x")
SERVES = Inference(load_rps=(1.0,), hours=1.0, users=(Users(site="moon", share=1.0),))


def _jobs(**changes: object) -> Callable[[], Problem]:
    return lambda: PLAIN.with_jobs(replace(TRAIN, **changes))  # type: ignore[arg-type]


def _program(**changes: object) -> Callable[[], Problem]:
    return _jobs(program=replace(Program(command=("run",)), **changes))  # type: ignore[arg-type]


def _parts(**changes: object) -> Callable[[], Problem]:
    return lambda: replace(PLAIN, **changes)  # type: ignore[arg-type]


def _tiers(*tiers: Tier, usd_gib: float | None = 0.2) -> Callable[[], Problem]:
    return _parts(links=(Link(source="lab", target="near", usd_gib=usd_gib, tiers=tiers),))


FAULTS = {
    "job twice": (_parts(jobs=(TRAIN, TRAIN)), "jobs", "'train' 2 times"),
    "offer twice": (_parts(offers=(BOUGHT, BOUGHT)), "offers", "2 times"),
    "unknown tenant": (_jobs(tenant="x"), "jobs[train].tenant", "'x'"),
    "unknown input": (_jobs(inputs=("x",)), "jobs[train].inputs", "'x'"),
    "unknown output": (_jobs(outputs=("x",)), "jobs[train].outputs", "'x'"),
    "unknown companion": (_jobs(same_site_as=("x",)), "jobs[train].same_site_as", "'x'"),
    "unknown rival": (_jobs(apart_from=("x",)), "jobs[train].apart_from", "'x'"),
    "mount of nothing": (_program(mounts=(MOUNT,)), "jobs[train].program.mounts", "'x'"),
    "users nowhere": (_jobs(work=SERVES), "jobs[train].users", "'moon'"),
    "data of nobody": (_parts(datasets=(replace(DATA, tenant="x"),)), "datasets[d].tenant", "'x'"),
    "data nowhere": (_parts(datasets=(replace(DATA, homes=("moon",)),)), "datasets[d]", "'moon'"),
    "delivery nowhere": (
        _parts(datasets=(replace(MADE, deliver_to=("moon",)),)),
        "datasets[made]",
        "'moon'",
    ),
    "delivery over no link": (
        _parts(datasets=(DELIVERED,), links=()),
        "datasets[d].deliver_to",
        "none to near",
    ),
    "delivery over a link without a price": (
        _parts(datasets=(DELIVERED,), links=(Link(source="lab", target="near"),)),
        "datasets[d].deliver_to",
        "none to near",
    ),
    "delivery that policies deny": (
        _parts(
            datasets=(DELIVERED,),
            denials=(Denial(action="transfer", subjects=("d",), sites=("near",), rules=("r",)),),
        ),
        "datasets[d].deliver_to",
        "near, denied by r",
    ),
    "deliveries that no cache holds": (
        _parts(datasets=(DELIVERED,), sites=(LAB, replace(NEAR, cache_gib=0.5), FAR)),
        "sites[near].cache_gib",
        "0.5",
    ),
    "deliveries beyond a budget": (
        _parts(
            datasets=(replace(DATA, deliver_to=("far",)),),
            limits=(Limit(id="l", measure=LimitMeasure.USD, at_most=0.01),),
        ),
        "limits[l].at_most",
        "0.01",
    ),
    "pool nowhere": (
        _parts(pools=(replace(QUOTA, site="moon"),), offers=()),
        "pools[near-quota].site",
        "moon",
    ),
    "offer nowhere": (
        _parts(offers=(replace(BOUGHT, site="moon", pool=None),)),
        "offers[near/g4/on_demand].site",
        "moon",
    ),
    "offer of no pool": (
        _parts(offers=(replace(BOUGHT, pool="x"),)),
        "offers[near/g4/on_demand].pool",
        "'x'",
    ),
    "made twice": (
        _parts(
            datasets=(MADE,),
            jobs=(replace(TRAIN, outputs=("made",)), replace(TRAIN, id="b", outputs=("made",))),
        ),
        "datasets[made]",
        "b, train",
    ),
    "at home and made": (
        _parts(datasets=(DATA,), jobs=(replace(TRAIN, outputs=("d",)),)),
        "datasets[d].homes",
        "homes lab and the writer train",
    ),
    "read but not there": (
        _parts(datasets=(MADE,), jobs=(replace(TRAIN, inputs=("made",)),)),
        "datasets[made].homes",
        "neither",
    ),
    "made of itself": (
        _parts(datasets=(MADE,), jobs=(replace(TRAIN, inputs=("made",), outputs=("made",)),)),
        "jobs",
        "train -> train",
    ),
    "tiers in no order": (
        _tiers(Tier(beyond_gib=5.0, usd_gib=0.1), Tier(beyond_gib=5.0, usd_gib=0.0)),
        "links[lab to near].tiers[1].beyond_gib",
        "5",
    ),
    "a negative tier": (
        _tiers(Tier(beyond_gib=5.0, usd_gib=-0.1)),
        "links[lab to near].tiers[0].usd_gib",
        "-0.1",
    ),
    "a tier from the beginning": (
        _tiers(Tier(beyond_gib=0.0, usd_gib=0.1)),
        "links[lab to near].tiers[0].beyond_gib",
        "0",
    ),
    "tiers without a first price": (
        _tiers(Tier(beyond_gib=5.0, usd_gib=0.1), usd_gib=None),
        "links[lab to near].usd_gib",
        "none",
    ),
    "a third of an accelerator": (
        _jobs(shapes=(replace(ONE_GPU, accelerators=1 / 3),)),
        "jobs[train].shapes[0].accelerators",
        "0.333",
    ),
    "one and a half accelerators": (
        _jobs(shapes=(replace(ONE_GPU, accelerators=1.5),)),
        "jobs[train].shapes[0].accelerators",
        "1.5",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told(name: str) -> None:
    """One thing wrong is one fault, with where it is and what stands there."""
    make, path, got = FAULTS[name]

    with pytest.raises(InputError) as refused:
        make()

    (fault,) = refused.value.faults
    assert path == fault.path
    assert got in fault.got
    assert fault.expected


def test_all_faults_are_told() -> None:
    """Whoever mends the first hears of the others at the same time."""
    with pytest.raises(InputError) as refused:
        _jobs(tenant="x", inputs=("y",), apart_from=("z",))()

    assert {"'x'", "'y'", "'z'"} == {fault.got for fault in refused.value.faults}


def test_a_problem_answers_by_id() -> None:
    """What a problem lists it also finds by id, and by what refers to what."""
    pipeline = NAMED["pipeline"]
    rule = Rule(id="r", reason="because")

    assert {"raw": ("clean",), "ready": ("read1", "read2")} == pipeline.readers
    assert {"ready": "clean"} == pipeline.producer
    assert {"r": rule} == replace(PLAIN, rules=(rule,)).rule
    assert 0.09 == PLAIN.link("near", "lab").usd_gib
    assert PLAIN.link("near", "moon").usd_gib is None
    assert 0.0 == PLAIN.link("near", "near").usd_gib


def test_an_estate_is_a_value_too() -> None:
    """It has a digest, which any of its parts changes."""
    estate = Estate(
        name="lab",
        tenants=(Tenant(id="t"),),
        providers=(Access(provider="aws", regions=("eu-*",)),),
        quotas=(Quota(id="q", site="near", measure=Measure.CPUS, at_most=8),),
        overlays=(PriceOverlay(offers="aws/*", discount=0.1),),
    )

    assert digest(estate) == digest(replace(estate, horizon_h=24))
    assert digest(estate) != digest(replace(estate, overlays=()))
