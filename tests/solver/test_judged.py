"""Quick ways of standing plans: the same figures as the general ones, job by job."""

from __future__ import annotations

import numpy as np

from benchmarks.solver.instances import static_problem
from hybridplace.solver.compile import compile_instance
from hybridplace.solver.judged import judged
from hybridplace.solver.pricing import least_over_starts, no_prices, price_at, tariff_of
from hybridplace.solver.state import State
from hybridplace.solver.static import relax_static


def test_in_one_slot_options_cost_what_exact_pricing_finds() -> None:
    """At prices, outside of knapsacks and at none, each option costs the same in either way."""
    instance = compile_instance(static_problem(60, 1))
    prices, none = relax_static(instance).prices, no_prices(instance)
    dear, free = tariff_of(instance, prices), tariff_of(instance, none)
    found = judged(instance, (dear, prices), (free, none), (free, none))
    usd, start = least_over_starts(dear)

    np.testing.assert_array_equal(found.start, start)
    np.testing.assert_allclose(found.usd, usd, rtol=1e-12)
    np.testing.assert_allclose(found.toll_usd, least_over_starts(free)[0], rtol=1e-12)
    rows = np.arange(len(usd))
    np.testing.assert_allclose(found.free_usd, price_at(free, rows, start), rtol=1e-12)


def test_many_jobs_are_placed_and_removed_as_one_by_one() -> None:
    """Together or one by one: the same rooms, costs and members; removed, all is as it was."""
    instance = compile_instance(static_problem(60, 2))
    options = instance.options
    option = options.first[:-1][np.diff(options.first) > 0].astype(np.int64)
    start = options.earliest[option].astype(np.int64)
    one_by_one, together = State(instance), State(instance)
    empty = together.room.copy(), together.limit_room.copy()
    for i, t in zip(option.tolist(), start.tolist(), strict=True):
        one_by_one.place(i, t)
    together.place_many(option, start, together.costs(option, start))

    assert together.members == one_by_one.members
    np.testing.assert_allclose(together.room, one_by_one.room, atol=1e-9)
    np.testing.assert_allclose(together.limit_room, one_by_one.limit_room, atol=1e-9)
    np.testing.assert_array_equal(together.usd, one_by_one.usd)
    together.remove_many(options.job[option].astype(np.int64))
    assert not any(together.members)
    np.testing.assert_allclose(together.room, empty[0], atol=1e-9)
    np.testing.assert_allclose(together.limit_room, empty[1], atol=1e-9)
