"""Steps of ruin and recreate where jobs share copies of data and hand on results, in machine code.

A step takes out jobs that compete for nodes, read the same copy, or are of one pipeline, and puts
each back where the plan then costs least (Schrimpf and others, "Record breaking optimization
results using the ruin and recreate principle", Journal of Computational Physics 159 (2000),
doi:10.1006/jcph.1999.6413). To try a copy elsewhere, jobs that look for places may take it for free
or for barred; plans are judged by what copies truly cost, each paid once.
"""

from __future__ import annotations

import numpy as np

from hybridplace.model.run import TIME_TOLERANCE_H
from hybridplace.solver.board import Board
from hybridplace.solver.compiled import compiled, inner
from hybridplace.solver.draws import uniform
from hybridplace.solver.instance import Floats

MOST_OUT = 96
"""Jobs that a step takes out at most."""

TRIES, FIRST_WAYS = 30, 24
"""Jobs that are drawn to find one that loses much, and ways of it that are wished for."""

SWITCHED, WISHED, BLINK, SMALLEST_USD = 0.15, 0.5, 0.02, 1e-6
"""Shares of steps that try to switch a copy, that grant a wish; of ways overlooked; no gain."""


@inner
def passing_usd(board: Board, d: int, source: int, target: int) -> float:
    """Return what bringing a result from site to site costs; inf where it may not come."""
    usd = board.fee_usd[d, target] + board.data[d].size_gib * board.usd_gib[source, target]
    return 0.0 if source == target else float(usd)


@compiled
def copy_usd(board: Board, d: int, s: int, sign: float) -> float:
    """Return what a copy that is not there yet costs; count it in limits and caches."""
    cell, maker = d * board.needs.shape[1] + s, board.data[d].maker
    if maker >= 0 and board.job[maker].site in (-1, s):
        return 0.0
    usd = board.fee_usd[d, s] if maker < 0 else passing_usd(board, d, board.job[maker].site, s)
    for k in range(board.copy_first[cell], board.copy_first[cell + 1]):
        board.limit_room[board.copy_limit[k]] -= sign * (board.copy_gib[k] or usd)
    return float(usd)


@compiled
def copies_usd(board: Board, job: int, s: int, sign: float) -> float:
    """Return what copies cost that only a job at a site needs; count them as `copy_usd`."""
    usd, row = 0.0, board.job[job]
    for k in range(row.read_first, row.read_end):
        if board.needs[board.read[k], s] == 0:
            usd += copy_usd(board, board.read[k], s, sign)
    for k in range(row.make_first, row.make_end):
        for t in range(board.needs.shape[1]):
            if board.needs[board.make[k], t] > 0:
                usd += copy_usd(board, board.make[k], t, sign)
    return usd


@inner
def use_up(board: Board, job: int, w: int, t: int, sign: float) -> None:
    """Count a pair in the rows of groups, limits and shares."""
    way = board.way[w]
    if way.group < len(board.room) - 1:
        for slot in range(t, t + way.length):
            load = sign if way.curve < 0 else sign * board.curves[way.curve, slot - t]
            for r in range(board.use.shape[1]):
                board.room[way.group, slot, r] -= load * board.use[w, r]
    for k in range(board.way_limit.shape[1]):
        use = board.limit_use[way.at + t - way.earliest, k]
        board.limit_room[board.way_limit[w, k]] -= sign * use
    if way.share > 0:
        board.share[board.job[job].tenant] += sign * way.share


@compiled
def enter(board: Board, job: int, w: int, t: int) -> None:
    """Place a job that is out."""
    row, way = board.job[job], board.way[w]
    row.usd = board.usd[way.at + t - way.earliest]
    row.way, row.start, row.site = w, t, way.site
    use_up(board, job, w, t, 1.0)
    board.total[0] += row.usd + copies_usd(board, job, way.site, 1.0) - row.reject_usd
    for k in range(row.read_first, row.read_end):
        board.needs[board.read[k], way.site] += 1
    row.place = board.members[way.group]
    board.member[board.group_first[way.group] + row.place] = job
    board.members[way.group] += 1


