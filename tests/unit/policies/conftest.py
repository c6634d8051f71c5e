from typing import Any

import pytest

from policies import Judge, Policy, load_policy
from policies.english import EnglishEncoder
from policies.multilingual import MultilingualEncoder
from tests.policy import Fixed, default_document


@pytest.fixture(scope="session")
def policy() -> Policy:
    return load_policy()


@pytest.fixture(scope="session")
def judge() -> Judge:
    return Judge.default()


@pytest.fixture(scope="session")
def ruled(policy: Policy) -> Judge:
    """The default policy with a classifier that always says 0: its rules alone."""
    return Judge(policy, Fixed())


@pytest.fixture(scope="session")
def english() -> EnglishEncoder:
    found = EnglishEncoder.installed()
    assert found is not None, "the default install has the English encoder"
    return found


@pytest.fixture(scope="session")
def multilingual() -> MultilingualEncoder:
    found = MultilingualEncoder.installed()
    assert found is not None, "the default install has the multilingual encoder"
    return found


@pytest.fixture
def tree() -> dict[str, Any]:
    """What the default document says, to be changed."""
    return default_document()
