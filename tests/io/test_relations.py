"""Fields, jobs and datasets that do not fit each other."""

from __future__ import annotations

import pytest

from tests.io.conftest import ABSENT, Change, Tell

ONLY = "expected measure and at_most together, got only"
ENERGY = "expected a number, since own machines there cost energy, got nothing; write"

RELATIONS: list[tuple[list[Change], str]] = [
    (
        [("jobs[1].program.mounts[1].read_only", ABSENT)],
        (
            "jobs[1].program.mounts[1].read_only: expected false, since the job writes it, got "
            "true; write read_only: false"
        ),
    ),
    (
        [("jobs[1].program.mounts[1].path", "/in")],
        (
            "jobs[1].program.mounts[1].path: expected a path that is listed once, got '/in' again; "
            "rename one"
        ),
    ),
    (
        [("slot_h", 5)],
        "slot_h: expected a part of horizon_h (24) without rest, got 5; change one of them",
    ),
    (
        [("jobs[1].earliest_h", 20)],
        (
            "jobs[1].deadline_h: expected more than earliest_h (20), got 20; raise it, or lower "
            "earliest_h"
        ),
    ),
    (
        [("jobs[1].due_h", 21)],
        "jobs[1].due_h: expected at most deadline_h (20), got 21; lower it, or raise deadline_h",
    ),
    (
        [("jobs[1].deadline_h", 30)],
        (
            "jobs[1].deadline_h: expected an end within horizon_h (24), got hour 30; lower it, or "
            "raise horizon_h in the estate"
        ),
    ),
    (
        [("jobs[3].earliest_h", 25)],
        (
            "jobs[3].earliest_h: expected an end within horizon_h (24), got hour 25; lower it, or "
            "raise horizon_h in the estate"
        ),
    ),
    (
        [("jobs[2].earliest_h", 20)],
        (
            "jobs[2].hours: expected an end within horizon_h (24), got hour 28 (from earliest_h "
            "on); lower it, or raise horizon_h in the estate"
        ),
    ),
    (
        [("jobs[2].users[0].share", 0.5)],
        (
            "jobs[2].users: expected shares that add up to 1, got 0.5; write shares, not percent "
            "or counts"
        ),
    ),
    (
        [("jobs[2].min_replicas", 3), ("jobs[2].max_replicas", 2)],
        (
            "jobs[2].min_replicas: expected at most max_replicas (2), got 3; lower it, or raise "
            "max_replicas"
        ),
    ),
    (
        [("jobs[3].shapes[0].accelerators", ABSENT)],
        (
            "jobs[3].shapes[0].accelerators: expected how many A100, got 0; write accelerators: "
            "1, or remove accelerator"
        ),
    ),
    (
        [("jobs[3].shapes[0].accelerator", ABSENT)],
        (
            "jobs[3].shapes[0].accelerator: expected the name of the accelerators, got nothing; "
            "write accelerator: A100-80GB or the like, or remove accelerators"
        ),
    ),
    (
        [("pools[0].nodes[1].accelerators", 2)],
        (
            "pools[0].nodes[1].accelerator: expected the name of the accelerators, got nothing; "
            "write accelerator: A100-80GB or the like, or remove accelerators"
        ),
    ),
    (
        [("pools[0].nodes[0].accelerators", ABSENT)],
        (
            "pools[0].nodes[0].accelerators: expected how many A100, got 0; write accelerators: "
            "1, or remove accelerator"
        ),
    ),
    (
        [("overlays[0].price_usd_h", 3)],
        "overlays[0]: expected either price_usd_h or discount, got both; remove one",
    ),
    (
        [("overlays[0].discount", ABSENT)],
        "overlays[0]: expected either price_usd_h or discount, got neither; add one",
    ),
    (
        [("pools[0].measure", "cpus"), ("pools[0].at_most", 8)],
        "pools[0]: expected either nodes or measure, got both; remove one",
    ),
    (
        [("pools[0].nodes", [])],
        "pools[0]: expected either nodes or measure, got neither; add one",
    ),
    (
        [("pools[1]", {"id": "p", "site": "aws/eu-north-1", "measure": "cpus"})],
        f"pools[1]: {ONLY} measure; add at_most, or remove measure",
    ),
    (
        [("pools[0].at_most", 3)],
        f"pools[0]: {ONLY} at_most; add measure, or remove at_most",
    ),
    (
        [("sites[0].carbon_g_kwh", ABSENT)],
        f"sites[0].carbon_g_kwh: {ENERGY} carbon_g_kwh: the grid's grams of CO2e per kWh",
    ),
    (
        [("sites[0].pue", ABSENT)],
        f"sites[0].pue: {ENERGY} pue: the power of the building by that of its machines",
    ),
    (
        [("sites[0].energy_usd_kwh", ABSENT)],
        f"sites[0].energy_usd_kwh: {ENERGY} energy_usd_kwh: what a kWh costs",
    ),
    (
        [("jobs[3].outputs", ["model"])],
        (
            "jobs[3].outputs[0]: expected a dataset that no other job writes, got 'model', which "
            "'train' writes; write a dataset of its own"
        ),
    ),
    (
        [("jobs[0].outputs", [])],
        (
            "datasets[1].homes: expected a site that holds the dataset, or a job that writes it, "
            "got neither, and 'train' reads it; name its site, or list it in a job's outputs"
        ),
    ),
    (
        [("datasets[1].homes", ["lab"])],
        (
            "datasets[1].homes: expected no homes, since a job writes the dataset, got lab, and "
            "the writer 'prepare'; remove the homes, or the dataset from the job's outputs"
        ),
    ),
    (
        [("links[0].usd_gib", 0.1), ("links[0].tiers", [{"beyond_gib": 0, "usd_gib": 0.1}])],
        "links[0].tiers[0].beyond_gib: expected a number above 0, got 0",
    ),
    (
        [("links[0].usd_gib", 0.1), ("links[0].tiers", [{"beyond_gib": 1, "usd_gib": -0.1}])],
        "links[0].tiers[0].usd_gib: expected a number of at least 0, got -0.1",
    ),
    (
        [("links[0].tiers", [{"beyond_gib": 100, "usd_gib": 0.01}])],
        (
            "links[0].usd_gib: expected a number, since the link has tiers, got nothing; write "
            "usd_gib: what a GiB costs until the first tier begins"
        ),
    ),
    (
        [
            ("links[0].usd_gib", 0.1),
            (
                "links[0].tiers",
                [{"beyond_gib": 100, "usd_gib": 0.01}, {"beyond_gib": 50, "usd_gib": 0.02}],
            ),
        ],
        (
            "links[0].tiers[1].beyond_gib: expected more than that of the tier before (100), got "
            "50; write tiers from the least volume on"
        ),
    ),
    (
        [("jobs[1].inputs", ["clean", "model"])],
        (
            "jobs[1].inputs: expected a pipeline without a cycle, got train -> train; remove an "
            "input or an output of one of them"
        ),
    ),
    (
        [("jobs[0].inputs", ["raw", "model"])],
        (
            "jobs[0].inputs: expected a pipeline without a cycle, got prepare -> train -> prepare; "
            "remove an input or an output of one of them"
        ),
    ),
    (
        [("jobs[1].apart_from", ["train"])],
        (
            "jobs[1].apart_from[0]: expected a job that may be at another site, got 'train', the "
            "job itself; remove it"
        ),
    ),
    (
        [("jobs[0].same_site_as", ["train"]), ("jobs[1].apart_from", ["prepare"])],
        (
            "jobs[1].apart_from[0]: expected a job that may be at another site, got 'prepare', "
            "which same_site_as ties to 'train'; remove it, or one of the ties"
        ),
    ),
    (
        [
            ("jobs[0].same_site_as", ["train"]),
            ("jobs[2].same_site_as", ["train"]),
            ("jobs[3].same_site_as", ["serve"]),
            ("jobs[3].apart_from", ["prepare"]),
        ],
        (
            "jobs[3].apart_from[0]: expected a job that may be at another site, got 'prepare', "
            "which same_site_as ties to 'tune'; remove it, or one of the ties"
        ),
    ),
]


