"""Fills a knapsack with whole jobs, of which many may be alike."""

from __future__ import annotations

import numpy as np

from hybridplace.solver.compiled import compiled
from hybridplace.solver.instance import Floats, Ints


@compiled
def most_worth(job: Ints, size: Ints, worth: Floats, count: Ints, room: int) -> tuple[float, Ints]:
    """Return the most that whole jobs are worth in a room, one option each, and who is in it.

    Dynamic programming over jobs and units (Kellerer, Pferschy and Pisinger, "Knapsack Problems"
    (2004), section 11.5, doi:10.1007/978-3-540-24777-7). Of alike jobs with one option it takes
    1, 2, 4, ... at a time (section 7.1.1).

    Parameters
    ----------
    job, size : ints, (k,)
        Whose an option is, sorted, and what it takes.
    worth : floats, (k,)
    count : ints, (k,)
        How many such jobs there are.

    Returns
    -------
    float
    ints, (k,)
        How often each option is taken.
    """
    begin, end, times = _steps(job, size, count, room)
    choice = np.zeros((len(begin), room + 1), np.int16)
    best, after = np.zeros(room + 1), np.zeros(room + 1)
    for step in range(len(begin)):
        after[:] = best
        chosen = choice[step]
        for row in range(begin[step], end[step]):
            units, usd = size[row] * times[step], worth[row] * times[step]
            number = np.int16(row - begin[step] + 1)
            # Without branches, so that the processor does several at a time.
            for left in range(room + 1 - units):
                better = best[left] + usd > after[left + units]
                after[left + units] = best[left] + usd if better else after[left + units]
                chosen[left + units] = number if better else chosen[left + units]
        best, after = after, best
    taken = np.zeros(len(job), np.int64)
    left = room
    for step in range(len(begin) - 1, -1, -1):
        if choice[step, left] > 0:
            row = begin[step] + choice[step, left] - 1
            taken[row] += times[step]
            left -= size[row] * times[step]
    return best[room], taken


@compiled
def _steps(job: Ints, size: Ints, count: Ints, room: int) -> tuple[Ints, Ints, Ints]:
    """Return the options between which each step chooses, and how many jobs it decides for."""
    begin, end, times = [0 for _ in range(0)], [0 for _ in range(0)], [0 for _ in range(0)]
    first = 0
    while first < len(job):
        last = first
        while last < len(job) and job[last] == job[first]:
            last += 1
        least = size[first:last].min()
        left = count[first] if least == 0 else min(count[first], room // least)
        most = 1
        while left > 0:
            begin.append(first)
            end.append(last)
            times.append(min(most, left))
            left -= times[-1]
            if last == first + 1:
                most *= 2
        first = last
    return np.array(begin, np.int64), np.array(end, np.int64), np.array(times, np.int64)
