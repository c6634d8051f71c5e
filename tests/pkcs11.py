"""A SoftHSM of a test's own: a token, and keys made inside it."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pkcs11
import pytest
from pkcs11.util.ec import encode_named_curve_parameters

PIN = "a pin of tests"
MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)


@dataclass(frozen=True)
class Token:
    """A token and its module."""

    module: str
    name: str

    def uri(self, key: str) -> str:
        """Of a key in it."""
        return f"pkcs11:token={quote(self.name)};object={quote(key)}?module-path={self.module}"

    def make_ec(self, key: str, curve: str) -> str:
        """An EC key pair; its URI."""
        with self._session() as session:
            parameters = {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters(curve)}
            domain = session.create_domain_parameters(pkcs11.KeyType.EC, parameters, local=True)
            domain.generate_keypair(store=True, label=key)
        return self.uri(key)

    def make_rsa(self, key: str) -> str:
        """An RSA key pair; its URI."""
        with self._session() as session:
            session.generate_keypair(pkcs11.KeyType.RSA, 2048, store=True, label=key)
        return self.uri(key)

    def _session(self) -> Any:
        return pkcs11.lib(self.module).get_token(token_label=self.name).open(rw=True, user_pin=PIN)


def make_token(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Token:
    """A token in `folder`; the process's environment points to it, with the PIN."""
    program = shutil.which("softhsm2-util")
    module = next((path for path in MODULES if Path(path).exists()), None)
    assert program is not None, "SoftHSM is needed: tools/prepare-tests installs it"
    assert module is not None, "SoftHSM's module is in none of the known places"
    (folder / "tokens").mkdir(parents=True)
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(configuration))
    monkeypatch.setenv("GUARD_PKCS11_PIN", PIN)
    command = [
        program,
        "--init-token",
        "--free",
        "--label",
        "guard tests",
        "--so-pin",
        "another pin",
        "--pin",
        PIN,
    ]
    subprocess.run([*command, "--module", module], check=True, capture_output=True, env=os.environ)
    return Token(module, "guard tests")
