"""`hybridplace catalog`, `policy`, `plugins`, `schema` and `init`."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from hybridplace import catalog, io, policy
from hybridplace.policy.facts import PACKS
from tests.catalog.small import accelerator, tables, write_tables
from tests.cli.conftest import NOW

BROKEN = """\
forbid (principal, action, resource) when { principal.colour == "red" };
"""
TABLE = """\
policies: [base]
rows:
  - case: a job anywhere
    place: {kind: training}
    site: {country: DE}
    expect: deny
"""

# --- catalog ---------------------------------------------------------------------------------


def test_list_meets_every_condition(run):
    """Filters narrow the offers; the cheapest comes first."""
    asked = ("--provider", "aws", "--region", "eu-*", "--market", "spot", "--accelerator", "A10G")
    told = run("catalog", "list", *asked, "--max-price", "1", "--min-memory", "16", "--json").json
    prices = [offer["price_usd_h"] for offer in told["offers"]]

    assert 0 < len(prices) <= 20
    assert sorted(prices) == prices
    assert 1 >= prices[-1]
    assert {("spot", "A10G")} == {(one["market"], one["accelerator"]) for one in told["offers"]}
    assert [] == [one["id"] for one in told["offers"] if not one["site"].startswith("aws/eu-")]


def test_list_by_country(run):
    """A country, or a legal area, narrows the sites."""
    told = run("catalog", "list", "--country", "SE", "--json").json
    sites = {
        site.id: site for name in catalog.load().providers for site in catalog.load().sites(name)
    }

    assert {"SE"} == {sites[offer["site"]].country for offer in told["offers"]}


def test_list_as_text(run):
    """The table has as many rows as asked for, and says how many there are."""
    done = run("catalog", "list", "--accelerator", "H100*", "--limit", "3")

    assert 0 == done.code
    assert 3 == len(re.findall(r"^\w+/\S+/(?:spot|on_demand) ", done.out, re.MULTILINE))
    assert re.search(r"\d+ offers, 3 shown \(--limit\); catalog of \d{4}-\d\d-\d\d", done.out)


def test_list_refuses_an_unknown_provider(run):
    """A cloud that the catalog lacks is named, with those that it has."""
    done = run("catalog", "list", "--provider", "amazon")

    assert 2 == done.code
    assert "expected one of aws, azure, gcp, got 'amazon'" in done.err


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("aws/eu-central-1", "country", "DE"),
        ("A100-80GB", "vendor", "nvidia"),
        ("aws/eu-central-1/g5.xlarge/on_demand", "accelerator", "A10G"),
    ],
)
def test_show_names_the_source_of_each_figure(run, name, field, value):
    """A site, an offer or an accelerator is shown with what its figures are from."""
    told = run("catalog", "show", name, "--json").json
    text = run("catalog", "show", name).out

    assert value.lower() == told[field].lower()
    assert [] == [one["origin"] for one in told["sources"].values() if one["origin"] not in text]
    assert {} != told["sources"]


def test_show_names_similar_things(run):
    """What is not there is answered with what is."""
    done = run("catalog", "show", "aws/eu-central-l")

    assert 2 == done.code
    assert "did you mean " in done.err
    assert "aws/eu-central-1" in done.err.partition("did you mean ")[2]


@pytest.fixture
def world(run, tmp_path) -> tuple[Path, Path]:
    """Two snapshots, built from facts: in the second a price and an accelerator are others."""
    facts = tables()
    assert 0 == run("catalog", "build", write_tables(tmp_path / "old", facts), "-o", "old.gz").code
    facts["accelerators"].append(accelerator("B200"))
    facts["offers"][0]["on_demand_usd_per_hour"] = 1.25
    assert 0 == run("catalog", "build", write_tables(tmp_path / "new", facts), "-o", "new.gz").code
    return Path("old.gz"), Path("new.gz")


def test_build_tells_what_it_wrote(run, world, tmp_path):
    """Counts, what was left out and why, and the digest that others can compare."""
    text = run("catalog", "build", "old", "-o", "again.gz").out
    told = run("catalog", "build", "old", "-o", "again.gz", "--json").json

    assert f"written to again.gz: catalog of {told['date']}, {told['digest']}" in text
    assert [] == [what for what, number in told["counts"] if f"{number:,} {what}" not in text]
    assert [] == [why for why, _ in told["dropped"] if f"left out: {why}" not in text]
    assert Path("old.gz").read_bytes() == Path("again.gz").read_bytes()


def test_diff_of_snapshots(run, world):
    """What differs between two snapshots is told, and nothing else."""
    text = run("catalog", "diff", *world).out
    told = run("catalog", "diff", *world, "--json").json

    assert ["B200"] == told["accelerators_added"]
    assert "accelerators added: 1\n  B200\n" in text
    assert 1.25 in [change["new_usd_h"] for change in told["repriced"]]
    assert f"repriced: {len(told['repriced'])}\n" in text
    assert [] == [one["offer"] for one in told["repriced"] if f"{one['offer']} " not in text]
    assert "no difference" == run("catalog", "diff", world[0], world[0]).out.strip()


def test_snapshots_that_cannot_be_read_are_refused(run, tmp_path):
    """A file that is no snapshot is named, with exit code 2."""
    (tmp_path / "odd.gz").write_bytes(gzip.compress(b"{}"))

    assert 2 == run("catalog", "list", "--file", "odd.gz").code
    assert 2 == run("catalog", "diff", "gone.gz").code
    assert 2 == run("catalog", "build", "gone", "-o", "new.gz").code
    assert not Path("new.gz").exists()


# --- policy ----------------------------------------------------------------------------------


def test_policy_list_names_every_rule(run):
    """Each pack is listed with its rules, their reasons and articles."""
    text = run("policy", "list").out
    told = run("policy", "list", "gdpr", "--json").json["packs"]

    assert [] == [name for name in policy.shipped() if f"\n{name}\n" not in text]
    assert ["gdpr"] == list(told)
    assert [] == [rule["id"] for rule in told["gdpr"] if f"  {rule['id']} " not in text]


def test_policy_check_runs_every_table(run):
    """The shipped packs answer as their tables want."""
    done = run("policy", "check")
    rows = len(policy.check(policy.shipped(), folder=Path()))

    assert (0, f"{rows} of {rows} rows hold") == (done.code, done.out.strip())


def test_policy_check_tells_a_row_that_does_not_hold(run, tmp_path):
    """A wrong expectation is exit code 1, with the row."""
    (tmp_path / "own.table.yaml").write_text(TABLE)
    done = run("policy", "check", "own.table.yaml")

    assert 1 == done.code
    assert "own.table.yaml: a job anywhere: expected deny, got allow by base-place" in done.err
    assert "0 of 1 rows hold" == done.out.strip()
    assert 1 == len(run("policy", "check", "own.table.yaml", "--json").json["wrong"])


def test_policy_check_of_one_file(run, tmp_path):
    """A .cedar file is checked with the table beside it."""
    for suffix in (".cedar", ".table.yaml"):
        text = (PACKS / f"hipaa{suffix}").read_text()
        (tmp_path / f"own{suffix}").write_text(text.replace("[base, hipaa]", "[base, own.cedar]"))
    done = run("policy", "check", "own.cedar")

    assert 0 == done.code
    assert not done.out.startswith("0 ")


def test_invalid_policies_are_refused(run, tmp_path):
    """A policy that asks what the schema does not have is exit code 2."""
    (tmp_path / "own.cedar").write_text(BROKEN)
    done = run("policy", "check", "own.cedar")

    assert 2 == done.code
    assert "own.cedar" in done.err


@pytest.mark.parametrize(
    ("subject", "site", "code", "rule"),
    [
        ("train", "hall", 0, "base-place"),
        ("train", "aws/us-east-1", 1, "residency-eu-origin"),
        ("scans", "aws/eu-north-1", 0, "base-transfer"),
        ("scans", "gcp/us-central1", 1, "residency-eu-origin"),
    ],
)
def test_policy_explain(run, estate, jobs, subject, site, code, rule):
    """A job or a dataset at a site of the estate or the catalog: the answer, and who decided."""
    done = run("policy", "explain", subject, site)
    told = run("policy", "explain", subject, site, "--json").json

    assert code == done.code
    assert ("is allowed by" if code == 0 else "is denied by") in done.out
    assert f"  {rule} " in done.out
    assert rule in [one["id"] for one in told["rules"]]


def test_policy_explain_refuses_unknown_names(run, estate, jobs):
    """Both names are checked, each with a similar one."""
    done = run("policy", "explain", "trian", "aws/eu-north-2")

    assert 2 == done.code
    assert "did you mean train" in done.err
    assert "did you mean aws/eu-north-1" in done.err


# --- plug-ins, schemas, a start --------------------------------------------------------------


def test_plugins_are_listed(run):
    """Installed plug-ins with their providers and features."""
    done = run("plugins")

    assert 0 == done.code
    assert re.search(r"^static +\S+ +static +gang +hybridplace-static$", done.out, re.MULTILINE)
    assert ["aws", "static"] == [one["name"] for one in run("plugins", "--json").json["plugins"]]


def test_a_broken_plugin_says_why(run, estate, tmp_path):
    """A file of the estate that cannot be loaded is told, and stops nothing."""
    (tmp_path / "acme.py").write_text("import no_such_module\n")
    estate.write_text(estate.read_text() + "plugins: [acme.py]\n")
    done = run("plugins", "-e", estate)

    assert 0 == done.code
    assert re.search(r"^acme +- +BROKEN", done.out, re.MULTILINE)
    assert "no_such_module" in done.out


def test_left_out_plugins_are_told(run, monkeypatch):
    """What the environment leaves out is said, so that nobody searches for it."""
    monkeypatch.setenv("HYBRIDPLACE_PLUGINS", "static")

    assert "left out by HYBRIDPLACE_PLUGINS: aws" in run("plugins").out


@pytest.mark.parametrize(
    ("which", "schema"), [("estate", io.estate_schema), ("jobs", io.jobs_schema)]
)
def test_schemas_are_printed(run, which, schema):
    """The schema is the one that io publishes."""
    assert schema() == json.loads(run("schema", which).out)


def test_init_writes_what_can_be_planned(run):
    """A newcomer's first plan places every job, without an account anywhere."""
    assert 0 == run("init", "mine").code
    done = run("plan", "-e", "mine/estate.yaml", "-j", "mine/jobs.yaml", "--now", NOW)

    assert 0 == done.code
    assert "2 of 2 jobs placed" in done.out


def test_init_overwrites_nothing(run, estate, tmp_path):
    """Files that are there are named and left as they are."""
    before = estate.read_bytes()
    done = run("init", tmp_path)

    assert 2 == done.code
    assert "estate.yaml: (file): expected no such file yet" in done.err
    assert before == estate.read_bytes()
    assert not Path("jobs.yaml").exists()


def test_init_into_a_file_is_told(run, estate):
    """A path that cannot be a folder is refused."""
    assert 2 == run("init", "estate.yaml").code
