"""The packs that ship: their tables hold, and each policy of theirs is needed for that."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from hybridplace.policy import load, read_table, shipped
from hybridplace.policy.facts import PACKS
from hybridplace.policy.table import outcomes
from tests.policy.values import packs

TABLES = {name: read_table(PACKS / f"{name}.table.yaml") for name in shipped()}


@cache
def _tested(pack: str):
    return load(TABLES[pack].policies, folder=PACKS)


POLICIES = [(name, policy.rule.id) for name in shipped() for policy in packs(name).policies]


def test_the_packs_are_those_promised():
    """Nothing that the documentation names is missing from the package."""
    assert (
        "attestations",
        "base",
        "ccpa",
        "export-control",
        "fedramp",
        "gdpr",
        "hipaa",
        "on-site",
        "residency-eu",
        "spot-safety",
    ) == shipped()


@pytest.mark.parametrize("pack", TABLES)
def test_every_row_holds(pack):
    """A pack answers each row of its table as the table says, by the policies it names."""
    done = outcomes(TABLES[pack], _tested(pack))

    assert [] == [str(outcome) for outcome in done if not outcome.holds]


@pytest.mark.parametrize("pack", TABLES)
def test_tables_show_both_sides(pack):
    """A table has eight rows or more, each with its deciding policies, and denies as it allows."""
    rows = TABLES[pack].rows

    assert len(rows) >= 8
    assert [] == [row.case for row in rows if row.by is None]
    assert len(rows) == len({row.case for row in rows})
    assert ({True, False} if pack != "base" else {True}) == {row.allow for row in rows}


@pytest.mark.parametrize(("pack", "policy"), POLICIES)
def test_a_removed_policy_is_missed(pack, policy):
    """Without any one policy some row of the pack's table fails, so each is tested."""
    whole = _tested(pack)
    left = tuple(each for each in whole.policies if each.rule.id != policy)
    assert len(whole.policies) - 1 == len(left)

    done = outcomes(TABLES[pack], replace(whole, policies=left))

    assert [] != [outcome for outcome in done if not outcome.holds]


@pytest.mark.parametrize("pack", shipped())
def test_every_policy_explains_itself(pack):
    """A policy of a pack has an id, a reason and an article."""
    rules = [policy.rule for policy in packs(pack).policies]

    assert [] == [rule.id for rule in rules if not (rule.reason and rule.article)]


@pytest.mark.parametrize("pack", sorted(set(shipped()) - {"base", "on-site", "spot-safety"}))
def test_legal_packs_say_what_they_are_not(pack):
    """A pack about law begins by saying that it is no legal advice."""
    head = (PACKS / f"{pack}.cedar").read_text().split("@id")[0]

    assert "Not legal advice" in head


def test_all_packs_go_together():
    """No two packs use an id twice, and together they can still allow something."""
    together = packs(*shipped())

    assert len(POLICIES) == len(together.policies)
    assert None is together.denies_everything


def test_packs_agree_with_the_facts(shared):
    """The EEA, adequacy and proscribed countries are those of the table of laws."""
    import csv

    with (shared / "catalog" / "compliance.csv").open(newline="") as file:
        laws = {(row["framework"], row["rule"]): row for row in csv.DictReader(file)}
    listed = {
        "gdpr-scc": laws["GDPR", "adequacy"]["allowed_jurisdictions"],
        "uk-idta": laws["UK-GDPR", "transfer"]["allowed_jurisdictions"],
        "swiss-scc": laws["Swiss-nFADP", "transfer"]["allowed_jurisdictions"],
        "itar-proscribed": laws["ITAR", "technical-data"]["forbidden_jurisdictions"],
        "bulk-countries-of-concern": laws["US-bulk-data", "countries-of-concern"][
            "forbidden_jurisdictions"
        ],
    }
    texts = {policy.rule.id: policy.text for policy in packs(*shipped()).policies}

    missing = {
        (policy, country)
        for policy, countries in listed.items()
        for country in countries.split(";")
        if f'"{country}"' not in texts[policy]
    }

    assert set() == missing
