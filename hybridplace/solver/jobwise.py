"""Loops over the columns of each job of a master problem, compiled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hybridplace.solver.compiled import compiled
from hybridplace.solver.instance import Bools, Floats, Indices, Ints


class Columns(NamedTuple):
    """The arrays of `Master`, `uses` in its three parts."""

    first: Ints
    cost_usd: Floats
    reject_usd: Floats
    unit_usd: Floats
    indptr: Indices
    indices: Indices
    data: Floats


@compiled
def spread_jobs(
    columns: Columns, price: Floats, job_usd: Floats, weight: Floats, used: Floats
) -> float:
    r"""Return :math:`-\sum_j \tau_j \log(\dots)`; write weights, add up what columns use.

    Parameters
    ----------
    job_usd : floats, (J,)
        The temperature of each job.
    weight, used : floats, (n,) and (m,)
        The second is added to.
    """
    smooth_usd = 0.0
    for j in range(len(job_usd)):
        best, cold = columns.reject_usd[j], 1.0 / job_usd[j]
        for i in range(columns.first[j], columns.first[j + 1]):
            usd = columns.cost_usd[i]
            for e in range(columns.indptr[i], columns.indptr[i + 1]):
                usd += columns.data[e] * price[columns.indices[e]]
            weight[i] = usd
            best = min(best, usd)
        total = np.exp((best - columns.reject_usd[j]) * cold)
        for i in range(columns.first[j], columns.first[j + 1]):
            weight[i] = np.exp((best - weight[i]) * cold)
            total += weight[i]
        for i in range(columns.first[j], columns.first[j + 1]):
            weight[i] /= total
            if weight[i] > 0.0:
                for e in range(columns.indptr[i], columns.indptr[i + 1]):
                    used[columns.indices[e]] += weight[i] * columns.data[e]
        smooth_usd += best - np.log(total) * job_usd[j]
    return smooth_usd


@compiled
def bend_jobs(
    columns: Columns, job_usd: Floats, weight: Floats, least: float, hessian: Floats, alone: Floats
) -> None:
    r"""Add minus the Hessian of the smoothed value, and the diagonal of its first sum.

    .. math:: \sum_j \frac{1}{\tau_j} \Big(\sum_{i \in j} w_i a_i a_i^T
              - \sum_{i \in j} w_i a_i \sum_{i \in j} w_i a_i^T\Big)

    Parameters
    ----------
    least : float
        Columns with less weight are left out.
    """
    mean, rows = np.zeros(len(alone)), np.zeros(len(alone), np.int64)
    for j in range(len(job_usd)):
        count, cold = 0, 1.0 / job_usd[j]
        for i in range(columns.first[j], columns.first[j + 1]):
            if weight[i] > least:
                for e in range(columns.indptr[i], columns.indptr[i + 1]):
                    row, used = columns.indices[e], weight[i] * columns.data[e]
                    if mean[row] == 0.0:
                        rows[count] = row
                        count += 1
                    mean[row] += used
                    alone[row] += used * columns.data[e] * cold
                    for f in range(columns.indptr[i], columns.indptr[i + 1]):
                        hessian[row, columns.indices[f]] += used * columns.data[f] * cold
        for a in range(count):
            part = mean[rows[a]] * cold
            for b in range(count):
                hessian[rows[a], rows[b]] -= part * mean[rows[b]]
        for a in range(count):
            mean[rows[a]] = 0.0


@compiled
def least_usd(columns: Columns, price: Floats) -> float:
    """Return what all jobs cost at their best, rejection included."""
    total_usd = 0.0
    for j in range(len(columns.reject_usd)):
        best = columns.reject_usd[j]
        for i in range(columns.first[j], columns.first[j + 1]):
            usd = columns.cost_usd[i]
            for e in range(columns.indptr[i], columns.indptr[i + 1]):
                usd += columns.data[e] * price[columns.indices[e]]
            best = min(best, usd)
        total_usd += best
    return total_usd


@compiled
def good_columns(
    columns: Columns,
    price: Floats,
    box: Floats,
    margin: float,
    good: Bools,
    ways: Ints,
    is_open: Bools,
) -> None:
    """Write which columns can be best in a box, how many of each job, and which jobs are open.

    As `master.core` says; whether a job can be left out counts as a way as well.
    """
    low_usd = np.empty(len(good))
    for j in range(len(ways)):
        worst = columns.reject_usd[j]
        for i in range(columns.first[j], columns.first[j + 1]):
            usd, reach = columns.cost_usd[i], 0.0
            for e in range(columns.indptr[i], columns.indptr[i + 1]):
                usd += columns.data[e] * price[columns.indices[e]]
                reach += abs(columns.data[e]) * box[columns.indices[e]]
            low_usd[i] = usd - reach
            worst = min(worst, usd + reach)
        worst += margin * columns.unit_usd[j]
        ways[j] = 0
        for i in range(columns.first[j], columns.first[j + 1]):
            good[i] = low_usd[i] <= worst
            ways[j] += good[i]
        is_open[j] = ways[j] > 0 and ways[j] + (columns.reject_usd[j] <= worst) >= 2
