"""Whom an operator wants told of sealed material."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True)
class Hook:
    """Whom to tell of a seal: a command, which gets the ids as JSON on standard input, or an address to post them to.

    Attributes:
        command: program and arguments; it succeeds with exit code 0.
        address: an ``https`` address; it succeeds with a status below 300.
        seconds: longest wait.
    """

    command: tuple[str, ...] = ()
    address: str | None = None
    seconds: float = 30.0

    @property
    def there(self) -> bool:
        """Whether there is anybody to tell."""
        return bool(self.command) or self.address is not None

    def tell(self, ids: dict[str, Any]) -> bool:
        """Whether the ids were taken."""
        body = json.dumps(ids).encode()
        try:
            if self.command:
                done = subprocess.run(  # noqa: S603 - the operator's own command
                    self.command, input=body, timeout=self.seconds, check=False, stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )  # fmt: skip
                return done.returncode == 0
            kind = {"content-type": "application/json"}
            answer = httpx.post(self.address or "", content=body, headers=kind, timeout=self.seconds)
        except (OSError, subprocess.SubprocessError, httpx.HTTPError):
            return False
        return answer.status_code < 300
