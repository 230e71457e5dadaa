"""Who has which pair, and what is left for others: what short searches in machine code change."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hybridplace.solver.compiled import bare, bare_inner
from hybridplace.solver.instance import Floats, Indices, Ints

SPARE = 256
"""Members that a group may gain in a round; more are not taken out again in it."""


class Board(NamedTuple):
    """What does not change; P pairs by job (CSR), the least reduced cost first.

    Parameters
    ----------
    first : ints, (J + 1,)
    option, start : ints, (P,)
    usd, reduced_usd : floats, (P,)
        Inf where there is none.
    limit_use : floats, (P, K)
    job, group, slots, curve : indices, (n,)
        Group G is free.
    use : floats, (n, resources)
        NaN where an option was withdrawn.
    curves : floats, (any, T)
    limit : indices, (n, K)
        -1 is none.
    least_usd : floats, (J,)
    """

    first: Ints
    option: Ints
    start: Ints
    usd: Floats
    reduced_usd: Floats
    limit_use: Floats
    job: Indices
    group: Indices
    slots: Indices
    curve: Indices
    use: Floats
    curves: Floats
    limit: Indices
    least_usd: Floats


class Seats(NamedTuple):
    """What steps change.

    Parameters
    ----------
    pair : ints, (J,)
        -1 is left out.
    out_usd : floats, (J,)
        What leaving each job out costs.
    room : floats, (G + 1, T, resources)
    limit_room : floats, (L + 1,)
    member, first_member, members, place : ints
        Jobs by group: parts of `member`, where they begin, how many; where a job is among them.
    fan, first_fan : ints
        Pairs by group.
    """

    pair: Ints
    out_usd: Floats
    room: Floats
    limit_room: Floats
    member: Ints
    first_member: Ints
    members: Ints
    place: Ints
    fan: Ints
    first_fan: Ints


@bare
def fits(board: Board, seats: Seats, p: int) -> bool:
    """Tell whether a pair of a job that is left out breaks no row."""
    i, begin = board.option[p], board.start[p]
    g, curve = board.group[i], board.curve[i]
    if not board.use[i, 0] >= 0.0:
        return False
    if g < len(seats.room) - 1:
        for t in range(begin, begin + board.slots[i]):
            share = 1.0 if curve < 0 else board.curves[curve, t - begin]
            for r in range(board.use.shape[1]):
                if seats.room[g, t, r] < share * board.use[i, r]:
                    return False
    for k in range(board.limit.shape[1]):
        limit = board.limit[i, k]
        if limit >= 0 and board.limit_use[p, k] > max(seats.limit_room[limit], 0.0):
            return False
    return True


@bare
def count(board: Board, seats: Seats, p: int, sign: float) -> None:
    """Count a pair in every row."""
    i, begin = board.option[p], board.start[p]
    g, curve = board.group[i], board.curve[i]
    if g < len(seats.room) - 1:
        for t in range(begin, begin + board.slots[i]):
            share = sign if curve < 0 else sign * board.curves[curve, t - begin]
            for r in range(board.use.shape[1]):
                seats.room[g, t, r] -= share * board.use[i, r]
    for k in range(board.limit.shape[1]):
        if board.limit[i, k] >= 0:
            seats.limit_room[board.limit[i, k]] -= sign * board.limit_use[p, k]


@bare
def enter(board: Board, seats: Seats, job: int, p: int) -> None:
    """Place a job that is left out; each job has one place among all members, so these move up."""
    count(board, seats, p, 1.0)
    g = board.group[board.option[p]]
    seats.pair[job] = p
    at = seats.first_member[g] + seats.members[g]
    if at < seats.first_member[g + 1]:
        seats.member[at] = job
        seats.place[job] = at
        seats.members[g] += 1
    else:
        seats.place[job] = -1


@bare
def leave(board: Board, seats: Seats, job: int) -> None:
    """Take a placed job out."""
    p, at = seats.pair[job], seats.place[job]
    count(board, seats, p, -1.0)
    seats.pair[job] = -1
    if at >= 0:
        g = board.group[board.option[p]]
        seats.members[g] -= 1
        last = seats.member[seats.first_member[g] + seats.members[g]]
        seats.member[at] = last
        seats.place[last] = at


@bare
def gather(board: Board, seats: Seats) -> None:
    """List the members of each group, with some room for more."""
    for g in range(len(seats.members)):
        seats.members[g] = 0
    for job in range(len(seats.pair)):
        if seats.pair[job] >= 0:
            seats.members[board.group[board.option[seats.pair[job]]]] += 1
    seats.first_member[0] = 0
    for g in range(len(seats.members)):
        seats.first_member[g + 1] = seats.first_member[g] + seats.members[g] + SPARE
        seats.members[g] = 0
    for job in range(len(seats.pair)):
        p = seats.pair[job]
        if p >= 0:
            g = board.group[board.option[p]]
            at = seats.first_member[g] + seats.members[g]
            seats.member[at], seats.place[job] = job, at
            seats.members[g] += 1


@bare_inner
def gather_fans(board: Board, seats: Seats) -> None:
    """List the pairs on each group."""
    first, groups = seats.first_fan, len(seats.room)
    for g in range(groups):
        first[g] = 0
    for p in range(len(board.option)):
        if board.usd[p] < np.inf:
            first[board.group[board.option[p]]] += 1
    total = 0
    for g in range(groups):
        total += first[g]
        first[g] = total
    first[groups] = total
    # Each list is filled from its end, so that ends become beginnings.
    for p in range(len(board.option) - 1, -1, -1):
        if board.usd[p] < np.inf:
            g = board.group[board.option[p]]
            first[g] -= 1
            seats.fan[first[g]] = p


@bare
def locate(board: Board, option: Ints, start: Ints, pair: Ints) -> int:
    """Find the pair at which each job is, -2 where it is at none; return how many are at none."""
    missing = 0
    for job in range(len(option)):
        pair[job] = -1
        if option[job] >= 0:
            pair[job] = -2
            for p in range(board.first[job], board.first[job + 1]):
                if board.option[p] == option[job] and board.start[p] == start[job]:
                    pair[job] = p
                    break
            if pair[job] < 0:
                missing += 1
    return missing
