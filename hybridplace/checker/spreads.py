"""What the jobs of spreads pay for being in a failure domain."""

from __future__ import annotations

import numpy as np

from hybridplace.checker.columns import Floats
from hybridplace.model.certificate import SpreadPrice
from hybridplace.model.job import Job
from hybridplace.model.problem import Problem


class Spreads:
    """The spreads of a problem at some prices; arrays are by site."""

    def __init__(self, problem: Problem, prices: tuple[SpreadPrice, ...]) -> None:
        paid = {(one.spread, one.domain): one.price_usd for one in prices}
        priced = {one.spread for one in prices}
        self._of: dict[str, list[str]] = {}
        self._usd: dict[str, Floats] = {}
        self.sold_usd = 0.0
        """What all places together fetch."""
        for spread in problem.spreads:
            self.sold_usd += spread.at_most * sum(
                usd for (name, _), usd in paid.items() if name == spread.id
            )
            if spread.id in priced:
                domains = (site.within(spread.domain) for site in problem.sites)
                self._usd[spread.id] = np.array([paid.get((spread.id, d), 0.0) for d in domains])
                for job in spread.jobs:
                    self._of.setdefault(job, []).append(spread.id)

    def alike(self, job: Job) -> tuple[str, ...]:
        """Return the priced spreads that a job is in."""
        return tuple(self._of.get(job.id, ()))

    def charges_usd(self, job: Job) -> Floats | float:
        """Return what a job pays for being at each site."""
        return sum((self._usd[one] for one in self.alike(job)), np.zeros(()))
