"""Names that stand twice, and names of nothing."""

from __future__ import annotations

import pytest

from tests.io.conftest import ESTATE, JOBS, Change, Tell

RACK = ESTATE["pools"][0]["nodes"][1]
REGIONS = ("aws/eu-north-1", "aws/eu-central-1")
ALLOWED = "expected an own site, or a region of a provider that may be used"

TWICE: list[tuple[Change, str]] = [
    (("sites[2]", ESTATE["sites"][1]), "sites[2].id: expected a site that is listed once, got "),
    (("pools[1]", ESTATE["pools"][0]), "pools[1].id: expected a pool or quota that is listed "),
    (("quotas[0].id", "racks"), "quotas[0].id: expected a pool or quota that is listed once, got "),
    (("pools[0].nodes[2]", RACK), "pools[0].nodes[2].id: expected a node that is listed once, "),
    (("pools[0].nodes[1].id", "n-2"), "pools[0].nodes[1].id: expected a node that is listed once"),
    (("tenants[1].id", "research"), "tenants[1].id: expected a tenant that is listed once, got "),
    (("datasets[3]", ESTATE["datasets"][0]), "datasets[3].id: expected a dataset that is listed "),
    (("limits[1]", ESTATE["limits"][0]), "limits[1].id: expected a limit that is listed once, got"),
    (("quotas[1]", ESTATE["quotas"][0]), "quotas[1].id: expected a pool or quota that is listed "),
    (("links[1]", ESTATE["links"][0]), "links[1]: expected a link that is listed once, got 'lab t"),
    (("providers[1]", ESTATE["providers"][0]), "providers[1].provider: expected a provider that "),
    (("jobs[4]", JOBS["jobs"][3]), "jobs[4].id: expected a job that is listed once, got 'tune' ag"),
]


@pytest.mark.parametrize(("change", "words"), TWICE)
def test_what_is_listed_twice_is_told(change: Change, words: str, tell: Tell) -> None:
    """Ids of each kind are unique; pools and quotas share theirs; nodes have theirs per pool."""
    told = [fault.split(": ", 1)[1] for fault in tell(change)]

    assert words == next((one for one in told if one.startswith(words)), told)[: len(words)]
    assert all(one.endswith(" again; rename one") for one in told if one.startswith(words))


NOWHERE: list[tuple[str, object, str]] = [
    ("jobs[0].tenant", "reserch", "expected the id of a tenant, got 'reserch'; write research"),
    ("jobs[0].tenant", "x", "expected the id of a tenant, got 'x'; add the tenant or correct it"),
    ("jobs[0].inputs[0]", "raw2", "expected the id of a dataset, got 'raw2'; write raw"),
    (
        "jobs[1].program.mounts[0].dataset",
        "raw",
        "expected the id of a dataset that the job reads or writes, got 'raw'; add the dataset",
    ),
    ("jobs[3].outputs", ["x"], "expected the id of a dataset, got 'x'; add the dataset or correct"),
    ("jobs[2].users[0].site", "town2", "expected the id of a site, got 'town2'; write town"),
    ("jobs[2].users[0].site", "gcp/x", f"{ALLOWED}, got 'gcp/x'; add gcp under providers, or "),
    ("jobs[0].same_site_as", ["trains"], "expected the id of a job, got 'trains'; write train"),
    ("jobs[0].apart_from", ["trains"], "expected the id of a job, got 'trains'; write train"),
    ("datasets[0].tenant", "sale", "expected the id of a tenant, got 'sale'; write sales"),
    ("datasets[0].homes[0]", "labs", "expected the id of a site, got 'labs'; write lab"),
    ("datasets[0].homes[0]", "azure/west", f"{ALLOWED}, got 'azure/west'; add azure under provi"),
    ("datasets[0].homes[0]", "aws/", "expected a region of aws, got 'aws/'; correct it"),
    ("datasets[2].deliver_to[0]", "twn", "expected the id of a site, got 'twn'; write town"),
    ("pools[0].site", "lap", "expected the id of a site, got 'lap'; write lab"),
    ("quotas[0].site", "gcp/x", f"{ALLOWED}, got 'gcp/x'; add gcp under providers, or correct it"),
    ("links[0].source", "lob", "expected the id of a site, got 'lob'; write lab"),
    ("links[0].target", "lob", "expected the id of a site, got 'lob'; write lab"),
    ("limits[0].tenant", "sale", "expected the id of a tenant, got 'sale'; write sales"),
    ("limits[0].job", "traim", "expected the id of a job, got 'traim'; write train"),
    ("limits[0].site", "lob", "expected the id of a site, got 'lob'; write lab"),
    ("limits[0].provider", "awz", "expected the id of a provider, got 'awz'; write aws"),
]
LISTS = {"outputs", "same_site_as", "apart_from"}


@pytest.mark.parametrize(("path", "value", "words"), NOWHERE)
def test_a_name_of_nothing_is_told_with_the_nearest(
    path: str, value: object, words: str, tell: Tell
) -> None:
    """Every reference is checked, with what was probably meant."""
    file = "jobs.json" if path.startswith("jobs") else "estate.json"
    place = f"{path}[0]" if isinstance(value, list) else path
    (told,) = [one for one in tell((path, value)) if one.startswith(f"{file}: {place}: ")]

    assert f"{file}: {place}: {words}" == told[: len(f"{file}: {place}: {words}")]


def test_regions_that_the_catalog_lacks_are_told(tell: Tell) -> None:
    """A region is looked up where the catalog knows its provider."""
    change = ("datasets[0].homes", ["aws/eu-nort-1"])

    assert [] == tell(change)
    assert [
        (
            "estate.json: datasets[0].homes[0]: expected a region of aws, got 'aws/eu-nort-1'; "
            "write aws/eu-north-1"
        )
    ] == tell(change, regions=REGIONS)


def test_regions_of_a_provider_without_a_catalog_are_let_by(tell: Tell) -> None:
    """A provider of one's own has regions that nobody else knows."""
    access = {"provider": "uni", "regions": ["*"]}

    assert [] == tell(
        ("providers[1]", access), ("datasets[0].homes", ["uni/basement"]), regions=REGIONS
    )


def test_pools_of_a_provider_without_a_catalog_are_let_by(tell: Tell) -> None:
    """What it has is not known here; of clouds in the catalog all pools are in the estate."""
    access = {"provider": "uni", "regions": ["*"]}
    closed = {"pool": "uni-rack", "start": "2026-01-05T08:00Z", "end": "2026-01-05T09:00Z"}
    change = ("maintenance", [closed])

    assert 1 == len(tell(change, regions=REGIONS))
    assert [] == tell(change, ("providers[1]", access), regions=REGIONS)


def test_what_cannot_be_read_is_not_called_missing(tell: Tell) -> None:
    """A reference is not judged by a list that has a fault itself."""
    assert [
        (
            "estate.json: tenants[0].id: expected a name without spaces or control characters, "
            "got the text 're search'"
        )
    ] == tell(("tenants[0].id", "re search"))
