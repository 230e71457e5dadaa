"""Names that must be unique, and names that must be those of something."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from hybridplace.io.decode import UNREADABLE_NAME
from hybridplace.io.document import FieldPath, Finding
from hybridplace.model.estate import Estate
from hybridplace.model.forecast import Figure
from hybridplace.model.job import Inference, Job


def twice(ids: Sequence[tuple[FieldPath, str]], noun: str) -> Iterator[Finding]:
    """Yield each id that stands before it already."""
    seen: set[str] = set()
    for path, name in ids:
        if name in seen and name != UNREADABLE_NAME:
            expected = f"a {noun} that is listed once"
            yield Finding(path=path, expected=expected, got=f"{name!r} again", remedy="rename one")
        seen.add(name)


def duplicates(estate: Estate) -> Iterator[Finding]:
    """Yield what is listed twice in an estate."""
    for name, noun in (
        ("sites", "site"),
        ("tenants", "tenant"),
        ("datasets", "dataset"),
        ("limits", "limit"),
        ("spreads", "spread"),
    ):
        yield from twice(_ids(name, getattr(estate, name)), noun)
    shared = [*_ids("pools", estate.pools), *_ids("quotas", estate.quotas)]
    yield from twice(shared, "pool or quota")
    for index, pool in enumerate(estate.pools):
        nodes = [(("pools", index, *path), name) for path, name in _ids("nodes", pool.nodes)]
        yield from twice(nodes, "node")
    accesses = enumerate(estate.providers)
    yield from twice([(("providers", i, "provider"), a.provider) for i, a in accesses], "provider")
    links = enumerate(estate.links)
    ends = [(("links", i), f"{link.source} to {link.target}") for i, link in links]
    yield from twice([end for end in ends if UNREADABLE_NAME not in end[1]], "link")


def _ids(name: str, values: Sequence[object]) -> list[tuple[FieldPath, str]]:
    return [((name, i, "id"), value.id) for i, value in enumerate(values)]  # type: ignore[attr-defined]


def duplicate_jobs(jobs: Sequence[Job]) -> Iterator[Finding]:
    """Yield jobs that are listed twice."""
    yield from twice(_ids("jobs", jobs), "job")


def unknown(path: FieldPath, name: str, known: Collection[str], noun: str) -> Iterator[Finding]:
    """Yield a fault if `name` is none of `known`, unless either could not be read."""
    if name in known or name == UNREADABLE_NAME or UNREADABLE_NAME in known:
        return
    near = get_close_matches(name, known, n=1)
    remedy = f"write {near[0]}" if near else f"add the {noun} or correct it"
    yield Finding(path=path, expected=f"the id of a {noun}", got=repr(name), remedy=remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The sites that can be named: own ones, and the regions of providers that may be used.

    Parameters
    ----------
    regions : collection of str
        Site ids that the catalog knows. Of a provider without any, every region is let by.
    """

    own: frozenset[str]
    providers: frozenset[str]
    regions: Collection[str]

    def lacks(self, provider: str) -> bool:
        """Say whether the catalog is known to have no region of a provider."""
        return bool(self.regions) and not any(
            site.startswith(f"{provider}/") for site in self.regions
        )

    def unknown(self, path: FieldPath, name: str) -> Iterator[Finding]:
        """Yield a fault if `name` is no such site."""
        provider, slash, region = name.partition("/")
        if name in self.own or not slash:
            yield from unknown(path, name, self.own, "site")
            return
        if provider not in self.providers and UNREADABLE_NAME not in self.providers:
            yield Finding(
                path=path,
                expected="an own site, or a region of a provider that may be used",
                got=repr(name),
                remedy=f"add {provider} under providers, or correct it",
            )
            return
        listed = {site for site in self.regions if site.startswith(f"{provider}/")}
        if (listed and name not in listed) or not region:
            near = get_close_matches(name, sorted(listed), n=1)
            remedy = f"write {near[0]}" if near else "correct it"
            yield Finding(
                path=path, expected=f"a region of {provider}", got=repr(name), remedy=remedy
            )


def places(estate: Estate, regions: Collection[str]) -> Places:
    """Return the sites that can be named in an estate and its jobs."""
    return Places(
        own=frozenset(site.id for site in estate.sites),
        providers=frozenset(access.provider for access in estate.providers),
        regions=regions,
    )


