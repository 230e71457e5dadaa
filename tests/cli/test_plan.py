"""`hybridplace plan`."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hybridplace.cli.opening import present_hour
from hybridplace.cli.output import progress, progress_line
from hybridplace.io import read_plan
from hybridplace.model.verify import breaches
from hybridplace.solver import Progress
from tests.cli.conftest import AWS, COUNT, ESTATE, NOW

IMPOSSIBLE = """\
  - id: giant
    kind: preprocessing
    tenant: lab
    data_gib: 1
    reject_usd: 10
    shapes: [{cpus: 10000, memory_gib: 1, units_h: 1}]
"""
SERVE = """\
  - id: serve
    kind: inference
    tenant: lab
    hours: 6
    load_rps: [5]
    users: [{site: hall, share: 1.0}]
    latency_limit_ms: 200
    shapes: [{accelerator: T4, accelerators: 1, cpus: 4, memory_gib: 16, units_h: 54000}]
"""


def test_plan_writes_a_plan_that_holds(run, estate, jobs):
    """What is written holds for the problem beside it, and the exit code is 0."""
    done = run("plan", "--now", NOW)
    plan, problem = read_plan(Path("plan.json"))

    assert 0 == done.code
    assert () == breaches(problem, plan)
    assert "written to plan.json" in done.err


def test_text_names_every_job_and_cost(run, estate, jobs):
    """The report has each job with its site, the total, the proof, limits and tenants."""
    told = run("plan", "--now", NOW).out

    assert "2 of 2 jobs placed for" in told
    assert "proven cheapest" in told
    assert re.search(r"train +hall +n1: 2 L40S +0\.0 - 2\.5 ", told)
    assert re.search(r"count +aws/eu-\w+-1 +1 x \S+ spot ", told)
    assert re.search(r"budget +[\d.]+ +50 +USD +[\d.]+%", told)
    assert re.search(r"lab +2 of 2 +5\.0 ", told)


def test_json_says_what_the_text_says(run, estate, jobs):
    """Every figure of the text is in the one document on stdout."""
    text = run("plan", "--now", NOW).out
    done = run("plan", "--now", NOW, "--json")
    told = done.json

    assert "" == done.err
    assert f"placed for {told['objective_usd']:,.2f} USD" in text
    assert ["count", "train"] == sorted(one["job"] for one in told["placements"])
    assert [] == [one for one in told["placements"] if f"{one['usd']:,.2f}" not in text]
    assert "2026-11-24T00:00:00+00:00" == told["now"]
    (limit,) = told["limits"]
    assert f"{limit['used']:.2f}" in text
    assert sum(told["costs"].values()) == pytest.approx(told["objective_usd"])
    assert [] == [one for one in told["warnings"] if one not in text]


def test_figures_add_up(run, estate, jobs):
    """Jobs and data make the total; what tenants pay makes what is paid."""
    told = run("plan", "--now", NOW, "--json").json
    parts = [one["usd"] for one in [*told["placements"], *told["transfers"]]]
    paid = ("compute", "disk", "address", "egress", "lost_spot_work", "energy")

    assert sum(parts) == pytest.approx(told["objective_usd"])
    assert sum(one["money_usd"] for one in told["tenants"]) == pytest.approx(
        sum(told["costs"][f"{line}_usd"] for line in paid)
    )


def test_quotas_are_told_at_their_peak(run, estate, jobs):
    """A quota that is used is shown like a limit, with its own measure."""
    quota = "quotas: [{id: spots, site: aws/eu-north-1, measure: machines, at_most: 4}]\n"
    estate.write_text(estate.read_text() + quota)
    told = run("plan", "--now", NOW)

    assert re.search(r"spots +1 +4  machines +25\.0%", told.out)


def test_estimated_latency_is_told(run, estate, jobs):
    """A latency that was fitted over distance, and decides, is worth a look."""
    jobs.write_text(f"jobs:\n{SERVE}")
    assert "is estimated" not in run("plan", "--now", NOW).out
    moved = "latitude_deg: 48.1, longitude_deg: 11.6"  # where nobody has measured
    frankfurt = "latitude_deg: 50.1, longitude_deg: 8.7"
    estate.write_text(estate.read_text().replace(frankfurt, moved))
    done = run("plan", "--now", NOW)

    assert 0 == done.code
    assert "latency to the users of serve is estimated from the distance" in done.out


def test_progress_is_shown_on_a_terminal(run, estate, jobs):
    """A person who waits sees a line on the terminal, and stdout stays clean."""
    terminal, stderr = pty.openpty()
    command = [sys.executable, "-m", "hybridplace", "plan", "--now", NOW]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=stderr, check=True)
    os.close(stderr)
    shown = os.read(terminal, 65536).decode()
    os.close(terminal)

    assert "planning" in shown
    assert b"planning" not in done.stdout


def test_same_input_gives_the_same_bytes(run, estate, jobs):
    """With the same --now, plan file and JSON do not differ by a byte."""
    first = run("plan", "--now", NOW, "--json"), Path("plan.json").read_bytes()
    again = run("plan", "--now", NOW, "--json"), Path("plan.json").read_bytes()

    assert first == again


def test_a_job_left_out_is_told_with_reasons(run, estate, jobs):
    """Exit code 1, a plan all the same, and what excludes each offer."""
    jobs.write_text(f"jobs:\n{COUNT}{IMPOSSIBLE}")
    done = run("plan", "--now", NOW)

    assert 1 == done.code
    assert "1 of 2 jobs placed" in done.out
    assert "Left out: 1 job\n" in done.out
    assert re.search(r"\d+ one machine is too small for one worker", done.out)
    assert "hybridplace explain giant names the smallest change" in done.out
    assert Path("plan.json").exists()


def test_plan_starts_at_the_present_hour(run, estate, jobs):
    """Without --now the plan begins with the hour that it is made in."""
    before = present_hour()
    run("plan")
    after = present_hour()

    _, problem = read_plan(Path("plan.json"))
    assert before <= problem.now <= after
    assert (0, 0, 0) == (problem.now.minute, problem.now.second, problem.now.microsecond)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("2026-11-24", datetime(2026, 11, 24, tzinfo=UTC)),
        ("2026-11-24T06:30", datetime(2026, 11, 24, 6, 30, tzinfo=UTC)),
        ("2026-11-24T06:30+02:00", datetime(2026, 11, 24, 4, 30, tzinfo=UTC)),
    ],
)
def test_now_is_utc_unless_it_says_otherwise(run, estate, jobs, given, meant):
    """A time without an offset is taken for UTC, and one with an offset turned into it."""
    run("plan", "--now", given)

    assert meant == read_plan(Path("plan.json"))[1].now


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--now", "yesterday"),
        ("--now", "0001-01-01T00:00+10:00"),
        ("--gap", "nan"),
        ("--gap", "1.5"),
        ("--gap", "-0.1"),
        ("--work", "inf"),
        ("--work", "much"),
        ("--seed", "-1"),
    ],
)
def test_wrong_values_are_refused(run, estate, jobs, option, value):
    """A value that cannot be meant is named, nothing is written, and the exit code is 2."""
    done = run("plan", option, value)

    assert 2 == done.code
    assert option in done.err
    assert value in done.err
    assert not Path("plan.json").exists()


def test_all_faults_of_both_files_are_told(run, estate, jobs):
    """Bad input names everything wrong at once, with its line, and writes nothing."""
    estate.write_text((ESTATE + AWS).replace("at_most: 50", "at_most: lots"))
    jobs.write_text(jobs.read_text().replace("tenant: lab", "tenant: lap"))
    done = run("plan")

    assert 2 == done.code
    assert 3 == len(done.err.splitlines())
    assert "estate.yaml:" in done.err
    assert "lap" in done.err
    assert not Path("plan.json").exists()


def test_output_that_cannot_be_written_is_told(run, estate, jobs):
    """A folder that is not there is a wrong input, not a traceback."""
    done = run("plan", "--now", NOW, "-o", "no/such/plan.json")

    assert 2 == done.code
    assert "no/such/plan.json" in done.err


@pytest.mark.parametrize("target", ["estate.yaml", "jobs.yaml", "folder", "link.json"])
def test_only_plans_are_written_over(run, estate, jobs, target):
    """An input file, a folder or a link named as the output is left as it is."""
    Path("folder").mkdir()
    Path("link.json").symlink_to("elsewhere.json")
    before = Path("estate.yaml").read_bytes(), Path("jobs.yaml").read_bytes()
    done = run("plan", "--now", NOW, "-o", target)

    assert 2 == done.code
    assert f"{target}: " in done.err
    assert before == (Path("estate.yaml").read_bytes(), Path("jobs.yaml").read_bytes())
    assert Path("link.json").is_symlink()


def test_a_plan_is_written_over(run, estate, jobs):
    """Planning again replaces the plan of before."""
    assert [0, 0] == [run("plan", "--now", NOW).code for _ in range(2)]


def test_misspelt_names_are_worth_a_look(run, estate, jobs):
    """A label or accelerator that is nearly a known one is told, with what may be meant."""
    text = Path("jobs.yaml").read_text().replace("accelerator: L40S", "accelerator: L40SS")
    text = text.replace("kind: training", "kind: training\n    labels: [EU-only]", 1)
    Path("jobs.yaml").write_text(text)
    told = " ".join(run("plan", "--now", NOW).out.split())

    assert "no offer has the accelerator L40SS (did you mean L40S?)" in told
    assert "no policy looks for the label EU-only; did you mean eu-only?" in told


def test_unknown_region_is_told_with_a_similar_one(run, estate, jobs):
    """A region that the catalog lacks cannot be planned with."""
    estate.write_text(estate.read_text().replace("eu-north-1", "eu-nort-1"))
    done = run("plan")

    assert 2 == done.code
    assert "did you mean" in done.err
    assert "eu-north-1" in done.err


def test_policies_that_deny_everything_are_told(run, estate, jobs):
    """Without a permit nothing is placed, and the report says why."""
    estate.write_text(estate.read_text().replace("[base, residency-eu]", "[residency-eu]"))
    done = run("plan", "--now", NOW)

    assert 1 == done.code
    assert "the policies deny everything: no policy permits anything" in done.out


def test_provider_without_plugin_is_told(run, estate, jobs):
    """What can be planned from the catalog, and not acted on, is said."""
    estate.write_text(ESTATE + "providers: [{provider: gcp, regions: [europe-west3]}]\n")
    done = run("plan", "--now", NOW)

    assert 0 == done.code
    assert "no plug-in acts on gcp" in done.out


def test_old_prices_are_told(run, estate, jobs):
    """Years after the catalog was made, its prices are called old."""
    done = run("plan", "--now", "2030-01-01")

    assert "older than 90 days; the oldest is of 20" in done.out


def test_no_colour_codes_in_a_pipe(run, estate, jobs):
    """What is not a terminal gets plain text, and no blanks at the ends of lines."""
    told = run("plan", "--now", NOW).out

    assert "\x1b" not in told
    assert [] == [line for line in told.splitlines() if line != line.rstrip()]


def test_lines_fit_a_narrow_terminal(run, estate, jobs, monkeypatch):
    """At 80 columns nothing is cut off: long names go on below."""
    monkeypatch.setenv("COLUMNS", "80")
    told = run("plan", "--now", NOW).out

    assert 80 >= max(map(len, told.splitlines()))
    assert "..." not in told


def test_progress_is_for_terminals():
    """Into a file or a pipe, nothing is told of the way."""
    with progress(quiet=False) as watch:
        assert watch is None


@pytest.mark.parametrize(
    ("best", "told"),
    [
        (None, "planning: no plan yet, no plan is below 9.00 USD"),
        (1234.5, "planning: best 1,234.50 USD, no plan is below 9.00 USD"),
    ],
)
def test_progress_names_best_and_bound(best, told):
    """Whoever waits sees the best plan so far, and what is proven."""
    assert told == progress_line(Progress(round=0, objective_usd=best, bound_usd=9.0))


def test_leases_count_if_asked(run, own):
    """With --with-leases the problem holds what runs now."""
    assert 0 == run("apply", "--at", "0", "--yes").code
    run("plan", "--now", NOW, "--with-leases")

    assert ["train"] == [lease.job for lease in read_plan(own)[1].leases]


def test_an_interrupted_plan_is_written(run, estate, jobs, monkeypatch):
    """Ctrl-C while it searches: the best plan so far, which holds, and 130 as shells expect."""
    from hybridplace.solver import exact

    monkeypatch.setattr(exact, "_was_interrupted", lambda *_: True)
    monkeypatch.setattr(exact, "_bound_usd", lambda *_: 0.5)
    done = run("plan", "--now", NOW)

    assert 130 == done.code
    assert "interrupted: this is the best plan so far" in done.err
    assert 0 == run("verify").code
