"""The options of a chunk of jobs: pairs priced and compared by compiled functions, as CSR."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hybridplace.solver.dominance import Compared, kept_of
from hybridplace.solver.hourly import Columns, cost_weight, courses, limit_bounds
from hybridplace.solver.instance import RESOURCES, Bools, Floats, Indices, Ints
from hybridplace.solver.promising import promising
from hybridplace.solver.records import CRITERIA, LATEST, PAIR, SHARE, SLOTS, Fixed, Found, Records
from hybridplace.solver.spreads import Spreads
from hybridplace.solver.store import EXACT, WHOLE
from hybridplace.solver.supply import Chunk


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

    def of(self, jobs: Ints | slice) -> Ties:
        """Return those of some jobs."""
        return Ties(
            sited=self.sited[jobs],
            reject_usd=self.reject_usd[jobs],
            due=self.due[jobs],
            spreads=replace(self.spreads, of_job=self.spreads.of_job[jobs]),
        )


def chunk_options(chunk: Chunk, ties: Ties, begin: int) -> Columns:
    """Return the options of a chunk of jobs, in the order of `Options`.

    What does not depend on the jobs is made once for a supply: a chunk of one job takes a fraction
    of a millisecond.

    Parameters
    ----------
    begin : int
        Row in `Problem.jobs` of the chunk's first job.
    """
    mine = ties.of(slice(begin, begin + len(chunk.jobs.jobs)))
    pairs, uses, criteria = _promising(chunk, mine)
    job = chunk.shapes.job[pairs["shape"]]
    c = _columns(chunk, pairs, criteria) | _limited(chunk, job, pairs, uses)
    if chunk.supply.varies:
        c |= _rates(chunk, pairs)
    c["share"] = _shares(chunk, job, pairs["shape"], c, mine.due[job])
    criteria[:, SHARE] = -c["share"]
    rows = _kept(chunk, job, c, mine.sited)
    spent = ("criteria", "least_usd")
    job, c = job[rows], {name: c[name][rows] for name in c if name not in spent}
    curve, curves = _curves(chunk, job, c["shape"], c["owned"])
    c["job"] = job + begin
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


def _promising(chunk: Chunk, ties: Ties) -> tuple[Records, Floats, Floats]:
    """Return the pairs that nothing simple replaces: `Found`."""
    supply, problem = chunk.supply, chunk.supply.problem
    asked, looked = chunk.asked(ties.sited, np.isfinite(ties.due), ties.reject_usd)
    most = int(np.diff(looked.first)[asked.shapes["look"]].sum())
    # Pages of room that nothing is written to take no memory.
    found = Found(
        pairs=np.empty(most, PAIR),
        uses=np.empty((most, chunk.limit.shape[1])),
        criteria=np.empty((most, CRITERIA)),
        total=np.zeros(1, dtype=np.int64),
    )
    fixed = Fixed(
        slot_h=float(problem.slot_h),
        horizon_h=float(problem.horizon_h),
        cpu_w=float(problem.assumptions.cpu_power_w),
        memory_w_gib=float(problem.assumptions.memory_power_w_gib),
        is_timed=supply.slots > 1,
        varies=supply.varies,
    )
    promising(supply.offered, asked, looked, fixed, found)
    count = int(found.total[0])
    return found.pairs[:count], found.uses[:count], found.criteria[:count]


def _columns(chunk: Chunk, pairs: Records, criteria: Floats) -> Columns:
    """Return pairs as columns."""
    table, shapes, s, offer = chunk.supply.offers, chunk.shapes, pairs["shape"], pairs["offer"]
    owned = table.owned[offer]
    own = np.flatnonzero(owned)
    use = np.zeros((len(s), RESOURCES))
    use[:, 0] = pairs["quota"]
    use[own] = chunk.need[s[own]] * chunk.peak[s[own], None]
    return {
        "offer": offer,
        "shape": shapes.shape[s],
        "site": table.site[offer],
        "group": table.group[offer],
        "owned": owned,
        "cost_usd": pairs["usd"],
        "least_usd": pairs["usd"] + pairs["late_usd"],
        "hours": pairs["hours"],
        "slots": criteria[:, SLOTS],
        "earliest": pairs["first"],
        "latest": -criteria[:, LATEST],
        "use": use,
        "criteria": criteria,
    }


def _limited(chunk: Chunk, job: Ints | Indices, pairs: Records, uses: Floats) -> Columns:
    """Return which limits of their job pairs count towards, and how much."""
    limit, offered = chunk.limit[job], chunk.supply.offered
    if limit.shape[1]:
        counted = offered.counted[limit, pairs["offer"][:, None]]
        counted &= chunk.on[limit, chunk.shapes.hardware[pairs["shape"]][:, None]]
        limit = np.where(counted, limit, -1)
    return {"limit": limit, "limit_use": uses}


def _rates(chunk: Chunk, pairs: Records) -> Columns:
    """Return :math:`r_{ik}` of pairs and the rows of `Hourly.cumulative`."""
    table, offer = chunk.supply.offers, pairs["offer"]
    row, machines = table.tariffs.row[offer], pairs["machine_h"] / pairs["hours"]
    own_kw = pairs["own_kwh"] * table.pue[offer] / pairs["hours"]
    power_kw = np.where(table.owned[offer], own_kw, machines * table.machine_kw[offer])
    rate = np.stack([machines, power_kw, power_kw], axis=1)
    return {"rate": np.where(row >= 0, rate, 0.0), "row": row}


def _kept(chunk: Chunk, job: Ints | Indices, c: Columns, sited: Bools) -> Ints:
    """Return the pairs that nothing replaces, in the order of `Options`."""
    supply, jobs = chunk.supply, len(chunk.jobs.jobs)
    first = np.searchsorted(job, np.arange(jobs + 1))
    course_of, course, least_usd = np.arange(len(job) + 1), c["cost_usd"], c["least_usd"]
    if supply.varies:
        course_of, course = courses(first, *_courses_of(chunk, job, c))
        least_usd = np.minimum.reduceat(course, course_of[:-1]) if len(job) else course
    at_site, group = sited[job], c["group"].astype(np.int64)
    place = (group + 1) * len(supply.problem.sites) + np.where(at_site, c["site"], 0)
    least_use, most_use = limit_bounds(c, supply)
    return kept_of(
        Compared(
            first=first,
            group=group,
            place=place,
            offer=c["offer"],
            shape=c["shape"],
            is_free=(group < 0) & ~at_site,
            is_shared=c["share"] > 0,
            usd=c["cost_usd"],
            least_usd=least_usd,
            first_course=course_of,
            course=course,
            criteria=c["criteria"],
            least_use=least_use,
            most_use=most_use,
        )
    )


def _courses_of(chunk: Chunk, job: Ints | Indices, c: Columns) -> tuple[Any, ...]:
    """Return what `courses` reads, the first rows of jobs apart."""
    problem, jobs = chunk.supply.problem, chunk.jobs
    start = (c["earliest"].astype(np.int64), c["latest"].astype(np.int64))
    late = (jobs.due_h[job], jobs.late_usd_h[job])
    hourly = (c["rate"], c["row"], chunk.supply.offers.tariffs.cumulative, cost_weight(problem))
    return (c["cost_usd"], c["hours"], *start, *late, *hourly, float(problem.slot_h))


def _packed(limit: Indices, use: Floats) -> tuple[Indices, Floats]:
    """Return limits and uses without those, in between, that an option does not count towards."""
    order = np.argsort(limit < 0, axis=1, kind="stable")
    used = int((limit >= 0).sum(axis=1).max(initial=0))
    limit = np.take_along_axis(limit, order, axis=1)[:, :used]
    return limit, np.where(limit >= 0, np.take_along_axis(use, order, axis=1)[:, :used], 0.0)


def _with_spreads(spreads: Spreads, c: Columns) -> tuple[Indices, Floats]:
    """Return limits and uses with those of spreads: at a site these are the same for a job."""
    if not spreads.rows:
        return c["limit"], c["limit_use"]
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


def _shares(
    chunk: Chunk, job: Ints | Indices, s: Ints | Indices, c: Columns, due: Floats
) -> Floats:
    r"""Return :math:`e_i` of pairs: `fairness.dominant_share` by what is due, at most 1.

    A tenant cannot have more than it is due, so the larger is not worth more (Savelsbergh,
    "Preprocessing and probing techniques for mixed integer programming problems", ORSA Journal on
    Computing 6 (1994), doi:10.1287/ijoc.6.4.445, "improving coefficients").
    """
    shares, own = np.zeros(len(s)), np.flatnonzero(c["owned"] & np.isfinite(due))
    if not len(own):
        return shares
    s, shapes, problem = s[own], chunk.shapes, chunk.supply.problem
    need, booked = chunk.need[s], shapes.workers[s] * c["slots"][own]
    serves = np.flatnonzero(chunk.jobs.serves[job[own]])
    if len(serves):
        served = np.searchsorted(chunk.serving, s[serves])
        booked[serves] = chunk.service.workers.sum(axis=0)[served]
    booked_h = (booked * problem.slot_h)[:, None]
    total = np.where(need > 0, problem.own_totals, 1.0)
    dominant = (need * booked_h / (total * problem.horizon_h)).max(axis=1, initial=0.0)
    shares[own] = np.minimum(1.0, dominant / due[own])
    return shares
