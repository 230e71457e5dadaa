"""Single fields that are wrong, and the exact words for each."""

from __future__ import annotations

import pytest

from tests.io.conftest import ABSENT, SHAPE, Tell

INF, NAN = float("inf"), float("nan")
CPUS = "jobs[1].shapes[0].cpus"
COUNT = "jobs[1].shapes[0].accelerators"
RACK = "pools[0].nodes[0]"
WHOLE_OR_PART = "expected a whole number of at least 0 or one of 0.125, 0.25, 0.5"
LOAD = "expected 1 value, or 24: one per hour of the day in UTC"

VALUES = [
    (CPUS, -1, "expected a number above 0, got -1"),
    (CPUS, 0, "expected a number above 0, got 0"),
    (CPUS, NAN, "expected a number above 0, got NaN, which is no number"),
    (CPUS, INF, "expected a number above 0, got infinity"),
    (CPUS, 10**400, "expected a number above 0, got a number beyond all bounds"),
    (CPUS, True, "expected a number above 0, got true"),
    (CPUS, "8", "expected a number above 0, got the text '8'; write 8, without quotes"),
    (CPUS, "1_000", "expected a number above 0, got the text '1_000'; write 1000, without quotes"),
    (CPUS, "many", "expected a number above 0, got the text 'many'"),
    (CPUS, None, "expected a number above 0, got nothing"),
    (CPUS, [8], "expected a number above 0, got a list"),
    (CPUS, ABSENT, "expected a number above 0, got nothing at all; add cpus"),
    (COUNT, 0.3, f"{WHOLE_OR_PART}, got 0.3"),
    (COUNT, 1.5, f"{WHOLE_OR_PART}, got 1.5"),
    (COUNT, -1, f"{WHOLE_OR_PART}, got -1"),
    ("jobs[1].shapes[0].workers", 2.5, "expected a whole number of at least 1, got 2.5"),
    ("jobs[1].shapes", [], "expected a list with at least 1 item, got an empty list"),
    (
        "jobs[1].id",
        7,
        "expected a name without spaces or control characters, got 7; write it in quotes",
    ),
    (
        "jobs[1].id",
        "a b",
        "expected a name without spaces or control characters, got the text 'a b'",
    ),
    ("jobs[1].public", "yes", "expected true or false, got the text 'yes'"),
    ("jobs[1].inputs", "raw", "expected a list, got the text 'raw'"),
    ("jobs[1].checkpoint", 2, "expected a mapping, got 2"),
    ("jobs[1].efficiency", 0, "expected a number above 0 and of at most 1, got 0"),
    ("jobs[1].efficiency", 1.1, "expected a number above 0 and of at most 1, got 1.1"),
    ("jobs[2].load_rps", [1, 2], f"{LOAD}, got 2 values"),
    ("jobs[2].load_rps", [1] * 25, f"{LOAD}, got 25 values"),
    ("jobs[2].load_rps", [], "expected a list with at least 1 item, got an empty list"),
    ("jobs", {}, "expected a list, got an empty mapping"),
    (
        "sites[0].country",
        "Germany",
        "expected a two-letter country code in capitals, as DE, got the text 'Germany'",
    ),
    ("sites[1].country", False, "expected a two-letter country code in capitals, as DE, got false"),
    ("links[0].used_gib", -1, "expected a number of at least 0, got -1"),
    ("sites[0].pue", 0.9, "expected a number of at least 1, got 0.9"),
    ("sites[0].latitude_deg", 91, "expected a number of at least -90 and of at most 90, got 91"),
    (f"{RACK}.count", 0, "expected a whole number of at least 1 and of at most 10000, got 0"),
    ("providers[0].discount", 1, "expected a number of at least 0 and below 1, got 1"),
    ("providers[0].discount", -0.1, "expected a number of at least 0 and below 1, got -0.1"),
    ("overlays[0].discount", 1.0, "expected a number of at least 0 and below 1, got 1"),
    (
        "limits[0].measure",
        "eur",
        "expected one of usd, carbon_g, accelerator_h, moves, got the text 'eur'",
    ),
    (
        "providers[0].markets[0]",
        "ondemand",
        (
            "expected one of on_demand, spot, reserved, owned, "
            "got the text 'ondemand'; write on_demand"
        ),
    ),
    ("jobs[1].program.command", [], "expected a list with at least 1 item, got an empty list"),
    ("jobs[1].program.command[1]", 10, "expected a text, got 10; write it in quotes"),
    (
        "jobs[1].program.image",
        "a b",
        "expected a name without spaces or control characters, got the text 'a b'",
    ),
    (
        "jobs[1].program.environment",
        [["EPOCHS", "10"]],
        "expected a mapping, got a list",
    ),
    ("jobs[1].program.environment.EPOCHS", 10, "expected a text, got 10; write it in quotes"),
    (
        "jobs[1].program.environment.9A",
        "x",
        "expected letters, digits and _, no digit first, got the text '9A'",
    ),
    (
        "jobs[1].program.mounts[0].path",
        "in",
        "expected a path that begins with /, got the text 'in'",
    ),
    ("jobs[1].program.mounts[0].read_only", "no", "expected true or false, got the text 'no'"),
    ("providers[0].options", ["image"], "expected a mapping, got a list"),
    ("providers[0].options.image", 7, "expected a text, got 7; write it in quotes"),
    (
        "providers[0].options.a b",
        "x",
        "expected the name of an option, as image or image.eu-central-1, got the text 'a b'",
    ),
    ("tenants", [], "expected a list with at least 1 item, got an empty list"),
    ("horizon_h", 0, "expected a number above 0, got 0"),
    (
        "assumptions.accelerator_load",
        80,
        "expected a number of at least 0 and of at most 1, got 80",
    ),
]


