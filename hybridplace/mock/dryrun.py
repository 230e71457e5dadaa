"""The dry run: a whole plan, carried out by the real drivers against mocked clouds on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from hybridplace.engine import Engine, Step, diff, times_h
from hybridplace.errors import PluginError, ProviderError
from hybridplace.mock.aws import MockAws
from hybridplace.mock.guard import loopback_only
from hybridplace.mock.script import Call, ScriptedFault
from hybridplace.model.estate import Estate
from hybridplace.model.plan import Plan
from hybridplace.model.problem import Problem
from hybridplace.model.site import Lease, Site

MOCKED = "aws"
"""The provider that a mocked cloud stands in for."""

WITHOUT_API = "static"
"""The provider that keeps its claims in the state folder, and so needs no mocked cloud."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What was done at one hour of the plan, and every API call until it was done.

    Parameters
    ----------
    error : ProviderError or None
        Why nothing was done: the leases could not be read.
    """

    at_h: float
    steps: tuple[Step, ...] = ()
    calls: tuple[Call, ...] = ()
    error: ProviderError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The leases that ran after what was done at an hour."""

    at_h: float
    leases: tuple[Lease, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """All that happened.

    Parameters
    ----------
    peak : Held
        At the first of the hours at which the most machines ran.
    unshown : tuple of ScriptedFault
        Faults that no call has matched.
    left : tuple of str
        Leases, and what exists in the mocked cloud, after everything was released.
    """

    moments: tuple[Moment, ...]
    peak: Held
    unshown: tuple[ScriptedFault, ...]
    left: tuple[str, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        """Return every step, in order."""
        return tuple(step for moment in self.moments for step in moment.steps)

    @property
    def calls(self) -> tuple[Call, ...]:
        """Return every API call, in order."""
        return tuple(call for moment in self.moments for call in moment.calls)

    @property
    def failed(self) -> bool:
        """Say whether an action failed or something is left."""
        failed = any(step.error is not None for step in self.steps)
        return failed or bool(self.left) or any(one.error is not None for one in self.moments)


def dry_run(
    estate: Estate,
    problem: Problem,
    plan: Plan,
    *,
    folder: Path = Path(),
    faults: Iterable[ScriptedFault] = (),
    watch: Callable[[Moment], None] | None = None,
) -> DryRun:
    """Walk through a plan's hours without waiting: acquire what starts, release what ends.

    Nothing leaves this machine, no credential is read, and the state of the estate is not touched.
    The providers and regions that the plan does not use are not asked.

    Parameters
    ----------
    folder : Path
        Where relative paths in the estate start.
    faults : iterable of ScriptedFault
        What the mocked cloud shows.
    watch : callable or None
        Told of each moment once it has passed.

    Raises
    ------
    PluginError
        When the plan needs a provider that there is no mocked cloud or no plug-in for, or moto is
        missing.
    PlanError, PolicyError
        When the plan does not hold, or a policy denies it.
    """
    used = used_sites(problem, plan)
    _refuse_unmocked(used)
    with ExitStack() as stack:
        stack.enter_context(loopback_only())
        state = stack.enter_context(TemporaryDirectory(prefix="hybridplace-dry-run-"))
        aws = None
        if any(site.provider == MOCKED for site in used):
            aws = stack.enter_context(MockAws(offers=problem.offers, pools=problem.pools))
            aws.script(*faults)
        engine = stack.enter_context(
            Engine(
                _narrowed(estate, used),
                folder=folder,
                state_dir=Path(state),
                endpoints={} if aws is None else {MOCKED: aws.endpoint},
            )
        )
        return _walk(engine, problem, plan, aws, watch)


def used_sites(problem: Problem, plan: Plan) -> tuple[Site, ...]:
    """Return the sites that the placements of a plan are at, by id."""
    names = {problem.offer[one.offer].site for one in plan.placements}
    return tuple(problem.site[name] for name in sorted(names))


def _refuse_unmocked(used: Iterable[Site]) -> None:
    for site in used:
        if site.provider not in (MOCKED, WITHOUT_API):
            raise PluginError(
                f"the plan uses {site.provider}, and there is no mocked cloud for it: plan without "
                f"it, by taking it out of the estate ({MOCKED} and {WITHOUT_API} can be dry-run)"
            )


def _narrowed(estate: Estate, used: Sequence[Site]) -> Estate:
    """Return the estate with the providers and regions that are used, and no others."""
    regions = tuple(site.region for site in used if site.provider == MOCKED)
    return replace(
        estate,
        sites=tuple(site for site in estate.sites if site.provider == WITHOUT_API),
        providers=tuple(
            replace(access, regions=regions)
            for access in estate.providers
            if access.provider == MOCKED and regions
        ),
    )


def _walk(
    engine: Engine,
    problem: Problem,
    plan: Plan,
    aws: MockAws | None,
    watch: Callable[[Moment], None] | None,
) -> DryRun:
    """Do at each hour what is due then; at the last one everything has ended and is released."""
    moments: list[Moment] = []
    held: list[Held] = []
    told = 0
    for at_h in times_h(plan):
        try:
            leases = engine.leases()
            held += [Held(at_h=one.at_h, leases=leases) for one in moments[-1:]]
            actions = diff(engine.estate.name, plan, leases, at_h=at_h)
            moment = Moment(at_h=at_h, steps=engine.apply(problem, plan, actions))
        except ProviderError as error:
            moment = Moment(at_h=at_h, error=error)
        calls = () if aws is None else aws.calls[told:]
        told += len(calls)
        moments.append(replace(moment, calls=calls))
        if watch is not None:
            watch(moments[-1])
    return DryRun(
        moments=tuple(moments),
        peak=max(held, key=_machines, default=Held(at_h=0.0, leases=())),
        unshown=() if aws is None else aws.unshown,
        left=_left(engine, aws),
    )


def _machines(held: Held) -> int:
    return sum(len(lease.machines) for lease in held.leases)


def _left(engine: Engine, aws: MockAws | None) -> tuple[str, ...]:
    """Return what is there after the end, as the drivers and as the mocked cloud itself tell it."""
    found = [] if aws is None else [f"{MOCKED} {one}" for one in aws.leftovers()]
    try:
        leases = engine.leases()
    except ProviderError as error:
        return (*found, f"leases that could not be read: {error}")
    return (*found, *(f"lease {one.id} of job {one.job} on {one.offer}" for one in leases))
