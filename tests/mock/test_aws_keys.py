from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from hybridplace.errors import ProviderError, TransientError
from hybridplace.mock.script import ScriptedFault
from hybridplace.model.site import Market
from hybridplace_aws import launch

from .conftest import OWNER, REGION, machines_of, offer, request_for, runs_of

SPOT = offer("p4d.24xlarge", Market.SPOT)


def test_repeat_is_the_same_lease(aws, make):
    """One key is one lease, also for a provider that knows nothing of the first call."""
    asked = request_for(SPOT, machines=2)
    lease = make().acquire(asked, key="key-1")
    later = replace(asked, expires="2031-01-01T00:00:00+00:00", plan="plan-2")
    assert lease == make().acquire(asked, key="key-1")
    assert lease == make().acquire(later, key="key-1")
    assert (1, 2) == (len(runs_of(aws)), len(machines_of(aws)))


def test_other_keys_are_other_leases(aws, provider):
    """Two keys with the same request are two leases."""
    one, two = (provider.acquire(request_for(offer()), key=key) for key in ("key-1", "key-2"))
    assert not set(one.machines) & set(two.machines)
    assert 2 == len(machines_of(aws))


def test_repeat_from_another_process(aws, provider):
    """One key is one lease, also from another process."""
    lease = provider.acquire(request_for(offer()), key="key-1")
    script = (
        "import sys, json\n"
        "from hybridplace_aws import AwsProvider\n"
        "from hybridplace.plugin.interfaces import Settings, Request\n"
        "from hybridplace.model.site import Offer, Market\n"
        f"offer = Offer(id={offer().id!r}, site='aws/{REGION}', instance_type='c5.large',\n"
        "    market=Market.ON_DEMAND, price_usd_h=1.0, cpus=2.0, memory_gib=4.0)\n"
        f"asked = Request(owner={OWNER!r}, plan='plan-1', job='retrain', offer=offer, machines=1,\n"
        "    expires='2030-01-01T00:00:00+00:00')\n"
        f"settings = Settings(owner={OWNER!r}, regions=({REGION!r},), endpoint=sys.argv[1])\n"
        "print(json.dumps(AwsProvider(settings).acquire(asked, key='key-1').machines))\n"
    )
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-c", script, aws.endpoint],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert list(lease.machines) == json.loads(done.stdout)
    assert 1 == len(machines_of(aws))


def test_key_for_another_offer_is_refused(aws, provider):
    """A key that stands for one offer is not quietly used for another."""
    provider.acquire(request_for(offer()), key="key-1")
    with pytest.raises(ProviderError, match=r"c5\.large/on_demand") as raised:
        provider.acquire(request_for(SPOT), key="key-1")
    assert "KeyReuse" == raised.value.code
    assert 1 == len(machines_of(aws))


def test_key_for_another_job_is_refused(aws, provider):
    """One key is one job's: the other one asks with its own."""
    provider.acquire(request_for(offer()), key="key-1")
    with pytest.raises(ProviderError, match="stands for retrain on") as raised:
        provider.acquire(request_for(offer(), job="other"), key="key-1")
    assert "KeyReuse" == raised.value.code


def test_lost_answer(aws, make):
    """When the answer is lost after the work was done, repeating the key finds the machines."""
    aws.script(ScriptedFault(action="RunInstances", lost=True))
    asked = request_for(SPOT, machines=2)
    with pytest.raises(TransientError):
        make().acquire(asked, key="key-1")
    started = machines_of(aws)
    lease = make().acquire(asked, key="key-1")
    assert sorted(started) == sorted(lease.machines)
    assert 2 == len(machines_of(aws))


def test_machines_that_are_not_listed_yet(aws, make):
    """While EC2 does not list what it started, its token keeps a repeat from starting more."""
    asked = request_for(offer())
    first = make().acquire(asked, key="key-1")
    blind = make()
    blind._clients("ec2", REGION).meta.events.register(
        "provide-client-params.ec2.DescribeInstances",
        lambda params, **_: {"Filters": [{"Name": "tag:none", "Values": ["none"]}]},
    )
    with pytest.raises(TransientError, match="started, but not listed yet"):
        blind.acquire(asked, key="key-1")
    later = replace(asked, expires="2031-01-01T00:00:00+00:00")
    with pytest.raises(TransientError, match="started before, but not listed yet"):
        blind.acquire(later, key="key-1")
    assert list(first.machines) == machines_of(aws)
    assert 1 == len(machines_of(aws))


