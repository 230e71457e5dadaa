"""All shapes of some jobs on all offers worth a look, compiled: pairs that nothing simple replaces.

It states for one pair after the other what `block` states for arrays of pairs, and keeps no more
than is needed: explanations, the exact model and the tests read `block`, which is its oracle.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hybridplace.model.run import TIME_TOLERANCE_H
from hybridplace.solver.compiled import compiled, inner
from hybridplace.solver.instance import Floats, Indices
from hybridplace.solver.records import (
    ACCELERATOR_H,
    CARBON_G,
    LATEST,
    LEAST,
    MOST,
    SLOTS,
    STEADY,
    USD,
    Asked,
    Fixed,
    Found,
    Looked,
    Offered,
    Records,
)
from hybridplace.units import WATTS_PER_KILOWATT

SIZE_TOLERANCE = 1e-9
QUOTA_TOLERANCE = 1e-6
ROUNDING = 1e-12
EPSILON = float(np.finfo(np.float64).eps)


@compiled
def first_slot(earliest_h: float, slot_h: float) -> float:
    """Return the first slot whose start is not before an hour."""
    return math.ceil(max(earliest_h, 0.0) / slot_h - TIME_TOLERANCE_H / slot_h)


@compiled
def _fits(shape: Any, has: Any) -> float:
    """Return how many workers fit into a machine."""
    fits = np.inf
    if shape.accelerators > 0:
        fits = min(fits, math.floor(has.accelerators / shape.accelerators + SIZE_TOLERANCE))
    if shape.cpus > 0:
        fits = min(fits, math.floor(has.cpus / shape.cpus + SIZE_TOLERANCE))
    if shape.memory_gib > 0:
        fits = min(fits, math.floor(has.memory_gib / shape.memory_gib + SIZE_TOLERANCE))
    return fits


@inner
def _batch_h(job: Any, shape: Any, rate: float, machines: float) -> float:
    """Return the hours of a job that works through something and ends: `runs`."""
    segment = job.factor / shape.units_h if job.tunes else shape.work_h
    segment = min(segment, job.interval_h)
    hours = shape.work_h * (1.0 + job.write_h / segment)
    if rate > 0:
        rate = rate * (1.0 if job.tunes else machines)
        if rate * (segment + job.write_h) >= EPSILON:
            restart = job.setup_h + job.restart_h
            lost = math.exp(rate * restart) / rate * math.expm1(rate * (segment + job.write_h))
            hours = max(hours, shape.work_h / segment * lost)
    return float(hours + job.setup_h)


@compiled
def _run(run: Any, job: Any, shape: Any, kind: Any, fixed: Fixed) -> None:
    """Fill in how a shape runs on a kind: `runs`."""
    fits = _fits(shape, kind)
    run.machines = machines = math.ceil(shape.peak / max(fits, 1.0))
    share = max(shape.cpus / kind.cpus, shape.memory_gib / kind.memory_gib)
    if shape.accelerators > 0:
        share = max(share, shape.accelerators / kind.accelerators)
    if job.serves:
        run.hours, setup = job.amount, job.setup_h
        lost = 1.0 + kind.interruptions_per_h * setup
        serving_h = shape.replica_h if kind.owned else shape.peak * run.hours
        run.worker_h = serving_h * lost + shape.peak * setup
        run.machine_h = machines * (run.hours * lost + setup)
        if kind.owned:
            run.machine_h = share * (shape.replica_h * lost + shape.peak * setup)
    else:
        run.hours = _batch_h(job, shape, kind.interruptions_per_h, machines)
        run.worker_h = shape.workers * run.hours
        run.machine_h = (shape.workers * share if kind.owned else machines) * run.hours
    run.runs = fits >= 1 and shape.peak <= shape.most and run.hours < np.inf
    if not kind.owned and machines > 1 and not math.isnan(job.interconnect_gbps):
        run.runs = run.runs and kind.interconnect_gbps >= job.interconnect_gbps
    power_w = shape.cpus * fixed.cpu_w + shape.memory_gib * fixed.memory_w_gib
    if shape.accelerators > 0:
        power_w = power_w + shape.accelerators * kind.board_w
    run.own_kwh = power_w * run.worker_h / WATTS_PER_KILOWATT


@compiled
def _paid(run: Any, job: Any, shape: Any, kind: Any, machine_usd_h: float, kwh_usd: float) -> float:
    """Return machines, disks, addresses, and on own nodes energy."""
    extra = kind.disk_usd_gib_h * shape.disk_gib * run.worker_h
    if job.public:
        extra += kind.address_usd_h * run.machine_h
    usd = run.machine_h * machine_usd_h + extra
    return float(usd + run.own_kwh * kwh_usd if kind.owned else usd)


@compiled
def _counts(measure: int, run: Any, job: Any, shape: Any, kind: Any, figure: Any, o: int) -> float:
    """Return what a pair adds to limits with a measure."""
    if measure == USD:
        return _paid(run, job, shape, kind, figure.price_usd_h, figure.kwh_money_usd)
    if measure == CARBON_G:
        bought_g = run.machine_h * figure.machine_g_h
        return float(run.own_kwh * figure.kwh_g if kind.owned else bought_g)
    if measure == ACCELERATOR_H:
        return float(shape.accelerators * run.worker_h)
    return 1.0 if job.held != -1 and job.held != o else 0.0


@compiled
def _nodes_hold(sizes: Floats, job: Any, shape: Any) -> bool:
    """Tell whether nodes hold all workers of a shape, connected as they have to be.

    Parameters
    ----------
    sizes : floats, (any, 5)
        As `Offered.sizes`.
    """
    total = fast = single = 0.0
    for row in sizes:
        holds = np.inf
        if shape.accelerators > 0:
            holds = min(holds, math.floor(row[0] / shape.accelerators + SIZE_TOLERANCE))
        if shape.cpus > 0:
            holds = min(holds, math.floor(row[1] / shape.cpus + SIZE_TOLERANCE))
        if shape.memory_gib > 0:
            holds = min(holds, math.floor(row[2] / shape.memory_gib + SIZE_TOLERANCE))
        total += holds * row[4]
        fast += holds * row[4] if row[3] >= job.interconnect_gbps else 0.0
        single = max(single, holds)
    if total < shape.peak:
        return False
    return math.isnan(job.interconnect_gbps) or single >= shape.peak or fast >= shape.peak


@compiled
def _in_time(trial: Any, run: Any, job: Any, ready_h: float, begin: float, fixed: Fixed) -> bool:
    """Fill in the first slot of a pair; tell whether it starts and ends in time from then on.

    Parameters
    ----------
    begin : float
        The first slot of the job, if it waits for no data.
    """
    trial.first = begin
    if job.earliest_h < ready_h < np.inf:
        trial.first = first_slot(ready_h, fixed.slot_h)
    latest_h = min(fixed.horizon_h, job.deadline_h) + TIME_TOLERANCE_H
    in_time = not trial.first * fixed.slot_h + run.hours > latest_h
    return in_time and not (job.serves and trial.first > begin)


@inner
def _price(
    trial: Any,
    run: Any,
    job: Any,
    shape: Any,
    kind: Any,
    figures: tuple[Any, Any],
    place_usd: float,
    fixed: Fixed,
) -> bool:
    """Price a pair; it may be used if all is known, for less than leaving its job out costs."""
    least, most = figures
    trial.low = _paid(run, job, shape, kind, least.machine_usd_h, least.kwh_usd) + place_usd
    trial.high = trial.low
    if fixed.varies:
        trial.high = _paid(run, job, shape, kind, most.machine_usd_h, most.kwh_usd) + place_usd
    trial.late = 0.0
    if job.due_h < np.inf:
        late_h = trial.first * fixed.slot_h + run.hours - job.due_h
        trial.late = job.late_usd_h * max(0.0, late_h)
    shared = kind.owned and job.fair and not math.isnan(trial.low)
    return shared or trial.low + trial.late <= job.reject_usd


@compiled
def _count(
    offered: Offered, asked: Asked, looked: Looked, shape: Any, trials: Records, tariff: int
) -> None:
    """Fill in what pairs on trial count towards limits, at a tariff."""
    job = asked.jobs[shape.job]
    for place in range(asked.limit.shape[1]):
        limit = asked.limit[shape.job, place]
        looked.uses[tariff, : len(trials), place] = 0.0
        if limit < 0 or not asked.on[limit, shape.hardware]:
            continue
        counted, measure = offered.counted[limit], offered.measure[limit]
        for i in range(len(trials)):
            o = trials[i].offer
            if trials[i].ok and counted[o]:
                kind = offered.offers[o].kind
                run, figure = looked.runs[kind], offered.figures[tariff, o]
                looked.uses[tariff, i, place] = _counts(
                    measure, run, job, shape, offered.kinds[kind], figure, o
                )


@inner
def _drop_large(
    offered: Offered, asked: Asked, looked: Looked, shape: Any, trials: Records
) -> None:
    """Drop what exceeds a limit all by itself, or counts towards one and is not known."""
    for place in range(asked.limit.shape[1]):
        limit = asked.limit[shape.job, place]
        for i in range(len(trials) if limit >= 0 else 0):
            trials[i].ok = trials[i].ok and looked.uses[LEAST, i, place] <= offered.at_most[limit]


@inner
def _tried(
    offered: Offered, asked: Asked, looked: Looked, fixed: Fixed, shape: Any, offers: Indices
) -> int:
    """Put on trial, priced, the pairs of a shape that may be used; return how many there are."""
    job, figures, count = asked.jobs[shape.job], offered.figures, 0
    reasons, site_usd = asked.site_reasons[:, shape.job], asked.site_usd[:, shape.job]
    denied, ready_h = offered.denied[job.policy], asked.ready_h[:, shape.job]
    begin = first_slot(job.earliest_h, fixed.slot_h)
    for o in offers:
        offer, trial = offered.offers[o], looked.trials[count]
        run, kind = looked.runs[offer.kind], offered.kinds[offer.kind]
        if not run.runs or denied[o] or reasons[offer.site] or not offer.priced:
            continue
        if not (offer.available or job.held == o):
            continue
        if run.machines * offer.quota > offer.at_most + QUOTA_TOLERANCE:
            continue
        if not _in_time(trial, run, job, ready_h[offer.site], begin, fixed):
            continue
        figure = figures[LEAST, o], figures[MOST, o]
        place_usd = _place_usd(job, site_usd[offer.site], o)
        if not _price(trial, run, job, shape, kind, figure, place_usd, fixed):
            continue
        if offer.owned:
            rows = slice(offered.first_size[offer.group], offered.first_size[offer.group + 1])
            if not _nodes_hold(offered.sizes[rows], job, shape):
                continue
        trial.offer, trial.ok = o, True
        count += 1
    return count


@inner
def _place_usd(job: Any, site_usd: float, o: int) -> float:
    """Return what depends on the place alone: latency, and leaving the offer held now."""
    usd = site_usd if job.serves else 0.0
    return usd + job.move_usd if job.held != -1 and job.held != o else usd


@inner
def _counts_less(least: Floats, most: Floats) -> bool:
    """Tell whether one pair may count less towards some limit than another one."""
    for place in range(len(least)):  # noqa: SIM110 - a loop is what compiles well
        if not least[place] >= most[place]:
            return True
    return False


@inner
def _drop_dearer_than_free(offers: Records, looked: Looked, trials: Records, job: Any) -> None:
    """Drop what the cheapest pair that competes for nothing replaces."""
    best, least_usd = -1, np.inf
    for i in range(0 if job.sited else len(trials)):
        usd = trials[i].high + trials[i].late
        if usd < least_usd and trials[i].ok and offers[trials[i].offer].group < 0:
            best, least_usd = i, usd
    for i in range(len(trials) if best >= 0 else 0):
        if trials[i].ok and i != best and trials[i].low + trials[i].late >= least_usd:
            shared = job.fair and offers[trials[i].offer].owned
            less = _counts_less(looked.uses[LEAST, i], looked.uses[MOST, best])
            trials[i].ok = shared or less


@inner
def _drop_dearer_in_group(
    offers: Records, looked: Looked, trials: Records, job: Any, timed: bool
) -> None:
    """Drop what the cheapest pair of the same group, bought, replaces."""
    begin = 0
    while begin < len(trials):
        at, end, best = offers[trials[begin].offer], begin, -1
        while end < len(trials):
            to = offers[trials[end].offer]
            if to.group != at.group or (job.sited and to.site != at.site):
                break
            if trials[end].ok and (best < 0 or trials[end].high < trials[best].high):
                best = end
            end += 1
            if at.owned:
                break
        for i in range(begin, end if best >= 0 else begin):
            if i != best and trials[i].ok and trials[i].low >= trials[best].high:
                to, of = offers[trials[i].offer], offers[trials[best].offer]
                run, other = looked.runs[to.kind], looked.runs[of.kind]
                less = run.machines * to.quota < other.machines * of.quota
                less = less or (timed and run.hours < other.hours)
                trials[i].ok = less or _counts_less(looked.uses[LEAST, i], looked.uses[MOST, best])
        begin = end


@inner
def _compare(criteria: Floats, pair: Any, job: Any, shape: Any, owned: bool, fixed: Fixed) -> None:
    """Fill in what of a pair must be no more where it replaces another, costs and limits apart.

    Of own nodes a replacement has no more workers, none of which needs more of anything: only then
    it is sure to fit on the same nodes.
    """
    criteria[:] = 0.0
    criteria[0] = pair.quota
    if owned:
        criteria[0], criteria[1], criteria[2] = shape.accelerators, shape.cpus, shape.memory_gib
        # Replicas follow the load: the more one of them does, the fewer there are in any slot.
        criteria[3] = -shape.units_h if job.serves else shape.workers
    criteria[SLOTS] = max(math.ceil(pair.hours / fixed.slot_h - TIME_TOLERANCE_H), 1.0)
    left_h = min(fixed.horizon_h, job.deadline_h) - pair.hours + TIME_TOLERANCE_H
    latest = max(math.floor(left_h / fixed.slot_h + ROUNDING), pair.first)
    criteria[LATEST] = -pair.first if job.serves else -latest
    if job.sited or job.due_h < np.inf:
        criteria[6] = pair.hours


@compiled
def _write(
    offered: Offered,
    asked: Asked,
    looked: Looked,
    fixed: Fixed,
    found: Found,
    s: int,
    trials: Records,
) -> None:
    """Write down the pairs of a shape that are left."""
    shape, total = asked.shapes[s], found.total[0]
    job, site_usd = asked.jobs[shape.job], asked.site_usd[:, shape.job]
    for i in range(len(trials)):
        if trials[i].ok:
            o, pair = trials[i].offer, found.pairs[total]
            offer, figure = offered.offers[o], offered.figures[STEADY, o]
            run, kind = looked.runs[offer.kind], offered.kinds[offer.kind]
            usd = _paid(run, job, shape, kind, figure.machine_usd_h, figure.kwh_usd)
            pair.usd = usd + _place_usd(job, site_usd[offer.site], o)
            pair.shape, pair.offer, pair.hours = s, o, run.hours
            pair.first, pair.late_usd = trials[i].first, trials[i].late
            pair.quota = run.machines * offer.quota
            pair.machine_h, pair.own_kwh = run.machine_h, run.own_kwh
            found.uses[total] = looked.uses[STEADY, i]
            _compare(found.criteria[total], pair, job, shape, offer.owned, fixed)
            total += 1
    found.total[0] = total


@compiled
def promising(offered: Offered, asked: Asked, looked: Looked, fixed: Fixed, found: Found) -> None:
    """Write down the pairs, in the order of (shape, look), that nothing simple replaces.

    Compared are all pairs of a shape with leaving the job out, with the cheapest one that competes
    for nothing, and with the cheapest one of the same group: the least that a pair may cost, by
    when it starts, with the most that the other may.
    """
    for s in range(len(asked.shapes)):
        shape = asked.shapes[s]
        job, look = asked.jobs[shape.job], shape.look
        for k in looked.kind[looked.first_kind[look] : looked.first_kind[look + 1]]:
            _run(looked.runs[k], job, shape, offered.kinds[k], fixed)
        offers = looked.offer[looked.first[look] : looked.first[look + 1]]
        trials = looked.trials[: _tried(offered, asked, looked, fixed, shape, offers)]
        for tariff in (LEAST, MOST):
            _count(offered, asked, looked, shape, trials, tariff)
        _drop_large(offered, asked, looked, shape, trials)
        _drop_dearer_than_free(offered.offers, looked, trials, job)
        timed = job.sited or fixed.is_timed or job.due_h < np.inf
        _drop_dearer_in_group(offered.offers, looked, trials, job, timed)
        _count(offered, asked, looked, shape, trials, STEADY)
        _write(offered, asked, looked, fixed, found, s, trials)
