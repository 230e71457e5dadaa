"""Who has which pair, and what is left for others: what short searches in machine code change."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hybridplace.solver.compiled import bare, bare_inner
from hybridplace.solver.instance import Floats, Indices, Ints

SPARE = 256
"""Members that a group may gain in a round; more are not taken out again in it."""

ROOMY = 1.5
"""Times the pairs that there are is the room for lists of those of each group, when made anew."""


class PairTable(NamedTuple):
    """What steps do not change; P pairs by job (CSR), the least reduced cost first.

    Parameters
    ----------
    first : ints, (J + 1,)
    option, start : ints, (P,)
    usd, reduced_usd : floats, (P,)
        `usd` is inf where there is none, or nobody may take it.
    limit_use : floats, (P, K)
    job, group, slots, curve : indices, (n,)
        Group G is free.
    use : floats, (n, resources)
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
        Jobs by group: parts of `member`, where they begin, how many; where a job is among them,
        -1 if it is not. Kept from round to round, like `pair`.
    fan, first_fan, fans : ints
        Pairs by group: parts of `fan`, where they begin, how many. Kept from round to round.
    fanned : ints, (1,)
        Pairs that are listed there, or were not worth it.
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
    fans: Ints
    fanned: Ints


@bare
def fits(table: PairTable, seats: Seats, p: int) -> bool:
    """Tell whether a pair of a job that is left out breaks no row."""
    i, begin = table.option[p], table.start[p]
    g, curve = table.group[i], table.curve[i]
    if table.usd[p] == np.inf:
        return False
    if g < len(seats.room) - 1:
        for t in range(begin, begin + table.slots[i]):
            share = 1.0 if curve < 0 else table.curves[curve, t - begin]
            for r in range(table.use.shape[1]):
                if seats.room[g, t, r] < share * table.use[i, r]:
                    return False
    for k in range(table.limit.shape[1]):
        limit = table.limit[i, k]
        if limit >= 0 and table.limit_use[p, k] > max(seats.limit_room[limit], 0.0):
            return False
    return True


@bare
def count(table: PairTable, seats: Seats, p: int, sign: float) -> None:
    """Count a pair in every row."""
    i, begin = table.option[p], table.start[p]
    g, curve = table.group[i], table.curve[i]
    if g < len(seats.room) - 1:
        for t in range(begin, begin + table.slots[i]):
            share = sign if curve < 0 else sign * table.curves[curve, t - begin]
            for r in range(table.use.shape[1]):
                seats.room[g, t, r] -= share * table.use[i, r]
    for k in range(table.limit.shape[1]):
        if table.limit[i, k] >= 0:
            seats.limit_room[table.limit[i, k]] -= sign * table.limit_use[p, k]


@bare_inner
def add_member(seats: Seats, g: int, job: int) -> bool:
    """List a job among the members of a group; False if the list is full."""
    at = seats.first_member[g] + seats.members[g]
    if at == seats.first_member[g + 1]:
        seats.place[job] = -1
        return False
    seats.member[at], seats.place[job] = job, at
    seats.members[g] += 1
    return True


@bare_inner
def drop_member(seats: Seats, g: int, job: int) -> None:
    """List a job no more: the last one of the list takes its place."""
    at = seats.place[job]
    if at >= 0:
        seats.members[g] -= 1
        last = seats.member[seats.first_member[g] + seats.members[g]]
        seats.member[at], seats.place[last] = last, at


@bare
def enter(table: PairTable, seats: Seats, job: int, p: int) -> None:
    """Place a job that is left out; each job has one place among all members, so these move up."""
    count(table, seats, p, 1.0)
    seats.pair[job] = p
    add_member(seats, table.group[table.option[p]], job)


@bare
def leave(table: PairTable, seats: Seats, job: int) -> None:
    """Take a placed job out."""
    p = seats.pair[job]
    count(table, seats, p, -1.0)
    seats.pair[job] = -1
    drop_member(seats, table.group[table.option[p]], job)