@pytest.mark.parametrize(("path", "value", "words"), VALUES)
def test_a_wrong_value_is_told_with_what_was_expected(
    path: str, value: object, words: str, tell: Tell
) -> None:
    """The field, what should stand there, what stands there, and what to write."""
    assert [f"{_file(path)}: {path}: {words}"] == tell((path, value))


@pytest.mark.parametrize("name", ["a\x1b[31mred", "a\u202eb", "a" * 201])
def test_names_cannot_steer_a_terminal(name: str, tell: Tell) -> None:
    """Control and bidirectional characters, and names longer than a tag, are no names."""
    (told,) = tell(("jobs[1].id", name))

    assert "jobs[1].id: expected a name without spaces or control characters" in told


def _file(path: str) -> str:
    return "jobs.json" if path.startswith("jobs") else "estate.json"


@pytest.mark.parametrize("accelerators", [1, 8.0, 0.5, 0.25, 0.125])
def test_accelerators_are_whole_or_a_part_that_can_be_shared(
    accelerators: float, tell: Tell
) -> None:
    """Halves, quarters and eighths of one are possible."""
    assert [] == tell((COUNT, accelerators))


SHAPES, JOB, INFERENCE = "jobs[1].shapes[0].", "jobs[1].", "jobs[2]."
UNKNOWN = {
    f"{JOB}program.comand": "write command",
    f"{JOB}program.mounts[0].readonly": "write read_only",
    "datasets[0].size_gb": "write size_gib, the number times 0.9313226",
    "datasets[0].size_tib": "write size_gib, the number times 1024",
    "datasets[0].size": "write size_gib, in gib",
    f"{SHAPES}memory_mib": "write memory_gib, the number divided by 1024",
    f"{SHAPES}disk_tb": "write disk_gib, the number times 931.3226",
    f"{SHAPES}units_s": "write units_h, the number times 3600",
    f"{SHAPES}units_min": "write units_h, the number times 60",
    f"{SHAPES}gpu": "write accelerators",
    f"{SHAPES}ram": "write memory_gib",
    f"{SHAPES}acelerator": "write accelerator",
    f"{SHAPES}colour": "remove it, or write one of accelerator, accelerators, cpus, memory_gib, "
    "disk_gib, workers, architectures, units_h",
    f"{JOB}deadline_min": "write deadline_h, the number divided by 60",
    f"{JOB}deadline_days": "write deadline_h, the number times 24",
    f"{JOB}due_hours": "write due_h, the number stays",
    f"{JOB}earliest": "write earliest_h, in h",
    f"{JOB}late_usd_day": "write late_usd_h, the number divided by 24",
    f"{JOB}runs": "remove it, it is for jobs of kind tuning",
    f"{INFERENCE}hour": "write hours, the number stays",
    f"{INFERENCE}service_s": "write service_ms, the number times 1000",
    f"{INFERENCE}load_rpm": "write load_rps, the number divided by 60",
    f"{INFERENCE}latency_usd_s_h": "write latency_usd_ms_h, the number divided by 1000",
    f"{INFERENCE}replicas": "write min_replicas",
    f"{INFERENCE}min_replica": "write min_replicas",
    "overlays[1].price_usd_s": "write price_usd_h, the number times 3600",
    "overlays[1].price_usd_month": "write price_usd_h, the number divided by 730",
    "links[0].mbps": "write gbps, the number divided by 1000",
    "links[0].usd_gb": "write usd_gib, the number times 1.073742",
    "sites[0].energy_usd_mwh": "write energy_usd_kwh, the number divided by 1000",
    "sites[0].carbon_kg_kwh": "write carbon_g_kwh, the number times 1000",
    "assumptions.interruptions_per_day": "write interruptions_per_h, the number divided by 24",
    "assumptions.carbon_usd_kg": "write carbon_usd_t, the number times 1000",
    "colour": "remove it, or write one of name, horizon_h, slot_h, sites, pools, links, tenants, "
    "datasets, limits, spreads, forecasts, maintenance, providers, quotas, overlays, policies, "
    "plugins, assumptions",
}


