from __future__ import annotations

from pathlib import Path

import pytest
from botocore import exceptions as sdk
from botocore.parsers import ResponseParserError

from hybridplace.errors import (
    AuthError,
    CapacityError,
    ProviderError,
    QuotaError,
    TransientError,
)
from hybridplace.mock.script import ScriptedFault
from hybridplace_aws.failures import CODES, translated

from .conftest import REGION

DOCS = Path(__file__).parents[2] / "docs" / "providers" / "aws.md"
KNOWN = [
    ("InsufficientInstanceCapacity", 500, CapacityError),
    ("InsufficientHostCapacity", 500, CapacityError),
    ("UnfulfillableCapacity", 400, CapacityError),
    ("SpotMaxPriceTooLow", 400, CapacityError),
    ("Unsupported", 400, CapacityError),
    ("InsufficientFreeAddressesInSubnet", 400, CapacityError),
    ("MaxSpotInstanceCountExceeded", 400, QuotaError),
    ("VcpuLimitExceeded", 400, QuotaError),
    ("InstanceLimitExceeded", 400, QuotaError),
    ("VolumeLimitExceeded", 400, QuotaError),
    ("RequestLimitExceeded", 503, TransientError),
    ("Throttling", 400, TransientError),
    ("ThrottlingException", 400, TransientError),
    ("InternalError", 500, TransientError),
    ("Unavailable", 503, TransientError),
    ("NeverSeenBefore", 502, TransientError),
    ("NeverSeenBefore", 429, TransientError),
    ("UnauthorizedOperation", 403, AuthError),
    ("AuthFailure", 401, AuthError),
    ("ExpiredToken", 400, AuthError),
    ("OptInRequired", 401, AuthError),
    ("NeverSeenBefore", 400, ProviderError),
    ("InvalidParameterValue", 400, ProviderError),
    ("InvalidAMIID.NotFound", 400, ProviderError),
]


@pytest.mark.parametrize(("code", "status", "expected"), KNOWN)
def test_answer(aws, provider, code, status, expected):
    """An error that AWS answers becomes its class and keeps its code and request id."""
    aws.script(ScriptedFault(action="DescribeSpotPriceHistory", code=code, status=status))
    with pytest.raises(ProviderError) as raised:
        provider.spot_price_history(REGION, hours=1.0)
    assert (expected, code) == (type(raised.value), raised.value.code)
    assert raised.value.request_id is not None
    assert raised.value.request_id.startswith("mock-")
    assert code in str(raised.value)
    assert raised.value.__cause__ is None


def test_json_services_too(aws, provider):
    """Errors of the services that speak JSON are told apart in the same way."""
    aws.script(ScriptedFault(action="ListServiceQuotas", code="TooManyRequestsException"))
    with pytest.raises(TransientError) as raised:
        list(provider.quotas())
    assert "TooManyRequestsException" == raised.value.code


def test_auth_message_quotes_nothing(aws, provider):
    """What AWS says about a refused signature is not repeated: it may quote the request."""
    fault = ScriptedFault(
        action="DescribeSpotPriceHistory",
        code="AuthFailure",
        message="SENTINEL",
        status=401,
    )
    aws.script(fault)
    with pytest.raises(AuthError) as raised:
        provider.spot_price_history(REGION, hours=1.0)
    assert "SENTINEL" not in str(raised.value)
    assert "eu-central-1" in str(raised.value)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (sdk.ConnectTimeoutError(endpoint_url="x"), TransientError),
        (sdk.ReadTimeoutError(endpoint_url="x"), TransientError),
        (sdk.EndpointConnectionError(endpoint_url="x"), TransientError),
        (sdk.ConnectionClosedError(endpoint_url="x"), TransientError),
        (sdk.ResponseStreamingError(error="x"), TransientError),
        (ResponseParserError("an HTML page"), TransientError),
        (sdk.SSLError(endpoint_url="x", error="x"), ProviderError),
        (sdk.NoCredentialsError(), AuthError),
        (sdk.PartialCredentialsError(provider="env", cred_var="x"), AuthError),
        (sdk.ProfileNotFound(profile="x"), AuthError),
        (sdk.SSOTokenLoadError(error_msg="x"), AuthError),
        (sdk.ParamValidationError(report="x"), ProviderError),
    ],
)
def test_without_answer(error, expected):
    """What the SDK raises without an answer from AWS becomes its class, named as code."""
    with pytest.raises(ProviderError) as raised, translated("ask"):
        raise error
    assert (expected, type(error).__name__) == (type(raised.value), raised.value.code)
    assert str(raised.value).startswith("ask: ")


def test_closed_connection(aws, provider):
    """A connection that is closed before the answer is something to repeat."""
    aws.script(ScriptedFault(action="DescribeSpotPriceHistory", lost=True))
    with pytest.raises(TransientError):
        provider.spot_price_history(REGION, hours=1.0)
    assert "no answer" == aws.calls[-1].outcome


def test_html_is_something_to_repeat(provider):
    """A web page instead of an answer, as broken proxies give, is told as transient."""
    with pytest.raises(TransientError), translated("ask"):
        raise ResponseParserError("<html>")


def test_no_code_has_two_classes():
    """The table gives each code one class."""
    listed = [code for codes in CODES.values() for code in codes]
    assert len(set(listed)) == len(listed)


def test_docs_list_every_code():
    """The page for people lists every code under its class."""
    text = DOCS.read_text()
    rows = {line.split("|")[1].strip(" `"): line for line in text.splitlines() if line[:3] == "| `"}
    for kind, codes in CODES.items():
        assert sorted(codes) == sorted(c for c in codes if f"`{c}`" in rows[kind.__name__])
