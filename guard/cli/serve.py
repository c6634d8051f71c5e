"""`guard serve`."""

from __future__ import annotations

from typing import Annotated

import typer

from guard.cli.common import err, installation, out
from guard.settings import load_settings


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; 127.0.0.1 if not set.")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; 8080 if not set.", min=0, max=65535)
    ] = None,
) -> None:
    """Start the service: the API, the page at /verify, and the worker.

    Makes a default tenant at first start and shows its API key once.

    Examples: `guard serve`, `guard serve --host 0.0.0.0 --port 80`
    """
    import uvicorn

    from guard.app import create_app
    from guard.bootstrap import first_key

    settings = load_settings()
    host = settings.host if host is None else host
    port = settings.port if port is None else port
    with installation() as opened:
        key = first_key(opened)
    if key is not None:
        out.print("API key of the tenant default, shown only this once:\n")
        out.print(f"  {key}\n", markup=False)
    err.print(f"Serving on http://{host}:{port}, page at http://{host}:{port}/verify. Stop with Ctrl+C.")
    uvicorn.run(create_app(settings), host=host, port=port, log_config=None, server_header=False)
