"""Pools that take whole jobs, those worth the most beyond what they cost there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from hybridplace.checker.asks import Asks
from hybridplace.checker.columns import Bools, Floats, Ints
from hybridplace.checker.starts import Starts, usd_at_first
from hybridplace.model.capacity import SIZE_TOLERANCE
from hybridplace.model.certificate import Certificate
from hybridplace.model.problem import Problem

EIGHTHS = 8
"""Accelerators are shared in parts of this size, and nothing else is counted in smaller ones."""


@dataclass(kw_only=True)
class Knapsacks:
    """Pairs set aside for knapsacks: those that cost less than the price of their job.

    Parameters
    ----------
    chosen : bools, (groups + 1,)
        Which groups are knapsacks.
    job_usd : floats, (jobs,)
        What placing each job is worth.
    """

    chosen: Bools
    job_usd: Floats
    job: list[Ints] = field(default_factory=list)
    group: list[Ints] = field(default_factory=list)
    eighths: list[Ints] = field(default_factory=list)
    usd: list[Floats] = field(default_factory=list)
    alike: list[Ints] = field(default_factory=list)

    def set_aside(self, asks: Asks, starts: Starts, use: Floats, alike: Ints) -> Bools:
        """Keep the pairs of interest; return which offers are those of knapsacks.

        Parameters
        ----------
        use : floats, (asks, offers)
            What a pair takes of the group.
        alike : ints, (jobs,)
            How many jobs each stands for.
        """
        there = self.chosen[starts.group]
        if there.any():
            may = there & np.isfinite(starts.usd) & (starts.last >= starts.first)
            ask, offer = np.nonzero(may & (starts.usd < self.job_usd[asks.job][:, None]))
            usd = usd_at_first(asks, starts, ask, offer)
            some = np.flatnonzero(usd < self.job_usd[asks.job[ask]])
            self.job.append(asks.job[ask[some]])
            self.group.append(starts.group[offer[some]])
            # Rounded down: what takes less than it does makes the bound no higher.
            taken = use[ask[some], offer[some]] * EIGHTHS
            self.eighths.append(np.floor(taken + SIZE_TOLERANCE).astype(np.int64))
            self.usd.append(usd[some])
            self.alike.append(alike[asks.job[ask[some]]])
        return there

    def terms_usd(self, least: Floats, at_most: Floats) -> Iterator[float]:
        """Yield the worth of all jobs, and what each knapsack is worth beyond what its jobs cost.

        Parameters
        ----------
        least : floats, (jobs,)
            What each job costs at its cheapest outside of knapsacks, or left out.
        at_most : floats, (groups + 1,)
        """
        worth = np.minimum(self.job_usd, least)
        yield from worth.tolist()
        if not self.job:
            return
        job, group = np.concatenate(self.job), np.concatenate(self.group)
        eighths, usd = np.concatenate(self.eighths), np.concatenate(self.usd)
        alike = np.concatenate(self.alike)
        for one in np.unique(group).tolist():
            gain = worth[job] - usd
            rows = np.flatnonzero((group == one) & (gain > 0))
            order = rows[np.lexsort((-gain[rows], eighths[rows], job[rows]))]
            room = int(np.floor((at_most[one] + SIZE_TOLERANCE) * EIGHTHS))
            yield -most_worth(job[order], eighths[order], gain[order], alike[order], room)


def knapsacks_of(
    problem: Problem, certificate: Certificate, row: dict[tuple[str, str | None], int]
) -> Knapsacks | None:
    """Return the knapsacks of a certificate; None if it has none, or those of slots."""
    if not certificate.knapsacks or problem.slots > 1:
        return None
    chosen = np.zeros(len(row) + 1, dtype=bool)
    chosen[[row[one.pool, one.accelerator] for one in certificate.knapsacks]] = True
    priced = {one.job: one.price_usd for one in certificate.jobs}
    return Knapsacks(
        chosen=chosen, job_usd=np.array([priced.get(job.id, 0.0) for job in problem.jobs])
    )


def most_worth(job: Ints, size: Ints, gain: Floats, alike: Ints, room: int) -> float:
    """Return the most that one choice per job gains, of sizes that add up to `room` at most.

    Parameters
    ----------
    job, size, gain, alike : ints and floats, (choices,)
        By job, size and falling gain; each job stands for so many that are alike.
    """
    if not len(job):
        return 0.0
    unit = max(1, int(np.gcd.reduce(size)))
    size, room = size // unit, room // unit
    best = np.zeros(room + 1)
    begins = np.flatnonzero(np.append(True, job[1:] != job[:-1]))
    for begin, end in zip(begins.tolist(), [*begins[1:].tolist(), len(job)], strict=True):
        # What is larger and gains no more is never chosen.
        before = np.maximum.accumulate(np.append(0.0, gain[begin:end]))[:-1]
        rows = begin + np.flatnonzero(gain[begin:end] > before)
        choices = list(zip(size[rows].tolist(), gain[rows].tolist(), strict=True))
        for times in _times(choices, int(alike[begin]), room):
            _choose(best, [(taken * times, usd * times) for taken, usd in choices])
    return float(best[-1])


def _times(choices: list[tuple[int, float]], alike: int, room: int) -> Iterator[int]:
    """Yield for how many alike jobs at a time to choose: 1, 2, 4, ... where there is one choice."""
    least = choices[0][0]
    left, times = alike if least == 0 else min(alike, room // least), 1
    while left > 0:
        yield min(times, left)
        left -= min(times, left)
        times *= 2 if len(choices) == 1 else 1


def _choose(best: Floats, choices: list[tuple[int, float]]) -> None:
    """Let what fits into each room be worth what one choice more makes it, if that is more."""
    before = best.copy()
    for taken, usd in choices:
        if taken < len(best):
            part = best[taken:]
            np.maximum(part, before[: len(part)] + usd, out=part)
