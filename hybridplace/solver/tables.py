"""All pairs of jobs, one table per job and shape: for the exact model and explanations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hybridplace.model.job import Job
from hybridplace.model.problem import Problem
from hybridplace.model.run import TIME_TOLERANCE_H
from hybridplace.solver.block import Block, Masks
from hybridplace.solver.instance import Bools, Floats, Ints
from hybridplace.solver.offers import OfferTable, own_first
from hybridplace.solver.supply import Chunk, chunk_of, supply_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """One job with one of its shapes on every offer; rows are those of `Problem.offers`.

    Parameters
    ----------
    reasons : ints
        Bits of `Reason`; 0 is a pair that may be used.
    per_machine : ints
        Workers that fit into one machine.
    hours : floats
        Expected, from start to end.
    usd : floats
        The objective without lateness and data; the least, where it changes over time.
    limit_use : floats, (limits, offers)
        What it counts towards each limit; the least, where that changes over time.
    ready_h : floats
        When what the job reads from homes can be there, at the earliest.
    """

    shape: int
    reasons: Masks
    per_machine: Ints
    hours: Floats
    usd: Floats
    limit_use: Floats
    ready_h: Floats


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """All pairs of the jobs, by row of `Problem.jobs` and shape."""

    problem: Problem
    offers: OfferTable
    pairs: Mapping[int, tuple[Pairs, ...]]

    @cached_property
    def usable(self) -> int:
        """Return how many pairs may be used."""
        return sum(int((table.reasons == 0).sum()) for job in self.pairs.values() for table in job)

    @cached_property
    def varies(self) -> Bools:
        """Return the offers on which costs depend on the start."""
        varies: Bools = self.offers.tariffs.row.max(axis=1) >= 0
        return varies


def compile_problem(problem: Problem) -> Compiled:
    """Return every pair of `problem`, priced, with the reasons against it."""
    supply = supply_of(problem)
    chunk = chunk_of(supply, problem.jobs)
    pairs: dict[int, list[Pairs]] = {number: [] for number in range(len(problem.jobs))}
    for row, job in enumerate(chunk.shapes.job.tolist()):
        pairs[job].append(_pairs(chunk, row))
    tables = {number: tuple(found) for number, found in pairs.items()}
    return Compiled(problem=problem, offers=supply.offers, pairs=tables)


def start_h(problem: Problem, job: Job, ready: float = 0.0) -> float:
    """Return the first start on the grid that is neither before `earliest_h` nor before `ready`."""
    first = max(job.earliest_h, ready) / problem.slot_h
    return math.ceil(first - TIME_TOLERANCE_H / problem.slot_h) * problem.slot_h


def _pairs(chunk: Chunk, row: int) -> Pairs:
    table, job = chunk.supply.offers, int(chunk.shapes.job[row])
    block = Block(chunk, np.array([row]), own_first(table))
    place = np.argsort(block.offers)
    least, limits = chunk.supply.bounds[0], chunk.supply.problem.limits
    limit_use = np.zeros((len(limits), len(place)))
    for number in range(block.places):
        limit_use[chunk.limit[job, number]] = block.limit_use(number, least)[place, 0]
    kind = block.kind[place]
    return Pairs(
        shape=int(chunk.shapes.shape[row]),
        reasons=block.reasons[place, 0],
        per_machine=block.runs.per_machine[kind, 0].astype(np.int64),
        hours=block.runs.hours[kind, 0],
        usd=block.usd(least)[place, 0],
        limit_use=limit_use,
        ready_h=chunk.sites.ready_h[table.site, job],
    )
