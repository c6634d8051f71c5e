"""A saved pipeline, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import tiny_pipelines


@pytest.fixture(scope="session")
def wan_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_pipelines.save(tiny_pipelines.wan, tmp_path_factory.mktemp("wan"))
