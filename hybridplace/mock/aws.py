"""A mocked AWS on loopback: moto's server, with what it lacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from threading import Lock
from typing import TYPE_CHECKING, ClassVar

from hybridplace.errors import PluginError
from hybridplace.mock.cloud import MockCloud, Thing
from hybridplace.mock.script import FaultKind, ScriptedFault

if TYPE_CHECKING:
    from hybridplace.mock.aws_effects import Effects
    from hybridplace.mock.aws_wire import Wire

_one_at_a_time = Lock()

PLANTED = "AKIAHYBRIDPLACEMOCK0"
"""Stands for the key id that AWS quotes when it refuses a login."""

FAULTS = {
    FaultKind.CAPACITY: ScriptedFault(
        action="RunInstances", code="InsufficientInstanceCapacity", status=500
    ),
    FaultKind.QUOTA: ScriptedFault(action="RunInstances", code="VcpuLimitExceeded"),
    FaultKind.AUTH: ScriptedFault(
        action=None,
        code="UnauthorizedOperation",
        status=403,
        message=f"{PLANTED} is not authorized to perform this operation.",
    ),
    FaultKind.THROTTLE: ScriptedFault(action=None, code="RequestLimitExceeded", status=503),
    FaultKind.LOST_RESPONSE: ScriptedFault(action=None, lost=True),
    FaultKind.STALE_LIST: ScriptedFault(action="DescribeInstances", effect=FaultKind.STALE_LIST),
    FaultKind.PREEMPT: ScriptedFault(
        action="RunInstances", market="spot", effect=FaultKind.PREEMPT
    ),
    FaultKind.PREEMPT_SILENT: ScriptedFault(
        action="RunInstances", market="spot", effect=FaultKind.PREEMPT_SILENT
    ),
} | {
    kind: ScriptedFault(action="RunInstances", effect=kind)
    for kind in (FaultKind.SLOW, FaultKind.FAILED_OPERATION, FaultKind.PARTIAL)
}
"""Every kind of fault as AWS has it: quotas and logins refuse, spot machines are taken back."""


class MockAws(MockCloud):
    """EC2, SSM, Service Quotas and Pricing of one account.

    One per process at a time, as moto keeps its state there. The first start takes some seconds:
    moto loads its tables. Types and regions of the offers that moto's tables lack are added. An
    offer that is not `available` is refused for lack of capacity, and so is a spot machine without
    a price. Quotas are the pools with the id ``aws/REGION/quota/CODE``.
    """

    provider: ClassVar[str] = "aws"
    planted: ClassVar[tuple[str, ...]] = (PLANTED,)
    actions: ClassVar[frozenset[str]] = frozenset(
        {
            "CancelSpotInstanceRequests",
            "DeleteNetworkInterface",
            "DeleteVolume",
            "DescribeAddresses",
            "DescribeImages",
            "DescribeInstanceTypeOfferings",
            "DescribeInstanceTypes",
            "DescribeInstances",
            "DescribeNetworkInterfaces",
            "DescribeSpotInstanceRequests",
            "DescribeSpotPriceHistory",
            "DescribeSubnets",
            "DescribeVolumes",
            "DisassociateAddress",
            "GetParameter",
            "GetProducts",
            "ListServiceQuotas",
            "ReleaseAddress",
            "RunInstances",
            "TerminateInstances",
        }
    )

    _wire: Wire
    _effects: Effects

    def settings(self) -> Mapping[str, object]:
        """Return the regions and the instance types of the offers."""
        ours = [offer for offer in self.offers if offer.site.startswith("aws/")]
        types = sorted({offer.instance_type for offer in ours})
        return {
            "regions": tuple(sorted({offer.site.removeprefix("aws/") for offer in ours})),
            "options": {"instance_types": ",".join(types)},
        }

    def fault(self, kind: FaultKind) -> ScriptedFault | None:
        """Return a kind of fault in AWS's words; it has all kinds."""
        return FAULTS.get(kind)

    def warn(self, machines: Iterable[str]) -> None:
        """Give notice that spot machines will be taken back in two minutes, and leave it at that.

        Raises
        ------
        KeyError
            When one of them is no spot machine.
        """
        from hybridplace.mock import aws_effects

        for machine in machines:
            aws_effects.warn(machine)

    def take(self, machines: Iterable[str]) -> None:
        """Take spot machines back at once; others fail.

        Raises
        ------
        KeyError
            When one of them is no machine.
        """
        from hybridplace.mock import aws_effects

        for machine in machines:
            aws_effects.take(machine)

    def reclaim(self, lease: str, *, notice: bool = True) -> None:
        """Take back the machines of a lease; those that are not of the spot market fail at once.

        Raises
        ------
        KeyError
            When no machine runs under that lease.
        """
        machines = [one.id for one in self.things() if one.machine and one.lease == lease]
        if not machines:
            raise KeyError(f"no machine runs under the lease {lease}")
        if notice:
            self._effects.take_later(machines, notice=True)
        else:
            self.take(machines)

    def things(self) -> tuple[Thing, ...]:
        """Return what exists and costs, from moto's tables.

        Machines that have not ended, volumes, network interfaces, addresses, open spot requests.
        """
        from hybridplace.mock import aws_things

        return tuple(sorted(aws_things.things(), key=str))

    def _start(self, stack: ExitStack) -> str:
        if not _one_at_a_time.acquire(blocking=False):
            raise PluginError("another mocked AWS runs in this process; end it first")
        stack.callback(_one_at_a_time.release)
        self._stock(stack)
        stack.callback(_forget)
        self._wire = self._front()
        from hybridplace.mock.server import serving

        return stack.enter_context(serving(self._wire, name="mocked AWS"))

    def _stock(self, stack: ExitStack) -> None:
        """Complete moto and put the offers into its tables."""
        try:
            from hybridplace.mock.aws_ec2 import completed
            from hybridplace.mock.aws_stock import stocked
        except ImportError as error:
            told = f"the mocked AWS needs moto: pip install 'hybridplace[dryrun]' ({error})"
            raise PluginError(told) from None
        stack.enter_context(completed())
        stack.enter_context(stocked(self.offers))

    def _front(self) -> Wire:
        from hybridplace.mock.aws_effects import Effects
        from hybridplace.mock.aws_stock import facts_of
        from hybridplace.mock.aws_wire import Wire

        self._effects = Effects(self.clock)
        return Wire(
            self.injector,
            self.watch,
            facts=facts_of(self.offers, self.pools),
            page_size=self.page_size,
            done=self._effects.done,
        )

    def _forget(self) -> None:
        """Forget machines; ids are made up anew from the same seed."""
        from moto.moto_api._internal import mock_random

        _forget()
        mock_random.seed(0)
        self._wire.page_size = self.page_size
        self._effects.forget()


def _forget() -> None:
    from moto.moto_api._internal.models import moto_api_backend

    moto_api_backend.reset()
