"""Limits are held by moves: what is overdrawn is moved back, or nothing has happened."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridplace.solver.ejection import Ask, Ejection
from hybridplace.solver.instance import Instance
from hybridplace.solver.pairs import near_pairs
from hybridplace.solver.pricing import no_prices
from hybridplace.solver.repair import hold_limits, overdraw
from hybridplace.solver.rounding import refill
from hybridplace.solver.state import State
from tests.solver.drawn import drawn_instance


def _budgeted(seed: int, jobs: int, part: float) -> tuple[Instance, Ejection]:
    """Return jobs of which each third has a budget: a part of what its cheapest options cost."""
    drawn = drawn_instance(jobs, seed)
    options = drawn.options
    owner = np.arange(jobs) % 3
    least = np.minimum.reduceat(options.cost_usd, options.first[:-1])
    instance = replace(
        drawn,
        options=replace(
            options,
            limit=owner[options.job][:, None].astype(np.int32),
            limit_use=options.cost_usd[:, None],
        ),
        at_most=part * np.bincount(owner, least),
    )
    state = State(instance)
    return instance, Ejection(state, near_pairs(state, no_prices(instance), near=9.0, most=20))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_an_overdraft_is_made_good_or_undone(seed):
    """Afterwards every row holds; the cost fell by what is told, or nothing has changed."""
    _, chains = _budgeted(seed, 40, 1.3)
    state = chains.state
    refill(state, state.tariff)
    for job in range(40):
        before, rows = state.total_usd(), (state.room.copy(), state.limit_room.copy())
        choice = state.choice()
        saved = overdraw(chains, job, 1)
        assert not state.breaks_limits()
        assert (state.room[0] >= 0).all()
        assert (state.limit_floor == 0).all()
        assert state.total_usd() == pytest.approx(before - saved)
        if saved == 0:
            assert (state.option == choice.option).all()
            np.testing.assert_allclose(state.room, rows[0])
            np.testing.assert_allclose(state.limit_room, rows[1])


def test_overdrafts_place_whom_budgets_left_out():
    """With budgets that suffice only if some move on, more jobs are placed than one by one."""
    fewer = []
    for seed in range(4):
        _, chains = _budgeted(seed, 60, 3.0)
        state = chains.state
        refill(state, state.tariff)
        out = np.flatnonzero(state.option < 0)
        for job in out.tolist():
            overdraw(chains, job, 1)
        fewer.append(len(out) - int((state.option < 0).sum()))
    assert min(fewer) >= 0
    assert sum(fewer) > 0


def test_moves_within_a_budget_cost_the_least_per_unit():
    """A limit that the cheapest options exceed a little is held again, at a small cost."""
    instance, chains = _budgeted(1, 60, 1.0)
    state = chains.state
    state.limit_floor[:] = -np.inf
    refill(state, state.tariff)
    state.limit_floor[:] = 0.0
    used = instance.at_most - state.limit_room[:-1]
    state.limit_room[:-1] = -0.02 * used
    before = state.total_usd()
    more = hold_limits(chains, Ask(np.inf, 1, frozenset()), 100)
    assert more is not None
    assert not state.breaks_limits()
    assert state.total_usd() == pytest.approx(before + more)


def test_a_budget_that_is_too_small_is_told():
    """Where holding the limits costs more than may be paid, None is returned."""
    _, chains = _budgeted(1, 60, 0.5)
    state = chains.state
    state.limit_floor[:] = -np.inf
    refill(state, state.tariff)
    state.limit_floor[:] = 0.0
    assert state.breaks_limits()
    assert hold_limits(chains, Ask(0.0, 1, frozenset()), 100) is None
