from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hybridplace.catalog.build import Built, write_snapshot
from hybridplace.catalog.snapshot import SHIPPED
from hybridplace.errors import InputError
from tests.catalog.small import machine, tables, trip, write_tables


def _built(folder: Path, content: dict[str, list[dict[str, Any]]]) -> Built:
    return write_snapshot(write_tables(folder / "facts", content), folder / "snapshot.json.gz")


def test_shipped_snapshot_is_what_the_facts_give(shared: Path, tmp_path: Path, shipped) -> None:
    """The file in the package was not touched by hand, and anyone with the facts can remake it."""
    target = tmp_path / "snapshot.json.gz"

    built = write_snapshot(shared / "catalog", target)

    assert shipped.digest == built.digest
    assert SHIPPED.read_bytes() == target.read_bytes()


def test_same_facts_give_same_bytes(tmp_path: Path) -> None:
    """Neither the place, nor the time, nor an earlier file shows in a snapshot."""
    for folder in ("one", "two", "two"):
        _built(tmp_path / folder, tables())

    files = [tmp_path / folder / "snapshot.json.gz" for folder in ("one", "two")]

    assert files[0].read_bytes() == files[1].read_bytes()


def test_order_of_rows_is_no_information(build) -> None:
    """Shuffled tables give the same sites and offers."""

    def reverse(content: dict[str, list]) -> None:
        for rows in content.values():
            rows.reverse()

    one, other = build(), build(reverse)

    assert [one.sites(name) for name in one.providers] == [
        other.sites(name) for name in other.providers
    ]
    assert [one.offers(name) for name in one.providers] == [
        other.offers(name) for name in other.providers
    ]


ODD = {
    "bare metal": {"instance_type": "g5g.metal", "accelerator": "A100-80GB"}
    | {"accelerator_count": 1},
    "retired, or about to be": {"lifecycle": "retired:2025", "instance_type": "m7a.large"},
    "a fraction of an accelerator": {"instance_type": "g6f.large", "accelerator": "A100-80GB"}
    | {"accelerator_count": 0.125},
    "accelerator without facts": {"instance_type": "p9.large", "accelerator": "Z9"}
    | {"accelerator_count": 1},
    "implausible number of accelerators": {"instance_type": "p5.48xlarge"}
    | {"accelerator": "A100-80GB", "accelerator_count": 64},
    "CPU type outside the selection": {"instance_type": "t3.micro"},
    "cloud without a selection": {"provider": "moon", "instance_type": "m7i.large"},
    "no CPUs or no memory": {"instance_type": "m7a.large", "memory_gib": 0},
}


@pytest.mark.parametrize("reason", ODD)
def test_odd_machines_are_left_out_and_named(reason: str, tmp_path: Path) -> None:
    """What could not be had, or would be taken for a whole accelerator, is no offer."""
    content = tables()
    odd = machine("aws", "here", "m7i.large") | ODD[reason]
    content["offers"].append(odd)

    built = _built(tmp_path, content)

    name = f"{odd['provider']}/here/{odd['instance_type']}"
    assert ((reason, (name,)),) == tuple(
        (why, names) for why, names in built.dropped if not why.startswith("round trip")
    )


WRONG_PRICES = {
    "on-demand price: zero or a placeholder": {"on_demand_usd_per_hour": 0},
    "spot price: zero or a placeholder": {"spot_usd_per_hour": 0},
    "spot price: above on demand": {"spot_usd_per_hour": 1.5},
}


@pytest.mark.parametrize("reason", WRONG_PRICES)
def test_wrong_prices_are_dropped_and_named(reason: str, build, tmp_path: Path) -> None:
    """A price that is a mistake becomes no price; the machine stays."""

    def add(content: dict[str, list]) -> None:
        content["offers"].append(machine("aws", "here", "c7i.2xlarge") | WRONG_PRICES[reason])

    content = tables()
    add(content)
    built = _built(tmp_path, content)
    prices = {
        offer.market.value: offer.price_usd_h
        for offer in build(add).offers("aws", ("here",))
        if offer.instance_type == "c7i.2xlarge"
    }

    wrong = "on_demand" if reason.startswith("on-demand") else "spot"
    assert reason in dict(built.dropped)
    assert prices[wrong] is None
    assert {"on_demand", "spot"} == set(prices)


