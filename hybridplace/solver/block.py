"""Some shapes on some offers: what each pair costs, and every reason against it.

Explanations and the exact model price one job on all offers; `promising`, which is compiled, states
for compiling many jobs the same, and tests hold it to this. Arrays are (offers, shapes), so that
what depends on the kind of hardware is spread by whole rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hybridplace.model.problem import LimitMeasure
from hybridplace.model.run import TIME_TOLERANCE_H
from hybridplace.solver.instance import Bools, Floats, Indices, Ints
from hybridplace.solver.reasons import Reason, reasons_of
from hybridplace.solver.runs import SIZE_TOLERANCE, Runs, Service, first_slots, runs_of
from hybridplace.solver.supply import LIMIT_TOLERANCE, Chunk
from hybridplace.solver.tariffs import Tariff
from hybridplace.units import WATTS_PER_KILOWATT

Masks = NDArray[np.int32]

QUOTA_TOLERANCE = 1e-6


class Block:
    """Some shapes of a chunk, of one hardware, on some offers; arrays are (offers, shapes).

    Parameters
    ----------
    rows : ints
        Of `Chunk.shapes`; all of inference jobs, or none.
    offers : ints
        Of `OfferTable`, own ones first.
    """

    def __init__(self, chunk: Chunk, rows: Ints, offers: Ints) -> None:
        self.chunk, self.rows, self.offers = chunk, rows, offers
        self.job = chunk.shapes.job[rows]
        self.table = chunk.supply.offers
        kinds, self.kind = np.unique(self.table.kind[offers].astype(np.int64), return_inverse=True)
        self.own = int(self.table.owned[offers].sum())
        serves = bool(chunk.jobs.serves[self.job[0]])
        self.service: Service | None = (
            chunk.service.of(np.searchsorted(chunk.serving, rows)) if serves else None
        )
        self.runs: Runs = runs_of(
            chunk.jobs, chunk.shapes, rows, self.table.kinds, kinds, self.service
        )
        self.kinds = kinds
        self._known: dict[tuple[str, int], Floats] = {}

    @cached_property
    def limit(self) -> Indices:
        """Return the limits of each shape: (shapes, most)."""
        return self.chunk.limit[self.job]

    @cached_property
    def waits(self) -> bool:
        """Say whether data makes some wait: the first slot then differs by site."""
        return bool(self.chunk.sites.ready_h[:, self.job].any())

    def usd(self, tariff: Tariff) -> Floats:
        """Return the objective at a tariff, without lateness and data."""
        return self._once("usd", tariff, lambda: self._usd(tariff))

    def money_usd(self, tariff: Tariff) -> Floats:
        """Return what limits on USD count at a tariff, without data."""
        return self._once(
            "money", tariff, lambda: self._paid(tariff.price_usd_h, tariff.kwh_money_usd)
        )

    def carbon_g(self, tariff: Tariff) -> Floats:
        """Return the emissions at a tariff."""
        return self._once("carbon", tariff, lambda: self._carbon_g(tariff))

    def _once(self, what: str, tariff: Tariff, compute: Callable[[], Floats]) -> Floats:
        key = (what, id(tariff))
        if key not in self._known:
            self._known[key] = compute()
        return self._known[key]

    def _usd(self, tariff: Tariff) -> Floats:
        usd = self._paid(tariff.machine_usd_h, tariff.kwh_usd)
        usd += self.place_usd
        return usd

    def _carbon_g(self, tariff: Tariff) -> Floats:
        offers = self.offers
        with np.errstate(invalid="ignore"):
            carbon_g: Floats = self.runs.machine_h[self.kind] * tariff.machine_g_h[offers][:, None]
        carbon_g[: self.own] = self.own_kwh * tariff.kwh_g[offers[: self.own]][:, None]
        return carbon_g

    @cached_property
    def place_usd(self) -> Floats:
        """Return what depends on the place alone: latency, and leaving the offer held now."""
        chunk = self.chunk
        usd = np.zeros((1, len(self.rows)))
        if self.service is not None:
            usd = chunk.sites.usd[self.table.site[self.offers][:, None], self.job]
        if (chunk.held[self.job] != -1).any():
            move_usd = np.array([chunk.jobs.jobs[one].move_usd for one in self.job])
            usd = usd + np.where(self.moved, move_usd, 0.0)
        return usd

    @property
    def moved(self) -> Bools:
        """Return which offers a job that runs now would be moved to."""
        held = self.chunk.held[self.job]
        moved: Bools = (held != -1) & (held != self.offers[:, None])
        return moved

    @property
    def accelerator_h(self) -> Floats:
        """Return the hours of accelerators."""
        worker_h: Floats = self.runs.worker_h[self.kind]
        return self.chunk.shapes.accelerators[self.rows] * worker_h

    def _paid(self, machine_usd_h: Floats, kwh_usd: Floats) -> Floats:
        """Return machines, disks, addresses, and on own nodes energy."""
        runs, kinds = self.runs, self.table.kinds
        disk_gib = self.chunk.shapes.disk_gib[self.rows]
        public = self.chunk.jobs.public[self.job]
        with np.errstate(invalid="ignore"):  # of what never ends
            extra = kinds.disk_usd_gib_h[self.kinds][:, None] * disk_gib * runs.worker_h
            if public.any():
                address_usd_h = np.where(public, kinds.address_usd_h[self.kinds][:, None], 0.0)
                extra += address_usd_h * runs.machine_h
            usd: Floats = runs.machine_h[self.kind]
            usd *= machine_usd_h[self.offers][:, None]
            usd += extra[self.kind]
        if self.own:
            usd[: self.own] += self.own_kwh * kwh_usd[self.offers[: self.own]][:, None]
        return usd

    @cached_property
    def own_kwh(self) -> Floats:
        """Return what the workers on own nodes draw, without PUE."""
        shapes, rows = self.chunk.shapes, self.rows
        assumed = self.chunk.supply.problem.assumptions
        rest_w = shapes.cpus[rows] * assumed.cpu_power_w
        rest_w = rest_w + shapes.memory_gib[rows] * assumed.memory_power_w_gib
        kind = self.kind[: self.own]
        boards = shapes.accelerators[rows]
        board_w = self.table.kinds.board_w[self.kinds[kind]][:, None]
        power_w = rest_w + np.where(boards > 0, boards * board_w, 0.0)
        kwh: Floats = power_w * self.runs.worker_h[kind] / WATTS_PER_KILOWATT
        return kwh

    @cached_property
    def first(self) -> Floats:
        """Return the first slot that each pair may start in; one row if data makes nobody wait."""
        earliest_h = self.chunk.jobs.earliest_h[self.job]
        if self.waits:
            ready_h = self.chunk.sites.ready_h[:, self.job][self.table.site[self.offers]]
            earliest_h = np.maximum(earliest_h, np.where(np.isinf(ready_h), 0.0, ready_h))
        else:
            earliest_h = earliest_h[None]
        return first_slots(earliest_h, self.chunk.supply.problem.slot_h)

    @cached_property
    def latest_end_h(self) -> Floats:
        """Return when each job must have ended."""
        horizon_h = self.chunk.supply.problem.horizon_h
        return np.minimum(horizon_h, self.chunk.jobs.deadline_h[self.job])

    @cached_property
    def reasons(self) -> Masks:
        """Return every reason against each pair, as bits; 0 is a pair that may be used."""
        reasons = np.zeros((len(self.offers), len(self.rows)), dtype=np.int32)
        for where, reason in self._against():
            reasons |= where * np.int32(reason.value)
        return reasons

    def _against(self) -> Iterator[tuple[Bools, Reason]]:
        """Yield each reason, with the pairs that it stands against."""
        chunk, table, offers = self.chunk, self.table, self.offers
        yield from self._bits(self.runs.reasons, self.kind)
        yield from self._bits(chunk.sites.reasons[:, self.job], table.site[offers])
        if not table.priced[offers].all():
            yield ~table.priced[offers][:, None], Reason.PRICE_UNKNOWN
        if not table.available[offers].all():
            sold = ~table.available[offers][:, None]
            yield sold & (chunk.held[self.job] != offers[:, None]), Reason.SOLD_OUT
        policies, which = np.unique(chunk.policy[self.job], return_inverse=True)
        if policies.any():
            denied = chunk.supply.denied[policies][:, offers].T
            yield denied[:, which], Reason.POLICY
        yield from self._unknown_figures()
        yield from self._small_capacity()
        yield from self._late()
        yield from self._large_uses()

    def _bits(self, reasons: Indices, at: Ints | Indices) -> Iterator[tuple[Bools, Reason]]:
        """Yield reasons that stand in rows of `reasons`, spread to the offers."""
        for reason in reasons_of(int(np.bitwise_or.reduce(reasons, axis=None, initial=0))):
            yield ((reasons & reason.value) != 0)[at], reason

    def _fitting(self) -> Bools:
        fits: Bools = (self.runs.per_machine > 0)[self.kind]
        return fits

    def _unknown_figures(self) -> Iterator[tuple[Bools, Reason]]:
        """Yield what has a price, but not all other figures that its cost needs."""
        unknown = np.isnan(self.usd(self.table.tariffs.least))
        if unknown.any():
            unknown &= self.table.priced[self.offers][:, None] & self._fitting()
            yield unknown & np.isfinite(self.runs.worker_h)[self.kind], Reason.FIGURE_UNKNOWN

    def _small_capacity(self) -> Iterator[tuple[Bools, Reason]]:
        """Yield quotas and pools that are too small even when empty, and slow interconnects."""
        table, kinds, fits = self.table, self.table.kinds, self.runs.per_machine > 0
        gbps = self.chunk.jobs.interconnect_gbps[self.job]
        if (~np.isnan(gbps)).any():
            slow = ~(kinds.interconnect_gbps[self.kinds][:, None] >= gbps) & ~np.isnan(gbps)
            slow &= fits & (self.runs.machines > 1) & ~kinds.owned[self.kinds][:, None]
            yield slow[self.kind], Reason.INTERCONNECT
        over = self.quota > (table.at_most[self.offers] + QUOTA_TOLERANCE)[:, None]
        yield over & fits[self.kind], Reason.QUOTA
        for one in range(self.own):
            small, apart = self._nodes_hold(one, gbps)
            here = np.zeros((len(self.offers), len(self.rows)), dtype=bool)
            here[one] = fits[self.kind[one]] & small
            yield here, Reason.POOL_SIZE
            here = np.zeros_like(here)
            here[one] = fits[self.kind[one]] & apart
            yield here, Reason.INTERCONNECT

    @cached_property
    def quota(self) -> Floats:
        """Return what pairs count towards the quota that they are in."""
        machines: Floats = self.runs.machines[self.kind]
        machines *= self.table.quota[self.offers][:, None]
        return machines

    def _nodes_hold(self, one: int, gbps: Floats) -> tuple[Bools, Bools]:
        """Return for which shapes a pool holds too few workers, or too few well connected."""
        shapes, rows, group = self.chunk.shapes, self.rows, self.table.group[self.offers[one]]
        workers = shapes.workers[rows] if self.service is None else self.service.peak
        needs = np.array([shapes.accelerators[rows], shapes.cpus[rows], shapes.memory_gib[rows]])
        total, fast, single = np.zeros(len(rows)), np.zeros(len(rows)), np.zeros(len(rows))
        sizes = self.chunk.supply.node_sizes[group] if group >= 0 else {}
        with np.errstate(divide="ignore", invalid="ignore"):
            for (*has, speed), count in sizes.items():
                holds = np.floor(np.array(has)[:, None] / needs + SIZE_TOLERANCE)
                holds = np.where(needs > 0, holds, np.inf).min(axis=0)
                total += holds * count
                fast += holds * count * (speed >= gbps)
                single = np.maximum(single, holds)
        small = total < workers
        return small, ~small & ~np.isnan(gbps) & (single < workers) & (fast < workers)

    def _late(self) -> Iterator[tuple[Bools, Reason]]:
        """Yield what would end too late, or start serving too late."""
        slot_h = self.chunk.supply.problem.slot_h
        first, hours = self.first, self.runs.hours
        if self.waits:
            hours = hours[self.kind]
        late = first * slot_h + hours > self.latest_end_h + TIME_TOLERANCE_H
        late &= np.isfinite(hours)
        if self.waits and self.service is not None:
            late |= first > first_slots(self.chunk.jobs.earliest_h[self.job], slot_h)
        if late.any():
            yield late if self.waits else late[self.kind], Reason.TIME

    def _large_uses(self) -> Iterator[tuple[Bools, Reason]]:
        """Yield what exceeds a limit all by itself, or counts towards one and is not known."""
        limits, ended = self.chunk.supply.problem.limits, np.isfinite(self.runs.hours)
        at_most = np.array([*(one.at_most for one in limits), np.inf])
        at_most += LIMIT_TOLERANCE * np.maximum(1.0, np.abs(at_most))
        for place in range(self.places):
            use = self.limit_use(place, self.table.tariffs.least)
            yield use > at_most[self.limit[:, place]], Reason.LIMIT
            unknown = np.isnan(use)
            if unknown.any():
                yield unknown & ended[self.kind], Reason.FIGURE_UNKNOWN

    @cached_property
    def places(self) -> int:
        """Return how many limits one of these jobs has at most."""
        return int((self.limit >= 0).sum(axis=1).max(initial=0))

    def limit_use(self, place: int, tariff: Tariff) -> Floats:
        """Return what pairs count towards the limit at one place of `Chunk.limit`."""
        return self._once(f"limit {place}", tariff, lambda: self._limit_use(place, tariff))

    def _limit_use(self, place: int, tariff: Tariff) -> Floats:
        limit, limits = self.limit[:, place], self.chunk.supply.problem.limits
        use = np.zeros((len(self.offers), len(limit)))
        for one in np.unique(limit[limit >= 0]):
            which = np.flatnonzero(limit == one)
            amount = self._amount(limits[one].measure, tariff)
            if not self.counts(int(one)).all():
                amount = np.where(self.counts(int(one))[:, None], amount, 0.0)
            if len(which) == len(limit):
                return amount
            use[:, which] = amount[:, which]
        return use

    def _amount(self, measure: LimitMeasure, tariff: Tariff) -> Floats:
        """Return what limits with a measure add up."""
        match measure:
            case LimitMeasure.USD:
                return self.money_usd(tariff)
            case LimitMeasure.CARBON_G:
                return self.carbon_g(tariff)
            case LimitMeasure.ACCELERATOR_H:
                return self.accelerator_h
            case LimitMeasure.MOVES:
                return self.moved.astype(np.float64)

    def counts(self, limit: int) -> Bools:
        """Return on which offers these shapes count towards a limit that their jobs have."""
        supply, shapes = self.chunk.supply, self.chunk.shapes
        accelerator, _ = shapes.hardwares[shapes.hardware[self.rows[0]]]
        if supply.problem.limits[limit].accelerator not in (None, accelerator):
            return np.zeros(len(self.offers), dtype=bool)
        in_scope: Bools = supply.offers.in_scope[supply.filter_row[limit]][self.offers]
        return in_scope
