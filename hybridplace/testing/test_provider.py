"""What ``pytest --pyargs hybridplace.testing --provider NAME`` runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybridplace.plugin import Provider, Settings
from hybridplace.testing.pytest_plugin import PROVIDER
from hybridplace.testing.suite import ProviderSuite, example_settings


class TestProvider(ProviderSuite):
    """The suite, on the provider of the command line."""

    @pytest.fixture
    def provider_class(self, request: pytest.FixtureRequest) -> type[Provider]:
        """Return what ``--provider`` names."""
        return request.config.stash[PROVIDER]

    @pytest.fixture
    def settings(
        self, request: pytest.FixtureRequest, provider_class: type[Provider], tmp_path: Path
    ) -> Settings:
        """Return settings from the options of the command line."""
        option = request.config.getoption
        return example_settings(
            provider_class.name,
            state_dir=str(tmp_path),
            endpoint=option("--provider-endpoint"),
            regions=tuple(option("--provider-region")),
            options=dict(pair.split("=", 1) for pair in option("--provider-option")),
        )

    @pytest.fixture
    def max_usd_h(self, request: pytest.FixtureRequest) -> float:
        """Return what ``--live`` allows."""
        return float(request.config.getoption("--live"))
