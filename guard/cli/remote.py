"""Asking a service over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from guard.pipeline.errors import PipelineError

TIMEOUT = 300.0
"""Seconds that an examination may take."""


def verify_remotely(url: str, file: Path, api_key: str) -> dict[str, Any]:
    """A service's verdict on a file: what :class:`detectors.Verdict` is as JSON, and what only a service adds.

    Args:
        url: of the service.
        file: to send.
        api_key: empty for the coarse answer that strangers get.

    Raises:
        PipelineError: ``service_unreachable``, or the service's own code.
    """
    headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
    try:
        with file.open("rb") as content:
            response = httpx.post(
                f"{url.rstrip('/')}/v1/verifications",
                files={"file": (file.name, content)},
                headers=headers,
                timeout=TIMEOUT,
            )
        answer: dict[str, Any] = response.json()
    except (httpx.HTTPError, ValueError) as error:
        raise PipelineError(
            "service_unreachable",
            f"{url} did not answer ({type(error).__name__}); is `guard serve` running there?",
        ) from None
    if response.status_code != httpx.codes.OK:
        problem = answer.get("error", {})
        raise PipelineError(
            str(problem.get("code", "service_failed")),
            str(problem.get("message", "The service refused.")),
        )
    return answer
