"""Steps of ruin and recreate where jobs share copies of data and hand on results, in machine code.

A step takes out jobs that compete for nodes, read the same copy, or are of one pipeline, and puts
each back where the plan then costs least (Schrimpf and others, "Record breaking optimization
results using the ruin and recreate principle", Journal of Computational Physics 159 (2000),
doi:10.1006/jcph.1999.6413). To try a copy elsewhere, jobs that look for places may take it for free
or for barred; plans are judged by what copies truly cost, each paid once.
"""

from __future__ import annotations

import numpy as np

from hybridplace.solver.board import MOST_OUT, Board
from hybridplace.solver.boarding import enter, leave, within_limits
from hybridplace.solver.compiled import bare, bare_inner
from hybridplace.solver.draws import uniform
from hybridplace.solver.instance import Ints
from hybridplace.solver.returning import put_back

TRIES, FIRST_WAYS = 30, 24
"""Jobs that are drawn to find one that loses much, and ways of it that are wished for."""

SWITCHED, WISHED, BLINK, SMALLEST_USD = 0.15, 0.5, 0.02, 1e-6
"""Shares of steps that try to switch a copy, that grant a wish; of ways overlooked; no gain."""


@bare_inner
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


@bare_inner
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


@bare_inner
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


@bare_inner
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


@bare_inner
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


@bare_inner
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


@bare_inner
def order(board: Board, n: int) -> None:
    """Draw the order in which jobs go back."""
    kind = int(uniform(board.draw) * board.urge.shape[1])
    for k in range(n):
        board.key[k] = (0.5 + uniform(board.draw)) * board.urge[board.out[k].job, kind]


@bare_inner
def first_of(board: Board, n: int) -> int:
    """Return which job goes back next, -1 if none is left."""
    best = -1
    for k in range(n):
        if board.key[k] < np.inf and (best < 0 or board.key[k] < board.key[best]):
            best = k
    return best


@bare_inner
def note_best(board: Board) -> None:
    """Note where jobs are, if that is the best plan so far."""
    usd, least = board.total[0], 1.0
    for u in range(len(board.share)):
        usd += board.share_usd[u] * board.share[u]
        least = min(least, board.share[u])
    usd += board.unfair_usd[0] * (1.0 - least)
    if usd < board.total[1] - SMALLEST_USD:
        board.total[1] = usd
        for k in range(board.changed[-1]):
            row = board.job[board.changed[k]]
            row.best_way, row.best_start, row.moved = row.way, row.start, False
        board.changed[-1] = 0


@bare_inner
def judge(board: Board, n: int, most_usd: float) -> None:
    """Keep what a step did if the plan costs at most so much and breaks nothing, or undo it."""
    right = board.total[0] <= most_usd and within_limits(board)
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


@bare
def walk(board: Board, steps: int, most: int, hot: float, cold: float) -> None:
    """Take some steps; what they may cost falls from `hot` to `cold` USD (simulated annealing)."""
    for step in range(steps):
        before = board.total[0]
        n, d, w, t = ruin(board, most)
        heed = 0.5 * int(uniform(board.draw) * 3)
        order(board, n)
        if n > 0 and uniform(board.draw) < WISHED:
            put_back(board, 0, n, heed, BLINK, w, t)
        k = first_of(board, n)
        while k >= 0:
            put_back(board, k, n, heed, BLINK, -1, 0)
            k = first_of(board, n)
        for s in range(board.needs.shape[1]):
            board.ask_usd[d, s] = board.fee_usd[d, s]
        heat = hot * (cold / hot) ** (step / steps)
        judge(board, n, before - heat * np.log(1.0 - uniform(board.draw)))


@bare
def place(board: Board, jobs: Ints) -> None:
    """Place jobs in this order, each with its pipeline; all of it is out so far."""
    for job in jobs:
        n = take_pipeline(board, job, 0) if board.job[job].way < 0 else 0
        if n > 0:
            put_back(board, 0, n, 1.0, 0.0, -1, 0)
        for k in range(n):
            board.job[board.out[k].job].rank = -1
