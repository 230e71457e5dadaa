"""What the checker must see through where links have tiers, and that its mean prices are right."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridplace.checker import check, copies
from hybridplace.model.egress import mean_range_usd_gib, mean_usd_gib
from hybridplace.model.job import Dataset
from hybridplace.model.plan import Plan
from hybridplace.model.problem import Problem
from hybridplace.model.site import Link, Tier
from hybridplace.solver import solve
from hybridplace.solver.joint import certified
from tests.problems import BOUGHT, PLAIN, TRAIN

TIERS = (Tier(beyond_gib=10.0, usd_gib=0.1),)


def _problem(tiers: tuple[Tier, ...], usd_gib: float = 0.3) -> Problem:
    """Two jobs read data that only comes over one link; some is delivered over it in any case."""
    datasets = (
        Dataset(id="a", tenant="t", size_gib=12.0, homes=("lab",)),
        Dataset(id="b", tenant="t", size_gib=8.0, homes=("lab",)),
        Dataset(id="c", tenant="u", size_gib=5.0, homes=("lab",), deliver_to=("near",)),
    )
    return replace(
        PLAIN,
        jobs=tuple(replace(TRAIN, id=f"j{name}", inputs=(name,)) for name in "ab"),
        datasets=datasets,
        offers=(replace(BOUGHT, pool=None),),
        links=(Link(source="lab", target="near", usd_gib=usd_gib, tiers=tiers, gbps=10.0),),
    )


PROBLEM = _problem(TIERS)


def _certified(problem: Problem) -> Plan:
    return certified(problem, solve(problem))


def _moved_to(plan: Plan, problem: Problem) -> Plan:
    return replace(plan, problem_digest=problem.digest)


def test_an_honest_plan_passes() -> None:
    """Its bound counts all data at the least mean price: 4.5 USD for 25 GiB."""
    plan = _certified(PROBLEM)
    found = check(PROBLEM, plan)

    assert () == found.faults
    assert found.bound_usd == pytest.approx(plan.certificate.bound_usd)
    assert plan.costs.egress_usd == pytest.approx(10 * 0.3 + 15 * 0.1)


def test_ignored_tiers_are_caught() -> None:
    """Bound and costs at the first price alone are neither those of the prices nor of the plan."""
    told = check(PROBLEM, _moved_to(_certified(_problem(())), PROBLEM)).faults

    assert any("prove a bound" in one for one in told)
    assert any("egress_usd is 4.5" in one for one in told)
    assert any("the plan costs" in one for one in told)


@pytest.mark.parametrize(("usd_gib", "last"), [(0.3, 0.05), (0.1, 0.1), (0.3, 0.15)])
def test_misstated_tiers_are_caught(usd_gib: float, last: float) -> None:
    """As if the last tier were cheaper or dearer, or began at once."""
    other = _problem((replace(TIERS[0], usd_gib=last),), usd_gib)
    told = check(PROBLEM, _moved_to(_certified(other), PROBLEM)).faults

    assert any("prove a bound" in one for one in told)
    assert any("egress_usd" in one for one in told)


def test_an_understated_share_is_caught() -> None:
    """A plan that leaves out what one transfer adds to its link costs more than it says."""
    plan = _certified(PROBLEM)
    cheap = replace(plan.costs, egress_usd=plan.costs.egress_usd - 0.5)
    told = check(PROBLEM, replace(plan, costs=cheap, objective_usd=cheap.total_usd)).faults

    assert any("the plan costs" in one for one in told)


def test_a_checker_that_ignores_tiers_would_disagree(monkeypatch) -> None:
    """What it takes a GiB to cost decides: at the first price it finds another bound."""
    plan = _certified(PROBLEM)
    monkeypatch.setattr(copies, "least_mean_usd_gib", lambda link, _: link.usd_gib)

    assert any("prove a bound" in one for one in check(PROBLEM, plan).faults)


PRICE = st.floats(0, 10).map(lambda value: round(value, 2))


@given(
    PRICE,
    st.lists(PRICE, max_size=3),
    st.sets(st.integers(1, 60), min_size=3, max_size=3).map(sorted),
    st.sampled_from((0.0, 4.0, 100.0)),
    st.lists(st.integers(0, 30), max_size=4),
)
def test_both_know_the_least_mean_price(
    usd_gib: float, prices: list[float], begins: list[int], used_gib: float, sizes: list[int]
) -> None:
    """The checker's own code finds what the model's does, and no volume is cheaper."""
    tiers = tuple(
        Tier(beyond_gib=float(begin), usd_gib=price)
        for begin, price in zip(begins, prices, strict=False)
    )
    link = Link(source="lab", target="near", usd_gib=usd_gib, tiers=tiers, used_gib=used_gib)
    data = tuple(
        Dataset(
            id=f"d{number}",
            tenant="t",
            size_gib=float(size),
            homes=("lab",),
            deliver_to=("near",),
        )
        for number, size in enumerate(sizes)
    )
    problem = replace(PROBLEM, datasets=data, jobs=(), links=(link,))
    least = copies.least_mean_usd_gib(link, [float(size) for size in sizes if size])

    if tiers:
        assert mean_range_usd_gib(problem)["lab", "near"][0] == pytest.approx(least)
    if any(sizes):
        volume = sum(sizes)
        assert least <= mean_usd_gib(link, float(volume)) + 1e-9
