"""Walks in machine code: whatever is drawn, rows and nodes hold, and costs are what they are."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.solver.instances import slots_problem, tenants_problem, varying_problem
from hybridplace.solver.berths import berths_of
from hybridplace.solver.compile import compile_instance
from hybridplace.solver.improve import improve
from hybridplace.solver.instance import Instance, Jobs, Options
from hybridplace.solver.moves import full_usd, judged_usd
from hybridplace.solver.pairs import near_pairs
from hybridplace.solver.pricing import no_prices
from hybridplace.solver.recreate import Walk, chosen_of
from hybridplace.solver.rounding import Fractional
from hybridplace.solver.ruin import walk
from hybridplace.solver.seating import seated, seating_of
from hybridplace.solver.slots import relax_slots
from hybridplace.solver.state import State
from hybridplace.solver.static import relax_static
from hybridplace.solver.tabling import table_of
from hybridplace.solver.walking import BEST_PAIRS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def week():
    """Return a problem over time with own nodes, its instance, relaxation and nodes."""
    problem = slots_problem(100, 24, 3)
    instance = compile_instance(problem)
    nodes = seating_of(problem, instance).nodes
    return problem, instance, relax_slots(instance), berths_of(problem, instance, nodes)


def _walk(instance, relaxed, seed):
    state = State(instance, share_usd=relaxed.prices.share)
    pairs = near_pairs(state, relaxed.prices, near=4.0, most=60)
    return state, pairs, Walk(state, pairs, relaxed.prices, relaxed.lp, seed=seed)


def _used(instance, berths, choice, seats):
    """Return what workers use of each node in each slot, added up one by one."""
    options, used = instance.options, np.zeros_like(berths.room)
    parties = berths.parties(np.arange(len(options.job)))
    for job, nodes in seats.items():
        i, start = int(choice.option[job]), int(choice.start[job])
        first = berths.first[options.group[i]]
        for worker, node in enumerate(nodes[:: parties.size[i]].tolist()):
            for since in range(int(options.slots[i])):
                curve = int(options.curve[i])
                share = 1.0 if curve < 0 else options.curves[curve, since]
                if share * parties.workers[i] > worker + 1e-6:
                    used[first + node, start + since] += parties.use[i]
    return used


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_nodes_hold_whatever_is_drawn(week, seed):
    """With nodes in mind, no node is asked for more than it has, and each worker has one."""
    _, instance, relaxed, berths = week
    state, _, walk = _walk(instance, relaxed, seed)
    walk.go(300, 0.5)
    walk.moor(berths)
    walk.go(300, 1.0)
    choice, seats = walk.choice(), walk.seats()
    own = berths.first[1:] > berths.first[:-1]
    placed = np.flatnonzero(choice.option >= 0)
    on_nodes = placed[own[instance.options.group[choice.option[placed]]]]
    assert sorted(seats) == on_nodes.tolist()
    parties = berths.parties(choice.option)
    seated_workers = parties.workers * parties.size
    assert all(len(seats[j]) == seated_workers[j] for j in seats)
    assert (_used(instance, berths, choice, seats) <= berths.room).all()
    state.load(choice)
    assert (state.room >= 0).all()
    assert walk.usd == pytest.approx(state.total_usd())


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31), steps=st.integers(1, 40))
def test_who_sits_on_a_node_is_known(week, seed, steps):
    """Whether a step is kept or undone, each worker is in the list of its node, once."""
    _, instance, relaxed, berths = week
    _, _, mover = _walk(instance, relaxed, seed)
    mover.moor(berths)
    table, plan = mover.table, mover.plan
    for _ in range(steps):
        walk(table, plan, 1, 10, 0.5, 0.5)
        listed = list[int]()
        for node, head in enumerate(plan.sitter.tolist()):
            seat = head
            while seat >= 0:
                assert plan.seat[seat] == node
                listed.append(seat)
                seat = int(plan.next[seat])
        assert len(listed) == len(set(listed))
        assert all(plan.pair[table.sitter[seat]] >= 0 for seat in listed)
        assert (plan.seat[listed] == plan.old_seat[listed]).all()
        assert len(listed) == sum(map(_parties_of, [table] * len(plan.pair), plan.pair.tolist()))


def _parties_of(table, pair):
    group = table.group[pair]
    own = pair >= 0 and table.node_first[group] < table.node_first[group + 1]
    return int(table.workers[table.option[pair]]) if own else 0


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10**6), steps=st.integers(1, 60))
def test_who_runs_in_each_slot_is_known(week, seed, steps):
    """After any steps, whom a slot of a group names are those whose pairs cover it."""
    _, _, relaxed, berths = week
    _, _, walk = _walk(week[1], relaxed, seed)
    walk.moor(berths)
    walk.go(steps, 0.5)
    table, plan = walk.table, walk.plan
    runs = [set[int]() for _ in plan.crowds]
    for job in np.flatnonzero(plan.pair >= 0).tolist():
        begin = int(table.cell[plan.pair[job]])
        for cell in range(begin, begin + int(table.length[plan.pair[job]]) if begin >= 0 else -1):
            runs[cell].add(job)
    for cell, jobs in enumerate(runs):
        at = int(table.crowd_first[cell])
        named = plan.crowd[at : at + int(plan.crowds[cell])].tolist()
        assert sorted(named) == sorted(jobs)


def test_who_wishes_for_a_slot_is_known(week):
    """Whom a slot names as wishing for it have one of their best pairs there, each once."""
    _, pairs, walk = _walk(week[1], week[2], 0)
    table = walk.table
    wishes = [set[int]() for _ in table.wisher_first[1:]]
    for job in range(len(pairs.first) - 1):
        for p in range(pairs.first[job], min(pairs.first[job + 1], pairs.first[job] + BEST_PAIRS)):
            begin = int(table.cell[p])
            for cell in range(begin, begin + int(table.length[p]) if begin >= 0 else -1):
                wishes[cell].add(job)
    named = np.split(table.wisher, table.wisher_first[1:-1])
    assert [sorted(some) for some in wishes] == [some.tolist() for some in named]
    assert any(wishes)


def test_walking_saves(week):
    """A walk ends far below where it began, and nodes cost it little of that."""
    _, instance, relaxed, berths = week
    _, pairs, walk = _walk(instance, relaxed, 0)
    began_usd = walk.usd
    walk.go(20_000, 1.0)
    free_usd = walk.usd
    walk.moor(berths)
    walk.go(20_000, 1.0)
    bound_usd = pairs.bound_usd
    assert free_usd - bound_usd < 0.7 * (began_usd - bound_usd)
    assert walk.usd - bound_usd < 0.8 * (began_usd - bound_usd)


def test_a_plan_is_moored_whatever_the_state_holds(week):
    """A plan that has its nodes keeps them, at its cost, also after others used the state."""
    _, instance, relaxed, berths = week
    state, _, walk = _walk(instance, relaxed, 0)
    walk.go(2_000, 1.0)
    walk.moor(berths)
    choice, usd = walk.choice(), walk.usd
    state.load(choice)
    walk.moor(berths, choice)
    assert walk.usd <= usd + 1e-6


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_known_nodes_are_given(seed):
    """Workers whose nodes are known get accelerators there, however their number varies."""
    problem = varying_problem(60, 48, seed)
    instance = compile_instance(problem)
    berths = berths_of(problem, instance, seating_of(problem, instance).nodes)
    relaxed = relax_slots(instance)
    found = improve(instance, relaxed.prices, relaxed.lp, target_gap=0.0, berths=berths)
    choice, shares = seated(problem, instance, found.choice, relaxed.prices.share, found.seats())
    assert (choice.option == found.choice.option).all()
    assert (choice.start == found.choice.start).all()
    assert set(found.seats()) == set(shares)


def test_workers_keep_their_places_between_two_peaks():
    """A worker has one from the first slot in which it is at work to the last."""
    problem = varying_problem(60, 48, 1)
    instance = compile_instance(problem)
    lull = np.resize([0.25, 1.0, 0.5, 0.75, 0.0], (1, instance.slots))
    curves = np.concatenate([instance.options.curves, lull])
    instance = replace(instance, options=replace(instance.options, curves=curves))
    state, prices = State(instance), no_prices(instance)
    pairs = near_pairs(state, prices, near=4.0, most=60)
    table = table_of(state, pairs, prices, chosen_of(pairs, len(instance.options.job)))
    lulls = 0
    for curve, spell in zip(table.curves, table.spells, strict=True):
        for level in np.unique(curve[curve > 0]):
            at_work = np.flatnonzero(curve >= level)
            kept = np.arange(at_work[0], at_work[-1] + 1)
            assert np.flatnonzero(spell >= level).tolist() == kept.tolist()
            lulls += len(kept) - len(at_work)
    assert lulls


def test_one_seed_is_one_walk(week):
    """Two walks agree to the last bit; another seed walks elsewhere."""
    _, instance, relaxed, _ = week
    ends = []
    for seed in (0, 0, 1):
        _, _, walk = _walk(instance, relaxed, seed)
        walk.go(2_000, 1.0)
        ends.append((walk.choice().option.tobytes(), walk.usd))
    assert ends[0] == ends[1] != ends[2]


def test_no_index_leaves_its_array():
    """Run by Python itself, which checks each index, walks over odd instances end well."""
    script = """
