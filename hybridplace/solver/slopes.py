"""Many jobs where links have tiers: searches at one price a link, judged by true costs.

Bounds are at the least mean price that a link can have, so they hold whatever goes over it. The
first search is at the largest mean prices: what keeps limits there truly keeps them. Where no limit
counts copies there is one at the least, and one at the mean prices of the best plan (dynamic slope
scaling: Kim and Pardalos, Operations Research Letters 24 (1999),
doi:10.1016/S0167-6377(99)00004-8).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from hybridplace.model.egress import link_usd, mean_range_usd_gib, mean_usd_gib
from hybridplace.model.problem import Problem
from hybridplace.solver.compile import left_of_limits
from hybridplace.solver.copies import copies_needed, data_usd
from hybridplace.solver.data import data_of
from hybridplace.solver.instance import Choice, Data, Floats, Instance, Ints
from hybridplace.solver.relaxation import relaxed_of
from hybridplace.solver.shared import SharedPlan, plan_usd, priced, solve_shared
from hybridplace.solver.sites import copies_of, links_of, site_rows
from hybridplace.solver.transfers import Copy

Keep = Callable[[SharedPlan], None]


def has_tiers(problem: Problem) -> bool:
    """Say whether what a link costs depends on how much goes over it."""
    return any(link.tiers for link in problem.links)


def solve_tiered(
    problem: Problem, instance: Instance, *, target_gap: float, seed: int, keep: Keep
) -> None:
    """Search as `shared.solve_shared` does, and keep each plan that truly costs less.

    Parameters
    ----------
    instance : Instance
        At the least mean prices.
    keep : callable
        Is given plans with their true cost, and the proof at these prices.
    """
    dear = dearest(problem, instance)
    links = Links(problem, instance, keep)
    links.search(dear, target_gap, seed)
    if not len(links.data.limit):
        links.search(instance, target_gap, seed)
        usd_gib = links.mean_usd_gib(_data(dear).usd_gib)
        links.search(at_prices(problem, instance, usd_gib), target_gap, seed)


def at_prices(problem: Problem, instance: Instance, usd_gib: Floats) -> Instance:
    """Return the instance as if links cost so much per GiB; (S, S), inf where there is no price."""
    links = replace(links_of(problem), usd_gib=np.where(np.isinf(usd_gib), np.nan, usd_gib))
    copies = copies_of(problem, links)
    at_most = instance.at_most.copy()
    at_most[: len(problem.limits)] = left_of_limits(problem, copies)
    return replace(
        instance,
        data=data_of(problem, links, copies),
        at_most=at_most,
        sunk_usd=float(copies.sunk_usd.sum()),
    )


def dearest(problem: Problem, instance: Instance) -> Instance:
    """Return the instance at the largest mean prices that links can have."""
    row, usd_gib = site_rows(problem), _data(instance).usd_gib.copy()
    for (source, target), (_, most) in mean_range_usd_gib(problem).items():
        usd_gib[row[source], row[target]] = most
    return at_prices(problem, instance, usd_gib)


def to_seat(problem: Problem, instance: Instance) -> tuple[Instance, set[Copy]]:
    """Return the instance at prices at which limits hold truly, and where copies then come from.

    No copy is named where no limit counts any: they come from wherever they truly cost least.
    """
    if not len(_data(instance).limit):
        return instance, set()
    dear = dearest(problem, instance)
    return dear, _from_cheapest(problem, dear)


def _from_cheapest(problem: Problem, instance: Instance) -> set[Copy]:
    """Return the copy of each dataset with homes to each site that is cheapest in an instance."""
    source = _cheapest_homes(problem, _data(instance))
    names = [site.id for site in problem.sites]
    return {
        (problem.datasets[d].id, names[source[d, t]], names[t])
        for d, t in np.argwhere(source >= 0).tolist()
    }


class Links:
    """What goes over links in plans, and what that costs.

    Parameters
    ----------
    problem : Problem
    instance : Instance
        At the least mean prices.
    keep : callable
        Is given each plan that truly costs less than all before.
    """

    def __init__(self, problem: Problem, instance: Instance, keep: Keep) -> None:
        self.problem, self.instance, self.keep = problem, instance, keep
        self.data, self.proof = _data(instance), priced(relaxed_of(instance))[1]
        row = site_rows(problem)
        self._tiered = [
            ((row[link.source], row[link.target]), link) for link in problem.links if link.tiers
        ]
        self._always = np.argwhere(self._delivered()).reshape(-1, 2)
        self._source = _cheapest_homes(problem, self.data)
        self._best_usd, self._best_gib = np.inf, np.zeros(self.data.usd_gib.shape)

    def search(self, instance: Instance, target_gap: float, seed: int) -> None:
        """Search at some prices."""
        self._source = _cheapest_homes(self.problem, _data(instance))
        solve_shared(instance, target_gap=target_gap, seed=seed, keep=self._judge)

    def _judge(self, found: SharedPlan) -> None:
        """Keep a plan if it truly costs less than all before."""
        gib = self._volumes_gib(found.choice)
        usd = self.true_usd(found.choice, gib)
        if usd < self._best_usd:
            self._best_usd, self._best_gib = usd, gib
            self.keep(SharedPlan(choice=found.choice, usd=usd, shared=self.proof))

    def true_usd(self, choice: Choice, gib: Floats) -> float:
        """Return what a choice costs at the true prices of links, without `Instance.sunk_usd`."""
        usd = plan_usd(self.instance, choice) - self.instance.sunk_usd
        usd -= data_usd(self.data, _sites(self.instance, choice))
        paid_usd = np.where(gib > 0, gib * np.where(gib > 0, self.data.usd_gib, 0.0), 0.0)
        for at, link in self._tiered:
            paid_usd[at] = link_usd(link, float(gib[at]))
        return usd + float(paid_usd.sum())

    def mean_usd_gib(self, others: Floats) -> Floats:
        """Return the mean prices of what goes over links in the best plan; `others` elsewhere."""
        usd_gib = others.copy()
        for at, link in self._tiered:
            if self._best_gib[at] > 0:
                usd_gib[at] = mean_usd_gib(link, float(self._best_gib[at]))
        return usd_gib

    def _volumes_gib(self, choice: Choice) -> Floats:
        """Return what goes over each link, homes being those that are cheapest in the search."""
        site, data = _sites(self.instance, choice), self.data
        needed = np.concatenate([copies_needed(data, site), self._always])
        dataset, target = np.unique(needed, axis=0).T
        maker = data.maker[dataset]
        source = np.where(maker >= 0, site[maker], self._source[dataset, target])
        moved = (source >= 0) & (source != target)
        gib = np.zeros(data.usd_gib.shape)
        np.add.at(gib, (source[moved], target[moved]), data.size_gib[dataset[moved]])
        return gib

    def _delivered(self) -> Ints:
        row = site_rows(self.problem)
        found = np.zeros(self.data.fee_usd.shape, dtype=np.int64)
        for d, dataset in enumerate(self.problem.datasets):
            found[d, [row[one] for one in dataset.deliver_to if dataset.homes]] = 1
        return found


def _cheapest_homes(problem: Problem, data: Data) -> Ints:
    """Return the home that a copy to each site is cheapest from; -1 of data without; (D, S)."""
    row = site_rows(problem)
    found = np.full(data.fee_usd.shape, -1, dtype=np.int64)
    for d, dataset in enumerate(problem.datasets):
        if dataset.homes:
            homes = np.array([row[home] for home in dataset.homes])
            found[d] = homes[data.usd_gib[homes].argmin(axis=0)]
    return found


def _sites(instance: Instance, choice: Choice) -> Ints:
    """Return where each job runs; -1 if it is left out."""
    placed = choice.option >= 0
    site = np.full(len(placed), -1)
    site[placed] = instance.options.site[choice.option[placed]]
    return site


def _data(instance: Instance) -> Data:
    if instance.data is None:
        raise ValueError("there is no data")
    return instance.data
