import pytest

from policies import Judge, Policy, load_policy


@pytest.fixture(scope="session")
def policy() -> Policy:
    return load_policy()


@pytest.fixture(scope="session")
def judge() -> Judge:
    return Judge.default()
