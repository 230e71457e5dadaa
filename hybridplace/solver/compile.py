"""Makes the arrays of `instance` from a problem: prices all block, keeps those that may be needed.

Jobs are taken a chunk at a time, and in a chunk those that need the same hardware together, so
that few pairs are held at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hybridplace.model.cost import rejection_costs
from hybridplace.model.fairness import dues
from hybridplace.model.job import Job
from hybridplace.model.problem import Problem
from hybridplace.solver.data import data_of, sunk_uses
from hybridplace.solver.groups import capacity_of
from hybridplace.solver.hourly import Columns, cost_weight, limit_weight
from hybridplace.solver.instance import Floats, Hourly, Instance, Ints, Jobs
from hybridplace.solver.options import Ties, chunk_options
from hybridplace.solver.sites import Copies
from hybridplace.solver.spreads import spreads_of
from hybridplace.solver.store import Store
from hybridplace.solver.supply import Supply, chunk_of, supply_of

CHUNK = 2000
"""Jobs priced together."""


def compile_instance(
    problem: Problem, due: Mapping[str, float] | None = None, only: Ints | None = None
) -> Instance:
    """Return a problem as arrays: each job's undominated options, capacity, limits and data.

    Parameters
    ----------
    due : mapping, optional
        What tenants are due, if more jobs than those of the problem decide that; `dues_of`.
    only : ints, optional
        Rows of the jobs that are asked for: they become 0, 1, ..., without data and pairs.
    """
    due = dues_of(problem) if due is None else due
    supply, ties = supply_of(problem), ties_of(problem, due)
    asked, alone = problem.jobs, only is not None
    if only is not None:
        asked, ties = tuple(problem.jobs[row] for row in only), ties.of(only)
    size = max(1, CHUNK // 4) if supply.varies else CHUNK
    store = Store(len(asked), supply.slots)
    for begin in range(0, len(asked), size):
        jobs = asked[begin : begin + size]
        store.add(chunk_options(chunk_of(supply, jobs), ties, begin), begin + len(jobs))
    options, rates = store.options()
    return Instance(
        slot_h=problem.slot_h,
        slots=supply.slots,
        jobs=jobs_table(problem, asked, list(due)),
        options=options,
        capacity=capacity_of(problem),
        at_most=np.append(left_of_limits(problem, supply.copies), ties.spreads.at_most),
        unfair_usd=problem.assumptions.unfair_usd if due else 0.0,
        hourly=_hourly(problem, supply, rates, len(ties.spreads.rows)),
        sunk_usd=float(supply.copies.sunk_usd.sum()),
        data=None if alone else data_of(problem, supply.links, supply.copies),
        same=_pairs_of_jobs(() if alone else asked, "same_site_as"),
        apart=_pairs_of_jobs(() if alone else asked, "apart_from"),
    )


def left_of_limits(problem: Problem, copies: Copies) -> Floats:
    """Return what is left of each limit when data with homes is delivered."""
    at_most = np.array([limit.at_most for limit in problem.limits], dtype=np.float64)
    return np.maximum(at_most - sunk_uses(problem, copies), 0.0)


def dues_of(problem: Problem) -> dict[str, float]:
    """Return what each tenant with demand is due; of none if unfairness costs nothing."""
    return dues(problem) if problem.assumptions.unfair_usd > 0 else {}


def _hourly(problem: Problem, supply: Supply, rates: Columns, spreads: int) -> Hourly | None:
    """Return what options cost by the hour; None if nothing changes over time."""
    if not rates:
        return None
    return Hourly(
        rate=rates["rate"],
        row=rates["row"],
        cumulative=supply.offers.tariffs.cumulative,
        cost_weight=cost_weight(problem),
        limit_weight=np.pad(limit_weight(problem), ((0, spreads), (0, 0))),
    )


def ties_of(problem: Problem, due: Mapping[str, float]) -> Ties:
    """Return what other jobs and data have to do with each job."""
    jobs, spreads = problem.jobs, spreads_of(problem)
    named = {other for job in jobs for other in (*job.same_site_as, *job.apart_from)}
    sited = [
        bool(job.inputs or job.outputs or job.same_site_as or job.apart_from) or job.id in named
        for job in jobs
    ]
    needed = [any(made in problem.readers for made in job.outputs) for job in jobs]
    return Ties(
        sited=np.array(sited, dtype=bool) | (spreads.of_job >= 0).any(axis=1),
        reject_usd=np.where(needed, np.inf, _reject_usd(problem, jobs)),
        due=np.array([due.get(job.tenant, np.inf) for job in jobs], dtype=np.float64),
        spreads=spreads,
    )


def jobs_table(problem: Problem, jobs: Sequence[Job], tenants: Sequence[str]) -> Jobs:
    """Return what belongs to jobs of a problem wherever they run.

    Parameters
    ----------
    tenants : sequence of str
        Those with a due.
    """
    tenant = {name: row for row, name in enumerate(tenants)}
    due_h = [np.inf if job.due_h is None else job.due_h for job in jobs]
    return Jobs(
        reject_usd=_reject_usd(problem, jobs),
        due_h=np.array(due_h, dtype=np.float64),
        late_usd_h=np.array([job.late_usd_h for job in jobs], dtype=np.float64),
        tenant=np.array([tenant.get(job.tenant, -1) for job in jobs], dtype=np.int32),
    )


def _reject_usd(problem: Problem, jobs: Sequence[Job]) -> Floats:
    """Return what leaving each job out costs: `cost.rejection_costs`."""
    costs = np.array([job.reject_usd for job in jobs], dtype=np.float64)
    for row, job in enumerate(jobs) if problem.lease_of else ():
        if job.id in problem.lease_of:
            costs[row] = rejection_costs(problem, job).total_usd
    return costs


def _pairs_of_jobs(jobs: Sequence[Job], field: str) -> Ints:
    number = {job.id: row for row, job in enumerate(jobs)}
    pairs = {
        (min(row, number[other]), max(row, number[other]))
        for row, job in enumerate(jobs)
        for other in getattr(job, field)
    }
    return np.array(sorted(pairs), dtype=np.int64).reshape(len(pairs), 2)
