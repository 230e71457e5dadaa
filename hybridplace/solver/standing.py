"""A plan that is held while jobs, offers and nodes come and go: each event is repaired in place.

The prices of the last full solve stand. An event compiles only the jobs that it concerns, prices
them, and puts each on the cheapest pair that fits, nodes included. At standing prices the bound is
a sum over jobs and what all that is scarce would fetch, so it is known for each new problem, and so
is the gap: when that has drifted, it is time to solve in full (docs/model.md, "Certificates").
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from hybridplace.model.capacity import closed
from hybridplace.model.certificate import Certificate
from hybridplace.model.job import Job
from hybridplace.model.plan import Placement, Plan
from hybridplace.model.problem import Denial, Problem, Rule
from hybridplace.model.site import Offer
from hybridplace.solver.certificate import certificate_of
from hybridplace.solver.compile import CHUNK, jobs_table
from hybridplace.solver.groups import groups_of
from hybridplace.solver.hourly import Columns
from hybridplace.solver.instance import Choice, Ints, Jobs
from hybridplace.solver.joint import decide_jointly
from hybridplace.solver.ledger import Ledger, Repair
from hybridplace.solver.options import Ties, chunk_options
from hybridplace.solver.regain import come_back, leave, place_of, regain
from hybridplace.solver.result import placement_of, plan_of_choice
from hybridplace.solver.seating import move, seat
from hybridplace.solver.spreads import no_spreads
from hybridplace.solver.standable import NotStandingError, beyond, tie
from hybridplace.solver.supply import Supply, chunk_of, supply_of
from hybridplace.solver.withdrawn import (
    changed_policies,
    hold,
    looked_again,
    may_be_too_large,
    only_offer,
    repriced,
    without,
    without_node,
)

DRIFT = 0.005
"""By which the gap may grow before it is time to solve in full."""

CALM = 0.1
"""Of that growth: up to there no search betters the plan."""

FEW, STEPS, STEPS_OF_NODE = 20, 13, 400
"""Steps of the search after an event: at least, for each job that it concerns, for a lost node."""

SPARE_STEPS = 30
"""Steps besides where no job is to be placed: that leaves time for what others have put off."""

WAITING = 1
"""Jobs that are compiled again in each event, of those that lost an option they did not use."""


class Standing:
    """A plan, and what it takes to change it.

    Parameters
    ----------
    problem : Problem
        More than one job need not be; without data, jobs tied to others, spreads, fairness, limits
        of one job, limits on moves.
    drift : float
        By which the gap may grow before `Repair.drifted` says so.

    Raises
    ------
    NotStandingError
        When the problem has what cannot be held.
    """

    def __init__(self, problem: Problem, *, seed: int = 0, drift: float = DRIFT) -> None:
        if told := beyond(problem):
            raise NotStandingError(f"cannot be held, since it has {told}")
        self._problem, self._seed = problem.with_jobs(), seed
        self._offers, self._pools = list(problem.offers), list(problem.pools)
        self._supply: Supply = supply_of(self._problem)
        joint, _ = decide_jointly(problem, seed=seed)
        self._state, self._seating = seat(problem, joint.instance, joint.choice, seats=joint.seats)
        self._ledger = Ledger(joint.instance, self._state, joint.prices, joint.whole)
        self._jobs = list(problem.jobs)
        self._seating.jobs, self._seating.instance = self._jobs, self._ledger.instance
        self._row_of = {job.id: row for row, job in enumerate(problem.jobs)}
        self._waiting: dict[int, None] = {}
        self._freed: list[int] = []
        self._sold_out: list[int] = []
        self._most_gap, self._calm_gap = self.gap + drift, self.gap + CALM * drift

    @property
    def cost_usd(self) -> float:
        """Return what the plan costs."""
        return self._state.total_usd()

    @property
    def bound_usd(self) -> float:
        """Return what no plan costs less than; `plan` may prove somewhat more."""
        return self._ledger.bound_usd

    @property
    def gap(self) -> float:
        """Return (cost - bound) / bound."""
        return max(0.0, self.cost_usd - self.bound_usd) / max(abs(self.bound_usd), 1e-9)

    def problem(self) -> Problem:
        """Return the problem as it is now."""
        jobs = tuple(self._jobs[row] for row in self._row_of.values())
        return self._with(jobs=jobs)

    def plan(self) -> Plan:
        """Return the plan as it is now, with the certificate of its bound."""
        if self._waiting:
            self._renew((), waiting=len(self._waiting))
        self._ledger.sacks.settle()
        problem, state = self.problem(), self._state
        rows = [self._row_of[job.id] for job in problem.jobs]
        shares = self._seating.shares
        return plan_of_choice(
            problem,
            self._ledger.instance,
            Choice(option=state.option[rows], start=state.start[rows]),
            {number: shares[row] for number, row in enumerate(rows) if row in shares},
            certificate=self._certificate(problem, rows),
            seed=self._seed,
            interrupted=False,
        )

    def placement(self, job: str) -> Placement | None:
        """Return where a job is now; None if it is left out."""
        row = self._row_of[job]
        return placement_of(
            self._seating.problem,
            self._ledger.instance,
            self._jobs[row],
            (int(self._state.option[row]), int(self._state.start[row])),
            self._seating.shares.get(row, ()),
        )

    def change(self, *, come: Sequence[Job] = (), gone: Iterable[str] = ()) -> Repair:
        """Let jobs come, and others end or be withdrawn, all in one round.

        Raises
        ------
        NotStandingError
            When a job reads or writes data, is tied to others, or its tenant is not known.
        """
        gone = tuple(gone)
        if told := tie(come) or self._unknown(come, gone):
            raise NotStandingError(told)
        for name in gone:
            if (i := int(self._state.option[self._row_of[name]])) >= 0:
                self._freed.append(int(self._state.group[i]))
            self._drop(name)
        return self._renew((), (), come, gone=len(gone))

    def change_offer(self, offer: Offer) -> Repair:
        """Let the price of an offer move, or let it be sold out or for sale again.

        Raises
        ------
        NotStandingError
            When anything else of it is new.
        """
        row = next(row for row, one in enumerate(self._offers) if one.id == offer.id)
        old = self._offers[row]
        if replace(offer, price_usd_h=old.price_usd_h, available=old.available) != old:
            raise NotStandingError(f"more of {offer.id} is new than its price and availability")
        self._offers[row] = offer
        moved = offer.price_usd_h != old.price_usd_h
        if moved or offer.available:
            self._problem = self._seating.problem = self._with()
            self._supply = repriced(self._supply, self._problem, row)
        else:
            self._supply = without(self._supply, row)
            self._sold_out.append(row)
        stuck = self._withdraw(self._on_offer(row, held=moved))
        if offer.available:
            stuck = sorted({*stuck, *self._drawn_to(row)})
        elif not moved and self._supply.offers.group[row] >= 0:
            # What it replaced is on the same quota; else it may have replaced all that is dearer.
            kept = [one for one in stuck if move(self._seating, self._state, one)]
            self._waiting.update(dict.fromkeys(kept))
            return self._renew([one for one in stuck if one not in kept], kept)
        return self._renew(stuck)

    def change_rules(self, rules: Sequence[Rule], denials: Sequence[Denial]) -> Repair:
        """Let policies say something else."""
        old = self._supply
        self._problem = self._seating.problem = self._with(
            rules=tuple(rules), denials=tuple(denials)
        )
        self._supply = supply_of(self._problem)
        changed = changed_policies(old, self._supply)
        return self._renew([self._row_of[name] for name in changed if name in self._row_of])

    def lose_node(self, pool: str, node: str) -> Repair:
        """Let a node be gone, and whoever was on it be placed elsewhere.

        Raises
        ------
        NotStandingError
            When it was the last one with its accelerator in the pool.
        """
        at = next(row for row, one in enumerate(self._pools) if one.id == pool)
        lost = next(one for one in self._pools[at].nodes if one.id == node)
        group = groups_of(self._problem).index((pool, lost.accelerator or ""))
        if sum(self._supply.node_sizes[group].values()) == 1:
            raise NotStandingError(f"{node} is the last of its kind in {pool}")
        shares = self._seating.shares
        members = [row for row in self._state.members[group] if row in shares]
        stuck = [row for row in members if any(one.node == node for one in shares[row])]
        for row in stuck:
            leave(self._seating, self._state, row)
        shut = closed(self._problem, self._pools[at])
        is_open = [(node, slot) not in shut for slot in range(self._ledger.instance.slots)]
        self._seating.nodes[group].close(node)
        self._ledger.shrink(
            group, np.outer([lost.accelerators, lost.cpus, lost.memory_gib], is_open)
        )
        kept = tuple(one for one in self._pools[at].nodes if one.id != node)
        self._pools[at] = replace(self._pools[at], nodes=kept)
        self._supply = without_node(self._supply, group, lost)
        too_large = self._withdraw(self._too_large(group))
        return self._renew(sorted({*stuck, *too_large}), steps=STEPS_OF_NODE)

    def _certificate(self, problem: Problem, rows: Sequence[int]) -> Certificate:
        """Return what proves the bound; `rows`: of the jobs of the problem."""
        whole = self._ledger.whole
        if whole is not None:
            whole = replace(whole, job_usd=whole.job_usd[rows])
        return certificate_of(problem, self._ledger.outside, self.bound_usd, whole=whole)

    def _repair(self, rows: Sequence[int], steps: int) -> Repair:
        """Place jobs that are left out; better the plan where the gap has grown too much."""
        usd = self._state.usd
        queue = sorted(rows, key=lambda row: (-usd[row], row))
        bound_usd = self.bound_usd
        goal_usd = bound_usd * (1 + self._calm_gap)
        moved = regain(self._ledger, self._seating, queue, self._freed, steps, goal_usd)
        self._freed.clear()
        gap = self.gap
        return Repair(
            jobs=tuple(self._jobs[row].id for row in rows),
            moved=tuple(sorted(self._jobs[row].id for row in moved)),
            cost_usd=self.cost_usd,
            bound_usd=bound_usd,
            gap=gap,
            drifted=gap > self._most_gap,
        )

    def _renew(
        self,
        rows: Sequence[int],
        kept: Sequence[int] = (),
        come: Sequence[Job] = (),
        *,
        gone: int = 0,
        steps: int = 0,
        waiting: int = WAITING,
    ) -> Repair:
        """Compile jobs that come, and others again, and place them.

        Where there are none some of those that wait are compiled again, and stay where they are.

        Parameters
        ----------
        kept : sequence of int
            Jobs that were placed just now.
        """
        waits = list(islice(self._waiting, 0 if rows or kept or come else waiting))
        places = [place_of(self._ledger, self._seating, row) for row in waits]
        again = [self._jobs[row] for row in (*waits, *rows)]
        had_usd: list[float] = self._ledger.job_usd[
            np.array([*waits, *rows], dtype=np.int64)
        ].tolist()
        for job in again:
            self._drop(job.id)
        new = self._enter([*again, *come], had_usd)
        back = zip(new, places, strict=False)
        stay = {
            row
            for row, place in back
            if place is None or come_back(self._ledger, self._seating, row, place)
        }
        placed = [row for row in (*kept, *new) if row not in stay]
        steps = max(steps, FEW, STEPS * (gone + len(placed)))
        return self._repair(placed, steps if placed else steps + SPARE_STEPS)

    def _enter(self, jobs: Sequence[Job], had_usd: Sequence[float]) -> list[int]:
        """Give jobs rows; return these. The first of them had prices before."""
        if not jobs:
            return []
        if self._sold_out:
            self._supply = looked_again(self._supply, self._sold_out)
            self._sold_out = []
        columns, table = self._compiled(self._supply, jobs)
        rows: list[int] = self._ledger.add(columns, table, had_usd).tolist()
        self._seating.instance = self._ledger.instance
        self._jobs.extend(jobs)
        self._row_of.update((job.id, row) for job, row in zip(jobs, rows, strict=True))
        return rows

    def _compiled(self, supply: Supply, jobs: Sequence[Job]) -> tuple[Columns, Jobs]:
        """Return the options of jobs, and what belongs to these wherever they run."""
        problem = supply.problem
        table = jobs_table(problem, jobs, ())
        ties = Ties(
            sited=np.zeros(len(jobs), dtype=bool),
            reject_usd=table.reject_usd,
            due=np.full(len(jobs), np.inf),
            spreads=no_spreads(problem, len(jobs)),
        )
        return chunk_options(chunk_of(supply, jobs), ties, 0), table

    def _drop(self, name: str) -> None:
        """Take a job out for good."""
        row = self._row_of.pop(name)
        self._waiting.pop(row, None)
        leave(self._seating, self._state, row)
        self._ledger.retire(row)

    def _withdraw(self, options: Ints) -> list[int]:
        """Withdraw options; return the jobs that were on them, left out.

        Others wait to be compiled again: what they could cost at least is no more than before.
        """
        state = self._state
        option = self._ledger.instance.options.job[options]
        on: list[int] = np.unique(option[state.option[option] == options]).tolist()
        for row in on:
            leave(self._seating, self._state, row)
        stale = self._ledger.withdraw(options).tolist()
        self._waiting.update(dict.fromkeys(row for row in stale if row not in set(on)))
        return on

    def _on_offer(self, offer: int, *, held: bool) -> Ints:
        """Return the options on an offer of jobs that count; `held`: also of those it runs now."""
        options, running = self._ledger.instance.options, self._supply.held
        rows = np.flatnonzero(options.offer == offer)
        rows = rows[self._ledger.is_live[options.job[rows]]]
        if running and not held:
            job = [self._jobs[one].id for one in options.job[rows].tolist()]
            rows = rows[np.array([running.get(one) != offer for one in job], dtype=bool)]
        return rows

    def _with(self, **changed: Any) -> Problem:
        """Return the problem as it is now, without jobs, but with what is given."""
        pools = {pool.id: {node.id for node in pool.nodes} for pool in self._pools}
        kept = (
            one
            for one in self._problem.maintenance
            if one.node is None or one.node in pools[one.pool]
        )
        parts: dict[str, Any] = {
            "offers": tuple(self._offers),
            "pools": tuple(self._pools),
            "maintenance": tuple(kept),
        }
        return replace(self._problem, **(parts | changed))

    def _drawn_to(self, offer: int) -> list[int]:
        """Return the jobs that an offer would cost less than what is their least now."""
        only, ledger = only_offer(self._supply, offer), self._ledger
        live, found = sorted(self._row_of.values()), []
        for begin in range(0, len(live), CHUNK):
            rows = np.array(live[begin : begin + CHUNK])
            columns, jobs = self._compiled(only, [self._jobs[row] for row in rows.tolist()])
            found += rows[ledger.drawn(columns, jobs, rows)].tolist()
        return found

    def _too_large(self, group: int) -> Ints:
        """Return the options that the nodes of a group do not hold, even when these are empty."""
        options, sizes = self._ledger.instance.options, self._supply.node_sizes[group]
        rows = np.flatnonzero(options.group == group)
        rows = rows[self._ledger.is_live[options.job[rows]] & ~self._ledger.is_gone(rows)]
        rows = rows[may_be_too_large(sizes, options.use[rows])]
        shape = [(self._jobs[int(options.job[i])], int(options.shape[i])) for i in rows]
        return rows[
            [
                not hold(sizes, job, job.shapes[k], use)
                for (job, k), use in zip(shape, options.use[rows].tolist(), strict=True)
            ]
        ]

    def _unknown(self, come: Sequence[Job], gone: Sequence[str]) -> str:
        """Return what of jobs to come or to go is not as it has to be; empty if all is well."""
        left = [name for name in gone if name not in self._row_of]
        there = [job.id for job in come if job.id in self._row_of and job.id not in gone]
        strange = [job.tenant for job in come if job.tenant not in self._problem.tenant_ids]
        told = (("no job", left), ("there is already", there), ("no tenant", strange))
        return next((f"{what} {', '.join(names)}" for what, names in told if names), "")
