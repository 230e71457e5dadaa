"""`hybridplace apply --dry-run`: the real drivers on a mocked AWS, and nothing left behind."""

from __future__ import annotations

import re
import socket
import sys
import tempfile
from pathlib import Path

import pytest

from hybridplace.io import read_estate, read_plan
from hybridplace.mock.dryrun import dry_run, used_sites
from hybridplace.mock.guard import LeakError
from tests.cli.conftest import COUNT, ESTATE, NOW

CAPACITY = "RunInstances:InsufficientInstanceCapacity:times=always"

_opened: list[str] = []


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and _opened and isinstance(arguments[0], str | bytes):
        name = arguments[0]
        _opened.append(name if isinstance(name, str) else name.decode(errors="replace"))


sys.addaudithook(_watch)


def test_a_dry_run_does_the_whole_plan_and_leaves_nothing(run, plan, monkeypatch, tmp_path):
    """Each start acquires, each end releases, calls are shown, and 0 leases are left."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    Path("temporary").mkdir()
    done = run("apply", "--dry-run")

    assert 0 == done.code, done.out + done.err
    assert "\nhour 0.0\n" in done.out
    assert "acquire train: 1 x hall/rack:L40S/owned done" in done.out
    assert "release train: 1 x hall/rack:L40S/owned done" in done.out
    assert re.search(r"ec2 eu-\w+-1 RunInstances .*InstanceType=\S+ .*-> ok", done.out)
    assert re.search(r"ec2 eu-\w+-1 TerminateInstances .*-> ok", done.out)
    assert re.search(r"count +aws/eu-\S+/spot +1  active", done.out)
    assert "4 actions, 0 failed" in done.out
    assert "0 leases left, and nothing else in the mocked cloud" in done.out
    assert [] == list(Path("temporary").iterdir())
    assert not Path(".hybridplace").exists()


def test_what_is_in_an_account_is_none_of_the_mocked_cloud(run, estate, plan):
    """Images, subnets and the like that the estate names are not there: defaults stand in."""
    options = "{image: ami-0aa, subnet.eu-north-1: subnet-0bb, firewall: sg-0cc, role: train}"
    text = estate.read_text().replace(
        "attestations: [dpa]", f"attestations: [dpa], options: {options}"
    )
    estate.write_text(text)
    done = run("apply", "--dry-run")

    assert "subnet-0bb" in estate.read_text()
    assert 0 == done.code, done.out + done.err


def test_every_call_is_shown_on_request(run, plan):
    """Calls that only read are counted; with --every-call each is a line, as many as counted."""
    brief, full = run("apply", "--dry-run"), run("apply", "--dry-run", "--every-call")
    (total,) = re.findall(r"; (\d+) API calls, all mocked", full.out)

    assert "calls that only read" in brief.out
    assert "calls that only read" not in full.out
    assert int(total) == len(re.findall(r"^ +(?:ec2|ssm) \S+ .*-> \S+$", full.out, re.MULTILINE))


def test_json_has_every_call(run, plan):
    """The document has each hour's steps and calls, the peak, and what is left."""
    done = run("apply", "--dry-run", "--json")
    told = done.json
    calls = [call for moment in told["moments"] for call in moment["calls"]]

    assert 0 == done.code
    assert 4 == sum(len(moment["steps"]) for moment in told["moments"])
    assert ["count", "train"] == sorted(lease["job"] for lease in told["peak"]["leases"])
    assert {"RunInstances", "TerminateInstances"} <= {call["action"] for call in calls}
    assert [] == told["left"]
    assert [] == told["unshown_faults"]


def test_a_sold_out_offer_fails_alone(run, plan):
    """No capacity for one job is told; the others go on, and the exit code is 1."""
    done = run("apply", "--dry-run", "--fault", CAPACITY)

    assert 1 == done.code
    assert re.search(r"acquire count: 1 x \S+ FAILED: CapacityError: ", done.out)
    assert "acquire train: 1 x hall/rack:L40S/owned done" in done.out
    assert "-> InsufficientInstanceCapacity" in done.out
    assert "0 leases left" in done.out


REFUSED = "TerminateInstances:UnauthorizedOperation:status=403:times=always"


def test_what_is_left_is_listed(run, estate, jobs):
    """A cloud that refuses to end machines leaves them, and the dry run says which."""
    jobs.write_text(f"jobs:\n{COUNT}")
    assert 0 == run("plan", "--now", NOW).code
    done = run("apply", "--dry-run", "--fault", REFUSED)

    assert 1 == done.code
    assert re.search(r"- lease hp-\w+ of job count on aws/eu-\S+", done.out)
    assert re.search(r"- aws eu-\w+-1 \S+ i-\w+", done.out)
    assert "0 leases left" not in done.out


def test_a_machine_that_nobody_ends_ends_by_itself(run, plan):
    """Where another job goes on for long, the machine's own expiry comes first; it is a failure."""
    done = run("apply", "--dry-run", "--fault", REFUSED)

    assert 1 == done.code
    assert re.search(r"release count: 1 x \S+ FAILED: AuthError: ", done.out)
    assert "0 leases left, and nothing else in the mocked cloud" in done.out


RATES = "capacity:0.3,throttle:0.2,lost-response:0.1,preempt:0.1"


