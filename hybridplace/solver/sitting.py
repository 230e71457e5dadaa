"""Workers on nodes while a walk goes on: who sits where, and who moves over for a larger one."""

from __future__ import annotations

import numpy as np

from hybridplace.solver.compiled import bare_inner
from hybridplace.solver.draws import uniform
from hybridplace.solver.walking import Plan, Table

LOOKED_AT = 16
"""Nodes, from a drawn one on, of which one is cleared for a worker."""

MOST_ASKED = 12
"""Workers on it that are asked to move to other nodes."""


@bare_inner
def works(table: Table, i: int, worker: int, since: int) -> bool:
    """Tell whether a worker keeps its place that long after the start: some come late, go early."""
    curve = table.curve[i]
    return bool(curve < 0 or table.spells[curve, since] * table.workers[i] > worker + 1e-6)


@bare_inner
def seats_one(table: Table, plan: Plan, p: int, worker: int, node: int) -> bool:
    """Tell whether a node has room for a worker."""
    i, begin = table.option[p], table.start[p]
    for since in range(table.length[p]):
        if works(table, i, worker, since):
            for r in range(table.use.shape[1]):
                if plan.berth[r, begin + since, node] < table.worker_use[i, r]:
                    return False
    return True


@bare_inner
def lacks(table: Table, plan: Plan, p: int, worker: int, node: int, most: float) -> float:
    """Return what a node lacks to hold a worker, in workers times slots; at `most` it may stop."""
    i, begin, lacking = table.option[p], table.start[p], 0.0
    for since in range(table.length[p]):
        if works(table, i, worker, since):
            for r in range(table.use.shape[1]):
                use = table.worker_use[i, r]
                left = plan.berth[r, begin + since, node]
                if left < use:
                    lacking += (use - left) / use
        if lacking >= most:
            break
    return lacking


@bare_inner
def count_seat(table: Table, plan: Plan, p: int, worker: int, node: int, sign: float) -> None:
    """Count a worker on a node."""
    i, begin = table.option[p], table.start[p]
    for since in range(table.length[p]):
        if works(table, i, worker, since):
            for r in range(table.use.shape[1]):
                plan.berth[r, begin + since, node] -= sign * table.worker_use[i, r]


@bare_inner
def sit_down(table: Table, plan: Plan, job: int, p: int, worker: int, node: int) -> None:
    """Put a worker on a node."""
    seat = table.seat_first[job] + worker
    count_seat(table, plan, p, worker, node, 1.0)
    last = plan.sitter[node]
    plan.seat[seat], plan.next[seat], plan.before[seat] = node, last, -1
    if last >= 0:
        plan.before[last] = seat
    plan.sitter[node] = seat


@bare_inner
def stand_up(table: Table, plan: Plan, job: int, p: int, worker: int) -> None:
    """Take a worker from its node."""
    seat = table.seat_first[job] + worker
    node, after, before = plan.seat[seat], plan.next[seat], plan.before[seat]
    count_seat(table, plan, p, worker, node, -1.0)
    if after >= 0:
        plan.before[after] = before
    if before >= 0:
        plan.next[before] = after
    else:
        plan.sitter[node] = after


@bare_inner
def rise(table: Table, plan: Plan, job: int, p: int, workers: int) -> None:
    """Give back the nodes of the first workers of a job."""
    for worker in range(workers):
        stand_up(table, plan, job, p, worker)


@bare_inner
def shift(table: Table, plan: Plan, seat: int, node: int) -> None:
    """Move a worker of a placed job to another node."""
    job = table.sitter[seat]
    worker, p = seat - table.seat_first[job], plan.pair[job]
    stand_up(table, plan, job, p, worker)
    sit_down(table, plan, job, p, worker, node)


@bare_inner
def snuggest(table: Table, plan: Plan, p: int, worker: int, but: int) -> int:
    """Return the node, `but` one, with room for a worker that is least free before and after.

    -1 if none has room.
    """
    g, begin = table.group[p], table.start[p]
    use = table.worker_use[table.option[p], 0]
    end, best, least_free = begin + table.length[p], -1, np.inf
    for node in range(table.node_first[g], table.node_first[g + 1]):
        if plan.berth[0, begin, node] < use or node == but:
            continue
        around = 0.0
        if begin > 0:
            around += plan.berth[0, begin - 1, node]
        if end < plan.berth.shape[1]:
            around += plan.berth[0, end, node]
        if around < least_free and seats_one(table, plan, p, worker, node):
            best, least_free = node, around
    return best


