"""The variables of the exact model, under their names in docs/model.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hybridplace.model.data import transfer_hours
from hybridplace.model.egress import Ends, tiers_left
from hybridplace.model.problem import Problem
from hybridplace.solver.candidates import Candidates
from hybridplace.solver.place import may_copy, sources
from hybridplace.solver.transfers import Copy

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

USD_STEPS = 10**7
"""A dollar in the objective."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variables:
    """What the model decides.

    Parameters
    ----------
    number : dict
        Row of each job.
    x : list
        One per row of `Candidates`: the job runs there, in that shape, from then.
    reject : dict
        By job id: it is left out.
    at : dict
        By job id and site: it runs at that site; of jobs whose site matters.
    copy : dict
        By (dataset, source, target): it is copied.
    tier : dict
        By (source, target) of links with tiers: for each, whether what goes over ends there.
    earned : variable or None
        What the worst-off tenant's share of its due is worth, in steps; None if that has no price.
    """

    problem: Problem
    candidates: Candidates
    number: dict[str, int]
    x: list[Any]
    reject: dict[str, Any]
    at: dict[str, dict[str, Any]] = field(default_factory=dict)
    copy: dict[Copy, Any] = field(default_factory=dict)
    tier: dict[Ends, list[Any]] = field(default_factory=dict)
    earned: Any = None

    def rows(self, job: str) -> Iterator[int]:
        """Return the candidates of a job."""
        return iter(self.candidates.of(self.number[job]))


def make_variables(model: cp_model.CpModel, candidates: Candidates) -> Variables:
    """Add all variables to `model`, and tie `at` to `x`."""
    problem = candidates.problem
    x = [model.new_bool_var(f"x[{row}]") for row in range(len(candidates.usd))]
    reject = {job.id: model.new_bool_var(f"reject[{job.id}]") for job in problem.jobs}
    number = {job.id: row for row, job in enumerate(problem.jobs)}
    earned = None
    if (unfair_usd := problem.assumptions.unfair_usd) > 0:
        earned = model.new_int_var(0, round(unfair_usd * USD_STEPS), "earned")
    v = Variables(
        problem=problem, candidates=candidates, number=number, x=x, reject=reject, earned=earned
    )
    for job in _placed_jobs(problem):
        v.at[job] = {}
        by_site: dict[str, list[Any]] = {}
        for row in v.rows(job):
            by_site.setdefault(candidates.site[row], []).append(x[row])
        for site, there in sorted(by_site.items()):
            v.at[job][site] = model.new_bool_var(f"at[{job},{site}]")
            model.add(sum(there) == v.at[job][site])
    for dataset, source, target in sorted(set(_copies(v))):
        name = f"copy[{dataset},{source},{target}]"
        v.copy[dataset, source, target] = model.new_bool_var(name)
    for source, target in sorted({(source, target) for _, source, target in v.copy}):
        link = problem.link(source, target)
        if link.tiers:
            v.tier[source, target] = [
                model.new_bool_var(f"tier[{source},{target},{row}]")
                for row in range(len(tiers_left(link)))
            ]
    return v


def _placed_jobs(problem: Problem) -> list[str]:
    """Return the jobs whose site matters to somebody else."""
    tied = {other for job in problem.jobs for other in (*job.same_site_as, *job.apart_from)}
    return [
        job.id
        for job in problem.jobs
        if job.inputs or job.outputs or job.same_site_as or job.apart_from or job.id in tied
    ]


def _copies(v: Variables) -> Iterator[Copy]:
    """Yield every copy that a plan may need and policy and links allow."""
    problem = v.problem
    for dataset in problem.datasets:
        readers = problem.readers.get(dataset.id, ())
        targets = {site for job in readers for site in v.at[job]}
        maker = problem.producer.get(dataset.id)
        if maker is None:
            # Without a home there is no source.
            for target in (targets | set(dataset.deliver_to)) - set(dataset.homes):
                yield from (
                    (dataset.id, one, target) for one in _useful(problem, dataset.id, target)
                )
            continue
        for source in v.at[maker]:
            for target in (targets | set(dataset.deliver_to)) - {source}:
                if may_copy(problem, dataset.id, source, target):
                    yield dataset.id, source, target


def _useful(problem: Problem, dataset: str, target: str) -> Iterator[str]:
    """Yield the homes to copy from: each faster than all cheaper ones; with tiers, any."""
    if any(problem.link(one, target).tiers for one in sources(problem, dataset, target)):
        yield from sources(problem, dataset, target)
        return
    best_h = float("inf")
    for _, hours, source in sorted(
        (
            problem.link(one, target).usd_gib or 0.0,
            transfer_hours(problem, dataset, one, target),
            one,
        )
        for one in sources(problem, dataset, target)
    ):
        if hours < best_h:
            best_h = hours
            yield source
