"""EC2 as a hybridplace provider."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from hybridplace.errors import CapacityError, ProviderError, QuotaError, TransientError
from hybridplace.model.site import Lease, Offer, Pool, Site
from hybridplace.plugin.interfaces import (
    KEY_REUSE,
    Feature,
    Notice,
    Provider,
    Request,
    Settings,
)
from hybridplace_aws import launch, market
from hybridplace_aws.failures import translated
from hybridplace_aws.holdings import (
    ALIVE,
    ALREADY_ENDED,
    ENDED,
    SPOT_REQUEST,
    Holdings,
    Thing,
    lease_of,
    tags,
)
from hybridplace_aws.session import Clients

ATTEMPTS = 5
PAUSES_S = (0.5, 1.0, 2.0, 4.0)
"""Between looks at a list that lags; a mocked cloud is asked again at once."""
SEEN_OR_ENDED = tuple(dict.fromkeys((*ALIVE, *ENDED)))
WARNED = ("marked-for-termination", "marked-for-stop")
WARNING_TIME = timedelta(minutes=2)
OWN_DOING = "Client.UserInitiatedShutdown"


class AwsProvider(Provider):
    """Machines of EC2 in the allowed regions."""

    name: ClassVar[str] = market.PROVIDER
    features: ClassVar[frozenset[Feature]] = frozenset(
        {Feature.SPOT, Feature.GANG, Feature.LIVE_PRICES, Feature.QUOTAS, Feature.NOTICES}
    )
    options: ClassVar[Mapping[str, str]] = {
        "image": "id of a machine image, or name of an SSM parameter that holds one",
        "subnet": "ids of subnets, with commas, one in each zone to use",
        "firewall": "ids of security groups, with commas",
        "key": "name of the key pair for SSH",
        "role": "name or ARN of the instance profile",
        "instance_types": "shell patterns, with commas: what offers are asked for",
    }

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clients = Clients(settings.endpoint)
        self._region_of: dict[str, str] = {}

    def sites(self) -> Iterator[Site]:
        """Yield a site per allowed region: the estate's own word on it, else its country only."""
        known = {site.region: site for site in self._settings.sites}
        for region in self._settings.regions:
            yield known.get(region) or Site(
                id=market.site_id(region),
                provider=self.name,
                region=region,
                country=self._country(region),
            )

    def pools(self) -> tuple[Pool, ...]:
        """Return nothing: what EC2 has is not ours to pack."""
        return ()

    def offers(self) -> Iterator[Offer]:
        """Yield what every allowed region sells, with live prices where AWS tells them."""
        for region in self._settings.regions:
            patterns = _listed(self._settings.option("instance_types", region) or "")
            yield from market.offers(self._clients, region, tuple(patterns))

    def quotas(self) -> Iterator[Pool]:
        """Yield the account's vCPU quotas, as pools that offers of the family name."""
        for region in self._settings.regions:
            yield from market.quotas(self._clients, region)

    def spot_price_history(
        self, region: str, *, hours: float, instance_types: tuple[str, ...] = ()
    ) -> list[tuple[datetime, str, str, float]]:
        """Return (since, type, zone, USD/h) of the last `hours`, oldest first."""
        return market.spot_history(
            self._clients, region, hours=hours, instance_types=instance_types
        )

    def acquire(self, request: Request, *, key: str) -> Lease:
        """Start all machines of `request` in one zone, or none.

        What already stands under `key` is returned, and broken gangs are ended first. Zones are
        tried by name until one has capacity.

        Raises
        ------
        CapacityError, QuotaError, TransientError, AuthError, ProviderError
        """
        region = self._region(request)
        held = Holdings(self._clients, region)
        standing = self._standing(held, request, key, ())
        if standing is not None:
            return standing
        option, kind = self._settings.option, request.offer.instance_type
        image = launch.image_for(self._clients, region, kind, option("image", region))
        subnets = _listed(option("subnet", region) or "")
        zones = launch.zones(self._clients, region, kind, subnets)
        try:
            machines = self._start_somewhere(held, request, key, image, zones)
        except (CapacityError, QuotaError):
            # What a process of before started may not have been listed the first time.
            standing = self._standing(held, request, key, ())
            if standing is not None:
                return standing
            raise
        lease = self._standing(held, request, key, machines)
        if lease is None:
            raise TransientError(f"{request.offer.id}: started, but not all of it; repeat")
        return lease

    def release(self, lease_id: str) -> None:
        """End the machines of a lease, and disks, interfaces, addresses and requests left of it.

        Raises
        ------
        TransientError, AuthError, ProviderError
        """
        region = self._region_of.get(lease_id)
        for place in (region,) if region else self._settings.regions:
            owner = self._settings.owner
            Holdings(self._clients, place).release(lease=lease_id, owner=owner)

    def leases(self, owner: str) -> list[Lease]:
        """Return what runs for `owner` in the allowed regions, or is left over there."""
        found: list[Lease] = []
        for region in self._settings.regions:
            here = Holdings(self._clients, region).leases(self.name, owner)
            self._region_of |= {lease.id: region for lease in here}
            found += here
        return found

    def notices(self) -> Iterator[Notice]:
        """Yield spot machines that EC2 is about to take, and machines that ended by themselves.

        EC2 remembers ended machines for about an hour, and so they are told again until then.
        """
        owner = self._settings.owner
        for region in self._settings.regions:
            held = Holdings(self._clients, region)
            for asked in held.listed(SPOT_REQUEST, owner=owner):
                if asked["Status"]["Code"] in WARNED and "lease" in tags(asked):
                    until = asked["Status"]["UpdateTime"] + WARNING_TIME
                    yield _notice(asked, asked["Status"]["Code"], until.isoformat())
            for machine in held.machines(("terminated",), owner=owner):
                code = machine.get("StateReason", {}).get("Code", OWN_DOING)
                if code != OWN_DOING and "lease" in tags(machine):
                    yield _notice(machine, code, None)

    def close(self) -> None:
        """Close all connections to AWS."""
        self._clients.close()

    def _region(self, request: Request) -> str:
        region = request.offer.site.removeprefix(f"{self.name}/")
        if region not in self._settings.regions:
            allowed = ", ".join(self._settings.regions) or "none"
            told = f"{request.offer.id}: {region} is not an allowed region (allowed: {allowed})"
            raise ProviderError(told)
        if request.owner != self._settings.owner:
            told = f"{request.owner} asks, but this provider acts for {self._settings.owner}"
            raise ProviderError(told)
        return region

    def _country(self, region: str) -> str:
        name = f"/aws/service/global-infrastructure/regions/{region}/geolocationCountry"
        with translated(f"{region}: country"):
            answer = self._clients("ssm", region).get_parameter(Name=name)
        return str(answer["Parameter"]["Value"])

    def _start_somewhere(
        self,
        held: Holdings,
        request: Request,
        key: str,
        image: launch.Image,
        zones: Iterable[launch.Where],
    ) -> list[Thing]:
        """Run the machines in the first zone that has capacity."""
        last = CapacityError("no zone")
        for where in zones:
            try:
                return self._start(held, request, key, image, where)
            except CapacityError as refusal:
                last = refusal
        told = f"{request.offer.id}: no zone of {held.region} has {request.machines} of it"
        raise CapacityError(told, code=last.code, request_id=last.request_id)

    def _start(
        self, held: Holdings, request: Request, key: str, image: launch.Image, where: launch.Where
    ) -> list[Thing]:
        """Run the machines, under the first token whose machines have not ended already."""
        option, region = self._settings.option, self._region(request)
        security = launch.Security(
            firewall=tuple(_listed(option("firewall", region) or "")),
            key=option("key", region),
            role=option("role", region),
        )
        for attempt in range(ATTEMPTS):
            asked = launch.parameters(
                request,
                key=key,
                image=image,
                where=where,
                security=security,
                attempt=attempt,
            )
            try:
                return held.run(f"{request.offer.id} in {where.zone}", asked)
            except ProviderError as error:
                if error.code == ALREADY_ENDED:
                    continue
                if error.code != "IdempotentParameterMismatch":
                    raise
                if not held.machines(ENDED, lease=key, owner=request.owner):
                    told = f"{request.offer.id}: started before, but not listed yet; repeat"
                    raise TransientError(told, code=error.code) from None
        raise TransientError(f"{request.offer.id}: ended {ATTEMPTS} times; repeat later")

    def _standing(
        self, held: Holdings, request: Request, key: str, started: Sequence[Thing]
    ) -> Lease | None:
        """Return the one lease that stands under `key`, ending duplicates and broken gangs.

        Two processes that race for one key both keep the run that sorts first, so they agree.
        """
        runs: dict[str, list[Thing]] = {}
        for machine in self._alive(held, request, key, started):
            theirs = tags(machine)
            if (theirs.get("offer"), theirs.get("job")) != (request.offer.id, request.job):
                told = f"key {key} already stands for {theirs.get('job')} on {theirs.get('offer')}"
                raise ProviderError(told, code=KEY_REUSE)
            runs.setdefault(machine["ReservationId"], []).append(machine)
        whole = [run for run in runs.values() if len(run) == request.machines]
        kept = min(whole, key=_age, default=None)
        for run in runs.values():
            if run is not kept:
                held.terminate(run)
        if kept is None:
            return None
        self._region_of[key] = request.offer.site.removeprefix(f"{self.name}/")
        return lease_of(self.name, kept)

    def _alive(
        self, held: Holdings, request: Request, key: str, started: Iterable[Thing]
    ) -> list[Thing]:
        """Return what runs under `key`, from a list that is no older than what was just started.

        EC2's lists lag by seconds. One that has what was started has what others started before,
        too, and tells what failed at once.

        Raises
        ------
        TransientError
            When what was started is not listed after some seconds.
        """
        wanted = {machine["InstanceId"] for machine in started}
        for pause_s in (*PAUSES_S, None):
            listed = held.machines(SEEN_OR_ENDED, lease=key, owner=request.owner)
            if wanted <= {machine["InstanceId"] for machine in listed}:
                return [machine for machine in listed if machine["State"]["Name"] in ALIVE]
            if pause_s is not None and self._settings.endpoint is None:
                time.sleep(pause_s)
        raise TransientError(f"{request.offer.id}: started, but not listed yet; repeat")


def _age(run: list[Thing]) -> tuple[datetime, str]:
    return min(machine["LaunchTime"] for machine in run), run[0]["ReservationId"]


def _notice(thing: Thing, reason: str, deadline: str | None) -> Notice:
    return Notice(lease=tags(thing)["lease"], reason=reason, deadline=deadline)


def _listed(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]
