"""What a search by moves works on, in machine code: what fits, what a job would lose, and moves."""

from __future__ import annotations

import numpy as np

from hybridplace.solver.compiled import bare, bare_inner
from hybridplace.solver.crowd import depart, join
from hybridplace.solver.draws import uniform
from hybridplace.solver.instance import Floats, Ints
from hybridplace.solver.sitting import rise, seat_again, sit
from hybridplace.solver.walking import SMALLEST_USD, Plan, Table

MOST_ASKED = 2
"""Pairs of a job for which others are asked to move over, as long as none is found that holds."""


@bare_inner
def least(values: Floats) -> float:
    """Return the least of some values."""
    found = np.inf
    for value in values:
        found = min(found, value)
    return found


@bare_inner
def tightest(table: Table, plan: Plan) -> float:
    """Return the least that steps may still take of any limit."""
    found = np.inf
    for k in range(len(plan.limit_room)):
        found = min(found, plan.limit_room[k] + table.loose[k])
    return found


@bare_inner
def fits(table: Table, plan: Plan, job: int, p: int) -> bool:
    """Tell whether a pair of a job that is left out breaks no row."""
    i, g = table.option[p], table.group[p]
    resources = table.use.shape[1]
    if g < len(table.price) - 1:
        begin, curve = table.start[p], table.curve[i]
        for t in range(begin, begin + table.length[p]):
            for r in range(resources):
                use = table.use[i, r]
                if curve >= 0:
                    use *= table.curves[curve, t - begin]
                if plan.room[g, t, r] < use:
                    return False
    for k in range(table.limit.shape[1]):
        limit = table.limit[i, k]
        if table.limit_use[p, k] > max(plan.limit_room[limit] + table.loose[limit], 0.0):
            return False
    for k in range(table.partner_first[job], table.partner_first[job + 1]):
        other = plan.pair[table.partner[k]]
        if other >= 0:
            same = table.site[table.option[other]] == table.site[i]
            if same != table.together[k]:
                return False
    return True


@bare_inner
def count(table: Table, plan: Plan, job: int, p: int, sign: float) -> None:
    """Count a pair in every row."""
    i, g = table.option[p], table.group[p]
    if g < len(table.price) - 1:
        begin, curve = table.start[p], table.curve[i]
        for t in range(begin, begin + table.length[p]):
            share = sign if curve < 0 else sign * table.curves[curve, t - begin]
            for r in range(table.use.shape[1]):
                plan.room[g, t, r] -= share * table.use[i, r]
    for k in range(table.limit.shape[1]):
        plan.limit_room[table.limit[i, k]] -= sign * table.limit_use[p, k]
    if table.share[i] > 0:
        plan.share[table.tenant[job]] += sign * table.share[i]


@bare_inner
def lacking(table: Table, plan: Plan, p: int) -> tuple[int, int]:
    """Return a slot and a resource of which a pair finds too little; -1 if there is none.

    The first from a drawn slot on.
    """
    i, g = table.option[p], table.group[p]
    begin, curve, slots = table.start[p], table.curve[i], table.length[p]
    since = int(uniform(plan.draw) * slots)
    for _ in range(slots):
        for r in range(table.use.shape[1]):
            use = table.use[i, r]
            if curve >= 0:
                use *= table.curves[curve, since]
            if plan.room[g, begin + since, r] < use:
                return begin + since, r
        since = since + 1 if since + 1 < slots else 0
    return -1, -1


@bare_inner
def enter(table: Table, plan: Plan, job: int, p: int) -> None:
    """Place a job that is left out and whose workers have their nodes."""
    count(table, plan, job, p, 1.0)
    plan.total[2] += table.usd[p] - plan.usd[job]
    plan.pair[job], plan.usd[job] = p, table.usd[p]
    plan.reduced_usd[job] = table.usd[p] + table.toll_usd[p]
    join(table, plan, job, p)


@bare_inner
def leave(table: Table, plan: Plan, job: int) -> None:
    """Take a placed job out."""
    p = plan.pair[job]
    g = table.group[p]
    if table.node_first[g] < table.node_first[g + 1]:
        rise(table, plan, job, p, table.workers[table.option[p]])
    count(table, plan, job, p, -1.0)
    depart(table, plan, job, p)
    plan.total[2] += table.reject_usd[job] - plan.usd[job]
    plan.pair[job] = -1
    plan.usd[job] = plan.reduced_usd[job] = table.reject_usd[job]


@bare_inner
def insert(table: Table, plan: Plan, job: int, heed: bool, blink: float) -> None:
    """Put a job that is left out where it costs least, the prices heeded or not, if anywhere."""
    reject_usd, failed = table.reject_usd[job], 0
    for k in range(table.first[job], table.first[job + 1]):
        p = k if heed else table.cheapest[k]
        usd = table.usd[p] + (table.toll_usd[p] if heed else 0.0)
        if usd >= reject_usd:
            return
        if uniform(plan.draw) < blink or not fits(table, plan, job, p):
            continue
        if sit(table, plan, job, p, failed < MOST_ASKED):
            enter(table, plan, job, p)
            return
        failed += 1


