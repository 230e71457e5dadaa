"""The options of the conformance kit.

They are an entry point of pytest, since pytest does not know the options of a conftest inside a
package named with ``--pyargs`` in time. All pytest runs import this, so it imports the rest late.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hybridplace.plugin import Provider

PROVIDER: pytest.StashKey[type[Provider]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the kit."""
    group = parser.getgroup("hybridplace", "conformance of a hybridplace provider")
    group.addoption("--provider", metavar="NAME", help="the provider to prove")
    group.addoption(
        "--provider-file", metavar="FILE", help="a single file that holds the provider's plug-in"
    )
    group.addoption(
        "--provider-endpoint", metavar="URL", help="where its mocked API is, on loopback"
    )
    group.addoption(
        "--provider-region",
        metavar="REGION",
        action="append",
        default=[],
        help="a region it may use; may be repeated",
    )
    group.addoption(
        "--provider-option",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="an option of its own; may be repeated",
    )
    group.addoption(
        "--live",
        metavar="USD_H",
        type=float,
        default=0.0,
        help="allow acquiring real machines that cost at most this much per hour in all",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Find the provider; a wrong name stops the run with one line."""
    name = config.getoption("--provider")
    if name is None:
        return
    from hybridplace.plugin.contract import option_faults
    from hybridplace.plugin.manager import load_plugins

    file = config.getoption("--provider-file")
    plugins = load_plugins([file] if file else [])
    if name not in plugins.providers:
        raise pytest.UsageError(plugins.absent(name))
    for option in config.getoption("--provider-option"):
        if "=" not in option:
            raise pytest.UsageError(f"--provider-option: expected KEY=VALUE, got {option!r}")
    names = [option.partition("=")[0] for option in config.getoption("--provider-option")]
    if faults := option_faults(plugins.providers[name], names):
        raise pytest.UsageError("; ".join(faults))
    config.stash[PROVIDER] = plugins.providers[name]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse to run the kit without a provider: all checks skipped would look like success."""
    kit = Path(__file__).parent
    if PROVIDER in config.stash or not any(item.path.parent == kit for item in items):
        return
    from hybridplace.plugin.manager import load_plugins

    installed = ", ".join(load_plugins().providers) or "none"
    raise pytest.UsageError(f"name the provider: --provider NAME; installed: {installed}")
