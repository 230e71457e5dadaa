"""First come, cheapest, with failover: how SkyPilot and dstack place jobs, over our own prices.

Each job in the order of its arrival takes what is cheapest of all that has room for it then, own
nodes first where they are cheapest; if nothing has room it is tried again an hour later; nobody
makes room for others. SkyPilot: Yang et al., "SkyPilot: an intercloud broker for sky computing",
NSDI 2023, sections 4.2 (optimizer) and 4.4 (failover). That costs include what interruptions are
expected to add, carbon and lateness is more than either knows.
"""

from __future__ import annotations

import numpy as np

from benchmarks.solver.judge import Decision, decisions_of
from hybridplace.model.problem import Problem
from hybridplace.solver.compile import compile_instance
from hybridplace.solver.instance import Choice, Instance, Ints
from hybridplace.solver.seating import Seating, seating_of
from hybridplace.solver.state import State


def decide_first_come(problem: Problem) -> dict[str, Decision]:
    """Return where each job of a problem without data goes, own nodes included."""
    instance = compile_instance(problem)
    seating = seating_of(problem, instance)
    choice = first_come(instance, seating)
    return decisions_of(problem, instance, choice, seating.shares)


def first_come(instance: Instance, seating: Seating | None = None) -> Choice:
    """Return where each job goes; those that arrive together come in the order of their rows."""
    state, options = State(instance), instance.options
    arrives = np.full(len(options.first) - 1, instance.slots)
    np.minimum.at(arrives, options.job, options.earliest)
    for job in np.argsort(arrives, kind="stable").tolist():
        rows = np.arange(int(options.first[job]), int(options.first[job + 1]))
        latest = int(options.latest[rows].max(initial=-1))
        for start in range(int(arrives[job]), latest + 1):
            now = rows[(options.earliest[rows] <= start) & (options.latest[rows] >= start)]
            if _take(state, seating, job, now, start):
                break
    return state.choice()


def _take(state: State, seating: Seating | None, job: int, rows: Ints, start: int) -> bool:
    """Put a job on the cheapest of some options that has room; False if none has."""
    starts = np.full(len(rows), start)
    usd = np.where(state.fits(rows, starts), state.costs(rows, starts), np.inf)
    for best in np.argsort(usd, kind="stable").tolist():
        if usd[best] >= state.instance.jobs.reject_usd[job]:
            return False
        if seating is None or seating.take(int(rows[best]), start):
            state.place(int(rows[best]), start, float(usd[best]))
            return True
    return False
