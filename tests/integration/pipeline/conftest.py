"""A house with a real chain of steps, whose pauses between attempts are short."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from guard.pipeline import workflow
from tests.house import House


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workflow, "RETRY_AFTER", (0.05, 0.05, 0.05))
        opened = House(tmp_path_factory.mktemp("house") / "data")
        try:
            yield opened
        finally:
            opened.close()
