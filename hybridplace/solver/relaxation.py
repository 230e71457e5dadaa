"""The relaxed problem of `sharing` as arrays: options by job and site, what is scarce, readers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from hybridplace.solver.copies import charges, surcharge
from hybridplace.solver.instance import Data, Floats, Instance, Ints
from hybridplace.solver.pipelines import Forest, forest_of
from hybridplace.solver.pricing import no_prices, reduced


@dataclass(frozen=True, slots=True, kw_only=True)
class Readers:
    r"""Reads of data that several jobs read, sorted by dataset; R of D.

    Parameters
    ----------
    read, job : ints, (R,)
        Rows of `Data.reads`, and who reads.
    of : ints, (R,)
        Which of `fee_usd`.
    fee_usd : floats, (D, S)
    by_job : matrix, (J, R)
    by_dataset : matrix, (D, R)
    """

    read: Ints
    job: Ints
    of: Ints
    fee_usd: Floats
    by_job: sparse.csr_matrix
    by_dataset: sparse.csr_matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    r"""Options in the order of (job, site), and the rows of what is scarce.

    Parameters
    ----------
    row : ints, (n,)
        Rows of `Options`.
    cost_usd : floats, (n,)
    cell : ints, (n,)
        Job times (S + 1) plus site.
    first : ints
        Where each cell begins.
    use, square : matrices, (n, m)
        What each takes of each scarce thing over all slots, and the square of that.
    """

    row: Ints
    cost_usd: Floats
    cell: Ints
    first: Ints
    use: sparse.csr_matrix
    square: sparse.csr_matrix

    def kept(self, keep: Ints) -> Offered:
        """Return some of them, in the same order."""
        cell = self.cell[keep]
        return Offered(
            row=self.row[keep],
            cost_usd=self.cost_usd[keep],
            cell=cell,
            first=heads(cell),
            use=self.use[keep],
            square=self.square[keep],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxed:
    r"""All that the dual needs.

    Parameters
    ----------
    fixed_usd : floats, (J, S + 1)
        What a site costs a job at any prices: data that nobody else reads, deliveries; in the last
        column leaving it out.
    most : floats, (m,)
        How much there is of each scarce thing; over time of none, prices are by slot then.
    scarce : ints, (m, 2)
        (group, resource), or (limit, -1).
    """

    instance: Instance
    fixed_usd: Floats
    offered: Offered
    most: Floats
    scarce: Ints
    readers: Readers
    forest: Forest


def relaxed_of(instance: Instance) -> Relaxed:
    """Return the arrays of an instance with data."""
    data = data_of(instance)
    jobs = len(instance.jobs.reject_usd)
    over = surcharge(data, np.zeros(len(instance.at_most)))
    fixed = np.zeros((jobs, data.fee_usd.shape[1] + 1))
    fixed[:, :-1] = charges(instance, no_prices(instance))
    fixed[:, -1] = instance.jobs.reject_usd
    readers = _readers_of(data, jobs, fixed)
    offered, scarce, most = _offered_of(instance, fixed)
    return Relaxed(
        instance=instance,
        fixed_usd=fixed,
        offered=offered,
        most=most,
        scarce=scarce,
        readers=readers,
        forest=forest_of(data, jobs, over),
    )


def _readers_of(data: Data, jobs: int, fixed: Floats) -> Readers:
    """Return the reads of what several jobs read; add the fees of the others to `fixed`."""
    homed = np.flatnonzero(data.maker[data.reads[:, 1]] < 0)
    count = np.bincount(data.reads[homed, 1], minlength=len(data.maker))
    alone = count[data.reads[homed, 1]] == 1
    np.add.at(fixed[:, :-1], data.reads[homed[alone], 0], data.fee_usd[data.reads[homed[alone], 1]])
    read = homed[~alone]
    read = read[np.argsort(data.reads[read, 1], kind="stable")]
    job, dataset = data.reads[read].T
    datasets, of = np.unique(dataset, return_inverse=True)
    fee_usd = data.fee_usd[datasets]
    ones, order = np.ones(len(read)), np.arange(len(read))
    return Readers(
        read=read,
        job=job,
        of=of,
        fee_usd=np.where(np.isfinite(fee_usd), fee_usd, 0.0),
        by_job=sparse.csr_matrix((ones, (job, order)), shape=(jobs, len(read))),
        by_dataset=sparse.csr_matrix((ones, (of, order)), shape=(len(datasets), len(read))),
    )


def _offered_of(instance: Instance, fixed: Floats) -> tuple[Offered, Ints, Floats]:
    """Return the options that a plan may take, what is scarce, and how much there is of it."""
    options = instance.options
    usd = reduced(instance, no_prices(instance)).usd
    sites = fixed.shape[1]
    cell = options.job.astype(np.int64) * sites + options.site
    rows = np.flatnonzero(np.isfinite(fixed.ravel()[cell]))
    rows = rows[np.argsort(cell[rows], kind="stable")]
    scarce, most, use = _scarce(instance)
    offered = Offered(
        row=rows,
        cost_usd=usd[rows],
        cell=cell[rows],
        first=heads(cell[rows]),
        use=use[rows],
        square=use[rows].power(2),
    )
    return offered, scarce, most


def _scarce(instance: Instance) -> tuple[Ints, Floats, sparse.csr_matrix]:
    """Return (group, resource) or (limit, -1) of each scarce thing, how much, and its use."""
    options = instance.options
    if instance.slots > 1:
        none = sparse.csr_matrix((len(options.job), 0))
        return np.zeros((0, 2), dtype=np.int64), np.zeros(0), none
    total = instance.capacity.sum(axis=2)
    scarce = np.argwhere(np.isfinite(total))
    number = np.full(total.shape, -1)
    number[tuple(scarce.T)] = np.arange(len(scarce))
    booked = options.slots.astype(np.float64)
    curved = np.flatnonzero(options.curve >= 0)
    booked[curved] = options.curves[options.curve[curved]].sum(axis=1)
    parts = []
    for resource in range(options.use.shape[1]):
        use = options.use[:, resource] * booked
        column = np.where(options.group >= 0, number[options.group, resource], -1)
        some = np.flatnonzero((use > 0) & (column >= 0))
        parts.append((some, column[some], use[some]))
    for k in range(options.limit.shape[1]):
        some = np.flatnonzero((options.limit[:, k] >= 0) & (options.limit_use[:, k] != 0))
        parts.append((some, options.limit[some, k] + len(scarce), options.limit_use[some, k]))
    row, column, amount = (np.concatenate(part) for part in zip(*parts, strict=True))
    limits = np.arange(len(instance.at_most))
    scarce = np.concatenate([scarce, np.stack([limits, np.full_like(limits, -1)], axis=1)])
    use = sparse.csr_matrix((amount, (row, column)), shape=(len(options.job), len(scarce)))
    return scarce, np.concatenate([total[np.isfinite(total)], instance.at_most]), use


def heads(sorted_keys: Ints) -> Ints:
    """Return where each run of equal keys begins."""
    if not len(sorted_keys):
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(np.append(True, sorted_keys[1:] != sorted_keys[:-1]))


def data_of(instance: Instance) -> Data:
    """Return the data of an instance that has some."""
    if instance.data is None:
        raise ValueError("there is no data")
    return instance.data
