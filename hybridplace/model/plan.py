"""What a solver decides, and what the engine does about it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import StrEnum
from operator import attrgetter

from hybridplace.model.certificate import Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One worker on an own node, with the accelerators (by index) that it uses."""

    node: str
    devices: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """One job on one offer, from `start_h` to `end_h` (hours since `Problem.now`).

    Parameters
    ----------
    shape : int
        Index into `Job.shapes`.
    machines : int
        How many are acquired at the peak; on own nodes, how many nodes are used.
    shares : tuple of Share
        One per worker on own nodes; empty elsewhere.
    """

    job: str
    offer: str
    shape: int
    start_h: float
    end_h: float
    machines: int
    shares: tuple[Share, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One dataset copied from one site to another, once for all who read it there."""

    dataset: str
    source: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What a plan or a placement costs, line by line, in USD.

    The first six are paid in money; the rest price what nobody bills.
    """

    compute_usd: float = 0.0
    disk_usd: float = 0.0
    address_usd: float = 0.0
    egress_usd: float = 0.0
    lost_spot_work_usd: float = 0.0
    energy_usd: float = 0.0
    carbon_usd: float = 0.0
    lateness_usd: float = 0.0
    latency_usd: float = 0.0
    disruption_usd: float = 0.0
    rejection_usd: float = 0.0
    unfairness_usd: float = 0.0

    @property
    def money_usd(self) -> float:
        """Return what is paid: compute, disks, addresses, egress, lost spot work and energy."""
        return (
            self.compute_usd
            + self.disk_usd
            + self.address_usd
            + self.egress_usd
            + self.lost_spot_work_usd
            + self.energy_usd
        )

    @property
    def total_usd(self) -> float:
        """Return the sum of all lines: what the solver minimises."""
        return float(sum(getattr(self, field.name) for field in fields(self)))

    @staticmethod
    def added_up(costs: Iterable[Costs]) -> Costs:
        """Return the sum of each line, the same in any order."""
        names = [field.name for field in fields(Costs)]
        lines = zip(*map(attrgetter(*names), costs), strict=True)
        return Costs(**dict(zip(names, map(math.fsum, lines), strict=False)))


class Status(StrEnum):
    """What is proven about a plan; of an interrupted one that better was still being looked for."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unplaced:
    """A job that the plan leaves out; `reasons` counts the excluded offers per reason."""

    job: str
    reasons: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where and when every job runs, what that costs, and how far from the best it can be.

    Parameters
    ----------
    objective_usd, bound_usd : float
        Total cost, and a proven lower bound on what any plan for this problem costs.
    carbon_g : float or None
        Emissions; None if a figure is missing.
    problem_digest : str
        Of the problem it was made for.
    certificate : Certificate or None
        What the bound can be computed again from; None where only a search proved it.
    quantile : float or None
        Of the ranges of work that some jobs have: its hours hold with this chance. None if no job
        has one.
    """

    placements: tuple[Placement, ...]
    transfers: tuple[Transfer, ...]
    unplaced: tuple[Unplaced, ...]
    status: Status
    costs: Costs
    objective_usd: float
    bound_usd: float
    carbon_g: float | None
    solver: str
    seed: int
    problem_digest: str
    certificate: Certificate | None = None
    quantile: float | None = None

    @property
    def gap(self) -> float:
        """Return the proven gap: (objective - bound) / bound, 0 when both are 0."""
        if self.objective_usd <= self.bound_usd:
            return 0.0
        return (self.objective_usd - self.bound_usd) / max(abs(self.bound_usd), 1e-9)


class Verb(StrEnum):
    """What an action does."""

    ACQUIRE = "acquire"
    RELEASE = "release"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One step from the leases that exist to the plan; `key` makes repeating it harmless.

    Parameters
    ----------
    provider : str or None
        Of a lease to release, who holds it; of an acquisition, the offer tells.
    late_h : float
        Of an acquisition, the hours since the placement was to start.
    """

    verb: Verb
    job: str
    offer: str
    machines: int
    key: str
    provider: str | None = None
    late_h: float = 0.0
