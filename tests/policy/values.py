"""Small jobs, datasets, sites and offers, named only by what policies see of them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from hybridplace.model.job import Checkpoint, Dataset, Inference, Job, Kind, Training, Tuning
from hybridplace.model.site import Market, Offer, Site
from hybridplace.policy import PolicySet, load

WORK = {
    Kind.TRAINING: Training(units=1.0),
    Kind.INFERENCE: Inference(load_rps=(1.0,), hours=1.0),
    Kind.TUNING: Tuning(runs=1),
}

PERMIT = '@id("p") @reason("r") permit (principal, action, resource);'


def job(name="job", *, kind=Kind.TRAINING, reads=(), writes=(), labels=(), checkpointed=False):
    """Return a job of that kind."""
    return Job(
        id=name,
        tenant="t",
        work=WORK[kind],
        shapes=(),
        inputs=tuple(reads),
        outputs=tuple(writes),
        labels=tuple(labels),
        checkpoint=Checkpoint(interval_h=1.0) if checkpointed else None,
    )


def dataset(name="data", *, labels=(), origin=None, homes=(), size_gib=1.0):
    """Return a dataset."""
    return Dataset(
        id=name,
        tenant="t",
        size_gib=size_gib,
        labels=tuple(labels),
        origin=origin,
        homes=tuple(homes),
    )


def site(name="site", *, country="DE", attestations=(), own=False, jurisdictions=()):
    """Return a site of provider p."""
    return Site(
        id=name,
        provider="p",
        region=name,
        country=country,
        attestations=tuple(attestations),
        own=own,
        jurisdictions=tuple(jurisdictions),
    )


def offer(at="site", *, market=Market.ON_DEMAND, confidential=(), kind="x"):
    """Return an offer at a site."""
    return Offer(
        id=f"{at}/{kind}/{market}",
        site=at,
        instance_type=kind,
        market=market,
        price_usd_h=1.0,
        cpus=1.0,
        memory_gib=1.0,
        confidential=tuple(confidential),
    )


@cache
def packs(*names) -> PolicySet:
    """Load packs that ship."""
    return load(names, folder=Path())


def written(folder: Path, text: str, *names: str) -> PolicySet:
    """Load a file with this text, and packs beside it."""
    (folder / "mine.cedar").write_text(text)
    return load([*names, "mine.cedar"], folder=folder)
