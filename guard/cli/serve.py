"""`guard serve`."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Annotated

import typer

from guard.cli.common import err, installation, out
from guard.pipeline.errors import PipelineError
from guard.settings import load_settings

if TYPE_CHECKING:
    from guard.installation import Installation


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; 127.0.0.1 if not set.")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; 8080 if not set.", min=0, max=65535)
    ] = None,
    show_key: Annotated[
        bool,
        typer.Option(
            "--first-key/--no-first-key", metavar="", help="Make an API key if there is none, and show it."
        ),
    ] = True,
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
    _check_free(host, port)
    with installation() as opened:
        _prove(opened)
        opened.services.make_judge()  # what cannot judge is said now, not at the first request
        key = first_key(opened) if show_key else None
    if key is not None:
        out.print("API key of the tenant default, shown only this once:\n")
        out.print(f"  {key}\n", markup=False)
    err.print(f"Serving on http://{host}:{port}, page at http://{host}:{port}/verify. Stop with Ctrl+C.")
    uvicorn.run(create_app(settings), host=host, port=port, log_config=None, server_header=False)


def _prove(opened: Installation) -> None:
    """Say now, and not at the first release, what cannot sign; a key service that is away may come back.

    Raises:
        CredentialsError: what no waiting mends.
    """
    from guard.credentials import CredentialsError

    try:
        opened.services.identity().prove()
    except CredentialsError as error:
        if error.code != "signer_unavailable":
            raise
        err.print(f"warning [{error.code}]: {error}", markup=False)
        err.print("Until it signs, /readyz is 503, and what is made waits for its signature.")


def _check_free(host: str, port: int) -> None:
    """Say so before anything else, if the address cannot be listened on.

    Raises:
        PipelineError: ``address_unavailable``.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise PipelineError(
            "address_unavailable",
            f"Port {port} of {host} cannot be listened on ({error.strerror}); choose another with --port.",
        ) from None
