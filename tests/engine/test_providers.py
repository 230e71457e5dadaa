"""What an estate says of providers reaches them: options, programs, those of any plug-in."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from hybridplace.engine import Engine
from hybridplace.errors import CapacityError, InputError, ProviderError
from hybridplace.model.estate import Access, PriceOverlay
from hybridplace.model.job import Program
from hybridplace.model.site import LeaseState, Market, Site
from tests.engine.test_gather import ESTATE, NOW, TRAIN

PAGE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text()
(LAB, *_) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
DESK = "lab/basement/desk/on_demand"
SMALL = replace(TRAIN, inputs=(), shapes=(replace(TRAIN.shapes[0], accelerator=None),))
SMALL = replace(SMALL, shapes=(replace(SMALL.shapes[0], accelerators=0.0),))
OWN = replace(ESTATE, providers=())
RUN = Program(command=("python", "train.py"), environment=(("EPOCHS", "3"),))


def _rented(folder, text=LAB, **terms):
    """Return an estate that only rents the lab of the page for plug-in authors."""
    (folder / "hybridplace_lab.py").write_text(text)
    access = Access(**{"provider": "lab", "regions": ("basement",), **terms})
    return replace(
        ESTATE,
        sites=(),
        pools=(),
        datasets=(),
        providers=(access,),
        plugins=("hybridplace_lab.py",),
    )


def _problem(folder, *jobs, text=LAB, overlays=(), **terms):
    estate = replace(_rented(folder, text, **terms), overlays=overlays)
    with Engine(estate, folder=folder, state_dir=folder) as engine:
        return engine.problem(jobs or (SMALL,), now=NOW)


def test_a_provider_of_a_plugin_is_planned_and_acquired_like_a_cloud(tmp_path):
    """The page's lab needs no catalog: its offers take part, a lease is made and given back."""
    estate = _rented(tmp_path)
    with Engine(estate, folder=tmp_path, state_dir=tmp_path) as engine:
        problem = engine.problem((SMALL,), now=NOW)
        plan = engine.plan(problem)
        (step,) = engine.apply(problem, plan, engine.diff(plan))

        assert [DESK] == [one.offer for one in plan.placements]
        assert ("lab", LeaseState.ACTIVE) == (step.lease.provider, step.lease.state)
        engine.release(step.lease)
        assert () == engine.leases()


def test_of_a_provider_that_the_catalog_lacks_all_is_its_own_word(tmp_path):
    """Sites, prices and what is sold out come from it; terms and overlays of the estate hold."""
    plain = _problem(tmp_path)
    signed = _problem(tmp_path, regions=("base*",), attestations=("dpa",), discount=0.5)
    own = _problem(tmp_path, overlays=(PriceOverlay(offers="lab/*/desk/*", price_usd_h=0.01),))

    assert ["lab/basement"] == [site.id for site in plain.sites]
    assert [True, False] == [offer.available for offer in plain.offers]
    assert (0.4, 0.2, 0.01) == tuple(
        problem.offer[DESK].price_usd_h for problem in (plain, signed, own)
    )
    assert ("dpa",) == signed.site["lab/basement"].attestations


@pytest.mark.parametrize("terms", [{"regions": ()}, {"regions": ("attic",)}])
def test_what_the_estate_does_not_allow_is_not_there(tmp_path, terms):
    """No region, no site and no offer."""
    problem = _problem(tmp_path, **terms)

    assert ((), ()) == (problem.sites, problem.offers)


def test_markets_that_the_estate_does_not_allow_are_not_there(tmp_path):
    """The lab sells on demand only."""
    assert () == _problem(tmp_path, markets=(Market.SPOT,)).offers


def test_a_site_that_the_estate_states_is_there_once(tmp_path):
    """The estate's own word on a provider's site goes before the provider's."""
    stated = Site(
        id="lab/basement", provider="lab", region="basement", country="DE", carbon_g_kwh=7.0
    )
    estate = replace(_rented(tmp_path), sites=(stated,))
    with Engine(estate, folder=tmp_path, state_dir=tmp_path) as engine:
        problem = engine.problem((SMALL,), now=NOW)

    assert (stated,) == problem.sites
    assert DESK in problem.offer


def test_own_machines_may_come_from_a_file(tmp_path):
    """`static` under providers takes its option, and owned machines need no market."""
    (tmp_path / "more.yaml").write_text(
        "sites: [{id: cellar, region: cellar, country: DE}]\n"
        "pools: [{id: shelf, site: cellar, nodes: [{id: c, cpus: 8, memory_gib: 64}]}]\n"
    )
    access = Access(
        provider="static", regions=("*",), options={"file": str(tmp_path / "more.yaml")}
    )
    with Engine(replace(ESTATE, providers=(access,)), state_dir=tmp_path) as engine:
        problem = engine.problem((TRAIN,), now=NOW)

    assert {"lab", "cellar"} == set(problem.site)
    assert {"cellar/shelf:cpu/owned", "lab/rack:L40S/owned"} == set(problem.offer)


OPTIONS = [
    ({"subnets": "x"}, r"providers\[0\]\.options\.subnets: .*\(did you mean 'subnet'\?\)"),
    ({"subnets.eu-north-1": "x"}, r"options\.subnets\.eu-north-1: .*did you mean 'subnet'"),
    ({"image.eu-nort-1": "x"}, r"no region 'eu-nort-1' \(did you mean 'eu-north-1'\?\)"),
]


