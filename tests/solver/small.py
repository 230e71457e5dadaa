"""Small instances with everything in them, and what they cost: slow, one number at a time."""

from __future__ import annotations

from itertools import product

import numpy as np

from hybridplace.solver.instance import Hourly, Instance, Jobs, Options

TENANTS = 2


def small_instance(seed: int, *, slots: int = 4, jobs: int = 3) -> Instance:
    """Return up to `jobs` jobs with up to three options each, of all kinds, drawn from a seed."""
    draw = np.random.default_rng(seed)
    jobs = int(draw.integers(0, jobs + 1))
    counts = draw.integers(0, 4, jobs)
    n, groups, limits = int(counts.sum()), 2, int(draw.integers(0, 3))
    job = np.repeat(np.arange(jobs), counts)
    length = draw.integers(1, slots + 1, n)
    earliest = draw.integers(0, slots - length + 1)
    curve = np.where(draw.random(n) < 0.25, draw.integers(0, 2, n), -1)
    latest = np.where(curve >= 0, earliest, draw.integers(earliest, slots - length + 1))
    group = draw.integers(-1, groups, n)
    use = draw.integers(0, 4, (n, 3)).astype(float)
    use[group < 0] = 0.0
    capacity = draw.integers(0, 8, (groups, 3, slots)).astype(float)
    if draw.random() < 0.5:
        capacity[:, :, 1:] = capacity[:, :, :1]
    capacity[draw.random((groups, 3)) < 0.3] = np.inf
    limit = np.full((n, 2), -1)
    if limits:
        limit[:, 0] = draw.integers(-1, limits, n)
        limit[:, 1] = np.where((limit[:, 0] == 0) & (limits == 2), 1, -1)
    slot_h = float(draw.choice([0.5, 1.0]))
    return Instance(
        slot_h=slot_h,
        slots=slots,
        jobs=Jobs(
            reject_usd=draw.uniform(5, 60, jobs),
            due_h=np.where(draw.random(jobs) < 0.5, np.inf, draw.uniform(0, slots * slot_h, jobs)),
            late_usd_h=draw.choice([0.0, 3.0], jobs),
            tenant=np.unique(draw.integers(0, TENANTS, jobs), return_inverse=True)[1],
        ),
        options=Options(
            first=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            job=job.astype(np.int32),
            offer=np.arange(n, dtype=np.int32),
            shape=np.zeros(n, dtype=np.int32),
            site=np.maximum(group, 0).astype(np.int32),
            cost_usd=draw.uniform(1, 20, n).round(2),
            hours=(length - draw.random(n)) * slot_h,
            slots=length.astype(np.int32),
            earliest=earliest.astype(np.int32),
            latest=latest.astype(np.int32),
            group=group.astype(np.int32),
            use=use,
            curve=curve.astype(np.int32),
            curves=draw.random((2, slots)),
            limit=limit.astype(np.int32),
            limit_use=np.where(limit >= 0, draw.uniform(-1, 9, limit.shape), 0.0),
            share=draw.random(n),
        ),
        capacity=capacity,
        at_most=draw.uniform(-1, 20, limits),
        unfair_usd=float(draw.choice([0.0, 30.0])),
        hourly=_hourly(draw, n, slots, limits) if draw.random() < 0.5 else None,
        same=np.zeros((0, 2), dtype=np.int64),
        apart=np.zeros((0, 2), dtype=np.int64),
    )


def _hourly(draw: np.random.Generator, n: int, slots: int, limits: int) -> Hourly:
    figures = np.concatenate([np.zeros((3, 1)), draw.uniform(0, 4, (3, slots))], axis=1)
    return Hourly(
        rate=draw.uniform(0, 2, (n, 3)),
        row=draw.integers(-1, 3, (n, 3)).astype(np.int32),
        cumulative=np.cumsum(figures, axis=1),
        cost_weight=np.array([1.0, 1.0, 0.2]),
        limit_weight=draw.integers(0, 2, (limits, 3)).astype(float),
    )


def cheapest_usd(instance: Instance) -> float:
    """Return what the cheapest plan costs, by trying all."""
    options = instance.options
    choices = [
        [None]
        + [
            (i, t)
            for i in range(options.first[j], options.first[j + 1])
            for t in range(options.earliest[i], options.latest[i] + 1)
        ]
        for j in range(len(options.first) - 1)
    ]
    return min(plan_usd(instance, plan) for plan in product(*choices))


def plan_usd(instance: Instance, plan: tuple[tuple[int, int] | None, ...]) -> float:
    """Return what a plan costs, a pair (option, start) or None per job; inf if it breaks a row."""
    used, limits = np.zeros(instance.capacity.shape), np.zeros(len(instance.at_most))
    fair = {int(one): 0.0 for one in instance.jobs.tenant}
    cost = 0.0
    for j, pair in enumerate(plan):
        if pair is None:
            cost += float(instance.jobs.reject_usd[j])
            continue
        cost += pair_usd(instance, *pair)
        if instance.options.group[pair[0]] >= 0:
            used[instance.options.group[pair[0]]] += pair_uses(instance, *pair)
        limits += pair_limits(instance, *pair)
        fair[int(instance.jobs.tenant[j])] += float(instance.options.share[pair[0]])
    if (used > instance.capacity + 1e-9).any() or (limits > instance.at_most + 1e-9).any():
        return np.inf
    return cost + instance.unfair_usd * (1 - min([1.0, *fair.values()]))


def pair_usd(instance: Instance, i: int, t: int) -> float:
    """Return what option i costs from slot t on."""
    jobs, j = instance.jobs, int(instance.options.job[i])
    end_h = t * instance.slot_h + instance.options.hours[i]
    late = max(0.0, end_h - jobs.due_h[j]) * jobs.late_usd_h[j]
    parts = pair_parts(instance, i, t)
    weight = instance.hourly.cost_weight if instance.hourly else np.zeros(3)
    return float(instance.options.cost_usd[i] + late + parts @ weight)


def pair_parts(instance: Instance, i: int, t: int) -> np.ndarray:
    """Return the three hourly parts of option i from slot t on."""
    parts, hourly = np.zeros(3), instance.hourly
    for k in range(3) if hourly else ():
        if hourly.row[i, k] >= 0:
            end = t + instance.options.hours[i] / instance.slot_h
            line = hourly.cumulative[hourly.row[i, k]]
            parts[k] = hourly.rate[i, k] * (np.interp(end, np.arange(len(line)), line) - line[t])
    return parts


def pair_uses(instance: Instance, i: int, t: int) -> np.ndarray:
    """Return what option i uses of its group from slot t on; (3, T)."""
    options, uses = instance.options, np.zeros((3, instance.slots))
    for k in range(options.slots[i]):
        load = options.curves[options.curve[i], k] if options.curve[i] >= 0 else 1.0
        uses[:, t + k] = options.use[i] * load
    return uses


def pair_limits(instance: Instance, i: int, t: int) -> np.ndarray:
    """Return what option i counts in each limit from slot t on; (L,)."""
    uses = np.zeros(len(instance.at_most))
    for k, limit in enumerate(instance.options.limit[i]):
        if limit >= 0:
            uses[limit] += instance.options.limit_use[i, k]
            if instance.hourly:
                uses[limit] += instance.hourly.limit_weight[limit] @ pair_parts(instance, i, t)
    return uses
