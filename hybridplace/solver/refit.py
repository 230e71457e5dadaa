"""Short ruin and recreate in machine code: jobs that pay too much make room for themselves.

A step takes out a job that pays more than its least, who is in its way where it would rather be,
and some others who pay too much, and puts all back where each costs least; it is kept if that
saves (Schrimpf, Schneider, Stamm-Wilbrandt and Dueck, "Record breaking optimization results using
the ruin and recreate principle", Journal of Computational Physics 159 (2000),
doi:10.1006/jcph.1999.6413), in long searches also if it loses little (simulated annealing:
Kirkpatrick, Gelatt and Vecchi, Science 220 (1983), doi:10.1126/science.220.4598.671). Nodes are not
looked at: whoever finds none is for the caller to move.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from hybridplace.solver.compiled import bare, bare_inner
from hybridplace.solver.draws import Draw, below, uniform
from hybridplace.solver.instance import Ints
from hybridplace.solver.listed import is_listed
from hybridplace.solver.seats import PairTable, Seats, enter, fits, gather_fans, leave

MOST_OUT = 24
"""Jobs that a step takes out, at most."""

CANDIDATES = 6
"""Members of a group of which the one that moves most easily is taken out."""

INVITED, PULLED = 8, 16
"""Jobs that are looked at for those who would rather be in a group."""

MOST_PULLS = 8
"""Jobs whose room is filled by others."""

AGAIN = 256
"""Steps after which it is looked again who pays too much."""

CHOSEN = 7
"""A step begins with the job that pays most beyond its least of up to two to this power drawn."""

MANY = 20
"""Jobs that come at once and heed prices, for the sake of those that come after them."""

LONG, HEAT = 1000, 0.03
"""In searches of so many steps one may lose that part of what jobs cost on average, ever less."""

LEAST_SIZE = 1e-3

SEED = 1

SMALLEST_USD = 1e-7


class Scratch(NamedTuple):
    """What a step works with.

    Parameters
    ----------
    keen : ints, (J,)
        Jobs that pay more than their least.
    out, was : ints
        Jobs that the step has taken out, and the pairs that they had.
    best : ints, (J,)
        Where everyone is in the cheapest plan so far.
    random : uint64, (1,)
        State of what is drawn.
    """

    keen: Ints
    out: Ints
    was: Ints
    best: Ints
    random: Draw


@bare_inner
def usd_of(table: PairTable, seats: Seats, job: int) -> float:
    """Return what a job costs where it is."""
    p = seats.pair[job]
    return float(table.usd[p] if p >= 0 else seats.out_usd[job])


@bare_inner
def excess_of(table: PairTable, seats: Seats, job: int) -> float:
    """Return by how much the reduced cost of a job is above its least."""
    p = seats.pair[job]
    usd = table.reduced_usd[p] if p >= 0 else seats.out_usd[job]
    return float(usd - table.least_usd[job])


@bare
def regret(table: PairTable, seats: Seats, job: int, g: int) -> float:
    """Return what a placed job is expected to pay more outside of a group."""
    usd, toll = seats.out_usd[job], seats.out_usd[job]
    for p in range(table.first[job], table.first[job + 1]):
        if table.group[table.option[p]] != g:
            if table.usd[p] < usd and fits(table, seats, p):
                usd = table.usd[p]
            toll = min(toll, table.reduced_usd[p])
    return float(min(usd, toll) - table.usd[seats.pair[job]])


@bare
def insert(table: PairTable, seats: Seats, job: int, heed: bool, random: Draw) -> None:
    """Place a job that is left out where it costs least, prices heeded or not, if anywhere."""
    best, best_usd = -1, seats.out_usd[job]
    for p in range(table.first[job], table.first[job + 1]):
        usd = table.reduced_usd[p] if heed else table.usd[p]
        if usd < best_usd and below(random, 64) > 0 and fits(table, seats, p):
            best, best_usd = p, usd
            if heed:
                break
    if best >= 0:
        enter(table, seats, job, best)


@bare_inner
def take_out(table: PairTable, seats: Seats, scratch: Scratch, job: int, n: int) -> int:
    """Take out a job, as number n of those that are out; return how many these are then."""
    scratch.out[n], scratch.was[n] = job, seats.pair[job]
    if seats.pair[job] >= 0:
        leave(table, seats, job)
    return n + 1


@bare
def clear(table: PairTable, seats: Seats, scratch: Scratch, p: int, n: int) -> int:
    """Take out members of a group as long as a pair does not fit; return how many are out then."""
    g = table.group[table.option[p]]
    while n < MOST_OUT and not fits(table, seats, p):
        victim, least_usd = -1, np.inf
        for _ in range(CANDIDATES if seats.members[g] else 0):
            at = below(scratch.random, seats.members[g])
            job = seats.member[seats.first_member[g] + at]
            size = table.use[table.option[seats.pair[job]], 0] + LEAST_SIZE
            usd = (regret(table, seats, job, g) + SMALLEST_USD) / size
            if usd < least_usd:
                victim, least_usd = job, usd
        if victim < 0:
            break
        n = take_out(table, seats, scratch, victim, n)
    return n


@bare_inner
def invite(table: PairTable, seats: Seats, scratch: Scratch, some: int, g: int, n: int) -> int:
    """Take out some who would rather be in a group; return how many are out then."""
    for _ in range(INVITED):
        job = scratch.keen[below(scratch.random, some)]
        if n >= MOST_OUT or seats.pair[job] < 0 or is_listed(scratch.out, n, job):
            continue
        now_usd = table.reduced_usd[seats.pair[job]]
        for p in range(table.first[job], table.first[job + 1]):
            if table.reduced_usd[p] >= now_usd - SMALLEST_USD:
                break
            if table.group[table.option[p]] == g:
                n = take_out(table, seats, scratch, job, n)
                break
    return n


@bare_inner
def pull(table: PairTable, seats: Seats, scratch: Scratch, g: int, n: int) -> int:
    """Move whom it saves the most into the room of a group; return how many are out then."""
    fans = seats.fans[g]
    best, best_usd = -1, SMALLEST_USD
    for _ in range(min(fans, PULLED) if n < MOST_OUT else 0):
        q = seats.fan[seats.first_fan[g] + below(scratch.random, fans)]
        job = table.job[table.option[q]]
        p, usd = seats.pair[job], usd_of(table, seats, job) - table.usd[q]
        elsewhere = p < 0 or table.group[table.option[p]] != g
        if (
            elsewhere
            and usd > best_usd
            and not is_listed(scratch.out, n, job)
            and fits(table, seats, q)
        ):
            best, best_usd = q, usd
    if best >= 0:
        job = table.job[table.option[best]]
        n = take_out(table, seats, scratch, job, n)
        enter(table, seats, job, best)
    return n


@bare_inner
def wish(table: PairTable, seats: Seats, job: int, random: Draw) -> int:
    """Return a pair that a job would rather have, mostly the first; -1 if there is none."""
    chosen, now_usd = -1, excess_of(table, seats, job) + table.least_usd[job]
    for p in range(table.first[job], table.first[job + 1]):
        if table.reduced_usd[p] >= now_usd - SMALLEST_USD:
            break
        chosen = p
        if below(random, 2) > 0:
            break
    return chosen


@bare_inner
def recreate(table: PairTable, seats: Seats, scratch: Scratch, n: int) -> int:
    """Put back who is out, and fill the room that they left; return how many were moved."""
    heed, first = below(scratch.random, 2) > 0, below(scratch.random, n)
    for k in range(n):
        job = scratch.out[(first + k) % n]
        if seats.pair[job] < 0:
            insert(table, seats, job, heed, scratch.random)
    for k in range(MOST_PULLS):
        if k < n and scratch.was[k] >= 0:
            n = pull(table, seats, scratch, table.group[table.option[scratch.was[k]]], n)
    return n


@bare_inner
def keenest(table: PairTable, seats: Seats, scratch: Scratch, some: int, come: Ints) -> int:
    """Return a job that pays more than its least: mostly one of those that came, if any does."""
    if len(come) > 0 and below(scratch.random, 2) > 0:
        job = come[below(scratch.random, len(come))]
        if excess_of(table, seats, job) > SMALLEST_USD:
            return int(job)
    job = scratch.keen[below(scratch.random, some)]
    for _ in range(1 << below(scratch.random, CHOSEN)):
        other = scratch.keen[below(scratch.random, some)]
        if excess_of(table, seats, other) > excess_of(table, seats, job):
            job = other
    return int(job)


@bare
def step(
    table: PairTable, seats: Seats, scratch: Scratch, some: int, job: int, least_usd: float
) -> float:
    """Try to better a job, the first of some being keen; return the USD saved, 0 if undone.

    Parameters
    ----------
    least_usd : float
        What is saved less than that is undone.
    """
    p = wish(table, seats, job, scratch.random)
    if p < 0:
        return 0.0
    n = clear(table, seats, scratch, p, take_out(table, seats, scratch, job, 0))
    if fits(table, seats, p):
        enter(table, seats, job, p)
        if below(scratch.random, 2) > 0:
            n = invite(table, seats, scratch, some, table.group[table.option[p]], n)
        n = recreate(table, seats, scratch, n)
        saved = 0.0
        for k in range(n):
            q = scratch.was[k]
            saved += table.usd[q] if q >= 0 else seats.out_usd[scratch.out[k]]
            saved -= usd_of(table, seats, scratch.out[k])
        if saved > least_usd:
            return saved
    for k in range(n):
        if seats.pair[scratch.out[k]] >= 0:
            leave(table, seats, scratch.out[k])
    for k in range(n):
        if scratch.was[k] >= 0:
            enter(table, seats, scratch.out[k], scratch.was[k])
    return 0.0


@bare_inner
def eager(table: PairTable, seats: Seats, queue: Ints) -> int:
    """List the jobs that pay more than their least; return how many these are."""
    n = 0
    for job in range(len(seats.pair)):
        if excess_of(table, seats, job) > SMALLEST_USD and n < len(queue):
            queue[n] = job
            n += 1
    return n


@bare_inner
def refill(table: PairTable, seats: Seats, scratch: Scratch, g: int) -> float:
    """Move whom it saves the most into a group, and others into the room left; return the USD."""
    saved, n = 0.0, 0
    for k in range(MOST_PULLS):
        n = pull(table, seats, scratch, g, n)
        if n == k:
            break
        was = scratch.was[k]
        saved += table.usd[was] if was >= 0 else seats.out_usd[scratch.out[k]]
        saved -= usd_of(table, seats, scratch.out[k])
        if was < 0:
            break
        g = table.group[table.option[was]]
    return saved


@bare_inner
def note(seats: Seats, best: Ints) -> None:
    """Write down where everyone is."""
    for job in range(len(best)):
        best[job] = seats.pair[job]


@bare_inner
def least_of(random: Draw, heat_usd: float) -> float:
    """Return what a step has to save: at some heat it may lose a little."""
    if heat_usd <= 0:
        return SMALLEST_USD
    return heat_usd * math.log(1.0 - uniform(random))


@bare_inner
def settle(table: PairTable, seats: Seats, best: Ints) -> None:
    """Let everyone be where they were in the cheapest plan."""
    for job in range(len(best)):
        if seats.pair[job] != best[job] and seats.pair[job] >= 0:
            leave(table, seats, job)
    for job in range(len(best)):
        if seats.pair[job] != best[job]:
            enter(table, seats, job, best[job])


@bare
def refit(
    table: PairTable,
    seats: Seats,
    scratch: Scratch,
    come: Ints,
    freed: Ints,
    limits: tuple[int, float, float],
) -> float:
    """Place jobs that come, then take steps until enough is saved; return the USD saved."""
    steps, enough_usd, heat_usd = limits
    saved = 0.0
    for k in range(len(come)):
        if seats.pair[come[k]] < 0:
            saved += usd_of(table, seats, come[k])
            insert(table, seats, come[k], len(come) > MANY, scratch.random)
            saved -= usd_of(table, seats, come[k])
    if saved >= enough_usd or steps == 0:
        return saved
    gather_fans(table, seats)
    for k in range(len(freed)):
        saved += refill(table, seats, scratch, freed[k])
    n, best_usd = eager(table, seats, scratch.keen), saved
    if heat_usd > 0:
        note(seats, scratch.best)
    for taken in range(steps):
        if taken % AGAIN == AGAIN - 1:
            n = eager(table, seats, scratch.keen)
        if n == 0 or saved >= enough_usd:
            break
        job = keenest(table, seats, scratch, n, come)
        least_usd = least_of(scratch.random, heat_usd * (1.0 - taken / steps))
        gain = step(table, seats, scratch, n, job, least_usd)
        if gain < 0 and saved > best_usd:
            best_usd = saved
            note(seats, scratch.best)
        saved += gain
    if saved < best_usd:
        settle(table, seats, scratch.best)
    return max(saved, best_usd)


def search(
    table: PairTable,
    seats: Seats,
    come: Ints,
    freed: Ints,
    steps: int,
    enough_usd: float,
    draw: Draw | None = None,
) -> float:
    """Place jobs that are left out, and better the plan; return the USD saved.

    Parameters
    ----------
    come : ints
        Jobs that are placed before anything else, in this order, or were just now.
    freed : ints
        Groups that jobs have left.
    steps : int
        At most; none once `enough_usd` is saved.
    draw : uint64, (1,), optional
        State of what is drawn, which goes on from search to search.
    """
    scratch = Scratch(
        keen=np.empty(len(seats.pair), np.int64),
        out=np.zeros(MOST_OUT + 1, np.int64),
        was=np.zeros(MOST_OUT + 1, np.int64),
        best=np.empty(len(seats.pair), np.int64),
        random=np.array([SEED], np.uint64) if draw is None else draw,
    )
    heat_usd = 0.0
    if steps >= LONG:
        heat_usd = HEAT * float(np.abs(table.least_usd).mean())
    limits = (steps, enough_usd, heat_usd)
    return float(refit(table, seats, scratch, come, freed, limits))
