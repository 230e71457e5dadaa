r"""Prices of whole jobs that are held: what knapsacks prove while jobs come and go.

`knapsack` states the bound: jobs have prices :math:`\pi_j`, and each of some groups is worth
:math:`K_g(b_g)`, the most that whole jobs gain there, :math:`\pi_j - \bar c_i` each. All prices
stand but those of new jobs. Dynamic programming finds :math:`K_g` for all smaller capacities as
well, so what units are worth is known, and the best price of a new job has a closed form: up to

.. math:: \pi_j = \min_i \bar c_i + K_g(b_g) - K_g(b_g - a_i)

over its options in knapsacks, or what it costs elsewhere if that is less, no :math:`K_g(b_g)`
grows by the job, so the bound grows by :math:`\pi_j`; beyond that it does not grow any more. What a
smaller capacity is worth is known too. A knapsack is filled again only when a job leaves that may
be among those of :math:`K_g(b_g)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from hybridplace.model.capacity import SIZE_TOLERANCE
from hybridplace.solver.compiled import compiled
from hybridplace.solver.instance import Floats, Indices, Ints
from hybridplace.solver.records import Records

EIGHTHS = 8
"""Accelerators are shared in parts of this size, and nothing else is counted in smaller ones."""

TIE_USD = 1e-6
"""What sums may differ by that are the same."""

PART = np.dtype(
    [("job", np.int64), ("option", np.int64), ("size", np.int64), ("worth_usd", np.float64)]
)
"""What a job gains with an option; how many eighths it takes."""


@compiled
def fill_rooms(parts: Records, unit: int, best: Floats) -> None:
    """Find the most that whole jobs gain, one option each, in each room up to the largest.

    Dynamic programming over jobs and units (Kellerer, Pferschy and Pisinger, "Knapsack Problems"
    (2004), section 11.5, doi:10.1007/978-3-540-24777-7).

    Parameters
    ----------
    parts : records of `PART`
        By job.
    unit : int
        Eighths that divide all sizes.
    best : floats, (units + 1,)
        What others gain; made what these gain as well.
    """
    before = best.copy()
    for row in range(len(parts)):
        if row > 0 and parts[row]["job"] != parts[row - 1]["job"]:
            before[:] = best
        size, worth_usd = parts[row]["size"] // unit, parts[row]["worth_usd"]
        for room in range(size, len(best)):
            best[room] = max(best[room], before[room - size] + worth_usd)


@dataclass(kw_only=True)
class Sack:
    """One knapsack.

    Parameters
    ----------
    room : int
        Eighths that there are.
    parts : list of records of `PART`
        Of the jobs that gain.
    gone : set of int
        Jobs among them that count no more.
    unit : int
        Eighths that divide all sizes; 0 if it has to be filled again.
    best : floats
        What jobs gain in each room, in units; those of `gone` may be among them where the room is
        less than there is, so it is no less than what the others gain.
    """

    room: int
    parts: list[Records] = field(default_factory=lambda: [np.zeros(0, PART)])
    gone: set[int] = field(default_factory=set)
    unit: int = 0
    best: Floats = field(default_factory=lambda: np.zeros(1))

    @property
    def worth_usd(self) -> float:
        """Return what all jobs gain at most."""
        self.fill()
        return float(self.best[self.room // self.unit])

    def toll_usd(self, size: int) -> float:
        """Return what others lose by so many eighths; inf if there are not that many."""
        self.fill(size)
        if size > self.room:
            return np.inf
        room, left = self.room // self.unit, (self.room - size) // self.unit
        return float(self.best[room]) - float(self.best[left])

    def add(self, parts: Records) -> None:
        """Let a job gain as well."""
        self.parts.append(parts)
        fill_rooms(parts, self.unit, self.best)

    def drop(self, job: int, sizes: Sequence[int], worth_usd: Sequence[float]) -> bool:
        """Let a job gain no more; return whether that may change what all gain.

        It does not where others gain more by its room than it does: then it is not chosen.
        """
        self.gone.add(job)
        chosen = self.unit == 0 or any(
            usd >= self.toll_usd(size) - TIE_USD for size, usd in zip(sizes, worth_usd, strict=True)
        )
        if chosen:
            self.unit = 0
        return chosen

    def held(self) -> Records:
        """Return the parts of all that count."""
        if len(self.parts) > 1 or self.gone:
            parts = np.concatenate(self.parts)
            self.parts = [parts[~np.isin(parts["job"], list(self.gone))]]
            self.gone.clear()
        return self.parts[0]

    def fill(self, size: int = 0, *, exactly: bool = False) -> None:
        """Fill it again if need be, in units that divide a size as well."""
        if self.unit and size % self.unit == 0 and not (exactly and self.gone):
            return
        parts = self.held()
        self.unit = int(np.gcd.reduce(np.append(parts["size"], [size, self.unit]))) or 1
        self.best = np.zeros(self.room // self.unit + 1)
        fill_rooms(parts, self.unit, self.best)


class Sacks:
    """All knapsacks of a plan that is held.

    Parameters
    ----------
    groups : ints
        Which are knapsacks, in ascending order.
    capacity : floats, (G,)
        Of all groups, in their first resource.

    Attributes
    ----------
    number : ints, (G + 1,)
        Of each group its knapsack; -1 if it is none, or free.
    """

    def __init__(self, groups: Ints, capacity: Floats) -> None:
        self.groups, self.number = groups, np.full(len(capacity) + 1, -1, dtype=np.int64)
        self.number[groups] = np.arange(len(groups))
        self.all = [Sack(room=0) for _ in groups]
        self._worth_usd, self._changed = np.zeros(len(groups)), set(range(len(groups)))
        for group in groups.tolist():
            self.resize(group, float(capacity[group]))

    @property
    def worth_usd(self) -> float:
        r"""Return :math:`\sum_g K_g(b_g)`."""
        for number in sorted(self._changed):
            self._worth_usd[number] = self.all[number].worth_usd
        self._changed.clear()
        return float(self._worth_usd.sum())

    def resize(self, group: int, capacity: float) -> None:
        """Let a group have no more than that, if it is a knapsack."""
        if (number := int(self.number[group])) >= 0:
            self.all[number].room = _eighths(np.array([capacity])).tolist()[0]
            self._changed.add(number)

    def hold(self, parts: Records, group: Indices) -> None:
        """Let jobs gain as they do in a bound that is known."""
        number = self.number[group]
        for sack, one in enumerate(self.all):
            one.parts.append(parts[number == sack])
            one.unit = 0

    def price(self, parts: Records, group: Indices, most_usd: float, had_usd: float = 0.0) -> float:
        """Return the best price of a new job, which gets its part.

        Parameters
        ----------
        parts : records of `PART`
            Its options in knapsacks; what each costs is the negative of `worth_usd`.
        most_usd : float
            What it costs elsewhere.
        had_usd : float
            Its price before, if it was compiled again: where many leave and come at once, units are
            worth too little in between.
        """
        sack, job_usd = self.number[group], most_usd
        sizes, costs = parts["size"].tolist(), (-parts["worth_usd"]).tolist()
        for number, size, cost_usd in zip(sack.tolist(), sizes, costs, strict=True):
            if cost_usd < job_usd:
                job_usd = min(job_usd, cost_usd + self.all[number].toll_usd(size))
        job_usd = max(job_usd, min(had_usd, most_usd))
        parts["worth_usd"] += job_usd
        gains = parts["worth_usd"] > 0
        for number in np.unique(sack[gains]).tolist():
            self.all[number].add(parts[gains & (sack == number)])
            self._changed.add(number)
        return job_usd

    def drop(self, parts: Records, group: Indices) -> None:
        """Let a job that gains in some groups count no more."""
        number = self.number[group]
        for one in np.unique(number).tolist():
            mine = parts[number == one]
            sizes, worth_usd = mine["size"].tolist(), mine["worth_usd"].tolist()
            if self.all[one].drop(int(mine["job"][0]), sizes, worth_usd):
                self._changed.add(one)

    def settle(self) -> None:
        """Fill all as if who has left had never been there: no bound of these prices is higher."""
        for number, one in enumerate(self.all):
            one.fill(exactly=True)
            self._changed.add(number)


def parts_of(job: Ints | Indices, option: Ints, use: Floats, worth_usd: Floats) -> Records:
    """Return options as knapsacks see them.

    Parameters
    ----------
    use : floats, (k,)
        What they take of the first resource.
    """
    parts = np.empty(len(option), PART)
    parts["job"], parts["option"], parts["worth_usd"] = job, option, worth_usd
    parts["size"] = _eighths(use)
    return parts


def _eighths(use: Floats) -> Ints:
    """Return how many eighths that is, rounded down, as the checker does."""
    return np.floor((use + SIZE_TOLERANCE) * EIGHTHS).astype(np.int64)
