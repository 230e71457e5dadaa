"""Holds a plan and its certificate to the problem: every rule, every dollar, and the bound."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from hybridplace.checker.pricing import least_usd
from hybridplace.checker.scarcity import price_faults, scarcity_of, terms_usd
from hybridplace.model.certificate import Certificate
from hybridplace.model.cost import UnknownFigureError, plan_costs
from hybridplace.model.plan import Plan
from hybridplace.model.problem import Problem
from hybridplace.model.verify import breaches

TOLERANCE = 1e-9
"""Relative to the sum of the amounts that are added up: what the order of adding explains."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was computed again, and everything that is wrong.

    Parameters
    ----------
    bound_usd : float or None
        What the prices prove; None if there are none, or they mean nothing.
    gap : float or None
        (objective - bound) / bound with that bound.
    pairs : int
        How many combinations of job, shape and offer were priced.
    """

    faults: tuple[str, ...]
    bound_usd: float | None = None
    gap: float | None = None
    pairs: int = 0


def check(problem: Problem, plan: Plan) -> Checked:
    """Price all jobs on all offers at all starts, and compare with what the plan says of itself."""
    faults = breaches(problem, plan)
    certificate = plan.certificate
    if plan.problem_digest != problem.digest:
        return Checked(faults=faults)
    faults += tuple(_objective_faults(problem, plan))
    if certificate is None:
        return Checked(
            faults=(*faults, "certificate: there is none; the bound can only be searched for again")
        )
    wrong = tuple(f"certificate: {told}" for told in price_faults(problem, certificate))
    if wrong:
        return Checked(faults=faults + wrong)
    bound_usd, tolerance_usd, pairs = _bound(problem, certificate)
    faults += tuple(_bound_faults(plan, certificate, bound_usd, tolerance_usd))
    gap = max(0.0, plan.objective_usd - bound_usd) / max(abs(bound_usd), 1e-9)
    return Checked(faults=faults, bound_usd=bound_usd, gap=gap, pairs=pairs)


def _bound(problem: Problem, certificate: Certificate) -> tuple[float, float, int]:
    """Return the bound, what it may be wrong by, and the number of pairs priced."""
    scarcity = scarcity_of(problem, certificate)
    least, pairs = least_usd(problem, scarcity)
    terms = [float(usd) for usd in least]
    if scarcity.knapsacks is not None:
        terms = list(scarcity.knapsacks.terms_usd(least, scarcity.at_most[:, 0, 0]))
    terms += terms_usd(problem, scarcity)
    return math.fsum(terms), TOLERANCE * math.fsum(map(abs, terms)), pairs


def _objective_faults(problem: Problem, plan: Plan) -> Iterator[str]:
    unplaced = [one.job for one in plan.unplaced]
    try:
        costs = plan_costs(problem, plan.placements, plan.transfers, unplaced)
    except (UnknownFigureError, KeyError, IndexError):
        return  # told by `breaches`
    if not math.isclose(plan.objective_usd, costs.total_usd, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
        yield f"certificate: the plan costs {costs.total_usd!r} USD, not {plan.objective_usd!r}"


def _bound_faults(
    plan: Plan, certificate: Certificate, bound_usd: float, tolerance_usd: float
) -> Iterator[str]:
    said_usd = certificate.bound_usd
    if not abs(said_usd - bound_usd) <= tolerance_usd:
        yield f"certificate: its prices prove a bound of {bound_usd!r} USD, not {said_usd!r}"
    proven_usd = max(bound_usd, certificate.searched_usd or -math.inf)
    if not plan.bound_usd <= proven_usd + tolerance_usd:
        told = f"the plan's bound of {plan.bound_usd!r} USD is above what is proven"
        yield f"certificate: {told}, {proven_usd!r} USD"
