"""What links with tiers cost, and what a GiB over them costs on average."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridplace.model.cost import limit_use, plan_costs, transfers_usd
from hybridplace.model.egress import link_usd, mean_range_usd_gib, mean_usd_gib, volumes_gib
from hybridplace.model.job import Dataset
from hybridplace.model.plan import Transfer
from hybridplace.model.problem import Limit, LimitMeasure, Problem
from hybridplace.model.site import Link, Tier
from hybridplace.report.summary import summary
from tests.brute import stated
from tests.problems import PLAIN

AMOUNT = st.floats(0, 100).map(lambda value: round(value, 2))
TARIFF = Link(
    source="lab",
    target="far",
    usd_gib=0.0,
    tiers=(Tier(beyond_gib=10.0, usd_gib=0.5), Tier(beyond_gib=30.0, usd_gib=0.1)),
)


@st.composite
def _links(draw: st.DrawFn) -> Link:
    begins = sorted(draw(st.sets(st.integers(1, 60), max_size=3)))
    return Link(
        source="lab",
        target="far",
        usd_gib=draw(AMOUNT),
        tiers=tuple(Tier(beyond_gib=float(one), usd_gib=draw(AMOUNT)) for one in begins),
        used_gib=draw(st.sampled_from((0.0, 7.0, 60.0))),
    )


def _with(sizes: tuple[float, ...], link: Link = TARIFF) -> Problem:
    datasets = tuple(
        Dataset(
            id=f"d{number}",
            tenant="tu"[number % 2],
            size_gib=size,
            homes=("lab",),
            deliver_to=("far",),
        )
        for number, size in enumerate(sizes)
    )
    return replace(PLAIN, datasets=datasets, links=(link,))


def _moved(problem: Problem) -> tuple[Transfer, ...]:
    return tuple(Transfer(dataset=one.id, source="lab", target="far") for one in problem.datasets)


@pytest.mark.parametrize(
    ("gib", "used_gib", "usd"),
    [(10, 0, 0), (12, 0, 1), (30, 0, 10), (50, 0, 12), (5, 8, 1.5), (20, 40, 2), (0, 0, 0)],
)
def test_each_tier_has_its_price(gib: float, used_gib: float, usd: float) -> None:
    """Ten GiB are free, twenty cost half a dollar, more a tenth; what was used before counts."""
    assert usd == pytest.approx(link_usd(replace(TARIFF, used_gib=float(used_gib)), float(gib)))


@given(_links(), st.integers(0, 90))
def test_a_link_costs_the_sum_of_its_gib(link: Link, gib: int) -> None:
    """Whole GiB, one by one, each at the price of the tier that it is in."""
    prices = [(0.0, link.usd_gib), *((tier.beyond_gib, tier.usd_gib) for tier in link.tiers)]
    each = [
        [usd for begin, usd in prices if begin <= link.used_gib + one][-1] for one in range(gib)
    ]

    assert sum(each) == pytest.approx(link_usd(link, float(gib)))


@given(_links(), st.lists(st.integers(0, 40), min_size=1, max_size=4))
def test_mean_prices_are_in_their_range(link: Link, sizes: list[int]) -> None:
    """Whatever goes over a link costs no less and no more on average than is told."""
    problem = _with(tuple(float(size) for size in sizes), link)
    for (source, target), (least, most) in mean_range_usd_gib(problem).items():
        assert ("lab", "far") == (source, target)
        for count in range(1, len(sizes) + 1):
            for some in combinations(sizes, count):
                mean = mean_usd_gib(link, float(sum(some)))
                assert not sum(some) or least - 1e-9 <= mean <= most + 1e-9


def test_a_plan_pays_for_all_that_goes_over_a_link() -> None:
    """Transfers share it by volume: in costs, in limits, by tenant and in reports."""
    problem = _with((10.0, 20.0, 30.0))
    limit = Limit(id="l", measure=LimitMeasure.USD, at_most=100.0, tenant="u")
    plan = stated(problem, (), _moved(problem), ("train",))
    told = summary(problem, plan)

    assert {("lab", "far"): 60.0} == volumes_gib(problem, plan.transfers)
    assert 13.0 == pytest.approx(plan_costs(problem, (), plan.transfers, ()).egress_usd)
    shares = (13 / 6, 13 / 3, 13 / 2)
    assert shares == pytest.approx(transfers_usd(problem, plan.transfers))
    assert 13 / 3 == pytest.approx(limit_use(problem, limit, plan))
    assert shares == pytest.approx(tuple(one.usd for one in told.transfers))
    assert (13 * 4 / 6, 13 / 3) == pytest.approx(tuple(one.money_usd for one in told.tenants))


def test_only_what_may_go_over_a_link_counts() -> None:
    """Data that is at home at the target, that nobody asks for or that is denied does not."""
    problem = _with((20.0, 40.0))
    kept = (problem.datasets[0], replace(problem.datasets[1], deliver_to=()))

    assert (0.25, 13 / 60) == pytest.approx(
        (link_usd(TARIFF, 20.0) / 20, mean_range_usd_gib(problem)["lab", "far"][0])
    )
    assert (0.25, 0.25) == pytest.approx(
        mean_range_usd_gib(replace(problem, datasets=kept))["lab", "far"]
    )
