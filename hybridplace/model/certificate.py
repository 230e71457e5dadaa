"""What proves the bound of a plan: the prices of all that is scarce, by name.

At any prices that are not negative, the sum of what each job costs at its cheapest, less what all
that is scarce would fetch, is a lower bound on what any plan costs (docs/model.md, "Certificates").
So whoever has problem and prices can compute the bound again, and need not know how it was found.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Capacity(StrEnum):
    """What of a pool is scarce: of own nodes the first three, of a quota what it counts."""

    ACCELERATORS = "accelerators"
    CPUS = "cpus"
    MEMORY_GIB = "memory_gib"
    QUOTA = "quota"


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityPrice:
    """What a unit of a pool's capacity is worth in each of `slots` slots from `first_slot` on.

    Parameters
    ----------
    accelerator : str or None
        Of own nodes, which are priced apart by accelerator; None for those without, and quotas.
    price_usd : float
        Per unit and slot.
    """

    pool: str
    accelerator: str | None = None
    capacity: Capacity
    first_slot: int
    slots: int
    price_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitPrice:
    """What a unit of a limit is worth: a dollar, a gram, an accelerator hour."""

    limit: str
    price_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadPrice:
    """What the place of a job of a spread is worth in one of its failure domains."""

    spread: str
    domain: str
    price_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SharePrice:
    """What all that a tenant is due of the own nodes is worth, where unfairness has a price."""

    tenant: str
    price_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyPrice:
    """What a reader pays for a dataset at a site: towards its copy; if it is made, to its maker.

    The maker earns it at the site where it makes it: what remains is the price of the way.
    """

    job: str
    dataset: str
    site: str
    price_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPrice:
    """What placing a job is worth; it counts only up to what that costs outside of knapsacks.

    The one price that may be below 0: of a job whose cost is less than its share is worth.
    """

    job: str
    price_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Knapsack:
    """A pool that takes whole jobs, those worth the most beyond their cost, instead of a price.

    Of a quota what it counts, of own nodes their accelerators; where all is one slot. Over time, of
    own nodes alone, each slot takes the whole jobs that pay the most there (`SlotPrice`).
    """

    pool: str
    accelerator: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotPrice:
    """What a job pays per accelerator in slots of a knapsack, and nothing in all others.

    Parameters
    ----------
    accelerators : tuple of float
        What it may be counted to take, ascending: it pays for the most of these that is no more
        than what it takes, for nothing if all are more.
    first_slot, prices_usd : int, tuple of float
        A price for each slot from the first on.
    """

    job: str
    pool: str
    accelerator: str
    accelerators: tuple[float, ...]
    first_slot: int
    prices_usd: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The prices that are not zero, and the bound that follows from them.

    Parameters
    ----------
    bound_usd : float
        Can be computed again from the prices.
    jobs, knapsacks : tuple of JobPrice, tuple of Knapsack
        All jobs have a price if there is any knapsack and all is one slot.
    slot_prices : tuple of SlotPrice
        Over time, of the knapsacks.
    searched_usd : float or None
        A higher bound that a search proved, if one did; nobody can compute it again but by search.
    """

    bound_usd: float
    capacity: tuple[CapacityPrice, ...] = ()
    limits: tuple[LimitPrice, ...] = ()
    spreads: tuple[SpreadPrice, ...] = ()
    shares: tuple[SharePrice, ...] = ()
    copies: tuple[CopyPrice, ...] = ()
    jobs: tuple[JobPrice, ...] = ()
    knapsacks: tuple[Knapsack, ...] = ()
    slot_prices: tuple[SlotPrice, ...] = ()
    searched_usd: float | None = None
