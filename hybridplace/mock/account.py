"""Hides the user's cloud accounts from this process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

PREFIXES = ("AWS_", "AZURE_", "GOOGLE_", "CLOUDSDK_", "OS_", "KUBE", "LIBVIRT_")
"""What the names of variables begin with that the vendors' SDKs read an account from."""

NAMES = ("SSH_AUTH_SOCK",)

FILES = (
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AZURE_CONFIG_DIR",
    "CLOUDSDK_CONFIG",
    "KUBECONFIG",
    "OS_CLIENT_CONFIG_FILE",
)
"""Variables that name a file or folder which is read anyway: they are set to the null device."""


@contextmanager
def account_hidden() -> Iterator[None]:
    """Hide every account while the block runs: the mocked clouds' libraries look for them, too.

    Blocks may lie in each other; each restores what it found.
    """
    before = {name: text for name, text in os.environ.items() if tells_an_account(name)}
    nothing = dict.fromkeys(FILES, os.devnull)
    for name in before:
        del os.environ[name]
    os.environ.update(nothing)
    try:
        yield
    finally:
        for name in nothing:
            os.environ.pop(name, None)
        os.environ.update(before)


def tells_an_account(variable: str) -> bool:
    """Say whether an environment variable is one that an SDK reads an account from."""
    return variable in NAMES or variable.startswith(PREFIXES)
