"""The smallest mocked cloud: machines in a JSON file, rented by name; and its honest driver."""

from __future__ import annotations

import http.client
import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from hybridplace.errors import AuthError, CapacityError, ProviderError, QuotaError, TransientError
from hybridplace.mock.cloud import MockCloud, Thing
from hybridplace.mock.front import Answer, Asked, Front
from hybridplace.mock.script import FaultKind, ScriptedFault
from hybridplace.mock.server import serving
from hybridplace.mock.table import Table
from hybridplace.model.site import Lease, LeaseState
from tests.plugin.honest import Honest

JSON = [("Content-Type", "application/json")]
SAID = {
    FaultKind.CAPACITY: ("start", "SoldOut", 409),
    FaultKind.QUOTA: ("start", "OverQuota", 403),
    FaultKind.AUTH: (None, "WhoAreYou", 401),
    FaultKind.THROTTLE: (None, "SlowDown", 429),
}
ERRORS = {409: CapacityError, 403: QuotaError, 401: AuthError, 429: TransientError}
PLANTED = "honest-token-0123456789"


class HonestFront(Front):
    """Starts, lists and ends machines; a name that is taken is told, and nothing is started."""

    def __init__(self, injector, watch, file):
        super().__init__(injector, watch)
        self.file = file
        self.table: Table[dict] = Table()

    def read(self, environ, body):
        given = json.loads(body or b"{}")
        action = environ["PATH_INFO"].strip("/")
        return Asked(
            service="honest", region="north", action=action, parameters=given, environ=environ
        )

    def shown(self, asked):
        return {name: str(asked.parameters[name]) for name in ("name",) if name in asked.parameters}

    def refusal(self, asked, code, message, status):
        return _answer({"code": code, "message": message}, status, code)

    def answer(self, asked, effect):
        given = asked.parameters
        match asked.action:
            case "start":
                if self.table.get(given["name"]) is not None:
                    return self.refusal(asked, "NameTaken", "look it up", 412)
                self.table.put(given["name"], dict(given["tags"]))
            case "list":
                return _answer(self.table.rows(stale=effect is FaultKind.STALE_LIST))
            case "end":
                self.table.drop(given["name"])
            case _:
                return self.refusal(asked, "Unknown", asked.action, 400)
        self.file.write_text(json.dumps(self.table.rows()))
        return _answer({})


def _answer(plain, status=200, outcome="ok"):
    return Answer(status=status, headers=JSON, body=json.dumps(plain).encode(), outcome=outcome)


class HonestCloud(MockCloud):
    """A cloud whose state is a JSON file."""

    provider = "honest"
    actions = frozenset({"start", "list", "end"})
    planted = (PLANTED,)

    def settings(self):
        return {"regions": ("north",), "options": {}}

    def fault(self, kind):
        if kind in SAID:
            action, code, status = SAID[kind]
            return ScriptedFault(action=action, code=code, status=status, message=PLANTED)
        if kind is FaultKind.LOST_RESPONSE:
            return ScriptedFault(action=None, lost=True)
        if kind is FaultKind.STALE_LIST:
            return ScriptedFault(action="list", effect=kind)
        return None

    def reclaim(self, lease, *, notice=True):
        names = [name for name, tags in self._front.table.rows().items() if tags["lease"] == lease]
        if not names:
            raise KeyError(lease)
        for name in names:
            self.clock.after(120 if notice else 0, lambda name=name: self._take(name))
        self.advance(0)

    def things(self):
        rows = json.loads(self._file.read_text())
        return tuple(
            Thing(
                kind="machine",
                id=name,
                place="north",
                machine=True,
                owner=tags["owner"],
                lease=tags["lease"],
                tags=tags,
            )
            for name, tags in sorted(rows.items())
        )

    def _take(self, name):
        self._front.table.drop(name)
        self._file.write_text(json.dumps(self._front.table.rows()))

    def _start(self, stack):
        self._file = Path(stack.enter_context(TemporaryDirectory())) / "machines.json"
        self._front = HonestFront(self.injector, self.watch, self._file)
        return stack.enter_context(serving(self._front, name="honest cloud"))

    def _forget(self):
        self._front.table.clear()
        self._file.write_text("{}")


class HonestDriver(Honest):
    """Rents machines of the honest cloud: one name per machine, made from the key."""

    def acquire(self, request, *, key):
        names = [f"{key}-{number}" for number in range(request.machines)]
        tags = {"owner": request.owner, "lease": key, "offer": request.offer.id}
        tags |= {"plan": request.plan, "job": request.job, "expires": request.expires}
        try:
            for name in names:
                self.ask("start", name=name, tags=tags)
        except (CapacityError, QuotaError):
            for name in names:
                self.ask("end", name=name)
            raise
        lease = self.lease(request, key)
        return replace(lease, machines=tuple(names))

    def release(self, lease_id):
        for name, tags in self.ask("list").items():
            if tags["lease"] == lease_id:
                self.ask("end", name=name)

    def leases(self, owner):
        found = {}
        for name, tags in self.ask("list").items():
            if tags["owner"] == owner:
                found.setdefault(tags["lease"], (tags, []))[1].append(name)
        return [self.told(tags, names) for tags, names in found.values()]

    def told(self, tags, names):
        named = {one: tags[one] for one in ("owner", "plan", "job", "offer", "expires")}
        return Lease(
            id=tags["lease"],
            provider=self.name,
            machines=tuple(sorted(names)),
            state=LeaseState.ACTIVE,
            **named,
        )

    def state(self):
        return {}

    def ask(self, action, **given):
        address = urlsplit(self.settings.endpoint)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
        try:
            connection.request("POST", f"/{action}", json.dumps(given))
            answer = connection.getresponse()
            plain = json.loads(answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise TransientError(f"{action}: no answer", code=type(error).__name__) from None
        finally:
            connection.close()
        if answer.status >= 400 and plain["code"] != "NameTaken":
            raise ERRORS.get(answer.status, ProviderError)(action, code=plain["code"])
        return plain
