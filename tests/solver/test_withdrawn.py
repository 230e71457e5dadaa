"""What changes of a supply: the same as if it had been looked at anew."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest

from benchmarks.solver.instances import static_problem, varying_problem
from hybridplace.model.problem import Problem
from hybridplace.solver.supply import Supply, supply_of
from hybridplace.solver.withdrawn import repriced


def _same(one: Any, other: Any) -> bool:
    """Tell whether all of two tables is the same."""
    if is_dataclass(one):
        return all(_same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def _looked_at(problem: Problem) -> Supply:
    """Return a supply that has ranked its offers for all hardware that jobs ask for."""
    supply = supply_of(problem)
    for job in problem.jobs:
        for shape in job.shapes:
            for by_site in (False, True):
                supply.worth_of((shape.accelerator, shape.architectures), by_site=by_site)
    return supply


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("make", [static_problem, lambda n, seed: varying_problem(n, 6, seed)])
def test_a_repriced_supply_is_that_of_the_new_problem(make, seed: int) -> None:
    """Prices rise, fall and go, offers are sold out and come back: tables and ranks agree."""
    problem, draw = make(20, seed), np.random.default_rng(seed)
    supply = _looked_at(problem)
    for row in draw.integers(len(problem.offers), size=6).tolist():
        offers, usd_h = list(problem.offers), problem.offers[row].price_usd_h or 1.0
        price_usd_h = None if draw.random() < 0.2 else usd_h * float(draw.choice((0.1, 1.0, 4.0)))
        available = bool(draw.random() < 0.7)
        offers[row] = replace(offers[row], price_usd_h=price_usd_h, available=available)
        problem = replace(problem, offers=tuple(offers))
        supply, anew = repriced(supply, problem, row), _looked_at(problem)
        assert _same(supply.offers, anew.offers)
        for (hardware, by_site), expected in anew.worth.items():
            if hardware is not None:
                supply.worth_of(hardware, by_site=by_site)
            found = supply.worth[hardware, by_site]
            assert [one.tolist() for one in found] == [one.tolist() for one in expected]
