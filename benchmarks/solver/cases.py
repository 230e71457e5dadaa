"""What is measured: the cases, their sizes, and what is promised of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.solver.instances import (
    classes_problem,
    data_problem,
    slots_problem,
    static_problem,
    tenants_problem,
    varying_problem,
)
from hybridplace.model.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """One size of a case, and what is promised there as a median over seeds.

    Parameters
    ----------
    slots : int
        Of the horizon.
    cpu_s, gap, rss_mb : float or None
        At most; None is no promise.
    quick : bool
        Whether `make bench` measures it.
    """

    jobs: int
    slots: int = 1
    cpu_s: float | None = None
    gap: float | None = None
    rss_mb: float | None = None
    quick: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A kind of problem, made from a size and a seed."""

    name: str
    told: str
    make: Callable[[Size, int], Problem]
    sizes: tuple[Size, ...]


CLASSES = 500

CASES = {
    case.name: case
    for case in (
        Case(
            name="static",
            told="all jobs compete for one slot",
            make=lambda size, seed: static_problem(size.jobs, seed),
            sizes=(
                Size(jobs=100, cpu_s=0.2, gap=0.002, quick=True),
                Size(jobs=1000, cpu_s=2.0, gap=0.005, quick=True),
                Size(jobs=10_000, cpu_s=3.0, gap=0.003),
                Size(jobs=100_000, cpu_s=32.0, gap=0.0006, rss_mb=1200.0),
            ),
        ),
        Case(
            name="slots",
            told="jobs come and may wait, in slots of an hour",
            make=lambda size, seed: slots_problem(size.jobs, size.slots, seed),
            sizes=(
                Size(jobs=100, slots=48, quick=True),
                Size(jobs=1000, slots=168, cpu_s=4.0, gap=0.006),
                Size(jobs=10_000, slots=24, cpu_s=15.0, gap=0.008),
                Size(jobs=10_000, slots=168, cpu_s=18.0, gap=0.0045),
            ),
        ),
        Case(
            name="varying",
            told="the same, with prices, emissions and own nodes that change by the hour",
            make=lambda size, seed: varying_problem(size.jobs, size.slots, seed),
            sizes=(
                Size(jobs=100, slots=48),
                Size(jobs=1000, slots=168, cpu_s=6.0, gap=0.012),
            ),
        ),
        Case(
            name="slots-roomy",
            told="jobs that may wait, on an estate sized as if all ran at once",
            make=lambda size, seed: slots_problem(size.jobs, size.slots, seed, roomy=True),
            sizes=(
                Size(jobs=1000, slots=168, cpu_s=4.0, gap=0.006),
                Size(jobs=10_000, slots=24, cpu_s=15.0, gap=0.008),
                Size(jobs=10_000, slots=168, cpu_s=18.0, gap=0.0045),
            ),
        ),
        Case(
            name="varying-roomy",
            told="what changes by the hour, on an estate sized as if all ran at once",
            make=lambda size, seed: varying_problem(size.jobs, size.slots, seed, roomy=True),
            sizes=(Size(jobs=1000, slots=168, cpu_s=6.0, gap=0.012),),
        ),
        Case(
            name="tenants",
            told="budgets of tenants, a cap on emissions and fair shares of own nodes",
            make=lambda size, seed: tenants_problem(size.jobs, seed),
            sizes=(
                Size(jobs=100, quick=True),
                Size(jobs=1000, cpu_s=6.0, gap=0.018),
                Size(jobs=10_000, cpu_s=9.0, gap=0.005),
            ),
        ),
        Case(
            name="data",
            told="shared datasets and pipelines",
            make=lambda size, seed: data_problem(size.jobs, seed, slots=size.slots),
            sizes=(
                Size(jobs=100, slots=28, quick=True),
                Size(jobs=1000, slots=28, cpu_s=12.0, gap=0.013, rss_mb=600.0),
                Size(jobs=10_000, slots=28, cpu_s=45.0, gap=0.012, rss_mb=600.0),
            ),
        ),
        Case(
            name="data-roomy",
            told="shared datasets and pipelines, on an estate sized as if all ran at once",
            make=lambda size, seed: data_problem(size.jobs, seed, slots=size.slots, roomy=True),
            sizes=(
                Size(jobs=1000, slots=28, cpu_s=12.0, gap=0.013, rss_mb=600.0),
                Size(jobs=10_000, slots=28, cpu_s=45.0, gap=0.012, rss_mb=600.0),
            ),
        ),
        Case(
            name="classes",
            told=f"many identical jobs of {CLASSES} kinds",
            make=lambda size, seed: classes_problem(
                size.jobs, min(CLASSES, max(2, size.jobs // 10)), seed
            ),
            sizes=(
                Size(jobs=100, quick=True),
                Size(jobs=100_000, cpu_s=4.0, gap=0.0005),
            ),
        ),
    )
}
