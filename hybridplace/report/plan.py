"""A plan as text: where and when every job runs, what it costs, and how good it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import TYPE_CHECKING

from rich.text import Text

from hybridplace.model.plan import Costs, Status
from hybridplace.model.site import Market
from hybridplace.report.figures import amount, count, hours, share, span, usd
from hybridplace.report.summary import LeftOut, PlacedJob, Summary, Use
from hybridplace.report.tables import entries, heading, table

if TYPE_CHECKING:
    from rich.console import RenderableType

COST_LINES = {
    "compute_usd": "machines",
    "disk_usd": "disks",
    "address_usd": "public addresses",
    "egress_usd": "moving data",
    "lost_spot_work_usd": "work lost to interruptions",
    "energy_usd": "energy of own machines",
    "carbon_usd": "carbon, at its price",
    "lateness_usd": "lateness",
    "latency_usd": "latency beyond target",
    "disruption_usd": "moving what runs",
    "rejection_usd": "jobs left out",
    "unfairness_usd": "unfairness to the worst-off tenant",
}
"""In the order of `Costs`, whose first six are paid in money."""

REASONS_SHOWN = 4


def plan_text(told: Summary) -> Iterator[RenderableType]:
    """Yield the parts of a plan's report, the most wanted first."""
    yield from _headline(told)
    if told.placements:
        yield from _placements(told)
    if told.transfers:
        yield from _transfers(told)
    yield from costs_text(told.costs, told.objective_usd)
    yield from _tenants(told)
    if told.limits:
        yield from _uses("Limits", told.limits)
    if told.quotas:
        yield from _uses("Quotas, at their peak", told.quotas)
    if told.unplaced:
        yield heading(f"Left out: {count(len(told.unplaced), 'job')}", style="bold red")
        for one in told.unplaced:
            yield from _left_out(one)
    if told.warnings:
        yield heading("Worth a look", style="bold yellow")
        yield entries(("-", one) for one in told.warnings)


def _headline(told: Summary) -> Iterator[Text]:
    placed, left = len(told.placements), len(told.unplaced)
    style = "bold red" if left else "bold green"
    said = f"{placed} of {count(placed + left, 'job')} placed for {usd(told.objective_usd)} USD"
    yield Text(f"{said}, {_proof(told)}", style=style)
    yield Text(
        f"hours count from {told.now:%Y-%m-%d %H:%M} UTC; horizon {amount(told.horizon_h)} h"
    )
    if told.quantile is not None:
        chance = f"{told.quantile:.0%}"
        yield Text(f"work that is a range: as much as is enough in {chance} of cases")
    if told.carbon_kg is not None:
        yield Text(f"emissions {amount(told.carbon_kg)} kg CO2e")


def _proof(told: Summary) -> str:
    if told.status is Status.OPTIMAL:
        return "proven cheapest"
    if told.status is Status.INTERRUPTED and told.bound_usd <= 0:
        return "interrupted before anything was proven"
    return f"at most {told.gap:.2%} above the cheapest (no plan is below {usd(told.bound_usd)} USD)"


def _placements(told: Summary) -> Iterator[RenderableType]:
    yield heading("Placements")
    shown = table("job", "site", "machines", "hours", "USD", right=("hours", "USD"))
    for one in told.placements:
        shown.add_row(one.job, one.site, _machines(one), span(one.start_h, one.end_h), usd(one.usd))
    yield shown


def _machines(one: PlacedJob) -> str:
    """Return what a job runs on: bought machines, or its part of own ones."""
    if one.nodes:
        nodes = ", ".join(one.nodes)
        return (
            f"{nodes}: {amount(one.accelerators)} {one.accelerator}" if one.accelerators else nodes
        )
    market = "" if one.market is Market.ON_DEMAND else f" {one.market}"
    return f"{one.machines} x {one.instance_type}{market}"


def _transfers(told: Summary) -> Iterator[RenderableType]:
    yield heading("Data moved")
    shown = table("dataset", "from", "to", "GiB", "h", "USD", right=("GiB", "h", "USD"))
    for one in told.transfers:
        size, took = amount(one.size_gib), f"{one.hours:.2f}"
        shown.add_row(one.dataset, one.source, one.target, size, took, usd(one.usd))
    yield shown


def costs_text(costs: Costs, total_usd: float) -> Iterator[RenderableType]:
    """Yield the cost lines that are not zero, their shares, and the total."""
    yield heading("Costs")
    shown = table("line", "USD", "share", right=("USD", "share"))
    for field in fields(costs):
        line_usd = getattr(costs, field.name)
        if line_usd:
            shown.add_row(COST_LINES[field.name], usd(line_usd), share(line_usd, total_usd))
    shown.add_section()
    if costs.money_usd != costs.total_usd:
        money = share(costs.money_usd, total_usd)
        shown.add_row("of which is paid", usd(costs.money_usd), money)
    shown.add_row("total", usd(total_usd), "", style="bold")
    yield shown


def _tenants(told: Summary) -> Iterator[RenderableType]:
    yield heading("Tenants")
    right = ("jobs", "accelerator h", "USD paid")
    shown = table("tenant", "jobs", "accelerator h", "USD paid", right=right)
    for one in told.tenants:
        jobs = f"{one.placed} of {one.jobs}"
        shown.add_row(one.tenant, jobs, hours(one.accelerator_h), usd(one.money_usd))
    yield shown


def _uses(title: str, uses: Iterable[Use]) -> Iterator[RenderableType]:
    yield heading(title)
    right = ("used", "at most", "share")
    shown = table("name", "used", "at most", "of", "share", right=right)
    for one in uses:
        measure = one.measure.replace("_", " ").replace("usd", "USD")
        part = share(one.used, one.at_most)
        shown.add_row(one.id, amount(one.used), amount(one.at_most), measure, part)
    yield shown


def _left_out(one: LeftOut) -> Iterator[Text]:
    yield Text(f"{one.job}: none of {count(one.offers, 'offer')} can take it", style="bold")
    yield from (Text(f"  {number:6} {reason}") for reason, number in one.reasons[:REASONS_SHOWN])
    more = len(one.reasons) - REASONS_SHOWN
    if more > 0:
        yield Text(f"         and {count(more, 'more reason')}")
    yield Text(f"  {one.remedy}")
