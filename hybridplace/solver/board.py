"""The arrays that `regroup` works on: where jobs may go, which data tie them, where they are."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from hybridplace.solver.draws import Draw
from hybridplace.solver.instance import Bools, Choice, Floats, Ints

Rows = np.recarray[Any, Any]

MOST_OUT = 96
"""Jobs that a step takes out at most."""

JOB = np.dtype(
    [
        # Where its ways, what it reads, what it makes and its partners begin and end; then makers
        # of what it reads, followed by readers of what it makes.
        *((name, "i8") for name in ("first", "end", "read_first", "read_end")),
        *((name, "i8") for name in ("make_first", "make_end", "partner_first", "partner_end")),
        *((name, "i8") for name in ("maker_first", "user_first", "user_end")),
        # Its pipeline, -1 if it is in none, and how many makers come before it, at most.
        ("tree", "i8"),
        ("depth", "i8"),
        # Among the tenants with a due, -1 without.
        ("tenant", "i8"),
        ("reject_usd", "f8"),
        # Where it is, -1 if it is left out; its row in the list of its group, and among those that
        # a step took out (-1: it did not).
        *((name, "i8") for name in ("way", "start", "site", "place", "rank")),
        # Where it was in the best plan so far.
        *((name, "i8") for name in ("best_way", "best_start")),
        # What it costs without copies, and what it was seen to lose: it is tried more often.
        *((name, "f8") for name in ("usd", "loss_usd")),
        # Whether it moved since then.
        ("moved", "b1"),
    ]
)
"""A row for each job; those from `way` on change."""

WAY = np.dtype(
    [
        # As in `Options`; group G is free. `at` is where the figures of its starts begin.
        *((name, "i8") for name in ("option", "site", "group", "length", "earliest", "latest")),
        *((name, "i8") for name in ("curve", "at")),
        # The least USD is over all starts.
        *((name, "f8") for name in ("hours", "share", "least_usd")),
        # Whether all starts cost the same, tolls included.
        ("flat", "b1"),
    ]
)
"""A row for each option that is worth a try, by job, the least reduced cost first."""

DATASET = np.dtype(
    [
        ("maker", "i8"),  # -1 if it has homes
        ("size_gib", "f8"),
        # Where its readers begin and end.
        *((name, "i8") for name in ("reader_first", "reader_end")),
    ]
)
"""A row for each dataset."""

OUT = np.dtype([("job", "i8"), ("way", "i8"), ("start", "i8")])
"""A job that a step took out, and where it was."""


class Board(NamedTuple):
    """Jobs, ways, datasets and where everything is; W ways, P pairs of way and start.

    Parameters
    ----------
    job, way, data : records
        `JOB`, `WAY` and `DATASET`.
    usd, toll_usd : floats, (P,)
        What a pair costs as moves are judged, and what it pays for scarce things beyond that.
    use : floats, (W, resources)
    curves : floats, (any, T)
    way_limit : ints, (W, K)
        L where there is none.
    limit_use : floats, (P, K)
    urge : floats, (J, 5)
        Several ways to say which job goes back first: the least.
    read, make, reader, near, partner : ints
        Datasets that jobs read and make, jobs that read datasets, whose results jobs read and who
        reads theirs, whom jobs must be with or apart from.
    together : bools
        Which of the two.
    fee_usd : floats, (D, S)
        As `Data.fee_usd`.
    usd_gib, h_gib : floats, (S, S)
        Of a link.
    copy_first, copy_limit : ints, (D * S + 1,) and any
        Limits and caches that a copy counts towards (CSR).
    copy_gib : floats
        How much: so many GiB; where it is 0, what the copy costs.
    group_first : ints, (G + 2,)
        Where the jobs of a group begin in `member`.
    slot_h, unfair_usd : floats, (1,)
    share_usd : floats, (tenants,)
        What a unit of a share is worth in judging moves.
    room : floats, (G + 1, T, resources)
        From here on, all changes.
    limit_room : floats, (L + 1 + S,)
        Limits, inf, caches.
    share : floats, (tenants,)
    needs : ints, (D, S)
        How many need a dataset at a site: readers that are there, and one for a delivery.
    ask_usd : floats, (D, S)
        What a copy is taken to cost when jobs look for a place: `fee_usd`, or what a step tries.
    member, members : ints
        Jobs in each group, and how many.
    out : records
        `OUT`.
    changed : ints, (J + 1,)
        Jobs that moved since the best plan; in the last place how many.
    key : floats, (MOST_OUT,)
        Of those that are out: the least goes back first, inf is done.
    onward : floats, (MOST_OUT, S, T + 1)
        What those that are out and wait for a maker will cost, with those who wait for them, by
        site and from when on that has come; in the last slot, if they stay out.
    at_site : floats, (3, S)
        Of a job that looks for a place: USD, from when on and by when, in hours.
    at_start : floats, (2, T)
        Of one that others wait for: USD of theirs; and room to add up.
    total : floats, (2,)
        USD of the plan as moves are judged, and of the best one truly.
    draw : uint64, (1,)
        State of the generator.
    """

    job: Rows
    way: Rows
    data: Rows
    usd: Floats
    toll_usd: Floats
    use: Floats
    curves: Floats
    way_limit: Ints
    limit_use: Floats
    urge: Floats
    read: Ints
    make: Ints
    reader: Ints
    near: Ints
    partner: Ints
    together: Bools
    fee_usd: Floats
    usd_gib: Floats
    h_gib: Floats
    copy_first: Ints
    copy_limit: Ints
    copy_gib: Floats
    group_first: Ints
    slot_h: Floats
    unfair_usd: Floats
    share_usd: Floats
    room: Floats
    limit_room: Floats
    share: Floats
    needs: Ints
    ask_usd: Floats
    member: Ints
    members: Ints
    out: Rows
    changed: Ints
    key: Floats
    onward: Floats
    at_site: Floats
    at_start: Floats
    total: Floats
    draw: Draw


def choice_of(board: Board) -> Choice:
    """Return the best plan so far."""
    way, start = board.job["best_way"], board.job["best_start"]
    placed = way >= 0
    option = np.full(len(way), -1, np.int64)
    option[placed] = board.way["option"][way[placed]]
    return Choice(option=option, start=np.where(placed, start, 0))
