"""Own machines: claims on nodes that survive processes, crashes and damaged files."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridplace.errors import CapacityError, InputError, ProviderError
from hybridplace.model.site import Market, Node, Pool, Site
from hybridplace.plugin import KEY_REUSE, Request, Settings
from hybridplace_static import Claims, Static

OWNER = "hospital"
SITE = Site(id="clinic", provider="static", region="clinic", country="DE", own=True)
NODES = (
    Node(
        id="n1",
        accelerator="A100-80GB",
        accelerators=8,
        cpus=128,
        memory_gib=1024,
        interconnect_gbps=200,
    ),
    Node(
        id="n2",
        accelerator="A100-80GB",
        accelerators=4,
        cpus=64,
        memory_gib=512,
        interconnect_gbps=100,
    ),
    Node(id="n3", cpus=64, memory_gib=512),
)
POOL = Pool(id="gpu", site="clinic", nodes=NODES)


@pytest.fixture
def settings(tmp_path):
    """Give settings with three nodes and a state folder that is not there yet."""
    state = str(tmp_path / "state")
    return Settings(owner=OWNER, sites=(SITE,), pools=(POOL,), state_dir=state)


@pytest.fixture
def static(settings):
    """Give the provider."""
    return Static(settings)


@pytest.fixture
def request_for(static):
    """Make requests for the A100 nodes."""
    offer = next(one for one in static.offers() if one.accelerator)
    asked = Request(owner=OWNER, plan="p", job="j", offer=offer, machines=1, expires="2030-01-01")
    return lambda **changed: replace(asked, **changed)


def _file(settings):
    return Path(settings.state_dir) / "static-claims.json"


def test_offers(static):
    """Each type of accelerator in a pool is an offer: the largest node, the slowest network."""
    gpu, cpu = static.offers()
    assert ("clinic/gpu:A100-80GB/owned", 8, 128, 100) == (
        gpu.id,
        gpu.accelerators,
        gpu.cpus,
        gpu.interconnect_gbps,
    )
    assert ("clinic/gpu:cpu/owned", 0, 64, None) == (
        cpu.id,
        cpu.accelerators,
        cpu.cpus,
        cpu.interconnect_gbps,
    )
    assert {(Market.OWNED, 0.0, "gpu")} == {(o.market, o.price_usd_h, o.pool) for o in (gpu, cpu)}


def test_one_key_is_one_lease(settings, static, request_for):
    """The same request with the same key is the same claim, also for a provider made anew."""
    lease = static.acquire(request_for(), key="key-1")
    assert lease == Static(settings).acquire(request_for(), key="key-1")
    assert (lease,) == tuple(static.leases(OWNER))


def test_a_key_is_for_one_request(static, request_for):
    """A key that stands for one request is refused for another, and nothing changes."""
    lease = static.acquire(request_for(), key="key-1")
    for other in (request_for(job="k"), request_for(machines=2), request_for(owner="x")):
        with pytest.raises(ProviderError, match="key 'key-1' is the claim of job 'j'") as raised:
            static.acquire(other, key="key-1")
        assert KEY_REUSE == raised.value.code
    assert (lease,) == tuple(static.leases(OWNER))


def test_claims_survive_the_process(settings, static, request_for):
    """A claim of another process is seen here, and its node is taken."""
    script = """
        import sys
        from hybridplace.model.site import Node, Pool, Site
        from hybridplace.plugin import KEY_REUSE, Request, Settings
        from hybridplace_static import Static
        site = Site(id="clinic", provider="static", region="clinic", country="DE", own=True)
        node = Node(id="n1", accelerator="A100-80GB", accelerators=8, cpus=1, memory_gib=1)
        pool = Pool(id="gpu", site="clinic", nodes=(node,))
        settings = Settings(owner="hospital", sites=(site,), pools=(pool,), state_dir=sys.argv[1])
        static = Static(settings)
        asked = Request(owner="hospital", plan="p", job="j", offer=static.offers()[0],
                        machines=1, expires="2030-01-01")
        static.acquire(asked, key="key-1")
        import os; os._exit(9)  # as in a crash: nothing is tidied up
    """
    command = [sys.executable, "-c", textwrap.dedent(script), settings.state_dir]
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert 9 == done.returncode, done.stderr
    assert [("key-1", ("n1",))] == [(one.id, one.machines) for one in static.leases(OWNER)]
    assert ("n2",) == static.acquire(request_for(), key="key-2").machines
    assert ("n1",) == static.acquire(request_for(), key="key-1").machines


def test_threads_do_not_share_a_node(settings, request_for):
    """Many that claim at once get different nodes, and those for whom none is left are told."""

    def claim(number):
        try:
            return Static(settings).acquire(request_for(), key=f"key-{number}").machines
        except CapacityError:
            return None

    with ThreadPoolExecutor(8) as pool:
        got = sorted(pool.map(claim, range(8)), key=str)
    assert [("n1",), ("n2",)] == [machines for machines in got if machines]
    assert 2 == len(list(Static(settings).leases(OWNER)))


def test_too_few_free_nodes(static, request_for):
    """All or none: a gang that does not fit claims nothing and says how many are free."""
    static.acquire(request_for(), key="key-1")
    with pytest.raises(CapacityError, match="1 of 2 nodes are free, 2 were asked for"):
        static.acquire(request_for(machines=2), key="key-2")
    static.release("key-1")
    assert ("n1", "n2") == static.acquire(request_for(machines=2), key="key-2").machines


def test_named_nodes_may_be_shared(static, request_for):
    """A node that the plan names is claimed also where it is in use; one at will is not."""
    first = static.acquire(request_for(nodes=("n1",)), key="key-1")
    second = static.acquire(request_for(nodes=("n1",), job="k"), key="key-2")
    assert ("n1",) == first.machines == second.machines
    assert ("n2",) == static.acquire(request_for(), key="key-3").machines


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"nodes": ("n9",)}, "no nodes n9; nodes: n1, n2"),
        ({"nodes": ("n3",)}, "no nodes n3; nodes: n1, n2"),
        ({"nodes": ("n1", "n1"), "machines": 2}, "2 machines need as many nodes, got n1, n1"),
        ({"nodes": ("n1",), "machines": 2}, "2 machines need as many nodes, got n1"),
        ({"machines": 0}, "at least 1 machine is needed, got 0"),
    ],
)
def test_wrong_requests(static, request_for, changed, told):
    """What cannot be right is refused in words and claims nothing."""
    with pytest.raises(ProviderError, match=told):
        static.acquire(request_for(**changed), key="key-1")
    assert () == static.leases(OWNER)


def test_an_unknown_offer(static, request_for):
    """An offer that is not here is refused, and told what is."""
    odd = replace(request_for().offer, id="clinic/none/owned")
    with pytest.raises(ProviderError, match=r"no offer clinic/none/owned; offers: clinic/gpu"):
        static.acquire(request_for(offer=odd), key="key-1")


def test_without_a_state_folder(settings, request_for):
    """It can be planned with, and says what acquiring needs."""
    static = Static(replace(settings, state_dir=None))
    assert 2 == len(static.offers())
    assert () == static.leases(OWNER)
    static.release("key-1")
    with pytest.raises(ProviderError, match="needs a state folder; set state_dir"):
        static.acquire(request_for(), key="key-1")


def test_release_is_repeatable(settings, static, request_for):
    """Releasing twice, or what never was, is success; others' claims stay."""
    static.acquire(request_for(), key="key-1")
    static.acquire(request_for(owner="other"), key="key-2")
    for key in ("key-1", "key-1", "never"):
        static.release(key)
    assert () == static.leases(OWNER)
    assert ["key-2"] == [one.id for one in static.leases("other")]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "Expecting value"),
        ("{", "Expecting property name"),
        ("[]", "list indices"),
        ('{"version": 2, "claims": []}', "version 2, expected 1"),
        ('{"version": 1}', "'claims'"),
        ('{"version": 1, "claims": [{"id": "x"}]}', "'machines'"),
    ],
)
def test_a_damaged_file_is_left_as_it_is(settings, static, request_for, content, told):
    """A claims file that cannot be understood is no empty one: refused, named, not replaced."""
    static.acquire(request_for(), key="key-1")
    _file(settings).write_text(content)
    calls = [
        lambda: static.leases(OWNER),
        lambda: static.acquire(request_for(), key="key-2"),
        lambda: static.release("key-1"),
    ]
    for call in calls:
        with pytest.raises(ProviderError, match=r"static-claims\.json cannot be read") as raised:
            call()
        assert told in str(raised.value)
        assert "restore it, or remove it once nothing runs" in str(raised.value)
    assert content == _file(settings).read_text()


