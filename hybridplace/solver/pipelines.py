"""Pipelines: what a result costs depends on where both its maker and its reader run.

The edges from makers to readers form a forest, and along it the cheapest sites of all stages
together are found by messages, exactly or smoothed (min-sum and sum-product: Kschischang, Frey and
Loeliger, "Factor graphs and the sum-product algorithm", IEEE Transactions on Information Theory 47
(2001), doi:10.1109/18.910572). Tables have a row for each job and a column for each site; the last
column is "left out".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hybridplace.solver.compiled import compiled
from hybridplace.solver.copies import reading_usd
from hybridplace.solver.instance import Bools, Data, Floats, Ints

NEGLIGIBLE = 16.0
"""Terms so many temperatures above the least: ten million of them would move it a little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    r"""Edges of the same distance from the root.

    Parameters
    ----------
    read : ints, (E,)
        Rows of `Data.reads`.
    child, parent : ints, (E,)
        Jobs; one makes what the other reads.
    makes : bools, (E,)
        Whether the child is the maker.
    usd : floats, (E, S + 1, S + 1)
        What the copy costs by (child's site, parent's site); inf where a plan cannot be. Never
        more than on a detour: :math:`u_{qs} \le u_{qt} + u_{ts}`.
    """

    read: Ints
    child: Ints
    parent: Ints
    makes: Bools
    usd: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """The edges of all pipelines; those that would close a circle are not in it.

    Parameters
    ----------
    levels : levels
        From the leaves to the roots.
    root : bools, (J,)
        Jobs that are no edge's child.
    """

    levels: tuple[Level, ...]
    root: Bools


def makers_before(data: Data, jobs: int) -> Ints:
    """Return how many makers come before each job, at most; (J,)."""
    depth = np.zeros(jobs, dtype=np.int64)
    made = data.reads[data.maker[data.reads[:, 1]] >= 0]
    for _ in range(jobs):
        deep = depth.copy()
        np.maximum.at(deep, made[:, 0], depth[data.maker[made[:, 1]]] + 1)
        if (deep == depth).all():
            break
        depth = deep
    return depth


def forest_of(data: Data, jobs: int, over: Floats) -> Forest:
    """Return the forest of pipelines, each tree hung up at its first job.

    Parameters
    ----------
    over : floats, (D, S)
        `copies.surcharge`.
    """
    reads = np.flatnonzero(data.maker[data.reads[:, 1]] >= 0)
    child, parent, depth = _hang(data, jobs, reads)
    kept = np.flatnonzero(child >= 0)
    reads, child, parent = reads[kept], child[kept], parent[kept]
    usd = _edge_usd(data, reads, over)
    makes = data.maker[data.reads[reads, 1]] == child
    usd[~makes] = usd[~makes].transpose(0, 2, 1)
    root = np.ones(jobs, dtype=bool)
    root[child] = False
    level = depth[parent]
    return Forest(
        levels=tuple(
            Level(
                read=reads[at],
                child=child[at],
                parent=parent[at],
                makes=makes[at],
                usd=usd[at],
            )
            for at in (np.flatnonzero(level == k) for k in range(depth.max(initial=0), -1, -1))
            if len(at)
        ),
        root=root,
    )


def _hang(data: Data, jobs: int, reads: Ints) -> tuple[Ints, Ints, Ints]:
    """Return child and parent of each edge, -1 where it closes a circle, and each job's depth."""
    ends = [(int(data.maker[d]), int(job)) for job, d in data.reads[reads]]
    near: dict[int, list[tuple[int, int]]] = {}
    for edge, (maker, reader) in enumerate(ends):
        near.setdefault(maker, []).append((edge, reader))
        near.setdefault(reader, []).append((edge, maker))
    child, parent = np.full(len(reads), -1), np.full(len(reads), -1)
    depth = np.full(jobs, -1)
    for root in sorted(near):
        if depth[root] >= 0:
            continue
        depth[root], queue = 0, [root]
        for job in queue:
            for edge, other in near[job]:
                if depth[other] < 0:
                    depth[other] = depth[job] + 1
                    child[edge], parent[edge] = other, job
                    queue.append(other)
    return child, parent, depth


def _edge_usd(data: Data, reads: Ints, over: Floats) -> Floats:
    """Return what an edge costs by (maker's site, reader's site), an equal part for each reader."""
    sites = data.fee_usd.shape[1]
    readers = np.bincount(data.reads[:, 1], minlength=len(data.maker))
    delivered = {(int(one), int(target)) for one, target in data.deliver}
    usd = np.zeros((len(reads), sites + 1, sites + 1))
    for k, dataset in enumerate(data.reads[reads, 1]):
        usd[k, :sites, :sites] = reading_usd(data, int(dataset), over, delivered)
        usd[k] /= readers[dataset]
    _shorten(usd[:, :sites, :sites])
    usd[:, sites, :sites] = np.inf
    return usd