def test_race_of_two_processes(aws, make):
    """Two that acquire one key at the same time end with the same one lease."""
    asked, leases = request_for(SPOT, machines=2), []
    providers = [make(), make(), make()]
    start = threading.Barrier(len(providers))

    def race(provider):
        start.wait()
        leases.append(provider.acquire(asked, key="key-1"))

    threads = [threading.Thread(target=race, args=(one,)) for one in providers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 3 == len(leases)
    assert 1 == len({lease.machines for lease in leases})
    assert 2 == len(machines_of(aws))


def test_two_runs_in_two_zones_become_one(aws, provider):
    """A second run under the same key, in another zone, is ended; the first one stays."""
    asked = request_for(SPOT, machines=2)
    lease = provider.acquire(asked, key="key-1")
    image = launch.image_for(provider._clients, REGION, "p4d.24xlarge")
    where = launch.zones(provider._clients, REGION, "p4d.24xlarge")[1]
    provider._clients("ec2", REGION).run_instances(
        **launch.parameters(
            asked, key="key-1", image=image, where=where, security=launch.Security(), attempt=0
        )
    )
    assert 4 == len(machines_of(aws))
    again = provider.acquire(asked, key="key-1")
    assert 2 == len(machines_of(aws))
    assert sorted(machines_of(aws)) == sorted(again.machines)
    assert again.state is lease.state


def test_broken_gang_is_replaced(aws, provider):
    """When one of a gang was taken back, the same key ends the rest and starts a whole one."""
    asked = request_for(SPOT, machines=3)
    first = provider.acquire(asked, key="key-1")
    aws.take(first.machines[:1])
    second = provider.acquire(asked, key="key-1")
    assert not set(first.machines) & set(second.machines)
    assert sorted(machines_of(aws)) == sorted(second.machines)


def test_key_of_a_released_lease_starts_anew(aws, provider):
    """A key whose machines have ended acquires again, with other arguments too."""
    asked = request_for(offer())
    first = provider.acquire(asked, key="key-1")
    provider.release("key-1")
    second = provider.acquire(asked, key="key-1")
    provider.release("key-1")
    later = replace(asked, expires="2031-01-01T00:00:00+00:00")
    third = provider.acquire(later, key="key-1")
    assert 3 == len({first.machines, second.machines, third.machines})
    assert 1 == len(machines_of(aws))


def test_client_token():
    """The token differs with everything that may differ between calls, and fits EC2's 64."""
    asked = request_for(SPOT)
    others = [
        (asked, "key-2", "a", 0),
        (asked, "key-1", "b", 0),
        (asked, "key-1", "a", 1),
        (replace(asked, machines=2), "key-1", "a", 0),
        (replace(asked, offer=offer("p4d.24xlarge")), "key-1", "a", 0),
        (replace(asked, offer=offer("p5.48xlarge", Market.SPOT)), "key-1", "a", 0),
        (replace(asked, owner="someone"), "key-1", "a", 0),
        (asked, "schlüssel " * 90, "a", 0),
    ]
    first = launch.client_token(asked, "key-1", zone="a", attempt=0)
    tokens = [
        launch.client_token(one, key, zone=zone, attempt=attempt)
        for one, key, zone, attempt in others
    ]
    assert first == launch.client_token(asked, "key-1", zone="a", attempt=0)
    assert 1 + len(others) == len({first, *tokens})
    assert all(token.isascii() and len(token) <= 64 for token in tokens)


def test_tokens_do_not_outlive_a_reset(aws, make):
    """After a reset ids are made up anew: a key of before does not find another's machines."""
    firsts = []
    for key in ("key-0", "key-1", "key-2"):
        aws.reset()
        firsts.append(make().acquire(request_for(offer()), key=key).machines)
    assert firsts[1] == firsts[2], "ids are made up from the same seed"
    lease = make().acquire(request_for(offer()), key="key-1")
    assert not set(firsts[2]) & set(lease.machines)
    assert 2 == len(machines_of(aws))
