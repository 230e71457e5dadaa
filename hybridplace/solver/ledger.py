"""Jobs and options of a standing plan, to which rows are added while the plan is held.

A job that is new, or may no longer run as it could, gets rows of its own at the end; those that it
had before stay, and count for nothing. So every stage that reads an `Instance` reads this one, and
what one event costs does not grow with the number of jobs.
"""

from __future__ import annotations

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
from hybridplace.solver.near import Near
from hybridplace.solver.pricing import (
    Tariff,
    best_of_jobs,
    least_over_starts,
    no_prices,
    scarcity_usd,
    tariff_like,
    tariff_of,
)
from hybridplace.solver.rows import Rows
from hybridplace.solver.seats import Board, Seats
from hybridplace.solver.state import State
from hybridplace.solver.store import Store

_JOBS = tuple(one.name for one in fields(Jobs))
_OPTIONS = tuple(one.name for one in fields(Options) if one.name not in ("first", "curves"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """What an event led to.

    Parameters
    ----------
    jobs : tuple of str
        That were placed anew, or left out.
    bound_usd : float
        No plan of the new problem costs less.
    gap : float
        (cost - bound) / bound.
    drifted : bool
        It is time to solve in full.
    """

    jobs: tuple[str, ...]
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

    Attributes
    ----------
    instance : Instance
        With all rows; its `capacity` is the ledger's own.
    near : Near
        The pairs of all rows that are worth trying.
    """

    def __init__(self, instance: Instance, state: State, prices: Prices) -> None:
        options, hourly = instance.options, instance.hourly
        instance = replace(instance, capacity=instance.capacity.copy())
        self.state, self.prices, self.free = state, prices, no_prices(instance)
        self.tariff = tariff_of(instance, prices)
        usd, _ = least_over_starts(self.tariff)
        least, best = best_of_jobs(instance, usd)
        self.near = Near(instance, prices)
        self._first = Rows({"first": options.first})
        self._jobs = Rows(
            {
                **{name: getattr(instance.jobs, name) for name in _JOBS},
                **_jobs_of(state, least, best),
            }
        )
        self._options = Rows(
            {
                **{name: getattr(options, name) for name in _OPTIONS},
                **({} if hourly is None else {"rate": hourly.rate, "row": hourly.row}),
                **_rows_of(state, self.tariff, state.tariff),
            }
        )
        self._refresh(instance, options.curves)

    @property
    def least_usd(self) -> Floats:
        """Return the least that each job could cost, at the prices; 0 of one that is gone."""
        return self._jobs["least_usd"]

    @property
    def is_live(self) -> Bools:
        """Return which rows of jobs count."""
        return self._jobs["live"]

    @property
    def bound_usd(self) -> float:
        """Return the value of the Lagrangian: no plan for the jobs that are live costs less."""
        return float(self.least_usd.sum()) + scarcity_usd(self.instance, self.prices)

    def add(self, columns: Columns, jobs: Jobs) -> Ints:
        """Add jobs, left out as yet, with their options; return their rows.

        Parameters
        ----------
        columns : dict
            From `chunk_options`, of just these jobs.
        """
        count = len(jobs.reject_usd)
        some = self._instance_of(columns, jobs)
        priced = tariff_like(self.tariff, some, self.prices)
        usd, start = least_over_starts(priced)
        least, best = best_of_jobs(some, usd)
        free = tariff_like(self.state.tariff, some, self.free)
        self.near.add(some, least, (usd, start), free, self._options.size)
        state = _Start(some, self.state)
        rows = self._jobs.size + np.arange(count)
        options, before = some.options, self._options.size
        job = (options.job + self._jobs.size).astype(np.int32)
        curve = np.where(options.curve >= 0, options.curve + len(self.curves), -1)
        best = np.where(best >= 0, best + before, -1)
        hourly = some.hourly
        self._options.add(
            {
                **{name: getattr(options, name) for name in _OPTIONS},
                **({} if hourly is None else {"rate": hourly.rate, "row": hourly.row}),
                **_rows_of(state, priced, free),
                "job": job,
                "curve": curve.astype(np.int32),
            }
        )
        self._first.add({"first": options.first[1:] + before})
        self._jobs.add(
            {**{name: getattr(jobs, name) for name in _JOBS}, **_jobs_of(state, least, best)}
        )
        self._refresh(self.instance, np.concatenate([self.curves, options.curves]))
        return rows

    def board(self) -> Board:
        """Return what machine code reads."""
        return self.near.board(self.state, self.least_usd)

    def seats(self, board: Board) -> Seats:
        """Return what machine code changes."""
        return self.near.seats(board, self.state, self.is_live, self.tariff)

    def least_of(self, columns: Columns, jobs: Jobs) -> Floats:
        """Return the least that jobs with these options would cost, at the prices."""
        some = self._instance_of(columns, jobs)
        usd, _ = least_over_starts(tariff_like(self.tariff, some, self.prices))
        return best_of_jobs(some, usd)[0]

    def retire(self, row: int) -> None:
        """Count a job that is left out no more."""
        self._jobs["live"][row] = False
        for name in ("least_usd", "usd"):
            self._jobs[name][row] = 0.0

    def withdraw(self, options: Ints) -> Ints:
        """Let nobody take some options any more; return the jobs that are judged by them.

        Only for these does the least cost change: what an option replaced costs no less than it
        did, at any prices, and the least of the others is below that.
        """
        # NaN is neither above nor below anything: such an option fits nowhere.
        self.state.use[options] = np.nan
        best = self._jobs["best"]
        some = np.flatnonzero(self.is_live & (best >= 0))
        lost: Ints = some[self.is_gone(best[some])]
        return lost

    def is_gone(self, options: Ints | Indices) -> Bools:
        """Tell which options were withdrawn."""
        gone: Bools = np.isnan(self.state.use[options, 0])
        return gone

    def shrink(self, group: int, lost: Floats) -> None:
        """Take away capacity that nobody uses; (3, T)."""
        state, capacity = self.state, self.instance.capacity
        some = np.isfinite(capacity[group])
        capacity[group][some] -= lost[some]
        state.room[0, group] -= lost[state.resources].T
        state.update_minima(group, 0, self.instance.slots)

    def _instance_of(self, columns: Columns, jobs: Jobs) -> Instance:
        """Return some jobs as an instance of their own, on the same capacity."""
        count, hourly = len(jobs.reject_usd), self.instance.hourly
        store = Store(count, self.instance.slots)
        store.add(columns, count)
        options, rates = store.options()
        if hourly is not None:
            hourly = replace(hourly, rate=rates["rate"], row=rates["row"])
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


def _jobs_of(state: State | _Start, least: Floats, best: Ints) -> dict[str, NDArray[Any]]:
    return {
        "option": state.option,
        "start": state.start,
        "usd": state.usd,
        "least_usd": least,
        "best": best,
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