def test_a_price_far_off_the_median_is_dropped(build) -> None:
    """A tenth of what the type costs elsewhere is a mistake in the list, not a bargain."""

    def add(content: dict[str, list]) -> None:
        for name, price in (("eu1", 4.0), ("eu2", 4.4), ("us1", 0.4)):
            content["offers"].append(
                machine("azure", name, "Standard_F8ams_v6", on_demand_usd_per_hour=price)
            )

    offers = {offer.id: offer.price_usd_h for offer in build(add).offers("azure")}

    assert 4.4 == offers["azure/eu2/Standard_F8ams_v6/on_demand"]
    assert offers["azure/us1/Standard_F8ams_v6/on_demand"] is None


def test_a_round_trip_faster_than_light_is_dropped(tmp_path: Path) -> None:
    """A median that physics forbids is a mistake in the measurements."""
    content = tables()
    pair = ("azure", "us1", "aws", "here")
    content["latency"].append(trip(*pair, ms=95, median=20, distance_km=6500))

    built = _built(tmp_path, content)

    dropped = dict(built.dropped)
    assert ("azure/us1 to aws/here 20.0",) == dropped["median round trip: faster than light"]


def test_all_faults_of_all_tables_are_reported_at_once(tmp_path: Path) -> None:
    """Nobody mends tables one fault at a time."""
    content = tables()
    content["offers"][0]["vcpu"] = "many"
    content["offers"][1]["memory_gib"] = -1
    content["regions"][0]["lat"] = 91
    content["latency"][0]["rtt_ms"] = "nan"
    content["spot_advisor"][0]["interruption_band"] = 5
    content["egress"][0]["usd_per_gb"] = None
    content["offers"][2]["as_of"] = "yesterday"
    content["offers"][3]["lifecycle"] = "retired:soon"
    folder = write_tables(tmp_path / "facts", content)
    (folder / "throughput.csv").unlink()
    (folder / "accelerators.csv").write_text("name\nA100\n")

    with pytest.raises(InputError) as caught:
        write_snapshot(folder, tmp_path / "snapshot.json.gz")

    found = {(Path(fault.where).name, fault.path) for fault in caught.value.faults}
    assert {
        ("offers.csv:2", "vcpu"),
        ("offers.csv:3", "memory_gib"),
        ("regions.csv:2", "lat"),
        ("latency.csv:2", "rtt_ms"),
        ("spot_advisor.csv:2", "interruption_band"),
        ("egress.csv:2", "usd_per_gb"),
        ("offers.csv:4", "as_of"),
        ("offers.csv:5", "lifecycle"),
        ("throughput.csv", "file"),
        ("accelerators.csv", "vendor"),
    } <= found
    assert not (tmp_path / "snapshot.json.gz").exists()


def test_one_type_is_one_machine(tmp_path: Path) -> None:
    """A type that has more memory in one region than in another is a mistake."""
    content = tables()
    content["offers"].append(machine("aws", "there", "m7i.2xlarge", memory_gib=64))

    with pytest.raises(InputError, match=r"aws/there/m7i.2xlarge: expected .* as it is elsewhere"):
        _built(tmp_path, content)


def test_an_unknown_source_is_refused(tmp_path: Path) -> None:
    """No figure ships without saying where it is from."""
    content = tables()
    content["offers"][0]["source"] = "hearsay"
    content["regions"][0]["pue_basis"] = "guess_2024"

    with pytest.raises(InputError) as caught:
        _built(tmp_path, content)

    assert ["'hearsay'", "'pue-guess'"] == [fault.got for fault in caught.value.faults]
