"""A mocked AWS on loopback: moto's server, with what it lacks, as a context manager."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from threading import Lock, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any

from hybridplace.errors import PluginError
from hybridplace.mock.script import Call, ScriptedFault
from hybridplace.model.site import Offer, Pool

if TYPE_CHECKING:
    from hybridplace.mock.aws_wire import Wire

_one_at_a_time = Lock()


class MockAws:
    """EC2, SSM, Service Quotas and Pricing of one account, on an ephemeral port of 127.0.0.1.

    Use it in a ``with`` statement; one per process at a time, as moto keeps its state there.
    The first start takes some seconds: moto loads its tables. While it runs, the environment
    variables ``AWS_*`` of the process are hidden, and the SDK's files are the null device.

    Parameters
    ----------
    offers : iterable of Offer
        What it sells and at which price, as those of a problem; those of other providers are
        passed over. Types and regions that moto's tables lack are added. One that is not
        `available` is refused for lack of capacity, and so is a spot machine without a price.
    pools : iterable of Pool
        Its quotas: those with the id ``aws/REGION/quota/CODE``, others are passed over.
    page_size : int or None
        Most items per page of a listing.
    watch : callable or None
        Called with the headers and the body of every request.
    """

    def __init__(
        self,
        *,
        offers: Iterable[Offer] = (),
        pools: Iterable[Pool] = (),
        page_size: int | None = None,
        watch: Callable[[Mapping[str, str], bytes], None] | None = None,
    ) -> None:
        self._offers, self._pools = tuple(offers), tuple(pools)
        self._page_size, self._watch = page_size, watch
        self._stack = ExitStack()
        self._wire: Wire | None = None
        self.endpoint = ""

    def __enter__(self) -> MockAws:
        """Start the server.

        Raises
        ------
        PluginError
            When moto is not installed, or another mocked AWS runs in this process.
        """
        if not _one_at_a_time.acquire(blocking=False):
            raise PluginError("another mocked AWS runs in this process; end it first")
        with ExitStack() as stack:
            stack.callback(_one_at_a_time.release)
            stack.enter_context(_account_hidden())
            self._stock(stack)
            self.reset()
            stack.callback(_forget)
            stack.callback(self._serve())
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the server and forget everything in it."""
        self._stack.close()

    @property
    def calls(self) -> tuple[Call, ...]:
        """Every call so far, in the order of their answers."""
        return tuple(self._running.calls)

    def reset(self) -> None:
        """Forget machines, faults and calls; ids are made up anew from the same seed."""
        from moto.moto_api._internal import mock_random
        from moto.moto_api._internal.models import moto_api_backend

        moto_api_backend.reset()
        mock_random.seed(0)
        if self._wire is not None:
            self._wire.page_size = self._page_size
            self._wire.script.clear()
            self._wire.calls.clear()

    def script(self, *faults: ScriptedFault) -> None:
        """Show these faults, in this order, to the calls that match them."""
        self._running.script.add(*faults)

    @property
    def unshown(self) -> tuple[ScriptedFault, ...]:
        """Scripted faults that no call has matched so far, in their order."""
        return self._running.script.unshown()

    def warn(self, machines: Iterable[str]) -> None:
        """Give notice that spot machines will be taken back in two minutes."""
        from hybridplace.mock import aws_ec2

        for machine in machines:
            aws_ec2.warn(machine)

    def reclaim(self, machines: Iterable[str]) -> None:
        """Take spot machines back.

        Raises
        ------
        KeyError
            When one of them is no spot machine.
        """
        from hybridplace.mock import aws_ec2

        for machine in machines:
            aws_ec2.reclaim(machine)

    def leftovers(self) -> list[str]:
        """Return what exists and costs, read from the mocked cloud itself, as ``region kind id``.

        Machines that have not ended, volumes, network interfaces, addresses, open spot requests.
        """
        from hybridplace.mock import aws_ec2

        return aws_ec2.leftovers()

    @property
    def _running(self) -> Wire:
        if self._wire is None:
            raise PluginError("the mocked AWS is not running: use it in a with statement")
        return self._wire

    def _stock(self, stack: ExitStack) -> None:
        """Complete moto and put the offers into its tables."""
        try:
            from hybridplace.mock.aws_ec2 import completed
            from hybridplace.mock.aws_stock import stocked
        except ImportError as error:
            told = f"the mocked AWS needs moto: pip install 'hybridplace[dryrun]' ({error})"
            raise PluginError(told) from None
        stack.enter_context(completed())
        stack.enter_context(stocked(self._offers))

    def _serve(self) -> Callable[[], None]:
        """Start serving in a thread; return what stops it."""
        from werkzeug.serving import make_server

        from hybridplace.mock.aws_stock import facts_of
        from hybridplace.mock.aws_wire import Wire

        facts = facts_of(self._offers, self._pools)
        self._wire = Wire(facts=facts, page_size=self._page_size, watch=self._watch)
        app: Any = self._wire
        server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_quiet_handler())
        # The interval is how long stopping takes at most; the default is half a second.
        serve = partial(server.serve_forever, poll_interval=0.02)
        thread = Thread(target=serve, name="mocked AWS", daemon=True)
        thread.start()
        self.endpoint = f"http://127.0.0.1:{server.server_port}"

        def stop() -> None:
            server.shutdown()
            thread.join()
            server.server_close()
            self._wire = None

        return stop


@contextmanager
def _account_hidden() -> Iterator[None]:
    """Hide the user's AWS account from this process: moto has SDK sessions of its own."""
    before = {name: text for name, text in os.environ.items() if name.startswith("AWS_")}
    nothing = dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), os.devnull)
    for name in before:
        del os.environ[name]
    os.environ.update(nothing)
    try:
        yield
    finally:
        for name in nothing:
            os.environ.pop(name, None)
        os.environ.update(before)


def _forget() -> None:
    from moto.moto_api._internal.models import moto_api_backend

    moto_api_backend.reset()


def _quiet_handler() -> type[Any]:
    from moto.moto_server.werkzeug_app import MotoRequestHandler

    class Quiet(MotoRequestHandler):
        def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
            """Say nothing: the record of calls is kept elsewhere."""

    return Quiet
