"""Small instances with shared data and pipelines, and a slow judge that tries all their plans."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from hybridplace.solver.instance import Choice, Data, Instance, Jobs, Options

SITES = 3


def small_data_instance(seed: int, *, jobs: int = 5, slots: int = 1) -> Instance:
    """Return a few jobs on three sites that read shared data and each other's results."""
    draw = np.random.default_rng(seed)
    rows = [
        (job, site, group)
        for job in range(jobs)
        for group in range(-1, SITES)
        for site in [group if group >= 0 else int(draw.integers(SITES))]
        if draw.random() < 0.75
    ]
    job, site, group = (np.array(column, dtype=np.int32) for column in zip(*rows, strict=True))
    count = len(rows)
    use = np.zeros((count, 3))
    use[:, 0] = np.where(group >= 0, draw.integers(1, 4, count), 0.0)
    booked = draw.integers(1, 3, count) if slots > 1 else np.ones(count)
    capacity = np.full((SITES, 3, slots), np.inf)
    capacity[:, 0] = draw.integers(2, 6, SITES)[:, None]
    limited = draw.random(count) < 0.5
    cost = draw.uniform(1, 10, count).round(2)
    return Instance(
        slot_h=1.0,
        slots=slots,
        jobs=Jobs(
            reject_usd=draw.uniform(20, 60, jobs).round(2),
            due_h=np.full(jobs, np.inf),
            late_usd_h=np.zeros(jobs),
            tenant=np.zeros(jobs, dtype=np.int32),
        ),
        options=Options(
            first=np.searchsorted(job, np.arange(jobs + 1)).astype(np.int64),
            job=job,
            offer=np.arange(count, dtype=np.int32),
            shape=np.zeros(count, dtype=np.int32),
            site=site,
            cost_usd=cost,
            hours=booked - draw.uniform(0, 0.5, count) * (slots > 1),
            slots=booked.astype(np.int32),
            earliest=np.zeros(count, dtype=np.int32),
            latest=(slots - booked).astype(np.int32),
            group=group,
            use=use,
            curve=np.full(count, -1, dtype=np.int32),
            curves=np.ones((0, slots)),
            limit=np.where(limited, 0, -1).astype(np.int32)[:, None],
            limit_use=np.where(limited, cost, 0.0)[:, None],
            share=np.zeros(count),
        ),
        capacity=capacity,
        at_most=np.array([draw.uniform(10, 40)]),
        data=_data(draw, jobs),
        same=np.zeros((0, 2), dtype=np.int64),
        apart=np.zeros((0, 2), dtype=np.int64),
    )


def _data(draw: np.random.Generator, jobs: int) -> Data:
    """Two datasets with homes; results that later jobs read, some by several, some delivered."""
    makers = [job for job in range(jobs - 1) if draw.random() < 0.5]
    reads = {(job, d) for job in range(jobs) for d in range(2) if draw.random() < 0.6}
    for made, maker in enumerate(makers, start=2):
        for reader in range(maker + 1, jobs):
            if draw.random() < 0.4:
                reads.add((reader, made))
    datasets = 2 + len(makers)
    usd_gib = draw.uniform(0, 1, (SITES, SITES)).round(2)
    usd_gib[draw.random((SITES, SITES)) < 0.1] = np.inf
    np.fill_diagonal(usd_gib, 0.0)
    size_gib = draw.uniform(1, 12, datasets).round(1)
    fee = np.where(draw.random((datasets, SITES)) < 0.1, np.inf, 0.0)
    homes = draw.integers(SITES, size=2)
    other, copy_gib = (
        np.random.default_rng(int(1e6 * size_gib.sum())),
        np.stack([size_gib] * SITES, 1),
    )
    copy_gib[range(2), homes] = 0.0
    for d in range(2):
        fee[d] += size_gib[d] * usd_gib[homes[d]]
        fee[d, homes[d]] = 0.0
    gbps = draw.uniform(0.001, 0.1, (SITES, SITES))
    np.fill_diagonal(gbps, np.inf)
    deliver = [(d, int(draw.integers(SITES))) for d in range(2, datasets) if draw.random() < 0.3]
    return Data(
        reads=np.array(sorted(reads), dtype=np.int64).reshape(-1, 2),
        maker=np.array([-1, -1, *makers], dtype=np.int32),
        fee_usd=fee,
        ready_h=np.zeros((datasets, SITES)),
        size_gib=size_gib,
        usd_gib=usd_gib,
        gbps=gbps,
        copy_gib=copy_gib,
        cache_gib=np.where(other.random(SITES) < 0.4, other.uniform(0, 20, SITES), np.inf),
        deliver=np.array(deliver, dtype=np.int64).reshape(-1, 2),
        limit=np.array([(0, 0, 1), (0, datasets - 1, 2)], dtype=np.int64),
    )