@compiled
def leave(board: Board, job: int) -> None:
    """Take a placed job out."""
    row = board.job[job]
    for k in range(row.read_first, row.read_end):
        board.needs[board.read[k], row.site] -= 1
    use_up(board, job, row.way, row.start, -1.0)
    board.total[0] += row.reject_usd - row.usd - copies_usd(board, job, row.site, -1.0)
    group = board.way[row.way].group
    row.usd, row.way, row.site = row.reject_usd, -1, -1
    board.members[group] -= 1
    moved = board.member[board.group_first[group] + board.members[group]]
    board.member[board.group_first[group] + row.place] = moved
    board.job[moved].place = row.place


@compiled
def fits(board: Board, job: int, w: int, t: int) -> bool:
    """Tell whether a pair of a job that is out breaks no row, copies and order in time apart."""
    row, way = board.job[job], board.way[w]
    if way.group < len(board.room) - 1:
        for slot in range(t + way.length - 1, t - 1, -1):
            for r in range(board.use.shape[1]):
                use = board.use[w, r]
                if way.curve >= 0:
                    use *= board.curves[way.curve, slot - t]
                if board.room[way.group, slot, r] < use:
                    return False
    for k in range(board.way_limit.shape[1]):
        use = board.limit_use[way.at + t - way.earliest, k]
        if use > max(board.limit_room[board.way_limit[w, k]], 0.0):
            return False
    for k in range(row.partner_first, row.partner_end):
        other = board.job[board.partner[k]].site
        if other >= 0 and (other == way.site) != board.together[k]:
            return False
    return True


@inner
def affords(board: Board, job: int, w: int, t: int) -> bool:
    """Tell whether limits hold when the copies that a job needs count, too."""
    if not len(board.copy_limit):
        return True
    enter(board, job, w, t)
    held = bool(board.limit_room.min() >= 0.0)
    leave(board, job)
    return held


@inner
def look_back(board: Board, job: int, usd: Floats, ready_h: Floats) -> None:
    """Write what each site costs a job for what it reads, and from when on that is there."""
    usd[:], ready_h[:] = 0.0, 0.0
    for k in range(board.job[job].read_first, board.job[job].read_end):
        d = board.read[k]
        maker = board.data[d].maker
        if maker < 0:
            for s in range(len(usd)):
                if board.needs[d, s] == 0:
                    usd[s] += board.ask_usd[d, s]
        elif board.job[maker].way < 0:
            usd[:] = np.inf
        else:
            source, way = board.job[maker].site, board.way[board.job[maker].way]
            end_h = board.job[maker].start * board.slot_h[0] + way.hours
            for s in range(len(usd)):
                if board.needs[d, s] == 0:
                    usd[s] += passing_usd(board, d, source, s)
                come_h = end_h + board.data[d].size_gib * board.h_gib[source, s]
                ready_h[s] = max(ready_h[s], come_h)


@inner
def look_ahead(board: Board, job: int, usd: Floats, by_h: Floats) -> None:
    """Add what each site costs a job for what it makes; write by when it must end there."""
    by_h[:] = np.inf
    for k in range(board.job[job].make_first, board.job[job].make_end):
        d, waits = board.make[k], False
        for t in range(len(usd)):
            if board.needs[d, t] > 0:
                for s in range(len(usd)):
                    usd[s] += passing_usd(board, d, s, t)
        for m in range(board.data[d].reader_first, board.data[d].reader_end):
            reader = board.job[board.reader[m]]
            waits |= reader.way < 0
            if reader.way >= 0:
                begin_h = reader.start * board.slot_h[0]
                for s in range(len(usd)):
                    take_h = board.data[d].size_gib * board.h_gib[s, reader.site]
                    by_h[s] = min(by_h[s], begin_h - take_h)
        if waits:
            usd += board.below_usd[job]


