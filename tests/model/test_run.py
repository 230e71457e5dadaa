"""How jobs run: each formula against numbers computed by hand, limits, and a simulation."""

from __future__ import annotations

import math
import random
import statistics
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hybridplace.model.job import Checkpoint, Inference, Preprocessing, Training, Tuning
from hybridplace.model.problem import Assumptions, Problem
from hybridplace.model.run import (
    Run,
    expected_h,
    first_slot,
    interruptions_per_h,
    machines_for,
    run_of,
    slot_count,
    work_h,
    workers_per_machine,
)
from tests.problems import BOUGHT, ONE_GPU, OWNED, PLAIN, SPOT, TRAIN

WIDE = replace(PLAIN, horizon_h=1000.0)
GANG = replace(ONE_GPU, workers=4)


def _run(problem: Problem, **job: object) -> Run:
    """The run of the training job, so changed, on the spot offer from 0 h."""
    changed = replace(TRAIN, **job)  # type: ignore[arg-type]
    run = run_of(problem, changed, SPOT, changed.shapes[0], 0.0)
    assert run is not None
    return run


# --- machines -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"accelerators": 1.0}, 2),
        ({"accelerators": 0.25}, 4),
        ({"accelerators": 0.25, "cpus": 1.0, "memory_gib": 1.0}, 8),
        ({"accelerators": 2.0, "cpus": 9.0}, 1),
        ({"accelerators": 4.0}, 0),
        ({"accelerators": 1.0, "memory_gib": 64.1}, 0),
        ({"accelerator": "H100"}, 0),
        ({"architectures": ("arm64",)}, 0),
        ({"architectures": ("arm64", "x86_64")}, 2),
        ({"accelerator": None, "accelerators": 0.0}, 4),
        ({"accelerator": None, "accelerators": 0.0, "cpus": 0.1, "memory_gib": 0.1}, 160),
    ],
)
def test_the_scarcest_part_bounds_workers_per_machine(
    changes: dict[str, object], expected: int
) -> None:
    """A machine of 2 accelerators, 16 CPUs and 64 GiB holds the least of the three quotients."""
    shape = replace(ONE_GPU, **changes)  # type: ignore[arg-type]

    assert expected == workers_per_machine(shape, OWNED)


def test_bought_machines_are_paid_whole() -> None:
    """Three workers of which two fit into a machine pay for two machines."""
    half = replace(ONE_GPU, accelerators=0.5)

    assert 2 == machines_for(3, half, BOUGHT)
    assert 0 == machines_for(0, half, BOUGHT)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({"accelerators": 0.5}, 3 / 4), ({"cpus": 12.0}, 9 / 4), ({"memory_gib": 40.0}, 15 / 8)],
)
def test_own_nodes_are_paid_by_the_largest_share(
    changes: dict[str, object], expected: float
) -> None:
    """Three workers take the largest of their shares of accelerators, CPUs and memory."""
    shape = replace(ONE_GPU, **changes)  # type: ignore[arg-type]

    assert expected == pytest.approx(machines_for(3, shape, OWNED))


# --- hours --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("work", "workers", "expected"),
    [
        (Training(units=8.0, efficiency=0.5), 1, 4.0),
        (Training(units=8.0, efficiency=0.5), 4, 2.0),
        (Training(units=8.0), 4, 1.0),
        (Preprocessing(data_gib=6.0), 3, 1.0),
        (Tuning(runs=5), 2, 1.5),
        (Tuning(runs=4), 2, 1.0),
        (Inference(load_rps=(1.0,), hours=7.0), 1, 7.0),
    ],
)
def test_work_h(work: object, workers: int, expected: float) -> None:
    """Hours of work of a shape that does 2 units an hour per worker, by hand."""
    shape = replace(ONE_GPU, units_h=2.0, workers=workers)

    assert expected == work_h(replace(TRAIN, work=work), shape)  # type: ignore[arg-type]


def test_expected_h_without_interruptions_is_work_and_checkpoints() -> None:
    """Ten hours saved every half hour for 0.02 h last 10.4 h."""
    assert pytest.approx(10.4) == expected_h(10.0, 0.5, 0.02, 0.3, 0.0)


def test_expected_h_by_hand() -> None:
    """W 10, tau 2, delta 0.1, R 0.5 and lambda 0.2: 5 x e^0.1 / 0.2 x (e^0.42 - 1)."""
    by_hand = 5 * 1.1051709180756477 / 0.2 * 0.5219615556186456

    assert pytest.approx(by_hand, rel=1e-12) == expected_h(10.0, 2.0, 0.1, 0.5, 0.2)


