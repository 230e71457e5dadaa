"""States which offers of a site are forbidden, in as few words as say it exactly."""

from __future__ import annotations

from collections.abc import Mapping

from hybridplace.model.site import Market

OfferClass = tuple[Market, tuple[str, ...]]
"""What policies tell offers of a site apart by: market, and confidential computing."""

Scope = tuple[Market | None, tuple[str, ...] | None]
"""The offers that a denial is narrowed to; None is every one."""

Rules = Mapping[OfferClass | None, tuple[str, ...]]
"""The rules against each class of offers, or, under None, against a copy; empty if allowed."""


def scopes(rules: Rules) -> dict[Scope, tuple[str, ...]]:
    """Return the rules against each scope.

    A rule that forbids every offer of the site is stated once, for all of them; another one for
    the market or the confidential computing that it forbids, or for both where neither alone
    tells the forbidden offers from the others.
    """
    found: dict[Scope, list[str]] = {}
    for rule in sorted({rule for against in rules.values() for rule in against}):
        forbidden = {offer for offer, against in rules.items() if rule in against}
        for scope in _scopes(forbidden, set(rules)):
            found.setdefault(scope, []).append(rule)
    return {scope: tuple(against) for scope, against in found.items()}


def _scopes(forbidden: set[OfferClass | None], every: set[OfferClass | None]) -> list[Scope]:
    """Return scopes that together hold of the forbidden offers and of no other."""
    if forbidden == every:
        return [(None, None)]
    allowed = {offer for offer in every - forbidden if offer}
    left = {offer for offer in forbidden if offer}
    markets = {market for market, _ in left} - {market for market, _ in allowed}
    left = {(market, confidential) for market, confidential in left if market not in markets}
    kinds = {kind for _, kind in left} - {kind for _, kind in allowed}
    left = {(market, kind) for market, kind in left if kind not in kinds}
    return [*((market, None) for market in markets), *((None, kind) for kind in kinds), *left]
