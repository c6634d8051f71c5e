from collections.abc import Iterator

import pytest

from policies import Judge, Policy, load_policy


@pytest.fixture(scope="session")
def policy() -> Policy:
    return load_policy()


@pytest.fixture(scope="session")
def judge() -> Iterator[Judge]:
    yield Judge.default()
