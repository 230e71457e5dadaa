from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hybridplace.catalog import Catalog, load
from hybridplace.catalog.build import write_snapshot
from tests.catalog.small import tables, write_tables


@pytest.fixture(scope="session")
def shipped() -> Catalog:
    """The snapshot in the package."""
    return load()


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Catalog]:
    """Builds a catalog from the small world after a change to it."""

    def build(change: Callable[[dict[str, Any]], None] = lambda content: None) -> Catalog:
        content = tables()
        change(content)
        target = tmp_path / "snapshot.json.gz"
        write_snapshot(write_tables(tmp_path / "facts", content), target)
        return load(target)

    return build


@pytest.fixture
def small(build: Callable[..., Catalog]) -> Catalog:
    """The catalog of the small world."""
    return build()
