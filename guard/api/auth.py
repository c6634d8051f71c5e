"""Who calls: a bearer API key, or a token made of one, leads to a tenant and scopes; some routes take others too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from guard.api import tokens
from guard.api.errors import ApiError
from guard.api.limits import READ_COST, address_of
from guard.api.state import State, state_of
from guard.pipeline.jobs import utc_now
from guard.store import StoreError
from guard.store import tenants as tenant_rows

ADMIN = "admin"
_READS = ("GET", "HEAD")
_BEARER = HTTPBearer(scheme_name="bearer", auto_error=False)  # for the description; errors are ours


@dataclass(frozen=True)
class Caller:
    """An authenticated caller.

    Attributes:
        tenant_id: whose key it is.
        key_id: of the key, which is what records name.
        scopes: what the key is for.
    """

    tenant_id: str
    key_id: str
    scopes: frozenset[str]

    @property
    def admin(self) -> bool:
        """Whether the caller runs this installation and sees every tenant."""
        return ADMIN in self.scopes


def caller_of(request: Request) -> Caller | None:
    """The caller, or None without an ``Authorization`` header; takes from their allowance.

    Blocks on the database: call it in a worker thread.

    Raises:
        ApiError: ``invalid_api_key``, ``rate_limit_exceeded``.
        StoreError: ``database_unavailable``.
    """
    state = state_of(request)
    header = request.headers.get("authorization")
    if header is None:
        charge_address(request, state)
        return None
    kind, _, key = header.partition(" ")
    caller = identify(state, key.strip()) if kind.lower() == "bearer" else None
    if caller is None:
        charge_address(request, state)  # guessing is not free either
        raise _unauthorised("The API key is unknown or revoked; check the Authorization header.")
    _charge(request, state, caller.tenant_id, state.settings.rate.tenant)
    return caller


def requires(scope: str) -> Callable[[Request, object], Caller]:
    """A dependency: the caller, who needs a key with this scope.

    Raises:
        ApiError: ``missing_api_key``, ``invalid_api_key``, ``scope_missing``, ``rate_limit_exceeded``.
    """

    def dependency(request: Request, _described: Annotated[object, Depends(_BEARER)]) -> Caller:
        caller = caller_of(request)
        if caller is None:
            raise _unauthorised("Send an API key as 'Authorization: Bearer <key>'.", "missing_api_key")
        if scope not in caller.scopes:
            raise ApiError(403, "scope_missing", f"This API key lacks the scope {scope!r}.")
        return caller

    return dependency


Anyone = Annotated[Caller | None, Depends(caller_of)]
"""For handlers that also serve callers without a key."""


def identify(state: State, key: str) -> Caller | None:
    """Whose API key or access token this is; None if it is nobody's, or not valid any more."""
    database, now = state.services.database, utc_now()
    token = tokens.read(key, state.services.link_key, now=now)
    with database.read() as session:
        if token is not None:
            row = tenant_rows.valid_key(session, token.key_id)
        else:
            row = tenant_rows.authenticate(session, key) if key.isascii() else None
    if row is None:
        return None
    if row.last_used is None or now - row.last_used >= tenant_rows.USED_EVERY:
        # That a key was used is worth a note, and no reason to refuse.
        with suppress(StoreError), database.write() as session:
            tenant_rows.key_used(session, row, now=now)
    scopes = frozenset(row.scopes)
    return Caller(row.tenant_id, row.id, scopes if token is None else scopes & token.scopes)


@contextmanager
def admitted(request: Request, state: State, caller: Caller | None) -> Iterator[None]:
    """Take one examination of a file from the caller's budget of the day, and a place for it while it is here.

    Raises:
        ApiError: ``file_budget_exceeded``, ``busy``.
    """
    address = None if caller is not None else caller_address(request)
    _charge_file(state, caller, address)
    with state.upload_slot(address=address):
        yield


def _charge_file(state: State, caller: Caller | None, address: str | None) -> None:
    rate = state.settings.rate
    if caller is None:
        name, most = f"address {address}", rate.anonymous_files
    else:
        name, most = caller.tenant_id, rate.tenant_files
    allowance = state.budgets.take(name, most)
    if allowance is not None and allowance.retry_after > 0:
        wait = allowance.headers()["retry-after"]
        raise ApiError(
            429,
            "file_budget_exceeded",
            f"More than {most} files a day; try again in {wait} s.",
            headers={"retry-after": wait},
        )


def _unauthorised(message: str, code: str = "invalid_api_key") -> ApiError:
    return ApiError(401, code, message, headers={"www-authenticate": "Bearer"})


def caller_address(request: Request) -> str:
    """Where a request comes from, as far as callers without a key are told apart."""
    return address_of(None if request.client is None else request.client.host)


def charge_address(request: Request, state: State) -> None:
    """Take one request from the allowance of whoever has no key.

    Raises:
        ApiError: ``rate_limit_exceeded``.
    """
    _charge(request, state, f"address {caller_address(request)}", state.settings.rate.anonymous)


def _charge(request: Request, state: State, caller: str, per_minute: int) -> None:
    cost = READ_COST if request.method in _READS else 1.0
    allowance = state.limiter.take(caller, per_minute, cost)
    if allowance is None:
        return
    request.state.allowance = allowance.headers()
    if allowance.retry_after > 0:
        raise ApiError(
            429,
            "rate_limit_exceeded",
            f"More than {per_minute} requests a minute; try again in {allowance.headers()['retry-after']} s.",
        )