@pytest.mark.parametrize(("options", "told"), OPTIONS)
def test_an_option_that_would_do_nothing_is_refused(options, told):
    """A misspelt option, or one of a misspelt region, would leave the default in force."""
    access = replace(ESTATE.providers[0], options=options)
    with pytest.raises(InputError, match=told):
        Engine(replace(ESTATE, providers=(access,)))


def test_every_wrong_option_is_told(tmp_path):
    """One run names them all, also of a plug-in that has none."""
    options = {"image": "a", "key": "b"}
    with pytest.raises(InputError) as raised:
        Engine(_rented(tmp_path, options=options), folder=tmp_path)

    paths = [fault.path for fault in raised.value.faults]
    assert ["providers[0].options.image", "providers[0].options.key"] == paths
    assert "provider 'lab' has no option 'image'; it has none" == raised.value.faults[0].remedy


def test_options_reach_the_provider(tmp_path):
    """One of a region goes before the one of all, and there only."""
    options = {"image": "all", "image.eu-north-1": "north"}
    access = replace(ESTATE.providers[0], options=options)
    with Engine(replace(ESTATE, providers=(access,))) as engine:
        settings = engine.provider("aws").inner._settings

    assert "north" == settings.option("image", "eu-north-1")
    assert ("all", "all") == (settings.option("image", "eu-central-1"), settings.option("image"))
    assert None is settings.option("key", "eu-north-1")


PLUGIN = """
from dataclasses import replace
from hybridplace.errors import CapacityError, TransientError
from hybridplace.model.site import LeaseState
from hybridplace.plugin import Feature
from hybridplace_static import Static

class Slow(Static):
    features = frozenset({{Feature.GANG{feature}}})
    news = [{news}]
    requests = []

    def acquire(self, request, *, key):
        self.requests.append(request)
        lease = super().acquire(request, key=key)
        if self.news:
            told = self.news.pop(0)
            if isinstance(told, Exception):
                self.release(key)
                raise told
            return replace(lease, state=told)
        return lease

def hybridplace_providers():
    return [Slow]
"""
PENDING = "LeaseState.PENDING"


@pytest.fixture
def slow(tmp_path, monkeypatch):
    """Apply a plan of own machines with a provider that tells this news, one a call."""
    monkeypatch.setenv("HYBRIDPLACE_PLUGINS", "slow")
    monkeypatch.setattr("hybridplace.engine.engine.ASKED_AGAIN", 3)

    def applied(*jobs, news="", feature=""):
        (tmp_path / "slow.py").write_text(PLUGIN.format(news=news, feature=feature))
        estate = replace(OWN, plugins=("slow.py",))
        with Engine(estate, folder=tmp_path, state_dir=tmp_path, pause_s=0.0) as engine:
            problem = engine.problem(jobs, now=NOW)
            plan = engine.plan(problem)
            told = []
            steps = engine.apply(problem, plan, engine.diff(plan), watch=told.append)
            assert sorted(map(repr, steps)) == sorted(map(repr, told))
            return steps, engine.provider("static").inner.requests

    return applied


def test_a_pending_lease_is_asked_for_again(slow):
    """The second time it is there: told once, and it is the same lease."""
    (step,), requests = slow(TRAIN, news=f"{PENDING}, {PENDING}")

    assert (LeaseState.ACTIVE, None) == (step.lease.state, step.error)
    assert 3 == len(requests)


def test_what_was_pending_may_fail(slow):
    """The provider decides minutes later that there is no capacity: that is the step's error."""
    (step,), _ = slow(TRAIN, news=f"{PENDING}, CapacityError('sold out')")

    assert isinstance(step.error, CapacityError)
    assert None is step.lease


def test_what_may_pass_is_no_news_of_a_pending_lease(slow):
    """A busy provider has not decided: it is asked once more."""
    (step,), requests = slow(TRAIN, news=f"{PENDING}, TransientError('busy')")

    assert LeaseState.ACTIVE is step.lease.state
    assert 3 == len(requests)


def test_what_stays_pending_is_told_as_such(slow):
    """After so many times the step says that nothing is decided; the others are done."""
    second = replace(TRAIN, id="second")
    news = ", ".join([PENDING, "LeaseState.ACTIVE", *[PENDING] * 9])
    steps, requests = slow(TRAIN, second, news=news)

    assert [False, True] == sorted(step.pending for step in steps)
    assert 2 + 3 == len(requests)


def test_each_job_keeps_its_own_program(slow):
    """Jobs that differ in their program alone are one kind, and each is started as what it is."""
    jobs = [replace(TRAIN, id=name, program=replace(RUN, image=name)) for name in ("a", "b")]
    _, requests = slow(*jobs, feature=", Feature.PROGRAM")

    assert {"a": "a", "b": "b"} == {one.job: one.program.image for one in requests}
    assert (("EPOCHS", "3"),) == requests[0].program.environment


def test_nobody_pays_for_machines_on_which_a_program_would_not_start(slow):
    """A provider without the feature is not asked; a job without a program is acquired for."""
    steps, requests = slow(replace(TRAIN, id="run", program=RUN), TRAIN)
    errors = {step.action.job: step.error for step in steps}

    assert isinstance(errors["run"], ProviderError)
    assert "'static' starts no programs, and job run has one" in str(errors["run"])
    assert None is errors["train"]
    assert ["train"] == [one.job for one in requests]
