"""What a supply is after something of it has changed, without looking at all else again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hybridplace.model.job import Job, Shape
from hybridplace.model.problem import Problem
from hybridplace.model.site import Node
from hybridplace.solver.instance import Bools, Floats, Indices, Ints
from hybridplace.solver.needs import Hardware
from hybridplace.solver.offers import OfferTable
from hybridplace.solver.runs import SIZE_TOLERANCE
from hybridplace.solver.supply import NodeSize, Supply, Worth, size_of
from hybridplace.solver.tariffs import Tariff, Tariffs, carbon_usd_g


def without(supply: Supply, offer: int) -> Supply:
    """Return a supply in which an offer is sold out; it has to be `looked_again` before use."""
    available = supply.offers.available.copy()
    available[offer] = False
    return replace(supply, offers=replace(supply.offers, available=available))


def looked_again(supply: Supply, offers: Sequence[int]) -> Supply:
    """Return a supply whose offers worth a look are right after some have changed."""
    new = replace(supply, worth={})
    new.worth.update(_worth_again(supply, new, offers))
    return new


def repriced(supply: Supply, problem: Problem, offer: int) -> Supply:
    """Return a supply in which an offer has another price, or is for sale or not any more.

    The same as `supply_of` of that problem, of which nothing else is new but jobs.
    """
    old, now = supply.offers, problem.offers[offer]
    priced, available = old.priced.copy(), old.available.copy()
    available[offer], tariffs = now.available, old.tariffs
    if tariffs.row[offer, 0] < 0:
        usd_h = np.nan if now.price_usd_h is None else now.price_usd_h
        priced[offer] = now.price_usd_h is not None
        tariffs = _with_price(tariffs, offer, usd_h, carbon_usd_g(problem))
    offers = replace(old, priced=priced, available=available, tariffs=tariffs)
    return looked_again(replace(supply, problem=problem, offers=offers), [offer])


def _with_price(tariffs: Tariffs, offer: int, usd_h: float, carbon_usd: float) -> Tariffs:
    """Return tariffs with another price of an offer."""
    changed: dict[int, Tariff] = {}
    for tariff in (tariffs.steady, tariffs.least, tariffs.most):
        if id(tariff) not in changed:
            price_usd_h, machine_usd_h = tariff.price_usd_h.copy(), tariff.machine_usd_h.copy()
            carbon_usd_h = tariff.machine_g_h[offer] * carbon_usd if carbon_usd > 0 else 0.0
            price_usd_h[offer], machine_usd_h[offer] = usd_h, usd_h + carbon_usd_h
            changed[id(tariff)] = replace(
                tariff, price_usd_h=price_usd_h, machine_usd_h=machine_usd_h
            )
    steady, least, most = (
        changed[id(one)] for one in (tariffs.steady, tariffs.least, tariffs.most)
    )
    return replace(tariffs, steady=steady, least=least, most=most)


def _worth_again(old: Supply, new: Supply, changed: Sequence[int]) -> Worth:
    """Return the offers worth a look after some have changed: those of other kinds stay."""
    table = new.offers
    alike = np.zeros(len(table.kind), dtype=bool)
    for offer in changed:
        alike |= (table.kind == table.kind[offer]) & (table.group == table.group[offer])
    kinds_changed = np.unique(table.kind[list(changed)]).tolist()
    found: Worth = {}
    for (hardware, by_site), (offers, kinds) in old.worth.items():
        if hardware is None:
            left = offers[~alike[offers]]
            again = new.all_worth(np.flatnonzero(alike), by_site=by_site)
            rows = np.insert(
                left, np.searchsorted(_order(table, left), _order(table, again)), again
            )
            found[None, by_site] = rows, table.kind[rows]
        elif not any(_runs(table, hardware, kind) for kind in kinds_changed):
            found[hardware, by_site] = offers, kinds
    return found


def _order(table: OfferTable, rows: Ints | Indices) -> Ints:
    """Return numbers that order offers as `own_first` does."""
    groups, sites = int(table.group.max(initial=0)) + 2, int(table.site.max(initial=0)) + 1
    block: Ints = (~table.owned[rows]).astype(np.int64) * groups + table.group[rows] + 1
    return (block * sites + table.site[rows]) * len(table.kind) + rows


def _runs(table: OfferTable, hardware: Hardware, kind: int) -> bool:
    """Tell whether a kind is of a hardware: one of `runs_on`."""
    accelerator, architectures = hardware
    fits = table.kinds.architecture[kind] in architectures
    return fits and accelerator in (None, table.kinds.accelerator[kind])


def only_offer(supply: Supply, offer: int) -> Supply:
    """Return a supply in which only one offer is for sale, and no job runs."""
    available = np.zeros_like(supply.offers.available)
    available[offer] = supply.offers.available[offer]
    offers = replace(supply.offers, available=available)
    return replace(supply, offers=offers, held={}, worth={})


def without_node(supply: Supply, group: int, node: Node) -> Supply:
    """Return a supply in which a group has lost a node."""
    sizes = list(supply.node_sizes)
    left, lost = dict(sizes[group]), size_of(node)
    left[lost] -= 1
    sizes[group] = {size: count for size, count in left.items() if count}
    return replace(supply, node_sizes=tuple(sizes))


def changed_policies(old: Supply, new: Supply) -> list[str]:
    """Return the jobs that other offers are denied to than before, in order."""
    differ: dict[tuple[int, int], bool] = {}
    found = []
    for name in sorted(old.policy_of.keys() | new.policy_of.keys()):
        key = (old.policy_of.get(name, 0), new.policy_of.get(name, 0))
        if key not in differ:
            differ[key] = not np.array_equal(old.denied[key[0]], new.denied[key[1]])
        if differ[key]:
            found.append(name)
    return found


def may_be_too_large(sizes: dict[NodeSize, int], use: Floats) -> Bools:
    """Tell which jobs may need more than nodes hold: of equal ones only what takes half of them.

    A node holds at least half of what fits by volume, once it holds one worker.
    """
    if len(sizes) > 1:
        return np.ones(len(use), dtype=bool)
    ((*has, _), count) = next(iter(sizes.items()))
    large: Bools = np.asarray((use > 0.5 * count * np.array(has)).any(axis=1))
    return large


def hold(sizes: dict[NodeSize, int], job: Job, shape: Shape, use: list[float]) -> bool:
    """Tell whether empty nodes hold all workers of a job, well connected if it asks for that.

    Parameters
    ----------
    use : list of float
        Accelerators, CPUs and GiB of all workers.
    """
    needs = (shape.accelerators, shape.cpus, shape.memory_gib)
    workers = max(round(all_ / one) for all_, one in zip(use, needs, strict=True) if one > 0)
    gbps = getattr(job.work, "interconnect_gbps", None)
    total = fast = single = 0.0
    for (*has, speed), count in sizes.items():
        parts = [size / one for size, one in zip(has, needs, strict=True) if one > 0]
        holds = float(np.floor(min(parts) + SIZE_TOLERANCE))
        total += holds * count
        fast += holds * count if gbps is not None and speed >= gbps else 0.0
        single = max(single, holds)
    return total >= workers and (gbps is None or max(single, fast) >= workers)
