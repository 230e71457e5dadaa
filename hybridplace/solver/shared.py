"""Jobs and the data they share, placed together: prices, a first plan, ruin and recreate.

The gap is the sum of what is wrong: each job's excess at the prices, what is left of what has a
price, and what copies cost beyond what their readers pay. The search begins its steps there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from hybridplace.solver.board import Board, choice_of
from hybridplace.solver.copies import data_usd, extra_usd, unpaid_usd
from hybridplace.solver.instance import Choice, Floats, Instance
from hybridplace.solver.opening import open_copies, place_all
from hybridplace.solver.pricing import costs_at, price_at, reduced, tariff_of
from hybridplace.solver.regroup import walk
from hybridplace.solver.regrouping import board_of
from hybridplace.solver.relaxation import Relaxed, data_of, relaxed_of
from hybridplace.solver.sharing import Ascent, Shared, ascend
from hybridplace.solver.slotwise import ascend_by_slot

STEPS_PER_JOB, FEWEST_STEPS, MOST_STEPS = 150, 30_000, 300_000
"""Of ruin and recreate."""

CALLS = 50
"""That many calls share the steps: between them losses are counted, and Ctrl-C is heard."""

HOT, COLD = 30.0, 0.01
"""What a step may make the plan dearer, in parts of what a job costs on average: first, divided by
the root of the number of jobs, and last."""

COMPETITORS = 8
"""Jobs that a step takes out where another one wishes to be, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedPlan:
    """A plan, what it costs with shared copies, and the prices that prove a bound."""

    choice: Choice
    usd: float
    shared: Shared


def solve_shared(
    instance: Instance,
    *,
    target_gap: float = 0.0,
    seed: int = 0,
    keep: Callable[[SharedPlan], None] | None = None,
) -> SharedPlan:
    """Return a plan for an instance with data.

    Parameters
    ----------
    target_gap : float
        (cost - bound) / bound at which the search ends.
    keep : callable, optional
        Is given each plan that is better than the one before, the first with nobody placed.
    """
    relaxed = relaxed_of(instance)
    proof, fee_usd = _priced_and_opened(relaxed)
    board = _board(instance, proof, seed)
    search = _Search(instance, board, proof, keep)
    place_all(board, relaxed, fee_usd)
    search.run((1.0 + target_gap) * proof.bound_usd)
    return search.best


def _priced_and_opened(relaxed: Relaxed) -> tuple[Shared, Floats]:
    """Return the best prices, and what `open_copies` does; the ascent takes much room till then."""
    ascent, proof = priced(relaxed)
    return proof, open_copies(ascent)


def without_sharing(instance: Instance) -> Instance:
    """Return the instance as if each reader paid for a copy of its own.

    A plan for it is the one of an optimiser that knows no shared data.
    """
    data, options = data_of(instance), instance.options
    homed = data.maker[data.reads[:, 1]] < 0
    usd = np.zeros((len(instance.jobs.reject_usd), data.fee_usd.shape[1]))
    np.add.at(usd, data.reads[homed, 0], data.fee_usd[data.reads[homed, 1]])
    copies = np.minimum(usd[options.job, options.site], _far_usd(instance))
    return replace(
        instance,
        options=replace(options, cost_usd=options.cost_usd + copies),
        data=replace(data, reads=data.reads[~homed]),
    )


def priced(relaxed: Relaxed) -> tuple[Ascent, Shared]:
    """Return an ascent at its end, and the best prices on its way."""
    return ascend_by_slot(relaxed) if relaxed.instance.slots > 1 else ascend(relaxed)


def plan_usd(instance: Instance, choice: Choice) -> float:
    """Return what a choice costs with its copies, each paid once."""
    placed = choice.option >= 0
    site = np.full(len(placed), -1)
    site[placed] = instance.options.site[choice.option[placed]]
    usd = costs_at(instance, choice.option[placed], choice.start[placed]).sum()
    usd += instance.jobs.reject_usd[~placed].sum() + _unfair_usd(instance, choice)
    return float(usd) + data_usd(data_of(instance), site)


def _unfair_usd(instance: Instance, choice: Choice) -> float:
    """Return what it costs that the worst-off tenant gets less than its due."""
    tenant = instance.jobs.tenant
    counts = np.flatnonzero((choice.option >= 0) & (tenant >= 0))
    share = instance.options.share[choice.option[counts]]
    total = np.bincount(tenant[counts], share, int(tenant.max(initial=-1)) + 1)
    return instance.unfair_usd * (1.0 - float(total.min(initial=1.0)))


def _board(instance: Instance, proof: Shared, seed: int) -> Board:
    """Return the board with nobody placed."""
    return board_of(instance, proof.prices, extra_usd(instance, proof.prices), seed)


class _Search:
    """Betters a plan where most is lost."""

    def __init__(
        self,
        instance: Instance,
        board: Board,
        proof: Shared,
        keep: Callable[[SharedPlan], None] | None,
    ) -> None:
        extra = extra_usd(instance, proof.prices)
        self.instance, self.board, self.proof, self.keep = instance, board, proof, keep
        self.tariff = tariff_of(instance, proof.prices, extra)
        self.least_usd = reduced(instance, proof.prices, extra).job_usd
        self.best = self._plan()
        if keep is not None:
            keep(self.best)

    def run(self, enough_usd: float) -> None:
        """Take steps until the plan is good enough or the counts are used up."""
        jobs, board = len(self.least_usd), self.board
        each = int(np.clip(STEPS_PER_JOB * jobs, FEWEST_STEPS, MOST_STEPS)) // CALLS
        scale_usd = max(abs(self.proof.bound_usd) / max(jobs, 1), 1e-6)
        hot = HOT / max(jobs, 1) ** 0.5
        heat = scale_usd * hot * (COLD / hot) ** np.linspace(0.0, 1.0, CALLS + 1)
        for hot, cold in zip(heat[:-1].tolist(), heat[1:].tolist(), strict=True):
            self.offer()
            if self.best.usd <= enough_usd:
                return
            board.job["loss_usd"] = self.losses_usd()
            walk(board, each, COMPETITORS, hot, cold)
        self.offer()

    def offer(self) -> None:
        """Keep the best plan, if it is better."""
        found = self._plan()
        if found.usd < self.best.usd:
            self.best = found
            if self.keep is not None:
                self.keep(found)

    def _plan(self) -> SharedPlan:
        choice = choice_of(self.board)
        return SharedPlan(choice=choice, usd=plan_usd(self.instance, choice), shared=self.proof)

    def losses_usd(self) -> Floats:
        """Return what is lost at the prices where each job is now.

        By how much reduced costs are above the least; and what copies cost beyond what is paid for
        them: that of a shared copy by all its readers, that of a result by maker and reader.
        """
        job = self.board.job
        placed = np.flatnonzero(job["way"] >= 0)
        usd = self.instance.jobs.reject_usd.astype(np.float64)
        option = self.board.way["option"][job["way"][placed]]
        usd[placed] = price_at(self.tariff, option, job["start"][placed].copy())
        usd += unpaid_usd(self.instance, self.proof.prices, job["site"].copy()) - self.least_usd
        return usd


def _far_usd(instance: Instance) -> float:
    """Return a cost at which no option is ever taken."""
    return 2.0 * float(instance.jobs.reject_usd.max(initial=0.0))
