"""Denials: what Cedar denies, and nothing else, in few words."""

from __future__ import annotations

import cedarpy
import pytest

from hybridplace.errors import InputError, PolicyError
from hybridplace.model.job import Kind
from hybridplace.model.problem import Denial
from hybridplace.model.site import Market
from hybridplace.policy import decide, explain
from tests.policy.values import PERMIT, WORK, dataset, job, offer, packs, site, written

SPOT, ON_DEMAND = Market.SPOT, Market.ON_DEMAND


def _decide(policies, *, jobs=(), datasets=(), sites=(), offers=()):
    return decide(policies, jobs=jobs, datasets=datasets, sites=sites, offers=offers)


def test_nothing_is_permitted_by_default(tmp_path):
    """Where no policy permits, everything is denied by default-deny."""
    policies = written(tmp_path, '@id("x") @reason("r") forbid (principal, action, resource);')
    nothing = written(tmp_path, PERMIT.replace("resource)", "resource) when { false }"))

    both = [
        _decide(each, jobs=[job()], datasets=[dataset()], sites=[site()], offers=[offer()])
        for each in (policies, nothing)
    ]

    assert [
        [("place", ("job",), ("x",)), ("transfer", ("data",), ("x",))],
        [("place", ("job",), ("default-deny",)), ("transfer", ("data",), ("default-deny",))],
    ] == [[(each.action, each.subjects, each.rules) for each in denials] for denials in both]


def test_base_permits():
    """With the pack base alone nothing is denied."""
    denials = _decide(
        packs("base"),
        jobs=[job(reads=["data"])],
        datasets=[dataset(labels=["phi"])],
        sites=[site(country="CN")],
        offers=[offer(market=SPOT)],
    )

    assert () == denials


def test_a_rule_on_a_market_is_narrowed_to_it():
    """What is forbidden on spot machines only is stated of spot machines only."""
    offers = [offer(), offer(market=SPOT), offer(market=SPOT, confidential=["sev-snp"])]

    denials = _decide(packs("base", "spot-safety"), jobs=[job()], sites=[site()], offers=offers)

    expected = Denial(
        action="place", subjects=("job",), sites=("site",), market=SPOT, rules=("spot-training",)
    )
    assert (expected,) == denials


def test_a_rule_on_every_offer_is_not_narrowed():
    """At a site that has spot machines only, a rule on them is a rule on the site."""
    denials = _decide(
        packs("base", "spot-safety"), jobs=[job()], sites=[site()], offers=[offer(market=SPOT)]
    )

    assert (
        Denial(action="place", subjects=("job",), sites=("site",), rules=("spot-training",)),
    ) == denials


def test_wide_and_narrow_rules_stand_side_by_side():
    """A rule on the whole site is stated once, the others of the offers that they forbid."""
    denials = _decide(
        packs("base", "residency-eu", "spot-safety", "attestations"),
        jobs=[job(labels=["eu-only", "confidential"])],
        sites=[site(country="US")],
        offers=[
            offer(market=market, confidential=kind)
            for market in (SPOT, ON_DEMAND)
            for kind in ((), ("sev-snp",))
        ],
    )

    assert [
        (None, (), ("attest-in-use",)),
        (None, None, ("residency-eu-label",)),
        (SPOT, None, ("spot-training",)),
    ] == [(each.market, each.confidential, each.rules) for each in denials]


def test_confidential_computing_counts_in_any_order():
    """Offers that list the same in another order are covered as they list it."""
    offers = [
        offer(market=SPOT, confidential=("b", "a")),
        offer(confidential=("a", "b"), kind="y"),
        offer(market=SPOT, kind="z"),
    ]

    denials = _decide(packs("base", "spot-safety"), jobs=[job()], sites=[site()], offers=offers)

    covered = [[denial.covers(each) for denial in denials] for each in offers]
    assert [[True], [False], [True]] == covered


def test_a_home_is_no_copy():
    """A dataset is not asked about where it is."""
    denials = _decide(
        packs("base", "residency-eu"),
        datasets=[dataset(origin="DE", homes=["us-1"])],
        sites=[site("us-1", country="US"), site("us-2", country="US")],
    )

    assert [(("data",), ("us-2",))] == [(each.subjects, each.sites) for each in denials]


def test_a_job_is_bound_by_what_it_writes():
    """What a job produces is at its site, and must be allowed to be."""
    denials = _decide(
        packs("base", "residency-eu"),
        jobs=[job(writes=["out"])],
        datasets=[dataset("out", labels=["eu-only"])],
        sites=[site(country="US")],
        offers=[offer()],
    )

    assert [("place", ("residency-eu-label",)), ("transfer", ("residency-eu-label",))] == [
        (each.action, each.rules) for each in denials
    ]


def test_the_order_of_input_is_no_information():
    """Shuffled input gives the same denials in the same order."""
    policies = packs("base", "gdpr", "spot-safety")
    data = [dataset("a", labels=["personal"], origin="DE"), dataset("b", labels=["phi"])]
    jobs = [job("j", reads=["a", "b"]), job("i", kind=Kind.INFERENCE, reads=["b"])]
    sites = [site("s", country="US"), site("r", country="IN")]
    offers = [offer(at, market=market) for at in "sr" for market in (SPOT, ON_DEMAND)]

    first = _decide(policies, jobs=jobs, datasets=data, sites=sites, offers=offers)
    other = _decide(
        policies, jobs=jobs[::-1], datasets=data[::-1], sites=sites[::-1], offers=offers[::-1]
    )

    assert len(first) > 4
    assert first == other


