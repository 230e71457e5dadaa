"""The prices of a certificate as arrays, and what is wrong with them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hybridplace.checker.claims import Claims, claim_faults, claims_of
from hybridplace.checker.columns import Floats, Ints
from hybridplace.checker.copies import Copies
from hybridplace.checker.knapsacks import Knapsacks, knapsacks_of
from hybridplace.checker.shares import Shares, due_of, shares_of
from hybridplace.checker.spreads import Spreads
from hybridplace.model.capacity import closed, machine_counts, quota_size, whole_machines
from hybridplace.model.certificate import Capacity, CapacityPrice, Certificate
from hybridplace.model.problem import Problem
from hybridplace.model.site import Market

Group = tuple[str, str | None]
"""What jobs compete for: a quota, or the nodes of an own pool with one accelerator."""

COLUMN = {Capacity.ACCELERATORS: 0, Capacity.CPUS: 1, Capacity.MEMORY_GIB: 2, Capacity.QUOTA: 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scarcity:
    """Prices of what is scarce.

    Parameters
    ----------
    group : ints, (offers,)
        Row of `slot_usd`; the last, where all is free, for offers that compete for nothing.
    slot_usd, at_most : floats, (groups + 1, 3, slots)
        Price and amount of accelerators, CPUs and GiB of own nodes; of quotas in the first column.
    limit_usd : floats, (limits,)
    spreads, shares : Spreads, Shares
    copies : Copies
        What data costs.
    """

    group: Ints
    slot_usd: Floats
    at_most: Floats
    limit_usd: Floats
    spreads: Spreads
    shares: Shares
    copies: Copies
    knapsacks: Knapsacks | None = None
    claims: Claims | None = None


def scarcity_of(problem: Problem, certificate: Certificate) -> Scarcity:
    """Return the prices of a certificate without faults as arrays."""
    at_most = _amounts(problem)
    row = {group: number for number, group in enumerate(at_most)}
    slots = problem.slots
    slot_usd = np.zeros((len(row) + 1, 3, slots))
    for one in certificate.capacity:
        when = slice(one.first_slot, one.first_slot + one.slots)
        slot_usd[row[one.pool, one.accelerator], COLUMN[one.capacity], when] = one.price_usd
    amounts = np.zeros(slot_usd.shape)
    for number, amount in enumerate(at_most.values()):
        amounts[number] = amount
    priced = {one.limit: one.price_usd for one in certificate.limits}
    limit_usd = np.array([priced.get(limit.id, 0.0) for limit in problem.limits])
    copies: dict[tuple[str, str], dict[str, float]] = {}
    for copy in certificate.copies:
        copies.setdefault((copy.job, copy.dataset), {})[copy.site] = copy.price_usd
    return Scarcity(
        group=np.array([row.get(_group(problem, one.id), len(row)) for one in problem.offers]),
        slot_usd=slot_usd,
        at_most=amounts,
        limit_usd=limit_usd,
        spreads=Spreads(problem, certificate.spreads),
        shares=shares_of(problem, certificate.shares),
        copies=Copies(problem, copies, limit_usd),
        knapsacks=knapsacks_of(problem, certificate, row),
        claims=claims_of(problem, certificate, row),
    )


def terms_usd(problem: Problem, scarcity: Scarcity) -> Iterator[float]:
    """Yield what is added to the sum over jobs: for capacity, limits, spreads, shares, copies."""
    yield -float((scarcity.slot_usd * scarcity.at_most).sum())
    yield -sum(
        float(usd) * limit.at_most
        for usd, limit in zip(scarcity.limit_usd, problem.limits, strict=True)
    )
    yield -scarcity.spreads.sold_usd
    yield scarcity.shares.earned_usd
    yield from scarcity.copies.lost_usd()
    if scarcity.claims is not None:
        yield from scarcity.claims.filled_usd(scarcity.at_most[:, 0])


def price_faults(problem: Problem, certificate: Certificate) -> Iterator[str]:
    """Yield each price that is negative, no number, given twice, or of what is not there."""
    yield from _capacity_faults(problem, certificate)
    for price in certificate.limits:
        if price.limit not in {limit.id for limit in problem.limits}:
            yield f"there is no limit {price.limit}"
    yield from _spread_faults(problem, certificate)
    yield from _share_faults(problem, certificate)
    known = {(job.id, dataset) for job in problem.jobs for dataset in job.inputs}
    for copy in certificate.copies:
        if (copy.job, copy.dataset) not in known:
            yield f"no job {copy.job} reads a dataset {copy.dataset}"
        if copy.site not in problem.site:
            yield f"there is no site {copy.site}"
    yield from _knapsack_faults(problem, certificate)
    yield from claim_faults(problem, certificate)
    yield from _figure_faults(certificate)


def _spread_faults(problem: Problem, certificate: Certificate) -> Iterator[str]:
    """Yield each price of a spread or of a domain that is not there."""
    domain = {one.id: one.domain for one in problem.spreads}
    for price in certificate.spreads:
        if price.spread not in domain:
            yield f"there is no spread {price.spread}"
        elif price.domain not in {one.within(domain[price.spread]) for one in problem.sites}:
            yield f"spread {price.spread}: there is no {domain[price.spread]} {price.domain}"


def _share_faults(problem: Problem, certificate: Certificate) -> Iterator[str]:
    """Yield each price of a tenant that is not there, or to whom nobody can be unfair."""
    due = due_of(problem) if certificate.shares else {}
    for share in certificate.shares:
        if share.tenant not in problem.tenant_ids:
            yield f"there is no tenant {share.tenant}"
        elif share.tenant not in due:
            yield f"no unfairness to tenant {share.tenant} costs anything"


def _amounts(problem: Problem) -> dict[Group, Floats]:
    """Return how much there is of what each group has, in each slot."""
    found: dict[Group, Floats] = {}
    counts = machine_counts(problem)
    for pool in problem.pools:
        if pool.measure is not None:
            found[pool.id, None] = np.zeros((3, problem.slots))
            for slot in range(problem.slots):
                most = whole_machines(quota_size(problem, pool, slot), counts[pool.id])
                found[pool.id, None][0, slot] = most
        shut = closed(problem, pool)
        for node in pool.nodes:
            amount = found.setdefault((pool.id, node.accelerator), np.zeros((3, problem.slots)))
            size = np.array([node.accelerators, node.cpus, node.memory_gib], dtype=np.float64)
            slots = [slot for slot in range(problem.slots) if (node.id, slot) not in shut]
            amount[:, slots] += size[:, None]
    return found


def _group(problem: Problem, offer: str) -> Group:
    one = problem.offer[offer]
    return one.pool or "", one.accelerator if one.market is Market.OWNED else None


def _capacity_faults(problem: Problem, certificate: Certificate) -> Iterator[str]:
    amounts, slots = _amounts(problem), problem.slots
    taken: set[tuple[Group, int, int]] = set()
    for one in certificate.capacity:
        group = (one.pool, one.accelerator)
        if group not in amounts or not _is_counted(problem, one):
            yield f"there are no {one.capacity} {_told(one)}"
        elif one.first_slot < 0 or one.slots < 1 or one.first_slot + one.slots > slots:
            told = f"{one.slots} slots from {one.first_slot} on, there are {slots}"
            yield f"{one.capacity} {_told(one)}: {told}"
        else:
            when = range(one.first_slot, one.first_slot + one.slots)
            cells = {(group, COLUMN[one.capacity], slot) for slot in when}
            if cells & taken:
                yield f"{one.capacity} {_told(one)}: priced twice in a slot"
            taken |= cells


def _knapsack_faults(problem: Problem, certificate: Certificate) -> Iterator[str]:
    """Yield each knapsack that is none: of what is not there, or priced as well."""
    groups = _amounts(problem)
    priced = {
        (one.pool, one.accelerator) for one in certificate.capacity if COLUMN[one.capacity] == 0
    }
    for one in certificate.knapsacks:
        told = f"in pool {one.pool}" + (f" with {one.accelerator}" if one.accelerator else "")
        if (one.pool, one.accelerator) not in groups:
            yield f"there is no knapsack {told}"
        if (one.pool, one.accelerator) in priced:
            yield f"what is {told} is a knapsack and has a price"
    for job in certificate.jobs:
        if job.job not in problem.job:
            yield f"there is no job {job.job}"


def _is_counted(problem: Problem, price: CapacityPrice) -> bool:
    pool = problem.pool[price.pool]
    if pool.measure is not None:
        return price.capacity == Capacity.QUOTA
    boards = price.capacity == Capacity.ACCELERATORS
    return price.capacity != Capacity.QUOTA and not (boards and price.accelerator is None)


def _told(price: CapacityPrice) -> str:
    return f"in pool {price.pool}" + (f" with {price.accelerator}" if price.accelerator else "")


def _figure_faults(certificate: Certificate) -> Iterator[str]:
    named = [
        *((f"limit {one.limit}", one.price_usd) for one in certificate.limits),
        *((f"spread {one.spread}, {one.domain}", one.price_usd) for one in certificate.spreads),
        *((f"tenant {one.tenant}", one.price_usd) for one in certificate.shares),
        *((f"{one.job}, {one.dataset}, {one.site}", one.price_usd) for one in certificate.copies),
    ]
    jobs = [(f"job {one.job}", one.price_usd) for one in certificate.jobs]
    seen: set[str] = set()
    for name, _ in (*named, *jobs):
        if name in seen:
            yield f"{name}: priced twice"
        seen.add(name)
    capacity = ((f"{one.capacity} {_told(one)}", one.price_usd) for one in certificate.capacity)
    for name, usd in (*capacity, *named):
        if not 0.0 <= usd < math.inf:
            yield f"{name}: its price is {usd}, expected a number that is not negative"
    for name, usd in jobs:
        if not math.isfinite(usd):
            yield f"{name}: its price is {usd}, expected a number"
