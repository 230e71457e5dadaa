"""Closes the gaps that jobs leave on own nodes: who is on nodes that are not full is packed again.

Sizes of 1, 2, 4 and 8 accelerators leave no gaps when the largest are packed first (Coffman, Garey
and Johnson, "Bin packing with divisible item sizes", Journal of Complexity 3 (1987), section 2,
doi:10.1016/0885-064X(87)90009-4), but jobs that come and go do. Staying on other nodes of a pool
costs nothing, unless a job runs already: those stay.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hybridplace.model.plan import Share
from hybridplace.solver.nodes import Nodes, pack_many
from hybridplace.solver.packing import EIGHTHS, Stay
from hybridplace.solver.seating import Seating
from hybridplace.solver.state import State


def repack(
    seating: Seating,
    state: State,
    group: int,
    come: Sequence[tuple[int, int]],
    most: int | None = None,
) -> dict[int, tuple[Share, ...]] | None:
    """Give nodes to jobs that find none on the nodes of a group as these are packed.

    Parameters
    ----------
    come : sequence of (int, int)
        Options and starts of these jobs; they are placed by the caller.
    most : int, optional
        About so many jobs may be given other nodes: those on the emptiest.

    Returns
    -------
    dict or None
        Who has other nodes now, and which before; None if no packing was found, and all is as it
        was.
    """
    nodes = seating.nodes[group]
    loose = _loose(nodes, seating, state, group, most)
    stays = [seating.stay(int(state.option[job]), int(state.start[job])) for job in loose]
    had = [seating.shares[job] for job in loose]
    for stay, shares in zip(stays, had, strict=True):
        nodes.release(stay, shares)
    more = [seating.stay(option, start) for option, start in come]
    found = pack_many(nodes, [*stays, *more])
    packed = [one for one in found if one is not None]
    if len(packed) < len(found):
        _undo(nodes, [*stays, *more], found)
        for stay, shares in zip(stays, had, strict=True):
            nodes.take(stay, shares)
        return None
    jobs = [*loose, *(int(seating.instance.options.job[option]) for option, _ in come)]
    seating.shares.update(zip(jobs, packed, strict=True))
    return {
        job: before for job, before in zip(loose, had, strict=True) if seating.shares[job] != before
    }


def _loose(nodes: Nodes, seating: Seating, state: State, group: int, most: int | None) -> list[int]:
    """Return who is only on nodes that have accelerators left, and does not run yet."""
    left = np.maximum(EIGHTHS - nodes.load, 0).sum(axis=(1, 2))
    names = {nodes.nodes[row].id: left[row] for row in np.flatnonzero(left).tolist()}
    found = [
        job
        for job in state.members[group]
        if (shares := seating.shares.get(job))
        and shares[0].node in names
        and (len(shares) == 1 or all(one.node in names for one in shares))
        and not seating.held(job)
    ]
    if most is None or len(found) <= most:
        return found
    # With everyone on a node, so that it becomes empty.
    order = sorted(
        found,
        key=lambda job: (-names[seating.shares[job][0].node], seating.shares[job][0].node, job),
    )
    return sorted(order[:most])


def _undo(nodes: Nodes, stays: Sequence[Stay], found: Sequence[tuple[Share, ...] | None]) -> None:
    for stay, shares in zip(stays, found, strict=True):
        if shares is not None:
            nodes.release(stay, shares)
