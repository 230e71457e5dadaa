"""`hybridplace explain`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hybridplace.io import read_plan
from tests.cli.conftest import COUNT, ESTATE, NOW, TRAIN

US_OFFER = "aws/us-east-1/g6e.12xlarge/on_demand"


@pytest.fixture
def strict(run, estate, jobs) -> None:
    """A plan whose estate also allows a region that the policies deny."""
    estate.write_text(estate.read_text().replace("eu-north-1]", "eu-north-1, us-east-1]"))
    assert 0 == run("plan", "--now", NOW).code


def test_why_here(run, plan):
    """A placed job: where, when, its cost lines, and the next best offers with their extra."""
    told = run("explain", "train").out

    assert told.startswith("train is on hall/rack:L40S/owned\n1 machine (n1), hours 0.0 - 2.5")
    assert re.search(r"energy of own machines +[\d.]+ +100\.0%", told)
    assert re.search(r"aws/eu-\S+ +\d+\.\d +\+[\d.]+\n", told)
    assert re.search(r"\d has another accelerator than the job can use", told.replace("  ", " "))


def test_data_moved_for_a_job_is_told(run, estate, jobs):
    """A job away from its data is explained with what is copied for it."""
    jobs.write_text(
        f"jobs:\n{COUNT.replace('data_gib', 'inputs: [scans]' + chr(10) + '    data_gib')}"
    )
    assert 0 == run("plan", "--now", NOW).code
    told = run("explain", "count").out

    assert "Data moved for it" in told
    assert re.search(r"scans +hall +aws/eu-\S+ +10 +0\.00", told)


def test_shares_of_links_with_tiers_are_told_as_such(run, estate, jobs):
    """What a copy costs then depends on what else goes over the link: the text says so."""
    tariff = "usd_gib: 0.01, tiers: [{beyond_gib: 5, usd_gib: 0.03}]"
    regions = ("aws/eu-central-1", "aws/eu-north-1")
    ends = (f"  - {{source: hall, target: {one}, {tariff}}}" for one in regions)
    estate.write_text("\n".join((estate.read_text(), "links:", *ends, "")))
    jobs.write_text(
        f"jobs:\n{COUNT.replace('data_gib', 'inputs: [scans]' + chr(10) + '    data_gib')}"
    )
    assert 0 == run("plan", "--now", NOW).code
    told = run("explain", "count").out

    assert "its share, by volume, of what the link costs" in told
    assert re.search(r"scans +hall +aws/eu-\S+ +10 +0\.20", told)


def test_json_says_the_same(run, plan):
    """The document holds placement, costs, alternatives and exclusions."""
    text = run("explain", "train").out
    told = run("explain", "train", "--json").json

    assert "hall/rack:L40S/owned" == told["placement"]["offer"]
    assert [] == [one for one in told["alternatives"] if one["offer"] not in text]
    # Of a placed job, the text says of an offer that could take it that it costs more.
    reasons = [reason for reason, _ in told["exclusions"] if not reason.startswith("could run")]
    assert [] == [reason for reason in reasons if reason not in text]
    assert "is possible, but not as cheap" in text


def test_why_not_there_names_rule_reason_and_article(run, strict):
    """An offer that a policy forbids is answered with the policy in full."""
    told = run("explain", "train", US_OFFER).out

    assert f"{US_OFFER} is not possible" in told
    assert "denied by policy: residency-eu-origin" in told
    assert re.search(r"residency-eu-origin +Data from the European Union stays there \[", told)


def test_why_not_there_in_dollars(run, plan):
    """An offer that is possible is answered with what it would cost more."""
    offer = run("explain", "train", "--json").json["alternatives"][0]["offer"]
    told = run("explain", "train", offer).out

    assert f"{offer} is possible, from hour 1.0" in told
    assert re.search(r"the plan would cost [\d.]+ USD more", told)


def test_why_not_where_it_is(run, plan):
    """Asked about the offer that it is on, the answer says so."""
    assert "that is where it is" in run("explain", "train", "hall/rack:L40S/owned").out


def test_what_would_place_a_job_that_is_left_out(run, estate, jobs):
    """The smallest change and the price that the plan would then have."""
    estate.write_text(ESTATE)
    jobs.write_text(
        f"jobs:\n{TRAIN.replace('units: 100000', 'units: 100000' + chr(10) + '    deadline_h: 1')}"
    )
    assert 1 == run("plan", "--now", NOW).code
    done = run("explain", "train")

    assert 0 == done.code
    assert done.out.startswith("train is left out, at 100,000.00 USD")
    assert "without the deadline at 1 h, it would run on hall/rack:L40S/owned," in done.out
    assert re.search(r"the whole plan would cost 0\.\d\d USD", done.out)
    assert "would end after the deadline or the horizon" in done.out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(["trian"], "'trian'"), (["train", "hall/rack"], "'hall/rack'")],
)
def test_unknown_names_are_refused(run, plan, arguments, named):
    """A job or offer that the plan does not know is named, with exit code 2."""
    done = run("explain", *arguments)

    assert 2 == done.code
    assert named in done.err
    assert "" == done.out


def test_explaining_needs_the_plan_file_only(run, plan):
    """Estate and jobs may be elsewhere: everything is in the plan."""
    Path("estate.yaml").unlink()
    Path("jobs.yaml").unlink()

    assert 0 == run("explain", "train", "-p", plan).code
    assert ("count", "train") == tuple(read_plan(plan)[1].job)
