"""Asks Cedar each distinct question once, in batches; what is not sure is not allowed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from hybridplace.errors import PolicyError
from hybridplace.policy.facts import Facts
from hybridplace.policy.load import PolicySet
from hybridplace.policy.source import DEFAULT_DENY, Policy

if TYPE_CHECKING:
    import cedarpy

PLACE = "place"
TRANSFER = "transfer"
AGGREGATE = "aggregate"
ACTIONS = (PLACE, TRANSFER, AGGREGATE)


class Question(NamedTuple):
    """Whether `principal`, a job for ``place`` and else a dataset, may go to the site."""

    action: str
    principal: Facts
    site: Facts
    context: Facts


class Answer(NamedTuple):
    """Whether it is allowed, and the ids of the policies that decided, sorted."""

    allowed: bool
    rules: tuple[str, ...]


def relevant(reads: Iterable[str], of: str, facts: Facts) -> Facts:
    """Return the facts that policies look at: what is alike in these gets the same answers.

    `of` is what policies call the thing: ``principal``, ``resource`` or ``context``.
    """
    return tuple(fact for fact in facts if f"{of}.{fact[0]}" in reads)


def ask(policies: PolicySet, questions: Mapping[Question, str]) -> dict[Question, Answer]:
    """Return the answer to each question; its value says in words what it is about.

    Cedar evaluates each policy by itself and then lets denials win, so a part of the policies can
    be asked alone: those that do not look at the offer, once for all offers of a site.

    Raises
    ------
    PolicyError
        A policy could not be evaluated for a question, so that nothing is decided.
    """
    found: dict[Question, list[Answer]] = {question: [] for question in questions}
    for part in _parts(policies):
        reads = {name for policy in part for name in policy.reads}
        asked = {question: _narrowed(question, reads) for question in questions}
        about = {asked[question]: words for question, words in questions.items()}
        answers = _ask_part(part, about)
        for question, narrowed in asked.items():
            found[question].append(answers[narrowed])
    return {question: _together(answers) for question, answers in found.items()}


def _parts(policies: PolicySet) -> list[list[Policy]]:
    """Return the policies that look at the offer, and the others."""
    parts: dict[bool, list[Policy]] = {}
    for policy in policies.policies:
        looks = not policy.reads.isdisjoint({"context.market", "context.confidential"})
        parts.setdefault(looks, []).append(policy)
    return list(parts.values())


def _narrowed(question: Question, reads: set[str]) -> Question:
    return Question(
        question.action,
        relevant(reads, "principal", question.principal),
        relevant(reads, "resource", question.site),
        relevant(reads, "context", question.context),
    )


def _together(answers: Iterable[Answer]) -> Answer:
    """Return what the parts answer together: any policy that forbids outweighs all that permit."""
    answers = list(answers)
    forbids = {rule for allowed, rules in answers if not allowed for rule in rules}
    permits = {rule for allowed, rules in answers if allowed for rule in rules}
    deciding = forbids or permits or {DEFAULT_DENY}
    return Answer(not forbids and bool(permits), tuple(sorted(deciding)))


def _ask_part(part: list[Policy], questions: Mapping[Question, str]) -> dict[Question, Answer]:
    """Ask some of the policies; a denial without rules means that none of them permits."""
    import cedarpy

    uids: dict[tuple[str, Facts], dict[str, str]] = {}
    requests = [_request(question, uids) for question in questions]
    entities = json.dumps([_entity(uid, facts) for (_, facts), uid in uids.items()])
    text = "\n".join(policy.text for policy in part)
    try:
        results = cedarpy.is_authorized_batch(
            requests, cedarpy.PolicySet.from_str(text), cedarpy.Entities.from_json_str(entities)
        )
    except ValueError as error:
        raise PolicyError(f"Cedar refused the questions: {error}; nothing is placed") from None
    return {
        question: _answer(part, about, result)
        for (question, about), result in zip(questions.items(), results, strict=True)
    }


def _request(question: Question, uids: dict[tuple[str, Facts], dict[str, str]]) -> dict[str, Any]:
    principal = ("Job" if question.action == PLACE else "Dataset", question.principal)
    parties = {"principal": principal, "resource": ("Site", question.site)}
    for party in parties.values():
        uids.setdefault(party, {"type": party[0], "id": str(len(uids))})
    return {
        "action": {"type": "Action", "id": question.action},
        "context": json.dumps(dict(question.context)),
        **{name: uids[party] for name, party in parties.items()},
    }


def _entity(uid: dict[str, str], facts: Facts) -> dict[str, Any]:
    return {"uid": uid, "attrs": dict(facts), "parents": []}


def _answer(part: list[Policy], about: str, result: cedarpy.AuthzResult) -> Answer:
    errors = result.diagnostics.errors
    if errors or result.decision.value not in ("Allow", "Deny"):
        told = "; ".join(errors) or "no decision"
        told = re.sub(r"`(policy\d+)`", lambda name: f"`{_policy_id(part, name[1])}`", told)
        raise PolicyError(f"{about}: {told}; nothing is placed until the policy is mended")
    ids = [_policy_id(part, reason) for reason in result.diagnostics.reasons]
    return Answer(bool(result.allowed), tuple(sorted(ids)))


def _policy_id(part: list[Policy], name: str) -> str:
    """Return the @id of the policy that Cedar, which counts them, calls ``policyN``."""
    return part[int(name.removeprefix("policy"))].rule.id
