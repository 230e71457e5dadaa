"""Serves a mocked cloud's application on loopback."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from threading import Thread
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server


class _Quiet(WSGIRequestHandler):
    """Says nothing: the record of calls is kept by the application."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        """Print nothing."""


@contextmanager
def serving(app: Any, *, name: str, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve a WSGI application in a thread, on a free port of 127.0.0.1; give its base URL.

    Parameters
    ----------
    name : str
        Of the thread.
    tls : ssl.SSLContext or None
        The server's side of TLS; None is plain HTTP.
    """
    server = make_server(
        "127.0.0.1", 0, app, threaded=True, request_handler=_Quiet, ssl_context=tls
    )
    # The interval is how long stopping takes at most; the default is half a second.
    serve = partial(server.serve_forever, poll_interval=0.02)
    thread = Thread(target=serve, name=name, daemon=True)
    thread.start()
    scheme = "http" if tls is None else "https"
    try:
        yield f"{scheme}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