@bare_inner
def clash(table: Table, p: int, q: int) -> bool:
    """Tell whether two pairs use the same group at the same time."""
    return bool(
        table.group[p] == table.group[q]
        and table.start[q] < table.start[p] + table.length[p]
        and table.start[p] < table.start[q] + table.length[q]
    )


@bare
def fill(table: Table, plan: Plan, jobs: Ints, pairs: Ints) -> None:
    """Place jobs one after the other: at their pair if it fits, else where it costs least."""
    for k in range(len(jobs)):
        job, p = jobs[k], pairs[k]
        if p >= 0 and fits(table, plan, job, p) and sit(table, plan, job, p, True):
            enter(table, plan, job, p)
        plan.shifts[0] = 0
    for k in range(len(jobs)):
        if plan.pair[jobs[k]] < 0:
            insert(table, plan, jobs[k], True, 0.0)
        plan.shifts[0] = 0
    for seat in range(len(plan.seat)):
        plan.old_seat[seat] = plan.seat[seat]


@bare_inner
def regret(table: Table, plan: Plan, job: int, p: int) -> float:
    """Return what a placed job would pay more elsewhere than in the slots and group of a pair.

    Where it does not fit, it pays for what is scarce.
    """
    usd_there: float = table.reject_usd[job]
    for q in range(table.first[job], table.first[job + 1]):
        usd = table.usd[q] + table.toll_usd[q]
        if usd >= usd_there:
            break
        if not clash(table, p, q):
            usd_there = usd
            break
    for k in range(table.first[job], table.first[job + 1]):
        q = table.cheapest[k]
        if table.usd[q] >= usd_there:
            break
        if not clash(table, p, q) and fits(table, plan, job, q):
            usd_there = table.usd[q]
            break
    return usd_there - float(plan.usd[job])


@bare
def full_usd(table: Table, plan: Plan) -> float:
    """Return what a plan costs: unfairness stands where judging shares stood."""
    usd: float = plan.total[2]
    for k in range(len(table.limit_usd)):
        usd -= table.limit_usd[k] * (table.limit_full[k] - plan.limit_room[k])
    if len(plan.share):
        for u in range(len(plan.share)):
            usd += table.share_usd[u] * plan.share[u]
        usd += table.unfair_usd * (1.0 - min(1.0, least(plan.share)))
    return usd


@bare_inner
def pulled(price: float, pull: float, missing: float) -> float:
    """Return what is missing costs at a price that grows with it, and is never below 0."""
    if price + pull * missing <= 0.0:
        return -price * price / (2.0 * pull)
    return (price + 0.5 * pull * missing) * missing


@bare_inner
def unfairness(table: Table, plan: Plan) -> float:
    """Return what unfairness costs as steps are judged: the least over what the worst-off has."""
    tenants, limits = len(plan.share), len(table.limit_usd)
    worst = 1.0
    for _ in range(tenants + 1):
        slope, bend = -table.unfair_usd, 0.0
        for u in range(tenants):
            missing = worst + plan.aim[limits + u] - plan.share[u]
            price = table.share_usd[u] + plan.pull[limits + u] * missing
            if price > 0.0:
                slope += price
                bend += plan.pull[limits + u]
        if slope <= SMALLEST_USD * table.unfair_usd:
            break
        worst -= slope / bend
    usd = table.unfair_usd * (1.0 - worst)
    for u in range(tenants):
        missing = worst + plan.aim[limits + u] - plan.share[u]
        usd += pulled(table.share_usd[u], plan.pull[limits + u], missing)
        usd += table.share_usd[u] * plan.share[u]
    return usd


@bare
def judged_usd(table: Table, plan: Plan) -> float:
    """Return what steps are judged by: limits and shares at prices that grow with what is missing.

    Augmented Lagrangian: Rockafellar, "Augmented Lagrange multiplier functions and duality in
    nonconvex programming", SIAM J. Control 12 (1974), doi:10.1137/0312021.
    """
    usd: float = plan.total[2]
    for k in range(len(table.limit_usd)):
        usd -= table.limit_usd[k] * (table.limit_full[k] - plan.limit_room[k])
        if plan.pull[k] > 0.0:
            missing = plan.aim[k] - plan.limit_room[k]
            usd += pulled(table.limit_usd[k], plan.pull[k], missing)
    if table.unfair_usd > 0.0:
        usd += unfairness(table, plan)
    return usd


@bare
def settle(table: Table, plan: Plan) -> None:
    """Count again what is left and what the plan costs: no rounding error lasts."""
    for job in range(len(plan.pair)):
        if plan.pair[job] >= 0:
            count(table, plan, job, plan.pair[job], 1.0)
            seat_again(table, plan, job, plan.pair[job])
    plan.total[2] = 0.0
    for job in range(len(plan.pair)):
        plan.total[2] += plan.usd[job]
    plan.total[0] = judged_usd(table, plan)
