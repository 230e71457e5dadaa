"""What is asked in bulk, once and in parts is what Cedar answers to each question by itself."""

from __future__ import annotations

import json

import cedarpy
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridplace.model.job import Kind
from hybridplace.model.site import Market
from hybridplace.policy import decide, explain, shipped
from hybridplace.policy.source import schema_text
from tests.policy.values import dataset, job, offer, packs, site

ALL = packs(*shipped())
TEXT = "\n".join(policy.text for policy in ALL.policies)
SCHEMA = cedarpy.Schema.from_str(schema_text())
AREAS = {"DE": {"DE", "EU", "EEA"}, "NO": {"NO", "EEA"}, "US-CA": {"US", "US-CA"}}

LABELS = ("personal", "phi", "restricted", "anonymised", "eu-only", "confidential", "federal")
ATTESTATIONS = ("dpa", "dpf", "scc", "tia", "iso27001", "baa")


def _some(values, most=3):
    return st.lists(st.sampled_from(values), max_size=most, unique=True)


DATASETS = st.builds(
    lambda labels, origin, homes: (labels, origin, homes),
    _some(LABELS),
    st.sampled_from(["DE", "NO", "US-CA", "US", "GB", "nowhere", None]),
    _some(["s0", "s1", "s2"], 1),
)
SITES = st.tuples(
    st.sampled_from(["DE", "NO", "US", "IN", "CA"]), _some(ATTESTATIONS, 5), st.booleans()
)
JOBS = st.tuples(
    st.sampled_from([Kind.TRAINING, Kind.INFERENCE, Kind.TUNING]),
    _some(["d0", "d1", "d2"], 2),
    _some([*LABELS, "interruptible"], 2),
    st.booleans(),
)
OFFERS = st.lists(
    st.tuples(st.sampled_from(Market), st.sampled_from([(), ("sev-snp",), ("b", "a")])),
    min_size=1,
    max_size=4,
)


def _widened(origins):
    known = [origin for origin in origins if origin not in (None, "nowhere")]
    return {area for origin in known for area in AREAS.get(origin, {origin})}


def _cedar(action, principal, where, context):
    """Ask Cedar itself, with everything that the schema has; return the ids of a denial."""
    kind = "Job" if action == "place" else "Dataset"
    attributes = {
        "id": where.id,
        "provider": where.provider,
        "region": where.region,
        "country": where.country,
        "jurisdictions": sorted(AREAS.get(where.country, {where.country})),
        "attestations": list(where.attestations),
        "own": where.own,
    }
    entities = [
        {"uid": {"type": kind, "id": "p"}, "attrs": principal, "parents": []},
        {"uid": {"type": "Site", "id": "s"}, "attrs": attributes, "parents": []},
    ]
    request = {
        "principal": f'{kind}::"p"',
        "action": f'Action::"{action}"',
        "resource": 'Site::"s"',
        "context": context,
    }
    parsed = cedarpy.Entities.from_json_str(json.dumps(entities), SCHEMA)
    result = cedarpy.is_authorized(request, TEXT, parsed, SCHEMA)
    assert [] == result.diagnostics.errors
    if result.allowed:
        return set()
    return set(result.diagnostics.id_annotations_by_reason.values()) or {"default-deny"}


def _copy(data, where):
    principal = {
        "id": data.id,
        "tenant": data.tenant,
        "labels": list(data.labels),
        "origins": sorted(_widened([data.origin])),
        "homes": list(data.homes),
        "size_gib": 1,
    }
    return _cedar("transfer", principal, where, {"home": where.id in data.homes})


def _run(work, data, where, market, confidential):
    """Ask about the job's own labels, and about each dataset with them."""
    own = set(work.labels)
    origins = [each.origin for each in data]
    parties = [
        (
            (own - {"anonymised"}) | set(each.labels),
            origins if own and not each.labels and each.origin is None else [each.origin],
            each.homes,
        )
        for each in data
    ]
    if own or not data:
        parties.append((own, origins, [home for each in data for home in each.homes]))
    denied = set()
    for labels, party_origins, homes in parties:
        principal = {
            "id": work.id,
            "tenant": work.tenant,
            "kind": str(work.kind),
            "labels": sorted(labels),
            "origins": sorted(_widened(party_origins)),
            "homes": sorted(set(homes)),
            "checkpointed": work.checkpoint is not None,
            "public": work.public,
        }
        context = {
            "market": str(market),
            "confidential": list(confidential),
            "home": where.id in homes,
        }
        denied |= _cedar("place", principal, where, context)
    return denied


def _against(denials, action, subject, where, one=None):
    return {
        rule
        for denial in denials
        if denial.action == action and subject in denial.subjects and where.id in denial.sites
        if one is None or denial.covers(one)
        for rule in denial.rules
    }


@settings(max_examples=40)
@given(
    drawn_data=st.lists(DATASETS, min_size=3, max_size=3),
    drawn_sites=st.lists(SITES, min_size=1, max_size=3),
    drawn_jobs=st.lists(JOBS, min_size=1, max_size=3),
    drawn_offers=OFFERS,
)
def test_denials_are_cedars_answers(drawn_data, drawn_sites, drawn_jobs, drawn_offers):
    """For every job and offer, and every copy, the rules are those that Cedar names, no others."""
    data = {
        f"d{number}": dataset(f"d{number}", labels=labels, origin=origin, homes=homes)
        for number, (labels, origin, homes) in enumerate(drawn_data)
    }
    sites = [
        site(f"s{number}", country=country, attestations=attestations, own=own)
        for number, (country, attestations, own) in enumerate(drawn_sites)
    ]
    jobs = [
        job(f"j{number}", kind=kind, reads=reads, labels=labels, checkpointed=checkpointed)
        for number, (kind, reads, labels, checkpointed) in enumerate(drawn_jobs)
    ]
    offers = [
        offer(where.id, market=market, confidential=confidential, kind=str(number))
        for where in sites
        for number, (market, confidential) in enumerate(drawn_offers)
    ]

    denials = decide(ALL, jobs=jobs, datasets=data.values(), sites=sites, offers=offers)

    assert sorted(set(denials), key=repr) == sorted(denials, key=repr)
    by_id = {where.id: where for where in sites}
    for one in offers:
        where = by_id[one.site]
        for work in jobs:
            read = [data[name] for name in work.inputs]
            expected = _run(work, read, where, one.market, one.confidential)
            assert expected == _against(denials, "place", work.id, where, one)
    for each in data.values():
        for where in sites:
            expected = set() if where.id in each.homes else _copy(each, where)
            assert expected == _against(denials, "transfer", each.id, where)


@settings(max_examples=40)
@given(facts=DATASETS, where=SITES)
def test_explanations_are_the_denials(facts, where):
    """What is explained about a copy is what is decided about it."""
    labels, origin, _ = facts
    country, attestations, own = where
    data = dataset(labels=labels, origin=origin)
    place = site(country=country, attestations=attestations, own=own)

    denials = decide(ALL, jobs=(), datasets=[data], sites=[place], offers=())
    told = explain(ALL, data, place)

    assert bool(denials) != told.allowed
    if denials:
        assert denials[0].rules == tuple(rule.id for rule in told.rules)