@pytest.mark.parametrize(("changes", "words"), RELATIONS)
def test_what_does_not_fit_is_told_once(changes: list[Change], words: str, tell: Tell) -> None:
    """Each contradiction has its words, and says nothing of what is right."""
    file = "jobs.json" if words.startswith("jobs") else "estate.json"

    assert [f"{file}: {words}"] == tell(*changes)


def test_each_cycle_is_told_once(tell: Tell) -> None:
    """Two cycles without a common job are two faults."""
    extra = [{"id": f"d{n}", "tenant": "sales", "size_gib": 1} for n in range(2)]
    told = tell(
        ("datasets[3]", extra[0]),
        ("datasets[4]", extra[1]),
        ("jobs[0].inputs", ["raw", "model"]),
        ("jobs[2].inputs", ["d0"]),
        ("jobs[2].outputs", ["d1"]),
        ("jobs[3].inputs", ["d1"]),
        ("jobs[3].outputs", ["d0"]),
    )

    assert [
        (
            "jobs.json: jobs[0].inputs: expected a pipeline without a cycle, "
            "got prepare -> train -> prepare"
        ),
        (
            "jobs.json: jobs[2].inputs: expected a pipeline without a cycle, "
            "got serve -> tune -> serve"
        ),
    ] == [one.split(";")[0] for one in told]


@pytest.mark.parametrize("changes", [[("sites[0].own", False)], [("sites[0].provider", "lab")]])
def test_energy_is_asked_for_at_own_sites_only(changes: list[Change], tell: Tell) -> None:
    """Machines of others have their energy in the price."""
    assert [] == tell(("sites[0].energy_usd_kwh", ABSENT), *changes)


def test_an_unread_dataset_has_no_readers_to_satisfy(tell: Tell) -> None:
    """Several jobs files can share an estate: what no job here touches is no fault."""
    extra = {"id": "other", "tenant": "sales", "size_gib": 1}

    assert [] == tell(("datasets[3]", extra))
