"""First come, cheapest: right about room and order, and not clever."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.solver.firstcome import first_come
from hybridplace.solver.state import State
from tests.solver.drawn import POOLS, drawn_instance


@pytest.mark.parametrize("slots", [1, 24])
def test_no_row_is_exceeded(slots):
    """What is placed fits, counted afresh."""
    instance = drawn_instance(200, 1, slots=slots, limits=2)
    state = State(instance)
    state.load(first_come(instance))

    assert (state.room >= 0).all()
    assert not state.breaks_limits()


def test_whoever_comes_first_takes_its_cheapest():
    """The first job goes where it would go alone; a later one never displaces it."""
    instance = drawn_instance(300, 2)
    rows = instance.options.of(0)
    alone = int(rows.start + instance.options.cost_usd[rows].argmin())

    assert first_come(instance).option[0] == alone


def test_each_took_the_cheapest_of_what_the_earlier_left():
    """Replayed job by job, nothing cheaper had room."""
    instance = drawn_instance(150, 3)
    choice, state = first_come(instance), State(instance)
    for job, option in enumerate(choice.option.tolist()):
        rows = np.arange(*instance.options.first[job : job + 2])
        fits = state.fits(rows, np.zeros(len(rows), dtype=np.int64))
        cheapest = instance.options.cost_usd[rows][fits].min(initial=np.inf)
        if option < 0:
            assert cheapest >= instance.jobs.reject_usd[job]
            continue
        assert instance.options.cost_usd[option] == cheapest
        state.place(option, 0)


def test_a_job_without_room_waits():
    """With own nodes alone, some start after they arrive, and none before."""
    instance = drawn_instance(400, 4, slots=24)
    options = instance.options
    own = (options.group >= 0) & (options.group < POOLS)
    latest = np.where(own, options.latest, options.earliest - 1)
    choice = first_come(replace(instance, options=replace(options, latest=latest)))
    placed = choice.option >= 0
    waits = choice.start[placed] - options.earliest[choice.option[placed]]

    assert (waits >= 0).all()
    assert (waits > 0).any()
