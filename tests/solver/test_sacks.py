"""Prices of whole jobs that are held: what is maintained is what filling anew finds."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridplace.solver.sacks import Sacks, parts_of

GROUPS = np.array([0, 2])
CAPACITY = np.array([5.0, 9.0, 3.5])


def drawn_jobs(most):
    """Return lists of jobs: options of group, accelerators, cost, and what they cost elsewhere."""
    option = st.tuples(
        st.sampled_from(GROUPS.tolist()),
        st.sampled_from([0.5, 1.0, 2.0, 3.0]),
        st.integers(0, 40).map(float),
    )
    job = st.tuples(st.lists(option, min_size=1, max_size=3), st.integers(0, 60).map(float))
    return st.lists(job, min_size=1, max_size=most)


def most_worth_usd(jobs, job_usd, group, room):
    """Return the most that jobs gain in a group, by exhaustive search."""
    choices = [
        [(0.0, 0.0)] + [(use, usd - cost) for at, use, cost in options if at == group]
        for (options, _), usd in zip(jobs, job_usd, strict=True)
    ]
    return max(
        sum(worth for _, worth in chosen)
        for chosen in product(*choices)
        if sum(use for use, _ in chosen) <= room + 1e-9
    )


def bound_usd(jobs, job_usd, capacity):
    """Return what prices of jobs prove, by exhaustive search."""
    worth = sum(most_worth_usd(jobs, job_usd, g, capacity[g]) for g in GROUPS.tolist())
    return sum(job_usd) - worth


def priced(sacks, jobs):
    """Let jobs come one by one; return their prices."""
    found = []
    for number, (options, elsewhere_usd) in enumerate(jobs):
        group, use, cost = (np.array(column) for column in zip(*options, strict=True))
        parts = parts_of(np.full(len(use), number), np.arange(len(use)), use, -cost)
        found.append(sacks.price(parts, group, elsewhere_usd))
    return found


def left(sacks, jobs, job_usd, number):
    """Let a job leave."""
    group, use, cost = (np.array(column) for column in zip(*jobs[number][0], strict=True))
    gains = np.flatnonzero(job_usd[number] > cost)
    parts = parts_of(np.full(len(gains), number), gains, use[gains], job_usd[number] - cost[gains])
    sacks.drop(parts, group[gains])


@given(jobs=drawn_jobs(5))
@settings(max_examples=60, deadline=None)
def test_what_new_jobs_prove_is_what_filling_anew_proves(jobs) -> None:
    """Prices of jobs that come one by one prove what exhaustive search says."""
    sacks = Sacks(GROUPS, CAPACITY)
    job_usd = priced(sacks, jobs)

    told_usd = sum(job_usd) - sacks.worth_usd
    assert told_usd == pytest.approx(bound_usd(jobs, job_usd, CAPACITY), abs=1e-9)


@given(jobs=drawn_jobs(4))
@settings(max_examples=30, deadline=None)
def test_no_other_price_of_a_new_job_proves_more(jobs) -> None:
    """At whatever price of a new job, up to what it costs elsewhere, the bound is no higher."""
    sacks = Sacks(GROUPS, CAPACITY)
    job_usd = priced(sacks, jobs)
    best_usd = sum(job_usd) - sacks.worth_usd
    for usd in np.linspace(0.0, jobs[-1][1], 25).tolist():
        assert bound_usd(jobs, [*job_usd[:-1], usd], CAPACITY) <= best_usd + 1e-9


@given(jobs=drawn_jobs(5), gone=st.sets(st.integers(0, 4), max_size=3), smaller=st.booleans())
@settings(max_examples=60, deadline=None)
def test_who_leaves_is_not_counted(jobs, gone, smaller) -> None:
    """After jobs have left, the bound holds; once all is settled it is that without them."""
    sacks, capacity = Sacks(GROUPS, CAPACITY), CAPACITY.copy()
    job_usd = priced(sacks, jobs)
    gone &= set(range(len(jobs)))
    for number in sorted(gone):
        left(sacks, jobs, job_usd, number)
    if smaller:
        capacity[0] -= 2.0
        sacks.resize(0, 3.0)
    some = [number for number in range(len(jobs)) if number not in gone]
    exact_usd = bound_usd([jobs[k] for k in some], [job_usd[k] for k in some], capacity)
    told_usd = sum(job_usd[k] for k in some) - sacks.worth_usd
    assert told_usd <= exact_usd + 1e-9

    sacks.settle()
    told_usd = sum(job_usd[k] for k in some) - sacks.worth_usd
    assert told_usd == pytest.approx(exact_usd, abs=1e-9)


def test_a_size_that_units_do_not_divide_is_counted_in_full() -> None:
    """Half an accelerator comes after whole ones: what is left of the room is worth its part."""
    jobs = [([(2, 2.0, 1.0)], 20.0), ([(2, 1.0, 1.0)], 20.0), ([(2, 0.5, 1.0)], 20.0)]
    sacks = Sacks(GROUPS, CAPACITY)
    job_usd = priced(sacks, jobs)

    assert sacks.worth_usd == pytest.approx(most_worth_usd(jobs, job_usd, 2, 3.5))