@pytest.mark.parametrize("path", UNKNOWN)
def test_an_unknown_field_is_told_with_the_one_that_was_meant(path: str, tell: Tell) -> None:
    """Another unit comes with its conversion, another spelling with the right one."""
    words = f"expected a known field, got {path.rsplit('.', 1)[-1]!r}; {UNKNOWN[path]}"

    assert [f"{_file(path)}: {path}: {words}"] == tell((path, 1))


def test_a_field_under_a_wrong_name_is_not_missing_as_well(tell: Tell) -> None:
    """One mistake is one fault."""
    shape = {"accelerator": "A100", "accelerators": 1, "cpus": 8, "memory_gb": 64, "units_h": 1}

    assert [
        (
            "jobs.json: jobs[1].shapes[0].memory_gb: expected a known field, got 'memory_gb'; "
            "write memory_gib, the number times 0.9313226"
        )
    ] == tell(("jobs[1].shapes[0]", shape))


def test_an_unknown_kind_is_told_and_the_rest_checked_as_the_kind_that_was_meant(
    tell: Tell,
) -> None:
    """A misspelt kind hides no other fault of its job."""
    changes = [("jobs[1].kind", "trainig"), ("jobs[1].units", -1), ("jobs[1].gpu", 1)]

    assert [
        (
            "jobs.json: jobs[1].kind: expected one of training, inference, preprocessing, tuning, "
            "got the text 'trainig'; write training"
        ),
        "jobs.json: jobs[1].units: expected a number above 0, got -1",
    ] == tell(*changes)[:2]


@pytest.mark.parametrize("kind", [ABSENT, None, 5, ["training"], "dance"])
def test_a_kind_that_means_nothing_is_told_with_those_there_are(kind: object, tell: Tell) -> None:
    """The fields that all kinds have are checked all the same."""
    told = tell(("jobs[1].kind", kind), ("jobs[1].shapes", [SHAPE | {"cpus": -1}]))

    assert told[0].startswith(
        "jobs.json: jobs[1].kind: expected one of training, inference, preprocessing, tuning, got "
    )
    assert ["jobs.json: jobs[1].shapes[0].cpus: expected a number above 0, got -1"] == told[1:]
