"""What holds in every test: the same examples each time, and no connection beyond loopback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

# The same examples on every machine, and no clock: a slow runner must not fail a property.
settings.register_profile("hybridplace", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("hybridplace")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of facts beside the checkout (HYBRIDPLACE_SHARED), or skip."""
    folder = Path(os.environ.get("HYBRIDPLACE_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no folder of facts at {folder}; set HYBRIDPLACE_SHARED")
    return folder
