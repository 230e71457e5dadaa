"""Where jobs that are out go back: where the plan then costs least, whole pipelines together.

What a maker costs includes what its readers will, by where and when it ends: tables from the last
stage to the first, as in the shortest path of a graph without circles (Bellman, "On a routing
problem", Quarterly of Applied Mathematics 16 (1958), doi:10.1090/qam/102435). Stages follow each
other, so they do not compete; for pipelines that branch it is an estimate.
"""

from __future__ import annotations

import numpy as np

from hybridplace.model.run import TIME_TOLERANCE_H
from hybridplace.solver.board import Board
from hybridplace.solver.boarding import affords, enter, fits, passing_usd
from hybridplace.solver.compiled import bare_inner
from hybridplace.solver.draws import uniform


@bare_inner
def look_back(board: Board, job: int, waits: bool) -> None:
    """Write what each site costs a job for what it reads, and from when on that is there.

    With `waits`, what the makers that a step took out make counts as there.
    """
    usd, ready_h = board.at_site[0], board.at_site[1]
    for s in range(len(usd)):
        usd[s] = ready_h[s] = 0.0
    for k in range(board.job[job].read_first, board.job[job].read_end):
        d = board.read[k]
        maker = board.data[d].maker
        if maker < 0:
            for s in range(len(usd)):
                if board.needs[d, s] == 0:
                    usd[s] += board.ask_usd[d, s]
        elif board.job[maker].way >= 0:
            source, way = board.job[maker].site, board.way[board.job[maker].way]
            end_h = board.job[maker].start * board.slot_h[0] + way.hours
            for s in range(len(usd)):
                if board.needs[d, s] == 0:
                    usd[s] += passing_usd(board, d, source, s)
                come_h = end_h + board.data[d].size_gib * board.h_gib[source, s]
                ready_h[s] = max(ready_h[s], come_h)
        elif not waits or board.job[maker].rank < 0:
            for s in range(len(usd)):
                usd[s] = np.inf


@bare_inner
def look_ahead(board: Board, job: int) -> None:
    """Add what each site costs a job for what it makes; write by when it must end there."""
    usd, by_h = board.at_site[0], board.at_site[2]
    for s in range(len(usd)):
        by_h[s] = np.inf
    for k in range(board.job[job].make_first, board.job[job].make_end):
        d = board.make[k]
        for t in range(len(usd)):
            if board.needs[d, t] > 0:
                for s in range(len(usd)):
                    usd[s] += passing_usd(board, d, s, t)
        for m in range(board.data[d].reader_first, board.data[d].reader_end):
            reader = board.job[board.reader[m]]
            if reader.way >= 0:
                begin_h = reader.start * board.slot_h[0]
                for s in range(len(usd)):
                    take_h = board.data[d].size_gib * board.h_gib[s, reader.site]
                    by_h[s] = min(by_h[s], begin_h - take_h)


@bare_inner
def waits_for(board: Board, reader: int) -> bool:
    """Tell whether a step took a job out, and it is not back yet."""
    return bool(board.job[reader].way < 0 and board.job[reader].rank >= 0)


@bare_inner
def out_usd(board: Board, job: int) -> float:
    """Return what leaving a job out costs, with those who wait for what it makes."""
    usd, last = board.job[job].reject_usd, board.onward.shape[2] - 1
    for k in range(board.job[job].make_first, board.job[job].make_end):
        made = board.data[board.make[k]]
        for m in range(made.reader_first, made.reader_end):
            if waits_for(board, board.reader[m]):
                usd += board.onward[board.job[board.reader[m]].rank, 0, last]
    return float(usd)


@bare_inner
def add_readers(board: Board, job: int, w: int, low: int, high: int) -> None:
    """Write what those who wait for a job will cost, by its start with a way; never falling."""
    usd, least = board.at_start[0], board.at_start[1]
    site, hours, last = board.way[w].site, board.way[w].hours, board.onward.shape[2] - 1
    for t in range(low, high + 1):
        usd[t] = 0.0
    for k in range(board.job[job].make_first, board.job[job].make_end):
        d = board.make[k]
        for m in range(board.data[d].reader_first, board.data[d].reader_end):
            if not waits_for(board, board.reader[m]):
                continue
            onward = board.onward[board.job[board.reader[m]].rank]
            for t in range(low, high + 1):
                least[t] = onward[0, last]
            for s in range(len(onward)):
                if onward[s, low] >= least[high]:
                    continue
                come_usd = passing_usd(board, d, site, s) if board.needs[d, s] == 0 else 0.0
                if onward[s, low] + come_usd >= least[high]:
                    continue
                take_h = hours + board.data[d].size_gib * board.h_gib[site, s] - TIME_TOLERANCE_H
                take = int(np.ceil(min(take_h / board.slot_h[0], last)))
                for t in range(low, min(high, last - take) + 1):
                    least[t] = min(least[t], come_usd + onward[s, t + take])
            for t in range(low, high + 1):
                usd[t] += least[t]


