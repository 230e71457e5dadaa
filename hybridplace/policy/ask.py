"""Asks Cedar each distinct question once, all in one batch; what is not sure is not allowed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from hybridplace.errors import PolicyError
from hybridplace.policy.facts import Facts
from hybridplace.policy.load import PolicySet
from hybridplace.policy.source import DEFAULT_DENY

if TYPE_CHECKING:
    import cedarpy

PLACE = "place"
TRANSFER = "transfer"
AGGREGATE = "aggregate"
ACTIONS = (PLACE, TRANSFER, AGGREGATE)


class Question(NamedTuple):
    """Whether `principal`, a job for ``place`` and else a dataset, may be, or go, to the site.

    Facts that no policy looks at may be left out of it (see `relevant`).
    """

    action: str
    principal: Facts
    site: Facts
    offer: Facts = ()


class Answer(NamedTuple):
    """Whether it is allowed, and the ids of the policies that decided, sorted."""

    allowed: bool
    rules: tuple[str, ...]


def relevant(policies: PolicySet, of: str, facts: Facts) -> Facts:
    """Return the facts that some policy looks at: two jobs alike in these get the same answers.

    `of` is what Cedar calls the party: ``principal``, ``resource`` or ``context``.
    """
    return tuple(fact for fact in facts if f"{of}.{fact[0]}" in policies.reads)


def ask(policies: PolicySet, questions: Mapping[Question, str]) -> dict[Question, Answer]:
    """Return the answer to each question; its value says in words what it is about.

    Raises
    ------
    PolicyError
        A policy could not be evaluated for a question, so that nothing is decided.
    """
    import cedarpy

    if not questions:
        return {}
    uids: dict[tuple[str, Facts], dict[str, str]] = {}
    requests = [_request(question, uids) for question in questions]
    entities = json.dumps([_entity(uid, facts) for (_, facts), uid in uids.items()])
    try:
        results = cedarpy.is_authorized_batch(
            requests, policies.cedar, cedarpy.Entities.from_json_str(entities)
        )
    except ValueError as error:
        raise PolicyError(f"Cedar refused the questions: {error}; nothing is placed") from None
    return {
        question: _answer(policies, about, result)
        for (question, about), result in zip(questions.items(), results, strict=True)
    }


def _request(question: Question, uids: dict[tuple[str, Facts], dict[str, str]]) -> dict[str, Any]:
    principal = ("Job" if question.action == PLACE else "Dataset", question.principal)
    parties = {"principal": principal, "resource": ("Site", question.site)}
    for kind, facts in parties.values():
        uids.setdefault((kind, facts), {"type": kind, "id": str(len(uids))})
    return {
        "action": {"type": "Action", "id": question.action},
        "context": json.dumps(dict(question.offer)),
        **{name: uids[party] for name, party in parties.items()},
    }


def _entity(uid: dict[str, str], facts: Facts) -> dict[str, Any]:
    return {"uid": uid, "attrs": dict(facts), "parents": []}


def _answer(policies: PolicySet, about: str, result: cedarpy.AuthzResult) -> Answer:
    errors = result.diagnostics.errors
    if errors or result.decision.value not in ("Allow", "Deny"):
        raise PolicyError(_undecided(policies, about, errors))
    ids = [_policy_id(policies, reason) for reason in result.diagnostics.reasons]
    return Answer(bool(result.allowed), tuple(sorted(ids)) or (DEFAULT_DENY,))


def _policy_id(policies: PolicySet, name: str) -> str:
    """Return the @id of the policy that Cedar calls ``policyN``."""
    return policies.policies[int(name.removeprefix("policy"))].rule.id


def _undecided(policies: PolicySet, about: str, errors: list[str]) -> str:
    told = "; ".join(errors) or "no decision"
    told = re.sub(r"`(policy\d+)`", lambda name: f"`{_policy_id(policies, name[1])}`", told)
    return f"{about}: {told}; nothing is placed until the policy is mended"
