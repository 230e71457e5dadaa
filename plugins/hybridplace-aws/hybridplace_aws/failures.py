"""What each AWS error means to the caller: one table, nothing guessed elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hybridplace.errors import (
    AuthError,
    CapacityError,
    HybridplaceError,
    ProviderError,
    QuotaError,
    TransientError,
)

CODES: dict[type[ProviderError], frozenset[str]] = {
    CapacityError: frozenset(
        {
            "InsufficientCapacity",
            "InsufficientFreeAddressesInSubnet",
            "InsufficientHostCapacity",
            "InsufficientInstanceCapacity",
            "InsufficientReservedInstanceCapacity",
            "SpotMaxPriceTooLow",
            "UnfulfillableCapacity",
            "Unsupported",
        }
    ),
    QuotaError: frozenset(
        {
            "AddressLimitExceeded",
            "InstanceLimitExceeded",
            "MaxSpotInstanceCountExceeded",
            "NetworkInterfaceLimitExceeded",
            "VcpuLimitExceeded",
            "VolumeLimitExceeded",
        }
    ),
    TransientError: frozenset(
        {
            "EC2ThrottledException",
            "InternalError",
            "InternalFailure",
            "InternalServerError",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "RequestTimeout",
            "RequestTimeoutException",
            "ServerInternal",
            "ServiceUnavailable",
            "ServiceUnavailableException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
            "Unavailable",
        }
    ),
    AuthError: frozenset(
        {
            "AccessDenied",
            "AccessDeniedException",
            "AuthFailure",
            "Blocked",
            "ExpiredToken",
            "ExpiredTokenException",
            "IncompleteSignature",
            "InvalidClientTokenId",
            "InvalidSignatureException",
            "MissingAuthenticationToken",
            "OptInRequired",
            "PendingVerification",
            "RequestExpired",
            "SignatureDoesNotMatch",
            "UnauthorizedOperation",
            "UnrecognizedClientException",
        }
    ),
}
"""Error codes of EC2, SSM, Service Quotas and Pricing, by what the caller does next."""

NO_CREDENTIALS = frozenset(
    {
        "CredentialRetrievalError",
        "NoAuthTokenError",
        "NoCredentialsError",
        "PartialCredentialsError",
        "ProfileNotFound",
        "TokenRetrievalError",
    }
)
"""What the SDK raises, before it asks AWS, when it has nothing to sign with."""

GONE = frozenset(
    {
        "InvalidAllocationID.NotFound",
        "InvalidAssociationID.NotFound",
        "InvalidInstanceID.NotFound",
        "InvalidNetworkInterfaceID.NotFound",
        "InvalidSpotInstanceRequestID.NotFound",
        "InvalidVolume.NotFound",
    }
)
"""What AWS answers when a thing to be released is gone already: success for us."""

_CLASS_OF = {code: kind for kind, codes in CODES.items() for code in codes}


def class_of(code: str, status: int) -> type[ProviderError]:
    """Return the error class for an AWS error code, else for its HTTP status."""
    if code in _CLASS_OF:
        return _CLASS_OF[code]
    return TransientError if status >= 500 or status == 429 else ProviderError


@contextmanager
def translated(asked: str) -> Iterator[None]:
    """Turn what the SDK raises inside into our errors; `asked` says what was asked of AWS.

    Raises
    ------
    CapacityError, QuotaError, TransientError, AuthError, ProviderError
        By `CODES`; without the SDK's exception as cause, which may quote the request.
    """
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except ClientError as error:
        raise _of_answer(error, asked) from None
    except ResponseParserError as error:
        told = f"{asked}: AWS answered what is no AWS answer"
        raise TransientError(told, code=type(error).__name__) from None
    except BotoCoreError as error:
        raise _of_sdk(error, asked) from None


def _of_answer(error: object, asked: str) -> ProviderError:
    response = getattr(error, "response", {})
    told, meta = response.get("Error", {}), response.get("ResponseMetadata", {})
    code = str(told.get("Code", "Unknown"))
    kind = class_of(code, int(meta.get("HTTPStatusCode", 0)))
    said = str(told.get("Message", ""))
    if kind is AuthError:  # AWS may quote the key id or the signed request here
        said = "refused; check the credentials and the permissions in docs/providers/aws.md"
    return kind(f"{asked}: {said}", code=code, request_id=meta.get("RequestId"))


def _of_sdk(error: Exception, asked: str) -> HybridplaceError:
    from botocore import exceptions as sdk

    ours = _ours_inside(error)
    if ours is not None:
        return ours
    name = type(error).__name__
    if name in NO_CREDENTIALS or isinstance(error, sdk.SSOError):
        return AuthError(f"{asked}: no usable AWS credentials were found", code=name)
    if isinstance(error, sdk.SSLError):
        return ProviderError(f"{asked}: the TLS connection was refused", code=name)
    if isinstance(error, sdk.HTTPClientError | sdk.ConnectionError | sdk.ResponseStreamingError):
        return TransientError(f"{asked}: no answer from AWS", code=name)
    return ProviderError(f"{asked}: the SDK refused: {error}", code=name)


def _ours_inside(error: BaseException) -> HybridplaceError | None:
    """Return an error of ours that the SDK wrapped, such as the loopback guard's refusal."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, HybridplaceError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None
