"""Writes down what a walk never changes, from pairs, prices and a state: `walking.Table`."""

from __future__ import annotations

from typing import Any

import numpy as np

from hybridplace.solver.crowd import covered, coverers
from hybridplace.solver.instance import Floats, Indices, Ints, Options, Prices
from hybridplace.solver.pairs import Pairs
from hybridplace.solver.pricing import limit_uses_at
from hybridplace.solver.state import State
from hybridplace.solver.walking import BEST_PAIRS, Table

LOOSE = 0.02
"""Of a limit that has a price: by how much steps may exceed it on their way."""


def table_of(state: State, pairs: Pairs, prices: Prices, chosen: Ints) -> Table:
    """Return what a walk over some pairs never changes; there are no nodes yet.

    Parameters
    ----------
    chosen : ints
        The options that pairs have, ascending: rows of the table's arrays.
    """
    instance, options = state.instance, state.instance.options
    option = pairs.option
    group, job = state.group[option].astype(np.int64), options.job[option]
    length = options.slots[option].astype(np.int64)
    groups, jobs = len(instance.capacity), len(instance.jobs.reject_usd)
    return Table(
        first=pairs.first.astype(np.int64),
        usd=pairs.usd,
        toll_usd=pairs.reduced_usd - pairs.usd,
        cheapest=np.lexsort((pairs.usd, job)),
        option=np.searchsorted(chosen, option),
        group=group,
        start=pairs.start.astype(np.int64, copy=False),
        length=length,
        use=np.ascontiguousarray(state.use[chosen], dtype=np.float64),
        site=options.site[chosen].astype(np.int32, copy=False),
        tenant=instance.jobs.tenant.astype(np.int64),
        share=options.share[chosen] if options.share.any() else np.zeros(len(chosen)),
        reject_usd=instance.jobs.reject_usd.astype(np.float64),
        least_usd=pairs.best_usd,
        worth_usd=_worth(pairs, state, group, job),
        size=_sizes(pairs, state, length),
        price=_prices(state, prices),
        share_usd=np.ascontiguousarray(state.share_usd, dtype=np.float64),
        unfair_usd=float(instance.unfair_usd),
        limit_usd=np.ascontiguousarray(state.limit_usd, dtype=np.float64),
        limit_full=state.full_limit_room,
        loose=_loose(state),
        node_first=np.zeros(groups + 2, np.int64),
        workers=np.zeros(len(chosen), np.int64),
        worker_use=np.zeros((len(chosen), len(state.resources))),
        seat_first=np.zeros(jobs + 1, np.int64),
        sitter=np.zeros(0, np.int64),
        **_loads(options, chosen),
        **_crowds(pairs, group, length, groups, instance.slots),
        **_limits(state, pairs, chosen),
        **_partners(state),
    )


def _loads(options: Options, chosen: Ints) -> dict[str, Any]:
    """Return how many of the workers are at work by and by, and how many have a place.

    Those who come again keep their accelerator meanwhile, so that all find one: see
    `nodes.pack_known`.
    """
    curves = np.ascontiguousarray(options.curves, dtype=np.float64)
    came = np.maximum.accumulate(curves, axis=1)
    will_come = np.maximum.accumulate(curves[:, ::-1], axis=1)[:, ::-1]
    return {
        "curve": options.curve[chosen].astype(np.int32, copy=False),
        "curves": curves,
        "spells": np.minimum(came, will_come),
    }


def _prices(state: State, prices: Prices) -> Floats:
    groups, _, slots = prices.capacity.shape
    price = np.zeros((groups + 1, slots, len(state.resources)))
    price[:groups] = prices.capacity[:, state.resources].transpose(0, 2, 1)
    return price


