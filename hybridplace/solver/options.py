"""The options of a chunk of jobs: pairs priced block by block, dominated ones dropped, as CSR."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from hybridplace.model.run import TIME_TOLERANCE_H
from hybridplace.solver.block import Block
from hybridplace.solver.dominance import (
    dearer_than_free,
    lateness_usd,
    offers_worth,
    promising,
    undominated,
)
from hybridplace.solver.hourly import Columns, courses, limit_bounds, rates
from hybridplace.solver.instance import RESOURCES, Bools, Floats, Indices, Ints
from hybridplace.solver.spreads import Spreads
from hybridplace.solver.store import EXACT, WHOLE
from hybridplace.solver.supply import Chunk, Supply


@dataclass(frozen=True, slots=True, kw_only=True)
class Ties:
    """What other jobs and data have to do with each job of a problem.

    Parameters
    ----------
    sited : bools
        It matters at which site the job is.
    reject_usd : floats
        What leaving it out costs; inf if others need what it makes.
    due : floats
        What its tenant is due, as a share of all own nodes; inf where fairness does not count it.
    spreads : Spreads
    """

    sited: Bools
    reject_usd: Floats
    due: Floats
    spreads: Spreads

    def of(self, jobs: Ints) -> Ties:
        """Return those of some jobs."""
        return Ties(
            sited=self.sited[jobs],
            reject_usd=self.reject_usd[jobs],
            due=self.due[jobs],
            spreads=replace(self.spreads, of_job=self.spreads.of_job[jobs]),
        )


def chunk_options(chunk: Chunk, ties: Ties, begin: int) -> Columns:
    """Return the options of a chunk of jobs, in the order of `Options`.

    Parameters
    ----------
    begin : int
        Row in `Problem.jobs` of the chunk's first job.
    """
    parts = [_block(chunk, ties, begin, *block) for block in _blocks(chunk, ties, begin)]
    c = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    c = _undominated(chunk.supply, c)
    curve, curves = _curves(chunk, c["job"] - begin, c["shape"], c["owned"])
    limit, limit_use = _packed(*_with_spreads(ties.spreads, c))
    hourly = {"rate": c["rate"], "row": c["row"]} if chunk.supply.varies else {}
    return {
        **hourly,
        **({"share": c["share"]} if np.isfinite(ties.due).any() else {}),
        **{name: c[name] for name in EXACT},
        **{name: c[name].astype(np.int32) for name in WHOLE},
        "curve": curve,
        "curves": curves,
        "limit": limit,
        "limit_use": limit_use,
    }


def _undominated(supply: Supply, c: Columns) -> Columns:
    """Return the options that nothing replaces, in the order of `Options`."""
    parts, least_usd = _by_wait(supply, c)
    uses = limit_bounds(c, supply)
    free = dearer_than_free(c["job"], c["group"], least_usd, *uses, sited=c["sited"])
    left = np.flatnonzero(~free | (c["share"] > 0))
    group = c["job"] * np.int64(2 + c["group"].max(initial=0)) + c["group"] + 1
    segment = group * np.int64(1 + c["site"].max(initial=0))
    segment += np.where(c["sited"], c["site"], 0)
    left = left[_order(segment[left], least_usd[left], c, left)]
    kept = [np.zeros(0, dtype=np.int64)]
    for rows, usd in parts:
        at = np.full(len(segment), -1)
        at[rows] = np.arange(len(rows))
        some = left[at[left] >= 0] if len(parts) > 1 else left
        figures = (usd[at[some]], c["demand"][some], c["time"][some], -c["share"][some])
        least = np.column_stack([*figures, uses[0][some]])
        most = least if uses[0] is uses[1] else np.column_stack([*figures, uses[1][some]])
        kept.append(some[undominated(segment[some], least, most)])
    rows = np.concatenate(kept)
    rows = rows[_order(group[rows], c["cost_usd"][rows], c, rows)]
    return {name: column[rows] for name, column in c.items()}


def _by_wait(supply: Supply, c: Columns) -> tuple[list[tuple[Ints, Floats]], Floats]:
    """Return rows of options with what they cost by start; and the least that each may cost."""
    if not supply.varies:
        return [(np.arange(len(c["job"])), c["cost_usd"][:, None])], c["least_usd"]
    parts, least_usd = list(courses(c, supply)), np.full(len(c["job"]), np.inf)
    for rows, usd in parts:
        least_usd[rows] = usd.min(axis=1)
    return parts, least_usd


def _order(key: Ints, usd: Floats, c: Columns, rows: Ints) -> Ints:
    """Return the order of (key, usd, offer, shape)."""
    # Two sorts of plain numbers are faster than one by two keys.
    rank = np.empty(len(key), dtype=np.int64)
    rank[np.argsort(usd)] = np.arange(len(key))
    order = np.argsort(key * np.int64(len(key)) + rank)
    tied = (np.diff(key[order]) == 0) & (np.diff(usd[order]) == 0)
    if tied.any():
        order = np.lexsort((c["shape"][rows], c["offer"][rows], usd, key))
    return order


def _packed(limit: Indices, use: Floats) -> tuple[Indices, Floats]:
    """Return limits and uses without those, in between, that an option does not count towards."""
    order = np.argsort(limit < 0, axis=1, kind="stable")
    used = int((limit >= 0).sum(axis=1).max(initial=0))
    limit = np.take_along_axis(limit, order, axis=1)[:, :used]
    return limit, np.where(limit >= 0, np.take_along_axis(use, order, axis=1)[:, :used], 0.0)


def _with_spreads(spreads: Spreads, c: Columns) -> tuple[Indices, Floats]:
    """Return limits and uses with those of spreads: at a site these are the same for a job."""
    limit = spreads.limits_of(c["job"], c["site"])
    use = np.where(limit >= 0, 1.0, 0.0)
    return np.hstack([c["limit"], limit]), np.hstack([c["limit_use"], use])


def _curves(chunk: Chunk, job: Ints, shape: Ints, owned: Bools) -> tuple[Indices, Floats]:
    """Return for each option its row of curves (-1: none), and the curves."""
    curve, slots = np.full(len(job), -1, dtype=np.int32), chunk.supply.slots
    rows = np.flatnonzero(owned & chunk.jobs.serves[job])
    if slots == 1 or not len(rows):
        return curve, np.ones((0, slots))
    shapes = np.searchsorted(chunk.shapes.job, job[rows]) + shape[rows]
    service = chunk.service.of(np.searchsorted(chunk.serving, shapes))
    begin = (service.workers > 0).argmax(axis=0)
    slot = np.minimum(begin + np.arange(slots)[:, None], slots)
    padded = np.concatenate([service.workers, np.zeros((1, len(rows)))])
    share = (np.take_along_axis(padded, slot, axis=0) / service.peak).T
    varies = (np.where(share > 0, share, 1.0) < 1.0).any(axis=1)
    distinct, which = np.unique(share[varies], axis=0, return_inverse=True)
    curve[rows[varies]] = which.reshape(-1)
    return curve, distinct


def _blocks(chunk: Chunk, ties: Ties, begin: int) -> Iterator[tuple[Ints, Ints, bool]]:
    """Yield rows of shapes with the same hardware, the offers for them, whether sites matter."""
    shapes = chunk.shapes
    sited = ties.sited[begin + shapes.job]
    serves = chunk.jobs.serves[shapes.job]
    limited: Bools = np.any(chunk.limit >= 0, axis=1)[shapes.job]
    key = shapes.hardware * 8 + limited * 4 + serves * 2 + sited
    order = np.argsort(key, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(key[order])) + 1):
        by_site = bool(sited[rows[0]] or serves[rows[0]])
        yield rows, _offers_for(chunk, rows, by_site=by_site), bool(sited[rows[0]])


def _offers_for(chunk: Chunk, rows: Ints, *, by_site: bool) -> Ints:
    """Return the offers that are worth a look, in the order that `Block` needs."""
    supply, table = chunk.supply, chunk.supply.offers
    hardware = chunk.shapes.hardwares[chunk.shapes.hardware[rows[0]]]
    key = (hardware, by_site)
    if key not in supply.worth:
        accelerator, architectures = hardware
        kinds = np.isin(table.kinds.architecture, architectures)
        if accelerator is not None:
            kinds &= table.kinds.accelerator == accelerator
        there = table.available | supply.is_held
        fits = np.flatnonzero(kinds[table.kind] & table.priced & there)
        policies = np.arange(len(supply.denied))
        supply.worth[key] = offers_worth(supply, fits, policies, by_site=by_site)
    return supply.worth[key]


def _block(chunk: Chunk, ties: Ties, begin: int, rows: Ints, offers: Ints, sited: bool) -> Columns:
    """Return the options of shapes that need the same hardware."""
    block = Block(chunk, rows, offers)
    due = ties.due[begin + block.job]
    found = promising(block, ties.reject_usd[begin + block.job], np.isfinite(due), sited=sited)
    columns = _columns(block, begin, *found, sited=sited)
    return columns | {"share": _shares(block, *found, due, columns["slots"])}


def _columns(block: Block, begin: int, o: Ints, s: Ints, *, sited: bool) -> Columns:
    """Return pairs, given by rows of offers and of shapes, as columns."""
    chunk, table, offer = block.chunk, block.table, block.offers[o]
    job, steady = block.job[s], block.usd(table.tariffs.steady)
    at, late_usd = o * steady.shape[1] + s, lateness_usd(block)
    usd = steady.reshape(-1)[at]
    least_usd = usd + np.broadcast_to(late_usd, steady.shape)[o, s] if late_usd.any() else usd
    counts = np.zeros((len(o), chunk.limit.shape[1]))
    for place in range(block.places):
        counts[:, place] = block.limit_use(place, table.tariffs.steady).reshape(-1)[at]
    hourly: Columns = {}
    if chunk.supply.varies:
        hourly["rate"], hourly["row"] = rates(block, o, s)
    return {
        "job": job + begin,
        "offer": offer,
        "shape": chunk.shapes.shape[block.rows[s]],
        "site": table.site[offer],
        "group": table.group[offer],
        "owned": table.owned[offer],
        "cost_usd": usd,
        "least_usd": least_usd,
        "due_h": chunk.jobs.due_h[job],
        "late_usd_h": chunk.jobs.late_usd_h[job],
        "limit": np.where(block.counted[o, s], block.limit[s], -1),
        "limit_use": counts,
        "sited": np.full(len(o), sited),
        **hourly,
        **_times(block, o, s, sited=sited),
        **_uses(block, o, s),
    }


def _times(block: Block, o: Ints, s: Ints, *, sited: bool) -> Columns:
    """Return how long pairs take, when they may start, and what of it must be no more."""
    hours, slot_h = block.runs.hours[block.kind[o], s], block.chunk.supply.problem.slot_h
    earliest = block.first[o if block.waits else 0, s]
    latest = np.floor((block.latest_end_h[s] - hours + TIME_TOLERANCE_H) / slot_h + 1e-12)
    latest = earliest if block.service is not None else np.maximum(latest, earliest)
    slots = np.maximum(np.ceil(hours / slot_h - TIME_TOLERANCE_H), 1.0)
    due = sited | np.isfinite(block.chunk.jobs.due_h[block.job[s]])
    return {
        "hours": hours,
        "slots": slots,
        "earliest": earliest,
        "latest": latest,
        "time": np.stack([slots, -latest, np.where(due, hours, 0.0)], axis=1),
    }


def _uses(block: Block, o: Ints, s: Ints) -> Columns:
    """Return what pairs take of their group, and what of it must be no more.

    Of own nodes a replacement has no more workers, none of which needs more of anything: only then
    it is sure to fit on the same nodes.
    """
    shapes, row = block.chunk.shapes, block.rows[s]
    own = (o < block.own)[:, None]
    need = np.stack([shapes.accelerators[row], shapes.cpus[row], shapes.memory_gib[row]], axis=1)
    workers = shapes.workers[row] if block.service is None else block.service.peak[s]
    quota = block.quota[o, s]
    quotas = quota[:, None] * np.eye(1, RESOURCES)
    # Replicas follow the load: the more one of them does, the fewer there are in any slot.
    pace = workers if block.service is None else -shapes.units_h[row]
    return {
        "use": np.where(own, need * workers[:, None], quotas),
        "demand": np.column_stack([np.where(own, need, quotas), np.where(own[:, 0], pace, 0.0)]),
    }


def _shares(block: Block, o: Ints, s: Ints, due: Floats, slots: Floats) -> Floats:
    r"""Return :math:`e_i` of pairs: `fairness.dominant_share` by what is due, at most 1.

    A tenant cannot have more than it is due, so the larger is not worth more (Savelsbergh,
    "Preprocessing and probing techniques for mixed integer programming problems", ORSA Journal on
    Computing 6 (1994), doi:10.1287/ijoc.6.4.445, "improving coefficients").
    """
    shares, own = np.zeros(len(o)), np.flatnonzero((o < block.own) & np.isfinite(due[s]))
    s, shapes, problem = s[own], block.chunk.shapes, block.chunk.supply.problem
    row = block.rows[s]
    need = np.stack([shapes.accelerators[row], shapes.cpus[row], shapes.memory_gib[row]], axis=1)
    booked = shapes.workers[row] * slots[own]
    if block.service is not None:
        booked = block.service.workers.sum(axis=0)[s]
    booked_h = (booked * problem.slot_h)[:, None]
    total = np.where(need > 0, problem.own_totals, 1.0)
    dominant = (need * booked_h / (total * problem.horizon_h)).max(axis=1)
    shares[own] = np.minimum(1.0, dominant / due[s])
    return shares