def _shorten(usd: Floats) -> None:
    """Replace what costs more than a detour, in place (Floyd 1962, doi:10.1145/367766.368168)."""
    for via in range(usd.shape[1]):
        np.minimum(usd, usd[:, :, via, None] + usd[:, None, via, :], out=usd)


def gather(forest: Forest, usd: Floats, tau: float) -> list[Floats]:
    """Add to each job the least cost of those below it, by its site; return the messages.

    Parameters
    ----------
    usd : floats, (J, S + 1)
        Changed in place.
    tau : float
        Temperature of the smoothed minimum in USD; 0 is the minimum.
    """
    messages = []
    for level in forest.levels:
        message = np.empty((len(level.child), usd.shape[1]))
        pass_on(usd[level.child], level.usd, True, tau, message)
        np.add.at(usd, level.parent, message)
        messages.append(message)
    return messages


def spread(forest: Forest, usd: Floats, messages: list[Floats], tau: float) -> None:
    """Add to each job, after `gather`, the least cost of all others in its tree, in place."""
    for level, message in zip(reversed(forest.levels), reversed(messages), strict=True):
        above = usd[level.parent]
        rest = np.where(np.isfinite(above), above, 0.0) - np.where(
            np.isfinite(message), message, 0.0
        )
        rest[~np.isfinite(above)] = np.inf
        down = np.empty(rest.shape)
        pass_on(rest, level.usd, False, tau, down)
        usd[level.child] += down


@compiled
def pass_on(usd: Floats, edge: Floats, up: bool, tau: float, message: Floats) -> None:
    r"""Write :math:`-\tau \log \sum_s e^{-(usd_s + edge_{sq}) / \tau}` of each edge and site q.

    Terms that are `NEGLIGIBLE` temperatures above the least are left out.

    Parameters
    ----------
    usd : floats, (E, S + 1)
    edge : floats, (E, S + 1, S + 1)
    up : bool
        From child to parent; else sums are over the second index of `edge`.
    tau : float
        0 is the minimum.
    message : floats, (E, S + 1)
    """
    sites = usd.shape[1]
    for e in range(len(usd)):
        for q in range(sites):
            least = np.inf
            for s in range(sites):
                least = min(least, usd[e, s] + (edge[e, s, q] if up else edge[e, q, s]))
            message[e, q] = least
            if tau > 0.0 and least < np.inf:
                total, most = 0.0, least + NEGLIGIBLE * tau
                for s in range(sites):
                    one = usd[e, s] + (edge[e, s, q] if up else edge[e, q, s])
                    if one < most:
                        total += np.exp((least - one) / tau)
                message[e, q] = least - tau * np.log(total)


def softmin(usd: Floats, axis: int, tau: float) -> Floats:
    r"""Return :math:`-\tau \log \sum e^{-usd / \tau}` along an axis, exact however far apart.

    The sums are of 32 bits: their relative error of 1e-7 is :math:`10^{-7} \tau` USD.
    """
    least = usd.min(axis=axis, keepdims=True)
    if tau == 0:
        exact: Floats = np.squeeze(least, axis)
        return exact
    base = np.where(np.isfinite(least), least, 0.0)
    weight = np.subtract(base, usd, dtype=np.float64)
    weight /= tau
    small = weight.astype(np.float32)
    np.exp(small, out=small)
    with np.errstate(divide="ignore"):
        total = np.log(small.sum(axis=axis, dtype=np.float32), dtype=np.float64)
    smooth: Floats = np.squeeze(base, axis) - tau * total
    return smooth


def edge_prices(forest: Forest, messages: list[Floats], reads: int, most_usd: float) -> Floats:
    r"""Return :math:`\omega` from the messages of an exact `gather`.

    A message to the reader is what its input costs by site; a message to the maker is what it
    saves. With these prices each job by itself costs as much as the trees together, since a
    message changes from site to site by no more than the copy costs.

    Parameters
    ----------
    most_usd : float
        Prices are cut off here: what no plan would pay.
    """
    edge = np.zeros((reads, messages[0].shape[1] - 1 if messages else 0))
    for level, message in zip(forest.levels, messages, strict=True):
        grows = np.where(level.makes[:, None], message, -message)
        left_out = np.where(level.makes, message[:, -1], -message[:, -1])[:, None]
        edge[level.read] = np.minimum(grows[:, :-1] - left_out, most_usd)
    return edge
