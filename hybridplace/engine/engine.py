"""The engine: gather, plan, diff, apply. Read `Engine.plan` and `Engine.apply` for the story."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import sleep
from types import TracebackType
from typing import TYPE_CHECKING

from hybridplace.engine.actions import GRACE_H, diff, plan_id
from hybridplace.engine.gather import allowed_sites, asked_of, gather
from hybridplace.engine.refusals import (
    refuse_denied,
    refuse_early,
    refuse_foreign,
    refuse_late,
    refuse_program,
    refuse_unknown_options,
    refuse_unknown_providers,
    refuse_unknown_regions,
)
from hybridplace.errors import (
    AuthError,
    HybridplaceError,
    InputError,
    ProviderError,
    TransientError,
)
from hybridplace.model.estate import Estate
from hybridplace.model.job import Job
from hybridplace.model.plan import Action, Plan, Verb
from hybridplace.model.problem import Problem
from hybridplace.model.run import workers_per_machine
from hybridplace.model.site import Lease, LeaseState
from hybridplace.model.verify import verify
from hybridplace.plugin.interfaces import Provider, Request, Settings
from hybridplace.plugin.manager import Plugins, load_plugins

if TYPE_CHECKING:
    from hybridplace.catalog import Catalog
    from hybridplace.policy import PolicySet
    from hybridplace.solver import Progress, Stop


PAUSE_S = 2.0
ASKED_AGAIN = 60
"""How often `apply` asks again for a lease that is pending, and how long it waits before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One action, and what came of it: a lease (of an acquisition) or an error."""

    action: Action
    lease: Lease | None = None
    error: HybridplaceError | None = None

    @property
    def pending(self) -> bool:
        """Say whether the provider has not decided yet."""
        return self.lease is not None and self.lease.state is LeaseState.PENDING


class Engine:
    """Plans the jobs of an estate and acts on the plan; a context manager that closes providers.

    Parameters
    ----------
    estate : Estate
    folder : Path
        Where relative paths in the estate (policies, plug-ins) start.
    state_dir : Path or None
        Where providers without an API of their own keep what they hold; None: they hold nothing.
    endpoints : mapping
        By provider name, where its API is (a mocked cloud on loopback); absent is the real one.
    catalog : Catalog or None
        None is the snapshot in the package.
    plugins : Plugins or None
        None loads the installed ones and those that the estate names.
    pause_s : float
        How long `apply` waits before it asks again for leases that are pending.

    Raises
    ------
    InputError, PolicyError
        When a policy is invalid, or the estate names regions that the catalog lacks, or options
        that a plug-in lacks.
    """

    def __init__(
        self,
        estate: Estate,
        *,
        folder: Path = Path(),
        state_dir: Path | None = None,
        endpoints: Mapping[str, str] | None = None,
        catalog: Catalog | None = None,
        plugins: Plugins | None = None,
        pause_s: float = PAUSE_S,
    ) -> None:
        from hybridplace import catalog as catalogs
        from hybridplace import policy

        self.estate = estate
        self.catalog = catalog or catalogs.load()
        self.policies: PolicySet = policy.load(estate.policies, folder=folder)
        self.plugins = plugins or load_plugins([folder / file for file in estate.plugins])
        self._state_dir = state_dir
        self._endpoints = endpoints or {}
        self._pause_s = pause_s
        self._providers: dict[str, Provider] = {}
        refuse_unknown_regions(estate, self.catalog)
        refuse_unknown_options(estate, self.catalog, self.plugins)

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close every provider that was made."""
        for provider in self._providers.values():
            with suppress(ProviderError):
                provider.close()
        self._providers.clear()

    def problem(
        self, jobs: Sequence[Job], *, now: datetime, leases: tuple[Lease, ...] = ()
    ) -> Problem:
        """Return the problem of placing `jobs` from `now` on; see `hybridplace.engine.gather`.

        Raises
        ------
        InputError
            When estate and jobs do not fit each other; names every fault.
        """
        from hybridplace.io import check_input

        faults = check_input(self.estate, jobs, regions=known_regions(self.catalog))
        if faults:
            raise InputError(faults)
        refuse_unknown_providers(self.estate, self.catalog, self.plugins)
        return gather(
            self.estate,
            jobs,
            now=now,
            catalog=self.catalog,
            policies=self.policies,
            providers={name: self.provider(name) for name in asked_of(self.estate, self.catalog)},
            leases=leases,
        )

    def plan(
        self,
        problem: Problem,
        *,
        seed: int = 0,
        stop: Stop | None = None,
        watch: Callable[[Progress], None] | None = None,
    ) -> Plan:
        """Return a plan with a proven bound, held to the problem by `verify`.

        Raises
        ------
        PlanError
            When the solver's plan does not hold: a fault of ours, and nothing to be applied.
        """
        from hybridplace.solver import solve

        plan = solve(problem, seed=seed, stop=stop, watch=watch)
        if plan.certificate is None:
            from hybridplace.solver.joint import certified

            plan = certified(problem, plan)
        verify(problem, plan)
        return plan

    def leases(self) -> tuple[Lease, ...]:
        """Return what runs for this estate, as its providers tell it.

        Raises
        ------
        ProviderError
            When any of them could not be asked, since what it holds is then not known; names each.
        """
        found: list[Lease] = []
        failed: dict[str, ProviderError] = {}
        for name in self._acting():
            try:
                found += self.provider(name).leases(self.estate.name)
            except ProviderError as error:
                failed[name] = error
        if failed:
            raise _not_known(failed)
        return tuple(sorted(found, key=lambda lease: lease.id))

    def diff(self, plan: Plan, *, at_h: float = 0.0) -> tuple[Action, ...]:
        """Return what must be done for the plan at an hour; reads leases, changes nothing.

        Raises
        ------
        PlanError
            At an hour before the plan begins: it would have everything released.
        ProviderError
            When a provider could not be asked what it holds.
        """
        refuse_early(at_h)
        return diff(self.estate.name, plan, self.leases(), at_h=at_h)

    def apply(
        self,
        problem: Problem,
        plan: Plan,
        actions: Sequence[Action],
        *,
        watch: Callable[[Step], None] | None = None,
    ) -> tuple[Step, ...]:
        """Do the actions: 1 verify, 2 ask the policies again, 3 find all providers, 4 act.

        An action that fails is told and does not stop the others; so is one that comes more than an
        hour late, which is not done. Repeating is harmless: one key makes one lease, and so leases
        that are pending are asked for again, some two minutes long. After a crash, ask `diff`
        again: it reads what was acquired from the providers.

        Raises
        ------
        PlanError
            When the plan does not hold, or an action is none of this plan's; nothing was done.
        PolicyError
            When a policy now denies what the plan does; nothing was done.
        PluginError
            When an action needs a provider that no plug-in has; nothing was done.
        """
        verify(problem, plan)
        refuse_foreign(self.estate.name, plan, actions)
        self._ask_again(problem, plan)
        for action in actions:
            self._provider_of(problem, action)
        tell = watch or (lambda _: None)
        steps = []
        for action in actions:
            steps.append(self._do(problem, plan, action))
            if not steps[-1].pending:
                tell(steps[-1])
        self._settle(problem, plan, steps, tell)
        return tuple(steps)

    def _settle(
        self, problem: Problem, plan: Plan, steps: list[Step], tell: Callable[[Step], None]
    ) -> None:
        """Ask again for what is pending, until all is decided or often enough; tell each once."""
        for _ in range(ASKED_AGAIN):
            waiting = [number for number, step in enumerate(steps) if step.pending]
            if not waiting:
                return
            sleep(self._pause_s)
            for number in waiting:
                step = self._do(problem, plan, steps[number].action)
                if not step.pending and not isinstance(step.error, TransientError):
                    steps[number] = step
                    tell(step)
        for step in steps:
            if step.pending:
                tell(step)

    def release(self, lease: Lease) -> None:
        """Release one lease; one that is gone already is success.

        Raises
        ------
        ProviderError
            When the provider could not do it.
        """
        self.provider(lease.provider).release(lease.id)

    def provider(self, name: str) -> Provider:
        """Return a provider, made on first use with this estate's settings.

        Raises
        ------
        PluginError
            When no usable plug-in has it.
        """
        if name not in self._providers:
            self._providers[name] = self.plugins.provider(name, self._settings(name))
        return self._providers[name]

    def _settings(self, name: str) -> Settings:
        sites = tuple(site for site in self.estate.sites if site.provider == name)
        here = {site.id for site in sites}
        access = next((one for one in self.estate.providers if one.provider == name), None)
        regions: tuple[str, ...] = ()
        if access is not None:
            found = tuple(site.region for site in allowed_sites(access, self.catalog))
            regions = found if name in self.catalog.providers else access.regions
        return Settings(
            owner=self.estate.name,
            sites=sites,
            pools=tuple(pool for pool in self.estate.pools if pool.site in here),
            regions=regions,
            endpoint=self._endpoints.get(name),
            state_dir=None if self._state_dir is None else str(self._state_dir),
            options=access.options if access else {},
        )

    def _acting(self) -> tuple[str, ...]:
        """Return the providers of the estate that a plug-in acts on."""
        named = {site.provider for site in self.estate.sites if site.own}
        named |= {access.provider for access in self.estate.providers}
        return tuple(sorted(named & set(self.plugins.providers)))

    def _ask_again(self, problem: Problem, plan: Plan) -> None:
        from hybridplace.policy import explain

        decisions = [
            explain(
                self.policies,
                problem.job[placement.job],
                problem.site[problem.offer[placement.offer].site],
                datasets=problem.datasets,
                market=problem.offer[placement.offer].market,
                confidential=problem.offer[placement.offer].confidential,
            )
            for placement in plan.placements
        ]
        decisions += [
            explain(self.policies, problem.dataset[one.dataset], problem.site[one.target])
            for one in plan.transfers
        ]
        refuse_denied(decisions)

    def _provider_of(self, problem: Problem, action: Action) -> Provider:
        """Return who does an action: whoever holds the lease, or has the offer."""
        if action.provider is not None:
            return self.provider(action.provider)
        return self.provider(problem.site[problem.offer[action.offer].site].provider)

    def _do(self, problem: Problem, plan: Plan, action: Action) -> Step:
        try:
            if action.verb is Verb.RELEASE:
                self._provider_of(problem, action).release(action.key)
                return Step(action=action)
            refuse_late(action)
            provider = self._provider_of(problem, action)
            request = request_of(problem, plan, action, owner=self.estate.name)
            refuse_program(provider, request)
            return Step(action=action, lease=provider.acquire(request, key=action.key))
        except HybridplaceError as error:
            return Step(action=action, error=error)