def test_what_looks_the_same_is_asked_once(monkeypatch):
    """Jobs and sites that no policy can tell apart are one question, however many there are."""
    asked = []
    real = cedarpy.is_authorized_batch
    monkeypatch.setattr(
        cedarpy,
        "is_authorized_batch",
        lambda requests, *rest: [asked.extend(requests), real(requests, *rest)][1],
    )
    jobs = [
        job(f"{kind}-{number}", kind=kind) for number in range(20) for kind in Kind if kind in WORK
    ]
    sites = [site(f"s{number}", country="US") for number in range(20)]
    offers = [offer(at.id, market=market) for at in sites for market in (SPOT, ON_DEMAND)]

    denials = _decide(packs("base", "spot-safety"), jobs=jobs, sites=sites, offers=offers)

    assert 2 * 20 * 20 == sum(len(each.subjects) * len(each.sites) for each in denials)
    # The permits look at nothing: one question. The others look at kind, labels and market.
    assert 1 + len(WORK) * 2 == len(asked)


def test_a_dataset_that_is_not_there_is_a_fault():
    """A job that names an unknown dataset is refused, with each such name."""
    with pytest.raises(InputError) as caught:
        _decide(packs("base"), jobs=[job(reads=["x"], writes=["y"])], sites=[site()])

    assert ["'x'", "'y'"] == [fault.got for fault in caught.value.faults]


OVERFLOW = (
    '@id("too-big") @reason("r") forbid (principal is Dataset, action, resource) '
    "when { principal.size_gib * 9223372036854775807 > 0 };"
)


def test_a_policy_that_fails_closes(tmp_path):
    """When a policy cannot be evaluated nothing is decided; the error names it and the pair."""
    policies = written(tmp_path, f"{PERMIT}\n{OVERFLOW}")
    data = [dataset("fine", size_gib=1.0), dataset("large", size_gib=2.0)]

    with pytest.raises(PolicyError) as caught:
        _decide(policies, datasets=data, sites=[site("here")])

    assert str(caught.value).startswith("transfer large at here: error while evaluating policy")
    assert "`too-big`" in str(caught.value)
    with pytest.raises(PolicyError, match="too-big"):
        explain(policies, data[1], site("here"))


def test_a_question_that_cedar_refuses_closes(tmp_path):
    """A name that is no valid text, which Cedar cannot read, is an error and no permission."""
    text = '@id("x") @reason("r") forbid (principal, action, resource) when { resource.id == "a" };'
    policies = written(tmp_path, f"{PERMIT}\n{text}")

    with pytest.raises(PolicyError, match="nothing is placed"):
        _decide(policies, datasets=[dataset()], sites=[site("\ud800")])


def test_a_denial_does_not_hide_a_failure(tmp_path):
    """A policy that fails closes even where another one denies anyway."""
    forbid = '@id("no") @reason("r") forbid (principal, action, resource);'
    policies = written(tmp_path, f"{forbid}\n{OVERFLOW}")

    with pytest.raises(PolicyError, match="too-big"):
        _decide(policies, datasets=[dataset(size_gib=2.0)], sites=[site()])


def test_sizes_are_rounded_up(tmp_path):
    """A policy on size sees a dataset as no smaller than it is, and infinity as a number."""
    text = (
        '@id("big") @reason("r") forbid (principal is Dataset, action, resource) '
        "when { principal.size_gib > 10 };"
    )
    data = [
        dataset(f"{size_gib}", size_gib=size_gib) for size_gib in (0.0, 10.0, 10.001, float("inf"))
    ]

    denials = _decide(written(tmp_path, f"{PERMIT}\n{text}"), datasets=data, sites=[site()])

    assert ["10.001", "inf"] == [subject for denial in denials for subject in denial.subjects]


@pytest.mark.parametrize(
    ("facts", "allowed", "rules"),
    [
        ({"country": "DE"}, True, ["base-transfer"]),
        ({"country": "IN"}, False, ["gdpr-scc", "gdpr-tia"]),
    ],
)
def test_an_explanation_has_the_reasons(facts, allowed, rules):
    """It names what decided: permits where it is allowed, else all that forbid, with articles."""
    policies = packs("base", "gdpr")
    data = dataset(labels=["personal"], origin="FR")

    decision = explain(policies, data, site(attestations=["dpa"], **facts))

    assert (allowed, rules) == (decision.allowed, [rule.id for rule in decision.rules])
    assert [policies.rule[name] for name in rules] == list(decision.rules)
    assert all(rule.reason and rule.article for rule in decision.rules)


def test_an_explanation_is_of_one_offer():
    """A job is explained for the market and the confidential computing asked about."""
    policies = packs("base", "spot-safety", "attestations")
    asked = job(labels=["confidential"])

    spot = explain(policies, asked, site(), market=SPOT, confidential=["sev-snp"])
    plain = explain(policies, asked, site())

    assert (SPOT, ("sev-snp",)) == (spot.market, spot.confidential)
    assert ["spot-training"] == [rule.id for rule in spot.rules]
    assert ["attest-in-use"] == [rule.id for rule in plain.rules]


def test_updates_are_not_copies():
    """The action aggregate is explained apart from a transfer."""
    policies = packs("base", "on-site")
    data = dataset(labels=["restricted"], homes=["clinic"])

    answers = [
        explain(policies, data, site(), action=action).allowed
        for action in ("transfer", "aggregate")
    ]

    assert [False, True] == answers
