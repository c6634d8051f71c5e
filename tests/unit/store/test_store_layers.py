"""The store's own shape: one error with a code, nothing secret in what it shows, a light way in."""

from __future__ import annotations

import ast
from pathlib import Path

import guard.store
from guard.store import Database, StoreError, Vault


def codes() -> set[str]:
    found = set()
    for path in Path(guard.store.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "StoreError":
                assert isinstance(node.args[0], ast.Constant)
                found.add(node.args[0].value)
    return found


def test_every_code_that_is_raised_is_documented() -> None:
    assert StoreError.__doc__ is not None
    documented = {word.strip("`.,;() ") for word in StoreError.__doc__.split()}
    assert codes() <= documented


def test_nothing_secret_is_shown() -> None:
    assert "passwort" not in repr(Database("postgresql://guard:passwort@127.0.0.1/guard"))
    assert b"\x07".hex() * 4 not in repr(Vault(b"\x07" * 32))


def test_public_names_exist() -> None:
    assert all(hasattr(guard.store, name) for name in guard.store.__all__)
