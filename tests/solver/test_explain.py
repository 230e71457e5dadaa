"""Why here, why not there, and what would have to change: each held to the plan it speaks of."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from hybridplace.errors import InputError
from hybridplace.model.job import Dataset, Inference, Training, Users
from hybridplace.model.plan import Plan
from hybridplace.model.problem import Denial, Limit, LimitMeasure, Problem, Rule
from hybridplace.solver import packing, solve
from hybridplace.solver.exclusions import NO_ROOM
from hybridplace.solver.explain import Explanation, explain
from hybridplace.solver.reasons import TEXT, Reason
from hybridplace.solver.relax import smallest_relaxation
from hybridplace.solver.tables import compile_problem
from tests.problems import BOUGHT, NODES, ONE_GPU, OWNED, PLAIN, QUOTA, SPOT, TRAIN
from tests.solver.crowding import crowded_problem


def _problem(*jobs, **parts) -> Problem:
    return replace(PLAIN, jobs=jobs or (TRAIN,), **parts)


def _asked(problem: Problem, offer: str, job: str = "train") -> tuple[Plan, Explanation]:
    plan = solve(problem)
    return plan, explain(problem, plan, job, offer)


def _best_elsewhere(problem: Problem, plan: Plan, job: str, offer: str) -> float:
    """Return what the best plan costs that has `job` on `offer` and all others as they are."""
    others = [one for one in plan.placements if one.job != job]
    fixed = tuple(
        Denial(action="place", subjects=(one.job,), sites=(site.id,), rules=("fixed",))
        for one in others
        for site in problem.sites
        if site.id != problem.offer[one.offer].site
    )
    only = tuple(
        Denial(action="place", subjects=(job,), sites=(site.id,), rules=("fixed",))
        for site in problem.sites
        if site.id != problem.offer[offer].site
    )
    return solve(replace(problem, denials=(*problem.denials, *fixed, *only))).objective_usd


def test_costs_of_a_placement_and_what_is_moved_for_it():
    """The lines are those of the placement; the copy it reads is named with its price."""
    problem = crowded_problem(13)
    plan = solve(problem)
    for placement in plan.placements:
        found = explain(problem, plan, placement.job)

        assert placement == found.placement
        assert 0 == found.costs.rejection_usd
        for transfer, usd in found.transfers:
            assert transfer in plan.transfers
            assert transfer.dataset in problem.job[placement.job].inputs
            assert usd >= 0


@pytest.mark.parametrize("seed", range(12))
def test_alternatives_cost_what_they_say(seed):
    """Moving a job to an alternative never beats a proven optimum, nor the best plan there."""
    problem = crowded_problem(seed)
    plan = solve(problem)
    for placement in plan.placements:
        found = explain(problem, plan, placement.job).alternatives
        extras = [one.extra_usd for one in found]

        assert extras == sorted(extras)
        assert all(extra >= -1e-6 for extra in extras)
        for one in found:
            assert one.offer != placement.offer
            best_usd = _best_elsewhere(problem, plan, placement.job, one.offer)
            assert plan.objective_usd + one.extra_usd >= best_usd - 1e-6


def test_an_offer_that_would_do_is_priced():
    """On demand instead of the own machine: its price, less the energy saved."""
    plan, found = _asked(_problem(), BOUGHT.id)
    (there,) = found.alternatives

    assert () == there.reasons
    assert 8.0 == pytest.approx(plan.objective_usd + there.extra_usd)


def test_a_denied_offer_names_rule_and_article():
    """The rule, its reason and its article are told."""
    rule = Rule(id="stay", reason="it must stay", article="Art. 44")
    denial = Denial(action="place", subjects=("train",), sites=("near",), rules=("stay",))
    _, found = _asked(_problem(rules=(rule,), denials=(denial,)), BOUGHT.id)
    (there,) = found.alternatives

    assert ("denied by policy: stay",) == there.reasons
    assert (rule,) == there.rules
    assert None is there.extra_usd


def test_a_full_pool_is_told():
    """Where all own machines are taken, the reason is what verify says of the changed plan."""
    one = replace(NODES, nodes=NODES.nodes[1:])
    long = replace(TRAIN, id="long", work=Training(units=4.0), reject_usd=500.0)
    problem = _problem(TRAIN, long, pools=(one, QUOTA), offers=(OWNED, BOUGHT))
    _, found = _asked(problem, OWNED.id)
    (there,) = found.alternatives

    assert BOUGHT.id == found.placement.offer
    assert there.extra_usd is None
    assert there.reasons


EXCLUDED = {
    Reason.ACCELERATOR: lambda: (TRAIN, replace(BOUGHT, accelerator="H100"), {}),
    Reason.SIZE: lambda: (TRAIN, replace(BOUGHT, cpus=1.0), {}),
    Reason.SOLD_OUT: lambda: (TRAIN, replace(BOUGHT, available=False), {}),
    Reason.PRICE_UNKNOWN: lambda: (TRAIN, replace(BOUGHT, price_usd_h=None), {}),
    Reason.ARCHITECTURE: lambda: (TRAIN, replace(BOUGHT, architecture="arm64"), {}),
    Reason.FIGURE_UNKNOWN: lambda: (
        TRAIN,
        replace(BOUGHT, accelerator_power_w=None),
        {"assumptions": replace(PLAIN.assumptions, carbon_usd_t=50.0)},
    ),
    Reason.TIME: lambda: (replace(TRAIN, deadline_h=1.0), BOUGHT, {}),
    Reason.QUOTA: lambda: (
        TRAIN,
        BOUGHT,
        {"pools": (NODES, replace(QUOTA, at_most=0))},
    ),
    Reason.LIMIT: lambda: (
        TRAIN,
        BOUGHT,
        {"limits": (Limit(id="budget", measure=LimitMeasure.USD, at_most=1.0),)},
    ),
    Reason.INTERCONNECT: lambda: (
        replace(
            TRAIN,
            work=Training(units=2.0, interconnect_gbps=50.0),
            shapes=(replace(ONE_GPU, workers=2),),
        ),
        BOUGHT,
        {},
    ),
    Reason.LATENCY: lambda: (_serving(latency_limit_ms=5.0), BOUGHT, {}),
    Reason.REPLICAS: lambda: (_serving(max_replicas=1, load_rps=(2 / 3600,)), BOUGHT, {}),
}


def _serving(**changed):
    work = Inference(load_rps=(1 / 3600,), hours=2.0, users=(Users(site="lab", share=1.0),))
    return replace(TRAIN, work=replace(work, **changed))


@pytest.mark.parametrize("reason", EXCLUDED)
def test_each_reason_is_told_in_words(reason):
    """An offer that is out for one reason is told so, and counted so."""
    job, offer, parts = EXCLUDED[reason]()
    problem = _problem(job, offers=(offer,), **parts)
    plan, found = _asked(problem, offer.id)

    assert (TEXT[reason],) == found.alternatives[0].reasons
    assert ((TEXT[reason], 1),) == found.exclusions
    assert found.exclusions == plan.unplaced[0].reasons


RELAXED = {
    Reason.SOLD_OUT: "near/g4/on_demand being sold out",
    Reason.TIME: "the deadline at 1 h",
    Reason.QUOTA: "quota near-quota",
    Reason.LIMIT: "limit budget",
    Reason.LATENCY: "the latency limit of 5.0 ms",
    Reason.REPLICAS: "max_replicas 1",
}


@pytest.mark.parametrize("reason", RELAXED)
def test_the_smallest_relaxation_places_the_job(reason):
    """What would have to go is named, with where the job then runs and what the plan then costs."""
    job, offer, parts = EXCLUDED[reason]()
    problem = _problem(job, offers=(offer,), **parts)
    found = explain(problem, solve(problem), "train").relaxation

    assert (RELAXED[reason],) == found.lifted
    assert offer.id == found.offer
    assert found.plan_usd < job.reject_usd


def test_the_rule_to_lift_is_named():
    """Of two ways, the one with fewer rules to lift is told."""
    rules = (Rule(id="a", reason="x"), Rule(id="b", reason="y"), Rule(id="c", reason="z"))
    denials = (
        Denial(action="place", subjects=("train",), sites=("near",), rules=("a",)),
        Denial(action="place", subjects=("train",), sites=("far",), rules=("b", "c")),
    )
    problem = _problem(offers=(BOUGHT, SPOT), rules=rules, denials=denials)
    found = explain(problem, solve(problem), "train").relaxation

    assert ("rule a",) == found.lifted
    assert BOUGHT.id == found.offer


def test_what_nobody_can_change_has_no_relaxation():
    """No machine is large enough: nothing to lift."""
    problem = _problem(offers=(replace(BOUGHT, cpus=1.0),))
    plan = solve(problem)

    assert None is explain(problem, plan, "train").relaxation


def test_a_reader_waits_for_its_maker():
    """What is left out since its input is not made has no relaxation of its own."""
    for seed in range(60):
        problem = crowded_problem(seed)
        plan = solve(problem)
        placed = {one.job for one in plan.placements}
        for left_out in plan.unplaced:
            makers = {problem.producer.get(one) for one in problem.job[left_out.job].inputs}
            if (makers - {None}) - placed:
                compiled = compile_problem(problem)
                assert None is smallest_relaxation(compiled, plan, left_out.job)
                return

    pytest.fail("no such problem among those drawn")


def test_a_job_left_out_for_others_says_so():
    """Where an offer would do and others have the money, that is the reason."""
    jobs = (replace(TRAIN, reject_usd=20.0), replace(TRAIN, id="other"))
    budget = Limit(id="budget", measure=LimitMeasure.USD, at_most=9.0)
    problem = _problem(*jobs, offers=(BOUGHT,), limits=(budget,))
    plan = solve(problem)
    found = explain(problem, plan, "train")

    assert ((NO_ROOM, 1),) == plan.unplaced[0].reasons
    assert ("limit budget",) == found.relaxation.lifted
    assert math.isclose(16.0, found.relaxation.plan_usd)


@pytest.mark.parametrize(("job", "offer"), [("nobody", None), ("train", "nowhere")])
def test_unknown_names_are_input_faults(job, offer):
    """A job or offer that is not there is named."""
    plan = solve(PLAIN)

    with pytest.raises(InputError, match=offer or job):
        explain(PLAIN, plan, job, offer)


def test_an_offer_where_a_result_may_not_go_is_no_alternative():
    """Next best offers leave out those to which the job's input may not be copied."""
    made = Dataset(id="made", tenant="t", size_gib=1.0)
    maker = replace(TRAIN, id="maker", outputs=("made",), deadline_h=2.0)
    reader = replace(TRAIN, inputs=("made",))
    barred = Denial(action="transfer", subjects=("made",), sites=("far",), rules=("stay",))
    rules = (Rule(id="stay", reason="it must stay"),)
    problem = _problem(maker, reader, datasets=(made,), denials=(barred,), rules=rules)
    problem = replace(problem, horizon_h=6.0)
    plan = solve(problem)

    assert {"lab"} == {problem.offer[one.offer].site for one in plan.placements}
    assert [BOUGHT.id] == [one.offer for one in explain(problem, plan, "train").alternatives]
    assert (TEXT[Reason.DATA],) == explain(problem, plan, "train", SPOT.id).alternatives[0].reasons


def test_what_cannot_be_decided_is_not_promised(monkeypatch):
    """Where packing gives no answer in time, the offer is not called possible."""
    problem = _problem(TRAIN, replace(TRAIN, id="other"))
    plan = solve(problem)
    monkeypatch.setattr(packing, "_orders", lambda stays: iter(()))
    monkeypatch.setattr(packing, "DETERMINISTIC_LIMIT", 0.0)
    (there,) = explain(problem, plan, "train", OWNED.id).alternatives

    assert None is there.extra_usd
    assert ("own nodes are full then",) == there.reasons


def test_a_reader_whose_maker_is_left_out_is_told_so():
    """The reason is the job that does not make the input, and not room or money."""
    from hybridplace.model.job import Dataset

    data = Dataset(id="d", tenant="t", size_gib=1.0)
    maker = replace(TRAIN, id="maker", outputs=("d",), deadline_h=1.0)
    problem = _problem(maker, replace(TRAIN, inputs=("d",)), datasets=(data,), offers=(BOUGHT,))
    plan = solve(problem)
    told = (("could run here if its input were made, but this is left out: maker", 1),)

    assert told == explain(problem, plan, "train").exclusions
    assert told == next(one.reasons for one in plan.unplaced if one.job == "train")