def estate_references(estate: Estate, known: Places) -> Iterator[Finding]:
    """Yield what in an estate names nothing, but for the jobs that limits name."""
    for path, site in _sites_named(estate):
        yield from known.unknown(path, site)
    tenants = {tenant.id for tenant in estate.tenants}
    for index, dataset in enumerate(estate.datasets):
        yield from unknown(("datasets", index, "tenant"), dataset.tenant, tenants, "tenant")
    providers = known.providers | {site.provider for site in estate.sites}
    for index, limit in enumerate(estate.limits):
        if limit.tenant is not None:
            yield from unknown(("limits", index, "tenant"), limit.tenant, tenants, "tenant")
        if limit.provider is not None:
            path = ("limits", index, "provider")
            yield from unknown(path, limit.provider, providers, "provider")


def time_references(estate: Estate, known: Places) -> Iterator[Finding]:
    """Yield forecasts and maintenance of what is not there; offers are not known yet."""
    nodes = {pool.id: [node.id for node in pool.nodes] for pool in estate.pools}
    pools = [*nodes, *(quota.id for quota in estate.quotas)]
    # The plug-in of an own site may have more pools, and so may a provider that is asked for all
    # that it has, or for quotas.
    foreign = any(site.own and site.provider != "static" for site in estate.sites)
    foreign = foreign or any(
        access.live_prices or known.lacks(access.provider) for access in estate.providers
    )
    for index, figure in enumerate(estate.forecasts):
        path = ("forecasts", index, "subject")
        if figure.measure in (Figure.ENERGY_USD_KWH, Figure.CARBON_G_KWH):
            yield from known.unknown(path, figure.subject)
        elif figure.measure is Figure.AT_MOST and not foreign:
            yield from unknown(path, figure.subject, pools, "pool or quota")
    for index, window in enumerate(estate.maintenance):
        if not foreign:
            yield from unknown(("maintenance", index, "pool"), window.pool, nodes, "pool")
        if window.node is not None and window.pool in nodes:
            path = ("maintenance", index, "node")
            yield from unknown(path, window.node, nodes[window.pool], "node")


def _sites_named(estate: Estate) -> Iterator[tuple[FieldPath, str]]:
    for name in ("pools", "quotas", "limits"):
        for index, value in enumerate(getattr(estate, name)):
            if value.site is not None:
                yield (name, index, "site"), value.site
    for index, link in enumerate(estate.links):
        yield ("links", index, "source"), link.source
        yield ("links", index, "target"), link.target
    for index, dataset in enumerate(estate.datasets):
        for field in ("homes", "deliver_to"):
            for at, site in enumerate(getattr(dataset, field)):
                yield ("datasets", index, field, at), site


def job_references(jobs: Sequence[Job]) -> Iterator[Finding]:
    """Yield jobs that other jobs name and that are not there."""
    ids = dict.fromkeys(job.id for job in jobs)
    for index, job in enumerate(jobs):
        for field in ("same_site_as", "apart_from"):
            for at, other in enumerate(getattr(job, field)):
                yield from unknown(("jobs", index, field, at), other, ids, "job")


def joint_references(estate: Estate, jobs: Sequence[Job], known: Places) -> Iterator[Finding]:
    """Yield what jobs name and the estate lacks, and jobs that limits name and that are not."""
    tenants = dict.fromkeys(tenant.id for tenant in estate.tenants)
    datasets = dict.fromkeys(dataset.id for dataset in estate.datasets)
    for index, job in enumerate(jobs):
        yield from unknown(("jobs", index, "tenant"), job.tenant, tenants, "tenant")
        for field in ("inputs", "outputs"):
            for at, name in enumerate(getattr(job, field)):
                yield from unknown(("jobs", index, field, at), name, datasets, "dataset")
        if isinstance(job.work, Inference):
            for at, users in enumerate(job.work.users):
                yield from known.unknown(("jobs", index, "users", at, "site"), users.site)
    ids = dict.fromkeys(job.id for job in jobs)
    for index, limit in enumerate(estate.limits):
        if limit.job is not None:
            yield from unknown(("limits", index, "job"), limit.job, ids, "job")
    for index, spread in enumerate(estate.spreads):
        for at, name in enumerate(spread.jobs):
            yield from unknown(("spreads", index, "jobs", at), name, ids, "job")
