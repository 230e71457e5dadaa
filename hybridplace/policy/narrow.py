"""States what is denied in as few denials as say it exactly."""

from __future__ import annotations

from collections.abc import Mapping

from hybridplace.model.problem import Denial
from hybridplace.model.site import Market

OfferClass = tuple[Market, tuple[str, ...]]
"""What policies tell offers of a site apart by: market, and confidential computing."""

Scope = tuple[Market | None, tuple[str, ...] | None]
"""The offers that a denial is narrowed to; None is every one."""

Rules = Mapping[OfferClass | None, tuple[str, ...]]
"""The rules against each class of offers, or, under None, against a copy; empty if allowed."""


def denials(found: Mapping[tuple[str, str, str], Rules]) -> tuple[Denial, ...]:
    """Return the denials of each action, subject and site, sorted.

    A rule that forbids every offer of the site is stated once, for all of them; another one for
    the market or the confidential computing that it forbids, or for both where neither alone
    tells the forbidden offers from the others.
    """
    every = [denial for pair, rules in found.items() for denial in _of_pair(pair, rules)]
    return tuple(sorted(every, key=_order))


def _of_pair(pair: tuple[str, str, str], rules: Rules) -> list[Denial]:
    scopes: dict[Scope, list[str]] = {}
    for rule in sorted({rule for against in rules.values() for rule in against}):
        forbidden = {offer for offer, against in rules.items() if rule in against}
        for scope in _scopes(forbidden, set(rules)):
            scopes.setdefault(scope, []).append(rule)
    action, subject, site = pair
    return [
        Denial(
            action=action,
            subject=subject,
            site=site,
            market=market,
            confidential=confidential,
            rules=tuple(against),
        )
        for (market, confidential), against in scopes.items()
    ]


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


def _order(denial: Denial) -> tuple[str, ...]:
    confidential = "*" if denial.confidential is None else ",".join(denial.confidential)
    return (denial.action, denial.subject, denial.site, denial.market or "*", confidential)
