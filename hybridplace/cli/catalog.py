"""`hybridplace catalog`: what there is, what it costs, and where each figure is from."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hybridplace.cli.options import PATH, json_option, number
from hybridplace.cli.output import print_json, print_text
from hybridplace.cli.program import Commands
from hybridplace.errors import Fault, InputError
from hybridplace.model.canonical import to_plain

if TYPE_CHECKING:
    from rich.console import RenderableType

    from hybridplace.catalog import Catalog
    from hybridplace.catalog.changes import Changes
    from hybridplace.model.site import Offer

MARKETS = ["on_demand", "spot"]

file_option = click.option(
    "--file", "file_path", type=PATH, help="A snapshot other than that of the package."
)


@click.group(cls=Commands)
def command() -> None:
    """Look into the catalog of sites, offers and prices."""


@command.command("list")
@click.option("--provider", "providers", multiple=True, help="As aws; can be repeated.")
@click.option("--region", "regions", multiple=True, help="Name or pattern, as 'eu-*'; repeatable.")
@click.option("--country", help="Country or legal area of the site, as DE or EEA.")
@click.option("--market", type=click.Choice(MARKETS), help="How the machine is paid for.")
@click.option("--accelerator", help="Name or pattern, as 'A100-*'.")
@click.option("--max-price", callback=number(), metavar="USD", help="Per machine and hour.")
@click.option("--min-memory", callback=number(), metavar="GIB", help="Of the machine.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    metavar="NUMBER",
    help="Of offers to show.",
)
@file_option
@json_option
def list_offers(
    providers: tuple[str, ...],
    regions: tuple[str, ...],
    country: str | None,
    market: str | None,
    accelerator: str | None,
    max_price: float | None,
    min_memory: float | None,
    limit: int,
    file_path: Path | None,
    as_json: bool,
) -> None:
    """List offers that meet every condition, cheapest first."""
    from hybridplace import catalog
    from hybridplace.model.site import Market

    known = catalog.load(file_path)
    _refuse_unknown_providers(known, providers)
    found = catalog.find(
        known,
        providers=providers,
        regions=regions or ("*",),
        markets=[Market(one) for one in ([market] if market else MARKETS)],
        accelerator=accelerator,
        country=country,
        max_price_usd_h=max_price,
        min_memory_gib=min_memory,
    )
    if as_json:
        print_json({"found": len(found), "offers": found[:limit]})
    else:
        print_text(_offers_text(known, found, limit))


@command.command("show")
@click.argument("name")
@file_option
@json_option
def show(name: str, file_path: Path | None, as_json: bool) -> None:
    """Show a site, an offer or an accelerator, with the source of each figure."""
    from hybridplace import catalog

    known = catalog.load(file_path)
    plain = to_plain(_named(known, name))
    sources = {figure: to_plain(one) for figure, one in sorted(known.provenance(name).items())}
    if as_json:
        print_json({**plain, "sources": sources})
    else:
        print_text(_shown_text(plain, sources))


@command.command("diff")
@click.argument("old", type=PATH)
@click.argument("new", type=PATH, required=False)
@json_option
def diff(old: Path, new: Path | None, as_json: bool) -> None:
    """Show what differs between two snapshots; NEW is that of the package if absent."""
    from hybridplace import catalog
    from hybridplace.catalog import changes

    found = changes.diff(catalog.load(old), catalog.load(new))
    if as_json:
        print_json(found)
    else:
        print_text(_changes_text(found))


@command.command("build")
@click.argument("folder", type=PATH)
@click.option("-o", "--output", "output_path", type=PATH, required=True, help="What to write.")
@json_option
def build(folder: Path, output_path: Path, as_json: bool) -> None:
    """Build a snapshot from the tables of facts in FOLDER; docs/catalog.md describes them."""
    from hybridplace.catalog.build import write_snapshot

    built = write_snapshot(folder, output_path)
    if as_json:
        print_json(built)
        return
    for what, count in built.counts:
        click.echo(f"{count:8,} {what}")
    for reason, names in built.dropped:
        click.echo(f"{len(names):8,} left out: {reason}")
    click.echo(f"written to {output_path}: catalog of {built.date}, {built.digest}")


def _refuse_unknown_providers(known: Catalog, providers: tuple[str, ...]) -> None:
    faults = [
        Fault(
            where="catalog",
            path="--provider",
            expected=f"one of {', '.join(known.providers)}",
            got=repr(name),
        )
        for name in providers
        if name not in known.providers
    ]
    if faults:
        raise InputError(faults)


def _named(known: Catalog, name: str) -> object:
    """Return the site, offer or accelerator of this name.

    Raises
    ------
    InputError
        When there is none; names similar ones.
    """
    if name in known.accelerators:
        return known.accelerators[name]
    provider, _, rest = name.partition("/")
    region, _, _ = rest.partition("/")
    sites = {site.id: site for one in known.providers for site in known.sites(one)}
    offers = {offer.id: offer for offer in known.offers(provider, (region,))}
    found = sites.get(name) or offers.get(name)
    if found is None:
        near = get_close_matches(name, [*sites, *offers, *known.accelerators], n=3)
        remedy = f"did you mean {' or '.join(near)}?" if near else "see hybridplace catalog list"
        expected = "the name of a site, an offer or an accelerator"
        fault = Fault(
            where="catalog", path="name", expected=expected, got=repr(name), remedy=remedy
        )
        raise InputError([fault])
    return found


def _offers_text(known: Catalog, found: tuple[Offer, ...], limit: int) -> Iterator[RenderableType]:
    from rich.text import Text

    from hybridplace.report.figures import amount
    from hybridplace.report.tables import table

    right = ("USD/h", "CPUs", "GiB")
    shown = table("offer", "USD/h", "CPUs", "GiB", "accelerators", "as of", right=right)
    for offer in found[:limit]:
        devices = f"{offer.accelerators} x {offer.accelerator}" if offer.accelerator else "-"
        price = "-" if offer.price_usd_h is None else f"{offer.price_usd_h:,.4f}"
        size = (amount(offer.cpus), amount(offer.memory_gib))
        shown.add_row(offer.id, price, *size, devices, offer.as_of or "-")
    yield shown
    more = f", {limit} shown (--limit)" if len(found) > limit else ""
    yield Text(f"{len(found):,} offers{more}; catalog of {known.date}")


def _shown_text(plain: dict[str, Any], sources: dict[str, Any]) -> Iterator[RenderableType]:
    from rich.text import Text

    from hybridplace.report.tables import heading, table

    width = max(map(len, plain))
    for field, value in plain.items():
        yield Text(f"{field:{width}}  {_shown(value)}")
    if sources:
        yield heading("Sources")
        shown = table("figure", "as of", "from", "licence")
        for figure, one in sources.items():
            shown.add_row(figure, one["as_of"], one["origin"], one["licence"])
        yield shown


def _shown(value: Any) -> str:
    if value in (None, "", []):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _changes_text(found: Changes) -> Iterator[RenderableType]:
    from rich.text import Text

    from hybridplace.report.figures import usd
    from hybridplace.report.tables import heading, table

    for field, names in to_plain(found).items():
        if names and field != "repriced":
            yield heading(f"{field.replace('_', ' ')}: {len(names):,}")
            yield from (Text(f"  {name}") for name in names)
    if found.repriced:
        yield heading(f"repriced: {len(found.repriced):,}")
        shown = table("offer", "old USD/h", "new USD/h", right=("old USD/h", "new USD/h"))
        for one in found.repriced:
            shown.add_row(one.offer, usd(one.old_usd_h), usd(one.new_usd_h))
        yield shown
    if not any(to_plain(found).values()):
        yield Text("no difference")