import numpy as np
from tests.solver.test_primal import _lp, _prices
from tests.solver.small import small_instance
from hybridplace.solver import improve as search
search.STEPS = search.STEPS_OVER_TIME = search.STEPS_WITHIN_LIMITS = 200
search.STEPS_OF_JOB = 0
for seed in range(12):
    for slots in (1, 2, 5):
        instance = small_instance(seed, slots=slots, jobs=6)
        draw = np.random.default_rng(seed)
        search.improve(instance, _prices(instance, draw), _lp(instance, draw), target_gap=0.0)
print("walked")
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "walked\n", done.stderr


def test_a_plan_begins_where_nothing_is_known(week):
    """Without any part of any job, each is placed where it costs least."""
    _, instance, relaxed, _ = week
    none = np.zeros(0, dtype=np.int64)
    state = State(instance, share_usd=relaxed.prices.share)
    pairs = near_pairs(state, relaxed.prices, near=4.0, most=60)
    lp = Fractional(option=none, start=none, value=np.zeros(0))
    walk = Walk(state, pairs, relaxed.prices, lp, seed=0)
    assert (walk.choice().option >= 0).mean() > 0.9


@pytest.fixture(scope="module", params=[1, 2, 3])
def bound_by_limits(request):
    """Return an instance with budgets, a cap and a price of unfairness, and its relaxation."""
    instance = compile_instance(tenants_problem(150, request.param))
    return instance, relax_static(instance)


