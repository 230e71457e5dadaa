"""Ruin and recreate in machine code: jobs are taken out of a plan and put back better.

A step takes out a few jobs that compete, either those in the way of a job that would rather be
elsewhere or those around a slot that is poorly used, and puts each back where it costs least, in an
order that is drawn (Schrimpf, Schneider, Stamm-Wilbrandt and Dueck, "Record breaking optimization
results using the ruin and recreate principle", Journal of Computational Physics 159 (2000),
doi:10.1006/jcph.1999.6413). Whom to take out and blinks: Christiaens and Vanden Berghe, "Slack
induction by string removals for vehicle routing problems", Transportation Science 54 (2020),
doi:10.1287/trsc.2019.0914. Steps that cost a little are kept at first (simulated annealing).
"""

from __future__ import annotations

import numpy as np

from hybridplace.solver.clearing import clear_way, take_out
from hybridplace.solver.compiled import bare, bare_inner
from hybridplace.solver.crowd import anybody, wisher
from hybridplace.solver.draws import uniform
from hybridplace.solver.instance import Floats
from hybridplace.solver.listed import is_listed
from hybridplace.solver.moves import (
    enter,
    fits,
    full_usd,
    insert,
    judged_usd,
    least,
    leave,
    tightest,
)
from hybridplace.solver.sitting import remain, shift_back, sit, sit_again
from hybridplace.solver.walking import BEST_PAIRS, MOST_OUT, SMALLEST_USD, Plan, Table


@bare_inner
def drawn(plan: Plan, cumulated: Floats) -> int:
    """Return a position, drawn by what the cumulated figure grows there."""
    spot = uniform(plan.draw) * cumulated[-1]
    return min(int(np.searchsorted(cumulated, spot, side="right")), len(cumulated) - 1)


@bare_inner
def first_least(values: Floats, begin: int, end: int) -> int:
    """Return the first position of the least value of a part."""
    best = begin
    for k in range(begin + 1, end):
        if values[k] < values[best]:
            best = k
    return best


@bare_inner
def counted(table: Table, limit: int, p: int) -> float:
    """Return how much a pair counts towards a limit."""
    total = 0.0
    if p >= 0:
        for k in range(table.limit.shape[1]):
            if table.limit[table.option[p], k] == limit:
                total += table.limit_use[p, k]
    return total


@bare_inner
def exceeded(table: Table, plan: Plan, p: int) -> int:
    """Return a limit that a pair would exceed; -1 if none."""
    for k in range(table.limit.shape[1]):
        limit: int = table.limit[table.option[p], k]
        if table.limit_use[p, k] > max(plan.limit_room[limit] + table.loose[limit], 0.0):
            return limit
    return -1


@bare_inner
def thrift(table: Table, plan: Plan, job: int, limit: int) -> float:
    """Return how much of a limit a job can spare per USD that it would pay more; 0 if none."""
    use = counted(table, limit, plan.pair[job])
    if use <= 0:
        return 0.0
    usd: float = table.reject_usd[job]
    spared = use
    for p in range(table.first[job], table.first[job + 1]):
        less = use - counted(table, limit, p)
        if less > 0.3 * use and table.usd[p] < usd:
            usd, spared = table.usd[p], less
            break
    return float(spared / max(usd - plan.usd[job], 1e-3))


@bare_inner
def take_payer(table: Table, plan: Plan, limit: int, n: int) -> int:
    """Take out a job that can spare much of a limit, among some that are drawn."""
    best, most = -1, 0.0
    begin, payers = table.payer_first[limit], table.payer_first[limit + 1]
    for _ in range(8):
        job = table.payer[begin + int(uniform(plan.draw) * (payers - begin))]
        spare = thrift(table, plan, job, limit) * uniform(plan.draw)
        if spare > most and not is_listed(plan.out, n, job):
            best, most = job, spare
    return n if best < 0 else take_out(table, plan, best, n)


