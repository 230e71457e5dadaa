"""Instances with shared datasets and pipelines, drawn from a seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hybridplace.solver.instance import Data, Floats, Indices, Instance, Ints, Options
from tests.solver.drawn import POOLS, REGIONS, drawn_instance

SITES = POOLS + REGIONS
PROVIDERS, CONTINENTS = 3, 4
SAME_CONTINENT_USD_GIB = np.array([0.02, 0.01, 0.02])
SAME_PROVIDER_USD_GIB = np.array([0.05, 0.08, 0.05])
INTERNET_USD_GIB = np.array([0.09, 0.12, 0.087])
FREE_SITES = 4
"""Offers without a quota are for sale at so many sites for each job."""


def drawn_data_instance(
    jobs: int,
    seed: int,
    *,
    slots: int = 1,
    limits: int = 0,
    pipelines: float = 0.4,
    median_gib: float = 80.0,
) -> Instance:
    """Return a drawn instance whose jobs share datasets and hand results on.

    A few datasets have many readers, sizes are 10 GiB to 10 TiB, each has one or two homes, and
    copies cost what clouds take: nothing from own sites, less within a provider and a continent.
    The share `pipelines` of the jobs are stages of chains of 2 to 4 with results of 1 to 500 GiB.
    The larger datasets are (`median_gib`), the more sharing matters.
    """
    base = drawn_instance(jobs, seed, slots=slots, limits=limits)
    draw = np.random.default_rng((seed, 77))
    options = _spread_free_offers(_that_fit(base), draw)
    usd_gib, gbps = _links(draw)
    homes, size_gib = _datasets(draw, max(2, jobs // 8), median_gib)
    reads, makers = _reads(draw, jobs, len(size_gib), pipelines)
    made_gib = np.exp(draw.uniform(0.0, np.log(500.0), len(makers)))
    fee_usd, ready_h = _cheapest(homes, size_gib, usd_gib, gbps)
    data = Data(
        reads=reads,
        maker=np.concatenate([np.full(len(size_gib), -1), makers]).astype(np.int32),
        fee_usd=np.concatenate([fee_usd, np.zeros((len(makers), SITES))]),
        ready_h=np.concatenate([ready_h, np.zeros((len(makers), SITES))]),
        size_gib=np.concatenate([size_gib, made_gib]),
        usd_gib=usd_gib,
        gbps=gbps,
        copy_gib=np.zeros((len(size_gib) + len(makers), SITES)),
        cache_gib=np.full(SITES, np.inf),
        deliver=_deliveries(draw, len(size_gib), len(makers)),
        limit=np.zeros((0, 3), dtype=np.int64),
    )
    if slots > 1:
        options = _after_copies(options, data, slots)
    return replace(base, options=options, data=data)


def _that_fit(base: Instance) -> Options:
    """Return the options that fit when nobody else is there, as compiling leaves them."""
    options = base.options
    most = np.append(base.capacity[:, 0, 0], np.inf)[options.group]
    kept = np.flatnonzero(options.use[:, 0] <= most)
    return _rows(options, kept, options.cost_usd[kept], options.site[kept])


def _spread_free_offers(options: Options, draw: np.random.Generator) -> Options:
    """Return the options with `FREE_SITES` offers without a quota for each job."""
    free = np.repeat(np.flatnonzero(options.group < 0), FREE_SITES)
    rows = np.concatenate([np.flatnonzero(options.group >= 0), free])
    cost = options.cost_usd[rows].copy()
    site = options.site[rows].copy()
    cost[-len(free) :] *= draw.uniform(1.0, 1.3, len(free))
    site[-len(free) :] = draw.integers(POOLS, SITES, len(free))
    order = np.lexsort((site, cost, options.group[rows], options.job[rows]))
    return _rows(options, rows[order], cost[order], site[order])


def _rows(options: Options, rows: Ints, cost_usd: Floats, site: Indices) -> Options:
    """Return rows of the options, which stay in the order of jobs."""
    jobs = len(options.first) - 1
    job = options.job[rows]
    return Options(
        first=np.searchsorted(job, np.arange(jobs + 1)).astype(np.int64),
        job=job,
        offer=np.arange(len(rows), dtype=np.int32),
        shape=options.shape[rows],
        site=site,
        cost_usd=cost_usd,
        hours=options.hours[rows],
        slots=options.slots[rows],
        earliest=options.earliest[rows],
        latest=options.latest[rows],
        group=options.group[rows],
        use=options.use[rows],
        curve=options.curve[rows],
        curves=options.curves,
        limit=options.limit[rows],
        limit_use=options.limit_use[rows],
        share=options.share[rows],
    )


def _links(draw: np.random.Generator) -> tuple[Floats, Floats]:
    """Return USD per GiB and Gbit/s of each link."""
    provider = np.full(SITES, -1)
    continent = draw.integers(CONTINENTS, size=SITES)
    provider[POOLS:] = np.arange(REGIONS) % PROVIDERS
    same = provider[:, None] == provider
    near = continent[:, None] == continent
    usd_gib = np.broadcast_to(INTERNET_USD_GIB[provider][:, None], (SITES, SITES)).copy()
    usd_gib[same] = np.broadcast_to(SAME_PROVIDER_USD_GIB[provider][:, None], usd_gib.shape)[same]
    both = same & near
    usd_gib[both] = np.broadcast_to(SAME_CONTINENT_USD_GIB[provider][:, None], usd_gib.shape)[both]
    usd_gib[:POOLS] = 0.0
    np.fill_diagonal(usd_gib, 0.0)
    gbps = draw.uniform(5.0, 25.0, (SITES, SITES))
    np.fill_diagonal(gbps, np.inf)
    return usd_gib, gbps


def _datasets(
    draw: np.random.Generator, datasets: int, median_gib: float
) -> tuple[list[Ints], Floats]:
    """Return the homes and sizes of datasets; one in eight lies at an own site."""
    own = draw.random(datasets) < 0.125
    homes = [
        draw.choice(POOLS if own[d] else np.arange(POOLS, SITES), draw.integers(1, 3), False)
        for d in range(datasets)
    ]
    return homes, np.exp(draw.normal(np.log(median_gib), 1.4, datasets)).clip(10.0, 10_240.0)


def _reads(
    draw: np.random.Generator, jobs: int, datasets: int, pipelines: float
) -> tuple[Ints, Ints]:
    """Return the (job, dataset) that are read, and the makers of the made datasets."""
    rank = draw.permutation(datasets)
    weight = (1.0 + rank) ** -1.1
    weight /= weight.sum()
    pairs, makers, job = set(), [], 0
    while job < jobs:
        chain = int(draw.integers(2, 5)) if draw.random() < pipelines / 2.2 else 1
        for stage in range(min(chain, jobs - job)):
            if stage:
                pairs.add((job + stage, datasets + len(makers)))
                makers.append(job + stage - 1)
            count = draw.choice([0, 1, 2], p=[0.7, 0.3, 0.0] if stage else [0.08, 0.77, 0.15])
            for dataset in draw.choice(datasets, count, False, weight):
                pairs.add((job + stage, int(dataset)))
        job += chain
    return np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2), np.array(makers, dtype=np.int64)


def _cheapest(
    homes: list[Ints], size_gib: Floats, usd_gib: Floats, gbps: Floats
) -> tuple[Floats, Floats]:
    """Return what the cheapest copy to each site costs, and when it is there."""
    fee_usd, ready_h = np.zeros((2, len(homes), SITES))
    for d, held in enumerate(homes):
        fee_usd[d] = size_gib[d] * usd_gib[held].min(axis=0)
        best = held[usd_gib[held].argmin(axis=0)]
        ready_h[d] = size_gib[d] * 8 * 1.024**3 / gbps[best, np.arange(SITES)] / 3600
        ready_h[d, held] = 0.0
    return fee_usd, ready_h


def _deliveries(draw: np.random.Generator, homed: int, made: int) -> Ints:
    """Return where results must be brought to: one in ten to one site."""
    which = np.flatnonzero(draw.random(made) < 0.1)
    site = draw.integers(SITES, size=len(which))
    return np.stack([which + homed, site], axis=1).astype(np.int64)


def _after_copies(options: Options, data: Data, slots: int) -> Options:
    """Return the options that can start once what they read has come; stages have all the time."""
    ready = np.zeros((len(options.first) - 1, SITES))
    stage = np.zeros(len(options.first) - 1, dtype=bool)
    for job, dataset in data.reads:
        ready[job] = np.maximum(ready[job], data.ready_h[dataset])
        if data.maker[dataset] >= 0:
            stage[[job, data.maker[dataset]]] = True
    earliest = np.maximum(options.earliest, np.ceil(ready[options.job, options.site]))
    earliest = np.where(stage[options.job], np.ceil(ready[options.job, options.site]), earliest)
    latest = np.where(stage[options.job], slots - options.slots, options.latest)
    kept = np.flatnonzero(earliest <= latest)
    options = replace(options, earliest=earliest.astype(np.int32), latest=latest.astype(np.int32))
    return _rows(options, kept, options.cost_usd[kept], options.site[kept])
