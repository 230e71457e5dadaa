"""`hybridplace diff`, `apply` and `release` on own machines, which need no cloud."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

CLAIMS = Path(".hybridplace/static-claims.json")


def test_diff_shows_what_is_to_be_done(run, own):
    """Before anything runs, the plan's first hour is an acquisition; nothing is changed."""
    done = run("diff", "--at", "0")

    assert 0 == done.code
    assert ["acquire", "train", "hall/rack:L40S/owned", "1"] == done.out.splitlines()[-1].split()
    assert not CLAIMS.exists()


def test_diff_check_tells_drift(run, own):
    """With --check, anything to be done gives exit code 1, and nothing 0."""
    assert 1 == run("diff", "--at", "0", "--check").code
    assert 0 == run("diff", "--at", "5", "--check").code
    assert "nothing to do" in run("diff", "--at", "5").out


def test_diff_as_json(run, own):
    """The document has the hour and each action with its key."""
    told = run("diff", "--at", "0", "--json").json

    assert 0 == told["at_h"]
    (action,) = told["actions"]
    assert ("acquire", "train", 1) == (action["verb"], action["job"], action["machines"])
    assert action["key"].startswith("hp-")


def test_apply_acquires_and_later_releases(run, own):
    """What starts is acquired, what has ended is released, and doing it twice is harmless."""
    first = run("apply", "--at", "0", "--yes")
    again = run("apply", "--at", "0", "--yes")
    assert (0, 0) == (first.code, again.code)
    assert "acquire train: 1 x hall/rack:L40S/owned done" in first.out
    assert "nothing to do" in again.out
    assert 1 == len(json.loads(CLAIMS.read_text())["claims"])

    last = run("apply", "--at", "3", "--yes")
    assert "release train: 1 x hall/rack:L40S/owned done" in last.out
    assert [] == json.loads(CLAIMS.read_text())["claims"]


@pytest.mark.parametrize(("answer", "code", "claims"), [("y\n", 0, 1), ("n\n", 1, 0)])
def test_apply_asks(run, own, answer, code, claims):
    """Without --yes nothing is done unless the user says so."""
    done = run("apply", "--at", "0", answer=answer)

    assert code == done.code
    assert "Do it?" in done.out
    assert claims == (len(json.loads(CLAIMS.read_text())["claims"]) if CLAIMS.exists() else 0)


def test_apply_without_anybody_to_ask_does_nothing(run, own):
    """When stdin is at its end, it is no consent."""
    done = run("apply", "--at", "0", answer="")

    assert 130 == done.code
    assert not CLAIMS.exists()


def test_apply_as_json(run, own):
    """Asking is not possible there, so --yes is needed; each step has its lease."""
    assert 2 == run("apply", "--at", "0", "--json").code
    told = run("apply", "--at", "0", "--json", "--yes").json

    (step,) = told["steps"]
    assert ("train", "active") == (step["lease"]["job"], step["lease"]["state"])
    assert step["error"] is None


def test_an_action_that_fails_is_told(run, own):
    """A claims file that cannot be read fails the command, which says what to do."""
    CLAIMS.parent.mkdir()
    CLAIMS.write_text("no claims")
    done = run("apply", "--at", "0", "--yes")

    assert 1 == done.code
    assert (
        "provider: static: claims file .hybridplace/static-claims.json cannot be read" in done.err
    )


def _break_claims() -> None:
    """Let claims be read, and none be made or dropped."""
    lock = Path(".hybridplace/static-claims.lock")
    lock.unlink(missing_ok=True)
    lock.mkdir(parents=True)


def test_an_acquisition_that_fails_is_told(run, own):
    """The step says which job and why, and the exit code is 1."""
    _break_claims()
    done = run("apply", "--at", "0", "--yes")
    told = run("apply", "--at", "0", "--yes", "--json")

    assert (1, 1) == (done.code, told.code)
    assert "acquire train: 1 x hall/rack:L40S/owned FAILED: ProviderError: static:" in done.out
    assert ["ProviderError"] == [step["error"]["kind"] for step in told.json["steps"]]


