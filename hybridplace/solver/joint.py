"""Many jobs decided together: compile, price, round, improve, seat, certify.

docs/solver.md has the model and says which function states which formula.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

import numpy as np

from hybridplace.model.plan import Placement, Plan, Share, Unplaced
from hybridplace.model.problem import Problem
from hybridplace.model.run import run_of
from hybridplace.solver.certificate import certificate_of
from hybridplace.solver.classes import classes_of, decide_by_classes
from hybridplace.solver.compile import compile_instance
from hybridplace.solver.improve import Incumbent, improve
from hybridplace.solver.instance import Choice, Instance
from hybridplace.solver.knapsack import lift
from hybridplace.solver.result import exclusion_counts, priced_plan
from hybridplace.solver.seating import seat, seating_of
from hybridplace.solver.state import State
from hybridplace.solver.static import Relaxation, relax_static
from hybridplace.solver.stop import Progress, Stop
from hybridplace.solver.tables import compile_jobs

SOLVER = "dual prices, rounding, ejection"

LIFTED_GAP = 0.0002
"""At which the bound is not raised any more."""

GOOD_GAP = 0.001
"""What is enough where the optimum is asked for: the rest would cost more than it saves."""


def solve_jointly(
    problem: Problem,
    *,
    seed: int = 0,
    stop: Stop | None = None,
    watch: Callable[[Progress], None] | None = None,
) -> Plan:
    """Return a good plan for any number of jobs, with a bound that its prices prove.

    An interrupt (Ctrl-C) ends the search, and the best plan so far is returned.
    """
    classes = classes_of(problem)
    if classes.are_few:
        counted = decide_by_classes(problem, classes, seed=seed)
        instance, relaxed, choice = counted.instance, counted.relaxed, counted.choice
    else:
        instance = compile_instance(problem)
        relaxed = relax_static(instance)
        target_gap = max((stop or Stop()).gap, GOOD_GAP)
        choice = _search(instance, relaxed, target_gap=target_gap, seed=seed, watch=watch)
    state = State(instance)
    state.load(choice)
    whole = lift(instance, relaxed.prices, state.total_usd(), target_gap=LIFTED_GAP)
    seating = seating_of(problem, instance)
    seat(seating, state)
    placements = _placements(problem, instance, state.choice(), seating.shares)
    return priced_plan(
        problem,
        placements,
        _unplaced(problem, {one.job for one in placements}),
        bound_usd=whole.bound_usd,
        solver=SOLVER,
        seed=seed,
        certificate=certificate_of(problem, whole.prices, whole.bound_usd, whole=whole),
    )


def _search(
    instance: Instance,
    relaxed: Relaxation,
    *,
    target_gap: float,
    seed: int,
    watch: Callable[[Progress], None] | None,
) -> Choice:
    """Return the best choice found, also when an interrupt ended the search."""

    def tell(usd: float) -> None:
        if watch is not None:
            watch(Progress(round=0, objective_usd=usd, bound_usd=relaxed.bound_usd))

    best = Incumbent(tell)
    with suppress(KeyboardInterrupt):
        improve(
            instance,
            relaxed.prices,
            relaxed.lp,
            target_gap=target_gap,
            seed=seed,
            incumbent=best,
        )
    if best.choice is None:
        nowhere = np.zeros(len(instance.jobs.reject_usd), dtype=np.int64)
        return Choice(option=nowhere - 1, start=nowhere)
    return best.choice


def _placements(
    problem: Problem,
    instance: Instance,
    choice: Choice,
    shares: Mapping[int, tuple[Share, ...]],
) -> list[Placement]:
    """Return the placement of each job that has a pair."""
    options, found = instance.options, []
    for number in np.flatnonzero(choice.option >= 0).tolist():
        row, job = int(choice.option[number]), problem.jobs[number]
        offer, shape = problem.offers[int(options.offer[row])], int(options.shape[row])
        start_h = float(choice.start[number]) * problem.slot_h
        run = run_of(problem, job, offer, job.shapes[shape], start_h)
        assert run is not None  # noqa: S101 - an option fits its offer
        on = shares.get(number, ())
        machines = len({share.node for share in on}) if on else run.machines
        found.append(
            Placement(
                job=job.id,
                offer=offer.id,
                shape=shape,
                start_h=start_h,
                end_h=run.end_h,
                machines=machines,
                shares=on,
            )
        )
    return found


def _unplaced(problem: Problem, placed: set[str]) -> list[Unplaced]:
    """Return the jobs that are left out, each with what stands against it."""
    numbers = [row for row, job in enumerate(problem.jobs) if job.id not in placed]
    if not numbers:
        return []
    compiled = compile_jobs(problem, numbers)
    left_out = [problem.jobs[number].id for number in numbers]
    return [
        Unplaced(job=job, reasons=exclusion_counts(compiled, job, left_out)) for job in left_out
    ]
