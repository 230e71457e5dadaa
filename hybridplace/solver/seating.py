"""Gives jobs on own nodes their nodes and accelerators, and moves those that find none.

The rows of the model promise that the nodes of a group are large enough taken together. A job that
does not fit one by one is moved to the next cheapest pair that holds it, nodes included; then jobs
that would gain the most are tried in the gaps that are left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from hybridplace.model.capacity import closed
from hybridplace.model.job import Inference, Job
from hybridplace.model.plan import Share
from hybridplace.model.problem import Problem
from hybridplace.model.run import run_once
from hybridplace.solver.groups import groups_of, nodes_of
from hybridplace.solver.instance import Choice, Floats, Instance, Ints
from hybridplace.solver.nodes import Nodes, pack_known, pack_many
from hybridplace.solver.packing import Stay
from hybridplace.solver.rounding import all_pairs
from hybridplace.solver.state import State
from hybridplace.solver.tied import held, resettle

TRIED = 12
"""Pairs of a job that are tried, the cheapest first."""

RETRIED = 10
"""Jobs that are tried in the gaps, for each that was moved."""

LEAST_GAIN_USD = 1e-9


@dataclass(kw_only=True)
class Seating:
    """Who is on which node.

    Parameters
    ----------
    jobs : sequence of Job
        In the order of the instance.
    nodes : dict
        Of each group of own nodes, by its number.
    shares : dict
        Of each job on own nodes, one per worker.
    """

    problem: Problem
    instance: Instance
    jobs: Sequence[Job]
    nodes: dict[int, Nodes]
    shares: dict[int, tuple[Share, ...]] = field(default_factory=dict)

    def stay(self, option: int, start: int) -> Stay:
        """Return a pair as the packing sees it."""
        options, problem = self.instance.options, self.problem
        job = self.jobs[int(options.job[option])]
        offer, shape = problem.offers[int(options.offer[option])], int(options.shape[option])
        if not isinstance(job.work, Inference):
            workers = (job.shapes[shape].workers,) * int(options.slots[option])
            return Stay(job=job, shape=job.shapes[shape], start=start, workers=workers)
        run = run_once(problem, job, offer, shape, start * problem.slot_h)
        assert run is not None  # noqa: S101 - an option fits its offer
        return Stay(job=job, shape=job.shapes[shape], start=start, workers=run.workers)

    def take(self, option: int, start: int) -> bool:
        """Give the job of an option the nodes it needs; False if there is no room."""
        nodes = self.nodes.get(int(self.instance.options.group[option]))
        if nodes is None:
            return True
        job = int(self.instance.options.job[option])
        shares = nodes.place(self.stay(option, start), self.held(job))
        if shares is not None:
            self.shares[job] = shares
        return shares is not None

    def leave(self, option: int, start: int) -> tuple[Share, ...]:
        """Give back the nodes of a job, if it has any; return what it had."""
        shares = self.shares.pop(int(self.instance.options.job[option]), ())
        if shares:
            group = int(self.instance.options.group[option])
            self.nodes[group].release(self.stay(option, start), shares)
        return shares

    def come_back(self, option: int, start: int, shares: tuple[Share, ...]) -> None:
        """Give a job just what it had."""
        if shares:
            self.shares[int(self.instance.options.job[option])] = shares
            group = int(self.instance.options.group[option])
            self.nodes[group].take(self.stay(option, start), shares)

    def held(self, job: int) -> frozenset[str]:
        """Return the nodes that a job runs on now, where its provider names them."""
        lease = self.problem.lease_of.get(self.jobs[job].id)
        return frozenset(lease.machines) if lease else frozenset()


def seating_of(problem: Problem, instance: Instance) -> Seating:
    """Return the nodes of all groups of own nodes, with nobody on them."""
    nodes: dict[int, Nodes] = {}
    for number, group in enumerate(groups_of(problem)):
        if owned := nodes_of(problem, group):
            shut = closed(problem, problem.pool[group[0]])
            never = np.zeros((len(owned), instance.slots), dtype=bool)
            row = {node.id: place for place, node in enumerate(owned)}
            for name, slot in shut:
                if name in row and slot < instance.slots:
                    never[row[name], slot] = True
            nodes[number] = Nodes(owned, instance.slots, never if shut else None)
    return Seating(problem=problem, instance=instance, jobs=problem.jobs, nodes=nodes)


def seated(
    problem: Problem,
    instance: Instance,
    choice: Choice,
    share_usd: Floats | None = None,
    seats: Mapping[int, Ints] | None = None,
) -> tuple[Choice, dict[int, tuple[Share, ...]]]:
    """Return a choice in which all jobs on own nodes have their nodes, and these by job.

    Jobs that find no nodes are moved, with who reads what they make, or left out.

    Parameters
    ----------
    share_usd : floats, (tenants,), optional
        As in `State`.
    seats : mapping, optional
        The node of each worker of some jobs, by its number in the group.
    """
    state, seating = seat(problem, instance, choice, share_usd, seats)
    return state.choice(), seating.shares


def seat(
    problem: Problem,
    instance: Instance,
    choice: Choice,
    share_usd: Floats | None = None,
    seats: Mapping[int, Ints] | None = None,
) -> tuple[State, Seating]:
    """Return the same as it can be carried on: what is left of each row and of each node."""
    seating = seating_of(problem, instance)
    if instance.data is not None:
        holdings = held(instance, choice)
        resettle(seating, holdings, _seat_all(seating, holdings.state))
        return holdings.state, seating
    state = State(instance, share_usd=share_usd)
    state.load(choice)
    homeless = _seat_all(seating, state, seats or {})
    for job in homeless:
        state.remove(job)
    for job in sorted(homeless, key=lambda job: -state.usd[job]):
        move(seating, state, job)
    _fill(seating, state, RETRIED * len(homeless))
    return state, seating


def _seat_all(seating: Seating, state: State, seats: Mapping[int, Ints] | None = None) -> list[int]:
    """Give nodes to all jobs of `state` that need some; return those that find none.

    Those whose nodes are known come first.
    """
    homeless: list[int] = []
    known = seats or {}
    for group, nodes in seating.nodes.items():
        jobs = sorted(state.members[group])
        stays = {job: seating.stay(int(state.option[job]), int(state.start[job])) for job in jobs}
        sure = [job for job in jobs if job in known and len(known[job]) >= stays[job].peak]
        rows = [known[job][: stays[job].peak] for job in sure]
        found = dict(zip(sure, pack_known(nodes, [stays[job] for job in sure], rows), strict=True))
        left = [job for job in jobs if found.get(job) is None]
        more = pack_many(nodes, [stays[job] for job in left], [seating.held(job) for job in left])
        found.update(zip(left, more, strict=True))
        homeless += [job for job in left if found[job] is None]
        seating.shares.update((job, some) for job, some in found.items() if some is not None)
    return homeless


def move(
    seating: Seating,
    state: State,
    job: int,
    *,
    below_usd: float = np.inf,
) -> bool:
    """Put a job that is left out on the cheapest pair that holds it, nodes included."""
    return _move_to(seating, state, _cheaper(state, job, below_usd))


Priced = tuple[Ints, Ints, Floats]
"""Pairs, by option and start, and what each costs."""


def _cheaper(state: State, job: int, below_usd: float) -> Priced:
    """Return the pairs of a job that cost less than leaving it out, and less than that."""
    option, start = all_pairs(state, job)
    usd = state.costs(option, start)
    some = np.flatnonzero(usd < min(below_usd, state.instance.jobs.reject_usd[job]))
    return option[some], start[some], usd[some]


def _move_to(seating: Seating, state: State, pairs: Priced) -> bool:
    """Put a job that is left out on the cheapest of some pairs that holds it, nodes included."""
    for option, start, usd in _fitting(state, *pairs):
        if seating.take(option, start):
            state.place(option, start, usd)
            return True
    return False


def _fitting(
    state: State, option: Ints, start: Ints, usd: Floats
) -> Iterator[tuple[int, int, float]]:
    """Yield those of some pairs that fit, each option at its best start, the cheapest first."""
    fits = np.flatnonzero(state.fits(option, start)) if len(option) else option
    option, start, usd = option[fits], start[fits], usd[fits]
    order = np.lexsort((start, option, usd))
    order = order[_first_of_each(option[order])]
    for k in order[:TRIED].tolist():
        yield int(option[k]), int(start[k]), float(usd[k])


def _first_of_each(values: Ints) -> Ints:
    """Return where each value stands for the first time, in order."""
    return np.sort(np.unique(values, return_index=True)[1])


def _fill(seating: Seating, state: State, tries: int) -> None:
    """Try the jobs that own nodes would save the most in the gaps that are left."""
    options = state.instance.options
    own = np.isin(options.group, list(seating.nodes))
    saved = np.where(own, state.usd[options.job] - options.cost_usd, 0.0)
    gain = np.zeros(len(state.usd))
    np.maximum.at(gain, options.job, saved)
    for job in np.argsort(-gain, kind="stable")[:tries].tolist():
        if gain[job] > LEAST_GAIN_USD:
            retry(seating, state, job)


def retry(seating: Seating, state: State, job: int) -> None:
    """Move a job if a cheaper pair holds it; else leave it where it is."""
    option, start, usd = int(state.option[job]), int(state.start[job]), float(state.usd[job])
    cheaper = _cheaper(state, job, usd - LEAST_GAIN_USD)
    if not len(cheaper[0]):
        return
    shares: tuple[Share, ...] = ()
    if option >= 0:
        state.remove(job)
        shares = seating.leave(option, start)
    if not _move_to(seating, state, cheaper) and option >= 0:
        state.place(option, start, usd)
        seating.come_back(option, start, shares)
