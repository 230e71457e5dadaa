"""What counts towards a limit, by measure and scope, and towards quotas and nodes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hybridplace.model.capacity import NodeUse, node_uses, quota_use, quota_uses
from hybridplace.model.cost import (
    UnknownFigureError,
    limit_use,
    placement_costs,
    placement_run,
    run_carbon_g,
)
from hybridplace.model.data import cheapest_transfer, copies_needed, holders, transfer_hours
from hybridplace.model.job import Dataset, Inference
from hybridplace.model.plan import Placement, Share, Transfer
from hybridplace.model.problem import Limit, LimitMeasure
from hybridplace.model.site import Market, Measure
from tests.brute import stated
from tests.problems import BOUGHT, NAMED, NODES, ONE_GPU, OWNED, PLAIN, QUOTA, TRAIN

USD, CARBON_G, ACCELERATOR_H, _ = LimitMeasure
DATA = Dataset(id="d", tenant="u", size_gib=100.0, homes=("lab",))
OTHER = replace(TRAIN, id="other", tenant="u", shapes=(replace(ONE_GPU, workers=2),))
PROBLEM = replace(PLAIN, jobs=(TRAIN, OTHER), datasets=(DATA,))
ON_NEAR = Placement(job="train", offer=BOUGHT.id, shape=0, start_h=0.0, end_h=2.0, machines=1)
ON_LAB = Placement(
    job="other",
    offer=OWNED.id,
    shape=0,
    start_h=1.0,
    end_h=2.0,
    machines=1,
    shares=(Share(node="n1", devices=(0,)), Share(node="n1", devices=(1,))),
)
MOVED = Transfer(dataset="d", source="lab", target="far")
PLAN = stated(PROBLEM, (ON_NEAR, ON_LAB), (MOVED,), ())
NEAR_USD = placement_costs(PROBLEM, ON_NEAR).money_usd
LAB_USD = placement_costs(PROBLEM, ON_LAB).money_usd
MOVED_USD = 2.0


def _use(measure: LimitMeasure, **scope: object) -> float:
    limit = Limit(id="l", measure=measure, at_most=0.0, **scope)  # type: ignore[arg-type]
    return limit_use(PROBLEM, limit, PLAN)


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({}, NEAR_USD + LAB_USD + MOVED_USD),
        ({"tenant": "t"}, NEAR_USD),
        ({"tenant": "u"}, LAB_USD + MOVED_USD),
        ({"job": "train"}, NEAR_USD),
        ({"site": "near"}, NEAR_USD),
        ({"site": "far"}, MOVED_USD),
        ({"site": "lab"}, LAB_USD),
        ({"provider": "aws"}, NEAR_USD),
        ({"provider": "gcp"}, MOVED_USD),
        ({"country": "DE"}, NEAR_USD + LAB_USD),
        ({"country": "US"}, MOVED_USD),
        ({"market": Market.OWNED}, LAB_USD),
        ({"accelerator": "A100"}, NEAR_USD + LAB_USD),
        ({"accelerator": "H100"}, 0.0),
        ({"tenant": "u", "country": "DE"}, LAB_USD),
    ],
)
def test_a_limit_counts_what_its_scope_covers(scope: dict[str, object], expected: float) -> None:
    """Placements count where they are, transfers where they go, for the dataset's tenant."""
    assert pytest.approx(expected) == _use(USD, **scope)


def test_a_limit_on_accelerator_hours_counts_what_jobs_use() -> None:
    """Two hours of one accelerator, and one of two."""
    assert pytest.approx(4.0) == _use(ACCELERATOR_H)
    assert pytest.approx(2.0) == _use(ACCELERATOR_H, site="lab")


def test_a_limit_on_carbon_counts_emissions() -> None:
    """The emissions of the runs, and none for moving data."""
    expected = run_carbon_g(PROBLEM, BOUGHT, ONE_GPU, placement_run(PROBLEM, ON_NEAR))

    assert expected == _use(CARBON_G, site="near")
    assert 0.0 == _use(CARBON_G, site="far")


def test_a_limit_on_what_is_not_known_is_told() -> None:
    """Unknown emissions do not count as none, except outside the scope."""
    sites = tuple(replace(site, carbon_g_kwh=None) for site in PROBLEM.sites)
    dark = replace(PROBLEM, sites=sites)
    limit = Limit(id="l", measure=CARBON_G, at_most=1.0)

    with pytest.raises(UnknownFigureError, match="carbon of lab/a100/owned"):
        limit_use(dark, limit, PLAN)
    assert 0.0 == limit_use(dark, replace(limit, site="far"), PLAN)


