"""What policies see of values."""

from __future__ import annotations

import pytest

from hybridplace.policy import notes
from hybridplace.policy.facts import dataset_facts, job_facts, site_facts
from tests.policy.values import dataset, job, site

ORIGINS = {
    "DE": {"DE", "EU", "EEA"},
    "EU": {"EU", "EEA"},
    "EEA": {"EEA"},
    "IS": {"IS", "EEA"},
    "CH": {"CH"},
    "UK": {"UK", "GB"},
    "US-CA": {"US-CA", "US"},
    "DE-BY": {"DE-BY", "DE", "EU", "EEA"},
    "Germany": set(),
    "de": set(),
    "EL": set(),
    "XX-CA": set(),
    "": set(),
    None: set(),
}


@pytest.mark.parametrize("origin", ORIGINS)
def test_an_origin_lies_in_its_areas(origin):
    """An origin brings the areas around it, and what names no place is unknown."""
    facts = dict(dataset_facts(dataset(origin=origin)).facts)

    assert ORIGINS[origin] == set(facts["origins"])


def test_a_site_lies_in_its_areas():
    """A site is in its country and the areas around that, beside what is written down."""
    facts = dict(site_facts(site(country="FR", jurisdictions=["EU_SOVEREIGN"])))

    assert ("EEA", "EU", "EU_SOVEREIGN", "FR") == facts["jurisdictions"]


def _seen(asked):
    return [
        (set(dict(facts)["labels"]), set(dict(facts)["origins"]), homes) for facts, homes in asked
    ]


def test_labels_stay_with_their_dataset():
    """Each dataset is asked about with its own labels, origin and homes."""
    data = [
        dataset("a", labels=["personal"], origin="CH", homes=["h"]),
        dataset("b", labels=["anonymised"], origin="US"),
    ]

    assert [({"personal"}, {"CH"}, ("h",)), ({"anonymised"}, {"US"}, ())] == _seen(
        job_facts(job(), data)
    )


def test_the_jobs_labels_hold_for_each_dataset():
    """A label of the job is added to each dataset, save that it cannot anonymise one."""
    data = [dataset("a", labels=["phi"], origin="US"), dataset("b")]

    asked = _seen(job_facts(job(labels=["federal", "anonymised"]), data))

    assert [
        ({"federal", "anonymised"}, {"US"}, ()),
        ({"federal", "phi"}, {"US"}, ()),
        ({"federal"}, {"US"}, ()),
    ] == asked


def test_equal_datasets_are_asked_about_once():
    """Policies see no name of a dataset in a job, so alike ones are one question."""
    data = [dataset("a", labels=["phi"]), dataset("b", labels=["phi"])]

    assert 1 == len(job_facts(job(), data))


def test_a_vanished_label_is_noted():
    """An output without the label of the input is noted; kept or anonymised it is not."""
    data = [
        dataset("in", labels=["personal", "phi"]),
        dataset("kept", labels=["personal", "phi"]),
        dataset("clean", labels=["anonymised"]),
        dataset("lost", labels=["phi"]),
        dataset("public"),
    ]
    jobs = [
        job("one", reads=["in"], writes=["kept", "clean", "lost"]),
        job("two", reads=["clean", "public"], writes=["public"]),
    ]

    told = notes(jobs, data)

    assert ["job one: reads personal data (in) and writes lost"] == [
        note.split(" without")[0] for note in told
    ]