@bare_inner
def list_again(table: PairTable, seats: Seats) -> None:
    """List the members of each group, with some room for more."""
    for g in range(len(seats.members)):
        seats.members[g] = 0
    for job in range(len(seats.pair)):
        if seats.pair[job] >= 0:
            seats.members[table.group[table.option[seats.pair[job]]]] += 1
    spare = (len(seats.member) - len(seats.pair)) // len(seats.members)
    for g in range(len(seats.members)):
        seats.first_member[g + 1] = seats.first_member[g] + seats.members[g] + spare
        seats.members[g] = 0
    for job in range(len(seats.pair)):
        if seats.pair[job] >= 0:
            add_member(seats, table.group[table.option[seats.pair[job]]], job)


@bare
def follow(table: PairTable, seats: Seats, pair: Ints, anew: bool) -> None:
    """Let jobs be where they are said to be; room is counted already.

    Parameters
    ----------
    pair : ints, (J,)
        Where each is: `seats` may still have others of those that moved; less than -1 are those
        that were in a group that is not known any more.
    anew : bool
        Lists of members are not to be trusted.
    """
    full = anew
    for job in range(len(pair)):
        if seats.pair[job] != pair[job] and not full:
            at = seats.place[job]
            if seats.pair[job] != -1 and at >= 0:
                drop_member(seats, np.searchsorted(seats.first_member, at, side="right") - 1, job)
            if pair[job] >= 0:
                full = not add_member(seats, table.group[table.option[pair[job]]], job)
        seats.pair[job] = pair[job]
    if full:
        list_again(table, seats)


@bare_inner
def is_fan(table: PairTable, seats: Seats, p: int) -> bool:
    """Tell whether a pair is one that its job may want; not where a job happens to be besides."""
    job = table.job[table.option[p]]
    return bool(
        table.usd[p] < np.inf and p < table.first[job + 1] - 1 and seats.out_usd[job] > -np.inf
    )


@bare_inner
def add_fans(table: PairTable, seats: Seats) -> bool:
    """List pairs that are new on their groups; False if a list has no room for one."""
    for p in range(seats.fanned[0], len(table.option)):
        if is_fan(table, seats, p):
            g = table.group[table.option[p]]
            at = seats.first_fan[g] + seats.fans[g]
            if at == seats.first_fan[g + 1]:
                return False
            seats.fan[at] = p
            seats.fans[g] += 1
        seats.fanned[0] = p + 1
    return True


@bare_inner
def gather_fans(table: PairTable, seats: Seats) -> None:
    """List the pairs on each group, those of before and those that are new."""
    if add_fans(table, seats):
        return
    total, groups = 0, len(seats.fans)
    for g in range(groups):
        seats.fans[g] = 0
    for p in range(len(table.option)):
        if is_fan(table, seats, p):
            seats.fans[table.group[table.option[p]]] += 1
            total += 1
    spare = (len(seats.fan) - total) // groups
    for g in range(groups):
        seats.first_fan[g + 1] = seats.first_fan[g] + seats.fans[g] + spare
        seats.fans[g] = 0
    seats.fanned[0] = 0
    add_fans(table, seats)


@bare
def shut(first: Ints, option: Ints, usd: Floats, jobs: Indices, gone: Ints) -> None:
    """Let nobody take the pairs of some options any more.

    Parameters
    ----------
    first, option, usd : arrays
        As in `PairTable`.
    jobs : indices
        Of the options that are gone.
    """
    for k in range(len(gone)):
        for p in range(first[jobs[k]], first[jobs[k] + 1]):
            if option[p] == gone[k]:
                usd[p] = np.inf


@bare
def locate(table: PairTable, jobs: Ints, option: Ints, start: Ints, pair: Ints) -> int:
    """Find the pair at which each of some jobs is, -2 where it is at none; return how many are."""
    missing = 0
    for job in jobs:
        pair[job] = -1
        if option[job] >= 0:
            pair[job] = -2
            for p in range(table.first[job], table.first[job + 1]):
                is_it = table.option[p] == option[job] and table.start[p] == start[job]
                if is_it and table.usd[p] < np.inf:
                    pair[job] = p
                    break
            if pair[job] < 0:
                missing += 1
    return missing
