"""Turns policies into denials: where a job may not run, and a dataset not be copied to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hybridplace.errors import Fault, InputError
from hybridplace.model.job import Dataset, Job
from hybridplace.model.problem import Denial, Rule
from hybridplace.model.site import Market, Offer, Site
from hybridplace.policy.ask import PLACE, TRANSFER, Answer, Question, ask, relevant
from hybridplace.policy.facts import Facts, dataset_facts, job_facts, offer_facts, site_facts
from hybridplace.policy.load import PolicySet
from hybridplace.policy.narrow import OfferClass, denials


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Something that is allowed or denied as a whole: allowed where all its questions are."""

    action: str
    subject: str
    site: str
    offer: OfferClass | None
    questions: tuple[Question, ...]


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
    homes = {dataset.id: dataset.homes for dataset in datasets}
    copies = _dataset_cases(policies, TRANSFER, datasets, sites)
    cases = [
        *_place_cases(policies, jobs, _data(jobs, datasets), sites, classes),
        *(case for case in copies if case.site not in homes[case.subject]),
    ]
    answers = ask(policies, _questions(cases))
    found: dict[tuple[str, str, str], dict[OfferClass | None, tuple[str, ...]]] = {}
    for case in cases:
        answer = _all(case, answers)
        pair = found.setdefault((case.action, case.subject, case.site), {})
        pair[case.offer] = () if answer.allowed else answer.rules
    return denials(found)


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
    if isinstance(subject, Job):
        data = _data([subject], datasets)
        offers = {site.id: {(market, tuple(confidential))}}
        (case,) = _place_cases(policies, [subject], data, [site], offers)
    else:
        (case,) = _dataset_cases(policies, action, [subject], [site])
    answer = _all(case, ask(policies, _questions([case])))
    return Decision(
        action=case.action,
        subject=case.subject,
        site=case.site,
        market=case.offer[0] if case.offer else None,
        confidential=case.offer[1] if case.offer else (),
        allowed=answer.allowed,
        rules=tuple(policies.rule[name] for name in answer.rules),
    )


def _place_cases(
    policies: PolicySet,
    jobs: list[Job],
    data: Mapping[str, list[Dataset]],
    sites: list[Site],
    classes: Mapping[str, set[OfferClass]],
) -> list[Case]:
    principals = {
        job.id: {relevant(policies, "principal", facts) for facts in job_facts(job, data[job.id])}
        for job in jobs
    }
    places = _places(policies, sites)
    offers = {
        offer: relevant(policies, "context", offer_facts(*offer))
        for offer in set().union(*classes.values())
    }
    return [
        Case(
            action=PLACE,
            subject=job.id,
            site=site.id,
            offer=offer,
            questions=tuple(
                Question(PLACE, principal, places[site.id], offers[offer])
                for principal in sorted(principals[job.id])
            ),
        )
        for job in jobs
        for site in sites
        for offer in sorted(classes[site.id])
    ]


def _dataset_cases(
    policies: PolicySet, action: str, datasets: Iterable[Dataset], sites: Iterable[Site]
) -> list[Case]:
    sites = list(sites)
    principals = {
        dataset.id: relevant(policies, "principal", dataset_facts(dataset)) for dataset in datasets
    }
    places = _places(policies, sites)
    return [
        Case(
            action=action,
            subject=dataset,
            site=site.id,
            offer=None,
            questions=(Question(action, facts, places[site.id]),),
        )
        for dataset, facts in principals.items()
        for site in sites
    ]


def _places(policies: PolicySet, sites: Iterable[Site]) -> dict[str, Facts]:
    return {site.id: relevant(policies, "resource", site_facts(site)) for site in sites}


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


def _questions(cases: Iterable[Case]) -> dict[Question, str]:
    """Return each distinct question with the first case, in words, that asks it."""
    questions: dict[Question, str] = {}
    for case in cases:
        for question in case.questions:
            if question not in questions:
                questions[question] = _words(case)
    return questions


def _words(case: Case) -> str:
    offer = f" ({', '.join([case.offer[0], *case.offer[1]])})" if case.offer else ""
    return f"{case.action} {case.subject} at {case.site}{offer}"


def _all(case: Case, answers: Mapping[Question, Answer]) -> Answer:
    """Return the answer to the case: a denial if any of its questions has one, with all rules."""
    given = [answers[question] for question in case.questions]
    allowed = all(answer.allowed for answer in given)
    rules = {rule for answer in given if answer.allowed == allowed for rule in answer.rules}
    return Answer(allowed, tuple(sorted(rules)))
