"""Servers that integration tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests import s3
from tests.postgres import create_database, server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a running PostgreSQL server."""
    with server() as url:
        yield url


@pytest.fixture(scope="session")
def new_postgres(postgres_server: str) -> Callable[[], str]:
    """Makes empty PostgreSQL databases; gives their URLs."""
    made = iter(range(1_000_000))
    return lambda: create_database(postgres_server, f"test_{next(made)}")


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """Endpoint of a running S3 server with a bucket named ``bucket``."""
    with s3.server() as endpoint:
        yield endpoint
