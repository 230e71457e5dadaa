"""The constraints of the exact model: one function per family, its formula in the docstring.

`v.x`, `v.reject`, `v.at`, `v.copy` are the variables of `variables.py`; all are 0 or 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from hybridplace.model.capacity import SIZE_TOLERANCE, quota_size
from hybridplace.model.cost import covers_transfer, transfers_usd
from hybridplace.model.data import transfer_hours
from hybridplace.model.egress import Ends
from hybridplace.model.fairness import dues
from hybridplace.model.plan import Transfer
from hybridplace.model.problem import LimitMeasure
from hybridplace.model.run import TIME_TOLERANCE_H
from hybridplace.solver.egress import end_in_a_tier, share_steps
from hybridplace.solver.packing import SIZE_STEPS
from hybridplace.solver.transfers import Copy
from hybridplace.solver.variables import USD_STEPS, Variables

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

LIMIT_STEPS = 10**10
"""A limit is counted in this many steps."""

Edge = tuple[str, str, str]
"""A job, the dataset it writes, and a job that reads it."""


def place_each_job_once(model: cp_model.CpModel, v: Variables) -> None:
    r"""Every job is placed or left out: :math:`\sum_c x_{jc} + r_j = 1`."""
    for job in v.problem.jobs:
        model.add_exactly_one([*(v.x[row] for row in v.rows(job.id)), v.reject[job.id]])


def place_producers(model: cp_model.CpModel, v: Variables) -> None:
    r"""Who reads a result needs its maker: :math:`r_b \ge r_a` for each edge :math:`a \to b`."""
    for maker, _, reader in edges(v):
        model.add_implication(v.reject[maker], v.reject[reader])


def copy_what_is_read(model: cp_model.CpModel, v: Variables) -> None:
    r"""Data with homes is copied where it is read: :math:`\sum_q y_{dqt} \ge at_{jt}`, once.

    Where it is delivered, :math:`\sum_q y_{dqt} = 1`. A candidate that starts before the copy from
    :math:`q` arrives excludes that copy.
    """
    for dataset in v.problem.datasets:
        by_target: dict[str, list[tuple[str, Any]]] = {}
        for (name, source, target), copied in v.copy.items():
            if name == dataset.id and dataset.homes:
                by_target.setdefault(target, []).append((source, copied))
        for target, copies in by_target.items():
            model.add_at_most_one([copied for _, copied in copies])
            if target in dataset.deliver_to:
                model.add_bool_or([copied for _, copied in copies])
            for reader in v.problem.readers.get(dataset.id, ()):
                if target in v.at[reader]:
                    copied = [copied for _, copied in copies]
                    model.add_bool_or([*copied, v.at[reader][target].negated()])
                    _wait_for_copies(model, v, reader, dataset.id, target, copies)


def _wait_for_copies(
    model: cp_model.CpModel,
    v: Variables,
    reader: str,
    dataset: str,
    target: str,
    copies: list[tuple[str, Any]],
) -> None:
    for source, copied in copies:
        hours = transfer_hours(v.problem, dataset, source, target)
        early = [
            v.x[row]
            for row in v.rows(reader)
            if v.candidates.site[row] == target and _start_h(v, row) < hours - TIME_TOLERANCE_H
        ]
        if early and len(copies) > 1:
            model.add(sum(early) + copied <= 1)


def copy_results(model: cp_model.CpModel, v: Variables) -> None:
    r"""A result is copied from where it is made: :math:`y_{dqt} \ge at_{aq} + at_{bt} - 1`.

    And, what makes the linear bound good: whatever is made at :math:`q` and read elsewhere leaves
    it, :math:`\sum_t y_{dqt} \ge at_{aq} - at_{bq} - r_b`; whatever is read at :math:`t` and made
    elsewhere comes there, :math:`\sum_q y_{dqt} \ge at_{bt} - at_{at}`. Where no copy may go,
    :math:`at_{aq} + \sum_t at_{bt} \le 1`.
    """
    for maker, dataset, reader in edges(v):
        makers, readers = v.at[maker], v.at[reader]
        for source in makers:
            here, barred, copies = v.at[maker][source], [], []
            for target in readers:
                copied = v.copy.get((dataset, source, target))
                if copied is not None:
                    copies.append(copied)
                    there = v.at[reader][target]
                    model.add_bool_or([copied, here.negated(), there.negated()])
                elif target != source:
                    barred.append(v.at[reader][target])
            if barred:
                model.add_at_most_one([here, *barred])
            stays = [v.at[reader][source]] if source in v.at[reader] else []
            model.add_bool_or([*copies, *stays, v.reject[reader], here.negated()])
        for target in readers:
            come = [v.copy[key] for key in ((dataset, q, target) for q in makers) if key in v.copy]
            made = [v.at[maker][target]] if target in v.at[maker] else []
            model.add_bool_or([*come, *made, v.at[reader][target].negated()])


def deliver_results(model: cp_model.CpModel, v: Variables) -> None:
    r"""A result is delivered to where it must go: :math:`y_{dqt} \ge at_{aq}` for each target."""
    for dataset, maker in v.problem.producer.items():
        for target in v.problem.dataset[dataset].deliver_to:
            for source in v.at[maker]:
                if source != target:
                    model.add_implication(v.at[maker][source], v.copy[dataset, source, target])


def start_after_inputs(model: cp_model.CpModel, v: Variables) -> None:
    r"""A job starts when its inputs are made and have come.

    For each edge :math:`a \to b`, site :math:`q` of :math:`a`, transfer time :math:`h` from there
    and slot :math:`s`: :math:`\sum_{end_a + h > s} x_a + \sum_{start_b \le s} x_b \le 1`, over the
    candidates of :math:`a` at :math:`q` and those of :math:`b` where copying takes :math:`h`.
    """
    for maker, dataset, reader in edges(v):
        everyone = list(v.rows(maker)), list(v.rows(reader))
        _exclude_early(model, v, *everyone, hours=0.0)
        delays: dict[tuple[str, float], set[str]] = {}
        for source in v.at[maker]:
            for target in v.at[reader]:
                hours = transfer_hours(v.problem, dataset, source, target)
                if hours > 0:
                    delays.setdefault((source, hours), set()).add(target)
        for (source, hours), targets in sorted(delays.items()):
            made = [row for row in everyone[0] if v.candidates.site[row] == source]
            read = [row for row in everyone[1] if v.candidates.site[row] in targets]
            _exclude_early(model, v, made, read, hours=hours)


def _exclude_early(
    model: cp_model.CpModel, v: Variables, made: list[int], read: list[int], *, hours: float
) -> None:
    ready = {row: float(v.candidates.end_h[row]) + hours - TIME_TOLERANCE_H for row in made}
    for slot in sorted({int(v.candidates.start[row]) for row in read}):
        start_h = slot * v.problem.slot_h
        late = [v.x[row] for row in made if ready[row] > start_h]
        early = [v.x[row] for row in read if v.candidates.start[row] <= slot]
        if late and early:
            model.add_at_most_one([*late, *early])


def respect_quotas(model: cp_model.CpModel, v: Variables) -> None:
    r"""In no slot is more of a quota used than there is: :math:`\sum_c u_{cs} x_c \le U`."""
    for pool in v.problem.pools:
        if pool.measure is None:
            continue
        used: dict[int, list[tuple[int, float]]] = {}
        for row in v.candidates.in_pool(pool.id):
            for slot, amount in v.candidates.quota_uses(row, pool.measure):
                used.setdefault(slot, []).append((row, amount))
        for slot, terms in sorted(used.items()):
            _add_capacity(model, v, terms, quota_size(v.problem, pool, slot))


def respect_nodes(model: cp_model.CpModel, v: Variables) -> None:
    r"""In no slot do workers take more than the nodes of a pool have, taken together.

    For accelerators, CPUs and memory: :math:`\sum_c w_{cs} n_c x_c \le \sum_k N_k`, and for each
    need :math:`\theta`, since a node holds :math:`\lfloor N_k / \theta \rfloor` of that size,
    :math:`\sum_{n_c \ge \theta} w_{cs} x_c \le \sum_k \lfloor N_k / \theta \rfloor`, over the
    nodes :math:`k` that are not maintained in that slot. Which node each worker gets is decided by
    `packing`, which adds a cut if it cannot.
    """
    for nodes, not_now, rows in v.candidates.by_nodes:
        for name in ("accelerators", "cpus", "memory_gib"):
            need = {row: float(getattr(v.candidates.shape_of(row), name)) for row in rows}
            for slot, at_work in _by_slot(v, rows):
                there = [node for node in nodes if (node.id, slot) not in not_now]
                has = [float(getattr(node, name)) for node in there]
                _add_capacity(model, v, [(r, w * need[r]) for r, w in at_work], sum(has))
                for least in sorted({need[row] for row, _ in at_work} - {0.0}):
                    large = [(row, float(w)) for row, w in at_work if need[row] >= least]
                    most = sum(math.floor(one / least + TIME_TOLERANCE_H) for one in has)
                    _add_capacity(model, v, large, most)


def _by_slot(v: Variables, rows: list[int]) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """Yield, for each slot, the candidates at work in it with their workers."""
    found: dict[int, list[tuple[int, int]]] = {}
    for row in rows:
        for slot, workers in enumerate(v.candidates.workers(row), int(v.candidates.start[row])):
            found.setdefault(slot, []).append((row, workers))
    yield from sorted(found.items())


def _add_capacity(
    model: cp_model.CpModel, v: Variables, terms: list[tuple[int, float]], most: float
) -> None:
    """Add a row in whole steps; none if nothing could ever exceed it.

    It allows half of what `verify` tolerates: thirds of a machine fill it, and round up.
    """
    most_steps = math.floor((most + SIZE_TOLERANCE / 2) * SIZE_STEPS)
    steps = [(row, round(amount * SIZE_STEPS)) for row, amount in terms if amount > 0]
    if sum(amount for _, amount in steps) > most_steps:
        model.add(sum(amount * v.x[row] for row, amount in steps) <= most_steps)


def respect_caches(model: cp_model.CpModel, v: Variables) -> None:
    r"""Copies at a site are no larger than its cache: :math:`\sum_{dq} z_d y_{dqt} \le Z_t`."""
    for site in v.problem.sites:
        if site.cache_gib is None:
            continue
        terms = [
            (copied, v.problem.dataset[dataset].size_gib)
            for (dataset, _, target), copied in v.copy.items()
            if target == site.id
        ]
        _add_at_most(model, terms, site.cache_gib)


def respect_limits(model: cp_model.CpModel, v: Variables) -> None:
    r"""No limit is exceeded: :math:`\sum_c l_c x_c + \sum_{dqt} l_{dqt} y_{dqt} \le L`.

    Of a link with tiers the copies that count have their share of what it costs.
    """
    for number, limit in enumerate(v.problem.limits):
        use = v.candidates.limit_use[number]
        terms = [(v.x[row], use[row]) for row in range(len(v.x)) if use[row] > 0]
        counted: dict[Ends, list[Copy]] = {}
        for copy, copied in v.copy.items() if limit.measure is LimitMeasure.USD else ():
            dataset, source, target = copy
            transfer = Transfer(dataset=dataset, source=source, target=target)
            if not covers_transfer(v.problem, limit, transfer):
                continue
            if (source, target) in v.tier:
                counted.setdefault((source, target), []).append(copy)
            else:
                terms.append((copied, transfers_usd(v.problem, (transfer,))[0]))
        per_usd = _limit_steps(limit.at_most)
        shares = [share_steps(model, v, ends, some, per_usd) for ends, some in counted.items()]
        _add_at_most(model, terms, limit.at_most, shares)


def _limit_steps(at_most: float) -> float:
    return LIMIT_STEPS / max(1.0, abs(at_most))


def _add_at_most(
    model: cp_model.CpModel,
    terms: list[tuple[Any, float]],
    at_most: float,
    more_steps: Sequence[Any] = (),
) -> None:
    """Add a row in steps, with half of what `verify` tolerates: rounding changes nothing."""
    per_step = _limit_steps(at_most)
    most = math.floor(at_most * per_step + 0.5e-6 * LIMIT_STEPS)
    steps = [(one, round(min(amount * per_step, most + 1.0))) for one, amount in terms]
    model.add(sum(amount * one for one, amount in steps) + sum(more_steps) <= most)


def keep_together(model: cp_model.CpModel, v: Variables) -> None:
    r"""Jobs that ask for it share a site if both are placed: :math:`at_{at} \le at_{bt} + r_b`."""
    for job in v.problem.jobs:
        for other in job.same_site_as:
            for site in v.at[job.id]:
                same = [v.at[other][site]] if site in v.at[other] else []
                model.add_bool_or([*same, v.reject[other], v.at[job.id][site].negated()])


def keep_apart(model: cp_model.CpModel, v: Variables) -> None:
    r"""Jobs that ask for it do not share a site: :math:`at_{at} + at_{bt} \le 1`."""
    for job in v.problem.jobs:
        for other in job.apart_from:
            for site in v.at[job.id]:
                if site in v.at[other]:
                    model.add_at_most_one([v.at[job.id][site], v.at[other][site]])


def spread_out(model: cp_model.CpModel, v: Variables) -> None:
    r"""A failure domain has so many of the jobs: :math:`\sum_{j, s \in D} at_{js} \le n`."""
    for spread in v.problem.spreads:
        there: dict[str, list[Any]] = {}
        for row in (row for job in spread.jobs for row in v.rows(job)):
            domain = v.problem.site[v.candidates.site[row]].within(spread.domain)
            there.setdefault(domain, []).append(v.x[row])
        for _, placed in sorted(there.items()):
            model.add(sum(placed) <= spread.at_most)


def be_fair(model: cp_model.CpModel, v: Variables) -> None:
    r"""What is earned is what the worst-off tenant has: :math:`w = \varphi \min_u \sum_c e_c x_c`.

    Of each tenant :math:`u` with demand, over the candidates of its jobs, with :math:`e_c` the
    dominant share of candidate :math:`c` divided by the tenant's due, at most 1. It is at most
    :math:`\varphi`, and the objective has :math:`\varphi - w`.
    """
    if v.earned is None:
        return
    unfair_usd, due = v.problem.assumptions.unfair_usd, dues(v.problem)
    got: dict[str, list[Any]] = {tenant: [] for tenant in due}
    for row, variable in enumerate(v.x):
        job = v.problem.jobs[int(v.candidates.job[row])]
        share = v.candidates.share(row)
        if share > 0:
            relative = min(1.0, share / due[job.tenant])
            got[job.tenant].append(round(relative * unfair_usd * USD_STEPS) * variable)
    most = round(unfair_usd * USD_STEPS)
    model.add_min_equality(v.earned, [most, *(sum(terms) for _, terms in sorted(got.items()))])


def edges(v: Variables) -> Iterator[Edge]:
    """Yield each maker, dataset and reader."""
    for dataset, maker in sorted(v.problem.producer.items()):
        for reader in v.problem.readers.get(dataset, ()):
            yield maker, dataset, reader


def _start_h(v: Variables, row: int) -> float:
    return float(v.candidates.start[row]) * v.problem.slot_h


FAMILIES = (
    place_each_job_once,
    place_producers,
    copy_what_is_read,
    copy_results,
    deliver_results,
    start_after_inputs,
    respect_quotas,
    respect_nodes,
    respect_caches,
    end_in_a_tier,
    respect_limits,
    keep_together,
    keep_apart,
    spread_out,
    be_fair,
)
