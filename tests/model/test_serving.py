"""How inference runs: replicas follow the load of the hour of the day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from hybridplace.model.job import Inference
from hybridplace.model.problem import Problem
from hybridplace.model.run import Run, load_workers, run_of
from hybridplace.model.site import Offer
from tests.problems import ONE_GPU, OWNED, PLAIN, SPOT, TRAIN

BY_HOUR = tuple(float(hour) / 3600 for hour in range(24))
"""As many replicas as the hour of the day, for a worker that answers one request an hour."""


def _serve(work: Inference, setup_h: float = 0.0, offer: Offer = SPOT) -> Run:
    run = run_of(PLAIN, replace(TRAIN, work=work, setup_h=setup_h), offer, ONE_GPU, 0.0)
    assert run is not None
    return run


def _at(now: datetime, slot_h: float) -> Problem:
    return replace(PLAIN, now=now, slot_h=slot_h)


@pytest.mark.parametrize(
    ("now", "slot_h", "slot", "expected"),
    [
        (datetime(2026, 1, 5, 6, tzinfo=UTC), 1.0, 0, 6),
        (datetime(2026, 1, 5, 6, tzinfo=UTC), 1.0, 3, 9),
        (datetime(2026, 1, 5, 6, tzinfo=UTC), 0.5, 1, 6),
        (datetime(2026, 1, 5, 6, tzinfo=UTC), 0.5, 2, 7),
        (datetime(2026, 1, 5, 6, tzinfo=UTC), 2.0, 0, 7),
        (datetime(2026, 1, 5, 6, 30, tzinfo=UTC), 1.0, 0, 7),
        (datetime(2026, 1, 5, 6, 30, 1, tzinfo=UTC), 0.5, 0, 7),
        (datetime(2026, 1, 5, 23, 30, tzinfo=UTC), 1.0, 0, 23),
        (datetime(2026, 1, 5, 23, 30, tzinfo=UTC), 1.0, 1, 1),
        (datetime(2026, 1, 5, 20, tzinfo=UTC), 6.0, 0, 23),
        (datetime(2026, 1, 5, 6, tzinfo=timezone(timedelta(hours=2))), 1.0, 0, 4),
    ],
)
def test_load_follows_the_hour_of_the_day_in_utc(
    now: datetime, slot_h: float, slot: int, expected: int
) -> None:
    """A slot has the highest load of the hours it touches, over midnight and in any time zone."""
    work = Inference(load_rps=BY_HOUR, hours=1.0)

    assert expected == load_workers(_at(now, slot_h), work, ONE_GPU, slot)


@pytest.mark.parametrize(("load_h", "expected"), [(0.0, 0), (2.0, 1), (2.1, 2), (0.6 / 0.1, 3)])
def test_load_is_rounded_up_to_whole_replicas(load_h: float, expected: int) -> None:
    """Replicas that answer 2 requests an hour; a sum's last digit asks for no further one."""
    work = Inference(load_rps=(load_h / 3600,), hours=1.0)

    assert expected == load_workers(PLAIN, work, replace(ONE_GPU, units_h=2.0), 5)


def test_a_serving_run_by_hand() -> None:
    """From 6:30, 2 h with 7, 8 replicas in slots of an hour, two to a machine, at least 8.

    4 machines serve for 2 h and each is set up once more (0.25 h); interruptions (0.1/h per
    machine-hour) cost another setup each.
    """
    big = replace(SPOT, accelerators=2, cpus=8, memory_gib=32)
    work = Inference(load_rps=BY_HOUR, hours=2.0, min_replicas=8, max_replicas=8)
    job = replace(TRAIN, work=work, setup_h=0.25)

    run = run_of(PLAIN, job, big, ONE_GPU, 0.0)

    assert run is not None
    assert (8, 8) == run.workers
    assert 4 == run.machines
    assert 2.0 == run.end_h
    assert pytest.approx(4 * 2 + 4 * 0.25) == run.planned_machine_h
    assert pytest.approx(4 * 2 * 0.1 * 0.25) == run.lost_machine_h
    assert pytest.approx(16 * (1 + 0.1 * 0.25) + 8 * 0.25) == run.worker_h


def test_own_nodes_scale_with_the_hours() -> None:
    """1.5 h from 6:30: 7 replicas for an hour, 8 for the half hour that is left."""
    large = replace(OWNED, cpus=64, memory_gib=256, accelerators=16)
    run = _serve(Inference(load_rps=BY_HOUR, hours=1.5), offer=large)

    assert (7, 8) == run.workers
    assert pytest.approx((7 + 8 / 2) / 16) == run.planned_machine_h
    assert pytest.approx(7 + 8 / 2) == run.worker_h


def test_bought_machines_are_held_at_the_peak() -> None:
    """What is rented for the busiest hour is rented, and paid, for all of them."""
    run = _serve(Inference(load_rps=BY_HOUR, hours=1.5))

    assert (8, 8) == run.workers
    assert 8 == run.machines
    assert pytest.approx(8 * 1.5) == run.planned_machine_h == run.worker_h


def test_serving_nobody_uses_nothing() -> None:
    """Without load and without a minimum there is no machine."""
    run = _serve(Inference(load_rps=(0.0,), hours=2.0, min_replicas=0), setup_h=0.25)

    assert (0, 0) == run.workers
    assert 0 == run.machines
    assert 0.0 == run.planned_machine_h + run.lost_machine_h + run.worker_h