# --- quotas -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measure", "expected"),
    [(Measure.MACHINES, 2.0), (Measure.CPUS, 32.0), (Measure.ACCELERATORS, 4.0)],
)
def test_a_quota_counts_whole_machines(measure: Measure, expected: float) -> None:
    """Three workers, two to a machine of 16 CPUs and 2 accelerators."""
    offer = replace(BOUGHT, accelerators=2)

    assert expected == quota_use(offer, ONE_GPU, 3, measure)


def test_a_quota_is_used_slot_by_slot() -> None:
    """Only what is in the pool counts, in each slot that it touches."""
    late = replace(ON_NEAR, start_h=1.0)
    elsewhere = replace(ON_LAB, job="other")

    uses = quota_uses(PROBLEM, QUOTA, (ON_NEAR, late, elsewhere))

    assert {0: 1.0, 1: 2.0, 2: 1.0} == uses


# --- nodes --------------------------------------------------------------------------------------


def test_nodes_are_used_share_by_share() -> None:
    """Halves of an accelerator add up on it; CPUs and memory add up on the node."""
    half = replace(TRAIN, shapes=(replace(ONE_GPU, accelerators=0.5),))
    problem = PLAIN.with_jobs(half, replace(half, id="twin"))
    share = Share(node="n1", devices=(1,))
    first = replace(ON_LAB, job="train", start_h=0.0, shares=(share,))

    uses = node_uses(problem, NODES, (first, replace(first, job="twin", start_h=1.0)))

    one = NodeUse(devices=(0.0, 0.5), cpus=4.0, memory_gib=16.0)
    two = NodeUse(devices=(0.0, 1.0), cpus=8.0, memory_gib=32.0)
    assert {("n1", 0): one, ("n1", 1): two, ("n1", 2): one} == uses


def test_only_replicas_at_work_use_their_node() -> None:
    """With fewer replicas than shares, the first shares are in use."""
    loads = tuple(1 / 3600 if hour == 6 else 2 / 3600 for hour in range(24))
    serve = replace(TRAIN, work=Inference(load_rps=loads, hours=2.0))
    problem = replace(PLAIN.with_jobs(serve), now=PLAIN.now.replace(minute=0))
    shares = (Share(node="n2", devices=(0,)), Share(node="n1", devices=(0,)))

    uses = node_uses(problem, NODES, (replace(ON_LAB, job="train", start_h=0.0, shares=shares),))

    assert [("n1", 1), ("n2", 0), ("n2", 1)] == sorted(uses)


# --- data ---------------------------------------------------------------------------------------

PIPELINE = NAMED["pipeline"]


def test_what_a_job_makes_is_held_where_it_runs() -> None:
    """Homes hold data; a product is held at its producer's site, and nowhere without it."""
    assert ("lab",) == holders(PIPELINE, "raw", {})
    assert ("near",) == holders(PIPELINE, "ready", {"clean": "near"})
    assert () == holders(PIPELINE, "ready", {"read1": "near"})


def test_each_copy_is_needed_once() -> None:
    """Two readers at a site share a copy; a delivery is a copy; where it is, none is needed."""
    at_near = {"clean": "lab", "read1": "near", "read2": "near"}
    at_far = {"clean": "far", "read1": "far"}

    assert (("ready", "far"), ("ready", "near")) == copies_needed(PIPELINE, at_near)
    assert (("raw", "far"),) == copies_needed(PIPELINE, at_far)
    assert () == copies_needed(PIPELINE, {"read1": "near"})


def test_the_cheapest_transfer_is_chosen_by_price_then_time() -> None:
    """0.05 from near beats 0.02 from the lab no sooner than prices say; no price, no transfer."""
    sources = ("near", "lab")

    cheapest = cheapest_transfer(PIPELINE, "ready", "far", sources)

    assert Transfer(dataset="ready", source="lab", target="far") == cheapest
    assert cheapest_transfer(replace(PIPELINE, links=()), "ready", "far", sources) is None
    assert cheapest_transfer(PIPELINE, "ready", "far", ()) is None


def test_transfers_take_the_link_or_the_assumed_rate() -> None:
    """50 GiB at 10 Gbit/s, at the assumed 1 Gbit/s, and not at all at the same site."""
    hours = 50 * 8 * 1.073741824 / 3600

    assert pytest.approx(hours / 10) == transfer_hours(PIPELINE, "ready", "lab", "near")
    assert pytest.approx(hours) == transfer_hours(PIPELINE, "ready", "near", "far")
    assert 0.0 == transfer_hours(PIPELINE, "ready", "near", "near")
