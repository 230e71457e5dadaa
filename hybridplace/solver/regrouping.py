"""A plan made and bettered by the steps of `regroup`: its board from an instance with data."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from hybridplace.solver.board import DATASET, JOB, MOST_OUT, OUT, WAY, Board, Rows
from hybridplace.solver.instance import Bools, Data, Floats, Instance, Ints, Prices
from hybridplace.solver.pairs import rank
from hybridplace.solver.pipelines import makers_before
from hybridplace.solver.pricing import limit_uses_at, price_at, reduced, tariff_of
from hybridplace.solver.state import State
from hybridplace.units import transfer_h

MOST_PAIRS, MOST_WAYS = 5_000_000, 500_000
"""Pairs of option and start, and options, that are kept, all jobs together."""

FEWEST, MOST = 24, 40
"""Options of a job that are kept."""

TOGETHER = 10_000
"""Options whose pairs are priced at once: that takes several times their room."""

RESORTS = 4
"""So are the best of those that compete for nothing: a job is not left out for want of a place."""


def board_of(instance: Instance, prices: Prices, extra_usd: Floats, seed: int) -> Board:
    """Return the board on which every job is left out.

    Parameters
    ----------
    prices : Prices
        Tolls, and shares as they count in judging moves.
    extra_usd : floats, (n,)
        What options pay for data.
    """
    assert instance.data is not None  # noqa: S101 - its callers have some
    state, data = State(instance, share_usd=prices.share), instance.data
    options, groups = instance.options, len(instance.capacity)
    usd = reduced(instance, prices, extra_usd).usd
    rows = _kept(instance, usd)
    jobs = _jobs(instance, rows)
    ways, figures = _ways(state, prices, rows)
    user = np.unique(ways["group"] * len(jobs) + options.job[rows])
    partners = _partners(state, jobs)
    needs = np.zeros(data.fee_usd.shape, np.int64)
    np.add.at(needs, (data.deliver[:, 0], data.deliver[:, 1]), 1)
    return Board(
        job=jobs,
        way=ways,
        use=np.ascontiguousarray(state.use[rows], dtype=np.float64),
        curves=np.ascontiguousarray(options.curves, dtype=np.float64),
        urge=_urges(state, usd, rows),
        group_first=_heads(user, np.arange(groups + 2) * len(jobs)),
        slot_h=np.array([instance.slot_h]),
        unfair_usd=np.array([instance.unfair_usd]),
        share_usd=np.append(prices.share, 0.0),
        room=state.room[0].copy(),
        limit_room=np.append(state.limit_room, data.cache_gib),
        share=np.append(state.share, 1.0),
        needs=needs,
        ask_usd=data.fee_usd.astype(np.float64),
        member=np.zeros(len(user), np.int64),
        members=np.zeros(groups + 1, np.int64),
        total=np.array([float(jobs["reject_usd"].sum()), np.inf]),
        draw=np.array([seed + 1], np.uint64),
        **_room_to_work(len(jobs), data.fee_usd.shape[1], instance.slots),
        **figures,
        **partners,
        **_ties(data, jobs, instance.slots),
        **_counted(data, len(state.limit_room)),
    )


def _room_to_work(jobs: int, sites: int, slots: int) -> dict[str, Any]:
    """Return what steps write on, empty."""
    return {
        "out": np.zeros(MOST_OUT, OUT).view(np.recarray),
        "changed": np.zeros(jobs + 1, np.int64),
        "key": np.zeros(MOST_OUT),
        "onward": np.zeros((MOST_OUT, sites, slots + 1)),
        "at_site": np.zeros((3, sites)),
        "at_start": np.zeros((2, slots)),
    }


def _kept(instance: Instance, usd: Floats) -> Ints:
    """Return the options that are worth a try, of each job those of least reduced cost first."""
    options = instance.options
    order = np.lexsort((np.arange(len(usd)), usd, options.job))
    starts = float((options.latest - options.earliest + 1).mean()) if len(usd) else 1.0
    most = min(MOST_PAIRS / max(1.0, starts), MOST_WAYS) / max(1, len(instance.jobs.reject_usd))
    kept = rank(options.job[order]) < int(np.clip(most, FEWEST, MOST))
    free = np.flatnonzero(options.group[order] < 0)
    kept[free[rank(options.job[order[free]]) < RESORTS]] = True
    return order[kept]


def _jobs(instance: Instance, rows: Ints) -> Rows:
    """Return the rows of jobs, all left out; what they read and make is not there yet."""
    jobs = np.zeros(len(instance.jobs.reject_usd), JOB).view(np.recarray)
    number = np.arange(len(jobs) + 1)
    jobs["first"], jobs["end"] = _spans(_heads(instance.options.job[rows], number))
    jobs["tenant"] = instance.jobs.tenant
    jobs["reject_usd"] = jobs["usd"] = instance.jobs.reject_usd
    for name in ("way", "site", "rank", "best_way"):
        jobs[name] = -1
    return jobs


def _urges(state: State, usd: Floats, rows: Ints) -> Floats:
    """Return as what jobs go back first: any, at stake, large, both, small; the least first.

    At stake is what the second best option costs more than the best.
    """
    reject_usd = state.instance.jobs.reject_usd.astype(np.float64)
    owner = state.instance.options.job[rows]
    best, second, size = reject_usd.copy(), reject_usd.copy(), np.zeros(len(reject_usd))
    place = rank(owner)
    for figure, at in ((best, place == 0), (second, place == 1)):
        figure[owner[at]] = np.minimum(figure[owner[at]], usd[rows[at]])
    first = rows[place == 0]
    size[owner[place == 0]] = state.use[first, 0] * state.instance.options.slots[first]
    stake = np.maximum(second - best, 0.0)
    dense = stake / np.maximum(size, 1e-9)
    return np.stack([np.ones(len(size)), -stake, -size, -dense, size], axis=1)


def _ways(state: State, prices: Prices, rows: Ints) -> tuple[Rows, dict[str, Any]]:
    """Return the rows of ways, and the figures of their pairs."""
    instance, options = state.instance, state.instance.options
    count = (options.latest - options.earliest)[rows].astype(np.int64) + 1
    at = np.cumsum(count) - count
    usd, toll, uses = _pairs(state, prices, rows, count)
    ways = np.zeros(len(rows), WAY).view(np.recarray)
    ways["option"], ways["at"], ways["group"] = rows, at, state.group[rows]
    for name in ("site", "earliest", "latest", "curve", "hours", "share"):
        ways[name] = getattr(options, name)[rows]
    ways["length"] = options.slots[rows]
    if instance.slots == 1:  # nothing comes after anything
        ways["hours"] = 0.0
    if len(rows):
        ways["least_usd"] = np.minimum.reduceat(usd, at)
        ways["flat"] = _flat(usd, at) & _flat(toll, at)
    limits = len(instance.at_most)
    limit = np.where(options.limit < 0, limits, options.limit)[rows].astype(np.int64)
    return ways, {
        "usd": usd,
        "toll_usd": toll,
        "way_limit": np.ascontiguousarray(limit if limits else limit[:, :0]),
        "limit_use": uses,
    }


def _pairs(state: State, prices: Prices, rows: Ints, count: Ints) -> tuple[Floats, Floats, Floats]:
    """Return what the pairs of options cost, their tolls and uses of limits, some at a time."""
    instance, total, at = state.instance, int(count.sum()), 0
    usd, toll = np.empty(total), np.empty(total)
    uses = np.empty((total, instance.options.limit.shape[1] if len(instance.at_most) else 0))
    tariff = tariff_of(instance, prices)
    for begin in range(0, len(rows), TOGETHER):
        many = count[begin : begin + TOGETHER]
        option = np.repeat(rows[begin : begin + TOGETHER], many)
        start = instance.options.earliest[option] + rank(option)
        part = slice(at, at + len(option))
        usd[part] = state.costs(option, start)
        toll[part] = price_at(tariff, option, start) - usd[part]
        uses[part] = limit_uses_at(instance, option, start)[:, : uses.shape[1]]
        at += len(option)
    return usd, toll, uses


def _flat(figures: Floats, at: Ints) -> Bools:
    """Tell which runs of figures are all the same."""
    spread = np.maximum.reduceat(figures, at) - np.minimum.reduceat(figures, at)
    return np.asarray(spread <= 1e-9)


def _partners(state: State, jobs: Rows) -> dict[str, Any]:
    """Return whom each job must be with or apart from."""
    pairs = [(job, *one) for job in sorted(state.partners) for one in state.partners[job]]
    owner = np.array([job for job, _, _ in pairs], np.int64)
    jobs["partner_first"], jobs["partner_end"] = _spans(_heads(owner, np.arange(len(jobs) + 1)))
    return {
        "partner": np.array([other for _, other, _ in pairs], np.int64),
        "together": np.array([same for _, _, same in pairs], np.bool_),
    }


def _ties(data: Data, jobs: Rows, slots: int) -> dict[str, Any]:
    """Return which data jobs read and make; write where those of each begin into its row."""
    datasets = len(data.maker)
    number = np.arange(len(jobs) + 1)
    by_dataset = np.lexsort((data.reads[:, 0], data.reads[:, 1]))
    made = np.flatnonzero(data.maker >= 0)
    made = made[np.argsort(data.maker[made], kind="stable")]
    jobs["read_first"], jobs["read_end"] = _spans(_heads(data.reads[:, 0], number))
    jobs["make_first"], jobs["make_end"] = _spans(_heads(data.maker[made], number))
    near = _near(data, jobs)
    jobs["depth"], jobs["tree"] = makers_before(data, len(jobs)), _trees(data, len(jobs))
    rows = np.zeros(datasets, DATASET).view(np.recarray)
    rows["maker"], rows["size_gib"] = data.maker, data.size_gib
    spans = _spans(_heads(data.reads[by_dataset, 1], np.arange(datasets + 1)))
    rows["reader_first"], rows["reader_end"] = spans
    with np.errstate(divide="ignore"):
        h_gib = transfer_h(1.0, 1.0) / data.gbps if slots > 1 else np.zeros_like(data.gbps)
    return {
        "data": rows,
        "near": near,
        "read": np.ascontiguousarray(data.reads[:, 1]),
        "make": made,
        "reader": np.ascontiguousarray(data.reads[by_dataset, 0]),
        "fee_usd": np.ascontiguousarray(data.fee_usd, dtype=np.float64),
        "usd_gib": np.ascontiguousarray(data.usd_gib, dtype=np.float64),
        "h_gib": np.ascontiguousarray(h_gib, dtype=np.float64),
    }


def _trees(data: Data, jobs: int) -> Ints:
    """Return the number of each job's pipeline, -1 if it is in none."""
    edges = data.reads[data.maker[data.reads[:, 1]] >= 0]
    maker = data.maker[edges[:, 1]]
    joined = coo_matrix((np.ones(len(edges)), (edges[:, 0], maker)), shape=(jobs, jobs))
    _, tree = connected_components(joined, directed=False)
    alone = np.bincount(tree)[tree] == 1
    return np.where(alone, -1, tree).astype(np.int64)


