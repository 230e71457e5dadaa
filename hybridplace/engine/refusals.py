"""What the engine refuses to do, and what to do instead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from hybridplace.engine.actions import GRACE_H, key_of, plan_id
from hybridplace.errors import Fault, InputError, PlanError, PolicyError, ProviderError
from hybridplace.model.estate import Estate
from hybridplace.model.plan import Action, Plan, Verb
from hybridplace.model.run import TIME_TOLERANCE_H
from hybridplace.plugin.contract import did_you_mean, option_faults
from hybridplace.plugin.interfaces import Feature, Provider, Request
from hybridplace.plugin.manager import Plugins

if TYPE_CHECKING:
    from hybridplace.catalog import Catalog
    from hybridplace.policy import Decision


def refuse_early(at_h: float) -> None:
    """Refuse hours before a plan: it wants nothing to run then, and all would be released."""
    if not at_h >= -TIME_TOLERANCE_H:
        raise PlanError([f"the plan begins at hour 0, and wants nothing at {at_h:g}: wait for it"])


def refuse_late(action: Action) -> None:
    """Refuse to start what would be released before it has ended."""
    if action.late_h > GRACE_H:
        told = f"job {action.job} was to start {action.late_h:g} h ago and would be cut off"
        raise PlanError([f"{told}; plan again, with what runs: hybridplace plan --with-leases"])


def refuse_foreign(owner: str, plan: Plan, actions: Iterable[Action]) -> None:
    """Refuse to acquire what the plan does not have: no policy was asked about it."""
    name = plan_id(plan)
    known = {
        (one.job, one.offer, one.machines, key_of(owner, name, one)) for one in plan.placements
    }
    foreign = [
        f"acquiring {one.machines} x {one.offer} for job {one.job} is no part of this plan; "
        "ask diff for its actions"
        for one in actions
        if one.verb is Verb.ACQUIRE and (one.job, one.offer, one.machines, one.key) not in known
    ]
    if foreign:
        raise PlanError(foreign)


def refuse_denied(decisions: Iterable[Decision]) -> None:
    """Refuse what policies deny now, all of it at once."""
    denied = [
        f"{one.action} of {one.subject} at {one.site} is now denied by "
        f"{', '.join(rule.id for rule in one.rules)}; nothing was done: plan again"
        for one in decisions
        if not one.allowed
    ]
    if denied:
        raise PolicyError("\n".join(denied))


def refuse_program(provider: Provider, request: Request) -> None:
    """Refuse to pay for machines on which nobody would start the job's program."""
    if request.program is not None and Feature.PROGRAM not in provider.features:
        raise ProviderError(
            f"provider {provider.name!r} starts no programs, and job {request.job} has one: deny "
            "the job its offers by a policy, or start it yourself and take out program"
        )


def refuse_unknown_providers(estate: Estate, catalog: Catalog, plugins: Plugins) -> None:
    """Refuse providers that neither the catalog nor a plug-in has: nothing would be offered."""
    known = sorted({*catalog.providers, *plugins.providers})
    faults = [
        Fault(
            where="estate",
            path=f"providers[{number}].provider",
            expected=f"a provider in the catalog ({', '.join(catalog.providers)}) or of a plug-in",
            got=f"{access.provider}{did_you_mean(access.provider, known)}",
            remedy=f"correct it: {plugins.absent(access.provider)}",
        )
        for number, access in enumerate(estate.providers)
        if access.provider not in known
    ]
    if faults:
        raise InputError(faults)


def refuse_unknown_options(estate: Estate, catalog: Catalog, plugins: Plugins) -> None:
    """Refuse options that a plug-in does not have, and those of regions that are none."""
    faults = [
        Fault(
            where="estate",
            path=f"providers[{number}].options.{name}",
            expected=f"an option of {access.provider}",
            got=name,
            remedy=remedy,
        )
        for number, access in enumerate(estate.providers)
        for name in access.options
        for remedy in _option_faults(access.provider, name, catalog, plugins)
    ]
    if faults:
        raise InputError(faults)


def _option_faults(provider: str, name: str, catalog: Catalog, plugins: Plugins) -> Iterator[str]:
    if provider in plugins.providers:
        yield from option_faults(plugins.providers[provider], (name,))
    regions = [site.region for site in catalog.sites(provider)]
    _, dot, region = name.partition(".")
    if dot and regions and region not in regions:
        yield f"the catalog knows no region {region!r}{did_you_mean(region, regions)}"


def refuse_unknown_regions(estate: Estate, catalog: Catalog) -> None:
    """Refuse regions that the catalog lacks: a misspelt one would offer nothing, silently."""
    from hybridplace.catalog import unknown_regions

    faults = [
        Fault(
            where="estate",
            path=f"providers[{number}].regions",
            expected=f"regions of {access.provider} in the catalog",
            got=pattern,
            remedy=f"did you mean {' or '.join(near)}?" if near else "see hybridplace catalog list",
        )
        for number, access in enumerate(estate.providers)
        for pattern, near in unknown_regions(catalog, access.provider, access.regions).items()
    ]
    if faults:
        raise InputError(faults)