def test_a_failed_write_changes_nothing(settings, static, request_for, monkeypatch):
    """When the new file cannot be put in place the old one stands, whole."""
    static.acquire(request_for(), key="key-1")
    before = _file(settings).read_text()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ProviderError, match=r"claims cannot be written: .*No space left"):
        static.acquire(request_for(), key="key-2")
    assert before == _file(settings).read_text()
    assert [] == list(Path(settings.state_dir).glob(".*"))


def test_a_state_folder_that_is_a_file(settings, request_for, tmp_path):
    """A state folder that cannot be used is told, not raised as an OSError."""
    (tmp_path / "state").write_text("x")
    with pytest.raises(ProviderError, match="state folder cannot be used"):
        Static(settings).acquire(request_for(), key="key-1")


def test_the_file_is_for_people_too(settings, static, request_for):
    """Claims are listed by key, each with its tags; nothing else stays in the folder."""
    for key in ("b", "a"):
        static.acquire(request_for(job=f"job-{key}"), key=key)
    state = json.loads(_file(settings).read_text())
    assert [("a", "job-a"), ("b", "job-b")] == [(one["id"], one["job"]) for one in state["claims"]]
    names = sorted(path.name for path in Path(settings.state_dir).iterdir())
    assert ["static-claims.json", "static-claims.lock"] == names


STEPS = st.lists(
    st.tuples(st.sampled_from(["acquire", "release"]), st.sampled_from("abcd"), st.integers(1, 2)),
    max_size=12,
)