hours = st.floats(0.01, 5.0)


@given(hours, hours, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_expected_h_is_continuous_at_no_interruptions(
    work: float, segment: float, write: float, restart: float
) -> None:
    """Ever rarer interruptions approach the time without any."""
    none = expected_h(work, segment, write, restart, 0.0)

    assert pytest.approx(none, rel=1e-6) == expected_h(work, segment, write, restart, 1e-9)


@given(hours, hours, st.floats(0.0, 1.0), st.floats(0.0, 1.0), hours, hours)
def test_expected_h_grows_with_the_rate(
    work: float, segment: float, write: float, restart: float, rate: float, more: float
) -> None:
    """More interruptions never end a job earlier."""
    less = expected_h(work, segment, write, restart, rate)

    assert expected_h(work, segment, write, restart, 0.0) <= less
    assert less <= expected_h(work, segment, write, restart, rate + more)


@pytest.mark.parametrize("rate", [5e-324, 1e-300, 1e-17])
def test_expected_h_survives_the_smallest_rates(rate: float) -> None:
    """A rate that rounding loses is as good as none."""
    assert 1.5 == expected_h(1.5, 0.5, 0.0, 0.1, rate)


def test_expected_h_of_the_hopeless_is_infinite() -> None:
    """What never ends does not overflow."""
    assert math.inf == expected_h(1e4, 1e4, 0.0, 0.0, 10.0)


def _simulated_h(
    chance: random.Random, segments: int, segment: float, restart: float, rate: float
) -> float:
    """One run, interruption by interruption, also while it restarts."""
    clock = 0.0
    for _ in range(segments):
        needed = segment
        while (until := chance.expovariate(rate)) < needed:
            clock += until
            needed = restart + segment
        clock += needed
    return clock


@pytest.mark.parametrize(
    ("segments", "tau", "write", "restart", "rate"),
    [(8, 0.5, 0.05, 0.2, 0.4), (1, 3.0, 0.0, 0.5, 0.5), (20, 0.2, 0.01, 0.0, 1.0)],
)
def test_expected_h_is_what_a_simulation_finds(
    segments: int, tau: float, write: float, restart: float, rate: float
) -> None:
    """The mean of 20,000 simulated runs lies within four standard errors of the formula."""
    chance = random.Random(7)
    times = [_simulated_h(chance, segments, tau + write, restart, rate) for _ in range(20_000)]
    error = statistics.stdev(times) / math.sqrt(len(times))

    expected = expected_h(segments * tau, tau, write, restart, rate)

    assert abs(statistics.fmean(times) - expected) < 4 * error
    assert 4 * error < 0.05 * expected, "the simulation is sharp enough to tell a wrong formula"


# --- batch runs ---------------------------------------------------------------------------------


def test_interruptions_come_from_the_offer_the_market_and_the_assumption() -> None:
    """An offer's own rate holds; without one, only spot has the assumed rate."""
    unknown = replace(SPOT, interruptions_per_h=None)
    assumed = replace(PLAIN, assumptions=Assumptions(interruptions_per_h=0.3))

    assert 0.1 == interruptions_per_h(assumed, SPOT)
    assert 0.3 == interruptions_per_h(assumed, unknown)
    assert 0.0 == interruptions_per_h(assumed, BOUGHT)
    assert 0.2 == interruptions_per_h(assumed, replace(OWNED, interruptions_per_h=0.2))


def test_a_gang_is_interrupted_as_often_as_all_its_machines() -> None:
    """Four machines at 0.1/h start over together: setup + (e^(0.4 x 0.2) / 0.4) (e^0.8 - 1)."""
    run = _run(WIDE, work=Training(units=8.0), shapes=(GANG,), setup_h=0.2)

    actual_h = 0.2 + math.exp(0.4 * 0.2) / 0.4 * math.expm1(0.4 * 2.0)
    assert pytest.approx(actual_h) == run.end_h
    assert 4 == run.machines
    assert (4,) * 4 == run.workers
    assert pytest.approx(4 * 2.2) == run.planned_machine_h
    assert pytest.approx(4 * (actual_h - 2.2)) == run.lost_machine_h
    assert pytest.approx(4 * actual_h) == run.worker_h


def test_workers_on_one_machine_are_interrupted_together() -> None:
    """Four workers on one machine have the rate of one."""
    big = replace(SPOT, accelerators=4, cpus=64, memory_gib=256)
    job = replace(TRAIN, work=Training(units=8.0), shapes=(GANG,))

    run = run_of(WIDE, job, big, GANG, 0.0)

    assert run is not None
    assert 1 == run.machines
    assert pytest.approx(math.expm1(0.1 * 2.0) / 0.1) == run.end_h


def test_checkpoints_save_work_and_cost_time() -> None:
    """Saved every 0.5 h for 0.05 h, resumed in setup + 0.1 h; the writes are planned time."""
    checkpoint = Checkpoint(interval_h=0.5, write_h=0.05, restart_h=0.1)

    run = _run(WIDE, work=Training(units=4.0), setup_h=0.2, checkpoint=checkpoint)

    assert pytest.approx(0.2 + 4.4) == run.planned_machine_h
    actual_h = 0.2 + expected_h(4.0, 0.5, 0.05, 0.2 + 0.1, 0.1)
    assert pytest.approx(actual_h) == run.end_h


def test_a_checkpoint_is_at_most_as_far_off_as_the_end() -> None:
    """A job shorter than its interval is saved once, at its end."""
    checkpoint = Checkpoint(interval_h=10.0, write_h=0.05)

    run = _run(WIDE, work=Training(units=2.0), checkpoint=checkpoint)

    assert pytest.approx(2.05) == run.planned_machine_h


def test_a_tuning_run_that_is_lost_costs_itself_only() -> None:
    """Six runs, two at a time: three runs of 1/2 h in turn, each at the rate of one machine."""
    shape = replace(ONE_GPU, workers=2, units_h=2.0)

    run = _run(WIDE, work=Tuning(runs=6), shapes=(shape,))

    assert pytest.approx(3 * math.expm1(0.1 * 0.5) / 0.1) == run.end_h
    assert pytest.approx(2 * 1.5) == run.planned_machine_h


@given(st.floats(0.0, 3.0), st.floats(0.1, 20.0), st.integers(1, 5), st.integers(0, 4))
def test_a_run_is_consistent(rate: float, units: float, workers: int, start: int) -> None:
    """Lost hours are not negative, slots cover the run, and all hours are machine-hours."""
    offer = replace(SPOT, interruptions_per_h=rate)
    shape = replace(ONE_GPU, workers=workers)
    run = run_of(WIDE, replace(TRAIN, work=Training(units=units)), offer, shape, float(start))
    assume(run is not None)
    assert run is not None

    assert run.lost_machine_h >= 0.0
    total_h = run.planned_machine_h + run.lost_machine_h
    assert pytest.approx(workers * (run.end_h - start)) == total_h
    assert len(run.workers) - 1 <= run.end_h - start + 1e-5
    assert run.end_h - start <= len(run.workers) + 1e-5


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"shapes": (replace(ONE_GPU, cpus=17.0),)}, "too big"),
        ({"work": Training(units=4.1)}, "longer than the horizon"),
        ({"work": Training(units=4.0)}, "longer with interruptions"),
        ({"work": Training(units=1e9)}, "endless with interruptions"),
        ({"work": Inference(load_rps=(1 / 3600,), hours=4.1)}, "serves beyond the horizon"),
        (
            {"work": Inference(load_rps=(2 / 3600,), hours=2.0, max_replicas=1)},
            "more replicas than allowed",
        ),
    ],
)
def test_an_offer_that_cannot_hold_a_job_has_no_run(changes: dict[str, object], why: str) -> None:
    """What cannot end within the horizon of 4 h, or not run at all, is None."""
    job = replace(TRAIN, **changes)  # type: ignore[arg-type]

    assert run_of(PLAIN, job, SPOT, job.shapes[0], 0.0) is None, why


# --- slots --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("slot_h", "start_h", "end_h", "first", "count"),
    [
        (1.0, 0.0, 1.0, 0, 1),
        (1.0, 0.0, 1.01, 0, 2),
        (0.5, 1.5, 2.6, 3, 3),
        (2.0, 2.0, 3.0, 1, 1),
        (0.1, 0.1 + 0.2, 0.6, 3, 3),
        (1.0, 1.0, 1.0, 1, 1),
    ],
)
def test_slots_are_booked_whole(
    slot_h: float, start_h: float, end_h: float, first: int, count: int
) -> None:
    """Every slot that a run touches is booked, and rounding books no further one."""
    problem = replace(PLAIN, slot_h=slot_h)

    assert first == first_slot(problem, start_h)
    assert count == slot_count(problem, start_h, end_h)


def test_owned_machines_do_not_stop_by_themselves() -> None:
    """A job on own nodes loses nothing, and is billed for its share of the largest node."""
    run = run_of(PLAIN, TRAIN, OWNED, ONE_GPU, 1.0)

    assert run is not None
    assert 3.0 == run.end_h
    assert 0.5 * 2.0 == run.planned_machine_h
    assert 0.0 == run.lost_machine_h
