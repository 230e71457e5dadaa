"""How figures are written for people: two decimals of a dollar, hours as hours."""

from __future__ import annotations

LEAST_USD = 0.005
"""Smaller amounts would read as nothing."""


def usd(amount: float | None) -> str:
    """Return dollars and cents, with thousands set off; ``-`` if not known."""
    if amount is None:
        return "-"
    if 0 < abs(amount) < LEAST_USD:
        return "<0.01" if amount > 0 else ">-0.01"
    return f"{amount:,.2f}"


def extra_usd(amount: float) -> str:
    """Return a difference in dollars, with its sign."""
    return usd(amount) if amount < 0 else f"+{usd(amount)}"


def amount(value: float) -> str:
    """Return a count or a size without needless decimals."""
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def share(part: float, whole: float) -> str:
    """Return a part as a percentage of the whole; ``-`` of nothing."""
    return "-" if whole == 0 else f"{part / whole:.1%}"


def hours(value: float) -> str:
    """Return hours to a tenth, so that they line up."""
    return f"{value:,.1f}"


def span(start_h: float, end_h: float) -> str:
    """Return from when until when, in hours."""
    return f"{hours(start_h)} - {hours(end_h)}"


def count(number: int, noun: str) -> str:
    """Return a number with its noun, as ``1 job`` or ``3 jobs``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
