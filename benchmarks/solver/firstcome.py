"""First come, cheapest, with failover: how SkyPilot and dstack place jobs, over our own prices.

Each job in the order of its arrival takes what is cheapest of all that has room for it then, own
nodes first where they are cheapest; if nothing has room it is tried again an hour later; nobody
makes room for others. SkyPilot: Yang et al., "SkyPilot: an intercloud broker for sky computing",
NSDI 2023, sections 4.2 (optimizer) and 4.4 (failover). That costs include what interruptions are
expected to add, carbon and lateness is more than either knows.
"""

from __future__ import annotations

import numpy as np

from hybridplace.solver.instance import Choice, Instance
from hybridplace.solver.state import State


def first_come(instance: Instance) -> Choice:
    """Return where each job goes; those that arrive together come in the order of their rows."""
    state, options = State(instance), instance.options
    counts = np.diff(options.first)
    arrives = np.full(len(counts), instance.slots)
    np.minimum.at(arrives, options.job, options.earliest)
    for job in np.argsort(arrives, kind="stable").tolist():
        rows = np.arange(int(options.first[job]), int(options.first[job + 1]))
        latest = int(options.latest[rows].max(initial=-1))
        for start in range(int(arrives[job]), latest + 1):
            now = rows[(options.earliest[rows] <= start) & (options.latest[rows] >= start)]
            starts = np.full(len(now), start)
            usd = np.where(state.fits(now, starts), state.costs(now, starts), np.inf)
            if len(now) and usd.min() < instance.jobs.reject_usd[job]:
                best = int(usd.argmin())
                state.place(int(now[best]), start, float(usd[best]))
                break
    return state.choice()
