"""The problem: an immutable snapshot of everything a plan depends on."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING

from hybridplace.errors import InputError
from hybridplace.model.canonical import digest
from hybridplace.model.check import problem_faults
from hybridplace.model.check_types import type_faults
from hybridplace.model.check_values import alive
from hybridplace.model.forecast import Figure, Forecast, Maintenance, by_slot
from hybridplace.model.job import Dataset, Job, Tenant
from hybridplace.model.site import Domain, Lease, Link, Market, Node, Offer, Pool, Site
from hybridplace.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from hybridplace.model.run import Run


class LimitMeasure(StrEnum):
    """What a limit adds up."""

    USD = "usd"
    CARBON_G = "carbon_g"
    ACCELERATOR_H = "accelerator_h"
    MOVES = "moves"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A bound on a sum over the plan: a budget, a cap on carbon, accelerator hours or moves.

    A move is a running job that the plan places on another offer than the one it holds (one that
    is left out is not moved: it costs its `reject_usd`). It belongs to no place, so limits on moves
    have no scope but `tenant` and `job`.

    Scope fields that are None match everything. A transfer counts for the tenant of its dataset
    and the site it goes to, so limits with `job`, `market` or `accelerator` leave transfers out.
    """

    id: str
    measure: LimitMeasure
    at_most: float
    reason: str = ""
    tenant: str | None = None
    job: str | None = None
    site: str | None = None
    provider: str | None = None
    country: str | None = None
    market: Market | None = None
    accelerator: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Keeps jobs from failing together: at most that many of them in one failure domain."""

    id: str
    jobs: tuple[str, ...]
    domain: Domain
    at_most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A policy as people know it: its id, the reason it gives and the article it rests on."""

    id: str
    reason: str
    article: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """What policies forbid: some jobs to run, or some datasets to be copied, at some sites.

    Parameters
    ----------
    action : str
        ``place`` (subjects are jobs) or ``transfer`` (subjects are datasets).
    subjects, sites : tuple of str
        Each of the subjects at each of the sites.
    market, confidential : Market or None, tuple of str or None
        Narrow a ``place`` denial to offers like that; None is every one.
    rules : tuple of str
        Ids of the rules that decided; ``default-deny`` when nothing permits it.
    """

    action: str
    subjects: tuple[str, ...]
    sites: tuple[str, ...]
    market: Market | None = None
    confidential: tuple[str, ...] | None = None
    rules: tuple[str, ...]

    def covers(self, offer: Offer) -> bool:
        """Say whether this denial forbids `offer` to its subjects."""
        return (
            offer.site in self.sites
            and self.market in (None, offer.market)
            and self.confidential in (None, offer.confidential)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """Figures that hold everywhere where nothing better is known; each can be set in the estate.

    Parameters
    ----------
    carbon_usd_t : float
        Price put on a tonne of CO2e.
    cpu_power_w, memory_power_w_gib : float
        Power of a virtual CPU and of a GiB of memory under load (Cloud Carbon Footprint
        methodology, 2023: 3.5 W per vCPU at full load, 0.392 W per GiB).
    accelerator_load : float
        Share of its board power that a busy accelerator draws.
    interruptions_per_h : float
        For spot offers without a figure of their own.
    transfer_gbps : float
        For links without a figure of their own.
    quantile : float
        Which quantile of a job's `work_range` is planned with, in [0, 1].
    unfair_usd : float
        Price of a worst-off tenant that gets nothing of what it is due (see `fairness`).
    """

    carbon_usd_t: float = 0.0
    cpu_power_w: float = 3.5
    memory_power_w_gib: float = 0.392
    accelerator_load: float = 0.8
    interruptions_per_h: float = 0.05
    transfer_gbps: float = 1.0
    quantile: float = 0.5
    unfair_usd: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Everything a plan depends on; two problems with the same values have the same digest.

    Parameters
    ----------
    now : datetime
        Aware; all hours count from here.
    horizon_h, slot_h : float
        Everything ends within the horizon; starts are multiples of `slot_h`, and capacity is
        booked in whole slots.
    leases : tuple of Lease
        What runs now.
    forecasts : tuple of Forecast
        Figures that change over time.
    maintenance : tuple of Maintenance
        When own nodes are not to be used.
    catalog_digest, policy_digest : str or None
        Of the snapshot and the policy set it was gathered from.

    Raises
    ------
    InputError
        When it is not well-formed (see `hybridplace.model.check`); names every fault. Those of
        type come alone, since nothing else can then be asked.
    """

    now: datetime
    horizon_h: float
    slot_h: float = 1.0
    jobs: tuple[Job, ...]
    datasets: tuple[Dataset, ...] = ()
    tenants: tuple[Tenant, ...]
    sites: tuple[Site, ...]
    pools: tuple[Pool, ...] = ()
    offers: tuple[Offer, ...]
    links: tuple[Link, ...] = ()
    limits: tuple[Limit, ...] = ()
    spreads: tuple[Spread, ...] = ()
    rules: tuple[Rule, ...] = ()
    denials: tuple[Denial, ...] = ()
    leases: tuple[Lease, ...] = ()
    forecasts: tuple[Forecast, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()
    assumptions: Assumptions = Assumptions()
    catalog_digest: str | None = None
    policy_digest: str | None = None

    def __post_init__(self) -> None:
        if faults := tuple(type_faults(self)):
            raise InputError(faults)
        by_id = ("jobs", "datasets", "tenants", "sites", "pools", "offers")
        for name in (*by_id, "limits", "spreads", "rules", "leases"):
            values = sorted(getattr(self, name), key=lambda value: value.id)
            object.__setattr__(self, name, tuple(values))
        links = sorted(self.links, key=lambda link: (link.source, link.target))
        object.__setattr__(self, "links", tuple(links))
        object.__setattr__(self, "denials", tuple(sorted(self.denials, key=_denial_order)))
        forecasts = sorted(self.forecasts, key=lambda one: (one.subject, one.measure))
        object.__setattr__(self, "forecasts", tuple(forecasts))
        closed = sorted(self.maintenance, key=_maintenance_order)
        object.__setattr__(self, "maintenance", tuple(closed))
        if faults := problem_faults(self):
            raise InputError(faults)

    @cached_property
    def tenant_ids(self) -> tuple[str, ...]:
        """Ids of the tenants."""
        return tuple(tenant.id for tenant in self.tenants)

    @cached_property
    def digest(self) -> str:
        """Digest of all values, ``sha256:...``."""
        return digest(self)

    @cached_property
    def job(self) -> dict[str, Job]:
        """Jobs by id."""
        return {job.id: job for job in self.jobs}

    @cached_property
    def kind(self) -> dict[str, int]:
        """Number of each job's kind: jobs of one run on one offer, and cost the same anywhere.

        They differ in what no plan depends on, their id and their program, alone.
        """
        names = (one.name for one in fields(Job) if one.name not in ("id", "program"))
        figures = attrgetter(*names)
        number: dict[tuple[object, ...], int] = {}
        found = {}
        for job in self.jobs:
            lease = self.lease_of.get(job.id)
            key = (figures(job), lease and lease.offer)
            found[job.id] = number.setdefault(key, len(number))
        return found

    @cached_property
    def runs(self) -> dict[tuple[int, str, int, float], Run | None]:
        """What `run.run_once` found before, by kind, offer, shape and start."""
        return {}

    @cached_property
    def due_shares(self) -> dict[str, float]:
        """What `fairness.dues` found before, by tenant."""
        return {}

    @cached_property
    def dataset(self) -> dict[str, Dataset]:
        """Datasets by id."""
        return {dataset.id: dataset for dataset in self.datasets}

    @cached_property
    def site(self) -> dict[str, Site]:
        """Sites by id."""
        return {site.id: site for site in self.sites}

    @cached_property
    def pool(self) -> dict[str, Pool]:
        """Pools by id."""
        return {pool.id: pool for pool in self.pools}

    @cached_property
    def node(self) -> dict[str, dict[str, Node]]:
        """Own nodes by pool and id."""
        return {pool.id: {node.id: node for node in pool.nodes} for pool in self.pools}

    @cached_property
    def offer(self) -> dict[str, Offer]:
        """Offers by id."""
        return {offer.id: offer for offer in self.offers}

    @cached_property
    def rule(self) -> dict[str, Rule]:
        """Rules by id."""
        return {rule.id: rule for rule in self.rules}

    @cached_property
    def producer(self) -> dict[str, str]:
        """The job that writes each dataset that has one."""
        return {dataset: job.id for job in self.jobs for dataset in job.outputs}

    @cached_property
    def readers(self) -> dict[str, tuple[str, ...]]:
        """The jobs that read each dataset."""
        readers: dict[str, tuple[str, ...]] = {}
        for job in self.jobs:
            for dataset in dict.fromkeys(job.inputs):
                readers[dataset] = (*readers.get(dataset, ()), job.id)
        return readers

    @cached_property
    def lease_of(self) -> dict[str, Lease]:
        """The live lease of each job that has one."""
        return {lease.job: lease for lease in alive(self.leases)}

    @cached_property
    def own_offers(self) -> tuple[Offer, ...]:
        """What own nodes are had by."""
        return tuple(offer for offer in self.offers if offer.market is Market.OWNED)

    @cached_property
    def own_totals(self) -> tuple[float, float, float]:
        """Accelerators, CPUs and GiB of memory of all own nodes."""
        nodes = [node for pool in self.pools for node in pool.nodes]
        return (
            float(sum(node.accelerators for node in nodes)),
            sum(node.cpus for node in nodes),
            sum(node.memory_gib for node in nodes),
        )

    @cached_property
    def slots(self) -> int:
        """How many slots the horizon has, the last one perhaps not whole."""
        return math.ceil(self.horizon_h / self.slot_h - 1e-6)

    @cached_property
    def by_slot(self) -> dict[tuple[str, Figure], tuple[float, ...]]:
        """Figures that change over time, by subject: what each is in each slot."""
        now = self.now.astimezone(UTC)
        hour = now.replace(minute=0, second=0, microsecond=0)
        begin_h = (now - hour).total_seconds() / SECONDS_PER_HOUR
        return {
            (one.subject, one.measure): by_slot(
                one, begin_h=begin_h, slot_h=self.slot_h, slots=self.slots
            )
            for one in self.forecasts
        }

    @cached_property
    def _links(self) -> dict[tuple[str, str], Link]:
        return {(link.source, link.target): link for link in self.links}

    def link(self, source: str, target: str) -> Link:
        """Return the link between two sites; free and instant at the same site."""
        if source == target:
            return Link(source=source, target=target, usd_gib=0.0, latency_ms=0.0)
        return self._links.get((source, target)) or Link(source=source, target=target)

    @cached_property
    def _denials(self) -> dict[tuple[str, str], list[Denial]]:
        found: dict[tuple[str, str], list[Denial]] = {}
        for denial in self.denials:
            for subject in denial.subjects:
                found.setdefault((denial.action, subject), []).append(denial)
        return found

    def denied(self, action: str, subject: str, site: str) -> tuple[Denial, ...]:
        """Return what policies say against `action` on `subject` at `site`; empty if allowed."""
        return tuple(one for one in self._denials.get((action, subject), ()) if site in one.sites)

    def without_rules(self, *rules: str) -> Problem:
        """Return this problem without some policies and what they alone deny."""
        spared = [
            (denial, tuple(rule for rule in denial.rules if rule not in rules))
            for denial in self.denials
        ]
        return replace(
            self,
            rules=tuple(rule for rule in self.rules if rule.id not in rules),
            denials=tuple(replace(denial, rules=left) for denial, left in spared if left),
        )

    def with_jobs(self, *jobs: Job) -> Problem:
        """Return this problem with exactly these jobs; the others are to be spread no more."""
        kept = {job.id for job in jobs}
        spreads = tuple(
            replace(one, jobs=tuple(job for job in one.jobs if job in kept)) for one in self.spreads
        )
        return replace(self, jobs=jobs, spreads=spreads)


def _denial_order(denial: Denial) -> tuple[str, tuple[str, ...], tuple[str, ...], str, str, str]:
    confidential = "*" if denial.confidential is None else ",".join(denial.confidential)
    pair = (denial.action, denial.subjects, denial.sites)
    return (*pair, denial.market or "*", confidential, ",".join(denial.rules))


def _maintenance_order(one: Maintenance) -> tuple[str, str, float, float]:
    return one.pool, one.node or "", one.start_h, one.end_h
