"""Fields that must fit each other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise

from hybridplace.io.document import FieldPath, Finding, number
from hybridplace.io.references import twice, unknown
from hybridplace.model.check_values import PLACES
from hybridplace.model.estate import Estate
from hybridplace.model.job import Inference, Job, Mount, Shape
from hybridplace.model.problem import Limit, LimitMeasure
from hybridplace.model.site import Link, Node, Pool, Site
from hybridplace.units import HOURS_PER_DAY

_TOLERANCE = 1e-6


def estate_relations(estate: Estate) -> Iterator[Finding]:
    """Yield what in an estate does not fit together."""
    # Unreadable numbers are NaN, which no comparison holds for.
    if abs(math.remainder(estate.horizon_h, estate.slot_h)) > _TOLERANCE:
        yield Finding(
            path=("slot_h",),
            expected=f"a part of horizon_h ({number(estate.horizon_h)}) without rest",
            got=number(estate.slot_h),
            remedy="change one of them",
        )
    with_pools = {pool.site for pool in estate.pools}
    for index, site in enumerate(estate.sites):
        if site.own and site.id in with_pools:
            yield from _own_site(("sites", index), site)
    for index, pool in enumerate(estate.pools):
        yield from _pool(("pools", index), pool)
    for index, overlay in enumerate(estate.overlays):
        given = [overlay.price_usd_h is not None, overlay.discount is not None]
        yield from _one_of(("overlays", index), "price_usd_h", "discount", given)
    for index, link in enumerate(estate.links):
        yield from _tiers(("links", index), link)
    yield from _times(estate)
    for index, limit in enumerate(estate.limits):
        yield from _moves(("limits", index), limit)


def _tiers(path: FieldPath, link: Link) -> Iterator[Finding]:
    if link.tiers and link.usd_gib is None:
        yield Finding(
            path=(*path, "usd_gib"),
            expected="a number, since the link has tiers",
            got="nothing",
            remedy="write usd_gib: what a GiB costs until the first tier begins",
        )
    for index, (one, other) in enumerate(pairwise(link.tiers), start=1):
        if other.beyond_gib <= one.beyond_gib:
            yield Finding(
                path=(*path, "tiers", index, "beyond_gib"),
                expected=f"more than that of the tier before ({number(one.beyond_gib)})",
                got=number(other.beyond_gib),
                remedy="write tiers from the least volume on",
            )


def _times(estate: Estate) -> Iterator[Finding]:
    for index, figure in enumerate(estate.forecasts):
        given = [figure.hour_of_day is not None, figure.hourly is not None]
        yield from _one_of(("forecasts", index), "hour_of_day", "hourly", given)
        if figure.start is not None and figure.hourly is None:
            yield Finding(
                path=("forecasts", index, "start"),
                expected="nothing, since each day is the same",
                got="a time",
                remedy="remove it, or write hourly",
            )
    for index, window in enumerate(estate.maintenance):
        ends = window.start, window.end
        if all(isinstance(end, datetime) for end in ends) and ends[1] <= ends[0]:
            yield Finding(
                path=("maintenance", index, "end"),
                expected=f"a time after start ({window.start.isoformat()})",
                got=window.end.isoformat(),
            )


def _moves(path: FieldPath, limit: Limit) -> Iterator[Finding]:
    if limit.measure is not LimitMeasure.MOVES:
        return
    for name in PLACES:
        if getattr(limit, name) is not None:
            yield Finding(
                path=(*path, name),
                expected="nothing, since a move is from one place to another",
                got=f"{getattr(limit, name)!s}",
                remedy="remove it; tenant and job narrow a limit on moves",
            )


_RUNNING_COST = {
    "carbon_g_kwh": "the grid's grams of CO2e per kWh",
    "pue": "the power of the building by that of its machines",
    "energy_usd_kwh": "what a kWh costs",
}


def _own_site(path: FieldPath, site: Site) -> Iterator[Finding]:
    for field, meaning in _RUNNING_COST.items():
        if getattr(site, field) is None:
            yield Finding(
                path=(*path, field),
                expected="a number, since own machines there cost energy",
                got="nothing",
                remedy=f"write {field}: {meaning}",
            )


def _pool(path: FieldPath, pool: Pool) -> Iterator[Finding]:
    yield from _one_of(path, "nodes", "measure", [bool(pool.nodes), pool.measure is not None])
    if (pool.measure is None) != (pool.at_most is None):
        there, absent = ("measure", "at_most") if pool.at_most is None else ("at_most", "measure")
        remedy = f"add {absent}, or remove {there}"
        yield Finding(
            path=path, expected="measure and at_most together", got=f"only {there}", remedy=remedy
        )
    for index, node in enumerate(pool.nodes):
        yield from _accelerators((*path, "nodes", index), node)


def _one_of(path: FieldPath, first: str, second: str, given: list[bool]) -> Iterator[Finding]:
    if sum(given) != 1:
        got = "both" if all(given) else "neither"
        remedy = "remove one" if all(given) else "add one"
        yield Finding(path=path, expected=f"either {first} or {second}", got=got, remedy=remedy)


def _accelerators(path: FieldPath, needs: Node | Shape) -> Iterator[Finding]:
    if needs.accelerator is not None and needs.accelerators == 0:
        yield Finding(
            path=(*path, "accelerators"),
            expected=f"how many {needs.accelerator}",
            got="0",
            remedy="write accelerators: 1, or remove accelerator",
        )
    if needs.accelerator is None and needs.accelerators > 0:
        yield Finding(
            path=(*path, "accelerator"),
            expected="the name of the accelerators",
            got="nothing",
            remedy="write accelerator: A100-80GB or the like, or remove accelerators",
        )


def job_relations(jobs: Sequence[Job]) -> Iterator[Finding]:
    """Yield what in a job does not fit together."""
    for index, job in enumerate(jobs):
        yield from _window(("jobs", index), job)
        yield from _work_range(("jobs", index, "work_range"), job)
        for at, shape in enumerate(job.shapes):
            yield from _accelerators(("jobs", index, "shapes", at), shape)
        if isinstance(job.work, Inference):
            yield from _inference(("jobs", index), job.work)
        if job.program is not None:
            yield from _mounts(("jobs", index, "program", "mounts"), job, job.program.mounts)


def _mounts(path: FieldPath, job: Job, mounts: Sequence[Mount]) -> Iterator[Finding]:
    known = dict.fromkeys((*job.inputs, *job.outputs))
    for index, mount in enumerate(mounts):
        yield from unknown(
            (*path, index, "dataset"), mount.dataset, known, "dataset that the job reads or writes"
        )
        if mount.read_only and mount.dataset in job.outputs:
            yield Finding(
                path=(*path, index, "read_only"),
                expected="false, since the job writes it",
                got="true",
                remedy="write read_only: false",
            )
    paths = [((*path, index, "path"), mount.path) for index, mount in enumerate(mounts)]
    yield from twice(paths, "path")


def _window(path: FieldPath, job: Job) -> Iterator[Finding]:
    if job.deadline_h is not None and job.deadline_h <= job.earliest_h:
        yield Finding(
            path=(*path, "deadline_h"),
            expected=f"more than earliest_h ({number(job.earliest_h)})",
            got=number(job.deadline_h),
            remedy="raise it, or lower earliest_h",
        )
    if job.due_h is not None and job.deadline_h is not None and job.due_h > job.deadline_h:
        yield Finding(
            path=(*path, "due_h"),
            expected=f"at most deadline_h ({number(job.deadline_h)})",
            got=number(job.due_h),
            remedy="lower it, or raise deadline_h",
        )


def _work_range(path: FieldPath, job: Job) -> Iterator[Finding]:
    if job.work_range is None:
        return
    if isinstance(job.work, Inference):
        yield Finding(
            path=path,
            expected="nothing, since an inference job serves its hours",
            got="a range",
            remedy="remove it",
        )
    least, most = job.work_range[0], job.work_range[-1]
    if least > most:
        yield Finding(
            path=path,
            expected="the least factor before the most",
            got=f"{number(least)} and {number(most)}",
            remedy="swap them",
        )


def _inference(path: FieldPath, work: Inference) -> Iterator[Finding]:
    if len(work.load_rps) not in (1, HOURS_PER_DAY):
        yield Finding(
            path=(*path, "load_rps"),
            expected=f"1 value, or {HOURS_PER_DAY}: one per hour of the day in UTC",
            got=f"{len(work.load_rps)} values",
        )
    total = sum(users.share for users in work.users)
    if work.users and abs(total - 1) > _TOLERANCE:
        yield Finding(
            path=(*path, "users"),
            expected="shares that add up to 1",
            got=number(total),
            remedy="write shares, not percent or counts",
        )
    if work.max_replicas is not None and work.min_replicas > work.max_replicas:
        yield Finding(
            path=(*path, "min_replicas"),
            expected=f"at most max_replicas ({work.max_replicas})",
            got=str(work.min_replicas),
            remedy="lower it, or raise max_replicas",
        )


def horizon_relations(estate: Estate, jobs: Sequence[Job]) -> Iterator[Finding]:
    """Yield jobs that cannot be within the hours that are planned."""
    for index, job in enumerate(jobs):
        fields: dict[str, float | None] = {
            "earliest_h": job.earliest_h,
            "deadline_h": job.deadline_h,
        }
        if isinstance(job.work, Inference):
            fields["hours"] = job.earliest_h + job.work.hours
        for name, hour in fields.items():
            if hour is not None and hour > estate.horizon_h + _TOLERANCE:
                end = " (from earliest_h on)" if name == "hours" else ""
                yield Finding(
                    path=("jobs", index, name),
                    expected=f"an end within horizon_h ({number(estate.horizon_h)})",
                    got=f"hour {number(hour)}{end}",
                    remedy="lower it, or raise horizon_h in the estate",
                )
