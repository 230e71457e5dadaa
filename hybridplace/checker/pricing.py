"""Prices every job in every shape on every offer at every start, and keeps the least of each job.

Of jobs that differ in their id and program alone, to the prices too, one is priced for all.
Nothing is left out because something else is cheaper. What makes it quick: hours depend on the kind
of machine alone, and a start is looked at by itself only where prices differ between slots and the
pair could still be the cheapest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from hybridplace.checker.asks import Asks, asks_of, replicas
from hybridplace.checker.columns import (
    Bools,
    Floats,
    Ints,
    Machines,
    Offers,
    courses_of,
    in_scope,
    offers_of,
)
from hybridplace.checker.nodes import hold_all
from hybridplace.checker.places import Places, places_of
from hybridplace.checker.runs import Runs, runs
from hybridplace.checker.scarcity import Scarcity
from hybridplace.checker.shares import share_usd
from hybridplace.checker.starts import Starts, least_over_starts, start_range
from hybridplace.checker.terms import Terms, priced, terms_of
from hybridplace.model.capacity import SIZE_TOLERANCE
from hybridplace.model.cost import rejection_costs
from hybridplace.model.job import Inference, Job
from hybridplace.model.problem import LimitMeasure, Problem
from hybridplace.model.verify import MONEY_TOLERANCE

CHUNK = 1 << 17
"""Pairs that are priced at once: what fits a processor's cache."""

