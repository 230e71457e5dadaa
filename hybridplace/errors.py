"""What can go wrong, named by what the caller does next.

::

    HybridplaceError
    |-- InputError          fix the input: every fault at once (exit 2)
    |-- PlanError           the plan breaks the problem: do not apply it (exit 1)
    |-- PolicyError         a policy is invalid or could not decide: nothing is placed (exit 2)
    |-- PluginError         a plug-in is broken or missing: install, mend or remove it (exit 2)
    `-- ProviderError       a provider refused or failed
        |-- CapacityError   sold out: try the next offer, remember for all jobs
        |-- QuotaError      the account's quota is used up: try another region or raise it
        |-- TransientError  the same call may succeed later: repeat with the same key
        `-- AuthError       credentials are missing or refused: a person must act
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class HybridplaceError(Exception):
    """An expected failure: printed without a traceback."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing wrong with an input.

    Parameters
    ----------
    where : str
        The file, or the kind of value when it was built in Python.
    path : str
        The field, as ``jobs[3].deadline_h``.
    expected, got, remedy : str
        What should stand there, what stands there, and what to write instead.
    """

    where: str
    path: str
    expected: str
    got: str
    remedy: str = ""

    def __str__(self) -> str:
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{self.where}: {self.path}: expected {self.expected}, got {self.got}{remedy}"


class InputError(HybridplaceError):
    """The input is wrong; `faults` names everything that is, in reading order."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class PlanError(HybridplaceError):
    """A plan does not hold for its problem; `breaches` names every rule it breaks."""

    def __init__(self, breaches: Iterable[str]) -> None:
        self.breaches = tuple(breaches)
        super().__init__("\n".join(self.breaches))


class PolicyError(HybridplaceError):
    """A policy is invalid, or the policy engine could not decide."""


class PluginError(HybridplaceError):
    """A plug-in is missing, broken, or written against another contract."""


class ProviderError(HybridplaceError):
    """A provider refused or failed in a way that no other class names.

    Parameters
    ----------
    message : str
        What was asked, and what the provider answered.
    code, request_id : str or None
        The provider's own error code and request id, kept for its support desk.
    """

    def __init__(
        self, message: str, *, code: str | None = None, request_id: str | None = None
    ) -> None:
        self.code = code
        self.request_id = request_id
        details = [f"code {code}" if code else "", f"request {request_id}" if request_id else ""]
        told = ", ".join(detail for detail in details if detail)
        super().__init__(f"{message} ({told})" if told else message)


class CapacityError(ProviderError):
    """Sold out: the next offer may do."""


class QuotaError(ProviderError):
    """The account may not have more of this here."""


class TransientError(ProviderError):
    """Throttled, timed out or briefly broken: the same call with the same key may succeed."""


class AuthError(ProviderError):
    """Credentials are missing, expired or not allowed to do this."""
