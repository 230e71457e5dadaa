"""Own machines as a provider: what there is stands in the estate or in a file.

Nobody but us hands these machines out, so a lease is a claim that we write down ourselves, in one
JSON file in the state folder that all processes of an estate share.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, fields
from pathlib import Path
from types import UnionType
from typing import Any, ClassVar, TypeVar, get_args, get_origin, get_type_hints

import yaml

from hybridplace.errors import CapacityError, Fault, InputError, ProviderError
from hybridplace.model.canonical import to_plain
from hybridplace.model.site import Lease, LeaseState, Market, Node, Offer, Pool, Site
from hybridplace.plugin import KEY_REUSE, Feature, Provider, Request, Settings, hookimpl

T = TypeVar("T", Site, Pool, Node)

STATE_VERSION = 1
SIGNED = ("latitude_deg", "longitude_deg")


@hookimpl
def hybridplace_providers() -> list[type[Provider]]:
    """Add the provider `static`."""
    return [Static]


class Static(Provider):
    """The machines that an organisation has, as it lists them.

    They are the sites and pools of the estate with the provider ``static``, and those of the
    machines file that the option ``file`` names.

    Notes
    -----
    A claim never ends by itself: `expires` is kept and told, and whoever has the engine's clock
    releases what is overdue. Ending it here would give the node of an overrunning job, or of a
    computer whose clock is slow, to somebody else.
    """

    name: ClassVar[str] = "static"
    features: ClassVar[frozenset[Feature]] = frozenset({Feature.GANG})
    options: ClassVar[Mapping[str, str]] = {
        "file": "path of a machines file, from where hybridplace is run"
    }

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        file = settings.option("file")
        sites, pools = read_machines(Path(file), settings) if file else ((), ())
        self._sites = (*settings.sites, *sites)
        self._pools = (*settings.pools, *pools)
        self._claims = Claims(Path(settings.state_dir)) if settings.state_dir else None

    def sites(self) -> Iterable[Site]:
        """Return the own sites."""
        return self._sites

    def pools(self) -> Iterable[Pool]:
        """Return the own pools with their nodes."""
        return self._pools

    def offers(self) -> Iterable[Offer]:
        """Return one offer per pool and type of accelerator in it, CPU-only nodes being a type."""
        return tuple(
            _offer(pool, accelerator)
            for pool in self._pools
            for accelerator in dict.fromkeys(node.accelerator for node in pool.nodes)
        )

    def acquire(self, request: Request, *, key: str) -> Lease:
        """Claim the nodes that `request` names, or as many wholly free ones if it names none.

        Named nodes may be shared with other claims: the plan packed them.

        Raises
        ------
        CapacityError
            When no nodes are named and too few are free.
        ProviderError
            When the offer or a node is unknown here, the key belongs to another request, or there
            is no state folder.
        """
        if self._claims is None:
            raise ProviderError("static: a claim needs a state folder; set state_dir")
        with self._claims.changing() as claims:
            lease = claims.get(key)
            if lease is None:
                lease = _lease(request, key, self._nodes(request, claims))
                claims[key] = lease
        asked = (request.owner, request.job, request.offer.id, request.machines)
        if (lease.owner, lease.job, lease.offer, len(lease.machines)) != asked:
            raise ProviderError(
                f"static: key {key!r} is the claim of job {lease.job!r} on {lease.offer}; "
                f"another request, job {request.job!r} on {request.offer.id}, needs its own key",
                code=KEY_REUSE,
            )
        return lease

    def release(self, lease_id: str) -> None:
        """Drop the claim; one that is gone already is success."""
        if self._claims is not None:
            with self._claims.changing() as claims:
                claims.pop(lease_id, None)

    def leases(self, owner: str) -> Iterable[Lease]:
        """Return the claims of `owner` by id; none without a state folder."""
        claims = self._claims.read() if self._claims else {}
        return tuple(claims[key] for key in sorted(claims) if claims[key].owner == owner)

    def _nodes(self, request: Request, claims: Mapping[str, Lease]) -> tuple[str, ...]:
        """Return the nodes that `request` gets."""
        offer = next((one for one in self.offers() if one.id == request.offer.id), None)
        if offer is None:
            known = ", ".join(one.id for one in self.offers()) or "none"
            raise ProviderError(f"static: no offer {request.offer.id}; offers: {known}")
        if request.machines < 1:
            raise ProviderError(f"static: at least 1 machine is needed, got {request.machines}")
        pool = next(pool for pool in self._pools if pool.id == offer.pool)
        nodes = [node.id for node in pool.nodes if node.accelerator == offer.accelerator]
        if request.nodes:
            _check_named(request, nodes)
            return request.nodes
        of_pool = {one.id for one in self.offers() if one.pool == pool.id}
        taken = {node for one in claims.values() if one.offer in of_pool for node in one.machines}
        free = [node for node in nodes if node not in taken]
        if len(free) < request.machines:
            told = f"{len(free)} of {len(nodes)} nodes are free, {request.machines} were asked for"
            raise CapacityError(f"static: {offer.id}: {told}")
        return tuple(free[: request.machines])


def _offer(pool: Pool, accelerator: str | None) -> Offer:
    """Return the offer for the nodes of `pool` with `accelerator`."""
    nodes = [node for node in pool.nodes if node.accelerator == accelerator]
    largest = max(nodes, key=lambda node: (node.accelerators, node.cpus, node.memory_gib))
    speeds = [node.interconnect_gbps for node in nodes if node.interconnect_gbps is not None]
    instance_type = f"{pool.id}:{accelerator or 'cpu'}"
    return Offer(
        id=f"{pool.site}/{instance_type}/{Market.OWNED}",
        site=pool.site,
        instance_type=instance_type,
        market=Market.OWNED,
        price_usd_h=0.0,
        cpus=largest.cpus,
        memory_gib=largest.memory_gib,
        accelerator=accelerator,
        accelerators=largest.accelerators,
        # A gang is as fast as its slowest node; one of unknown speed makes that unknown.
        interconnect_gbps=min(speeds) if len(speeds) == len(nodes) else None,
        pool=pool.id,
    )


def _lease(request: Request, key: str, nodes: tuple[str, ...]) -> Lease:
    return Lease(
        id=key,
        provider=Static.name,
        owner=request.owner,
        plan=request.plan,
        job=request.job,
        offer=request.offer.id,
        machines=nodes,
        state=LeaseState.ACTIVE,
        expires=request.expires,
    )


def _check_named(request: Request, nodes: list[str]) -> None:
    """Refuse named nodes that are not `nodes`, not as many as machines, or named twice."""
    unknown = [node for node in request.nodes if node not in nodes]
    twice = [node for node, times in Counter(request.nodes).items() if times > 1]
    who = f"static: {request.offer.id}, job {request.job!r}"
    if unknown:
        raise ProviderError(f"{who}: no nodes {', '.join(unknown)}; nodes: {', '.join(nodes)}")
    if twice or len(request.nodes) != request.machines:
        told = ", ".join(request.nodes)
        raise ProviderError(f"{who}: {request.machines} machines need as many nodes, got {told}")


class Claims:
    """The leases by id, in a file that is replaced as a whole under a lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "static-claims.json"

    def read(self) -> dict[str, Lease]:
        """Return all claims.

        Raises
        ------
        ProviderError
            When the file cannot be read or is no claims file; it is left as it is.
        """
        try:
            state = json.loads(self._file.read_text(encoding="utf-8"))
            if state["version"] != STATE_VERSION:
                raise ValueError(f"version {state['version']}, expected {STATE_VERSION}")
            leases = [_read_lease(item) for item in state["claims"]]
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ProviderError(
                f"static: claims file {self._file} cannot be read ({error}); restore it, or remove "
                "it once nothing runs on these machines"
            ) from error
        return {lease.id: lease for lease in leases}

    @contextmanager
    def changing(self) -> Iterator[dict[str, Lease]]:
        """Give the claims for changing; they are written when the block ends without error."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(self._folder / "static-claims.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ProviderError(f"static: state folder cannot be used: {error}") from error
        try:
            # Freed when the process ends, however it ends; each opening locks for itself, so this
            # holds between threads too.
            fcntl.flock(lock, fcntl.LOCK_EX)
            before = self.read()
            claims = dict(before)
            yield claims
            if claims != before:
                self._write(claims)
        finally:
            os.close(lock)

    def _write(self, claims: Mapping[str, Lease]) -> None:
        """Replace the file; after a crash it is the old one or the new one, whole."""
        state = {
            "version": STATE_VERSION,
            "claims": [to_plain(claims[key]) for key in sorted(claims)],
        }
        temporary = self._folder / ".static-claims-new"  # the lock is held: nobody else writes it
        try:
            with temporary.open("w", encoding="utf-8") as file:
                json.dump(state, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self._file)
            folder = os.open(self._folder, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise ProviderError(f"static: claims cannot be written: {error}") from error


def _read_lease(item: dict[str, Any]) -> Lease:
    machines = tuple(item["machines"])
    return Lease(**{**item, "machines": machines, "state": LeaseState(item["state"])})


def read_machines(path: Path, settings: Settings) -> tuple[tuple[Site, ...], tuple[Pool, ...]]:
    """Read a machines file: the keys ``sites`` and ``pools``, written as in the estate.

    Raises
    ------
    InputError
        When it cannot be read, or anything in it is wrong; names every fault.
    """
    reader = _Reader(str(path))
    content = reader.load(path)
    sites = reader.values(Site, content, "sites", {"provider": Static.name, "own": True})
    pools = reader.values(Pool, content, "pools", {})
    known = {site.id for site in (*settings.sites, *sites.values())}
    for at, site in sites.items():
        if site.provider != Static.name:
            reader.fault(f"{at}.provider", Static.name, site.provider, "remove it")
    for at, pool in pools.items():
        if pool.site not in known:
            told = f"a site ({', '.join(sorted(known)) or 'there is none'})"
            reader.fault(f"{at}.site", told, pool.site)
        reader.check_nodes(f"{at}.nodes", pool.nodes)
    reader.check_unique("sites", (*settings.sites, *sites.values()))
    reader.check_unique("pools", (*settings.pools, *pools.values()))
    if reader.faults:
        raise InputError(reader.faults)
    return tuple(sites.values()), tuple(pools.values())


class _Reader:
    """Turns plain values into the model's, collecting every fault."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.faults: list[Fault] = []

    def fault(self, path: str, expected: str, got: object, remedy: str = "") -> None:
        """Note one thing that is wrong."""
        told = got if isinstance(got, str) else repr(got)
        self.faults.append(
            Fault(where=self.where, path=path, expected=expected, got=told, remedy=remedy)
        )

    def load(self, path: Path) -> dict[str, Any]:
        """Return the top of the file; raise if there is none to go on with."""
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            told = " ".join(str(error).split())
            self.fault("(file)", "a readable YAML file", told, "mend or replace it")
            raise InputError(self.faults) from error
        if not isinstance(content, dict):
            self.fault("(file)", "the keys sites and pools", type(content).__name__)
            raise InputError(self.faults)
        for key in sorted(str(key) for key in content if key not in ("sites", "pools")):
            self.fault(key, "only sites and pools here", "an unknown key", "remove it")
        return content

    def values(
        self,
        kind: type[T],
        content: Mapping[str, Any],
        key: str,
        given: Mapping[str, Any],
        at: str = "",
    ) -> dict[str, T]:
        """Return the `kind` values under `key` by path; wrong ones are left out and noted."""
        items = content.get(key) or []
        path = f"{at}.{key}" if at else key
        if not isinstance(items, list):
            self.fault(path, "a list", items)
            return {}
        found = {f"{path}[{index}]": item for index, item in enumerate(items)}
        made = {place: self._value(kind, item, place, given) for place, item in found.items()}
        return {place: value for place, value in made.items() if value is not None}

    def check_unique(self, path: str, values: Iterable[Site | Pool | Node]) -> None:
        """Note ids that are there more than once."""
        for name, times in Counter(value.id for value in values).items():
            if times > 1:
                self.fault(path, "unique ids", f"{name!r} {times} times", "rename all but one")

    def check_nodes(self, path: str, nodes: tuple[Node, ...]) -> None:
        """Note a pool without nodes, equal ids, and accelerators without name or number."""
        if not nodes:
            self.fault(path, "at least one node", "none")
        self.check_unique(path, nodes)
        for index, node in enumerate(nodes):
            if (node.accelerator is None) != (node.accelerators == 0):
                told = f"accelerator {node.accelerator}, accelerators {node.accelerators}"
                self.fault(f"{path}[{index}]", "accelerator and accelerators, or neither", told)

    def _value(self, kind: type[T], item: Any, path: str, given: Mapping[str, Any]) -> T | None:
        if not isinstance(item, dict):
            self.fault(path, f"the fields of a {kind.__name__.lower()}", item)
            return None
        before = len(self.faults)
        # What a quota counts has no place among own nodes.
        known = {one.name: one for one in fields(kind) if one.name not in ("measure", "at_most")}
        hints = get_type_hints(kind)
        for name in sorted(str(name) for name in item if name not in known):
            self.fault(f"{path}.{name}", f"one of {', '.join(known)}", "an unknown field")
        made = dict(given)
        for name, field in known.items():
            if name in item:
                made[name] = self._field(hints[name], item, name, path)
            elif name not in given and field.default is MISSING:
                self.fault(f"{path}.{name}", "a value", "nothing", "add it")
        return kind(**made) if len(self.faults) == before else None

    def _field(self, hint: Any, item: Mapping[str, Any], name: str, path: str) -> Any:
        value, at = item[name], f"{path}.{name}"
        if hint == tuple[Node, ...]:
            return tuple(self.values(Node, item, name, {}, path).values())
        if get_origin(hint) is tuple:
            if isinstance(value, list) and all(isinstance(part, str) for part in value):
                return tuple(value)
            return self.fault(at, "a list of names", value)
        allowed = get_args(hint) if isinstance(hint, UnionType) else (hint,)
        numeric = float in allowed or int in allowed
        if numeric and isinstance(value, int | float) and not isinstance(value, bool):
            whole = float in allowed or isinstance(value, int)
            if whole and math.isfinite(value) and (name in SIGNED or value >= 0):
                return float(value) if float in allowed else value
        elif type(value) in allowed:
            return value
        number = "a number" if name in SIGNED else "a number, at least 0"
        expected = {str: "text", bool: "true or false", float: number}
        return self.fault(at, expected.get(allowed[0], "a whole number, at least 0"), value)
