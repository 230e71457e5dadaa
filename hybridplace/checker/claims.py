"""Pools that take whole jobs in each slot, those that pay the most there: knapsacks over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hybridplace.checker.columns import Bools, Floats, Ints
from hybridplace.checker.knapsacks import EIGHTHS, most_worth
from hybridplace.model.capacity import SIZE_TOLERANCE
from hybridplace.model.certificate import Certificate, SlotPrice
from hybridplace.model.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What jobs pay for accelerators of knapsacks, slot by slot.

    Parameters
    ----------
    chosen : bools, (groups + 1,)
        Which groups are knapsacks.
    row : ints, (jobs, groups + 1)
        Of `slot_usd` and `eighths`; the last, where nothing is paid, for jobs without prices there.
    group, job : ints, (rows,)
    eighths : tuple of ints, of each row
        Eighths of an accelerator that the job may be counted to take, ascending.
    slot_usd, paid_usd : floats, (rows, slots) and (rows, slots + 1)
        Of an accelerator: the price, and the sum of the prices in the slots before.
    """

    chosen: Bools
    row: Ints
    group: Ints
    job: Ints
    eighths: tuple[Ints, ...]
    slot_usd: Floats
    paid_usd: Floats

    def counted(self, row: Ints, use: Floats) -> Floats:
        """Return the accelerators that are paid for.

        Parameters
        ----------
        row, use : ints and floats, (k,)
        """
        taken, found = _eighths(use), np.zeros(len(row))
        for one in np.unique(row).tolist():
            of_row = row == one
            sizes = np.append(0, self.eighths[one])
            at = np.searchsorted(sizes, taken[of_row], side="right") - 1
            found[of_row] = sizes[at] / EIGHTHS
        return found

    def filled_usd(self, at_most: Floats) -> Iterator[float]:
        """Yield what each slot of each knapsack is paid at the most, less than 0.

        Parameters
        ----------
        at_most : floats, (groups + 1, slots)
            Accelerators that there are.
        """
        room = _eighths(at_most)
        for group, slot in np.argwhere(self.chosen[:, None] & (room > 0)).tolist():
            rows = np.flatnonzero((self.group == group) & (self.slot_usd[:, slot] > 0))
            if not len(rows):
                continue
            rows = rows[np.argsort(self.job[rows], kind="stable")]
            sizes = [self.eighths[one] for one in rows.tolist()]
            counts = [len(one) for one in sizes]
            size, usd = np.concatenate(sizes), np.repeat(self.slot_usd[rows, slot], counts)
            job, gain = np.repeat(self.job[rows], counts), usd * size / EIGHTHS
            yield -most_worth(job, size, gain, np.ones_like(size), int(room[group, slot]))


def claims_of(
    problem: Problem, certificate: Certificate, row: dict[tuple[str, str | None], int]
) -> Claims | None:
    """Return the knapsacks over time of a certificate; None if it has none."""
    if not certificate.knapsacks or problem.slots == 1:
        return None
    prices, jobs = certificate.slot_prices, len(problem.jobs)
    number = {job.id: place for place, job in enumerate(problem.jobs)}
    chosen = np.zeros(len(row) + 1, dtype=bool)
    chosen[[row[one.pool, one.accelerator] for one in certificate.knapsacks]] = True
    job = np.array([number[one.job] for one in prices], dtype=np.int64)
    group = np.array([row[one.pool, one.accelerator] for one in prices], dtype=np.int64)
    rows = np.full((jobs, len(row) + 1), len(prices))
    rows[job, group] = np.arange(len(prices))
    slot_usd = np.zeros((len(prices) + 1, problem.slots))
    for place, one in enumerate(prices):
        slot_usd[place, one.first_slot : one.first_slot + len(one.prices_usd)] = one.prices_usd
    return Claims(
        chosen=chosen,
        row=rows,
        group=np.append(group, -1),
        job=np.append(job, -1),
        eighths=(*(_eighths(np.array(one.accelerators)) for one in prices), np.zeros(0, np.int64)),
        slot_usd=slot_usd,
        paid_usd=np.pad(np.cumsum(slot_usd, axis=1), ((0, 0), (1, 0))),
    )


def claim_faults(problem: Problem, certificate: Certificate) -> Iterator[str]:
    """Yield what is wrong with prices of jobs in slots."""
    prices, sacks = certificate.slot_prices, certificate.knapsacks
    if problem.slots == 1 and prices:
        yield "prices of jobs in slots are for knapsacks over time"
    if problem.slots > 1 and certificate.jobs:
        yield "over time jobs have prices in slots, not one for all"
    if problem.slots > 1 and any(one.accelerator is None for one in sacks):
        yield "over time the accelerators of own nodes are knapsacks, and nothing else"
    known, seen = {(one.pool, one.accelerator) for one in sacks}, set[tuple[str, str, str]]()
    for one in prices:
        told = f"job {one.job} in pool {one.pool} with {one.accelerator}"
        if one.job not in problem.job or (one.pool, one.accelerator) not in known:
            yield f"{told}: there is no such job or knapsack"
        if (one.job, one.pool, one.accelerator) in seen:
            yield f"{told}: priced twice"
        seen.add((one.job, one.pool, one.accelerator))
        yield from (f"{told}: {fault}" for fault in _figure_faults(one, problem.slots))


def _figure_faults(price: SlotPrice, slots: int) -> Iterator[str]:
    """Yield figures that mean nothing."""
    usd, sizes = np.array(price.prices_usd), np.array(price.accelerators)
    if not (np.isfinite(usd) & (usd >= 0)).all():
        yield "a price is no number, or negative"
    if price.first_slot < 0 or price.first_slot + len(usd) > slots:
        yield f"{len(usd)} slots from {price.first_slot} on, there are {slots}"
    if not _ascend(sizes):
        yield "its accelerators do not ascend from above 0"


def _ascend(sizes: Floats) -> bool:
    return bool(np.isfinite(sizes).all() and (np.diff(_eighths(np.append(0.0, sizes))) > 0).all())


def _eighths(use: Floats | Sequence[float]) -> Ints:
    """Return how many eighths that is, rounded down: what takes less makes the bound no higher."""
    return np.floor(np.asarray(use) * EIGHTHS + SIZE_TOLERANCE).astype(np.int64)