def _counted(data: Data, caches: int) -> dict[str, Any]:
    """Return what each copy counts towards: limits, and caches, which come from row `caches` on."""
    dataset, site = np.nonzero((data.copy_gib > 0) & np.isfinite(data.cache_gib))
    stored = np.stack([site + caches, dataset, site], axis=1)
    limit, dataset, site = np.concatenate([data.limit, stored]).astype(np.int64).T
    gib = np.where(limit < caches, 0.0, data.copy_gib[dataset, site])
    datasets, sites = data.copy_gib.shape
    cell = dataset * sites + site
    order = np.argsort(cell, kind="stable")
    return {
        "copy_first": _heads(cell[order], np.arange(datasets * sites + 1)),
        "copy_limit": np.ascontiguousarray(limit[order]),
        "copy_gib": np.ascontiguousarray(gib[order]),
    }


def _near(data: Data, jobs: Rows) -> Ints:
    """Return makers of what each job reads, then readers of what it makes."""
    reader, maker = data.reads[:, 0], data.maker[data.reads[:, 1]].astype(np.int64)
    reader, maker = reader[maker >= 0], maker[maker >= 0]
    owner, other = np.append(reader, maker), np.append(maker, reader)
    later = np.repeat([0, 1], len(reader))
    order = np.lexsort((other, later, owner))
    heads = _heads((owner * 2 + later)[order], np.arange(2 * len(jobs) + 1))
    jobs["maker_first"], jobs["user_first"], jobs["user_end"] = (
        heads[:-1:2],
        heads[1::2],
        heads[2::2],
    )
    return other[order]


def _heads(keys: Any, numbers: Ints) -> Ints:
    """Return where each of `numbers` begins in sorted keys."""
    return np.searchsorted(keys, numbers).astype(np.int64)


def _spans(heads: Ints) -> tuple[Ints, Ints]:
    return heads[:-1], heads[1:]
