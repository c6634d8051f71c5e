from typing import Any

import pytest

from policies import Judge, Policy, load_policy
from tests.policy import default_document


@pytest.fixture(scope="session")
def policy() -> Policy:
    return load_policy()


@pytest.fixture(scope="session")
def judge() -> Judge:
    return Judge.default()


@pytest.fixture
def tree() -> dict[str, Any]:
    """What the default document says, to be changed."""
    return default_document()
