from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridplace.errors import CapacityError, InputError
from hybridplace.mock.clouds import actions
from hybridplace.mock.faults import READERS, read_faults
from hybridplace.mock.script import Script, ScriptedFault
from hybridplace.model.site import Market

from .conftest import offer, request_for

DOCS = (Path(__file__).parents[2] / "docs" / "providers" / "aws.md").read_text()
ACTION = "a call that a mocked cloud answers"


def test_fault_as_text():
    """Action, code and fields are read, in their order."""
    texts = [
        "RunInstances:InsufficientInstanceCapacity:instance_type=p4d.24xlarge:times=1",
        "RunInstances:lost=true:market=spot:times=always:region=eu-west-1",
        "DescribeInstances: RequestLimitExceeded : status=503: delay_s=0.5:message=slow down",
        "GetProducts:InvalidAMIID.NotFound:zone=us-east-1a",
    ]
    expected = (
        ScriptedFault(
            action="RunInstances",
            code="InsufficientInstanceCapacity",
            instance_type="p4d.24xlarge",
        ),
        ScriptedFault(
            action="RunInstances", lost=True, market="spot", times=None, region="eu-west-1"
        ),
        ScriptedFault(
            action="DescribeInstances",
            code="RequestLimitExceeded",
            status=503,
            delay_s=0.5,
            message="slow down",
        ),
        ScriptedFault(action="GetProducts", code="InvalidAMIID.NotFound", zone="us-east-1a"),
    )
    assert expected == read_faults(texts)


@pytest.mark.parametrize(
    ("text", "expected", "got", "remedy"),
    [
        ("RunInstance:Throttling", ACTION, "'RunInstance'", "did you mean RunInstances?"),
        (":Throttling", ACTION, "''", "write ACTION[:CODE][:FIELD=VALUE...]"),
        ("RunInstances", "a code, delay_s or lost", "a fault that does nothing", "write ACTION"),
        ("RunInstances:no code", "an error code", "'no code'", "write ACTION"),
        ("RunInstances:X:regio=eu", "FIELD=VALUE with one of region", "'regio=eu'", "region=?"),
        ("RunInstances:X:times", "FIELD=VALUE with one of region", "'times'", "write ACTION"),
        ("RunInstances:X:times=0", "times: a number from 1, or always", "'0'", "write ACTION"),
        ("RunInstances:delay_s=-1", "delay_s: seconds", "'-1'", "write ACTION"),
        ("RunInstances:X:market=reserved", "market: on_demand or spot", "'reserved'", "write"),
        ("RunInstances:X:status=200", "status: an HTTP status", "'200'", "write ACTION"),
        ("RunInstances:X:region=Europe", "region: a region such as", "'Europe'", "write ACTION"),
        ("RunInstances:X:times=1:times=2", "times once", "times again, as '2'", "remove one"),
    ],
)
def test_nonsense_is_refused(text, expected, got, remedy):
    """What is wrong is told with the text, what was expected, what came and what to do."""
    with pytest.raises(InputError) as raised:
        read_faults(["RunInstances:Throttling", text])
    fault = raised.value.faults[0]
    assert (text, "--fault[1]") == (fault.where, fault.path)
    assert got == fault.got
    assert fault.expected.startswith(expected)
    assert remedy in fault.remedy


def test_all_that_is_wrong_is_told_at_once():
    """Several wrong texts, and several things wrong in one, are told together."""
    with pytest.raises(InputError) as raised:
        read_faults(["Run:a b:times=x", "GetParameter:X:lost=maybe"])
    paths = [fault.path for fault in raised.value.faults]
    assert ["--fault[0]"] * 3 + ["--fault[1]"] == paths


def test_the_faults_of_the_page():
    """The page's examples can be read, and it names every field."""
    (block,) = re.findall(r"```text\n(.*?)```", DOCS, re.DOTALL)
    assert 5 == len(read_faults(block.splitlines()))
    assert set() == {name for name in READERS if f"`{name}`" not in DOCS}


@given(st.text(alphabet="RunIstace:=times1always.lo _é", max_size=40))
def test_any_text_is_read_or_refused(text):
    """No text raises anything but InputError."""
    try:
        (fault,) = read_faults([text])
    except InputError:
        return
    assert fault.action in actions()


def test_faults_read_from_text_are_shown(aws, provider):
    """A fault from text meets the call that it names, as often as it says, and no other."""
    aws.script(*read_faults(["RunInstances:VolumeLimitExceeded:market=spot:times=always"]))
    fault = "RunInstances:InsufficientInstanceCapacity:instance_type=p4d.24xlarge:times=always"
    aws.script(*read_faults([fault, "TerminateInstances:Throttling"]))
    provider.acquire(request_for(offer()), key="key-1")
    with pytest.raises(CapacityError):
        provider.acquire(request_for(offer("p4d.24xlarge")), key="key-2")
    assert ["VolumeLimitExceeded", "Throttling"] == [one.code for one in aws.unshown]


def test_first_match_is_shown_and_counted():
    """Faults are shown in their order, each as often as it says."""
    script = Script()
    once = ScriptedFault(action="Run", code="A", times=2)
    always = ScriptedFault(action="Run", code="B", times=None)
    never = ScriptedFault(action="Run", code="C")
    script.add(once, always, never)
    traits = {"market": Market.SPOT}
    assert ["A", "A", "B", "B"] == [script.take("Run", traits).code for _ in range(4)]
    assert script.take("Stop", traits) is None
    assert (never,) == script.unshown()
