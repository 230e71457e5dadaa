"""What policies see of jobs, datasets, sites and offers: the attributes of `schema.cedarschema`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from hybridplace.model.job import Dataset, Job
from hybridplace.model.site import Market, Site

PACKS = Path(__file__).parent / "packs"

Value = str | bool | int | tuple[str, ...]
Facts = tuple[tuple[str, Value], ...]
"""Attributes by name; hashable, so that equal facts are asked about once."""

_MAX_GIB = 2.0**53  # whole floats above it are not exact, and Cedar's Long ends at 2^63


class Seen(NamedTuple):
    """What policies see of a job or dataset, and the sites that hold the data."""

    facts: Facts
    homes: tuple[str, ...]


def job_facts(job: Job, datasets: Iterable[Dataset]) -> tuple[Seen, ...]:
    """Return the facts to ask about: of each dataset with the job, and of the job's own labels.

    A job is allowed where all of them are. They stay apart, since a label speaks of one dataset:
    `anonymised` on one does not cover another, and personal data from the EEA beside public data
    from the US is no personal data from the US. The job's own labels hold for each dataset too,
    except that a job cannot declare data anonymised; where they come from is where its data does.
    """
    data = list(datasets)
    own = set(job.labels)
    origins = [dataset.origin for dataset in data]
    asked = []
    if own or not data:
        homes = [home for dataset in data for home in dataset.homes]
        asked.append(_job(job, own, origins, homes))
    for dataset in data:
        labels = (own - {"anonymised"}) | set(dataset.labels)
        # Data with neither label nor origin, as public weights, must not hide where the job's
        # labels come from.
        bare = not dataset.labels and dataset.origin is None
        asked.append(
            _job(job, labels, origins if own and bare else [dataset.origin], dataset.homes)
        )
    return tuple(dict.fromkeys(asked))


def dataset_facts(dataset: Dataset) -> Seen:
    """Return what policies see of a dataset."""
    facts: Facts = (
        ("homes", _set(dataset.homes)),
        ("id", dataset.id),
        ("labels", _set(dataset.labels)),
        ("origins", _origins([dataset.origin])),
        ("size_gib", math.ceil(min(dataset.size_gib, _MAX_GIB))),
        ("tenant", dataset.tenant),
    )
    return Seen(facts, dataset.homes)


def site_facts(site: Site) -> Facts:
    """Return what policies see of a site."""
    return (
        ("attestations", _set(site.attestations)),
        ("country", site.country),
        ("id", site.id),
        ("jurisdictions", _set([*site.jurisdictions, site.country, *_widened(site.country)])),
        ("own", site.own),
        ("provider", site.provider),
        ("region", site.region),
    )


def context_facts(homes: Iterable[str], site: str) -> Facts:
    """Return what policies see of data and site together."""
    return (("home", site in homes),)


def offer_facts(market: Market, confidential: Iterable[str]) -> Facts:
    """Return what policies see of an offer, beside that."""
    return (("confidential", _set(confidential)), ("market", market.value))


def _job(job: Job, labels: set[str], origins: list[str | None], homes: Iterable[str]) -> Seen:
    facts: Facts = (
        ("checkpointed", job.checkpoint is not None),
        ("homes", _set(homes)),
        ("id", job.id),
        ("kind", job.kind.value),
        ("labels", _set(labels)),
        ("origins", _origins(origins)),
        ("public", job.public),
        ("tenant", job.tenant),
    )
    return Seen(facts, _set(homes))


def _set(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))


def _origins(origins: list[str | None]) -> tuple[str, ...]:
    return _set(place for origin in origins if origin is not None for place in _widened(origin))


@cache
def _widened(code: str) -> frozenset[str]:
    """Return the code and the areas around it; empty if it names no place that we know."""
    countries, areas = _places()
    country, _, subdivision = code.partition("-")
    if subdivision and country in countries:
        return frozenset({code}) | _widened(country)
    if code not in countries and code not in areas and not _around(code, areas):
        return frozenset()
    return frozenset({code}).union(*map(_widened, _around(code, areas)))


def _around(code: str, areas: dict[str, frozenset[str]]) -> list[str]:
    return [area for area, members in areas.items() if code in members]


@cache
def _places() -> tuple[frozenset[str], dict[str, frozenset[str]]]:
    import yaml

    places = yaml.safe_load((PACKS / "areas.yaml").read_text(encoding="utf-8"))
    areas = {area: frozenset(members) for area, members in places["areas"].items()}
    return frozenset(places["countries"]), areas
