"""What limits, pools, policies and deadlines cost, as people say it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING

from rich.text import Text

from hybridplace.report.figures import LEAST_USD, amount, count, hours, usd
from hybridplace.report.tables import heading, table
from hybridplace.solver.scarce import Scarce, Sort
from hybridplace.solver.sensitivity import (
    AmountPrice,
    Checked,
    DeadlinePrice,
    Price,
    Reach,
    RulePrice,
    Sensitivity,
)

if TYPE_CHECKING:
    from rich.console import RenderableType

SHOWN = 20
"""Rows of each table."""

_SAVED = ("about, USD", "at most, USD")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What costs what, with the changes that were planned with."""

    prices: Sensitivity
    checks: tuple[Checked, ...]


def prices_told(prices: Sensitivity, checks: Sequence[Checked]) -> Told:
    """Return both together, as ``--json`` prints them."""
    return Told(prices=prices, checks=tuple(checks))


def prices_text(told: Told) -> Iterator[RenderableType]:
    """Yield the parts of the report: what is scarce, policies, deadlines, what was checked."""
    prices = told.prices
    yield Text(_answer(prices), style="bold")
    gap_usd = max(prices.objective_usd - prices.relaxed_usd, 0.0)
    yield Text(
        f"Estimates are those of the linear relaxation. What is proven as the most is by "
        f"{usd(gap_usd)} USD higher, by which the plan may be above the relaxation."
    )
    for part in (
        _amounts(prices.amounts),
        _rules(prices.rules),
        _deadlines(prices.deadlines),
        _checks(told.checks),
    ):
        yield from part


def _answer(prices: Sensitivity) -> str:
    """Return what would save the most."""
    savings = [(one.more.estimate_usd, sentence(one)) for one in prices.amounts if one.more]
    others: tuple[RulePrice | DeadlinePrice, ...] = (*prices.rules, *prices.deadlines)
    savings += [(one.estimate_usd, sentence(one)) for one in others]
    most, said = max(savings, key=itemgetter(0), default=(0.0, ""))
    if most < LEAST_USD:
        return "Nothing is scarce: no limit, pool, policy or deadline costs anything"
    return f"{said[0].upper()}{said[1:]}"


def sentence(price: Price) -> str:
    """Return what a change would save, as ``8 more accelerators of quota q would save ...``."""
    match price:
        case AmountPrice(more=Reach() as more):
            most = f"at most {usd(more.proven_usd)} USD"
            return f"{_change(price)} would save about {usd(more.estimate_usd)} USD, {most}"
        case RulePrice(rule=rule) | DeadlinePrice(job=rule):
            subject = (
                f"policy {rule}" if isinstance(price, RulePrice) else f"the deadline of {rule}"
            )
            most = f"at most {usd(price.proven_usd)} USD"
            return f"{subject} costs about {usd(price.estimate_usd)} USD, {most}"
    return f"{name(price.thing)}: {usd(price.price_usd)} USD per unit"


def name(thing: Scarce) -> str:
    """Return what people call something scarce."""
    match thing.sort:
        case Sort.LIMIT:
            return f"limit {thing.id}"
        case Sort.QUOTA:
            return f"quota {thing.id}"
    return f"pool {thing.id}" + (f" ({thing.accelerator})" if thing.accelerator else "")


def _amounts(prices: Sequence[AmountPrice]) -> Iterator[RenderableType]:
    """Yield what a unit of each scarce thing is worth, and what more of it would save."""
    if not prices:
        return
    yield heading("Limits and pools: what one more unit is worth, and where that holds")
    shown = table("", "there are", "unit", "USD per unit", "holds", right=("there are",))
    for one in prices[:SHOWN]:
        thing = one.thing
        row = (amount(thing.amount), thing.unit, usd(one.price_usd), _range(one))
        shown.add_row(name(thing), *row)
    yield shown
    yield from _rest(len(prices))
    said = [one for one in prices[:SHOWN] if one.more and one.more.estimate_usd >= LEAST_USD]
    if said:
        yield Text("")
        yield from (Text(sentence(one)) for one in said)


def _range(price: AmountPrice) -> str:
    """Return between which amounts a price holds."""
    if price.more is None and price.less is None:
        return "-"
    there = price.thing.amount
    least, most = (
        there + sign * one.units if one is not None and one.holds else there
        for sign, one in ((-1, price.less), (1, price.more))
    )
    return "here only" if least == most else f"{amount(least)} to {amount(most)}"


def _rules(prices: Sequence[RulePrice]) -> Iterator[RenderableType]:
    """Yield what policies cost; what costs nothing in one line."""
    if not prices:
        return
    yield heading("Policies: what would be saved without one")
    dear = [one for one in prices if one.estimate_usd >= LEAST_USD]
    if dear:
        shown = table("policy", "jobs", *_SAVED, "because", right=("jobs", *_SAVED))
        for one in dear[:SHOWN]:
            saved = (usd(one.estimate_usd), usd(one.proven_usd))
            shown.add_row(one.rule, str(one.jobs), *saved, one.reason)
        yield shown
        yield from _rest(len(dear))
    free = [one.rule for one in prices if one.estimate_usd < LEAST_USD]
    if free:
        yield Text(f"at no cost: {', '.join(free)}")


def _deadlines(prices: Sequence[DeadlinePrice]) -> Iterator[RenderableType]:
    """Yield what deadlines cost."""
    if not prices:
        return
    yield heading("Deadlines: what would be saved without one")
    dear = [one for one in prices if one.estimate_usd >= LEAST_USD]
    if dear:
        shown = table("job", "ends by, h", *_SAVED, right=("ends by, h", *_SAVED))
        for one in dear[:SHOWN]:
            saved = (usd(one.estimate_usd), usd(one.proven_usd))
            shown.add_row(one.job, hours(one.deadline_h), *saved)
        yield shown
        yield from _rest(len(dear))
    if len(prices) > len(dear):
        yield Text(f"at no cost: {count(len(prices) - len(dear), 'deadline')}")


def _checks(checks: Sequence[Checked]) -> Iterator[RenderableType]:
    """Yield what was foretold beside what planning again saves."""
    if not checks:
        return
    yield heading("Planned again: what is saved in fact")
    figures = ("estimate, USD", "at most, USD", "saved, USD")
    shown = table("change", *figures, right=figures)
    for one in checks:
        saved = (usd(one.estimate_usd), usd(one.proven_usd), usd(one.saved_usd))
        shown.add_row(_change(one.price), *saved)
    yield shown


def _change(price: Price) -> str:
    match price:
        case AmountPrice(thing=thing, more=Reach() as more):
            return f"{amount(more.units)} more {thing.unit} of {name(thing)}"
        case RulePrice(rule=rule):
            return f"without policy {rule}"
        case DeadlinePrice(job=job):
            return f"without the deadline of {job}"
    return name(price.thing)


def _rest(number: int) -> Iterator[RenderableType]:
    if number > SHOWN:
        yield Text(f"and {number - SHOWN} more; --json lists them all")
