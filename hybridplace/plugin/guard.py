"""Calls into a provider so that a fault of its own is told as its own.

Every error that is not one of ours becomes a `ProviderError` that names the plug-in and the call;
the original stays its ``__cause__``. What a call returns is checked for its type, so that a wrong
value is refused here and not somewhere in our code.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from hybridplace.errors import HybridplaceError, ProviderError
from hybridplace.model.site import Lease, Offer, Pool, Site
from hybridplace.plugin.interfaces import Notice, Provider, Request

T = TypeVar("T")


def guarded(provider: Provider, *, plugin: str | None = None) -> Provider:
    """Return `provider` behind a guard; lists become tuples, everything else stays.

    Parameters
    ----------
    plugin : str or None
        Name of the plug-in for error messages; None if it is that of the provider.
    """
    if isinstance(provider, Guarded):
        return provider
    return Guarded(provider, plugin or provider.name)


def told(error: BaseException) -> str:
    """Return the class and text of `error` in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


@contextmanager
def blamed(provider: str, plugin: str, call: str) -> Iterator[None]:
    """Turn what the block raises, our own errors apart, into a `ProviderError` with names."""
    try:
        yield
    except HybridplaceError:
        raise
    except (Exception, SystemExit) as error:
        who = f"provider {provider!r} of plug-in {plugin!r}"
        raise ProviderError(
            f"{who} failed in {call}: {told(error)}; "
            "a fault of the plug-in: report it to its author"
        ) from error


class Guarded(Provider):
    """A provider whose every call is guarded; `inner` is the plug-in's own object."""

    def __init__(self, inner: Provider, plugin: str) -> None:
        self.inner = inner
        self.plugin = plugin
        # The class attributes of a provider, here those of one object.
        vars(self).update(
            name=inner.name, api_version=inner.api_version, features=frozenset(inner.features)
        )

    def sites(self) -> tuple[Site, ...]:
        """Guard `Provider.sites`."""
        return self._listed("sites", Site)

    def pools(self) -> tuple[Pool, ...]:
        """Guard `Provider.pools`."""
        return self._listed("pools", Pool)

    def offers(self) -> tuple[Offer, ...]:
        """Guard `Provider.offers`."""
        return self._listed("offers", Offer)

    def quotas(self) -> tuple[Pool, ...]:
        """Guard `Provider.quotas`."""
        return self._listed("quotas", Pool)

    def acquire(self, request: Request, *, key: str) -> Lease:
        """Guard `Provider.acquire`."""
        with blamed(self.name, self.plugin, "acquire()"):
            lease = self.inner.acquire(request, key=key)
        return self._checked("acquire", Lease, lease)

    def release(self, lease_id: str) -> None:
        """Guard `Provider.release`."""
        with blamed(self.name, self.plugin, "release()"):
            self.inner.release(lease_id)

    def leases(self, owner: str) -> tuple[Lease, ...]:
        """Guard `Provider.leases`."""
        return self._listed("leases", Lease, owner)

    def notices(self) -> tuple[Notice, ...]:
        """Guard `Provider.notices`."""
        return self._listed("notices", Notice)

    def close(self) -> None:
        """Guard `Provider.close`."""
        with blamed(self.name, self.plugin, "close()"):
            self.inner.close()

    def _listed(self, call: str, kind: type[T], *arguments: str) -> tuple[T, ...]:
        # A generator runs here, inside the guard, and not later in our code.
        with blamed(self.name, self.plugin, f"{call}()"):
            found = tuple(getattr(self.inner, call)(*arguments))
        return tuple(self._checked(call, kind, item) for item in found)

    def _checked(self, call: str, kind: type[T], value: object) -> T:
        if isinstance(value, kind):
            return value
        raise ProviderError(
            f"provider {self.name!r} of plug-in {self.plugin!r}: {call}() returned a "
            f"{type(value).__name__}, expected {kind.__name__}; a fault of the plug-in: "
            "report it to its author"
        )
