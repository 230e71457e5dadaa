"""Who is in the way of a pair, in the rows of its group and on nodes, is taken out."""

from __future__ import annotations

import numpy as np

from hybridplace.solver.compiled import bare_inner
from hybridplace.solver.draws import uniform
from hybridplace.solver.moves import fits, lacking, leave, regret
from hybridplace.solver.sitting import lacks, rise, sit
from hybridplace.solver.walking import MOST_OUT, Plan, Table

SAMPLE = 100
"""Jobs of a slot that are looked at, from a drawn one on."""

NODES = 8
"""Nodes, from a drawn one on, of which one is cleared."""


@bare_inner
def take_out(table: Table, plan: Plan, job: int, n: int) -> int:
    """Take a job out and note where it was; return how many are noted."""
    plan.out[n], plan.was[n] = job, plan.pair[job]
    if plan.pair[job] >= 0:
        leave(table, plan, job)
    return n + 1


@bare_inner
def sits(table: Table, plan: Plan, job: int, p: int) -> bool:
    """Tell whether all workers of a pair find nodes; others may have moved over by then."""
    found = sit(table, plan, job, p, True)
    g = table.group[p]
    if found and table.node_first[g] < table.node_first[g + 1]:
        rise(table, plan, job, p, table.workers[table.option[p]])
    return found


@bare_inner
def fullest(table: Table, plan: Plan, p: int) -> int:
    """Return the node that lacks least for one more worker, of some that are drawn; or -1."""
    begin, end = table.node_first[table.group[p]], table.node_first[table.group[p] + 1]
    best, least = -1, np.inf
    node = begin + int(uniform(plan.draw) * (end - begin))
    for _ in range(min(end - begin, NODES)):
        lacking_there = lacks(table, plan, p, 0, node, least)
        if 0.0 < lacking_there < least:
            best, least = node, lacking_there
        node = node + 1 if node + 1 < end else begin
    return best


@bare_inner
def short_slot(table: Table, plan: Plan, p: int, node: int) -> int:
    """Return a slot in which a node has no room for a worker: the first from a drawn one on."""
    i, begin, slots = table.option[p], table.start[p], table.length[p]
    since = int(uniform(plan.draw) * slots)
    for _ in range(slots):
        for r in range(table.use.shape[1]):
            if plan.berth[r, begin + since, node] < table.worker_use[i, r]:
                return int(begin + since)
        since = since + 1 if since + 1 < slots else 0
    return -1


@bare_inner
def squatter(table: Table, plan: Plan, p: int, tries: int) -> int:
    """Return who would lose little on a node that lacks accelerators for a worker; -1 if nobody."""
    node = fullest(table, plan, p)
    if node < 0:
        return -1
    slot, wide = short_slot(table, plan, p, node), table.worker_use[table.option[p], 0]
    best, least, seat = -1, np.inf, plan.sitter[node]
    while seat >= 0:
        other = table.sitter[seat]
        q = plan.pair[other]
        seat = plan.next[seat]
        if table.start[q] <= slot < table.start[q] + table.length[q]:
            use = min(table.worker_use[table.option[q], 0], wide) + 1e-3
            usd = (regret(table, plan, other, p) + 1e-3) / use
            usd *= 0.5 + uniform(plan.draw)
            if usd < least:
                best, least = other, usd
            tries -= 1
            if tries <= 0:
                break
    return best


@bare_inner
def victim(table: Table, plan: Plan, p: int, slot: int, r: int, tries: int) -> int:
    """Return who would lose little per unit of what a pair lacks in a slot; -1 if nobody."""
    cell = table.cell[p] + slot - table.start[p]
    size, base = plan.crowds[cell], table.crowd_first[cell]
    best, least, found = -1, np.inf, 0
    if size == 0:
        return -1
    at = int(uniform(plan.draw) * size)
    for _ in range(min(size, SAMPLE)):
        other = plan.crowd[base + at]
        at = at + 1 if at + 1 < size else 0
        use = min(table.use[table.option[plan.pair[other]], r], table.use[table.option[p], r])
        if use <= 0.0:
            continue
        usd = (regret(table, plan, other, p) + 1e-3) / use
        usd *= 0.5 + uniform(plan.draw)
        if usd < least:
            best, least = other, usd
        found += 1
        if found >= tries:
            break
    return best


@bare_inner
def clear_way(table: Table, plan: Plan, job: int, p: int, n: int) -> int:
    """Take out jobs that are in the way of a pair until it fits."""
    tries = 1 if uniform(plan.draw) < 0.3 else 12
    while n < MOST_OUT // 2 and table.cell[p] >= 0:
        slot, r = lacking(table, plan, p)
        if slot >= 0:
            other = victim(table, plan, p, slot, r, tries)
        elif not fits(table, plan, job, p) or sits(table, plan, job, p):
            break
        else:
            other = squatter(table, plan, p, tries)
        if other < 0:
            break
        n = take_out(table, plan, other, n)
    return n