@compiled
def insert(board: Board, job: int, heed: float, blink: float, sites: Floats) -> None:
    """Put a job that is out where it costs least, the prices heeded so far; `sites` is (3, S)."""
    usd, ready_h, by_h = sites[0], sites[1], sites[2]
    look_back(board, job, usd, ready_h)
    look_ahead(board, job, usd, by_h)
    best, begin, least, slot_h = -1, 0, board.job[job].reject_usd, board.slot_h[0]
    for w in range(board.job[job].first, board.job[job].end):
        way = board.way[w]
        s, low, high = way.site, way.earliest, way.latest
        if way.least_usd + usd[s] >= least or uniform(board.draw) < blink:
            continue
        if ready_h[s] > 0:
            low = max(low, int(np.ceil((ready_h[s] - TIME_TOLERANCE_H) / slot_h)))
        if by_h[s] < np.inf:
            high = min(high, int(np.floor((by_h[s] - way.hours + TIME_TOLERANCE_H) / slot_h)))
        for t in range(low, high + 1):
            p = way.at + t - way.earliest
            cost = board.usd[p] + heed * board.toll_usd[p] + usd[s]
            if cost < least and fits(board, job, w, t) and affords(board, job, w, t):
                best, begin, least = w, t, cost
                if way.flat:
                    break
    if best >= 0:
        enter(board, job, best, begin)


@compiled
def take_out(board: Board, job: int, n: int) -> int:
    """Take a job out and note where it was; return how many are noted."""
    row = board.job[job]
    if n >= MOST_OUT or row.rank >= 0:
        return n
    row.rank = n
    board.out[n].job, board.out[n].way, board.out[n].start = job, row.way, row.start
    if row.way >= 0:
        leave(board, job)
    return n + 1


@inner
def take_pipeline(board: Board, job: int, n: int) -> int:
    """Take out a job with all that it is tied to by results, directly or not."""
    begin = n
    n = take_out(board, job, n)
    while begin < n:
        row = board.job[board.out[begin].job]
        for k in range(row.maker_first, row.user_end):
            n = take_out(board, board.near[k], n)
        begin += 1
    return n


@inner
def take_readers(board: Board, d: int, s: int, n: int) -> int:
    """Take out the readers of a dataset at a site; those at any, if -1, up to a drawn number."""
    first, count = board.data[d].reader_first, board.data[d].reader_end - board.data[d].reader_first
    begin = int(uniform(board.draw) * count)
    most = MOST_OUT if s >= 0 else 2 + int(uniform(board.draw) * MOST_OUT)
    for k in range(count):
        job = board.reader[first + (begin + k) % count]
        if n < most and board.job[job].site >= 0 and (s < 0 or board.job[job].site == s):
            n = take_out(board, job, n)
    return n


@compiled
def clear(board: Board, w: int, t: int, most: int, n: int) -> int:
    """Take out up to `most` jobs of the group of a way that run at about the same time."""
    g, wide, most = board.way[w].group, int(uniform(board.draw) * 2), min(MOST_OUT, n + most)
    at = int(uniform(board.draw) * board.members[g])
    for _ in range(board.members[g] if g < len(board.room) - 1 else 0):
        at = 0 if at >= board.members[g] else at
        other = board.member[board.group_first[g] + at]
        begin, length = board.job[other].start, board.way[board.job[other].way].length
        if n < most and begin < t + board.way[w].length + wide and begin + length > t - wide:
            n = take_out(board, other, n)
        else:
            at += 1
    return n


@compiled
def wish(board: Board) -> tuple[int, int, int]:
    """Draw a job, one that loses much rather, a way of it, if any, and a start."""
    job, jobs = int(uniform(board.draw) * len(board.job)), len(board.job)
    for _ in range(int(uniform(board.draw) * TRIES)):
        other = int(uniform(board.draw) * jobs)
        if board.job[other].loss_usd > board.job[job].loss_usd:
            job = other
    count = board.job[job].end - board.job[job].first
    if count == 0:
        return job, 0, 0
    w = board.job[job].first + int(uniform(board.draw) ** 2 * min(count, FIRST_WAYS))
    way, best, least = board.way[w], board.way[w].earliest, np.inf
    for t in range(way.earliest, way.latest + 1):
        p = way.at + t - way.earliest
        usd = board.usd[p] + board.toll_usd[p] * (1.0 + 0.2 * uniform(board.draw))
        if usd < least:
            best, least = t, usd
    return job, w, best


