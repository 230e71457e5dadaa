"""Which pairs are worth a try: a job always has somewhere to go."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.solver.instances import slots_problem, static_problem
from hybridplace.solver.compile import compile_instance
from hybridplace.solver.pairs import near_pairs
from hybridplace.solver.pricing import reduced
from hybridplace.solver.slots import relax_slots
from hybridplace.solver.state import State
from hybridplace.solver.static import relax_static


@pytest.mark.parametrize("one_slot", [True, False])
def test_a_job_keeps_its_last_resort(one_slot):
    """Its cheapest option that competes for nothing stays, however many others are nearer.

    With one slot no dearer one does, if there is such an option; over time all that cost less do.
    """
    instance = compile_instance(static_problem(120, 1) if one_slot else slots_problem(120, 12, 1))
    options = instance.options
    relaxed = relax_static(instance) if one_slot else relax_slots(instance)
    pairs = near_pairs(State(instance), relaxed.prices, near=4.0, most=1)
    usd, seen, more = reduced(instance, relaxed.prices).usd, 0, 0
    for job in range(len(instance.jobs.reject_usd)):
        rows, kept = (
            np.arange(options.first[job], options.first[job + 1]),
            pairs.option[pairs.of(job)],
        )
        free = rows[options.group[rows] < 0]
        if len(free) and usd[free].min() <= instance.jobs.reject_usd[job]:
            assert free[usd[free].argmin()] in kept
            assert len(kept) <= 1 + len(free) or not one_slot
            seen, more = seen + 1, more + len(kept)
    assert seen > 50
    assert (more > 3 * seen) != one_slot
