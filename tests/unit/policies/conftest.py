from importlib.resources import files
from typing import Any

import pytest
import yaml

from policies import Judge, Policy, load_policy


@pytest.fixture(scope="session")
def policy() -> Policy:
    return load_policy()


@pytest.fixture(scope="session")
def judge() -> Judge:
    return Judge.default()


@pytest.fixture
def tree() -> dict[str, Any]:
    """What the default document says, to be changed."""
    loaded: dict[str, Any] = yaml.safe_load(files("policies").joinpath("default.yaml").read_text("utf-8"))
    return loaded
