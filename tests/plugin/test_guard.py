"""Whatever a provider does wrong in a call is told as its fault, and never reaches our code."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hybridplace.errors import CapacityError, ProviderError
from hybridplace.plugin import Feature, Request, Settings
from hybridplace.plugin.guard import guarded
from tests.plugin.honest import SITE, Honest

LISTS = ("sites", "pools", "offers", "quotas", "notices")


@pytest.fixture
def settings(tmp_path):
    """Give settings with a folder of its own."""
    return Settings(owner="hospital", state_dir=str(tmp_path))


def _request(provider, **changed):
    offer = provider.offers()[0]
    asked = Request(owner="hospital", plan="p", job="j", offer=offer, machines=1, expires="2030")
    return replace(asked, **changed)


def _wrong(call, value):
    """Return a provider whose `call` does what `value` says: raises it, or returns it."""

    def method(self, *arguments, **named):
        if isinstance(value, BaseException):
            raise value
        return value

    return type("Wrong", (Honest,), {call: method})


def _call(provider, call):
    if call == "acquire":
        return provider.acquire(_request(provider), key="k")
    arguments = {"release": ("k",), "leases": ("hospital",)}.get(call, ())
    return getattr(provider, call)(*arguments)


@pytest.mark.parametrize("call", [*LISTS, "acquire", "release", "leases", "close"])
@pytest.mark.parametrize("error", [KeyError("x"), SystemExit(1)], ids=["raises", "exits"])
def test_a_foreign_error_names_plugin_and_call(settings, call, error):
    """An SDK's own error becomes a ProviderError that names plug-in and call, cause kept."""
    provider = guarded(_wrong(call, error)(settings), plugin="acme")
    with pytest.raises(ProviderError) as raised:
        _call(provider, call)
    assert f"provider 'honest' of plug-in 'acme' failed in {call}(): {type(error).__name__}" in str(
        raised.value
    )
    assert error is raised.value.__cause__


@pytest.mark.parametrize("call", [*LISTS, "acquire", "release", "leases", "close"])
def test_our_own_errors_pass(settings, call):
    """What a driver says in our words arrives as it is."""
    error = CapacityError("sold out", code="X")
    with pytest.raises(CapacityError) as raised:
        _call(guarded(_wrong(call, error)(settings)), call)
    assert error is raised.value


@pytest.mark.parametrize("call", [*LISTS, "leases"])
def test_a_wrong_value_is_refused(settings, call):
    """A list with something else in it is refused and names what came and what was expected."""
    with pytest.raises(ProviderError, match=rf"{call}\(\) returned a str, expected [A-Z][a-z]+;"):
        _call(guarded(_wrong(call, ["x"])(settings)), call)


@pytest.mark.parametrize("call", [*LISTS, "leases"])
def test_no_list_is_refused(settings, call):
    """None instead of a list is the plug-in's fault."""
    with pytest.raises(ProviderError, match=rf"failed in {call}\(\): TypeError"):
        _call(guarded(_wrong(call, None)(settings)), call)


def test_no_lease_is_refused(settings):
    """An acquire that returns no lease is the plug-in's fault."""
    provider = guarded(_wrong("acquire", None)(settings))
    with pytest.raises(ProviderError, match=r"acquire\(\) returned a NoneType, expected Lease"):
        _call(provider, "acquire")


def test_a_generator_runs_inside_the_guard(settings):
    """A listing that fails while it is read fails in the guard, and not later."""

    def offers(self):
        yield from Honest.offers(self)
        raise OSError("connection lost")

    provider = guarded(type("Late", (Honest,), {"offers": offers})(settings))
    with pytest.raises(ProviderError, match=r"failed in offers\(\): OSError: connection lost"):
        provider.offers()


def test_an_honest_provider_is_unchanged(settings):
    """What is right passes through; lists are tuples."""
    inner = Honest(settings)
    provider = guarded(inner, plugin="acme")
    assert ("honest", frozenset(Feature)) == (provider.name, provider.features)
    assert (SITE,) == provider.sites()
    assert tuple(inner.offers()) == provider.offers()
    lease = provider.acquire(_request(provider), key="k")
    assert (lease,) == provider.leases("hospital")
    provider.release("k")
    assert provider is guarded(provider)
