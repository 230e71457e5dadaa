"""What a plug-in author implements: hooks register objects, these are the objects."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from hybridplace.model.job import Program
from hybridplace.model.site import Lease, Offer, Pool, Site

API_VERSION = 1

KEY_REUSE = "KeyReuse"
"""Code of the error for a key that stands for another owner, job, offer or number of machines."""

OF_AN_ACCOUNT = ("image", "subnet", "firewall", "key", "role")
"""Options that mean the same everywhere, and name what is in an account."""


class Feature(StrEnum):
    """An ability that a provider declares, and the conformance kit then tests."""

    SPOT = "spot"
    GANG = "gang"
    LIVE_PRICES = "live_prices"
    QUOTAS = "quotas"
    NOTICES = "notices"
    PROGRAM = "program"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to acquire: all machines of it or none.

    Parameters
    ----------
    owner, plan, job : str
        Become tags on everything created.
    nodes : tuple of str
        On own pools, the node of each machine, as the plan packed them.
    disk_gib : float
        Per machine.
    expires : str
        When the lease ends by itself if nobody renews it, ISO 8601.
    program : Program or None
        What to start on the machines; only providers with the feature PROGRAM are given one.
    """

    owner: str
    plan: str
    job: str
    offer: Offer
    machines: int
    expires: str
    nodes: tuple[str, ...] = ()
    disk_gib: float = 0.0
    public: bool = False
    program: Program | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A provider says that it will take machines of a lease back at `deadline` (ISO 8601)."""

    lease: str
    reason: str
    deadline: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a provider is given when it is made.

    Parameters
    ----------
    owner : str
        The estate's name.
    sites, pools : tuple
        Those of the estate that name this provider.
    regions : tuple of str
        Allowed regions, patterns resolved; of a provider that the catalog lacks, as the estate
        writes them.
    endpoint : str or None
        Where the provider's API is in a dry run (a mocked cloud on loopback); None is the real one.
    state_dir : str or None
        Where a provider without an API of its own may keep its state.
    options : mapping
        Those that the estate gives; see `Provider.options`.
    """

    owner: str
    sites: tuple[Site, ...] = ()
    pools: tuple[Pool, ...] = ()
    regions: tuple[str, ...] = ()
    endpoint: str | None = None
    state_dir: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    def option(self, name: str, region: str | None = None) -> str | None:
        """Return an option: ``name.region`` if that is given, else ``name``; None without both."""
        return self.options.get(f"{name}.{region}", self.options.get(name))


class Provider(ABC):
    """A place to run jobs. Errors are those of `hybridplace.errors`, never an SDK's own.

    Attributes
    ----------
    features : frozenset of Feature
        What it can do beside the rest; an object may have fewer than its class.
    options : mapping
        What each option means that an estate may give it; others are refused before it is made.
        Those of `OF_AN_ACCOUNT` mean the same everywhere.
    """

    name: ClassVar[str]
    api_version: ClassVar[int] = API_VERSION
    features: ClassVar[frozenset[Feature]] = frozenset()
    options: ClassVar[Mapping[str, str]] = {}

    def __init__(self, settings: Settings) -> None:
        """Keep `settings`; a provider connects when it is first asked, not when it is made."""
        self.settings = settings

    @abstractmethod
    def sites(self) -> Iterable[Site]:
        """Return the places this provider has; no side effects."""

    @abstractmethod
    def pools(self) -> Iterable[Pool]:
        """Return what jobs compete for there (own nodes); no side effects."""

    @abstractmethod
    def offers(self) -> Iterable[Offer]:
        """Return everything that can be had, sold-out things too (`available` is False)."""

    def quotas(self) -> Iterable[Pool]:
        """Return the account's quotas as pools without nodes; none by default."""
        return ()

    @abstractmethod
    def acquire(self, request: Request, *, key: str) -> Lease:
        """Acquire all machines of `request`, or none.

        One `key` makes one lease, also when repeated after a crash or from another process. The
        lease may be pending; the same call again then tells what has become of it: the lease, or
        the error, once nothing of the key is left.

        Raises
        ------
        CapacityError, QuotaError, TransientError, AuthError, ProviderError
            The last one with the code `KEY_REUSE` when the key is that of another request.
        """

    @abstractmethod
    def release(self, lease_id: str) -> None:
        """Release a lease and everything made for it; one that is gone already is success."""

    @abstractmethod
    def leases(self, owner: str) -> Iterable[Lease]:
        """Return what runs for `owner`, read from the provider: the truth after a crash."""

    def notices(self) -> Iterable[Notice]:
        """Return what the provider is about to take back; none by default."""
        return ()

    def close(self) -> None:
        """Free connections; nothing by default."""
