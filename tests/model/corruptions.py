"""Right plans made wrong, each in one way, and the rule that must tell."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from math import inf, nan
from typing import NamedTuple

from hybridplace.model.forecast import Figure, Forecast, Maintenance
from hybridplace.model.plan import Costs, Plan, Share, Status, Transfer, Unplaced
from hybridplace.model.problem import LimitMeasure, Problem
from hybridplace.model.site import Domain, Market, Measure
from tests.brute import best_plan
from tests.model.changes import (
    Change,
    all_of,
    copied,
    cost,
    denied,
    given,
    job_with,
    left_out,
    limited,
    link_with,
    named,
    nodes_with,
    not_restated,
    one_with,
    placed,
    said,
    shape_with,
    spread_out,
    twice,
    work_with,
)
from tests.problems import NAMED


class Corruption(NamedTuple):
    """The rule that tells, and what is done to the best plan of a named problem."""

    rule: str
    named: str
    change: Change

    def apply(self) -> tuple[Problem, Plan]:
        """The problem and the wrong plan."""
        return self.change(NAMED[self.named], best(self.named))


@cache
def best(name: str) -> Plan:
    """The best plan of a named problem."""
    return best_plan(NAMED[name])


# --- the corruptions, by rule and name ----------------------------------------------------------

_USD, _CARBON, _HOURS, _ = LimitMeasure
_OWNED, _BOUGHT, _SPOT = "lab/a100/owned", "near/g4/on_demand", "far/g4/spot"
_TO_FAR, _TO_NEAR = ("ready", "lab", "far"), ("ready", "lab", "near")


def _share(*devices: int, node: str = "n1") -> dict[str, tuple[Share, ...]]:
    return {"shares": (Share(node=node, devices=devices),)}


def _transfer(**ends: str) -> Change:
    transfer = Transfer(**{"dataset": "ready", "source": "lab", "target": "far", **ends})
    return said(transfers=(transfer,))


def _foretold(subject: str, measure: Figure, *hourly: float) -> Change:
    """A figure changes from hour to hour."""
    forecast = Forecast(subject=subject, measure=measure, hourly=hourly)
    return given(forecasts=lambda _: (forecast,))


def _maintained(node: str | None, start_h: float, end_h: float) -> Change:
    """A node of the lab, or all of them, are not to be used for a while."""
    one = Maintenance(pool="lab-nodes", node=node, start_h=start_h, end_h=end_h)
    return given(maintenance=lambda _: (one,))


_BY_RULE: dict[str, dict[str, tuple[str, Change]]] = {
    "names_are_known": {
        "unknown job": ("running", named("train", job="other")),
        "unknown offer": ("running", named("train", offer="other")),
        "unknown shape": ("running", named("train", shape=1)),
        "shape counted from the end": ("running", named("train", shape=-1)),
        "unknown job left out": ("running", said(unplaced=(Unplaced(job="other"),))),
        "unknown dataset": ("pipeline", _transfer(dataset="other")),
        "unknown source": ("pipeline", _transfer(source="other")),
        "unknown target": ("pipeline", _transfer(target="other")),
    },
    "each_job_is_decided_once": {
        "job missing": ("crowded", left_out("calm1", told=False)),
        "job twice": ("running", twice),
        "job left out twice": ("impossible", left_out("big")),
        "job placed and left out": ("crowded", left_out("calm1", dropped=False)),
    },
    "each_placement_holds": {
        "start is no number": ("crowded", named("calm0", start_h=nan)),
        "start is infinite": ("crowded", named("calm0", start_h=inf)),
        "worker too big": ("running", shape_with("train", memory_gib=65.0)),
        "accelerator of another kind": ("running", shape_with("train", accelerator="H100")),
        "CPUs of another kind": ("running", one_with("offers", _BOUGHT, architecture="arm64")),
        "too many replicas": ("serving", work_with("serve", max_replicas=1)),
        "serving beyond the horizon": ("serving", work_with("serve", hours=1e12)),
        "interrupted for ages": ("spot", one_with("offers", _SPOT, interruptions_per_h=40.0)),
        "interrupted for ever": ("spot", one_with("offers", _SPOT, interruptions_per_h=1e5)),
    },
    "_is_in_time": {
        "more work than the deadline allows": (
            "uncertain",
            job_with("train", work_range=(1.0, 4.0)),
        ),
        "wrong end": ("crowded", placed("calm0", end_h=1.5)),
        "end is no number": ("crowded", placed("calm0", end_h=nan)),
        "start off the grid": ("running", placed("train", start_h=0.5, end_h=2.5)),
        "start before now": (
            "running",
            placed("train", start_h=-1.0, end_h=1.0),
        ),
        "start too early": ("running", job_with("train", earliest_h=1.0)),
        "served too late": ("serving", placed("serve", start_h=1.0, end_h=4.0)),
        "deadline missed": ("crowded", job_with("calm2", deadline_h=3.0)),
        "horizon missed": ("crowded", given(horizon_h=lambda _: 3.0)),
    },
    "_has_its_machines": {
        "wrong machines": ("running", placed("train", machines=2)),
        "wrong nodes": ("crowded", placed("calm0", machines=2)),
        "shares on bought": ("running", placed("train", **_share(0))),
        "share missing": ("gang", placed("train", machines=1, **_share(0))),
        "no share": ("crowded", placed("calm0", machines=0, shares=())),
        "no such node": ("crowded", placed("hurried", **_share(0, node="n9"))),
        "node of another accelerator": ("gang", nodes_with(accelerator="H100")),
        "accelerator named twice": ("crowded", placed("calm2", **_share(0, 0))),
        "too many accelerators": ("crowded", placed("calm2", **_share(0, 1))),
        "no such accelerator": ("crowded", placed("calm2", **_share(2))),
        "accelerator counted from the end": ("crowded", placed("calm2", **_share(-1))),
    },
    "_is_connected": {
        "interconnect unknown": ("spot", one_with("offers", _SPOT, interconnect_gbps=None)),
        "interconnect too slow": ("gang", nodes_with(interconnect_gbps=5.0)),
    },
    "_is_near_its_users": {
        "users too far": ("serving", work_with("serve", latency_limit_ms=29.0)),
        "users at no known distance": (
            "serving",
            all_of(
                work_with("serve", latency_target_ms=None),
                link_with("lab", "near", latency_ms=None),
            ),
        ),
    },
    "_is_allowed": {
        "denied": ("running", denied("place", "train", "near")),
        "denied on that market": (
            "running",
            denied("place", "train", "near", market=Market.ON_DEMAND),
        ),
        "denied in the clear": ("running", denied("place", "train", "near", confidential=())),
    },
    "_is_sold": {
        "sold out": ("crowded", one_with("offers", _OWNED, available=False)),
        "price unknown": ("running", one_with("offers", _BOUGHT, price_usd_h=None)),
        "energy price unknown": ("crowded", one_with("sites", "lab", energy_usd_kwh=None)),
        "PUE unknown": ("crowded", one_with("sites", "lab", pue=None)),
        "power unknown": ("crowded", one_with("offers", _OWNED, accelerator_power_w=None)),
        "carbon unknown at a price": ("budget", one_with("sites", "near", carbon_g_kwh=None)),
        "latency unknown at a price": (
            "serving",
            all_of(
                work_with("serve", latency_limit_ms=None), link_with("lab", "near", latency_ms=None)
            ),
        ),
    },
    "nodes_hold": {
        "accelerator used twice": ("crowded", placed("calm1", **_share(0))),
        "half too much": ("shared_accelerator", placed("half0", **_share(2))),
        "too few cpus": ("crowded", nodes_with(cpus=7.0)),
        "too little memory": ("crowded", nodes_with(memory_gib=31.0)),
        "node in use while maintained": ("crowded", _maintained("n2", 0.5, 1.5)),
        "pool in use while maintained": ("crowded", _maintained(None, 3.9, 9.0)),
    },
    "quotas_hold": {
        "quota of machines": ("pipeline", one_with("pools", "near-quota", at_most=1)),
        "quota of cpus": (
            "pipeline",
            one_with("pools", "near-quota", measure=Measure.CPUS, at_most=31.0),
        ),
        "quota that shrinks": ("pipeline", _foretold("near-quota", Figure.AT_MOST, 2.0, 2.0, 1.0)),
        "quota of accelerators": (
            "serving",
            one_with("pools", "near-quota", measure=Measure.ACCELERATORS, at_most=1),
        ),
    },
    "caches_hold": {
        "delivered copy too large": ("pipeline", one_with("sites", "far", cache_gib=49.0)),
        "read copy too large": (
            "denied",
            all_of(
                given(datasets=lambda one: (replace(one.datasets[0], homes=("lab",)),)),
                one_with("sites", "near", cache_gib=0.0),
                copied(("patients", "lab", "near")),
            ),
        ),
    },
    "limits_hold": {
        "moved once too often": ("moving", placed("b", offer=_OWNED, **_share(0, node="n2"))),
        "moved though its tenant is not": ("moving", one_with("limits", "moves", at_most=0.0)),
        "budget exceeded in dear hours": (
            "budget",
            _foretold(_BOUGHT, Figure.PRICE_USD_H, 4.0, 6.0),
        ),
        "budget exceeded": ("budget", one_with("limits", "budget", at_most=8.0)),
        "egress over budget": ("pipeline", limited(_USD, 0.9, tenant="u")),
        "carbon exceeded": ("budget", one_with("limits", "carbon", at_most=400.0)),
        "accelerator hours exceeded": ("gang", limited(_HOURS, 5.9)),
        "limit on what is not known": (
            "running",
            all_of(one_with("sites", "near", carbon_g_kwh=None), limited(_CARBON, 1e9)),
        ),
    },
    "data_is_there": {
        "copy missing": ("pipeline", copied(_TO_FAR)),
        "delivery missing": ("pipeline", copied(_TO_NEAR)),
        "delivery from a home missing": ("delivered", copied()),
        "copy twice": ("pipeline", copied(_TO_FAR, _TO_FAR, _TO_NEAR)),
        "copy for nobody": ("pipeline", copied(_TO_FAR, _TO_NEAR, ("raw", "lab", "far"))),
        "copy to where it is": ("pipeline", copied(_TO_FAR, _TO_NEAR, ("raw", "lab", "lab"))),
        "copy of a copy": ("pipeline", copied(("ready", "near", "far"), _TO_NEAR)),
        "link without a price": ("pipeline", link_with("lab", "far", usd_gib=None)),
    },
    "producers_are_placed": {
        "producer left out": ("pipeline", all_of(left_out("clean"), copied())),
    },
    "inputs_come_first": {
        "read before produced": ("pipeline", placed("read1", start_h=0.0, end_h=2.0)),
        "read before arrived": ("pipeline", link_with("lab", "near", gbps=0.1)),
        "read before moved from home": (
            "denied",
            all_of(
                given(datasets=lambda one: (replace(one.datasets[0], homes=("lab",)),)),
                link_with("lab", "near", gbps=0.001),
                copied(("patients", "lab", "near")),
            ),
        ),
    },
    "transfers_are_allowed": {
        "copied where denied": ("pipeline", denied("transfer", "ready", "far")),
    },
    "jobs_are_together_or_apart": {
        "apart but together": ("apart", placed("b", offer=_OWNED, **_share(0, node="n2"))),
        "together but apart": ("apart", placed("c", offer=_BOUGHT, shares=())),
    },
    "jobs_are_spread": {
        "both in one country": ("spread", placed("b", offer=_OWNED, **_share(0, node="n2"))),
        "three in one region": (
            "crowded",
            spread_out("hurried", "calm0", "calm1", domain=Domain.REGION, at_most=2),
        ),
        "all with one provider": (
            "crowded",
            spread_out("hurried", "calm2", domain=Domain.PROVIDER, at_most=1),
        ),
        "both at one site": (
            "crowded",
            spread_out("calm0", "calm1", domain=Domain.SITE, at_most=1),
        ),
    },
    "sums_are_right": {
        **{f"{line} changed": ("pipeline", cost(line)) for line in Costs.__slots__},
        "price of other hours": (
            "running",
            not_restated(_foretold(_BOUGHT, Figure.PRICE_USD_H, 4.0, 4.1)),
        ),
        "energy price of other hours": (
            "waiting",
            not_restated(_foretold("lab", Figure.ENERGY_USD_KWH, 3.0, 0.2)),
        ),
        "carbon of other hours": (
            "waiting",
            not_restated(_foretold("lab", Figure.CARBON_G_KWH, 400.0, 400.0, 401.0)),
        ),
        "cost is no number": ("running", said(costs=Costs(compute_usd=nan))),
        "disruption not counted": (
            "running",
            all_of(
                one_with("leases", "key", offer=_SPOT),
                said(costs=Costs(compute_usd=8.0), objective_usd=8.0, bound_usd=8.0),
            ),
        ),
        "objective changed": ("running", said(objective_usd=7.0)),
        "carbon changed": ("running", said(carbon_g=1.0)),
        "quantile not told": ("uncertain", said(quantile=None)),
        "another quantile": ("uncertain", said(quantile=0.5)),
        "a quantile of nothing": ("running", said(quantile=0.5)),
        "unfairness of other weights": (
            "fair",
            not_restated(one_with("tenants", "t", weight=3.0)),
        ),
        "carbon not told": ("running", said(carbon_g=None)),
        "bound above the cost": ("running", said(bound_usd=8.1, status=Status.FEASIBLE)),
        "bound is no number": ("running", said(bound_usd=nan, status=Status.FEASIBLE)),
        "optimal with a gap": ("running", said(bound_usd=7.0)),
    },
}
CORRUPTIONS = {
    name: Corruption(rule, *parts)
    for rule, group in _BY_RULE.items()
    for name, parts in group.items()
}
