"""An explanation as text: why here, why not there, and what would have to change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rich.text import Text

from hybridplace.model.plan import Placement
from hybridplace.model.problem import Problem, Rule
from hybridplace.report.figures import amount, count, extra_usd, hours, span, usd
from hybridplace.report.plan import costs_text
from hybridplace.report.tables import entries, heading, table

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from hybridplace.solver.explain import Alternative, Explanation

DENIED_BY = "denied by policy "
"""What a reason begins with that is a policy; its id follows."""


def explanation_text(
    problem: Problem, told: Explanation, asked: str | None
) -> Iterator[RenderableType]:
    """Yield the parts of an explanation.

    Parameters
    ----------
    asked : str or None
        The offer asked about.
    """
    yield from _where(problem, told)
    if asked is not None:
        for one in told.alternatives:
            yield from _not_there(told, one)
        return
    if told.placement is not None:
        yield from costs_text(told.costs, told.costs.total_usd)
        yield from _moved(problem, told)
    yield from _next_best(told)
    if told.placement is None and told.relaxation is not None:
        yield heading("What would place it")
        lifted = " and ".join(told.relaxation.lifted)
        yield Text(f"without {lifted}, it would run on {told.relaxation.offer},")
        yield Text(f"and the whole plan would cost {usd(told.relaxation.plan_usd)} USD")
    yield from _exclusions(problem, told)


def _where(problem: Problem, told: Explanation) -> Iterator[Text]:
    if told.placement is None:
        yield Text(f"{told.job} is left out, at {usd(told.costs.total_usd)} USD", style="bold red")
        return
    yield Text(f"{told.job} is on {told.placement.offer}", style="bold green")
    yield Text(_machines(told.placement) + _limits_of_time(problem, told.job))


def _machines(placement: Placement) -> str:
    nodes = ", ".join(dict.fromkeys(share.node for share in placement.shares))
    machines = count(placement.machines, "machine") + (f" ({nodes})" if nodes else "")
    return f"{machines}, hours {span(placement.start_h, placement.end_h)}"


def _limits_of_time(problem: Problem, job: str) -> str:
    asked = problem.job[job]
    told = [
        f"{name} {amount(hour)}"
        for name, hour in (("due", asked.due_h), ("deadline", asked.deadline_h))
        if hour is not None
    ]
    return f" ({', '.join(told)})" if told else ""


def _moved(problem: Problem, told: Explanation) -> Iterator[RenderableType]:
    if not told.transfers:
        return
    yield heading("Data moved for it (once for all who read it there)")
    if any(problem.link(one.source, one.target).tiers for one, _ in told.transfers):
        yield Text("Over links with tiers: its share, by volume, of what the link costs.")
    shown = table("dataset", "from", "to", "GiB", "USD", right=("GiB", "USD"))
    for one, price_usd in told.transfers:
        size = amount(problem.dataset[one.dataset].size_gib)
        shown.add_row(one.dataset, one.source, one.target, size, usd(price_usd))
    yield shown


def _next_best(told: Explanation) -> Iterator[RenderableType]:
    yield heading("Next best, all other jobs staying where they are")
    if not told.alternatives:
        yield Text("no other offer can take it")
        return
    shown = table("offer", "from hour", "extra USD", right=("from hour", "extra USD"))
    for one in told.alternatives:
        assert one.start_h is not None  # noqa: S101 - it is possible
        assert one.extra_usd is not None  # noqa: S101 - it is possible
        shown.add_row(one.offer, hours(one.start_h), extra_usd(one.extra_usd))
    yield shown


def _not_there(told: Explanation, one: Alternative) -> Iterator[RenderableType]:
    if told.placement is not None and told.placement.offer == one.offer:
        yield Text("that is where it is")
    elif one.extra_usd is not None and one.start_h is not None:
        yield heading(f"{one.offer} is possible, from hour {hours(one.start_h)}")
        if one.extra_usd >= 0:
            yield Text(f"the plan would cost {usd(one.extra_usd)} USD more")
        else:
            told_usd = usd(-one.extra_usd)
            yield Text(f"the plan would cost {told_usd} USD less: it is not proven cheapest")
    else:
        yield heading(f"{one.offer} is not possible", style="bold red")
        yield entries(("-", reason) for reason in one.reasons)
        yield rules_text(one.rules)


def rules_text(rules: Iterable[Rule]) -> Table:
    """Return the reason and the article of each rule."""
    return entries(
        (f"  {rule.id}", f"{rule.reason} [{rule.article}]" if rule.article else rule.reason)
        for rule in rules
    )


def _exclusions(problem: Problem, told: Explanation) -> Iterator[RenderableType]:
    if not told.exclusions:
        return
    from hybridplace.solver.exclusions import NO_ROOM

    total = count(len(problem.offers), "offer")
    yield heading(f"Why not elsewhere: of {total}, an offer may have several reasons")
    shown = table("offers", "reason", right=("offers",))
    rules = []
    for reason, number in told.exclusions:
        possible = reason == NO_ROOM and told.placement is not None
        shown.add_row(f"{number:,}", "is possible, but not as cheap" if possible else reason)
        name = reason.removeprefix(DENIED_BY)
        if name != reason and name in problem.rule:
            rules.append(problem.rule[name])
    yield shown
    if rules:
        yield heading("Policies named")
        yield rules_text(rules)
