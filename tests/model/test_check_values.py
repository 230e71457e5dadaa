"""Figures that mean nothing are refused when a problem is made, all at once."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime

import pytest

from hybridplace.errors import InputError
from hybridplace.model.job import (
    Checkpoint,
    Inference,
    Preprocessing,
    Program,
    Training,
    Tuning,
    Users,
)
from hybridplace.model.problem import Assumptions, Denial
from hybridplace.model.site import Lease, LeaseState, Link, Measure
from tests.problems import BOUGHT, LAB, NODES, ONE_GPU, OWNED, PLAIN, QUOTA, TRAIN

SERVES = Inference(load_rps=(1.0,), hours=1.0, users=(Users(site="lab", share=1.0),))
LEASE = Lease(
    id="a",
    provider="aws",
    owner="o",
    plan="p",
    job="train",
    offer=BOUGHT.id,
    machines=("i",),
    state=LeaseState.ACTIVE,
)


def _job(**changes):
    return {"jobs": (replace(TRAIN, **changes),)}


def _shape(**changes):
    return _job(shapes=(replace(ONE_GPU, **changes),))


def _offer(offer=BOUGHT, **changes):
    return {"offers": (replace(offer, **changes),)}


def _program(**changes):
    return _job(program=replace(Program(command=("run",)), **changes))


FAULTS = {
    "nothing to run": (_program(command=()), "jobs[train].program.command"),
    "variable twice": (
        _program(environment=(("A", "1"), ("A", "2"))),
        "jobs[train].program.environment",
    ),
    "variable without value": (_program(environment=(("A",),)), "jobs[train].program.environment"),
    "variable that is a number": (
        _program(environment=(("A", 1),)),
        "jobs[train].program.environment",
    ),
    "no time zone": ({"now": datetime(2026, 1, 5)}, "now"),  # noqa: DTZ001 - what is refused
    "horizon of nothing": ({"horizon_h": 0.0}, "horizon_h"),
    "slot of nothing": ({"slot_h": 0.0}, "slot_h"),
    "too many slots": ({"horizon_h": 168.0, "slot_h": 0.01}, "slot_h"),
    "endless horizon": ({"horizon_h": math.inf}, "horizon_h"),
    "work of nothing": (_job(work=Training(units=0.0)), "jobs[train].units"),
    "work is no number": (_job(work=Training(units=math.nan)), "jobs[train].units"),
    "more than linear": (_job(work=Training(units=1.0, efficiency=1.5)), "jobs[train].efficiency"),
    "data of nothing": (_job(work=Preprocessing(data_gib=0.0)), "jobs[train].data_gib"),
    "no runs": (_job(work=Tuning(runs=0)), "jobs[train].runs"),
    "serving no time": (_job(work=replace(SERVES, hours=0.0)), "jobs[train].hours"),
    "two loads": (_job(work=replace(SERVES, load_rps=(1.0, 2.0))), "jobs[train].load_rps"),
    "negative load": (_job(work=replace(SERVES, load_rps=(-1.0,))), "jobs[train].load_rps[0]"),
    "half the users": (
        _job(work=replace(SERVES, users=(Users(site="lab", share=0.5),))),
        "jobs[train].users",
    ),
    "replicas the wrong way": (
        _job(work=replace(SERVES, min_replicas=3, max_replicas=2)),
        "jobs[train].max_replicas",
    ),
    "no replicas": (_job(work=replace(SERVES, min_replicas=0)), "jobs[train].min_replicas"),
    "users of less than nothing": (
        _job(
            work=replace(
                SERVES, users=(Users(site="lab", share=1.5), Users(site="near", share=-0.5))
            )
        ),
        "jobs[train].users[near].share",
    ),
    "deadline before the start": (
        _job(earliest_h=2.0, deadline_h=2.0),
        "jobs[train].deadline_h",
    ),
    "no shapes": (_job(shapes=()), "jobs[train].shapes"),
    "shape without CPUs": (_shape(cpus=0.0), "jobs[train].shapes[0].cpus"),
    "shape without memory": (_shape(memory_gib=-1.0), "jobs[train].shapes[0].memory_gib"),
    "shape that does nothing": (_shape(units_h=0.0), "jobs[train].shapes[0].units_h"),
    "no workers": (_shape(workers=0), "jobs[train].shapes[0].workers"),
    "a third of an accelerator": (_shape(accelerators=1 / 3), "jobs[train].shapes[0].accelerators"),
    "accelerators of no kind": (_shape(accelerator=None), "jobs[train].shapes[0]"),
    "negative start": (_job(earliest_h=-1.0), "jobs[train].earliest_h"),
    "negative rejection": (_job(reject_usd=-1.0), "jobs[train].reject_usd"),
    "checkpoint of nothing": (
        _job(checkpoint=Checkpoint(interval_h=0.0)),
        "jobs[train].checkpoint.interval_h",
    ),
    "apart from itself": (_job(apart_from=("train",)), "jobs[train].apart_from"),
    "negative price": (_offer(price_usd_h=-1.0), "offers[near/g4/on_demand].price_usd_h"),
    "price is no number": (_offer(price_usd_h=math.nan), "offers[near/g4/on_demand].price_usd_h"),
    "machine without CPUs": (_offer(OWNED, cpus=0), "offers[lab/a100/owned].cpus"),
    "owned without nodes": (_offer(OWNED, pool=None), "offers[lab/a100/owned].pool"),
    "bought from nodes": (_offer(pool="lab-nodes"), "offers[near/g4/on_demand].pool"),
    "pool elsewhere": (_offer(pool="near-quota", site="far"), "offers[near/g4/on_demand].pool"),
    "offer with accelerators of no kind": (_offer(accelerator=None), "offers[near/g4/on_demand]"),
    "node with accelerators of no kind": (
        {"pools": (replace(NODES, nodes=(replace(NODES.nodes[0], accelerator=None),)), QUOTA)},
        "pools[lab-nodes].nodes[n1]",
    ),
    "transfers that never end": (
        {"assumptions": Assumptions(transfer_gbps=0.0)},
        "assumptions.transfer_gbps",
    ),
    "denial of what nobody asks": (
        {"denials": (Denial(action="plce", subjects=("train",), sites=("far",), rules=("r",)),)},
        "denials[train at far].action",
    ),
    "nodes in a quota": (
        {"pools": (replace(NODES, measure=Measure.CPUS, at_most=3), QUOTA)},
        "pools[lab-nodes]",
    ),
    "quota of nothing known": ({"pools": (NODES, replace(QUOTA, measure=None))}, "pools"),
    "node twice": (
        {"pools": (replace(NODES, nodes=NODES.nodes[:1] * 2), QUOTA)},
        "pools[lab-nodes].nodes",
    ),
    "negative carbon": ({"sites": (replace(LAB, carbon_g_kwh=-1.0), *PLAIN.sites[:2])}, "sites"),
    "link without speed": (
        {"links": (Link(source="lab", target="near", gbps=0.0),)},
        "links[lab to near].gbps",
    ),
    "link twice": ({"links": (Link(source="lab", target="near"),) * 2}, "links"),
    "link to nowhere": ({"links": (Link(source="lab", target="moon"),)}, "links[lab to moon]"),
    "two leases of a job": ({"leases": (LEASE, replace(LEASE, id="b"))}, "leases"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_means_nothing_is_refused(name):
    """Each is told with its path."""
    changes, path = FAULTS[name]
    with pytest.raises(InputError) as raised:
        replace(PLAIN, **changes)

    assert any(fault.path.startswith(path) for fault in raised.value.faults)


def test_everything_wrong_is_told_at_once():
    """One look shows all faults."""
    jobs = (replace(TRAIN, work=Training(units=0.0), reject_usd=math.nan, shapes=()),)
    with pytest.raises(InputError) as raised:
        replace(PLAIN, jobs=jobs, horizon_h=-1.0)

    assert 4 <= len(raised.value.faults)


def test_an_ended_lease_is_none():
    """What is ending or gone does not count as running, and does not clash with what runs."""
    gone = replace(LEASE, id="b", state=LeaseState.GONE)
    problem = replace(PLAIN, leases=(LEASE, gone))

    assert {"train": LEASE} == problem.lease_of
    assert {} == replace(PLAIN, leases=(gone,)).lease_of


def test_a_denial_or_lease_of_what_is_not_there_is_harmless():
    """Yesterday's leases, and denials of jobs that `with_jobs` left out, say nothing here."""
    denial = Denial(action="place", subjects=("gone",), sites=("nowhere",), rules=("r",))
    problem = replace(PLAIN, denials=(denial,), leases=(replace(LEASE, job="gone", offer="gone"),))

    assert () == problem.denied("place", "train", "nowhere")
    assert "train" not in problem.lease_of


def test_order_of_denials_is_no_information():
    """Two denials that differ in their rules alone give one digest, whatever their order."""
    pair = [
        Denial(action="place", subjects=("train",), sites=("far",), rules=(rule,)) for rule in "ab"
    ]

    assert (
        replace(PLAIN, denials=tuple(pair)).digest
        == replace(PLAIN, denials=tuple(pair[::-1])).digest
    )
