"""Turns policies into denials: where a job may not run, and a dataset not be copied to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from hybridplace.errors import Fault, InputError
from hybridplace.model.job import Dataset, Job
from hybridplace.model.problem import Denial, Rule
from hybridplace.model.site import Market, Offer, Site
from hybridplace.policy.ask import PLACE, TRANSFER, Answer, Question, ask, relevant
from hybridplace.policy.facts import (
    Facts,
    Seen,
    context_facts,
    dataset_facts,
    job_facts,
    offer_facts,
    site_facts,
)
from hybridplace.policy.load import PolicySet
from hybridplace.policy.narrow import OfferClass, Scope, scopes


class Pair(NamedTuple):
    """A job or dataset, and a site."""

    action: str
    subject: str
    site: str


class Case(NamedTuple):
    """What policies see of a pair, and no more than they look at; many pairs are one case.

    It is allowed, for one of the offers, where that holds for all parties: the datasets of a job.
    """

    action: str
    parties: tuple[tuple[Facts, Facts], ...]  # facts of the principal, and of the context
    site: Facts
    offers: tuple[OfferClass | None, ...]

    def questions(self, policies: PolicySet, offer: OfferClass | None) -> list[Question]:
        """Return what is to be asked about one of the offers."""
        seen = relevant(policies.reads, "context", offer_facts(*offer)) if offer else ()
        return [
            Question(self.action, principal, self.site, (*context, *seen))
            for principal, context in self.parties
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What policies say about one job or dataset at one site.

    Parameters
    ----------
    market, confidential : Market or None, tuple of str
        The offer asked about; None for a dataset.
    rules : tuple of Rule
        The policies that decided, by id: those that forbid it, or those that permit it.
    """

    action: str
    subject: str
    site: str
    market: Market | None
    confidential: tuple[str, ...]
    allowed: bool
    rules: tuple[Rule, ...]


def decide(
    policies: PolicySet,
    *,
    jobs: Iterable[Job],
    datasets: Iterable[Dataset],
    sites: Iterable[Site],
    offers: Iterable[Offer],
) -> tuple[Denial, ...]:
    """Return everything that the policies forbid, sorted.

    Each job is asked about at each site that has offers, and each dataset at each site that does
    not hold it yet. Whatever policies cannot tell apart is asked about once.

    Raises
    ------
    PolicyError
        A policy could not be evaluated: nothing is allowed, and nothing is decided.
    InputError
        A job names a dataset that `datasets` lacks.
    """
    jobs, datasets, sites = list(jobs), list(datasets), list(sites)
    classes: dict[str, set[OfferClass]] = {site.id: set() for site in sites}
    for offer in offers:
        classes.setdefault(offer.site, set()).add((offer.market, offer.confidential))
    data = _data(jobs, datasets)
    places = _alike(policies, {job.id: job_facts(job, data[job.id]) for job in jobs})
    copies = _alike(policies, {dataset.id: (dataset_facts(dataset),) for dataset in datasets})
    asked = {job.id: job for job in jobs}
    known = {dataset.id: dataset for dataset in datasets}
    pairs = {
        **_places(policies, [asked[one] for one in places], data, sites, classes),
        **{
            pair: case
            for pair, case in _copies(
                policies, TRANSFER, [known[one] for one in copies], sites
            ).items()
            if pair.site not in known[pair.subject].homes
        },
    }
    found = {
        case: scopes({offer: () if a.allowed else a.rules for offer, a in answers.items()})
        for case, answers in _answers(policies, pairs).items()
    }
    return _denials(pairs, found, {PLACE: places, TRANSFER: copies})


def _alike(
    policies: PolicySet, subjects: Mapping[str, Iterable[Seen]]
) -> dict[str, tuple[str, ...]]:
    """Return what policies cannot tell apart, by the first of each."""
    found: dict[object, list[str]] = {}
    for subject, parties in subjects.items():
        seen = {(relevant(policies.reads, "principal", facts), homes) for facts, homes in parties}
        found.setdefault(frozenset(seen), []).append(subject)
    return {subjects[0]: tuple(sorted(subjects)) for subjects in found.values()}


def explain(
    policies: PolicySet,
    subject: Job | Dataset,
    site: Site,
    *,
    datasets: Iterable[Dataset] = (),
    market: Market = Market.ON_DEMAND,
    confidential: Iterable[str] = (),
    action: str = TRANSFER,
) -> Decision:
    """Return what the policies say about a job or a dataset at a site, with the deciding rules.

    Parameters
    ----------
    datasets : iterable of Dataset
        Of a job: at least those that it reads or writes.
    market, confidential : Market, iterable of str
        Of a job: the offer it would run on.
    action : str
        Of a dataset: ``transfer`` or ``aggregate``; a job is always placed.

    Raises
    ------
    PolicyError
        A policy could not be evaluated.
    InputError
        The job names a dataset that `datasets` lacks.
    """
    offer = (market, tuple(confidential)) if isinstance(subject, Job) else None
    if isinstance(subject, Job):
        data = _data([subject], datasets)
        pairs = _places(
            policies, [subject], data, [site], {site.id: {(market, tuple(confidential))}}
        )
    else:
        pairs = _copies(policies, action, [subject], [site])
    ((pair, case),) = pairs.items()
    answer = _answers(policies, pairs)[case][offer]
    return Decision(
        action=pair.action,
        subject=pair.subject,
        site=pair.site,
        market=offer[0] if offer else None,
        confidential=offer[1] if offer else (),
        allowed=answer.allowed,
        rules=tuple(policies.rule[name] for name in answer.rules),
    )