def test_limits_hold_at_last(bound_by_limits):
    """Steps may exceed limits on their way; what is kept does not, and costs what is said."""
    instance, relaxed = bound_by_limits
    best = improve(instance, relaxed.prices, relaxed.lp, target_gap=0.0)
    state = State(instance, share_usd=relaxed.prices.share, limit_usd=relaxed.prices.limit)
    plain = State(instance)
    assert best.choice is not None
    for one in (state, plain):
        one.load(best.choice)
        assert not one.breaks_limits()
        assert one.total_usd() == pytest.approx(best.usd)


def test_steps_are_judged_by_no_more_than_what_a_plan_costs(bound_by_limits):
    """Of a plan that keeps all limits: what is left of them, and of shares, is worth something."""
    instance, relaxed = bound_by_limits
    prices = relaxed.prices
    state = State(instance, share_usd=prices.share, limit_usd=prices.limit)
    pairs = near_pairs(state, prices, near=4.0, most=36)
    walk = Walk(state, pairs, prices, relaxed.lp, seed=0)
    true_usd = full_usd(walk.table, walk.plan)
    walk.go(0, 0.0)
    assert not walk.breaks_limits
    assert judged_usd(walk.table, walk.plan) <= true_usd + 1e-6
    dear = walk.plan._replace(pull=1e6 * walk.plan.pull)
    assert judged_usd(walk.table, dear) <= true_usd + 1e-6
    assert judged_usd(walk.table, dear) == pytest.approx(true_usd, rel=1e-3)
    dear.limit_room[:-1] = -0.01 * instance.at_most
    assert judged_usd(walk.table, dear) > true_usd or not prices.limit.any()