Key = tuple[str | None, tuple[int, ...], bool, bool, bool]
"""What asks that are priced together share: the accelerator, the limits that they count towards,
whether they are public, serve, and whether places differ for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """Offers that asks may fit, own or bought: the kinds of machine, and which each offer is."""

    offers: Offers
    machines: Machines
    which: Ints


def least_usd(problem: Problem, scarcity: Scarcity) -> tuple[Floats, int]:
    """Return the least reduced cost of each job, leaving it out included, and the pairs priced."""
    pricing = _Pricing(problem, scarcity)
    least = np.zeros(len(problem.jobs))
    for row in np.unique(pricing.first).tolist():
        least[row] = rejection_costs(problem, problem.jobs[row]).total_usd
    pairs = 0
    for key, rows in pricing.groups().items():
        asks = pricing.asks.take(np.array(rows))
        for side in pricing.sides(key[0]):
            terms = pricing.terms(key, side)
            pairs += int(pricing.alike[asks.job].sum()) * len(side.which)
            step = max(1, CHUNK // len(side.which))
            for begin in range(0, len(rows), step):
                some = asks.take(slice(begin, begin + step))
                usd = pricing.cheapest(some, side, terms, least[some.job], placed=key[-1])
                np.minimum.at(least, some.job, usd)
    return least[pricing.first], pairs


def _first_alike(problem: Problem, scarcity: Scarcity, places: Places) -> Ints:
    """Return of each job the first that differs in id and program alone, to the prices too."""
    named = {limit.job for limit in problem.limits}
    jobs = range(len(problem.jobs))
    worth: list[float] = (
        [0.0] * len(jobs) if scarcity.knapsacks is None else scarcity.knapsacks.job_usd.tolist()
    )
    if scarcity.claims is not None:
        # Who has prices of its own is alike nobody.
        own = scarcity.claims.row.min(axis=1) < len(scarcity.claims.job) - 1
        worth = np.where(own, np.arange(1, len(own) + 1), 0).tolist()
    found: dict[tuple[object, ...], int] = {}
    keys = zip(places.row.tolist(), places.denied.tolist(), worth, strict=True)
    first = [
        found.setdefault((problem.kind[job.id], job.id if job.id in named else None, *key), row)
        for row, job, key in zip(jobs, problem.jobs, keys, strict=True)
    ]
    return np.array(first, dtype=np.int64)


class _Pricing:
    """A problem as columns, at some prices.

    Attributes
    ----------
    first, alike : ints, (jobs,)
        The first job that is like each, which is priced for all; of that, how many there are.
    """

    def __init__(self, problem: Problem, scarcity: Scarcity) -> None:
        self.problem, self.scarcity = problem, scarcity
        self.courses = courses_of(problem)
        self.offers = offers_of(problem, self.courses)
        self.places = places_of(problem, scarcity.copies, scarcity.spreads)
        self.first = _first_alike(problem, scarcity, self.places)
        self.alike = np.bincount(self.first, minlength=len(problem.jobs))
        self.asks = asks_of(problem, np.unique(self.first).tolist())
        scopes = [in_scope(problem, limit) for limit in problem.limits]
        self.scopes = np.array(scopes, dtype=bool).reshape(len(scopes), len(problem.offers))
        paid_usd = np.cumsum(scarcity.slot_usd, axis=2).transpose(1, 0, 2)
        self.paid_usd = np.pad(paid_usd, ((0, 0), (0, 0), (1, 0)))
        self.moves_usd = np.array([self._moves_usd(job) for job in problem.jobs])
        self._sides: dict[str | None, tuple[_Side, ...]] = {}

    def _moves_usd(self, job: Job) -> float:
        """Return what limits on moves add to moving a job; inf if one admits none."""
        usd = 0.0
        if job.id in self.problem.lease_of:
            for price, limit in zip(self.scarcity.limit_usd, self.problem.limits, strict=True):
                named = limit.tenant in (None, job.tenant) and limit.job in (None, job.id)
                if named and limit.measure is LimitMeasure.MOVES:
                    usd += float(price) if limit.at_most + MONEY_TOLERANCE >= 1.0 else math.inf
        return usd

    def groups(self) -> dict[Key, list[int]]:
        """Return the rows of the asks that can be priced together."""
        found: dict[Key, list[int]] = {}
        limits: dict[tuple[str, str, str | None], tuple[int, ...]] = {}
        placed = self.places.row > 0
        for row, (job, shape) in enumerate(zip(self.asks.job, self.asks.shape, strict=True)):
            one = self.problem.jobs[job]
            accelerator = one.shapes[shape].accelerator
            asked = (one.tenant, self._named.get(one.id, ""), accelerator)
            if asked not in limits:
                limits[asked] = self._limits(*asked)
            serving = isinstance(one.work, Inference)
            key = (accelerator, limits[asked], one.public, serving, bool(placed[job]))
            found.setdefault(key, []).append(row)
        return found

    @property
    def _named(self) -> dict[str, str]:
        return {limit.job: limit.job for limit in self.problem.limits if limit.job is not None}

    def _limits(self, tenant: str, job: str, accelerator: str | None) -> tuple[int, ...]:
        """Return the limits that a job counts towards in a shape with that accelerator."""
        return tuple(
            row
            for row, limit in enumerate(self.problem.limits)
            if limit.tenant in (None, tenant)
            and limit.job in (None, job)
            and limit.accelerator in (None, accelerator)
        )

    def sides(self, accelerator: str | None) -> tuple[_Side, ...]:
        """Return the offers, bought and own, whose machines may hold a worker."""
        if accelerator not in self._sides:
            names = [offer.accelerator for offer in self.problem.offers]
            fits = np.array([accelerator in (None, name) for name in names], dtype=bool)
            found = [
                self.offers.take(fits & (self.offers.owned == owned)) for owned in (False, True)
            ]
            self._sides[accelerator] = tuple(
                _Side(offers=offers, machines=alike[0], which=alike[1])
                for offers in found
                if len(offers.row)
                for alike in (offers.alike(),)
            )
        return self._sides[accelerator]

    def terms(self, key: Key, side: _Side) -> Terms:
        """Return what limits add on the offers of a side."""
        covered = self.scopes[:, side.offers.row]
        return terms_of(self.problem, key[1], covered, self.scarcity.limit_usd)

    def cheapest(
        self, asks: Asks, side: _Side, terms: Terms, known_usd: Floats, *, placed: bool
    ) -> Floats:
        """Return the least reduced cost of each ask on the offers of a side."""
        problem, offers = self.problem, side.offers
        owned = bool(offers.owned[0])
        on = runs(asks, side.machines, owned=owned, horizon_h=problem.horizon_h).on(side.which)
        costs = priced(problem, asks, offers, on, terms)
        usd = self._moved(asks, offers, costs.usd)
        shares = self.scarcity.shares
        if offers.owned[0] and shares.usd[asks.job].any():
            usd = usd - share_usd(problem, shares, asks, on.hours)
        ready_h = None
        if placed:
            row = self.places.row[asks.job][:, None]
            usd = usd + self.places.usd[row, offers.site]
            ready_h = self.places.ready_h[row, offers.site]
        first, last = start_range(asks, on.hours, ready_h, problem.slot_h)
        usd = np.where(self._may_run(asks, offers, on), usd, np.inf)
        starts = Starts(
            slot_h=problem.slot_h,
            usd=usd,
            hours=on.hours,
            first=first,
            last=last,
            group=self.scarcity.group[offers.row],
            use=np.zeros((0, *usd.shape)),
            paid_usd=self.paid_usd[:0],
            claim=np.zeros((0, len(offers.row)), dtype=np.int64),
            claimed=np.zeros((0, len(offers.row))),
            claim_usd=np.zeros((0, 1)),
            courses=self.courses,
            course=offers.course,
            weight=costs.weight,
        )
        starts = self._claiming(asks, self._taking(asks, offers, on, starts))
        if self.scarcity.knapsacks is not None:
            use = self._counted(asks, offers, on)
            there = self.scarcity.knapsacks.set_aside(asks, starts, use, self.alike)
            starts = replace(starts, usd=np.where(there, np.inf, starts.usd))
        return least_over_starts(asks, starts, known_usd)

    def _claiming(self, asks: Asks, starts: Starts) -> Starts:
        """Return the starts with what they pay for knapsacks slot by slot."""
        claims = self.scarcity.claims
        if claims is None or not claims.chosen[starts.group].any():
            return starts
        claim = claims.row[asks.job[:, None], starts.group]
        if asks.serving[0]:
            usd = np.array([self._served_usd(asks, row, claim[row]) for row in range(len(claim))])
            return replace(starts, usd=starts.usd + usd)
        use = np.broadcast_to((asks.accelerators * asks.workers)[:, None], claim.shape)
        claimed = claims.counted(claim.ravel(), use.ravel()).reshape(claim.shape)
        return replace(starts, claim=claim, claimed=claimed, claim_usd=claims.paid_usd)

    def _served_usd(self, asks: Asks, row: int, claim: Ints) -> Floats:
        """Return what replicas pay for knapsacks on each offer, those at work in each slot."""
        claims, job = self.scarcity.claims, self.problem.jobs[asks.job[row]]
        usd = np.zeros(len(claim))
        if claims is None or not isinstance(job.work, Inference):
            return usd
        first, counts = replicas(self.problem, job, job.work, job.shapes[asks.shape[row]])
        use = np.array(counts, dtype=np.float64) * asks.accelerators[row]
        for one in np.unique(claim).tolist():
            slot_usd = claims.slot_usd[one, first : first + len(use)]
            paid = claims.counted(np.full(len(slot_usd), one), use[: len(slot_usd)])
            usd[claim == one] = float(paid @ slot_usd)
        return usd

    def _counted(self, asks: Asks, offers: Offers, on: Runs) -> Floats:
        """Return what pairs take of a quota, or of the accelerators of own nodes, in one slot."""
        if not offers.owned[0]:
            counted: Floats = on.machines * offers.units
            return counted
        workers = asks.workers.astype(np.float64)
        for row in np.flatnonzero(asks.serving):
            job = self.problem.jobs[asks.job[row]]
            if isinstance(job.work, Inference):
                shape = job.shapes[asks.shape[row]]
                workers[row] = replicas(self.problem, job, job.work, shape)[1][0]
        return np.broadcast_to((asks.accelerators * workers)[:, None], on.hours.shape)

    def _moved(self, asks: Asks, offers: Offers, usd: Floats) -> Floats:
        """Add what moving a job off the offer costs that it runs on; inf if none may move."""
        move_usd = asks.move_usd + self.moves_usd[asks.job]
        if not move_usd.any():
            return usd
        elsewhere = asks.held[:, None] != offers.row
        return usd + np.where(elsewhere, move_usd[:, None], 0.0)

    def _may_run(self, asks: Asks, offers: Offers, on: Runs) -> Bools:
        """Return what is for sale, allowed, large enough and connected."""
        may: Bools = self.places.allowed[:, offers.row][self.places.denied[asks.job]]
        may &= offers.available | (asks.held[:, None] == offers.row)
        if offers.owned[0]:
            return may & hold_all(self.problem, asks, offers)
        may &= on.machines * offers.units <= offers.at_most + SIZE_TOLERANCE
        if asks.gbps.any():
            needs = asks.gbps[:, None]
            may &= (on.machines <= 1) | (needs == 0) | (offers.interconnect_gbps >= needs)
        return may

    def _taking(self, asks: Asks, offers: Offers, on: Runs, starts: Starts) -> Starts:
        """Return the starts with what they take of what is scarce."""
        if not self.paid_usd[:, starts.group, -1].any():
            return starts
        if not offers.owned[0]:
            use = (on.machines * offers.units)[None]
            return replace(starts, use=use, paid_usd=self.paid_usd[:1])
        worker = np.array([asks.accelerators, asks.cpus, asks.memory_gib])
        if asks.serving[0]:
            served = self._served(asks, starts.group)
            return replace(starts, usd=starts.usd + np.einsum("ra,rao->ao", worker, served))
        use = np.broadcast_to((worker * asks.workers)[:, :, None], (3, *on.hours.shape))
        return replace(starts, use=use, paid_usd=self.paid_usd)

    def _served(self, asks: Asks, group: Ints) -> Floats:
        """Return what the slots fetch in which replicas are at work, per unit of one replica."""
        found = np.zeros((3, len(asks.job), len(group)))
        for row, (number, shape) in enumerate(zip(asks.job, asks.shape, strict=True)):
            job = self.problem.jobs[number]
            if isinstance(job.work, Inference):
                first, counts = replicas(self.problem, job, job.work, job.shapes[shape])
                slot_usd = self.scarcity.slot_usd[:, :, first : first + len(counts)]
                counts = counts[: slot_usd.shape[2]]
                found[:, row] = (slot_usd @ np.array(counts, dtype=np.float64))[group].T
        return found