def _places(
    policies: PolicySet,
    jobs: Iterable[Job],
    data: Mapping[str, list[Dataset]],
    sites: Iterable[Site],
    classes: Mapping[str, set[OfferClass]],
) -> dict[Pair, Case]:
    subjects = {job.id: job_facts(job, data[job.id]) for job in jobs}
    offers = {site: tuple(sorted(found)) for site, found in classes.items() if found}
    return _pairs(policies, PLACE, subjects, [site for site in sites if site.id in offers], offers)


def _copies(
    policies: PolicySet, action: str, datasets: Iterable[Dataset], sites: Iterable[Site]
) -> dict[Pair, Case]:
    sites = list(sites)
    subjects = {dataset.id: (dataset_facts(dataset),) for dataset in datasets}
    return _pairs(policies, action, subjects, sites, {site.id: (None,) for site in sites})


def _pairs(
    policies: PolicySet,
    action: str,
    subjects: Mapping[str, Iterable[Seen]],
    sites: Iterable[Site],
    offers: Mapping[str, tuple[OfferClass | None, ...]],
) -> dict[Pair, Case]:
    """Return the case of each subject at each site."""
    reads = policies.reads
    places = {site.id: relevant(reads, "resource", site_facts(site)) for site in sites}
    pairs = {}
    for subject, parties in subjects.items():
        seen = [(relevant(reads, "principal", facts), homes) for facts, homes in parties]
        for site, place in places.items():
            asked = {
                (facts, relevant(reads, "context", context_facts(homes, site)))
                for facts, homes in seen
            }
            case = Case(action, tuple(sorted(asked)), place, offers[site])
            pairs[Pair(action, subject, site)] = case
    return pairs


def _answers(
    policies: PolicySet, pairs: Mapping[Pair, Case]
) -> dict[Case, dict[OfferClass | None, Answer]]:
    """Return the answer for each offer of each distinct case."""
    first: dict[Case, Pair] = {}
    for pair, case in pairs.items():
        first.setdefault(case, pair)
    asked = {
        (case, offer): case.questions(policies, offer) for case in first for offer in case.offers
    }
    words: dict[Question, str] = {}
    for (case, offer), questions in asked.items():
        for question in questions:
            words.setdefault(question, _words(first[case], offer))
    given = ask(policies, words)
    answers: dict[Case, dict[OfferClass | None, Answer]] = {case: {} for case in first}
    for (case, offer), questions in asked.items():
        answers[case][offer] = _all([given[question] for question in questions])
    return answers


def _all(answers: list[Answer]) -> Answer:
    """Return the answer to all of them: a denial, with all rules, if any of them is one."""
    allowed = all(answer.allowed for answer in answers)
    rules = {rule for answer in answers if answer.allowed == allowed for rule in answer.rules}
    return Answer(allowed, tuple(sorted(rules)))


def _denials(
    pairs: Mapping[Pair, Case],
    found: Mapping[Case, Mapping[Scope, tuple[str, ...]]],
    alike: Mapping[str, Mapping[str, tuple[str, ...]]],
) -> tuple[Denial, ...]:
    """Return what is forbidden, what differs by subject or by site alone as one."""
    sites: dict[tuple[str, str, Scope, tuple[str, ...]], list[str]] = {}
    for pair, case in pairs.items():
        for scope, rules in found[case].items():
            sites.setdefault((pair.action, pair.subject, scope, rules), []).append(pair.site)
    subjects: dict[tuple[str, tuple[str, ...], Scope, tuple[str, ...]], list[str]] = {}
    for (action, subject, scope, rules), where in sites.items():
        key = (action, tuple(sorted(where)), scope, rules)
        subjects.setdefault(key, []).extend(alike[action][subject])
    denials = (
        Denial(
            action=action,
            subjects=tuple(sorted(who)),
            sites=where,
            market=market,
            confidential=confidential,
            rules=rules,
        )
        for (action, where, (market, confidential), rules), who in subjects.items()
    )
    return tuple(sorted(denials, key=_order))


def _data(jobs: Iterable[Job], datasets: Iterable[Dataset]) -> dict[str, list[Dataset]]:
    """Return the datasets that each job reads or writes.

    Raises
    ------
    InputError
        For each name that no dataset has.
    """
    known = {dataset.id: dataset for dataset in datasets}
    names = {job.id: dict.fromkeys([*job.inputs, *job.outputs]) for job in jobs}
    faults = [
        Fault(where=f"job {job}", path="inputs, outputs", expected="a dataset's id", got=repr(name))
        for job, data in names.items()
        for name in data
        if name not in known
    ]
    if faults:
        raise InputError(faults)
    return {job: [known[name] for name in data] for job, data in names.items()}


def _words(pair: Pair, offer: OfferClass | None) -> str:
    about = f" ({', '.join([offer[0], *offer[1]])})" if offer else ""
    return f"{pair.action} {pair.subject} at {pair.site}{about}"


def _order(denial: Denial) -> tuple[str, tuple[str, ...], tuple[str, ...], str, str]:
    confidential = "*" if denial.confidential is None else ",".join(denial.confidential)
    pair = (denial.action, denial.subjects, denial.sites)
    return (*pair, denial.market or "*", confidential)