@bare_inner
def window(board: Board, w: int) -> tuple[int, int]:
    """Return the first and the last start of a way between what was read and who reads."""
    way, slot_h = board.way[w], board.slot_h[0]
    low, high, ready_h, by_h = (
        way.earliest,
        way.latest,
        board.at_site[1, way.site],
        board.at_site[2, way.site],
    )
    if ready_h > 0:
        low = max(low, int(np.ceil((min(ready_h, 1e12) - TIME_TOLERANCE_H) / slot_h)))
    if by_h < np.inf:
        high = min(high, int(np.floor((by_h - way.hours + TIME_TOLERANCE_H) / slot_h)))
    return low, high


@bare_inner
def foresee(board: Board, job: int, heed: float, only: int, at: int) -> None:
    """Write what a job that waits for a maker will cost, by site and from when on that has come.

    With `only` at least 0 it goes to this way and start, or stays out.
    """
    onward, last = board.onward[board.job[job].rank], board.onward.shape[2] - 1
    usd, out = board.at_site[0], out_usd(board, job)
    for s in range(len(onward)):
        for t in range(last + 1):
            onward[s, t] = out
    look_back(board, job, True)
    look_ahead(board, job)
    for w in range(board.job[job].first, board.job[job].end):
        s = board.way[w].site
        low, high = window(board, w)
        if only >= 0:
            low, high = max(low, at), min(high, at)
        if (
            (only >= 0 and only != w)
            or high < low
            or board.way[w].least_usd + usd[s] >= onward[s, high]
        ):
            continue
        add_readers(board, job, w, low, high)
        best = out
        for t in range(high, -1, -1):
            if t >= low:
                p = board.way[w].at + t - board.way[w].earliest
                cost = board.usd[p] + heed * board.toll_usd[p] + usd[s] + board.at_start[0, t]
                if cost < min(best, onward[s, t]) and fits(board, job, w, t):
                    best = cost
            elif onward[s, t] <= best:
                break
            onward[s, t] = min(onward[s, t], best)


@bare_inner
def insert(board: Board, job: int, heed: float, blink: float, only: int, at: int) -> None:
    """Put a job that is out where it costs least, the prices heeded so far.

    With `only` at least 0 it goes to this way and start, or stays out.
    """
    usd = board.at_site[0]
    look_back(board, job, False)
    look_ahead(board, job)
    best, begin, least = -1, 0, out_usd(board, job)
    for w in range(board.job[job].first, board.job[job].end):
        way = board.way[w]
        if way.least_usd + usd[way.site] >= least or (only >= 0 and only != w):
            continue
        if only < 0 and uniform(board.draw) < blink:
            continue
        low, high = window(board, w)
        if only >= 0:
            low, high = max(low, at), min(high, at)
        if high < low:
            continue
        add_readers(board, job, w, low, high)
        for t in range(low, high + 1):
            p = way.at + t - way.earliest
            cost = board.usd[p] + heed * board.toll_usd[p] + usd[way.site] + board.at_start[0, t]
            if cost < least and fits(board, job, w, t) and affords(board, job, w, t):
                best, begin, least = w, t, cost
                if way.flat:
                    break
    if best >= 0:
        enter(board, job, best, begin)


@bare_inner
def put_back(board: Board, k: int, n: int, heed: float, blink: float, only: int, at: int) -> None:
    """Put back a job that a step took out, with all of its pipeline that are out, too.

    With `only` at least 0 the job goes to this way and start, if that is free, before others.
    """
    job = board.out[k].job
    if board.job[job].tree >= 0:
        put_pipeline_back(board, k, n, heed, blink, only, at)
        return
    insert(board, job, heed, blink, only, at)
    if only < 0 or board.job[job].way >= 0:
        board.key[k] = np.inf


@bare_inner
def put_pipeline_back(
    board: Board, k: int, n: int, heed: float, blink: float, only: int, at: int
) -> None:
    """Do so for a pipeline: look ahead from its last stage on, then place it from the first on."""
    tree, deepest = board.job[board.out[k].job].tree, 0
    for m in range(n):
        row = board.job[board.out[m].job]
        if row.tree == tree:
            deepest, board.key[m] = max(deepest, row.depth), np.inf
    for level in range(deepest):
        for m in range(n):
            if is_next(board, m, tree, deepest - level):
                foresee(board, board.out[m].job, heed, only if m == k else -1, at)
    for depth in range(deepest + 1):
        for m in range(n):
            if is_next(board, m, tree, depth) and m == k and only >= 0:
                insert(board, board.out[m].job, heed, blink, only, at)
            if is_next(board, m, tree, depth):
                insert(board, board.out[m].job, heed, blink, -1, 0)


@bare_inner
def is_next(board: Board, m: int, tree: int, depth: int) -> bool:
    """Tell whether a job that is out is of a pipeline and a depth in it."""
    row = board.job[board.out[m].job]
    return bool(row.tree == tree and row.depth == depth and row.way < 0)
