"""What a walk reads and what it changes, as arrays that machine code can take."""

from __future__ import annotations

from typing import NamedTuple

from hybridplace.solver.draws import Draw
from hybridplace.solver.instance import Bools, Floats, Indices, Ints

MOST_OUT = 64
"""Jobs that a step takes out at most."""

MOST_SHIFTED = 512
"""Workers that a step moves to other nodes at most."""

BEST_PAIRS = 24
"""Pairs of a job that it wishes for."""

SMALLEST_USD = 1e-9


class Table(NamedTuple):
    """What a walk never changes; P pairs by job (CSR), the least reduced cost first.

    Of options it has the n that pairs have: `option` says which of these a pair has.

    Parameters
    ----------
    first : ints, (J + 1,)
    usd, toll_usd : floats, (P,)
        What a pair costs as moves are judged, and what it pays for scarce things beyond that.
    cheapest : ints, (P,)
        The pairs of each job, the least `usd` first.
    option, group, start, length : ints, (P,)
        Group G is free.
    use : floats, (n, resources)
    curve : ints, (n,)
    curves, spells : floats, (any, T)
        The latter: of the workers, how many have come by then and are not gone for good.
    limit : ints, (n, K)
        L where there is none.
    limit_use : floats, (P, K)
    site, tenant : ints, (n,) and (J,)
    share : floats, (n,)
    reject_usd, least_usd, worth_usd, size : floats, (J,)
        The price of leaving out, the least reduced cost; what a job pays more where nothing is
        scarce; how much it holds for how long.
    partner_first, partner, together : ints, ints, bools
        Whom a job must be with or apart from (CSR).
    cell : ints, (P,)
        Where a pair begins among the slots of all groups, G times T cells; -1 is free.
    crowd_first : ints, (G * T + 1,)
        Where those who run in each cell have their places in `Plan.crowd`.
    stay_first : ints, (J + 1,)
        Where the slots of each job have their places in `Plan.spot`.
    wisher_first, wisher : ints, and ints
        Jobs with one of their best pairs in a cell (CSR over cells).
    payer_first, payer : ints
        Jobs with a pair that counts towards a limit (CSR over limits).
    price : floats, (G + 1, T, resources)
    share_usd, unfair_usd : floats, (tenants,), and float
    limit_usd, limit_full, loose : floats, (L,), (L + 1,) and (L + 1,)
        What a unit of each limit is worth as moves are judged, what there is of it, and by how much
        steps may exceed it on their way.
    node_first : ints, (G + 2,)
        Nodes of each group (CSR); a quota has none.
    workers, worker_use : ints, (n,), and floats, (n, resources)
        At the most in any slot, and what one takes of a node.
    seat_first : ints, (J + 1,)
        Where the workers of each job have their places in `Plan.seat`.
    sitter : ints
        The job of each place in `Plan.seat`.
    """

    first: Ints
    usd: Floats
    toll_usd: Floats
    cheapest: Ints
    option: Ints
    group: Ints
    start: Ints
    length: Ints
    use: Floats
    curve: Indices
    curves: Floats
    spells: Floats
    limit: Ints
    limit_use: Floats
    site: Indices
    tenant: Ints
    share: Floats
    reject_usd: Floats
    least_usd: Floats
    worth_usd: Floats
    size: Floats
    partner_first: Ints
    partner: Ints
    together: Bools
    cell: Ints
    crowd_first: Ints
    stay_first: Ints
    wisher_first: Ints
    wisher: Indices
    payer_first: Ints
    payer: Ints
    price: Floats
    share_usd: Floats
    unfair_usd: float
    limit_usd: Floats
    limit_full: Floats
    loose: Floats
    node_first: Ints
    workers: Ints
    worker_use: Floats
    seat_first: Ints
    sitter: Ints


class Plan(NamedTuple):
    """What steps change.

    Parameters
    ----------
    pair : ints, (J,)
        -1 is left out.
    usd, reduced_usd : floats, (J,)
    room : floats, (G + 1, T, resources)
    limit_room : floats, (L + 1,)
    share : floats, (tenants,)
    crowd, crowds, spot : ints
        Jobs in each cell: parts of `crowd` that begin at `crowd_first`, how many of each, and
        where a job is among them in each of its slots.
    best : ints, (J,)
        `pair` of the best plan so far.
    total : floats, (4,)
        What steps are judged by; USD of the best plan; those of all jobs, as moves are judged;
        whether `best` is outdated.
    pull : floats, (L + tenants,)
        By how much the price of each limit, and that of each share, grows per unit that is
        missing; 0 where it does not.
    aim : floats, (L + tenants,)
        What is to be left of each limit, and of each share beyond that of the worst-off.
    draw : uint64, (1,)
        State of the generator.
    waste, excess : floats, (G * T,) and (J,)
        Cumulated: what is paid for what nobody uses, and roots of what jobs pay too much.
    berth : floats, (resources, T, nodes)
        What is left of each node; side by side are those that are searched together.
    seat, old_seat, best_seat : ints
        The node of each worker: now, before the step, in the best plan.
    sitter, next, before : ints
        Who sits on a node: one worker of each node, and whom each has after and before itself
        (places in `seat`); -1 is none.
    shifted, shifts : ints, and ints, (1,)
        Workers (places in `seat`) that a step moved to other nodes, and how many.
    out, was, key : ints, ints, floats
        Jobs that a step took out, the pairs that they had, and the order in which they go back.
    """

    pair: Ints
    usd: Floats
    reduced_usd: Floats
    room: Floats
    limit_room: Floats
    share: Floats
    crowd: Indices
    crowds: Ints
    spot: Indices
    best: Ints
    total: Floats
    pull: Floats
    aim: Floats
    draw: Draw
    waste: Floats
    excess: Floats
    berth: Floats
    seat: Ints
    old_seat: Ints
    best_seat: Ints
    sitter: Ints
    next: Ints
    before: Ints
    shifted: Ints
    shifts: Ints
    out: Ints
    was: Ints
    key: Floats
