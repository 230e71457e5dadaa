"""What stands against a job: for how many offers each reason does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

import numpy as np

from hybridplace.model.problem import Problem
from hybridplace.solver.block import Block, Masks
from hybridplace.solver.offers import own_first, places_of
from hybridplace.solver.place import denying_rules
from hybridplace.solver.reasons import TEXT, Reason, reasons_of
from hybridplace.solver.supply import Chunk, chunk_of, supply_of
from hybridplace.solver.tables import Compiled

NOT_MADE = "could run here if its input were made, but this is left out:"
NO_ROOM = "could run here, but room or money goes to other jobs"

TOGETHER = 64
"""Jobs that are looked at together: their masks take memory."""


class Exclusions:
    """Tells for how many offers each reason stands against a job that a plan leaves out.

    Parameters
    ----------
    left_out : collection of str
        The jobs that the plan leaves out.
    """

    def __init__(self, problem: Problem, left_out: Collection[str]) -> None:
        self.problem, self.left_out = problem, set(left_out)
        self._place, self._at = places_of(problem.offers)

    def counts(self, name: str, masks: Masks) -> tuple[tuple[str, int], ...]:
        """Return how many offers have each reason, the most frequent first.

        An offer counts under each of its reasons; policies count by rule. Where no reason stands,
        it is that an input is not made, or that room and money go to others.

        Parameters
        ----------
        masks : ints, (offers,)
            As `fewest_reasons` has them.
        """
        found: Counter[str] = Counter()
        for mask, times in zip(*np.unique(masks, return_counts=True), strict=True):
            told = [TEXT[one] for one in reasons_of(int(mask)) if one is not Reason.POLICY]
            found.update(dict.fromkeys(told if mask else [self._otherwise(name)], int(times)))
        denied = np.bincount(self._place[(masks & Reason.POLICY.value) != 0])
        for place in np.flatnonzero(denied).tolist():
            for rule in denying_rules(self.problem, name, self._at[place]):
                found[f"{TEXT[Reason.POLICY]} {rule}"] += int(denied[place])
        return tuple(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    def _otherwise(self, name: str) -> str:
        problem = self.problem
        makers = {problem.producer.get(one) for one in problem.job[name].inputs} & self.left_out
        return f"{NOT_MADE} {', '.join(sorted(map(str, makers)))}" if makers else NO_ROOM


def fewest_reasons(compiled: Compiled, number: int) -> Masks:
    """Return, for each offer, the reasons against the shape that has the fewest."""
    return _fewest(np.array([table.reasons for table in compiled.pairs[number]]))


def fewest_reasons_of(problem: Problem, numbers: Sequence[int]) -> Iterator[Masks]:
    """Yield what `fewest_reasons` returns of some jobs, by their rows in `Problem.jobs`."""
    supply = supply_of(problem)
    for begin in range(0, len(numbers), TOGETHER):
        some = [problem.jobs[number] for number in numbers[begin : begin + TOGETHER]]
        chunk = chunk_of(supply, some)
        masks = _masks(chunk)
        for job in range(len(some)):
            yield _fewest(masks[chunk.shapes.job == job])


def _masks(chunk: Chunk) -> Masks:
    """Return the reasons against all pairs of a chunk; (shapes, offers)."""
    offers, shapes = own_first(chunk.supply.offers), chunk.shapes
    masks = np.zeros((len(shapes.job), len(offers)), dtype=np.int32)
    alike = 2 * shapes.hardware + chunk.jobs.serves[shapes.job]
    for key in np.unique(alike):
        rows = np.flatnonzero(alike == key)
        masks[rows[:, None], offers] = Block(chunk, rows, offers).reasons.T
    return masks


def _fewest(masks: Masks) -> Masks:
    if masks.size == 0:
        return np.zeros(0, dtype=np.int32)
    best = np.bitwise_count(masks).argmin(axis=0)
    fewest: Masks = masks[best, np.arange(masks.shape[1])]
    return fewest