@bare_inner
def clear(table: Table, plan: Plan, job: int, p: int, worker: int, node: int) -> bool:
    """Move workers that need no more to other nodes until a node has room for this one.

    False, and all as it was, if that does not do.
    """
    most, noted = table.worker_use[table.option[p], 0], plan.shifts[0]
    begin, seat = table.start[p], plan.sitter[node]
    end, asked = begin + table.length[p], 0
    while seat >= 0 and asked < MOST_ASKED and plan.shifts[0] < len(plan.shifted):
        other, after = table.sitter[seat], plan.next[seat]
        q = plan.pair[other]
        meets = table.start[q] < end and table.start[q] + table.length[q] > begin
        if other != job and meets and table.worker_use[table.option[q], 0] <= most:
            asked += 1
            to = snuggest(table, plan, q, seat - table.seat_first[other], node)
            if to >= 0:
                shift(table, plan, seat, to)
                plan.shifted[plan.shifts[0]] = seat
                plan.shifts[0] += 1
                if seats_one(table, plan, p, worker, node):
                    return True
        seat = after
    while plan.shifts[0] > noted:
        plan.shifts[0] -= 1
        shift(table, plan, plan.shifted[plan.shifts[0]], node)
    return False


@bare_inner
def make_room(table: Table, plan: Plan, job: int, p: int, worker: int) -> int:
    """Return a node that was cleared for a worker, of some the one that lacks least; or -1."""
    begin, end = table.node_first[table.group[p]], table.node_first[table.group[p] + 1]
    best, least = -1, np.inf
    node = begin + int(uniform(plan.draw) * (end - begin))
    for _ in range(min(end - begin, LOOKED_AT)):
        lacking = lacks(table, plan, p, worker, node, least)
        if lacking < least:
            best, least = node, lacking
        node = node + 1 if node + 1 < end else begin
    return best if clear(table, plan, job, p, worker, best) else -1


@bare_inner
def sit(table: Table, plan: Plan, job: int, p: int, ask: bool) -> bool:
    """Give each worker of a job a node with room; False, and none, if one finds none.

    If they are asked to, others may have moved to other nodes by then.
    """
    i, g = table.option[p], table.group[p]
    if table.node_first[g] == table.node_first[g + 1]:
        return True
    node = -1
    for worker in range(table.workers[i]):
        if node < 0 or not seats_one(table, plan, p, worker, node):
            node = snuggest(table, plan, p, worker, -1)
        if node < 0 and ask:
            node = make_room(table, plan, job, p, worker)
        if node < 0:
            rise(table, plan, job, p, worker)
            return False
        sit_down(table, plan, job, p, worker, node)
    return True


@bare_inner
def sit_again(table: Table, plan: Plan, job: int, p: int) -> None:
    """Give the workers of a job the nodes that they had before the step."""
    g, base = table.group[p], table.seat_first[job]
    for seat in range(base, table.seat_first[job + 1]):
        plan.seat[seat] = plan.old_seat[seat]
    if table.node_first[g] < table.node_first[g + 1]:
        for worker in range(table.workers[table.option[p]]):
            sit_down(table, plan, job, p, worker, plan.old_seat[base + worker])


@bare_inner
def seat_again(table: Table, plan: Plan, job: int, p: int) -> None:
    """Count the nodes that the workers of a job have."""
    for seat in range(table.seat_first[job], table.seat_first[job + 1]):
        plan.old_seat[seat] = plan.seat[seat]
    sit_again(table, plan, job, p)


@bare_inner
def shift_back(table: Table, plan: Plan) -> None:
    """Move who moved over during a step back, those taken out apart."""
    for k in range(plan.shifts[0]):
        seat = plan.shifted[k]
        if plan.pair[table.sitter[seat]] >= 0 and plan.seat[seat] != plan.old_seat[seat]:
            shift(table, plan, seat, plan.old_seat[seat])
    plan.shifts[0] = 0


@bare_inner
def remain(table: Table, plan: Plan, n: int) -> None:
    """Take the nodes after a step for those from now on."""
    for k in range(n):
        for seat in range(table.seat_first[plan.out[k]], table.seat_first[plan.out[k] + 1]):
            plan.old_seat[seat] = plan.seat[seat]
    for k in range(plan.shifts[0]):
        plan.old_seat[plan.shifted[k]] = plan.seat[plan.shifted[k]]
    plan.shifts[0] = 0