@bare_inner
def hold_limits(table: Table, plan: Plan, p: int, n: int) -> int:
    """Take out jobs that count towards what a pair would exceed."""
    for _ in range(MOST_OUT // 3):
        limit = exceeded(table, plan, p)
        if limit < 0:
            break
        n = take_payer(table, plan, limit, n)
    return n


@bare_inner
def part(table: Table, plan: Plan, job: int, p: int, n: int) -> int:
    """Take out the jobs that a job must be with, or apart from, and would not be at a pair."""
    for k in range(table.partner_first[job], table.partner_first[job + 1]):
        other = table.partner[k]
        if plan.pair[other] >= 0 and n < MOST_OUT // 2:
            where = table.site[table.option[plan.pair[other]]]
            if (where == table.site[table.option[p]]) != table.together[k]:
                n = take_out(table, plan, other, n)
    return n


@bare_inner
def ruin_limit(table: Table, plan: Plan, most: int) -> int:
    """Take out some jobs that count towards a limit."""
    limit, n = int(uniform(plan.draw) * (len(table.payer_first) - 1)), 0
    if table.payer_first[limit + 1] > table.payer_first[limit]:
        for _ in range(2 + int(uniform(plan.draw) * most)):
            n = take_payer(table, plan, limit, n)
    return n


@bare_inner
def ruin_around(table: Table, plan: Plan, g: int, slot: int, most: int, n: int) -> int:
    """Take out jobs of a group that run near a slot, and some that would rather be there."""
    first = g * table.price.shape[1]
    low, high = slot, slot + 1
    for _ in range(1 + int(uniform(plan.draw) * most)):
        near = slot
        if uniform(plan.draw) < 0.5:
            near = max(low - 1, 0)
            near += int(uniform(plan.draw) * (min(high + 1, table.price.shape[1]) - near))
        job = anybody(table, plan, first + near)
        if job >= 0 and n < MOST_OUT // 2:
            q = plan.pair[job]
            low, high = min(low, table.start[q]), max(high, table.start[q] + table.length[q])
            n = take_out(table, plan, job, n)
    for _ in range(1 + int(uniform(plan.draw) * most)):
        job = wisher(table, plan, first + slot)
        if job >= 0 and n < MOST_OUT and not is_listed(plan.out, n, job):
            n = take_out(table, plan, job, n)
    return n


@bare_inner
def ruin(table: Table, plan: Plan, most: int) -> tuple[int, int]:
    """Take out jobs that compete; return how many, and the pair that the first is meant for."""
    groups, slots = table.price.shape[0] - 1, table.price.shape[1]
    kind = uniform(plan.draw)
    if kind < 0.9:
        job = drawn(plan, plan.excess)
        worse_usd = plan.reduced_usd[job] - table.least_usd[job]
        if worse_usd <= SMALLEST_USD and plan.pair[job] >= 0:
            return 0, -1
        pairs = table.first[job + 1] - table.first[job]
        p = table.first[job] + int(uniform(plan.draw) ** 2 * min(pairs, BEST_PAIRS))
        if pairs > 0 and p != plan.pair[job] and kind < 0.8:
            n = take_out(table, plan, job, 0)
            n = part(table, plan, job, p, n)
            n = hold_limits(table, plan, p, n)
            n = clear_way(table, plan, job, p, n)
            if uniform(plan.draw) < 0.3 and table.group[p] < groups:
                at = table.start[p] + int(uniform(plan.draw) * table.length[p])
                n = ruin_around(table, plan, table.group[p], at, most // 2, n)
            return n, p
        g = table.group[p] if pairs > 0 else groups
        slot = table.start[p] + int(uniform(plan.draw) * table.length[p]) if pairs > 0 else 0
    elif kind < 0.95 and len(table.payer_first) > 1:
        return ruin_limit(table, plan, most), -1
    else:
        at = drawn(plan, plan.waste)
        g, slot = at // slots, at % slots
    if g >= groups:
        return 0, -1
    return ruin_around(table, plan, g, slot, most, 0), -1


@bare_inner
def in_order(table: Table, plan: Plan, begin: int, n: int) -> None:
    """Put the jobs that are out into the order in which they go back."""
    kind = int(uniform(plan.draw) * 5)
    for k in range(begin, n):
        weigh = 0.5 + uniform(plan.draw)
        job = plan.out[k]
        if kind == 1:
            weigh *= -table.worth_usd[job]
        elif kind == 2:
            weigh *= -table.size[job]
        elif kind == 3:
            weigh *= -table.worth_usd[job] / max(table.size[job], 1e-9)
        elif kind == 4:
            weigh *= table.size[job]
        plan.key[k] = weigh


@bare_inner
def put_back(table: Table, plan: Plan, begin: int, n: int) -> None:
    """Place the jobs that are out in the order of their keys."""
    heed = uniform(plan.draw) < 0.5
    in_order(table, plan, begin, n)
    for _ in range(begin, n):
        k = first_least(plan.key, begin, n)
        plan.key[k] = np.inf
        insert(table, plan, plan.out[k], heed, 0.01)


@bare_inner
def judge(table: Table, plan: Plan, n: int, usd: float, most_usd: float, floor: float) -> bool:
    """Keep what a step did if it costs no more than that and breaks no limit, or undo it."""
    if usd <= most_usd and tightest(table, plan) >= floor:
        return True
    for k in range(n):
        if plan.pair[plan.out[k]] >= 0:
            leave(table, plan, plan.out[k])
    for k in range(n):
        if plan.was[k] >= 0:
            sit_again(table, plan, plan.out[k], plan.was[k])
            enter(table, plan, plan.out[k], plan.was[k])
    shift_back(table, plan)
    return False


@bare_inner
def keep(table: Table, plan: Plan, n: int, usd: float) -> None:
    """Keep the best plan: it is copied only when a worse one is about to follow."""
    true_usd, holds_limits = full_usd(table, plan), least(plan.limit_room) >= 0.0
    if true_usd < plan.total[1] - SMALLEST_USD and holds_limits:
        plan.total[1], plan.total[3] = true_usd, 1.0
    elif plan.total[3] > 0.0 and (true_usd > plan.total[1] or not holds_limits):
        for job in range(len(plan.pair)):
            plan.best[job] = plan.pair[job]
        for seat in range(len(plan.seat)):
            plan.best_seat[seat] = plan.seat[seat]
        for k in range(n):
            job = plan.out[k]
            plan.best[job] = plan.was[k]
            for seat in range(table.seat_first[job], table.seat_first[job + 1]):
                plan.best_seat[seat] = plan.old_seat[seat]
        for k in range(plan.shifts[0]):
            plan.best_seat[plan.shifted[k]] = plan.old_seat[plan.shifted[k]]
        plan.total[3] = 0.0
    plan.total[0] = usd
    remain(table, plan, n)


@bare_inner
def left_out_usd(table: Table, plan: Plan, job: int) -> float:
    """Return what a job that is left out would save at its best, at what limits are worth now.

    Beside a large job that is left out there is room for jobs that are not worth the price of the
    relaxation, which takes a part of the large one.
    """
    least_usd = table.reject_usd[job]
    for p in range(table.first[job], table.first[job + 1]):
        usd = table.usd[p] + table.toll_usd[p]
        for k in range(table.limit.shape[1]):
            limit = table.limit[table.option[p], k]
            if limit < len(table.limit_usd) and plan.pull[limit] > 0.0:
                grown_usd = plan.pull[limit] * (plan.aim[limit] - plan.limit_room[limit])
                usd += max(grown_usd, -table.limit_usd[limit]) * table.limit_use[p, k]
        least_usd = min(least_usd, usd)
    return float(table.reject_usd[job] - least_usd)


@bare_inner
def weigh_waste(table: Table, plan: Plan) -> None:
    """Cumulate what is paid for what nobody uses, and roots of what jobs pay too much.

    A root, or one job that cannot be helped would be drawn all the time.
    """
    usd = 0.0
    for job in range(len(plan.pair)):
        excess_usd = plan.reduced_usd[job] - table.least_usd[job]
        if plan.pair[job] < 0 and len(table.limit_usd):
            excess_usd = max(excess_usd, left_out_usd(table, plan, job))
        usd += np.sqrt(max(excess_usd, 0.0))
        plan.excess[job] = usd
    groups, slots, resources = table.price.shape
    paid, at = 0.0, 0
    for g in range(groups - 1):
        for t in range(slots):
            for r in range(resources):
                if table.price[g, t, r] > 0:
                    paid += table.price[g, t, r] * max(plan.room[g, t, r], 0.0)
            plan.waste[at] = paid
            at += 1


@bare
def walk(table: Table, plan: Plan, steps: int, most: int, hot: float, cold: float) -> None:
    """Take some steps; what they may cost falls from `hot` to `cold` USD (simulated annealing)."""
    for step in range(steps):
        if step % 200 == 0:
            weigh_waste(table, plan)
        floor = min(0.0, tightest(table, plan))
        n, p = ruin(table, plan, most)
        if n == 0:
            continue
        begin = 0
        job = plan.out[0]
        if p >= 0 and fits(table, plan, job, p) and sit(table, plan, job, p, True):
            enter(table, plan, job, p)
            begin = 1
        put_back(table, plan, begin, n)
        temperature = hot * (cold / hot) ** (step / steps)
        allow = -temperature * np.log(1.0 - uniform(plan.draw))
        usd = judged_usd(table, plan)
        if judge(table, plan, n, usd, plan.total[0] + allow, floor):
            keep(table, plan, n, usd)
