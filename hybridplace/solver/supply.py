"""What all jobs of a problem look at, and chunks of its jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from hybridplace.model.job import Job
from hybridplace.model.problem import Problem
from hybridplace.model.site import Node
from hybridplace.solver.dominance import offers_worth
from hybridplace.solver.groups import Group, groups_of, nodes_of
from hybridplace.solver.instance import Bools, Floats, Indices, Ints
from hybridplace.solver.needs import Hardware, JobTable, ShapeTable, job_table, shape_table
from hybridplace.solver.offers import (
    OfferTable,
    filter_of,
    filters_of,
    places_of,
    runs_on,
    table_of,
)
from hybridplace.solver.records import (
    FIGURE,
    JOB,
    KIND,
    MEASURES,
    OFFER,
    RUN,
    SHAPE,
    TRIAL,
    Asked,
    Looked,
    Offered,
    records,
)
from hybridplace.solver.runs import Hours, Service, distinct_hours, service_of
from hybridplace.solver.sites import Copies, Links, SiteTable, copies_of, links_of, site_table
from hybridplace.solver.tariffs import Tariff

LIMIT_TOLERANCE = 1e-6

Worth = dict[tuple[Hardware | None, bool], tuple[Indices, Indices]]
"""Offers worth a look, and their kinds: by hardware, None for all, and whether sites matter."""

NodeSize = tuple[float, float, float, float]
"""Accelerators, CPUs, GiB and Gbit/s to other nodes."""


@dataclass(frozen=True, kw_only=True)
class Supply:
    """What all jobs of a problem look at: offers, links, nodes, denials, limits.

    Parameters
    ----------
    node_sizes : tuple of dict
        By group: how many nodes there are of each size; none of a quota.
    denied : bools, (policies, offers)
        A policy is a set of denials that some jobs have in common; row 0 denies nothing.
    policy_of : dict
        Row of `denied` by job id; 0 if absent.
    filter_row : ints
        Row of `OfferTable.in_scope` by limit.
    limits_of : dict
        Limits by the tenant and the job that they name.
    held : dict
        By id of each running job: the row of the offer that it is on; -2 if that is gone.
    worth : dict
        Filled as it is needed.
    """

    problem: Problem
    slots: int
    offers: OfferTable
    links: Links
    copies: Copies
    node_sizes: tuple[dict[NodeSize, int], ...]
    denied: Bools
    policy_of: dict[str, int]
    filter_row: Indices
    limits_of: dict[tuple[str | None, str | None], tuple[int, ...]]
    held: dict[str, int]
    worth: Worth = field(default_factory=dict)

    @property
    def is_held(self) -> Bools:
        """Return which offers some job runs on now."""
        return np.isin(np.arange(len(self.offers.kind)), list(self.held.values()))

    @cached_property
    def hours(self) -> Hours:
        """Return which hours of the day slots touch: replicas follow the load."""
        return distinct_hours(self.problem)

    @cached_property
    def offered(self) -> Offered:
        """Return what compiled functions read of it."""
        limits, offers = self.problem.limits, self.offers
        at_most = np.array([one.at_most for one in limits], dtype=np.float64)
        sizes = [(*size, count) for group in self.node_sizes for size, count in group.items()]
        first = np.cumsum([0, *map(len, self.node_sizes)])
        tariffs = (offers.tariffs.steady, offers.tariffs.least, offers.tariffs.most)
        return Offered(
            kinds=records(KIND, offers.kinds, len(offers.kinds.cpus)),
            offers=records(OFFER, offers, len(offers.kind)),
            figures=np.stack([records(FIGURE, tariff, len(offers.kind)) for tariff in tariffs]),
            denied=self.denied,
            counted=offers.in_scope[self.filter_row],
            measure=np.array([MEASURES[one.measure] for one in limits], dtype=np.int64),
            at_most=at_most + LIMIT_TOLERANCE * np.maximum(1.0, np.abs(at_most)),
            sizes=np.array(sizes, dtype=np.float64).reshape(len(sizes), 5),
            first_size=first.astype(np.int64),
        )

    def worth_of(self, hardware: Hardware, *, by_site: bool) -> tuple[Indices, Indices]:
        """Return the offers that are worth a look, own ones first, and their kinds."""
        key = (hardware, by_site)
        if key not in self.worth:
            if (None, by_site) not in self.worth:
                offers = self.all_worth(np.arange(len(self.offers.kind)), by_site=by_site)
                self.worth[None, by_site] = offers, self.offers.kind[offers]
            offers, kind = self.worth[None, by_site]
            kinds = runs_on(self.offers.kinds, hardware)
            offers = offers[kinds[kind]]
            self.worth[key] = offers, np.unique(self.offers.kind[offers])
        return self.worth[key]

    def all_worth(self, rows: Ints, *, by_site: bool) -> Indices:
        """Return those of some offers that are worth a look, own ones first.

        Parameters
        ----------
        rows : ints
            With all that have the same hardware and group as any of them.
        """
        kept = offers_worth(
            self.offers,
            rows,
            self.denied,
            self.is_held,
            limits=bool(self.problem.limits),
            by_site=by_site,
        )
        return kept.astype(np.int32)

    @property
    def bounds(self) -> tuple[Tariff, Tariff]:
        """Return the least and the most that hours cost, whenever they are."""
        return self.offers.tariffs.least, self.offers.tariffs.most

    @property
    def varies(self) -> bool:
        """Say whether anything that hours cost changes over time."""
        return len(self.offers.tariffs.cumulative) > 0


def supply_of(problem: Problem) -> Supply:
    """Return what all jobs of a problem look at."""
    offers, links = table_of(problem), links_of(problem)
    denied, policy_of = _denied(problem)
    filters = filters_of(problem)
    rows = [filters[filter_of(limit)] for limit in problem.limits]
    return Supply(
        problem=problem,
        slots=problem.slots,
        offers=offers,
        links=links,
        copies=copies_of(problem, links),
        node_sizes=tuple(_sizes(problem, group) for group in groups_of(problem)),
        denied=denied,
        policy_of=policy_of,
        filter_row=np.array(rows, dtype=np.int32),
        limits_of=_limits_by_scope(problem),
        held=_held_offers(problem),
    )


def _sizes(problem: Problem, group: Group) -> dict[NodeSize, int]:
    found: dict[NodeSize, int] = {}
    for size in map(size_of, nodes_of(problem, group)):
        found[size] = found.get(size, 0) + 1
    return found


def size_of(node: Node) -> NodeSize:
    """Return the size of a node."""
    gbps = node.interconnect_gbps or 0.0
    return (float(node.accelerators), node.cpus, node.memory_gib, gbps)


def _denied(problem: Problem) -> tuple[Bools, dict[str, int]]:
    """Return the distinct sets of denials as masks, and the set of each job that has one."""
    by_job: dict[str, tuple[int, ...]] = {}
    for number, denial in enumerate(problem.denials):
        for job in denial.subjects if denial.action == "place" else ():
            by_job[job] = (*by_job.get(job, ()), number)
    row_of: dict[tuple[int, ...], int] = {(): 0}
    policy_of = {job: row_of.setdefault(key, len(row_of)) for job, key in by_job.items()}
    place, offers = places_of(problem.offers)
    covered = {
        number: np.array([denial.covers(offer) for offer in offers], dtype=bool)[place]
        for number in sorted({one for key in row_of for one in key})
        for denial in (problem.denials[number],)
    }
    denied = np.zeros((len(row_of), len(problem.offers)), dtype=bool)
    for key, row in row_of.items():
        for number in key:
            denied[row] |= covered[number]
    return denied, policy_of


def _limits_by_scope(problem: Problem) -> dict[tuple[str | None, str | None], tuple[int, ...]]:
    """Return the limits by the tenant and the job that they name."""
    found: dict[tuple[str | None, str | None], tuple[int, ...]] = {}
    for row, limit in enumerate(problem.limits):
        scope = (limit.tenant, limit.job)
        found[scope] = (*found.get(scope, ()), row)
    return found


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Some jobs of a supply with what is known of them at all sites.

    Parameters
    ----------
    policy : indices
        Of each job: row of `Supply.denied`.
    held : indices
        Of each job: the offer that it runs on now; -1 is none.
    limit : indices, (jobs, most)
        The limits that each job may count towards, -1 from the first empty place on.
    """

    supply: Supply
    jobs: JobTable
    shapes: ShapeTable
    sites: SiteTable
    policy: Indices
    held: Indices
    limit: Indices

    @cached_property
    def need(self) -> Floats:
        """Return what a worker of each shape needs: accelerators, CPUs, GiB."""
        shapes = self.shapes
        return np.stack([shapes.accelerators, shapes.cpus, shapes.memory_gib], axis=1)

    @cached_property
    def peak(self) -> Floats:
        """Return the most workers of each shape."""
        peak = self.shapes.workers.copy()
        if len(self.serving):
            peak[self.serving] = self.service.peak
        return peak

    @cached_property
    def on(self) -> Bools:
        """Return whether limits are about the accelerator of each hardware; (L, hardwares)."""
        limits, hardwares = self.supply.problem.limits, self.shapes.hardwares
        rows = [[one.accelerator in (None, name) for name, _ in hardwares] for one in limits]
        return np.array(rows, dtype=bool).reshape(len(limits), len(hardwares))

    def asked(self, sited: Bools, fair: Bools, reject_usd: Floats) -> tuple[Asked, Looked]:
        """Return what compiled functions read of it, and which offers they look at.

        Parameters
        ----------
        sited, fair, reject_usd : bools, bools, floats
            Of each job: as `options.Ties`; its tenant has a due.
        """
        table, tall = self.jobs, self.shapes
        jobs, shapes = records(JOB, table, len(sited)), records(SHAPE, tall, len(tall.job))
        jobs["sited"], jobs["fair"], jobs["reject_usd"] = sited, fair, reject_usd
        jobs["policy"], jobs["held"] = self.policy, self.held
        jobs["move_usd"] = [job.move_usd for job in table.jobs]
        shapes["peak"], shapes["most"] = self.peak, np.inf
        if len(self.serving):
            shapes["most"][self.serving] = self.service.most
            shapes["replica_h"][self.serving] = self.service.worker_h
        by_site = (sited | table.serves)[tall.job]
        keys, look = np.unique(2 * tall.hardware + by_site, return_inverse=True)
        shapes["look"] = look
        return (
            Asked(
                jobs=jobs,
                shapes=shapes,
                site_reasons=self.sites.reasons,
                site_usd=self.sites.usd,
                ready_h=self.sites.ready_h,
                limit=self.limit,
                on=self.on,
            ),
            self._looked(keys.tolist()),
        )

    def _looked(self, keys: Sequence[int]) -> Looked:
        """Return the offers to look at, by twice the hardware, and one more if by site."""
        hardwares, worth_of = self.shapes.hardwares, self.supply.worth_of
        found = [worth_of(hardwares[key // 2], by_site=key % 2 == 1) for key in keys]
        none, sizes = np.zeros(0, dtype=np.int32), [len(offers) for offers, _ in found]
        most = max(sizes, default=0)
        return Looked(
            first=np.cumsum([0, *sizes]),
            offer=np.concatenate([none, *(offers for offers, _ in found)]),
            first_kind=np.cumsum([0, *(len(kinds) for _, kinds in found)]),
            kind=np.concatenate([none, *(kinds for _, kinds in found)]),
            runs=np.empty(len(self.supply.offers.kinds.cpus), RUN),
            trials=np.empty(most, TRIAL),
            uses=np.empty((3, most, self.limit.shape[1])),
        )

    @cached_property
    def service(self) -> Service:
        """Replicas of the shapes of inference jobs: those of the rows in `serving`."""
        supply = self.supply
        return service_of(supply.problem, supply.hours, self.jobs, self.shapes, self.serving)

    @cached_property
    def serving(self) -> Ints:
        """Rows of the shapes of inference jobs."""
        return np.flatnonzero(self.jobs.serves[self.shapes.job])


def chunk_of(supply: Supply, jobs: Sequence[Job]) -> Chunk:
    """Return some jobs with what is known of them at all sites."""
    problem, table = supply.problem, job_table(supply.problem, jobs)
    shapes = shape_table(table)
    return Chunk(
        supply=supply,
        jobs=table,
        shapes=shapes,
        sites=site_table(problem, table, supply.links, supply.copies),
        policy=np.array([supply.policy_of.get(job.id, 0) for job in jobs], dtype=np.int32),
        held=np.array([supply.held.get(job.id, -1) for job in jobs], dtype=np.int32),
        limit=_limits(supply, jobs),
    )


def _held_offers(problem: Problem) -> dict[str, int]:
    """Return the offer that each running job is on; -2 if it is no longer offered."""
    if not problem.lease_of:
        return {}
    row = {offer.id: number for number, offer in enumerate(problem.offers)}
    return {job: row.get(lease.offer, -2) for job, lease in problem.lease_of.items()}


def _limits(supply: Supply, jobs: Sequence[Job]) -> Indices:
    """Return the limits of each job as rows of equal length."""
    general = supply.limits_of
    found = [
        sorted(
            limit
            for tenant in (None, job.tenant)
            for name in (None, job.id)
            for limit in general.get((tenant, name), ())
        )
        for job in jobs
    ]
    most = max(map(len, found), default=0)
    rows = [[*one, *[-1] * (most - len(one))] for one in found]
    return np.array(rows, dtype=np.int32).reshape(len(found), most)