def test_random_faults_are_the_same_again(run, plan):
    """Under random faults all that can be had is, the rest is told, and nothing is left."""
    first = run("apply", "--dry-run", "--faults", RATES, "--seed", 7, "--json").json
    second = run("apply", "--dry-run", "--faults", RATES, "--seed", 7, "--json").json
    outcomes = [
        [call["outcome"] for moment in told["moments"] for call in moment["calls"]]
        for told in (first, second)
    ]

    assert outcomes[0] == outcomes[1]
    assert {"RequestLimitExceeded", "no answer"} <= set(outcomes[0])
    assert [] == first["left"]
    steps = [step for moment in first["moments"] for step in moment["steps"]]
    assert {step["error"]["kind"] for step in steps if step["error"]} <= {"CapacityError"}
    assert 0 < sum(moment["repeated"] for moment in first["moments"])


def test_how_often_something_was_repeated_is_told(run, plan):
    """A call that fails for now is done again, and the text says so."""
    fault = "RunInstances:RequestLimitExceeded:status=503:times=2"
    done = run("apply", "--dry-run", "--fault", fault)

    assert 0 == done.code
    assert "2 actions failed for now and began again" in done.out
    assert "4 actions, 0 failed" in done.out


def test_rates_that_mean_nothing_are_refused(run, plan):
    """A misspelt kind is named with the nearest; without --dry-run the option is refused."""
    done = run("apply", "--dry-run", "--faults", "capcity:0.3")

    assert 2 == done.code
    assert "did you mean capacity?" in done.err
    assert 2 == run("apply", "--faults", "capacity:0.3").code


def test_leases_that_cannot_be_read_are_told(run, plan):
    """Where what runs is not known nothing is done, and that is a failure."""
    fault = "DescribeInstances:UnauthorizedOperation:status=403:times=always"
    done = run("apply", "--dry-run", "--fault", fault)

    assert 1 == done.code
    assert "leases could not be read: AuthError" in done.out
    assert "RunInstances" not in done.out


def test_faults_that_nothing_met_are_told(run, plan):
    """A fault that matches no call is said to have had no effect."""
    fault = "RunInstances:InsufficientInstanceCapacity:instance_type=p4d.24xlarge"
    done = run("apply", "--dry-run", "--fault", fault)

    assert 0 == done.code
    assert "no call has matched the fault RunInstances" in done.out


@pytest.mark.parametrize(
    ("fault", "told"),
    [("RunInstance:X", "did you mean RunInstances?"), ("RunInstances:X:tims=1", "times=")],
)
def test_unknown_faults_are_refused(run, plan, fault, told):
    """A fault that means nothing is named, with exit code 2, before anything starts."""
    done = run("apply", "--dry-run", "--fault", fault)

    assert 2 == done.code
    assert told in done.err
    assert "" == done.out


def test_a_plan_for_another_problem_is_refused(run, plan):
    """Changed jobs need a new plan, in a dry run too."""
    Path("jobs.yaml").write_text(f"jobs:\n{COUNT}")
    done = run("apply", "--dry-run")

    assert 2 == done.code
    assert "plan.json: jobs: " in done.err
    assert "other train" in done.err


def test_a_provider_without_a_mock_is_refused(run, estate, jobs):
    """What cannot be mocked is never acted on: the provider is named, with exit code 2."""
    estate.write_text(ESTATE + "providers: [{provider: gcp, regions: [europe-west3]}]\n")
    assert 0 == run("plan", "--now", NOW).code
    done = run("apply", "--dry-run")

    assert 2 == done.code
    assert "plug-in: the plan uses gcp, and there is no mocked cloud for it" in done.err


def test_own_machines_need_no_mock(run, own):
    """A plan on own machines starts no mocked cloud, and shows its claims."""
    done = run("apply", "--dry-run")

    assert 0 == done.code
    assert "2 actions, 0 failed; 0 API calls" in done.out
    assert not Path(".hybridplace").exists()


def test_an_empty_plan_is_a_dry_run_of_nothing(run, estate, jobs):
    """A plan that places nothing has no hour, no call and nothing left."""
    estate.write_text(ESTATE)
    jobs.write_text(f"jobs:\n{COUNT}")
    assert 1 == run("plan", "--now", NOW).code
    done = run("apply", "--dry-run", "--json")

    assert 0 == done.code
    assert ([], []) == (done.json["moments"], done.json["left"])


def test_no_credential_is_read(run, plan, monkeypatch, tmp_path):
    """Poisoned credentials in environment and files change nothing, and are not opened."""
    home = tmp_path / "home"
    (home / ".aws").mkdir(parents=True)
    for name in ("credentials", "config"):
        (home / ".aws" / name).write_text(
            "[default]\naws_access_key_id = POISON\nregion = nowhere\n"
        )
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("AWS_PROFILE", "poison")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "POISON")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://192.0.2.1/")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(home / ".aws" / "credentials"))
    _opened.append("watching")
    try:
        done = run("apply", "--dry-run", "--json")
    finally:
        opened = _opened[1:]
        _opened.clear()

    assert 0 == done.code
    assert str(plan.name) in opened, "the watch sees what is opened"
    assert [] == [name for name in opened if ".aws" in name]
    assert "POISON" not in done.out


def test_only_used_sites_are_asked(run, plan):
    """Regions that the plan does not use are not called."""
    made, problem = read_plan(plan)
    regions = {site.region for site in used_sites(problem, made) if site.provider == "aws"}
    told = run("apply", "--dry-run", "--json").json

    assert 1 == len(regions)
    assert regions == {call["region"] for one in told["moments"] for call in one["calls"]}


def test_nothing_leaves_this_machine(run, own):
    """Whatever runs during a dry run cannot reach another host, and the attempt ends it."""
    made, problem = read_plan(own)

    def reach(_: object) -> None:
        with socket.socket() as out:
            out.connect(("192.0.2.1", 80))

    with pytest.raises(LeakError, match=r"refused to reach 192\.0\.2\.1"):
        dry_run(read_estate(Path("estate.yaml")), problem, made, watch=reach)