def _plain(first, cost_usd, reject_usd, **options):
    """Return jobs in one slot whose options compete for nothing and count towards one limit."""
    job = np.repeat(np.arange(len(reject_usd), dtype=np.int32), np.diff(first))
    one, none = np.ones(len(job), np.int32), np.zeros(len(job), np.int32)
    return Instance(
        slot_h=1.0,
        slots=1,
        jobs=Jobs(
            reject_usd=reject_usd,
            due_h=np.full(len(reject_usd), np.inf),
            late_usd_h=np.zeros(len(reject_usd)),
            tenant=np.full(len(reject_usd), -1, np.int32),
        ),
        options=Options(
            first=np.array(first),
            job=job,
            offer=np.arange(len(job), dtype=np.int32),
            shape=none,
            cost_usd=cost_usd,
            hours=np.ones(len(job)),
            slots=one,
            earliest=none,
            latest=none,
            group=none - 1,
            use=np.zeros((len(job), 3)),
            curve=none - 1,
            curves=np.ones((0, 1)),
            limit=none[:, None],
            share=np.zeros(len(job)),
            **{"site": none, "limit_use": np.zeros((len(job), 1)), **options},
        ),
        capacity=np.full((1, 3, 1), np.inf),
        at_most=np.array([100.0]),
        same=np.zeros((0, 2), np.int64),
        apart=np.zeros((0, 2), np.int64),
    )


def test_what_a_large_job_leaves_of_a_budget_is_used():
    """Two large jobs do not fit together, so the price is of a part of one: small ones fill up."""
    uses = np.array([90.0, 60.0, *[4.0] * 40])
    reject_usd = 1.0 + np.array([270.0, 174.0, *[8.0] * 40])
    instance = _plain(range(43), np.ones(42), reject_usd, limit_use=uses[:, None])
    relaxed = relax_static(instance)
    assert relaxed.prices.limit[0] * 4.0 > 8.0 + 1.0
    state = State(instance, limit_usd=relaxed.prices.limit)
    pairs = near_pairs(state, relaxed.prices, near=4.0, most=12)
    walk = Walk(state, pairs, relaxed.prices, relaxed.lp, seed=0)
    for _ in range(10):
        walk.go(200, 0.1)
    placed = walk.choice().option >= 0
    assert placed[0]
    assert placed[2:].sum() == 2


@pytest.mark.parametrize("together", [True, False])
def test_jobs_that_are_tied_move_together(together):
    """Neither may leave alone for the site, or exchange it, where both cost less."""
    cost_usd = np.array([9.0, 1.0, 9.0, 1.0] if together else [9.0, 1.0, 1.0, 9.0])
    site, pair = np.array([0, 1, 0, 1], np.int32), np.array([[0, 1]])
    instance = _plain([0, 2, 4], cost_usd, np.array([50.0, 50.0]), site=site)
    instance = replace(instance, **{"same" if together else "apart": pair})
    state, prices = State(instance), no_prices(instance)
    pairs = near_pairs(state, prices, near=9.0, most=12)
    dear = np.array([0, 2]) if together else np.array([0, 3])
    first = Fractional(option=dear, start=np.zeros(2, np.int64), value=np.ones(2))
    walk = Walk(state, pairs, prices, first, seed=0)
    assert walk.usd == 18.0
    walk.go(200, 1.0)
    assert walk.usd == 2.0
