"""The web application before moto: reads each call, and answers what moto does not know."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Mapping
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
from hybridplace.mock.front import Answer, Asked, Front, Headers
from hybridplace.mock.script import FaultKind, Injector

FORM = "application/x-www-form-urlencoded"
JSON = "application/x-amz-json-1.1"
MOST = 1000
TOLD = re.compile(
    r"ImageId(\.\d+)?|InstanceType(\.\d+)?|InstanceId\.\d+|MinCount|MaxCount|ClientToken|Name|QuotaCode"
    r"|Placement\.AvailabilityZone|InstanceMarketOptions\.MarketType|VolumeId|AllocationId"
    r"|NetworkInterfaceId|SpotInstanceRequestId\.\d+|LocationType|ServiceCode"
)
"""Parameters that the record shows as they are; filters are shown by name."""


class Wire(Front):
    """The application.

    Parameters
    ----------
    page_size : int or None
        Most items per page; None is AWS's own limit where moto does not page by itself.
    """

    def __init__(
        self,
        injector: Injector,
        watch: Callable[[Mapping[str, str], bytes], None] | None = None,
        *,
        facts: Facts,
        page_size: int | None = None,
        done: Callable[[Asked, Answer, FaultKind | None], Answer],
    ) -> None:
        super().__init__(injector, watch)
        self.facts, self.page_size, self._done = facts, page_size, done
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._ids = count(1)

    def read(self, environ: dict[str, Any], body: bytes) -> Asked:
        """Return the call; the signature names the service and region, its key is not kept."""
        return _read(environ, body)

    def traits(self, asked: Asked) -> Mapping[str, str | None]:
        """Return region, zone, type and market."""
        return _traits(asked)

    def shown(self, asked: Asked) -> Mapping[str, str]:
        """Return the parameters that tell what was asked."""
        return _shown(asked)

    def answer(self, asked: Asked, effect: FaultKind | None) -> Answer:
        """Answer from the facts, else from moto, and let the effect happen."""
        if asked.action == "":
            return self.refusal(asked, "InvalidAction", "This is no AWS call.", 400)
        if not zones(asked.region):
            told = f"The mocked AWS has no region {asked.region}."
            return self.refusal(asked, "NotMocked", told, 400)
        answer = self._own_answer(asked) or self._moto_answer(asked)
        return self._done(asked, answer, effect)

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
        return self.refusal(asked, "InsufficientInstanceCapacity", told, 500)

    def _moto_answer(self, asked: Asked) -> Answer:
        changed, token = self._rewritten(asked)
        try:
            status, headers, body = _through(self._moto, changed)
        except NotImplementedError:
            return self._not_mocked(asked)
        except Exception as error:  # noqa: BLE001 - whatever moto does, the SDK gets an answer
            told = f"The mocked AWS failed: {type(error).__name__}: {error}"
            return self.refusal(asked, "InternalError", told, 500)
        if dict(headers).get("Content-Type", "").startswith("text/html"):
            return self._not_mocked(asked)
        if token is not None:
            end = f"</{asked.action}Response>".encode()
            body = body.replace(end, f"<nextToken>{token}</nextToken>".encode() + end)
        return _relayed(status, headers, body)

    def _not_mocked(self, asked: Asked) -> Answer:
        told = f"The mocked AWS has no {asked.service} {asked.action}."
        return self.refusal(asked, "NotMocked", told, 400)

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
        if _speaks_json(asked):
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

    def refusal(self, asked: Asked, code: str, message: str, status: int) -> Answer:
        """Return an error as the service's protocol has it."""
        if _speaks_json(asked):
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


def _shown(asked: Asked) -> dict[str, str]:
    given = asked.parameters
    shown = {name: str(given[name]) for name in given if TOLD.fullmatch(name)}
    for name in given:
        if re.fullmatch(r"Filter\.\d+\.Name", name):
            values = (given[one] for one in given if one.startswith(name[:-4] + "Value."))
            shown[str(given[name])] = ",".join(map(str, values))
    return shown


def _speaks_json(asked: Asked) -> bool:
    """Say whether the service speaks JSON rather than forms and XML."""
    return "HTTP_X_AMZ_TARGET" in asked.environ


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
