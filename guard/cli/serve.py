"""`guard serve`."""

from __future__ import annotations

from typing import Annotated

import typer

from guard.cli.common import err, installation, out
from guard.settings import load_settings


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 0,
) -> None:
    """Start the service: the API, the page at /verify, and the worker.

    Makes a default tenant at first start and shows its API key once.

    Examples: `guard serve`, `guard serve --host 0.0.0.0 --port 80`
    """
    import uvicorn

    from guard.app import create_app
    from guard.bootstrap import first_key

    settings = load_settings()
    host, port = host or settings.host, port or settings.port
    with installation() as opened:
        key = first_key(opened)
    if key is not None:
        out.print("API key of the tenant default, shown only this once:\n")
        out.print(f"  {key}\n", markup=False)
    err.print(f"Serving on http://{host}:{port}, page at http://{host}:{port}/verify. Stop with Ctrl+C.")
    uvicorn.run(create_app(settings), host=host, port=port, log_config=None, server_header=False)
