"""A real Chromium for tests, which watches what its pages do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

CHROMIUM = "/usr/bin/chromium"
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_REFUSED = "Failed to load resource: the server responded with a status of 4"
"""What Chromium itself logs for an answer that is an error."""


_PATIENCE = 90_000
"""Milliseconds; a busy machine takes its time to examine a clip."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser with a fresh profile."""
    expect.set_options(timeout=_PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def watched_page(browser: Browser, **context: Any) -> Iterator[Page]:
    """A page in a context of its own; fails if it logged an error, asked another host, or was given a cookie."""
    complaints: list[str] = []

    def requested(request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.hostname != "127.0.0.1":
            complaints.append(f"request to {parts.hostname}")

    opened = browser.new_context(**context)
    try:
        page = opened.new_page()
        page.set_default_timeout(_PATIENCE)
        page.on("request", requested)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text)
                if message.type in ("error", "warning") and not message.text.startswith(_REFUSED)
                else None
            ),
        )
        yield page
        assert complaints == []
        assert opened.cookies() == []
    finally:
        opened.close()
