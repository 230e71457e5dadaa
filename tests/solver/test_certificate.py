"""Certificates: what the solver says that prices prove is what the checker finds they prove."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridplace.checker import check
from hybridplace.model.certificate import Capacity, Certificate
from hybridplace.model.problem import Problem
from hybridplace.solver.certificate import certificate_of
from hybridplace.solver.compile import compile_instance
from hybridplace.solver.copies import charges, unclaimed_usd
from hybridplace.solver.groups import groups_of
from hybridplace.solver.instance import Instance, Prices
from hybridplace.solver.pricing import reduced
from tests.brute import stated
from tests.model.drawing import small_problems
from tests.solver.crowding import crowded_problem


def _drawn(instance: Instance, seed: int) -> Prices:
    """Draw prices of everything, about half of them 0."""
    draw = np.random.default_rng(seed)

    def some(*shape: int) -> np.ndarray:
        return draw.exponential(1.0, shape) * (draw.random(shape) < 0.5)

    data = instance.data
    reads = None if data is None else (len(data.reads), data.fee_usd.shape[1])
    return Prices(
        capacity=np.where(np.isfinite(instance.capacity), some(*instance.capacity.shape), 0.0),
        limit=some(len(instance.at_most)) / 10,
        share=some(int(instance.jobs.tenant.max()) + 1) * 4,
        copy=None if reads is None else some(*reads),
        edge=None if reads is None else some(*reads),
    )


def _bound_usd(instance: Instance, prices: Prices) -> float:
    """Return the value of the Lagrangian as the solver's stages compute it."""
    if instance.data is None:
        return reduced(instance, prices).bound_usd + instance.sunk_usd
    options = instance.options
    usd = charges(instance, prices)[options.job, options.site]
    data_usd = unclaimed_usd(instance, prices) + instance.sunk_usd
    return reduced(instance, prices, usd).bound_usd + data_usd


def _checked(problem: Problem, certificate: Certificate) -> tuple[float | None, tuple[str, ...]]:
    left_out = tuple(job.id for job in problem.jobs)
    plan = replace(stated(problem, (), (), left_out), certificate=certificate)
    found = check(problem, replace(plan, bound_usd=min(plan.bound_usd, certificate.bound_usd)))
    return found.bound_usd, tuple(one for one in found.faults if "certificate" in one)


@settings(max_examples=150)
@given(small_problems() | st.builds(crowded_problem, st.integers(0, 10**6)), st.integers(0, 10**6))
def test_solver_and_checker_agree(problem, seed):
    """At any prices, bounds over undominated options and over all pairs are the same."""
    instance = compile_instance(problem)
    prices = _drawn(instance, seed)
    bound_usd = _bound_usd(instance, prices)
    found_usd, faults = _checked(problem, certificate_of(problem, prices, bound_usd))

    assert () == faults
    assert math.isclose(bound_usd, found_usd, rel_tol=1e-9, abs_tol=1e-7)


def test_equal_prices_are_written_once():
    """Slots that follow each other with one price are one entry; what is free has none."""
    problem = crowded_problem(1)
    quota = next(pool.id for pool in problem.pools if pool.measure)
    instance = compile_instance(problem)
    capacity = np.zeros(instance.capacity.shape)
    capacity[groups_of(problem).index((quota, "")), 0, :3] = (2.0, 2.0, 0.5)
    prices = replace(_drawn(instance, 0), capacity=capacity, copy=None, edge=None)
    found = certificate_of(problem, prices, 0.0).capacity

    assert [(0, 2, 2.0), (2, 1, 0.5)] == [(p.first_slot, p.slots, p.price_usd) for p in found]
    assert {(quota, None, Capacity.QUOTA)} == {(p.pool, p.accelerator, p.capacity) for p in found}


@pytest.mark.parametrize("factor", [0.5, 1.5, 2.0])
def test_a_changed_price_is_seen(factor):
    """The bound is held to the very prices: with others it is another."""
    problem = crowded_problem(3)
    instance = compile_instance(problem)
    prices = _drawn(instance, 3)
    honest = certificate_of(problem, prices, _bound_usd(instance, prices))
    wrong = replace(prices, capacity=prices.capacity * factor)
    lying = replace(certificate_of(problem, wrong, 0.0), bound_usd=honest.bound_usd)

    assert () == _checked(problem, honest)[1]
    assert any("prove a bound" in told for told in _checked(problem, lying)[1])
