"""Who comes to a board, who leaves it and who fits, with all that this costs and uses."""

from __future__ import annotations

from hybridplace.solver.board import Board
from hybridplace.solver.compiled import bare, bare_inner


@bare_inner
def passing_usd(board: Board, d: int, source: int, target: int) -> float:
    """Return what bringing a result from site to site costs; inf where it may not come."""
    usd = board.fee_usd[d, target] + board.data[d].size_gib * board.usd_gib[source, target]
    return 0.0 if source == target else float(usd)


@bare_inner
def copy_usd(board: Board, d: int, s: int, sign: float) -> float:
    """Return what a copy that is not there yet costs; count it in limits and caches."""
    cell, maker = d * board.needs.shape[1] + s, board.data[d].maker
    if maker >= 0 and board.job[maker].site in (-1, s):
        return 0.0
    usd = board.fee_usd[d, s] if maker < 0 else passing_usd(board, d, board.job[maker].site, s)
    for k in range(board.copy_first[cell], board.copy_first[cell + 1]):
        board.limit_room[board.copy_limit[k]] -= sign * (board.copy_gib[k] or usd)
    return float(usd)


@bare_inner
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


@bare_inner
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


@bare_inner
def mark(board: Board, job: int) -> None:
    """Note that a job may not be where it was in the best plan."""
    if not board.job[job].moved:
        board.job[job].moved = True
        board.changed[board.changed[-1]] = job
        board.changed[-1] += 1


@bare
def enter(board: Board, job: int, w: int, t: int) -> None:
    """Place a job that is out."""
    row, way = board.job[job], board.way[w]
    mark(board, job)
    row.usd = board.usd[way.at + t - way.earliest]
    row.way, row.start, row.site = w, t, way.site
    use_up(board, job, w, t, 1.0)
    board.total[0] += row.usd + copies_usd(board, job, way.site, 1.0) - row.reject_usd
    for k in range(row.read_first, row.read_end):
        board.needs[board.read[k], way.site] += 1
    row.place = board.members[way.group]
    board.member[board.group_first[way.group] + row.place] = job
    board.members[way.group] += 1


@bare
def leave(board: Board, job: int) -> None:
    """Take a placed job out."""
    row = board.job[job]
    mark(board, job)
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


@bare_inner
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


@bare_inner
def within_limits(board: Board) -> bool:
    """Tell whether limits and caches hold."""
    least = 0.0
    for k in range(len(board.limit_room)):
        least = min(least, board.limit_room[k])
    return bool(least >= 0.0)


@bare_inner
def affords(board: Board, job: int, w: int, t: int) -> bool:
    """Tell whether limits hold when the copies that a job needs count, too."""
    if not len(board.copy_limit):
        return True
    enter(board, job, w, t)
    held = within_limits(board)
    leave(board, job)
    return held
