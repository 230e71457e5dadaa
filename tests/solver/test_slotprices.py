"""Prices of jobs in slots: what they prove is a bound, and the checker finds the same."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.solver.instances import slots_problem
from hybridplace.checker import check
from hybridplace.model.certificate import Capacity, CapacityPrice, Certificate, Knapsack, SlotPrice
from hybridplace.model.problem import Problem
from hybridplace.solver import slotprices as module
from hybridplace.solver import solve
from hybridplace.solver.certificate import certificate_of
from hybridplace.solver.compile import compile_instance
from hybridplace.solver.instance import Instance, Ints, Prices
from hybridplace.solver.pricing import reduced, scarcity_usd
from hybridplace.solver.slotclaims import claims_of
from hybridplace.solver.slotfilling import Claims, fill_slots
from hybridplace.solver.slotprices import SlotPrices, _Ascent, price_slots, small_groups
from hybridplace.solver.slots import relax_slots
from tests.brute import best_plan, stated
from tests.model.drawing import small_problems
from tests.solver.crowding import crowded_problem
from tests.solver.drawn import drawn_instance
from tests.solver.small import cheapest_usd, small_instance

SEEDS = st.integers(0, 2**32 - 1)
PROBLEMS = small_problems() | st.builds(crowded_problem, st.integers(0, 10**6))


def _lifted(instance: Instance) -> SlotPrices | None:
    return price_slots(instance, relax_slots(instance).prices)


@given(SEEDS, st.integers(2, 3))
@settings(deadline=None, max_examples=60)
def test_no_plan_costs_less(seed: int, slots: int) -> None:
    """Whatever is limited, what is proven is a bound, and more than prices of capacity prove."""
    instance = small_instance(seed, slots=slots, jobs=6)
    prices = relax_slots(instance).prices
    found = price_slots(instance, prices)

    if found is not None:
        assert reduced(instance, prices).bound_usd < found.bound_usd
        assert found.bound_usd <= cheapest_usd(instance) + 1e-9
        assert (found.price >= 0).all()


def _narrow(instance: Instance, others: Prices, groups: Ints) -> Claims:
    """Return claims on knapsacks that have a unit less than there is."""
    claims = claims_of(instance, others, groups)
    return claims._replace(room=np.maximum(claims.room - 1, 0))


def test_knapsacks_without_their_room_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """If slots took less than they can, some bound would be above what plans cost."""
    honest, wrong = 0, 0
    for seed in range(100):
        instance = small_instance(seed, slots=2, jobs=6)
        found, least_usd = _lifted(instance), cheapest_usd(instance)
        honest += found is not None and found.bound_usd > least_usd + 1e-6
        with monkeypatch.context() as changed:
            changed.setattr(module, "claims_of", _narrow)
            found = _lifted(instance)
        wrong += found is not None and found.bound_usd > least_usd + 1e-6

    assert honest == 0 < wrong


@given(SEEDS)
@settings(deadline=None, max_examples=20)
def test_a_slot_is_paid_the_most_it_can_be(seed: int) -> None:
    """No choice of one size per claim pays more, and what is taken is one that pays the most."""
    draw = np.random.default_rng(seed)
    instance = drawn_instance(int(draw.integers(2, 7)), seed, slots=4)
    prices = relax_slots(instance).prices
    groups = np.arange(len(instance.capacity))
    claims = claims_of(instance, prices, groups)
    price = draw.exponential(1.0, int((claims.to_slot - claims.from_slot).sum()))
    rows = int(np.diff(claims.cell_first).max(initial=0)) + 1
    table, slope = np.zeros((rows, int(claims.room.max(initial=0)) + 1)), np.zeros_like(price)
    usd = fill_slots(claims, price, table, slope)

    assert usd == pytest.approx(-float(slope @ price))
    most = 0.0
    for c in range(len(claims.slot)):
        some = claims.cell_claim[claims.cell_first[c] : claims.cell_first[c + 1]].tolist()
        ways = [[-1, *range(claims.size_first[k], claims.size_first[k + 1])] for k in some]
        worth = [price[claims.at[k] + claims.slot[c]] for k in some]
        best = 0.0
        for chosen in product(*ways):
            taken = [(e, usd) for e, usd in zip(chosen, worth, strict=True) if e >= 0]
            if sum(claims.units[e] for e, _ in taken) <= claims.room[c]:
                best = max(best, sum(claims.sizes[e] * usd for e, usd in taken))
        most += best
    assert usd == pytest.approx(most)


def _drawn(problem: Problem, seed: int) -> tuple[float, Certificate] | None:
    """Return the bound of any prices of jobs in slots, and its certificate."""
    instance = compile_instance(problem)
    if instance.slots == 1:
        return None
    draw = np.random.default_rng(seed)
    prices = relax_slots(instance).prices
    own = np.isfinite(instance.capacity[:, 1]).all(axis=1)
    groups = np.flatnonzero(own & (instance.capacity[:, 0] > 0).any(axis=1))
    capacity = prices.capacity.copy()
    capacity[groups, 0] = 0.0
    others = replace(prices, capacity=capacity)
    claims = claims_of(instance, others, groups)
    price = draw.exponential(1.0, int((claims.to_slot - claims.from_slot).sum()))
    price *= draw.random(len(price)) < 0.7
    bound_usd = _Ascent(claims, scarcity_usd(instance, others)).bound(price)
    found = SlotPrices(
        prices=others, groups=groups, claims=claims, price=price, bound_usd=bound_usd
    )
    bound_usd += instance.sunk_usd
    return bound_usd, certificate_of(problem, others, bound_usd, by_slot=found)


def _without_data(problem: Problem) -> Problem:
    return problem.with_jobs(*(replace(job, inputs=(), outputs=()) for job in problem.jobs))


@settings(max_examples=60, deadline=None)
@given(PROBLEMS, SEEDS)
def test_solver_and_checker_agree(problem: Problem, seed: int) -> None:
    """At any prices of jobs in slots the checker finds the same bound, and no plan costs less."""
    problem = _without_data(problem)
    drawn = _drawn(problem, seed)
    if drawn is None:
        return
    bound_usd, certificate = drawn
    left_out = tuple(job.id for job in problem.jobs)
    plan = replace(stated(problem, (), (), left_out), certificate=certificate)
    found = check(problem, replace(plan, bound_usd=min(plan.bound_usd, bound_usd)))

    assert () == tuple(one for one in found.faults if "certificate" in one)
    assert found.bound_usd is not None
    assert math.isclose(bound_usd, found.bound_usd, rel_tol=1e-9, abs_tol=1e-7)
    best_usd = best_plan(problem).objective_usd
    assert bound_usd <= best_usd + 1e-9 * (1 + best_usd)


PROBLEM = slots_problem(100, 48, 2)
PLAN = solve(PROBLEM)


def test_plans_over_time_have_them() -> None:
    """Own pools of few accelerators that have a price are knapsacks, and the proof holds."""
    instance = compile_instance(PROBLEM)
    prices = relax_slots(instance).prices

    assert PLAN.certificate is not None
    assert len(PLAN.certificate.knapsacks) == len(small_groups(instance, prices)) > 0
    assert PLAN.bound_usd > reduced(instance, prices).bound_usd
    assert check(PROBLEM, PLAN).faults == ()


def _first(certificate: Certificate, **changes: object) -> dict[str, tuple[SlotPrice, ...]]:
    prices = certificate.slot_prices
    return {"slot_prices": (replace(prices[0], **changes), *prices[1:])}  # type: ignore[arg-type]


def _dearer(certificate: Certificate) -> dict[str, tuple[SlotPrice, ...]]:
    return {
        "slot_prices": tuple(
            replace(one, prices_usd=tuple(2 * usd + 0.1 for usd in one.prices_usd))
            for one in certificate.slot_prices
        )
    }


def _priced(one: Knapsack) -> CapacityPrice:
    return CapacityPrice(
        pool=one.pool,
        accelerator=one.accelerator,
        capacity=Capacity.ACCELERATORS,
        first_slot=0,
        slots=1,
        price_usd=1.0,
    )


SABOTEURS: dict[str, Callable[[Certificate], dict[str, Any]]] = {
    "dearer jobs": _dearer,
    "no prices": lambda c: {"slot_prices": ()},
    "a job twice": lambda c: {"slot_prices": (*c.slot_prices, c.slot_prices[0])},
    "a job that is not there": lambda c: _first(c, job="nobody"),
    "a pool that is no knapsack": lambda c: _first(c, pool="nowhere"),
    "below 0": lambda c: _first(c, prices_usd=(-1.0,)),
    "no number": lambda c: _first(c, prices_usd=(math.nan,)),
    "after the horizon": lambda c: _first(c, first_slot=47, prices_usd=(1.0, 1.0)),
    "sizes that fall": lambda c: _first(c, accelerators=(2.0, 1.0)),
    "no sizes counted": lambda c: _first(c, accelerators=(0.0,)),
    "a knapsack with a price": lambda c: {"capacity": (*c.capacity, _priced(c.knapsacks[0]))},
    "a knapsack of a quota": lambda c: {"knapsacks": (Knapsack(pool=PROBLEM.pools[-1].id),)},
    "no knapsack": lambda c: {"knapsacks": ()},
}


@pytest.mark.parametrize("name", SABOTEURS)
def test_a_wrong_certificate_is_seen(name: str) -> None:
    """The checker tells each saboteur."""
    assert PLAN.certificate is not None
    changed = replace(PLAN.certificate, **SABOTEURS[name](PLAN.certificate))

    assert check(PROBLEM, replace(PLAN, certificate=changed)).faults != ()
