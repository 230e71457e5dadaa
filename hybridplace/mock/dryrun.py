"""The dry run: a whole plan, carried out by the real drivers against mocked clouds on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from hybridplace.engine import Engine, Step, diff, release_of, times_h
from hybridplace.errors import PluginError, ProviderError, TransientError
from hybridplace.mock.cloud import MockCloud
from hybridplace.mock.clouds import CLOUDS, cloud_class
from hybridplace.mock.guard import loopback_only
from hybridplace.mock.script import Call, FaultKind, ScriptedFault
from hybridplace.model.estate import Estate
from hybridplace.model.plan import Plan
from hybridplace.model.problem import Problem
from hybridplace.model.site import Lease, Site
from hybridplace.plugin.interfaces import OF_AN_ACCOUNT

WITHOUT_API = "static"
"""The provider that keeps its claims in the state folder, and so needs no mocked cloud."""

TRIES = 100
"""How often what failed for now is done again; of a lease's calls any may fail."""

SWEEPS = 5
"""How often leases are looked for after the end: a list may lag."""

SECONDS_H = 3600.0

PAUSE_S = 0.001
"""Mocked clouds go on with each request: nobody need wait for them."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What was done at one hour of the plan, and every API call until it was done.

    Parameters
    ----------
    steps : tuple of Step
        Each with what came of it in the end.
    repeated : int
        How often something failed for now and was done again.
    error : ProviderError or None
        Why nothing was done: the leases could not be read.
    """

    at_h: float
    steps: tuple[Step, ...] = ()
    repeated: int = 0
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
    faults: Sequence[ScriptedFault] = (),
    rates: Mapping[FaultKind, float] | None = None,
    seed: int = 0,
    watch: Callable[[Moment], None] | None = None,
) -> DryRun:
    """Walk through a plan's hours without waiting: acquire what starts, release what ends.

    Nothing leaves this machine, no credential is read, and the state of the estate is not touched.
    The providers and regions that the plan does not use are not asked.

    Parameters
    ----------
    folder : Path
        Where relative paths in the estate start.
    faults : sequence of ScriptedFault
        What the mocked clouds show, each to the calls that match it.
    rates : mapping or None
        How often calls meet which kind of fault, as shares; drawn by `seed`.
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
        clouds = _started(stack, used, problem)
        for cloud in clouds.values():
            cloud.script(*(one for one in faults if one.action in cloud.actions))
            cloud.random(rates or {}, seed=seed)
        engine = stack.enter_context(
            Engine(
                _narrowed(estate, used),
                folder=folder,
                state_dir=Path(state),
                endpoints={name: cloud.endpoint for name, cloud in clouds.items()},
                pause_s=PAUSE_S,
            )
        )
        done = _Walk(engine, problem, plan, clouds).whole(watch or (lambda _: None))
        known = frozenset().union(*(cloud.actions for cloud in clouds.values()))
        foreign = (one for one in faults if one.action not in known)
        return replace(done, unshown=(*done.unshown, *foreign))


def used_sites(problem: Problem, plan: Plan) -> tuple[Site, ...]:
    """Return the sites that the placements of a plan are at, by id."""
    names = {problem.offer[one.offer].site for one in plan.placements}
    return tuple(problem.site[name] for name in sorted(names))


def _refuse_unmocked(used: Iterable[Site]) -> None:
    for site in used:
        if site.provider not in (*CLOUDS, WITHOUT_API):
            known = ", ".join((*CLOUDS, WITHOUT_API))
            raise PluginError(
                f"the plan uses {site.provider}, and there is no mocked cloud for it: plan without "
                f"it, by taking it out of the estate (these can be dry-run: {known})"
            )


def _started(stack: ExitStack, used: Iterable[Site], problem: Problem) -> dict[str, MockCloud]:
    """Start the mocked clouds of the sites, their clocks at the beginning of the plan."""
    names = sorted({site.provider for site in used} - {WITHOUT_API})
    now = problem.now
    return {
        name: stack.enter_context(
            cloud_class(name)(offers=problem.offers, pools=problem.pools, now=now)
        )
        for name in names
    }


def _narrowed(estate: Estate, used: Sequence[Site]) -> Estate:
    """Return the estate with the providers and regions that are used, and no others.

    Options that name what is in an account are left out: the mocked cloud is another account.
    """
    regions = {
        access.provider: tuple(s.region for s in used if s.provider == access.provider)
        for access in estate.providers
    }
    return replace(
        estate,
        sites=tuple(site for site in estate.sites if site.provider == WITHOUT_API),
        providers=tuple(
            replace(
                access,
                regions=regions[access.provider],
                options={
                    name: value
                    for name, value in access.options.items()
                    if name.partition(".")[0] not in OF_AN_ACCOUNT
                },
            )
            for access in estate.providers
            if access.provider in (*CLOUDS, WITHOUT_API) and regions[access.provider]
        ),
    )


class _Walk:
    """Goes through the hours of a plan on mocked clouds."""

    def __init__(
        self, engine: Engine, problem: Problem, plan: Plan, clouds: Mapping[str, MockCloud]
    ) -> None:
        self._engine, self._problem, self._plan, self._clouds = engine, problem, plan, clouds
        self._told = dict.fromkeys(clouds, 0)
        self._held: list[Held] = []
        self._moments: list[Moment] = []

    def whole(self, watch: Callable[[Moment], None]) -> DryRun:
        """Do at each hour what is due then; at the last one everything has ended."""
        hours = times_h(self._plan)
        for before_h, at_h in pairwise((*hours[:1], *hours)):
            for cloud in self._clouds.values():
                cloud.advance((at_h - before_h) * SECONDS_H)
            self._keep(self._moment(at_h), watch)
        if hours and (swept := self._swept(hours[-1])).steps:
            self._keep(swept, watch)
        return DryRun(
            moments=tuple(self._moments),
            peak=max(self._held, key=_machines, default=Held(at_h=0.0, leases=())),
            unshown=tuple(one for cloud in self._clouds.values() for one in cloud.unshown),
            left=self._left(),
        )

    def _keep(self, moment: Moment, watch: Callable[[Moment], None]) -> None:
        self._moments.append(replace(moment, calls=self._new_calls()))
        watch(self._moments[-1])

    def _new_calls(self) -> tuple[Call, ...]:
        found: list[Call] = []
        for name, cloud in self._clouds.items():
            found += cloud.calls[self._told[name] :]
            self._told[name] = len(cloud.calls)
        return tuple(found)

    def _moment(self, at_h: float) -> Moment:
        """Do what is due at an hour."""
        try:
            leases = _patiently(self._engine.leases)
        except ProviderError as error:
            return Moment(at_h=at_h, error=error)
        self._held += [Held(at_h=one.at_h, leases=leases) for one in self._moments[-1:]]
        actions = diff(self._engine.estate.name, self._plan, leases, at_h=at_h)
        steps = list(self._engine.apply(self._problem, self._plan, actions))
        repeated = 0
        for _ in range(TRIES):
            again = [at for at, one in enumerate(steps) if isinstance(one.error, TransientError)]
            if not again:
                break
            repeated += len(again)
            actions = tuple(steps[at].action for at in again)
            done = self._engine.apply(self._problem, self._plan, actions)
            for at, step in zip(again, done, strict=True):
                steps[at] = step
        return Moment(at_h=at_h, steps=tuple(steps), repeated=repeated)

    def _swept(self, at_h: float) -> Moment:
        """Release what is still there after the end, such as a disk whose machine has ended."""
        steps: dict[str, Step] = {}
        try:
            for _ in range(SWEEPS):
                leases = _patiently(self._engine.leases)
                if not leases:
                    break
                steps |= {lease.id: self._released(lease) for lease in leases}
        except ProviderError as error:
            return Moment(at_h=at_h, steps=tuple(steps.values()), error=error)
        return Moment(at_h=at_h, steps=tuple(steps.values()))

    def _released(self, lease: Lease) -> Step:
        action = release_of(lease)
        try:
            _patiently(partial(self._engine.release, lease))
        except ProviderError as error:
            return Step(action=action, error=error)
        return Step(action=action)

    def _left(self) -> tuple[str, ...]:
        """Return what is there after the end, as the clouds themselves and the drivers tell it."""
        found = [
            f"{name} {thing}" for name, cloud in self._clouds.items() for thing in cloud.things()
        ]
        try:
            leases = _patiently(self._engine.leases)
        except ProviderError as error:
            return (*found, f"leases that could not be read: {error}")
        return (*found, *(f"lease {one.id} of job {one.job} on {one.offer}" for one in leases))


def _patiently(call: Callable[[], Result]) -> Result:
    """Do something again while it fails for now."""
    for _ in range(TRIES):
        try:
            return call()
        except TransientError:
            continue
    return call()


def _machines(held: Held) -> int:
    return sum(len(lease.machines) for lease in held.leases)
