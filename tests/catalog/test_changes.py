from __future__ import annotations

from pathlib import Path

import pytest

from hybridplace.catalog.build import write_snapshot
from hybridplace.catalog.catalog import Catalog, load
from hybridplace.catalog.changes import Changes, Repriced, diff
from tests.catalog.small import accelerator, machine, region, tables, write_tables

NOTHING = Changes(
    sites_added=(),
    sites_removed=(),
    rerated=(),
    offers_added=(),
    offers_removed=(),
    resized=(),
    repriced=(),
    accelerators_added=(),
    accelerators_removed=(),
)


@pytest.fixture
def later(tmp_path: Path) -> Catalog:
    """The small world a while later."""
    content = tables()
    content["regions"][0]["pue"] = 1.2
    content["regions"].append(region("gcp", "new", "FI", 60.6, 27.2))
    content["accelerators"].append(accelerator("B200"))
    offers = content["offers"]
    offers[0]["on_demand_usd_per_hour"] = 30
    offers[1]["on_demand_usd_per_hour"] = 44
    offers[4]["network_gbps"] = 100
    del offers[3]
    offers.append(machine("gcp", "new", "n2-standard-8", source="gcp-karpenter"))
    target = tmp_path / "later.json.gz"
    write_snapshot(write_tables(tmp_path / "later", content), target)
    return load(target)


def test_a_catalog_does_not_differ_from_itself(shipped) -> None:
    """Nothing is reported where nothing changed."""
    assert NOTHING == diff(shipped, load())


def test_diff_names_everything_that_changed(small, later) -> None:
    """Sites, offers, prices, machines and accelerators, each by name and sorted."""
    assert diff(small, later) == Changes(
        sites_added=("gcp/new",),
        sites_removed=(),
        rerated=("aws/here",),
        offers_added=("gcp/new/n2-standard-8/on_demand", "gcp/new/n2-standard-8/spot"),
        offers_removed=(
            "azure/eu1/Standard_D8s_v5/on_demand",
            "azure/eu1/Standard_D8s_v5/spot",
        ),
        resized=(
            "gcp/alone/ct5lp-hightpu-4t/on_demand",
            "gcp/alone/ct5lp-hightpu-4t/spot",
        ),
        repriced=(
            Repriced(offer="aws/here/p4de.24xlarge/on_demand", old_usd_h=40, new_usd_h=30),
            Repriced(offer="aws/there/p4de.24xlarge/on_demand", old_usd_h=None, new_usd_h=44),
        ),
        accelerators_added=("B200",),
        accelerators_removed=(),
    )


def test_diff_backwards_is_the_reverse(small, later) -> None:
    """What was added one way is removed the other way."""
    there, back = diff(small, later), diff(later, small)

    assert (there.sites_added, there.offers_added, there.accelerators_added) == (
        back.sites_removed,
        back.offers_removed,
        back.accelerators_removed,
    )
    assert [(price.new_usd_h, price.old_usd_h) for price in there.repriced] == [
        (price.old_usd_h, price.new_usd_h) for price in back.repriced
    ]


def test_a_share_needs_both_prices() -> None:
    """A quarter off is -0.25; a price that appears has no share."""
    assert -0.25 == Repriced(offer="o", old_usd_h=40, new_usd_h=30).share
    assert Repriced(offer="o", old_usd_h=None, new_usd_h=44).share is None
