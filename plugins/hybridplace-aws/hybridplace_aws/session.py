"""SDK clients, one per service and region; against a mocked cloud they know no credentials."""

from __future__ import annotations

import os
from functools import cache
from threading import Lock
from typing import Any

_making = Lock()  # a session makes one client at a time

MOCK_KEY = "hybridplace-dry-run"


class Clients:
    """Makes SDK clients and keeps them.

    Parameters
    ----------
    endpoint : str or None
        Base URL of a mocked AWS. With it, no environment variable, profile, credentials file or
        instance metadata is read, a made-up key signs, no proxy is used and nothing is repeated.
    """

    def __init__(self, endpoint: str | None) -> None:
        self._endpoint = endpoint
        self._clients: dict[tuple[str, str], Any] = {}
        self._session: Any = None

    def __call__(self, service: str, region: str) -> Any:
        """Return the client of `service` in `region`."""
        with _making:
            if (service, region) not in self._clients:
                self._clients[service, region] = self._make(service, region)
            return self._clients[service, region]

    def close(self) -> None:
        """Close all connections."""
        with _making:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _make(self, service: str, region: str) -> Any:
        import boto3.session
        from botocore.config import Config

        if self._endpoint is None:
            self._session = self._session or boto3.session.Session()
            config = Config(
                retries={"mode": "standard", "total_max_attempts": 3},
                connect_timeout=10,
                read_timeout=60,
            )
            return self._session.client(service, region_name=region, config=config)
        once = Config(retries={"total_max_attempts": 1}, proxies={}, read_timeout=30)
        return sealed_session().client(
            service,
            region_name=region,
            config=once,
            endpoint_url=self._endpoint,
            aws_access_key_id=MOCK_KEY,
            aws_secret_access_key=MOCK_KEY,
        )


@cache
def sealed_session() -> Any:
    """Return the SDK session that reads no environment variable and no file of the user's.

    Every setting keeps only its built-in default, the two files are the null device, and the
    credential resolver has nowhere to look. One for the process: it holds AWS's own large models.
    """
    import boto3.session
    from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES
    from botocore.credentials import CredentialResolver
    from botocore.session import Session

    sealed = {
        name: (None, None, default, convert)
        for name, (_, _, default, convert) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
    }
    for file in ("config_file", "credentials_file"):
        sealed[file] = (None, None, os.devnull, None)
    core = Session(session_vars=sealed)
    core.register_component("credential_provider", CredentialResolver(providers=[]))
    return boto3.session.Session(botocore_session=core)
