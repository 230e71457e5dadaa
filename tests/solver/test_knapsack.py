"""Prices of jobs: knapsacks are filled best, and others agree on the bound that they prove."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.solver.instances import static_problem
from hybridplace.checker import check
from hybridplace.model.certificate import Capacity, CapacityPrice, JobPrice, Knapsack
from hybridplace.solver import knapsack as module
from hybridplace.solver import solve
from hybridplace.solver.compile import compile_instance
from hybridplace.solver.joint import GOOD_GAP
from hybridplace.solver.knapsack import Sack, _Ascent, lift
from hybridplace.solver.static import relax_static
from tests.brute import best_plan
from tests.solver.drawn import drawn_instance
from tests.solver.test_joint import single


@given(
    st.integers(0, 12),
    st.floats(0, 3),
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 6), st.integers(-3, 9)), min_size=1, max_size=7
    ),
)
def test_a_knapsack_is_filled_best(
    room: int, unit_usd: float, options: list[tuple[int, int, int]]
) -> None:
    """No choice of one option per job is worth more, whatever a unit is thought to be worth."""
    options = sorted(options)
    job, units, worth = (np.array(column) for column in zip(*options, strict=True))
    one = Sack(option=np.arange(len(job)), job=job, units=units, room=room, unit_usd=unit_usd)
    least, most, cost_usd = np.zeros(4), np.full(4, 10.0), 10.0 - worth
    ascent = _Ascent([one], cost_usd, (least, most), rest_usd=0.0)
    usd, _ = ascent.bound(most)
    again, _ = ascent.bound(most)

    jobs = sorted(set(job.tolist()))
    rows = [[-1, *np.flatnonzero(job == name).tolist()] for name in jobs]
    best = 0
    for chosen in product(*rows):
        some = [row for row in chosen if row >= 0]
        if units[some].sum() <= room:
            best = max(best, int(worth[some].sum()))
    assert usd == again == pytest.approx(40.0 - best)


@pytest.mark.parametrize("seed", range(40))
def test_what_it_proves_is_a_bound(seed: int) -> None:
    """No plan of a crowded problem costs less, and it proves no less than prices of capacity."""
    problem = single(seed)
    best = best_plan(problem)
    instance = compile_instance(problem)
    relaxed = relax_static(instance)
    whole = lift(instance, relaxed.prices, best.objective_usd, target_gap=0.0)

    assert whole.bound_usd <= best.objective_usd + 1e-6
    assert whole.bound_usd >= relaxed.bound_usd - 1e-6


def test_a_knapsack_without_its_room_is_caught(monkeypatch) -> None:
    """If groups took less than they can, some bound would be above what plans cost."""
    monkeypatch.setattr(module, "SIZE_TOLERANCE", -1.0)
    wrong = 0
    for seed in range(40):
        problem = single(seed)
        instance = compile_instance(problem)
        best_usd = best_plan(problem).objective_usd
        whole = lift(instance, relax_static(instance).prices, best_usd, target_gap=0.0)
        wrong += whole.bound_usd > best_usd + 1e-6
    assert wrong


@pytest.mark.parametrize("seed", range(3))
def test_it_closes_most_of_the_gap_of_small_plans(seed: int) -> None:
    """A hundred jobs on the catalog are proven to half a per cent and better."""
    plan = solve(static_problem(100, seed))

    assert plan.gap < 0.005
    assert plan.certificate is not None
    # They are not asked for where prices alone are good enough.
    assert plan.certificate.knapsacks or plan.gap <= GOOD_GAP


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_it_is_no_worse_than_what_it_starts_from(seed: int) -> None:
    """On drawn instances the bound is at least that of the prices."""
    instance = drawn_instance(20, seed)
    relaxed = relax_static(instance)
    whole = lift(instance, relaxed.prices, 1.2 * relaxed.bound_usd, target_gap=0.0)

    assert whole.bound_usd >= relaxed.bound_usd * (1 - 1e-9)


PROBLEM = static_problem(100, 1)
PLAN = solve(PROBLEM)


def _dearer(prices: tuple[JobPrice, ...]) -> tuple[JobPrice, ...]:
    return tuple(replace(one, price_usd=one.price_usd + 1.0) for one in prices)


def _priced(one: Knapsack) -> CapacityPrice:
    own = one.accelerator is not None
    return CapacityPrice(
        pool=one.pool,
        accelerator=one.accelerator,
        capacity=Capacity.ACCELERATORS if own else Capacity.QUOTA,
        first_slot=0,
        slots=1,
        price_usd=1.0,
    )


SABOTEURS = {
    "dearer jobs": lambda c: {"jobs": _dearer(c.jobs)},
    "a job for nothing": lambda c: {"jobs": c.jobs[1:]},
    "a job too many": lambda c: {"jobs": (*c.jobs, JobPrice(job="nobody", price_usd=1.0))},
    "a job twice": lambda c: {"jobs": (*c.jobs, c.jobs[0])},
    "a knapsack too many": lambda c: {"knapsacks": (*c.knapsacks, Knapsack(pool="nowhere"))},
    "a knapsack with a price": lambda c: {"capacity": (_priced(c.knapsacks[0]),)},
    "no knapsack": lambda c: {"knapsacks": c.knapsacks[1:]},
}


@pytest.mark.parametrize("name", SABOTEURS)
def test_a_wrong_certificate_is_seen(name: str) -> None:
    """The checker tells each saboteur, and finds nothing in the true certificate."""
    assert PLAN.certificate is not None
    assert check(PROBLEM, PLAN).faults == ()
    changed = replace(PLAN.certificate, **SABOTEURS[name](PLAN.certificate))

    assert check(PROBLEM, replace(PLAN, certificate=changed)).faults
