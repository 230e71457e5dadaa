"""Instances drawn from a seed, as arrays: like what `compile` makes of a crowded estate, faster."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hybridplace.solver.instance import Hourly, Instance, Jobs, Options

REGIONS, FAMILIES, POOLS = 24, 6, 4
SPEED = np.array([1.0, 0.55, 0.35, 0.2, 1.9, 0.7])
PRICE_USD_H = np.array([2.2, 1.1, 0.75, 0.4, 5.0, 1.4])
FREE_DEARER = 2.5
"""Offers without a quota cost more: on demand, far away."""


def drawn_instance(
    jobs: int, seed: int, *, slots: int = 1, private: float = 0.4, limits: int = 0
) -> Instance:
    """Return `jobs` different jobs on clouds with quotas and four private pools.

    Private accelerators hold the share `private` of the demand, some 50 quotas are too small for
    all who would take them as their cheapest, and each job has about 44 options.

    Parameters
    ----------
    slots : int
        1: everything competes for the same slot. More: an hour each, jobs may wait.
    limits : int
        Budgets: each bounds a slice of the jobs to 97 % of what they would cost alone.
    """
    draw = np.random.default_rng(seed)
    groups = POOLS + REGIONS * FAMILIES
    # Of a job: GPU-hours on the first family, gang, deadline.
    gang = draw.choice([1, 1, 1, 2, 2, 4, 8, 16], jobs)
    work_h = np.exp(draw.normal(1.2, 0.9, jobs)).clip(0.3, 60.0)
    family_fit = draw.random((jobs, FAMILIES)) < 0.6
    family_fit[np.arange(jobs), draw.integers(FAMILIES, size=jobs)] = True
    region_fit = (
        draw.random((jobs, REGIONS)) < np.where(draw.random(jobs) < 0.25, 0.25, 1.0)[:, None]
    )
    taste = np.exp(draw.normal(0, 0.08, (jobs, FAMILIES)))
    region_price = np.exp(draw.normal(0, 0.18, (REGIONS, FAMILIES)))
    longest_h = 72 if slots == 1 else slots - 1
    parts = []
    for job in range(jobs):
        hours = work_h[job] / (SPEED * taste[job])
        keep = family_fit[job] & (hours < longest_h)
        if not keep.any():
            keep[4], hours[4] = True, min(hours[4], longest_h)
        fams = np.flatnonzero(keep)
        cloud = gang[job] * hours[fams] * PRICE_USD_H[fams] * region_price[:, fams]
        cloud = (
            cloud * np.exp(draw.normal(0, 0.03, cloud.shape)) + draw.random(REGIONS)[:, None] * 3
        )
        free = FREE_DEARER * cloud.min()
        where = region_fit[job][:, None] & (cloud < free)
        region, column = np.nonzero(where)
        family = fams[column]
        group = [POOLS + region * FAMILIES + family]
        cost, hour, use = [cloud[where]], [hours[family]], [np.full(len(family), float(gang[job]))]
        pool = np.arange(POOLS)
        pool_family = pool % FAMILIES
        owned = keep[pool_family] & (draw.random(POOLS) < 0.8)
        group.append(pool[owned])
        hour.append(hours[pool_family[owned]])
        cost.append(0.12 * gang[job] * hour[1] * PRICE_USD_H[pool_family[owned]])
        use.append(np.full(int(owned.sum()), float(gang[job])))
        best = int(hours[fams].argmin())
        group.append(np.array([-1]))
        hour.append(hours[fams[[best]]])
        cost.append(np.array([free]))
        use.append(np.zeros(1))
        g, c, h, u = map(np.concatenate, (group, cost, hour, use))
        order = np.lexsort((c, g))
        parts.append((g[order], c[order], h[order], u[order]))
    group, cost, hours, use = (np.concatenate(column) for column in zip(*parts, strict=True))
    counts = np.array([len(one[0]) for one in parts])
    first = np.concatenate([[0], np.cumsum(counts)])
    job = np.repeat(np.arange(jobs), counts)
    site = np.where(group >= POOLS, (group - POOLS) // FAMILIES + POOLS, np.maximum(group, 0))
    booked = np.ones(len(job)) if slots == 1 else np.ceil(hours)
    slack = draw.uniform(1.2, 10.0, jobs)
    longest = np.maximum.reduceat(booked, first[:-1])
    earliest = np.floor(draw.random(jobs) * np.maximum(slots - 1.2 * longest, 0))
    latest_end = np.minimum(slots, np.ceil(earliest + slack * longest))
    latest = latest_end[job] - booked
    ok = latest >= earliest[job]
    assert ok.all()
    capacity = np.full((groups, 3, slots), np.inf)
    uses = np.zeros((len(job), 3))
    uses[:, 0] = use
    best_of = np.array([cost[first[j] : first[j + 1]].argmin() + first[j] for j in range(jobs)])
    demand = (use[best_of] * booked[best_of]).sum()
    capacity[:POOLS, 0] = np.ceil(private * demand / POOLS / slots * 0.5).clip(8)
    wanted = np.zeros(groups)
    cloudy = [
        first[j] + np.flatnonzero(group[first[j] : first[j + 1]] >= POOLS) for j in range(jobs)
    ]
    for rows in cloudy:
        if len(rows):
            row = rows[cost[rows].argmin()]
            wanted[group[row]] += use[row] * booked[row]
    share = draw.uniform(0.15, 1.2, groups)
    quota = np.ceil(wanted * share / slots).clip(8 if slots == 1 else 16)
    capacity[POOLS:, 0] = quota[POOLS:, None]
    limit = np.full((len(job), 1 if limits else 0), -1, dtype=np.int32)
    limit_use = np.zeros(limit.shape)
    at_most = np.zeros(limits)
    if limits:
        tenant = job % (limits + 1)
        limit[:, 0] = np.where(tenant < limits, tenant, -1)
        limit_use[:, 0] = np.where(tenant < limits, cost, 0.0)
        owner = np.arange(jobs) % (limits + 1)
        at_most = (
            np.array([0.97 * cost[best_of[owner == one]].sum() for one in range(limits)]) * 1.6
        )
    return Instance(
        slot_h=1.0 if slots > 1 else 168.0,
        slots=slots,
        jobs=Jobs(
            reject_usd=20.0 * np.maximum.reduceat(cost, first[:-1]),
            due_h=np.full(jobs, np.inf),
            late_usd_h=np.zeros(jobs),
            tenant=(np.arange(jobs) % 5).astype(np.int32),
        ),
        options=Options(
            first=first.astype(np.int64),
            job=job.astype(np.int32),
            offer=np.arange(len(job), dtype=np.int32),
            shape=np.zeros(len(job), dtype=np.int32),
            site=site.astype(np.int32),
            cost_usd=cost,
            hours=hours,
            slots=booked.astype(np.int32),
            earliest=(earliest[job] if slots > 1 else 0 * job).astype(np.int32),
            latest=(latest if slots > 1 else 0 * job).astype(np.int32),
            group=group.astype(np.int32),
            use=uses,
            curve=np.full(len(job), -1, dtype=np.int32),
            curves=np.ones((0, slots)),
            limit=limit,
            limit_use=limit_use,
            share=np.zeros(len(job)),
        ),
        capacity=capacity,
        at_most=at_most,
        same=np.zeros((0, 2), dtype=np.int64),
        apart=np.zeros((0, 2), dtype=np.int64),
    )


def drawn_instance_by_hour(
    jobs: int, seed: int, *, slots: int = 168, private: float = 0.4
) -> Instance:
    """Return the same with own pools that vary by hour, and power that costs by the hour.

    At night a pool gives more (60 to 100 % by day), and now and then maintenance leaves 0 to 60 %
    of it for 4 to 12 hours.
    """
    instance = drawn_instance(jobs, seed, slots=slots, private=private)
    draw = np.random.default_rng([seed, 1])
    hour = np.arange(slots)
    capacity = instance.capacity.copy()
    for pool in range(POOLS):
        by_day = draw.uniform(0.6, 1.0)
        there = np.where((hour + draw.integers(24)) % 24 < 12, by_day, 1.0)
        for begin in draw.integers(0, slots, 1 + slots // 84):
            there[begin : begin + draw.integers(4, 13)] = draw.choice([0.0, 0.3, 0.6])
        capacity[pool, 0] = np.floor(capacity[pool, 0] * there * 1.25)
    options = instance.options
    figures = 0.1 * (1 + 0.5 * np.sin(2 * np.pi * (hour + draw.uniform(0, 24, (POOLS, 1))) / 24))
    row = np.full((len(options.job), 3), -1, dtype=np.int32)
    own = (options.group >= 0) & (options.group < POOLS)
    row[own, 1] = options.group[own]
    return replace(
        instance,
        capacity=capacity,
        hourly=Hourly(
            rate=np.where(row >= 0, 0.7 * options.use[:, :1], 0.0),
            row=row,
            cumulative=np.concatenate([np.zeros((POOLS, 1)), np.cumsum(figures, axis=1)], axis=1),
            cost_weight=np.ones(3),
            limit_weight=np.zeros((0, 3)),
        ),
    )
