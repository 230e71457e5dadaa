"""What people may leave out or write shorter, filled in as the model has it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from hybridplace.io.decode import UNREADABLE, decode, fields_of
from hybridplace.io.document import FieldPath
from hybridplace.model.canonical import to_plain
from hybridplace.model.estate import Estate
from hybridplace.model.job import (
    Inference,
    Job,
    Kind,
    Preprocessing,
    Program,
    Training,
    Tuning,
    Work,
)

_WORK: dict[str, type[Work]] = {
    Kind.TRAINING: Training,
    Kind.INFERENCE: Inference,
    Kind.PREPROCESSING: Preprocessing,
    Kind.TUNING: Tuning,
}

Nodes = list[list[int]]
"""For each node of each pool, which item of the file it comes from."""


def estate_of(data: Any) -> tuple[Estate, Nodes]:
    """Return the estate that checked plain data means, and where its nodes come from."""
    if data is UNREADABLE:
        return decode(Estate, UNREADABLE), []
    pools = _items(data, "pools")
    expanded = [list(_nodes(pool)) for pool in pools]
    full = {**data}
    if isinstance(data.get("sites"), list):
        at = _occupied(data)
        full["sites"] = [_site(site, at) for site in data["sites"]]
    if isinstance(data.get("pools"), list):
        nodes = [[node for _, node in each] for each in expanded]
        full["pools"] = [_pool(*pair) for pair in zip(pools, nodes, strict=True)]
    return decode(Estate, full), [[index for index, _ in each] for each in expanded]


def jobs_of(data: Any) -> tuple[Job, ...]:
    """Return the jobs that checked plain data means."""
    jobs = data if data is UNREADABLE else data["jobs"]
    if jobs is not UNREADABLE:
        jobs = [_job(job) for job in jobs]
    found: tuple[Job, ...] = decode(tuple[Job, ...], jobs)
    return found


def in_file(path: FieldPath, nodes: Nodes) -> FieldPath:
    """Return where a path of the model stands in the file: identical nodes are one item there."""
    match path:
        case ("pools", int(pool), "nodes", int(node), *rest):
            return ("pools", pool, "nodes", nodes[pool][node], *rest)
    return path


def _items(data: Any, name: str) -> list[Any]:
    items = data.get(name, []) if isinstance(data, dict) else []
    return items if isinstance(items, list) else []


def _occupied(data: dict[str, Any]) -> set[str]:
    """Return the sites where a pool is or a dataset lies: not those where only users are."""
    pools = [pool.get("site") for pool in _items(data, "pools") if isinstance(pool, dict)]
    homes = [home for each in _items(data, "datasets") for home in _items(each, "homes")]
    return {site for site in (*pools, *homes) if isinstance(site, str)}


def _site(site: Any, occupied: set[str]) -> Any:
    if site is UNREADABLE:
        return site
    provider = site.get("provider", "static")
    implied = {
        "provider": provider,
        "region": site["id"],
        "own": provider == "static" and site["id"] in occupied,
    }
    if isinstance(site["id"], str):
        implied["region"] = site["id"].removeprefix(f"{provider}/")
    return implied | {key: value for key, value in site.items() if value is not None}


def _nodes(pool: Any) -> Iterator[tuple[int, Any]]:
    for index, node in enumerate(_items(pool, "nodes")):
        if node is UNREADABLE:
            yield index, node
            continue
        one = {key: value for key, value in node.items() if key != "count"}
        count = node.get("count")
        if not isinstance(count, int):
            yield index, one
            continue
        for each in range(1, count + 1):
            name = f"{node['id']}-{each}" if isinstance(node["id"], str) else UNREADABLE
            yield index, {**one, "id": name}


def _pool(pool: Any, nodes: list[Any]) -> Any:
    readable = pool is not UNREADABLE and isinstance(pool.get("nodes"), list)
    return {**pool, "nodes": nodes} if readable else pool


def _job(job: Any) -> Any:
    if job is UNREADABLE:
        return job
    common = {key: value for key, value in job.items() if key in fields_of(Job)}
    if isinstance(common.get("program"), dict):
        common["program"] = _program(common["program"])
    if job["kind"] is UNREADABLE:
        return {**common, "work": UNREADABLE}
    cls: Any = _WORK[job["kind"]]
    work = {key: value for key, value in job.items() if key in fields_of(cls)}
    return {**common, "work": decode(cls, work)}


def _program(program: dict[str, Any]) -> dict[str, Any]:
    """Return a program with its variables as the model has them: pairs, by name."""
    variables = program.get("environment")
    if not isinstance(variables, dict):
        return program
    return {**program, "environment": [[name, variables[name]] for name in sorted(variables)]}


def flat(job: object) -> Any:
    """Return a job as plain data as it stands in a file: its kind, its fields, its work's."""
    plain = to_plain(job)
    if not isinstance(job, Job):
        return plain
    if isinstance(job.program, Program):
        with suppress(ValueError, TypeError):  # no pairs: the form will tell
            plain["program"]["environment"] = dict(job.program.environment)
    work = plain.pop("work")
    kind = next((str(kind) for kind, cls in _WORK.items() if isinstance(job.work, cls)), None)
    return {"id": job.id, "kind": kind, **plain, **(work if isinstance(work, dict) else {})}
