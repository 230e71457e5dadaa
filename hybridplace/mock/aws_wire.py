"""The web application before moto: reads each call, shows scripted faults, keeps the record."""

from __future__ import annotations

import io
import json
import re
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urlencode
from xml.sax.saxutils import escape

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from hybridplace.mock.aws_answers import (
    MARKETS,
    Facts,
    image,
    image_parameter,
    page,
    places,
    products,
    quotas,
    spot_prices,
)
from hybridplace.mock.aws_stock import zones
from hybridplace.mock.script import Call, Script, ScriptedFault

FORM = "application/x-www-form-urlencoded"
JSON = "application/x-amz-json-1.1"
MOST = 1000
TOLD = re.compile(
    r"ImageId(\.\d+)?|InstanceType(\.\d+)?|InstanceId\.\d+|MinCount|MaxCount|ClientToken|Name|QuotaCode"
    r"|Placement\.AvailabilityZone|InstanceMarketOptions\.MarketType|VolumeId|AllocationId"
    r"|NetworkInterfaceId|SpotInstanceRequestId\.\d+|LocationType|ServiceCode"
)
"""Parameters that the record shows as they are; filters are shown by name."""

Headers = list[tuple[str, str]]
Start = Callable[[str, Headers], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One call, read."""

    service: str
    region: str
    action: str
    parameters: Mapping[str, Any]
    environ: dict[str, Any]

    @property
    def as_json(self) -> bool:
        """Whether the service speaks JSON rather than forms and XML."""
        return "HTTP_X_AMZ_TARGET" in self.environ


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back."""

    status: int
    headers: Headers
    body: bytes
    outcome: str = "ok"


@dataclass(kw_only=True)
class Wire:
    """The application.

    Parameters
    ----------
    page_size : int or None
        Most items per page; None is AWS's own limit where moto does not page by itself.
    watch : callable or None
        Called with the headers and the body of every request, before anything else.
    """

    facts: Facts
    script: Script = field(default_factory=Script)
    page_size: int | None = None
    watch: Callable[[Mapping[str, str], bytes], None] | None = None
    calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._ids = count(1)

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        """Answer one request (WSGI)."""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if self.watch is not None:
            sent = {name: str(text) for name, text in environ.items() if name.startswith("HTTP_")}
            self.watch(sent | {"QUERY_STRING": environ.get("QUERY_STRING", "")}, body)
        asked = _read(environ, body)
        fault = self.script.take(asked.action, _traits(asked))
        answer = self._answer(asked, fault)
        lost = fault is not None and fault.lost
        self.calls.append(_record(asked, "no answer" if lost else answer.outcome))
        if lost:
            _hang_up(environ)
            return []
        start(f"{answer.status} {answer.outcome}", answer.headers)
        return [answer.body]

    def _answer(self, asked: Asked, fault: ScriptedFault | None) -> Answer:
        if fault is not None and fault.delay_s:
            time.sleep(fault.delay_s)
        if fault is not None and fault.code:
            return self._refusal(asked, fault.code, fault.message, fault.status)
        if asked.action == "":
            return self._refusal(asked, "InvalidAction", "This is no AWS call.", 400)
        if not zones(asked.region):
            told = f"The mocked AWS has no region {asked.region}."
            return self._refusal(asked, "NotMocked", told, 400)
        return self._own_answer(asked) or self._moto_answer(asked)

    def _own_answer(self, asked: Asked) -> Answer | None:
        most = self.page_size or MOST
        told: dict[str, Any] | None
        match asked.service, asked.action:
            case "ec2", "RunInstances":
                return self._sold_out(asked)
            case "ec2", "DescribeSpotPriceHistory":
                text = spot_prices(self.facts, asked.region, asked.parameters, most)
                return self._good(text.encode(), "text/xml;charset=UTF-8")
            case "servicequotas", "ListServiceQuotas":
                told = quotas(self.facts, asked.region, asked.parameters, min(most, 100))
            case "pricing", "GetProducts":
                told = products(self.facts, asked.parameters, min(most, 100))
            case "ssm", "GetParameter":
                told = image(asked.region, image_parameter(str(asked.parameters.get("Name", ""))))
            case _:
                return None
        return None if told is None else self._good(json.dumps(told).encode(), JSON)

    def _sold_out(self, asked: Asked) -> Answer | None:
        traits = _traits(asked)
        kind, market = str(traits["instance_type"]), str(traits["market"])
        if not self.facts.refuses(asked.region, kind, market):
            return None
        told = f"There is no capacity for {kind} ({market}) in {asked.region}."
        return self._refusal(asked, "InsufficientInstanceCapacity", told, 500)

    def _moto_answer(self, asked: Asked) -> Answer:
        changed, token = self._rewritten(asked)
        try:
            status, headers, body = _through(self._moto, changed)
        except NotImplementedError:
            return self._not_mocked(asked)
        except Exception as error:  # noqa: BLE001 - whatever moto does, the SDK gets an answer
            told = f"The mocked AWS failed: {type(error).__name__}: {error}"
            return self._refusal(asked, "InternalError", told, 500)
        if dict(headers).get("Content-Type", "").startswith("text/html"):
            return self._not_mocked(asked)
        if token is not None:
            end = f"</{asked.action}Response>".encode()
            body = body.replace(end, f"<nextToken>{token}</nextToken>".encode() + end)
        return _relayed(status, headers, body)

    def _not_mocked(self, asked: Asked) -> Answer:
        told = f"The mocked AWS has no {asked.service} {asked.action}."
        return self._refusal(asked, "NotMocked", told, 400)

    def _rewritten(self, asked: Asked) -> tuple[dict[str, Any], str | None]:
        """Return the request as moto understands it, and the token of the next page if any."""
        given = dict(asked.parameters)
        if asked.action == "GetParameter":
            given["Name"] = image_parameter(str(given.get("Name", "")))
            return _with_body(asked.environ, json.dumps(given).encode()), None
        token = None
        if asked.action in ("DescribeInstanceTypes", "DescribeInstanceTypeOfferings"):
            token = self._one_page(asked, given)
        elif asked.action == "DescribeInstances" and self.page_size:
            given.setdefault("MaxResults", str(self.page_size))
        if asked.as_json:
            return asked.environ, None
        return _with_body(asked.environ, urlencode(given).encode()), token

    def _one_page(self, asked: Asked, given: dict[str, Any]) -> str | None:
        """Narrow a listing that moto gives whole to the types of one page."""
        types = asked.action == "DescribeInstanceTypes"
        if self.page_size is None or (types and "InstanceType.1" in given):
            return None
        location = "region" if types else str(given.get("LocationType", "region"))
        names = sorted({name for _, name in places(asked.region, location)})
        shown, token = page(names, given, self.page_size)
        given.pop("NextToken", None)
        if types:
            return _narrowed(given, "InstanceType", shown, token)
        number = 1 + sum(name.endswith(".Name") for name in given)
        given[f"Filter.{number}.Name"] = "instance-type"
        return _narrowed(given, f"Filter.{number}.Value", shown, token)

    def _good(self, body: bytes, kind: str) -> Answer:
        return Answer(status=200, headers=self._headers(kind), body=body)

    def _refusal(self, asked: Asked, code: str, message: str, status: int) -> Answer:
        if asked.as_json:
            text = json.dumps({"__type": code, "message": message})
            return Answer(
                status=status, headers=self._headers(JSON), body=text.encode(), outcome=code
            )
        text = (
            f"<Response><Errors><Error><Code>{code}</Code>"
            f"<Message>{escape(message)}</Message></Error>"
            "</Errors><RequestID>{id}</RequestID></Response>"
        )
        headers = self._headers("text/xml;charset=UTF-8")
        text = text.replace("{id}", dict(headers)["x-amzn-RequestId"])
        return Answer(status=status, headers=headers, body=text.encode(), outcome=code)

    def _headers(self, kind: str) -> Headers:
        return [("Content-Type", kind), ("x-amzn-RequestId", f"mock-{next(self._ids):06d}")]


def _narrowed(
    given: dict[str, Any], prefix: str, names: list[str], token: str | None
) -> str | None:
    for number, name in enumerate(names, start=1):
        given[f"{prefix}.{number}"] = name
    return token


def _read(environ: dict[str, Any], body: bytes) -> Asked:
    """Return the call; the signature names the service and region, its key is not kept."""
    environ["wsgi.input"] = io.BytesIO(body)
    scope = re.search(
        r"Credential=[^/]*/\d+/([^/]+)/([^/]+)/", environ.get("HTTP_AUTHORIZATION", "")
    )
    region, service = (scope[1], scope[2]) if scope else ("", "")
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target is not None:
        parameters = json.loads(body or b"{}")
        action = target.rpartition(".")[2]
    else:
        parameters = dict(parse_qsl(body.decode(), keep_blank_values=True))
        action = parameters.get("Action", "")
    return Asked(
        service=service, region=region, action=action, parameters=parameters, environ=environ
    )


def _traits(asked: Asked) -> dict[str, str | None]:
    given = asked.parameters
    usage = str(given.get("InstanceMarketOptions.MarketType", "on-demand"))
    return {
        "region": asked.region,
        "zone": given.get("Placement.AvailabilityZone"),
        "instance_type": given.get("InstanceType"),
        "market": MARKETS.get(usage, usage),
    }


def _record(asked: Asked, outcome: str) -> Call:
    given = asked.parameters
    shown = {name: str(given[name]) for name in given if TOLD.fullmatch(name)}
    for name in given:
        if re.fullmatch(r"Filter\.\d+\.Name", name):
            values = (given[one] for one in given if one.startswith(name[:-4] + "Value."))
            shown[str(given[name])] = ",".join(map(str, values))
    return Call(
        service=asked.service,
        region=asked.region,
        action=asked.action,
        parameters=dict(sorted(shown.items())),
        outcome=outcome,
    )


def _with_body(environ: dict[str, Any], body: bytes) -> dict[str, Any]:
    return {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}


def _through(app: Any, environ: dict[str, Any]) -> tuple[int, Headers, bytes]:
    """Return what another WSGI application answers."""
    told: list[Any] = []

    def start(status: str, headers: Headers, _: object = None) -> None:
        told[:] = [int(status.split(maxsplit=1)[0]), headers]

    chunks = app(environ, start)
    try:
        body = b"".join(chunks)
    finally:
        getattr(chunks, "close", bool)()
    return told[0], told[1], body


def _relayed(status: int, headers: Headers, body: bytes) -> Answer:
    outcome = "ok"
    if status >= 400:
        code = re.search(rb"<Code>([^<]+)</Code>|\"__type\": ?\"(?:[^\"]*#)?([^\"#]+)\"", body)
        outcome = (code[1] or code[2]).decode() if code else str(status)
    kept = [(name, text) for name, text in headers if name.lower() != "content-length"]
    return Answer(status=status, headers=kept, body=body, outcome=outcome)


def _hang_up(environ: Mapping[str, Any]) -> None:
    """Close the connection, as when an answer is lost on the way."""
    with suppress(OSError):
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
