"""What keeps data with homes from being delivered, whatever a plan does with the jobs."""

from __future__ import annotations

from collections.abc import Iterator

from hybridplace.errors import Fault
from hybridplace.model.cost import covers_transfer, transfers_usd
from hybridplace.model.data import cached_gib, cheapest_transfer, copies_needed, room_gib
from hybridplace.model.plan import Transfer
from hybridplace.model.problem import LimitMeasure, Problem


def delivery_faults(problem: Problem) -> Iterator[Fault]:
    """Yield each delivery that no plan could make, of an otherwise well-formed problem."""
    made = []
    for dataset, target in copies_needed(problem, {}):
        path = f"datasets[{dataset}].deliver_to"
        denials = problem.denied("transfer", dataset, target)
        if denials:
            rules = ", ".join(sorted({rule for denial in denials for rule in denial.rules}))
            yield _fault(path, "sites that policies let it go to", f"{target}, denied by {rules}")
        homes = problem.dataset[dataset].homes
        transfer = cheapest_transfer(problem, dataset, target, homes)
        if transfer is None:
            told = f"none to {target}"
            yield _fault(path, f"a link with a price from {' or '.join(homes)}", told)
        else:
            made.append(transfer)
    yield from _caches(problem, made)
    yield from _limits(problem, made)


def _caches(problem: Problem, made: list[Transfer]) -> Iterator[Fault]:
    for name, gib in sorted(cached_gib(problem, made).items()):
        site = problem.site[name]
        if gib > room_gib(site):
            told = f"{site.cache_gib:g}"
            yield _fault(f"sites[{name}].cache_gib", f"{gib:g} for what is delivered", told)


def _limits(problem: Problem, made: list[Transfer]) -> Iterator[Fault]:
    for limit in problem.limits:
        if limit.measure is not LimitMeasure.USD:
            continue
        usd = sum(
            usd
            for one, usd in zip(made, transfers_usd(problem, made), strict=True)
            if covers_transfer(problem, limit, one)
        )
        if usd > limit.at_most:
            expected = f"at least {usd:g}, what is delivered in any case costs"
            yield _fault(f"limits[{limit.id}].at_most", expected, f"{limit.at_most:g}")


def _fault(path: str, expected: str, got: str) -> Fault:
    return Fault(where="problem", path=path, expected=expected, got=got)
