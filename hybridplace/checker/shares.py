"""What jobs on own nodes earn for the share of their tenant, where unfairness has a price."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hybridplace.checker.asks import Asks, replicas
from hybridplace.checker.columns import Floats
from hybridplace.model.certificate import SharePrice
from hybridplace.model.fairness import dues
from hybridplace.model.job import Inference
from hybridplace.model.problem import Problem
from hybridplace.model.run import TIME_TOLERANCE_H


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Prices of the shares of tenants.

    Parameters
    ----------
    due, usd : floats, (jobs,)
        Of the tenant of each job: what it is due, as a share of all own nodes, and what all of that
        is worth; inf and 0 where it has no price.
    earned_usd : float
        What the worst-off tenant is worth in the bound.
    """

    due: Floats
    usd: Floats
    earned_usd: float


def due_of(problem: Problem) -> dict[str, float]:
    """Return what tenants are due to whom unfairness costs anything."""
    return dues(problem) if problem.assumptions.unfair_usd > 0 else {}


def shares_of(problem: Problem, prices: tuple[SharePrice, ...]) -> Shares:
    """Return prices of shares as arrays."""
    paid, due = {one.tenant: one.price_usd for one in prices}, due_of(problem) if prices else {}
    return Shares(
        due=np.array([due.get(job.tenant, np.inf) for job in problem.jobs]),
        usd=np.array([paid.get(job.tenant, 0.0) for job in problem.jobs]),
        earned_usd=min(problem.assumptions.unfair_usd, sum(paid.values())),
    )


def share_usd(problem: Problem, shares: Shares, asks: Asks, hours: Floats) -> Floats:
    """Return what asks earn on own nodes, by the hours they take there: as `hours`.

    Of what a tenant is due a run earns its part by the largest of its shares of accelerators, CPUs
    and memory; one that takes more earns all.
    """
    slots = np.maximum(np.ceil(hours / problem.slot_h - TIME_TOLERANCE_H), 1.0)
    worker_slots = asks.workers[:, None] * np.where(np.isfinite(hours), slots, 0.0)
    for row in np.flatnonzero(asks.serving):
        job = problem.jobs[asks.job[row]]
        if isinstance(job.work, Inference):
            shape = job.shapes[asks.shape[row]]
            worker_slots[row] = sum(replicas(problem, job, job.work, shape)[1])
    part = np.zeros(len(asks.job))
    for need, total in zip(
        (asks.accelerators, asks.cpus, asks.memory_gib), problem.own_totals, strict=True
    ):
        if total > 0:
            part = np.maximum(part, need / total)
    share = part[:, None] * worker_slots * problem.slot_h / problem.horizon_h
    due, usd = shares.due[asks.job][:, None], shares.usd[asks.job][:, None]
    earned: Floats = usd * np.minimum(share / due, 1.0)
    return earned
