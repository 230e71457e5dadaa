"""What goes over links with tiers, in the exact model: `v.tier` says in which tier it ends."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hybridplace.model.egress import Ends, link_usd, mean_range_usd_gib, tiers_left
from hybridplace.solver.transfers import Copy
from hybridplace.solver.variables import Variables

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

VOLUME_STEPS = 2**26
"""All that may go over a link is counted in so many steps."""

SHARE_STEPS = 2**33
"""So is what it costs, where a limit counts a share of it: products stay below 2^60."""


def end_in_a_tier(model: cp_model.CpModel, v: Variables) -> None:
    r"""End what goes over a link in one tier: :math:`b_k \le \sum_d z_d y_{dqt} \le b_{k+1}`."""
    for ends, chosen in v.tier.items():
        steps, per_gib = _volume(v, ends)
        volume = sum(steps[copy] * v.copy[copy] for copy in steps)
        begins = [begin for begin, _ in tiers_left(v.problem.link(*ends))]
        model.add_exactly_one(chosen)
        for tier, (begin, end) in zip(chosen, pairwise([*begins, math.inf]), strict=True):
            least = math.floor(min(begin * per_gib, 2.0 * VOLUME_STEPS))
            most = math.ceil(min(end * per_gib, 2.0 * VOLUME_STEPS))
            model.add(volume >= least).only_enforce_if(tier)
            model.add(volume <= most).only_enforce_if(tier)


def copies_over(v: Variables, ends: Ends) -> Iterator[Copy]:
    """Yield the copies that would go over a link."""
    return (copy for copy in v.copy if copy[1:] == ends)


def paid_steps(model: cp_model.CpModel, v: Variables, ends: Ends, per_usd: float) -> Any:
    r"""Return what a link costs, in steps: :math:`w \ge g(b_k) + p_k (\sum_d z_d y_{dqt} - b_k)`.

    In the tier k where the volume ends. In any case :math:`w \ge s \sum_d z_d y_{dqt}`, with the
    least mean price s.
    """
    link = v.problem.link(*ends)
    gib = {copy: v.problem.dataset[copy[0]].size_gib for copy in copies_over(v, ends)}
    total_gib = sum(gib.values())
    most = math.ceil(link_usd(link, total_gib) * per_usd) + len(gib) + 1
    paid = model.new_int_var(0, most, "")

    def at_least(fixed_usd: float, usd_gib: float) -> Any:
        terms = [round(usd_gib * size * per_usd) * v.copy[copy] for copy, size in gib.items()]
        return model.add(paid >= round(fixed_usd * per_usd) + sum(terms))

    at_least(0.0, mean_range_usd_gib(v.problem)[ends][0])
    for tier, (begin, usd_gib) in zip(v.tier[ends], tiers_left(link), strict=True):
        if begin <= total_gib:
            at_least(link_usd(link, begin) - usd_gib * begin, usd_gib).only_enforce_if(tier)
    return paid


def most_paid_usd(v: Variables, ends: Ends) -> float:
    """Return the largest sum of USD that is added up in a row of `paid_steps`."""
    link = v.problem.link(*ends)
    gib = sum(v.problem.dataset[copy[0]].size_gib for copy in copies_over(v, ends))
    return 2.0 * gib * max(usd_gib for begin, usd_gib in tiers_left(link) if begin <= gib)


def share_steps(
    model: cp_model.CpModel, v: Variables, ends: Ends, counted: Collection[Copy], per_usd: float
) -> Any:
    r"""Return the share of what a link costs that some copies have, in steps.

    By volume: :math:`s \sum_d z_d y_{dqt} \ge w \sum_{d \in C} z_d y_{dqt}`.
    """
    steps, _ = _volume(v, ends)
    if len(counted) == len(steps):
        return paid_steps(model, v, ends, per_usd)
    gib = sum(v.problem.dataset[copy[0]].size_gib for copy in steps)
    most = math.ceil(link_usd(v.problem.link(*ends), gib) * per_usd) + len(steps) + 1
    coarse = math.ceil(most / SHARE_STEPS)
    paid = paid_steps(model, v, ends, per_usd / coarse)
    share = model.new_int_var(0, most // coarse + 2 * len(steps), "")
    model.add(
        _product(model, share, _sum(model, v, steps, steps))
        >= _product(model, paid, _sum(model, v, steps, counted))
    )
    return coarse * share


def _volume(v: Variables, ends: Ends) -> tuple[dict[Copy, int], float]:
    """Return the size of each copy that may go over a link, in steps, and steps per GiB."""
    gib = {copy: v.problem.dataset[copy[0]].size_gib for copy in copies_over(v, ends)}
    per_gib = VOLUME_STEPS / max(sum(gib.values()), 1e-9)
    return {copy: round(size * per_gib) for copy, size in gib.items()}, per_gib


def _sum(
    model: cp_model.CpModel, v: Variables, steps: dict[Copy, int], some: Collection[Copy]
) -> Any:
    total = model.new_int_var(0, VOLUME_STEPS + len(steps), "")
    model.add(total == sum(steps[copy] * v.copy[copy] for copy in some))
    return total


def _product(model: cp_model.CpModel, one: Any, other: Any) -> Any:
    found = model.new_int_var(0, 2**61, "")
    model.add_multiplication_equality(found, [one, other])
    return found
