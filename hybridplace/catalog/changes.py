"""What one catalog has and another has not, and which prices differ."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from hybridplace.catalog.catalog import Catalog
from hybridplace.model.site import Offer, Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Repriced:
    """An offer in both catalogs whose price is not the same; None is no price."""

    offer: str
    old_usd_h: float | None
    new_usd_h: float | None

    @property
    def share(self) -> float | None:
        """The change as a share of the old price, as -0.1 for a tenth off; None without both."""
        if self.old_usd_h is None or self.new_usd_h is None:
            return None
        return self.new_usd_h / self.old_usd_h - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What differs between two catalogs; ids and names, each sorted.

    Parameters
    ----------
    resized : tuple of str
        Offers of which something other than the price differs: CPUs, network, availability, ...
    rerated : tuple of str
        Sites in both of which a figure or a legal area differs.
    """

    sites_added: tuple[str, ...]
    sites_removed: tuple[str, ...]
    rerated: tuple[str, ...]
    offers_added: tuple[str, ...]
    offers_removed: tuple[str, ...]
    resized: tuple[str, ...]
    repriced: tuple[Repriced, ...]
    accelerators_added: tuple[str, ...]
    accelerators_removed: tuple[str, ...]


def diff(old: Catalog, new: Catalog) -> Changes:
    """Return what became of the sites, offers and accelerators of `old` in `new`."""
    here, there = _sites(old), _sites(new)
    before, after = _offers(old), _offers(new)
    both = sorted(before.keys() & after.keys())
    return Changes(
        sites_added=_only(there, here),
        sites_removed=_only(here, there),
        rerated=tuple(sorted(name for name in here if here[name] != there.get(name, here[name]))),
        offers_added=_only(after, before),
        offers_removed=_only(before, after),
        resized=tuple(name for name in both if _machine(before[name]) != _machine(after[name])),
        repriced=tuple(
            Repriced(
                offer=name, old_usd_h=before[name].price_usd_h, new_usd_h=after[name].price_usd_h
            )
            for name in both
            if before[name].price_usd_h != after[name].price_usd_h
        ),
        accelerators_added=_only(new.accelerators, old.accelerators),
        accelerators_removed=_only(old.accelerators, new.accelerators),
    )


def _sites(catalog: Catalog) -> dict[str, Site]:
    return {site.id: site for name in catalog.providers for site in catalog.sites(name)}


def _offers(catalog: Catalog) -> dict[str, Offer]:
    return {offer.id: offer for name in catalog.providers for offer in catalog.offers(name)}


def _machine(offer: Offer) -> Offer:
    """Return the offer without its price and the date of that."""
    return replace(offer, price_usd_h=None, as_of=None)


def _only(names: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names) - set(others)))
