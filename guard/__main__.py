"""`python -m guard`, the same as `guard`."""

from __future__ import annotations

from guard.cli import main

main()