@compiled
def ruin(board: Board, most: int) -> tuple[int, int, int, int]:
    """Take out jobs that compete or share; return how many, whose `ask_usd` may differ, a wish."""
    job, w, t = wish(board)
    d, kind, row = 0, uniform(board.draw), board.job[job]
    if row.end == row.first:
        return 0, d, w, t
    reads, n = row.read_end - row.read_first, take_pipeline(board, job, 0)
    if kind < SWITCHED and reads > 0:
        d = board.read[row.read_first + int(uniform(board.draw) * reads)]
        was = board.out[0].way if kind < SWITCHED / 3 else -1
        s = board.way[was if was >= 0 else w].site
        shut = board.needs[d, s] > 0
        if 0.0 < board.fee_usd[d, s] < np.inf:
            open_usd = board.fee_usd[d, s] * 0.5 * int(2 * uniform(board.draw))
            board.ask_usd[d, s] = np.inf if shut else open_usd
            n = take_readers(board, d, s if shut else -1, n)
    return clear(board, w, t, 1 + int(uniform(board.draw) * most), n), d, w, t


@inner
def grant(board: Board, w: int, t: int, sites: Floats) -> None:
    """Put the job that was taken out first where it wishes to be, if that is free."""
    job, s = board.out[0].job, board.way[w].site
    look_back(board, job, sites[0], sites[1])
    look_ahead(board, job, sites[0], sites[2])
    there = sites[0, s] < np.inf and sites[1, s] == 0.0 and sites[2, s] == np.inf
    if there and fits(board, job, w, t) and affords(board, job, w, t):
        enter(board, job, w, t)


@compiled
def order(board: Board, n: int, key: Floats) -> None:
    """Draw the order in which jobs go back: makers before readers."""
    kind = int(uniform(board.draw) * board.urge.shape[1])
    for k in range(n):
        key[k] = (0.5 + uniform(board.draw)) * board.urge[board.out[k].job, kind]
    changed = True
    while changed:
        changed = False
        for k in range(n):
            row = board.job[board.out[k].job]
            for m in range(row.maker_first, row.user_first):
                at = board.job[board.near[m]].rank
                if at >= 0 and key[k] <= key[at]:
                    key[k] = key[at] + 1e-9 * (1.0 + abs(key[at]))
                    changed = True


@inner
def note_best(board: Board) -> None:
    """Note where jobs are, if that is the best plan so far."""
    usd = board.total[0] + (board.share_usd * board.share).sum()
    usd += board.unfair_usd[0] * (1.0 - min(1.0, board.share.min()))
    if usd < board.total[1] - SMALLEST_USD:
        board.total[1] = usd
        board.job.best_way[:] = board.job.way
        board.job.best_start[:] = board.job.start


@compiled
def judge(board: Board, n: int, most_usd: float) -> None:
    """Keep what a step did if the plan costs at most so much and breaks nothing, or undo it."""
    right = bool(board.total[0] <= most_usd and board.limit_room.min() >= 0.0)
    for k in range(n):
        row = board.job[board.out[k].job]
        row.rank = -1
        for m in range(row.user_first, row.user_end):
            right = right and (row.way >= 0 or board.job[board.near[m]].way < 0)
    if right:
        note_best(board)
        return
    for k in range(n):
        if board.job[board.out[k].job].way >= 0:
            leave(board, board.out[k].job)
    for k in range(n):
        if board.out[k].way >= 0:
            enter(board, board.out[k].job, board.out[k].way, board.out[k].start)


@compiled
def walk(board: Board, steps: int, most: int, hot: float, cold: float) -> None:
    """Take some steps; what they may cost falls from `hot` to `cold` USD (simulated annealing)."""
    key, sites = np.empty(MOST_OUT), np.empty((3, board.needs.shape[1]))
    for step in range(steps):
        before = board.total[0]
        n, d, w, t = ruin(board, most)
        if n > 0 and uniform(board.draw) < WISHED:
            grant(board, w, t, sites)
        heed = 0.5 * int(uniform(board.draw) * 3)
        order(board, n, key)
        for _ in range(n):
            k = int(np.argmin(key[:n]))
            key[k] = np.inf
            if board.job[board.out[k].job].way < 0:
                insert(board, board.out[k].job, heed, BLINK, sites)
        board.ask_usd[d] = board.fee_usd[d]
        heat = hot * (cold / hot) ** (step / steps)
        judge(board, n, before - heat * np.log(1.0 - uniform(board.draw)))