@given(STEPS)
def test_nodes_are_never_claimed_twice(tmp_path_factory, steps):
    """Whatever is acquired and released, claims without named nodes never overlap."""
    state = str(tmp_path_factory.mktemp("state"))
    settings = Settings(owner=OWNER, sites=(SITE,), pools=(POOL,), state_dir=state)
    offer = Static(settings).offers()[0]
    for verb, key, machines in steps:
        static = Static(settings)
        if verb == "release":
            static.release(key)
            continue
        asked = Request(
            owner=OWNER, plan="p", job=f"j{machines}", offer=offer, machines=machines, expires="x"
        )
        with suppress(ProviderError):
            static.acquire(asked, key=key)
        claims = Claims(Path(state)).read()
        nodes = [node for lease in claims.values() for node in lease.machines]
        assert sorted(set(nodes)) == sorted(nodes)
        assert set(nodes) <= {"n1", "n2"}


MACHINES = """
sites:
  - {id: edge, region: edge, country: FR, jurisdictions: [FR, EU], energy_usd_kwh: 0.2}
pools:
  - id: edge-gpu
    site: edge
    nodes:
      - {id: e1, accelerator: L4, accelerators: 1, cpus: 16, memory_gib: 64}
"""
WRONG = """
sites:
  - {id: edge, region: edge, latitude_deg: north, provider: aws}
  - {id: edge, region: edge, country: FR, pue: .nan, colour: red}
pools:
  - id: edge-gpu
    site: nowhere
    nodes:
      - {id: e1, accelerator: L4, cpus: -1, memory_gib: 64}
      - {id: e1, cpus: 8, memory_gib: 64, accelerator: L4}
  - {id: empty, site: clinic}
  - 7
nodes: []
"""


def _with_file(settings, tmp_path, text):
    file = tmp_path / "machines.yaml"
    file.write_text(text)
    return Static(replace(settings, options={"file": str(file)}))


def test_a_machines_file(settings, tmp_path):
    """Sites and pools of the machines file stand beside those of the estate."""
    static = _with_file(settings, tmp_path, MACHINES)
    assert ["clinic", "edge"] == [site.id for site in static.sites()]
    edge = static.sites()[1]
    told = (edge.provider, edge.own, edge.jurisdictions, edge.energy_usd_kwh)
    assert ("static", True, ("FR", "EU"), 0.2) == told
    assert "edge/edge-gpu:L4/owned" in [offer.id for offer in static.offers()]


def test_everything_wrong_in_a_machines_file_is_told_at_once(settings, tmp_path):
    """All faults come together, each with its path."""
    with pytest.raises(InputError) as raised:
        _with_file(settings, tmp_path, WRONG)
    expected = {
        "nodes": "only sites and pools here",
        "sites[0].country": "a value",
        "sites[0].latitude_deg": "a number",
        "sites[1].colour": "one of id, provider",
        "sites[1].pue": "a number, at least 0",
        "pools[0].nodes[0].cpus": "a number, at least 0",
        "pools[1].nodes": "at least one node",
        "pools[2]": "the fields of a pool",
    }
    found = {fault.path: fault.expected for fault in raised.value.faults}
    for path, told in expected.items():
        assert found[path].startswith(told), path
    assert {str(tmp_path / "machines.yaml")} == {fault.where for fault in raised.value.faults}


@pytest.mark.parametrize(
    ("change", "path", "told"),
    [
        (("region: edge", "region: edge, provider: aws"), "sites[0].provider", "remove it"),
        (("site: edge", "site: nowhere"), "pools[0].site", "got nowhere"),
        (("id: edge,", "id: clinic,"), "sites", "'clinic' 2 times"),
        (("id: edge-gpu", "id: gpu"), "pools", "'gpu' 2 times"),
        ((", accelerators: 1", ""), "pools[0].nodes[0]", "accelerator and accelerators"),
    ],
)
def test_what_does_not_fit_together(settings, tmp_path, change, path, told):
    """Unknown sites, equal ids and half an accelerator are told with their path."""
    with pytest.raises(InputError) as raised:
        _with_file(settings, tmp_path, MACHINES.replace(*change))
    assert told in str(next(fault for fault in raised.value.faults if fault.path == path))


@pytest.mark.parametrize("text", ["[", "- a list", "\x00"])
def test_a_file_that_is_no_machines_file(settings, tmp_path, text):
    """What is no YAML, or not two keys, is one fault and no traceback."""
    with pytest.raises(InputError, match=r"machines\.yaml: \(file\): expected"):
        _with_file(settings, tmp_path, text)


def test_yaml_runs_no_code(settings, tmp_path):
    """A tag that would make an object is refused."""
    with pytest.raises(InputError, match="could not determine a constructor"):
        _with_file(settings, tmp_path, "sites: !!python/object/apply:os.getcwd []")


def test_a_file_that_is_not_there(settings, tmp_path):
    """A machines file that does not exist is told."""
    with pytest.raises(InputError, match="expected a readable YAML file"):
        Static(replace(settings, options={"file": str(tmp_path / "none.yaml")}))
