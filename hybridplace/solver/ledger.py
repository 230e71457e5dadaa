"""Jobs and options of a standing plan, to which rows are added while the plan is held.

A job that is new, or may no longer run as it could, gets rows of its own at the end; those that it
had before stay, and count for nothing. So every stage that reads an `Instance` reads this one, and
what one event costs does not grow with the number of jobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridplace.solver.hourly import Columns
from hybridplace.solver.instance import (
    Bools,
    Floats,
    Indices,
    Instance,
    Ints,
    Jobs,
    Options,
    Prices,
)
from hybridplace.solver.judged import Ready, judged
from hybridplace.solver.knapsack import JobPrices
from hybridplace.solver.near import Near
from hybridplace.solver.pricing import (
    Tariff,
    best_of_jobs,
    least_over_starts,
    no_prices,
    scarcity_usd,
    tariff_of,
)
from hybridplace.solver.records import Records
from hybridplace.solver.refit import SEED
from hybridplace.solver.rows import Rows
from hybridplace.solver.sacks import Sacks, parts_of
from hybridplace.solver.seats import PairTable, Seats
from hybridplace.solver.state import State

_JOBS = tuple(one.name for one in fields(Jobs))
_OPTIONS = tuple(one.name for one in fields(Options) if one.name not in ("first", "curves"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """What an event led to.

    Parameters
    ----------
    jobs : tuple of str
        That were placed anew, or left out.
    moved : tuple of str
        All whose place or nodes may be others than before, sorted: `Standing.placement` has them.
    bound_usd : float
        No plan of the new problem costs less.
    gap : float
        (cost - bound) / bound.
    drifted : bool
        It is time to solve in full.
    """

    jobs: tuple[str, ...]
    moved: tuple[str, ...]
    cost_usd: float
    bound_usd: float
    gap: float
    drifted: bool


class Ledger:
    r"""What each job may choose, what it chose, and the least that it could cost at the prices.

    Parameters
    ----------
    instance : Instance
        Of one that no data ties; it is not changed.
    state : State
        Of it; carried on.
    prices : Prices
        That stand; none of shares.
    whole : JobPrices or None
        What knapsacks prove beyond these.

    Attributes
    ----------
    outside : Prices
        The same without those of groups that are knapsacks.
    sacks : Sacks
    instance : Instance
        With all rows; its `capacity` is the ledger's own.
    near : Near
        The pairs of all rows that are worth trying.
    draw : uint64, (1,)
        State of what searches draw.
    """

    def __init__(
        self, instance: Instance, state: State, prices: Prices, whole: JobPrices | None = None
    ) -> None:
        options, hourly = instance.options, instance.hourly
        instance = replace(instance, capacity=instance.capacity.copy())
        self.state, self.prices, self.free = state, prices, no_prices(instance)
        self.tariff = tariff_of(instance, prices)
        least, best = best_of_jobs(instance, least_over_starts(self.tariff)[0])
        self.near, self.draw = Near(instance, prices), np.array([SEED], np.uint64)
        self.outside = prices if whole is None else whole.prices
        groups = np.zeros(0, dtype=np.int64) if whole is None else np.sort(whole.groups)
        self.sacks = Sacks(groups, instance.capacity[:, 0, 0])
        self._scarcity_usd = scarcity_usd(instance, self.outside)
        self._toll = tariff_of(instance, self.outside)
        cost_usd = least_over_starts(self._toll)[0]
        job_usd, elsewhere = self._elsewhere(instance, cost_usd)
        if whole is not None:
            job_usd = np.minimum(job_usd, whole.job_usd)
        gains = np.flatnonzero(
            (self.sacks.number[options.group] >= 0) & (job_usd[options.job] > cost_usd)
        )
        worth_usd = job_usd[options.job[gains]] - cost_usd[gains]
        parts = parts_of(options.job[gains], gains, options.use[gains, 0], worth_usd)
        self.sacks.hold(parts, options.group[gains])
        self._first = Rows({"first": options.first})
        self._jobs = Rows(
            {
                **{name: getattr(instance.jobs, name) for name in _JOBS},
                **_jobs_of(state, (least, best), (job_usd, elsewhere)),
            }
        )
        self._options = Rows(
            {
                **{name: getattr(options, name) for name in _OPTIONS},
                **({} if hourly is None else {"rate": hourly.rate, "row": hourly.row}),
                **_rows_of(state, self.tariff, state.tariff),
                "outside_usd": cost_usd,
            }
        )
        self._refresh(instance, options.curves)

    @property
    def least_usd(self) -> Floats:
        """Return the least that each job could cost, at the prices; 0 of one that is gone."""
        return self._jobs["least_usd"]

    @property
    def job_usd(self) -> Floats:
        r"""Return :math:`\pi_j`; without knapsacks the same."""
        return self._jobs["job_usd"]

    @property
    def whole(self) -> JobPrices | None:
        """Return the prices of all rows of jobs; None without knapsacks."""
        if not self.sacks.all:
            return None
        return JobPrices(
            prices=self.outside,
            groups=self.sacks.groups,
            job_usd=self.job_usd,
            bound_usd=self.bound_usd,
        )

    @property
    def is_live(self) -> Bools:
        """Return which rows of jobs count."""
        return self._jobs["live"]

    @property
    def bound_usd(self) -> float:
        """Return the value of the Lagrangian: no plan for the jobs that are live costs less."""
        jobs_usd = float(self.job_usd.sum()) - self.sacks.worth_usd
        return jobs_usd + self._scarcity_usd

    def add(self, columns: Columns, jobs: Jobs, had_usd: Sequence[float] = ()) -> Ints:
        """Add jobs, left out as yet, with their options; return their rows.

        Parameters
        ----------
        columns : dict
            From `chunk_options`, of just these jobs.
        had_usd : sequence of float
            The prices that the first of them had before.
        """
        count = len(jobs.reject_usd)
        some = self._instance_of(columns, jobs)
        at = judged(some, *self._tariffs)
        least, best = best_of_jobs(some, at.usd)
        cost_usd, (job_usd, elsewhere) = at.toll_usd, self._elsewhere(some, at.toll_usd)
        self.near.add(some, least, at, self._options.size)
        state = _Start(some, self.state)
        rows = self._jobs.size + np.arange(count)
        options, before = some.options, self._options.size
        self._price(some, cost_usd, job_usd, had_usd)
        job = (options.job + self._jobs.size).astype(np.int32)
        curve = np.where(options.curve >= 0, options.curve + len(self.curves), -1)
        best, elsewhere = (np.where(one >= 0, one + before, -1) for one in (best, elsewhere))
        hourly = some.hourly
        self._options.add(
            {
                **{name: getattr(options, name) for name in _OPTIONS},
                **({} if hourly is None else {"rate": hourly.rate, "row": hourly.row}),
                **_rows_of(state, at.priced, at.free),
                "outside_usd": cost_usd,
                "job": job,
                "curve": curve.astype(np.int32),
            }
        )
        self._first.add({"first": options.first[1:] + before})
        self._jobs.add(
            {
                **{name: getattr(jobs, name) for name in _JOBS},
                **_jobs_of(state, (least, best), (job_usd, elsewhere)),
            }
        )
        self._refresh(self.instance, np.concatenate([self.curves, options.curves]))
        return rows

    def table(self) -> PairTable:
        """Return what machine code reads."""
        return self.near.table(self.state, self.least_usd)

    def seats(self, table: PairTable) -> Seats:
        """Return what machine code changes."""
        return self.near.seats(table, self.state, self.is_live, self.tariff)

    def drawn(self, columns: Columns, jobs: Jobs, rows: Ints) -> Bools:
        """Tell which jobs, of these rows, these options would cost less than all they have now."""
        some = self._instance_of(columns, jobs)
        at = judged(some, *self._tariffs)
        least, _ = best_of_jobs(some, at.usd)
        drawn: Bools = least < self.least_usd[rows]
        # Or would change what its price proves.
        usd = at.toll_usd
        drawn[some.options.job[usd < self.job_usd[rows[some.options.job]]]] = True
        return drawn

    def retire(self, row: int) -> None:
        """Count a job that is left out no more."""
        parts, group = self._gains(row)
        self.sacks.drop(parts, group)
        self._jobs["live"][row] = False
        for name in ("least_usd", "job_usd", "usd"):
            self._jobs[name][row] = 0.0

    def withdraw(self, options: Ints) -> Ints:
        """Let nobody take some options any more; return the jobs that are judged by them.

        Only for these does the least cost change: what an option replaced costs no less than it
        did, at any prices, and the least of the others is below that.
        """
        self._options["fixed"][options] = self._options["free_fixed"][options] = np.inf
        job, group = self.instance.options.job[options], self.instance.options.group[options]
        self.near.withdraw(job, options)
        gains = self.job_usd[job] > self._options["outside_usd"][options]
        lost = gains & (self.sacks.number[group] >= 0)
        for best in (self._jobs["best"], self._jobs["elsewhere"]):
            lost |= best[job] == options
        return np.unique(job[lost & self.is_live[job]])

    def is_gone(self, options: Ints | Indices) -> Bools:
        """Tell which options were withdrawn."""
        gone: Bools = np.isinf(self.state.tariff.fixed[options])
        return gone

    def shrink(self, group: int, lost: Floats) -> None:
        """Take away capacity that nobody uses; (3, T)."""
        state, capacity = self.state, self.instance.capacity
        some = np.isfinite(capacity[group])
        capacity[group][some] -= lost[some]
        state.room[0, group] -= lost[state.resources].T
        state.update_minima(group, 0, self.instance.slots)
        self.sacks.resize(group, float(capacity[group, 0, 0]))
        self._scarcity_usd = scarcity_usd(self.instance, self.outside)

    @property
    def _tariffs(self) -> tuple[Ready, Ready | None, Ready]:
        """Return the prices that stand, those outside of knapsacks if there are any, and none."""
        outside = (self._toll, self.outside) if self.sacks.all else None
        return (self.tariff, self.prices), outside, (self.state.tariff, self.free)

    def _elsewhere(self, some: Instance, cost_usd: Floats) -> tuple[Floats, Ints]:
        """Return the least of each job outside of knapsacks, and where; by what options cost."""
        in_sack = self.sacks.number[some.options.group] >= 0
        return best_of_jobs(some, np.where(in_sack, np.inf, cost_usd))

    def _price(
        self, some: Instance, cost_usd: Floats, job_usd: Floats, had_usd: Sequence[float]
    ) -> None:
        """Price new jobs in knapsacks; `job_usd`: what they cost elsewhere, made their prices."""
        options = some.options
        rows = np.flatnonzero(
            (self.sacks.number[options.group] >= 0) & (cost_usd < job_usd[options.job])
        )
        job, use = options.job[rows], options.use[rows, 0]
        parts = parts_of(job + self._jobs.size, rows + self._options.size, use, -cost_usd[rows])
        ends = np.searchsorted(job, np.arange(len(job_usd) + 1)).tolist()
        before = [*had_usd, *[0.0] * (len(job_usd) - len(had_usd))]
        for one in np.unique(job).tolist():
            of = slice(ends[one], ends[one + 1])
            most_usd = float(job_usd[one])
            group = options.group[rows[of]]
            job_usd[one] = self.sacks.price(parts[of], group, most_usd, before[one])

    def _gains(self, row: int) -> tuple[Records, Indices]:
        """Return what a job gains in knapsacks, and in which groups these are."""
        options, of = self.instance.options, self.instance.options.of(row)
        worth_usd = self.job_usd[row] - self._options["outside_usd"][of]
        some = np.flatnonzero((worth_usd > 0) & (self.sacks.number[options.group[of]] >= 0))
        option = of.start + some
        parts = parts_of(np.full(len(some), row), option, options.use[option, 0], worth_usd[some])
        return parts, options.group[option]

    def _instance_of(self, columns: Columns, jobs: Jobs) -> Instance:
        """Return some jobs as an instance of their own, on the same capacity."""
        hourly, job = self.instance.hourly, columns["job"]
        first = np.searchsorted(job, np.arange(len(jobs.reject_usd) + 1))
        options = Options(
            first=first,
            curves=columns["curves"],
            share=columns["share"] if "share" in columns else np.zeros(len(job)),
            **{name: columns[name] for name in _OPTIONS if name != "share"},
        )
        if hourly is not None:
            hourly = replace(hourly, rate=columns["rate"], row=columns["row"])
        return replace(self.instance, jobs=jobs, options=options, hourly=hourly)

    def _refresh(self, instance: Instance, curves: Floats) -> None:
        """Let all see the rows that there are."""
        jobs, options, state, hourly = self._jobs, self._options, self.state, instance.hourly
        self.curves = curves
        if hourly is not None:
            hourly = replace(hourly, rate=options["rate"], row=options["row"])
        self.instance = replace(
            instance,
            jobs=Jobs(**{name: jobs[name] for name in _JOBS}),
            options=Options(
                first=self._first["first"],
                curves=curves,
                **{name: options[name] for name in _OPTIONS},
            ),
            hourly=hourly,
        )
        weight, free = (
            (None, None) if hourly is None else (options["weight"], options["free_weight"])
        )
        self.tariff = replace(
            self.tariff, instance=self.instance, fixed=options["fixed"], weight=weight
        )
        state.instance, state.use, state.group = self.instance, options["room"], options["place"]
        state.tariff = replace(
            state.tariff, instance=self.instance, fixed=options["free_fixed"], weight=free
        )
        state.option, state.start, state.usd = jobs["option"], jobs["start"], jobs["usd"]
        state.has_curves = len(curves) > 0


class _Start:
    """Where jobs are that are new: nowhere."""

    def __init__(self, instance: Instance, state: State) -> None:
        options, count = instance.options, len(instance.jobs.reject_usd)
        self.use = options.use[:, state.resources]
        self.group = np.where(options.group < 0, len(instance.capacity), options.group)
        self.option = np.full(count, -1, dtype=np.int64)
        self.start = np.zeros(count, dtype=np.int64)
        self.usd = instance.jobs.reject_usd


def _jobs_of(
    state: State | _Start, priced: tuple[Floats, Ints], outside: tuple[Floats, Ints]
) -> dict[str, NDArray[Any]]:
    """Return what is known of jobs; the least and the option that has it, in all and outside."""
    (least, best), (job_usd, elsewhere) = priced, outside
    return {
        "option": state.option,
        "start": state.start,
        "usd": state.usd,
        "least_usd": least,
        "best": best,
        "job_usd": job_usd,
        "elsewhere": elsewhere,
        "live": np.ones(len(least), dtype=bool),
    }


def _rows_of(state: State | _Start, priced: Tariff, free: Tariff) -> dict[str, NDArray[Any]]:
    weights = {"weight": priced.weight, "free_weight": free.weight}
    return {
        "room": state.use,
        "place": state.group,
        "fixed": priced.fixed,
        "free_fixed": free.fixed,
        **{name: column for name, column in weights.items() if column is not None},
    }
