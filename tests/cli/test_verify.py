"""`hybridplace verify`, and plan files that must be refused wherever they are read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hybridplace.checker import check
from hybridplace.io import read_plan, write_plan
from hybridplace.model.certificate import Certificate


def test_a_plan_holds(run, plan):
    """Held to its problem, and to the files beside it."""
    done = run("verify")

    assert 0 == done.code
    assert "plan.json holds and was made for estate.yaml and jobs.yaml" == done.out.strip()


def test_a_plan_holds_without_its_input(run, plan):
    """An auditor needs the plan file alone."""
    Path("estate.yaml").unlink()
    done = run("verify", plan)

    assert 0 == done.code
    assert done.out.strip().endswith("plan.json holds for its problem")


def test_json_says_what_was_held_to_what(run, plan):
    """The document says whether the input files were compared too."""
    told = run("verify", "--json").json

    assert (True, True) == (told["holds"], told["compared"])
    assert read_plan(plan)[0].problem_digest == told["problem_digest"]


def _broken(path: Path) -> None:
    """Write a plan that says of itself what is not so, with a digest that fits."""
    plan, problem = read_plan(path)
    one, *rest = plan.placements
    late = replace(one, start_h=one.start_h + 30, end_h=one.end_h + 30)
    write_plan(path, replace(plan, placements=(late, *rest), objective_usd=0.0), problem)


def test_every_breach_is_named(run, plan):
    """A plan that does not hold gives exit code 1 and a line per breach."""
    _broken(plan)
    done = run("verify")

    assert 1 == done.code
    assert "after the horizon at 24 h" in done.err
    assert done.err.count("\n") >= 1
    assert "" == done.out


def test_breaches_as_json(run, plan):
    """With --json the breaches are the one document."""
    _broken(plan)
    done = run("verify", "--json")

    assert 1 == done.code
    assert "PlanError" == done.json["error"]["kind"]
    assert any("after the horizon" in one for one in done.json["error"]["breaches"])


CHANGES = {
    "jobs": ("jobs.yaml", "units: 100000", "units: 100001", "jobs", "train"),
    "another job": ("jobs.yaml", "id: count", "id: tally", "jobs", "count, tally"),
    "limits": ("estate.yaml", "at_most: 50", "at_most: 51", "limits", "budget"),
    "own machines": ("estate.yaml", "cpus: 16", "cpus: 17", "pools", "rack"),
    "regions": ("estate.yaml", ", eu-north-1", "", "sites", "aws/eu-north-1"),
    "policies": ("estate.yaml", "[base, ", "[base, hipaa, ", "policy_digest", "sha256:"),
    "horizon": ("estate.yaml", "name: acme", "name: acme\nhorizon_h: 48", "horizon_h", "24.0, now"),
    "links": (
        "estate.yaml",
        "name: acme",
        "name: acme\nlinks: [{source: hall, target: aws/eu-north-1, usd_gib: 0.5}]",
        "links",
        "hall to aws/eu-north-1",
    ),
    "denials": (
        "estate.yaml",
        "[base, residency-eu]",
        "[residency-eu]",
        "denials",
        "place count, train at aws/eu-central-1",
    ),
    "data": ("estate.yaml", "size_gib: 10", "size_gib: 11", "datasets", "scans"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_plan_for_another_problem_is_refused(run, plan, change):
    """Whatever of the input has changed since is named, with exit code 2."""
    file, before, after, part, named = CHANGES[change]
    assert before in Path(file).read_text()
    Path(file).write_text(Path(file).read_text().replace(before, after))
    done = run("verify", "--json")

    assert 2 == done.code
    (told,) = [one for one in done.json["error"]["faults"] if one["path"] == part]
    assert named in told["got"]
    assert "plan again" == told["remedy"]


def test_given_files_must_be_there(run, plan):
    """A file that is named and missing is wrong; it is not passed over."""
    done = run("verify", "-e", "other.yaml")

    assert 2 == done.code
    assert done.err.startswith("other.yaml")


DAMAGES = {
    "cut off": lambda text: text[: len(text) // 2],
    "edited": lambda text: text.replace('"start_h": 0', '"start_h": 1', 1),
    "empty": lambda _: "",
    "another document": lambda _: json.dumps({"plan": 1}),
    "a newer version": lambda text: text.replace('"version": 1', '"version": 2'),
    "no text": lambda _: "\ufffd" * 4,
}
READERS = (
    ["verify"],
    ["explain", "train"],
    ["diff", "--at", "0"],
    ["apply", "--at", "0", "--yes"],
    ["apply", "--dry-run"],
)


@pytest.mark.parametrize("command", READERS, ids=" ".join)
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_plan_files_are_refused(run, plan, damage, command):
    """Every command that reads a plan names the file, does nothing, and exits with 2."""
    before = plan.read_text()
    plan.write_text(DAMAGES[damage](before))
    assert before != plan.read_text()
    done = run(*command)

    assert 2 == done.code
    assert done.err.startswith("plan.json: (file): expected ")
    assert "" == done.out
    assert not Path(".hybridplace").exists()


@pytest.mark.parametrize("command", READERS, ids=" ".join)
def test_missing_plan_is_told(run, estate, jobs, command):
    """Without a plan file there is one line that names it."""
    done = run(*command)

    assert 2 == done.code
    assert done.err.startswith("plan.json")
    assert 1 == len(done.err.splitlines())


def test_a_folder_is_no_plan(run, plan):
    """A path that cannot be read as a file is told as such."""
    plan.unlink()
    plan.mkdir()

    assert 2 == run("verify").code


def test_live_prices_are_not_asked_again(run, plan):
    """Where an estate asks for live prices, everything but offers is still compared."""
    live = (
        Path("estate.yaml")
        .read_text()
        .replace("provider: aws,", "provider: aws, live_prices: true,")
    )
    Path("estate.yaml").write_text(live)
    assert 0 == run("verify").code
    Path("estate.yaml").write_text(live.replace("at_most: 50", "at_most: 51"))

    assert 2 == run("verify").code


def _certify(path: Path, **changes: float) -> None:
    """Give the plan in a file a certificate without prices: each job costs what it costs alone."""
    plan, problem = read_plan(path)
    usd = check(problem, replace(plan, certificate=Certificate(bound_usd=0.0))).bound_usd
    certificate = Certificate(**{"bound_usd": usd, "searched_usd": plan.bound_usd, **changes})
    write_plan(path, replace(plan, certificate=certificate), problem)


def test_a_certificate_is_held_to_the_problem(run, plan):
    """What the prices prove is told, apart from what a search proved."""
    _certify(plan)
    done, told = run("verify", "--certificate"), run("verify", "--certificate", "--json").json

    assert 0 == done.code
    assert "its certificate proves a bound of " in done.out
    assert told["holds"]
    assert 0 < told["certificate"]["bound_usd"] <= read_plan(plan)[0].bound_usd + 1e-6
    assert 0 < told["certificate"]["pairs"]


def test_a_wrong_certificate_is_refused(run, plan):
    """It exits with 1 and says what the prices prove; without the option nobody looks."""
    _certify(plan, bound_usd=1.0)
    done = run("verify", "--certificate")

    assert 1 == done.code
    assert "not 1.0" in done.err
    assert 0 == run("verify").code


def test_a_bound_above_its_proof_is_refused(run, plan):
    """A plan's own bound is believed only as far as prices or a search are said to prove it."""
    _certify(plan, searched_usd=None)
    made, problem = read_plan(plan)
    assert made.certificate is not None
    write_plan(plan, replace(made, bound_usd=made.certificate.bound_usd * 1.01), problem)

    assert 1 == run("verify", "--certificate").code
