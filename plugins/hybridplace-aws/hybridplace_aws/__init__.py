"""AWS for hybridplace: EC2 machines, on demand and on the spot market."""

from __future__ import annotations

from hybridplace.plugin.hookspecs import hookimpl
from hybridplace_aws.provider import AwsProvider

__all__ = ["AwsProvider", "hybridplace_providers"]


@hookimpl
def hybridplace_providers() -> list[type[AwsProvider]]:
    """Hand over the provider."""
    return [AwsProvider]