def test_a_release_that_fails_is_told(run, own):
    """What could not be released is named, and the exit code is 1."""
    run("apply", "--at", "0", "--yes")
    _break_claims()
    done = run("release", "--all", "--yes")
    told = run("release", "--all", "--yes", "--json")

    assert (1, 1) == (done.code, told.code)
    assert "release train: hall/rack:L40S/owned FAILED: static: " in done.err
    assert "state folder cannot be used" in told.json["leases"][0]["error"]


def test_a_plan_for_another_problem_is_not_applied(run, own):
    """After the estate has changed, the plan is refused and nothing is acquired."""
    estate = Path("estate.yaml")
    estate.write_text(estate.read_text().replace("at_most: 50", "at_most: 60"))
    done = run("apply", "--at", "0", "--yes")

    assert 2 == done.code
    assert "plan.json: limits: expected what estate, jobs, policies and catalog say now" in done.err
    assert not CLAIMS.exists()


@pytest.mark.parametrize("command", ["diff", "apply"])
def test_a_plan_that_has_not_begun_releases_nothing(run, own, command):
    """Before its start a plan wants nothing to run; that is no reason to stop what runs."""
    run("plan", "--now", "2126-01-01")
    done = run(command)

    assert 2 == done.code
    assert "begins at 2126-01-01 00:00 UTC; wait, or give the hour with --at" in done.err


def test_the_present_hour_counts(run, own):
    """Without --at, a plan made for this hour acquires what starts now."""
    run("plan")
    told = run("diff", "--json").json

    assert 0 <= told["at_h"] < 1.1
    assert ["train"] == [one["job"] for one in told["actions"]]


def test_release_by_job(run, own):
    """A job's lease is shown and released; the exit code is 0."""
    run("apply", "--at", "0", "--yes")
    done = run("release", "train", "--yes")

    assert 0 == done.code
    assert "release train: hall/rack:L40S/owned done" in done.out
    assert [] == json.loads(CLAIMS.read_text())["claims"]


def test_release_asks(run, own):
    """Without --yes and without consent, everything goes on running."""
    run("apply", "--at", "0", "--yes")

    assert 1 == run("release", "--all", answer="n\n").code
    assert 1 == len(json.loads(CLAIMS.read_text())["claims"])


def test_release_of_all_when_nothing_runs(run, own):
    """Nothing to release is success."""
    done = run("release", "--all", "--yes")

    assert (0, "nothing runs for this estate") == (done.code, done.out.strip())


def test_release_of_an_unknown_job(run, own):
    """A job without a lease is named, with those that have one."""
    run("apply", "--at", "0", "--yes")
    done = run("release", "trian", "train", "--yes")

    assert 2 == done.code
    assert "release: trian: expected a job that has a lease, got none; there are train" in done.err
    assert 1 == len(json.loads(CLAIMS.read_text())["claims"])


@pytest.mark.parametrize("arguments", [[], ["train", "--all"]])
def test_release_needs_to_know_what(run, own, arguments):
    """Neither nothing nor two answers at once."""
    assert 2 == run("release", *arguments).code


def test_release_as_json(run, own):
    """The document lists what was released, and needs --yes."""
    run("apply", "--at", "0", "--yes")
    assert 2 == run("release", "--all", "--json").code
    told = run("release", "--all", "--json", "--yes").json

    assert [("train", None)] == [(one["job"], one["error"]) for one in told["leases"]]


def test_another_state_folder(run, own, tmp_path):
    """--state says where claims on own machines are kept."""
    run("apply", "--at", "0", "--yes", "--state", "kept")

    assert (tmp_path / "kept" / "static-claims.json").exists()
    assert not CLAIMS.exists()


@pytest.mark.parametrize(
    "arguments", [["--fault", "RunInstances:X"], ["--dry-run", "--at", "1"], ["--dry-run", "--yes"]]
)
def test_options_of_dry_and_real_runs_do_not_mix(run, own, arguments):
    """An option that would have no effect is refused."""
    assert 2 == run("apply", *arguments).code