def request_of(problem: Problem, plan: Plan, action: Action, *, owner: str) -> Request:
    """Return what is asked of a provider for an action of a plan."""
    placement = next(one for one in plan.placements if one.job == action.job)
    job, offer = problem.job[action.job], problem.offer[action.offer]
    shape = job.shapes[placement.shape]
    expires = problem.now + timedelta(hours=placement.end_h + GRACE_H)
    return Request(
        owner=owner,
        plan=plan_id(plan),
        job=job.id,
        offer=offer,
        machines=action.machines,
        expires=expires.isoformat(),
        nodes=tuple(dict.fromkeys(share.node for share in placement.shares)),
        disk_gib=shape.disk_gib * workers_per_machine(shape, offer),
        public=job.public,
        program=job.program,
    )


def known_regions(catalog: Catalog) -> tuple[str, ...]:
    """Return the ids of all sites in the catalog."""
    return tuple(site.id for name in catalog.providers for site in catalog.sites(name))


def _not_known(failed: Mapping[str, ProviderError]) -> ProviderError:
    """Return one error for providers that could not be asked what they hold."""
    first = next(iter(failed.values()))
    # A caller that repeats what is transient, or asks for credentials, goes by the class.
    alike = all(type(error) is type(first) for error in failed.values())
    known = (TransientError, AuthError)
    kind = type(first) if alike and type(first) in known else ProviderError
    told = [*map(str, failed.values()), f"what runs at {', '.join(failed)} is not known"]
    error = kind("\n".join(told) + "; nothing was done: mend that and repeat")
    error.__cause__ = first
    return error
