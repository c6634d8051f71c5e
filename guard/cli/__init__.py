"""The command line: everything that can be done without writing a client."""

from __future__ import annotations

from guard.cli.main import main

__all__ = ["main"]
