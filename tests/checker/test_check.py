"""What the checker must see through: plans that lie, each in one way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from hybridplace.checker import check
from hybridplace.model.certificate import Certificate, JobPrice, LimitPrice, SharePrice
from hybridplace.model.plan import Plan
from hybridplace.model.problem import Assumptions
from tests.brute import best_plan
from tests.checker.scarce import PRICES, SCARCE, certified_plan

PLAN = certified_plan()


def _certified(**changes: Any) -> Plan:
    return replace(PLAN, certificate=replace(PLAN.certificate, **changes))


def _capacity(row: int, **changes: Any) -> Plan:
    prices = list(PRICES.capacity)
    prices[row] = replace(prices[row], **changes)
    return _certified(capacity=tuple(prices))


def _swapped() -> Plan:
    one, other = PRICES.limits
    return _certified(
        limits=(
            replace(one, price_usd=other.price_usd),
            replace(other, price_usd=one.price_usd),
        )
    )


def _cheaper() -> Plan:
    costs = replace(PLAN.costs, compute_usd=PLAN.costs.compute_usd - 1e-7)
    return replace(PLAN, costs=costs, objective_usd=PLAN.objective_usd - 1e-7)


def _copied(row: int, **changes: Any) -> Plan:
    prices = list(PRICES.copies)
    prices[row] = replace(prices[row], **changes)
    return _certified(copies=tuple(prices))


def _shared(row: int, **changes: Any) -> Plan:
    prices = list(PRICES.shares)
    prices[row] = replace(prices[row], **changes)
    return _certified(shares=tuple(prices))


def _unfairly() -> Plan:
    one, other = PRICES.shares
    return _certified(shares=(replace(one, tenant=other.tenant), replace(other, tenant=one.tenant)))


def _spread(row: int, **changes: Any) -> Plan:
    prices = list(PRICES.spreads)
    prices[row] = replace(prices[row], **changes)
    return _certified(spreads=tuple(prices))


SABOTEURS: dict[str, tuple[Callable[[], Plan], str]] = {
    "a price that is too high": (lambda: _capacity(0, price_usd=1.6), "prove a bound"),
    "a price that is too low": (lambda: _capacity(2, price_usd=0.5), "prove a bound"),
    "a negative price": (lambda: _capacity(1, price_usd=-0.5), "not negative"),
    "no price": (lambda: _capacity(1, price_usd=float("nan")), "not negative"),
    "a dropped row": (lambda: _certified(capacity=PRICES.capacity[1:]), "prove a bound"),
    "a shifted slot": (lambda: _capacity(2, first_slot=1), "prove a bound"),
    "a shorter window": (lambda: _capacity(0, slots=1), "prove a bound"),
    "a slot beyond the horizon": (lambda: _capacity(0, first_slot=3), "there are 4"),
    "a window of nothing": (lambda: _capacity(0, slots=0), "there are 4"),
    "a row that is priced twice": (
        lambda: _certified(capacity=(*PRICES.capacity, PRICES.capacity[0])),
        "priced twice",
    ),
    "another row of the same nodes": (lambda: _capacity(0, capacity="cpus"), "prove a bound"),
    "a row that there is not": (lambda: _capacity(0, capacity="quota"), "there are no quota"),
    "an unknown pool": (lambda: _capacity(0, pool="attic"), "in pool attic"),
    "an unknown accelerator": (lambda: _capacity(0, accelerator="H100"), "with H100"),
    "another tenant's row": (_swapped, "prove a bound"),
    "an unknown limit": (
        lambda: _certified(limits=(LimitPrice(limit="b", price_usd=0.1),)),
        "no limit b",
    ),
    "a limit that is priced twice": (
        lambda: _certified(limits=PRICES.limits * 2),
        "priced twice",
    ),
    "an unknown tenant": (
        lambda: _certified(shares=(SharePrice(tenant="x", price_usd=0.1),)),
        "no tenant x",
    ),
    "a share that is priced too high": (lambda: _shared(0, price_usd=0.5), "prove a bound"),
    "another tenant's share": (_unfairly, "prove a bound"),
    "a share that is priced twice": (
        lambda: _certified(shares=(*PRICES.shares, PRICES.shares[0])),
        "priced twice",
    ),
    "a negative share": (lambda: _shared(1, price_usd=-0.1), "not negative"),
    "an unknown spread": (lambda: _spread(0, spread="x"), "no spread x"),
    "an unknown domain": (lambda: _spread(1, domain="lab"), "there is no provider lab"),
    "another domain": (lambda: _spread(1, domain="aws"), "prove a bound"),
    "a spread that is priced too low": (lambda: _spread(0, price_usd=0.4), "prove a bound"),
    "a domain that is priced twice": (
        lambda: _certified(spreads=PRICES.spreads * 2),
        "priced twice",
    ),
    "a price of a job that is none": (
        lambda: _certified(jobs=(JobPrice(job="a", price_usd=float("inf")),)),
        "expected a number",
    ),
    "another reader's copy": (lambda: _copied(0, job="c"), "no job c reads"),
    "a copy elsewhere": (lambda: _copied(0, site="far"), "prove a bound"),
    "a copy to nowhere": (lambda: _copied(0, site="moon"), "no site moon"),
    "an overstated bound": (
        lambda: _certified(bound_usd=PLAN.bound_usd + 1e-6),
        "prove a bound",
    ),
    "an understated bound": (
        lambda: _certified(bound_usd=PLAN.bound_usd - 1e-6),
        "prove a bound",
    ),
    "a bound above its certificate": (
        lambda: replace(PLAN, bound_usd=PLAN.bound_usd + 1e-6),
        "above what is proven",
    ),
    "an understated cost": (_cheaper, "the plan costs"),
    "a plan that breaks a rule": (
        lambda: replace(PLAN, placements=PLAN.placements[1:]),
        "decided 0 times",
    ),
    "no certificate": (lambda: replace(PLAN, certificate=None), "there is none"),
    "a plan for another problem": (
        lambda: replace(PLAN, problem_digest="sha256:0"),
        "was made for problem sha256:0",
    ),
}


@pytest.mark.parametrize("saboteur", SABOTEURS)
def test_saboteurs_are_caught(saboteur):
    """Whatever is changed, the checker names it."""
    make, told = SABOTEURS[saboteur]

    assert any(told in one for one in check(SCARCE, make()).faults)


def test_an_honest_plan_passes():
    """Nothing is wrong with the plan that the saboteurs start from; its gap is told."""
    found = check(SCARCE, PLAN)

    assert () == found.faults
    assert PLAN.gap == pytest.approx(found.gap)


def test_what_costs_nothing_has_no_price():
    """Where unfairness costs nothing, or a tenant has no demand, a share has no price."""
    free = replace(SCARCE, assumptions=Assumptions())
    plan = replace(PLAN, problem_digest=free.digest)

    told = "no unfairness to tenant t costs anything"
    assert any(told in one for one in check(free, plan).faults)


def test_a_searched_bound_is_not_mixed_up():
    """A bound that a search proved may be higher; what the prices prove is told apart."""
    best = best_plan(SCARCE)
    certificate = replace(PLAN.certificate, searched_usd=best.objective_usd)
    found = check(SCARCE, replace(best, certificate=certificate))

    assert () == found.faults
    assert found.bound_usd == pytest.approx(PLAN.bound_usd)
    assert found.gap == pytest.approx(PLAN.gap)


def test_no_prices_prove_what_each_job_costs_alone():
    """A certificate without prices is one all the same."""
    free = _certified(capacity=(), limits=(), spreads=(), shares=(), copies=())
    found = check(SCARCE, free)

    assert 0 < found.bound_usd < PLAN.objective_usd
    assert isinstance(PLAN.certificate, Certificate)