def _crowds(pairs: Pairs, group: Ints, length: Ints, groups: int, slots: int) -> dict[str, Any]:
    """Return who may run in each slot of each group, and who might at best."""
    first, cells = pairs.first.astype(np.int64), groups * slots
    cell = np.where(group < groups, group * slots + pairs.start, -1)
    most = np.zeros(len(first) - 1, np.int64)
    own = np.flatnonzero(np.diff(first) > 0)
    if len(own):
        most[own] = np.maximum.reduceat(np.where(cell < 0, 0, length), first[own])
    counts = covered(first, cell, length, len(cell), cells)
    wisher_first = _ends(covered(first, cell, length, BEST_PAIRS, cells))
    return {
        "cell": cell,
        "crowd_first": _ends(counts),
        "stay_first": _ends(most),
        "wisher_first": wisher_first,
        "wisher": coverers(first, cell, length, BEST_PAIRS, wisher_first),
    }


def _ends(counts: Ints) -> Ints:
    """Return where parts of such sizes begin, one after the other, and where the last ends."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _distinct(keys: Ints) -> Ints:
    """Return keys from 0 on in order, each once: `np.unique` takes ten times as long."""
    ordered = np.sort(keys)
    found: Ints = ordered[np.diff(ordered, prepend=-1) != 0]
    return found


def _limits(state: State, pairs: Pairs, chosen: Ints) -> dict[str, Any]:
    """Return what pairs count towards limits, and the jobs that may count towards each."""
    instance, options = state.instance, state.instance.options
    limits, jobs = len(instance.at_most), len(instance.jobs.reject_usd)
    if not limits:
        none = np.zeros(0, np.int64)
        return {
            "limit": np.zeros((len(chosen), 0), np.int64),
            "limit_use": np.zeros((len(pairs.option), 0)),
            "payer_first": np.zeros(1, np.int64),
            "payer": none,
        }
    limit = options.limit[chosen].astype(np.int64)
    limit[limit < 0] = limits
    counted = limit[np.searchsorted(chosen, pairs.option)]
    job = np.broadcast_to(options.job[pairs.option][:, None], counted.shape)
    key = _distinct(counted[counted < limits] * jobs + job[counted < limits])
    return {
        "limit": limit,
        "limit_use": limit_uses_at(instance, pairs.option, pairs.start),
        "payer_first": np.searchsorted(key, np.arange(limits + 1) * jobs).astype(np.int64),
        "payer": key % jobs,
    }


def _loose(state: State) -> Floats:
    """Return by how much steps may exceed each limit on their way: those that have a price."""
    at_most = np.append(np.abs(state.instance.at_most), 0.0)
    return np.where(np.append(state.limit_usd, 0.0) > 0, LOOSE * at_most, 0.0)


def _worth(pairs: Pairs, state: State, group: Ints, job: Indices) -> Floats:
    """Return what jobs pay more where nothing is scarce than their least reduced cost."""
    free = group == len(state.instance.capacity)
    least = state.instance.jobs.reject_usd.astype(np.float64)
    np.minimum.at(least, job[free], pairs.reduced_usd[free])
    return least - pairs.best_usd


def _sizes(pairs: Pairs, state: State, length: Ints) -> Floats:
    jobs = len(state.instance.jobs.reject_usd)
    sizes = np.zeros(jobs)
    some = np.flatnonzero(np.diff(pairs.first) > 0)
    p = pairs.first[some]
    sizes[some] = state.use[pairs.option[p], 0] * length[p]
    return sizes


def _partners(state: State) -> dict[str, Any]:
    """Return whom jobs must be with or apart from."""
    count = np.zeros(len(state.instance.jobs.reject_usd), np.int64)
    found = [(job, *pair) for job in sorted(state.partners) for pair in state.partners[job]]
    np.add.at(count, [job for job, _, _ in found], 1)
    return {
        "partner_first": np.concatenate([[0], np.cumsum(count)]).astype(np.int64),
        "partner": np.array([other for _, other, _ in found], np.int64),
        "together": np.array([together for _, _, together in found], np.bool_),
    }