def judge(instance: Instance, choice: Choice) -> float:
    """Return what a plan costs, number by number; inf if it breaks anything."""
    options, data = instance.options, instance.data
    assert data is not None
    used: dict[tuple[int, int, int], float] = {}
    counted = np.zeros(len(instance.at_most))
    usd, at = 0.0, {}
    for job, row in enumerate(choice.option):
        if row < 0:
            usd += instance.jobs.reject_usd[job]
            continue
        start = int(choice.start[job])
        assert options.job[row] == job
        assert options.earliest[row] <= start <= options.latest[row]
        at[job] = int(row)
        usd += options.cost_usd[row]
        for slot in range(start, start + options.slots[row]):
            for r in range(3):
                key = (int(options.group[row]), r, slot)
                used[key] = used.get(key, 0.0) + options.use[row, r]
        for k, amount in zip(options.limit[row], options.limit_use[row], strict=True):
            counted[k] += amount if k >= 0 else 0.0
    copied, copies_usd = _copies(instance, choice, at)
    stored = np.zeros(len(data.cache_gib))
    for d, target in copied:
        stored[target] += data.copy_gib[d, target]
    for (dataset, target), price in copied.items():
        for k, d, s in data.limit:
            counted[k] += price if (d, s) == (dataset, target) else 0.0
    full = any(
        group >= 0 and amount > instance.capacity[group, r, slot] + 1e-6
        for (group, r, slot), amount in used.items()
    )
    full |= bool((stored > data.cache_gib).any())
    return np.inf if full or (counted > instance.at_most + 1e-6).any() else usd + copies_usd


def _copies(
    instance: Instance, choice: Choice, at: dict[int, int]
) -> tuple[dict[tuple[int, int], float], float]:
    """Return each copy with its price, and the sum: inf if one may not be or comes too late."""
    options, data = instance.options, instance.data
    assert data is not None
    copied: dict[tuple[int, int], float] = {}
    needs = [(d, int(options.site[at[j]]), j) for j, d in data.reads if j in at]
    needs += [(d, t, -1) for d, t in data.deliver if data.maker[d] in at]
    for d, target, reader in needs:
        maker = int(data.maker[d])
        if maker < 0:
            copied[int(d), target] = float(data.fee_usd[d, target])
            continue
        if maker not in at:
            return {}, np.inf
        source = int(options.site[at[maker]])
        wait_h = 0.0
        if source != target:
            price = data.size_gib[d] * data.usd_gib[source, target]
            copied[int(d), target] = float(max(price, data.fee_usd[d, target]))
            wait_h = data.size_gib[d] * 8 * 1.024**3 / data.gbps[source, target] / 3600
        if reader >= 0 and instance.slots > 1:
            end_h = choice.start[maker] * instance.slot_h + options.hours[at[maker]]
            if choice.start[reader] * instance.slot_h < end_h + wait_h - 1e-6:
                return {}, np.inf
    return copied, sum(copied.values())


def every_choice(instance: Instance) -> Iterator[Choice]:
    """Yield every way to choose options and starts."""
    options = instance.options
    ways = [
        [(-1, 0)]
        + [
            (row, start)
            for row in range(options.first[job], options.first[job + 1])
            for start in range(options.earliest[row], options.latest[row] + 1)
        ]
        for job in range(len(instance.jobs.reject_usd))
    ]
    for one in product(*ways):
        yield Choice(
            option=np.array([row for row, _ in one]), start=np.array([start for _, start in one])
        )


def optimum_usd(instance: Instance) -> float:
    """Return the cost of the best plan, by trying all."""
    return min(judge(instance, choice) for choice in every_choice(instance))
