"""The folder of signing keys: what `guard keys` works on.

    ca.pem                     public root of the development authority, if one was made here
    authority/                 the development intermediate that issues new leaves (certificate and key)
    identities/<id>/           chain.pem and key.pem of each identity that ever signed
    anchors/<name>.pem         public anchors of keys that the operator brought
    current                    id of the identity that signs now

Folders are 0700 and keys 0600. Changing `current` is one rename, so a reader sees the old pair or the new one
and never half of each. Old identities stay, since files signed with them must keep their anchor.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from guard.credentials import development, profile
from guard.credentials.errors import CredentialsError
from guard.credentials.identity import Identity, load_chain, load_key

WARN_DAYS = 30
"""An identity that expires sooner than this is reported as due for rotation."""

_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class KeyPaths:
    """Where the current identity lies; `anchor` is what verifiers get."""

    anchor: Path
    chain: Path
    key: Path


@dataclass(frozen=True)
class KeyStatus:
    """What there is to know about the current identity without its key.

    Attributes:
        profile: what the certificate lacks of C2PA's profile; empty if it conforms.
        due: whether it expires within `WARN_DAYS` days or has expired.
    """

    id: str
    name: str
    organisation: str
    alg: str
    expires: datetime
    days_left: int
    development: bool
    profile: tuple[str, ...]
    due: bool


def create_development_ca(folder: Path, *, now: datetime | None = None) -> KeyPaths:
    """Make a development authority and a first identity in `folder`, which must hold no identity yet.

    Raises:
        CredentialsError: `keys_exist`.
    """
    with _locked(folder):
        if (folder / "current").exists() or (folder / "ca.pem").exists():
            raise CredentialsError(
                "keys_exist", f"{folder} already holds signing keys; use rotate or import."
            )
        root, intermediate = development.make_authority(now=now)
        authority = folder / "authority"
        authority.mkdir(mode=0o700, exist_ok=True)
        _write(authority / "certificate.pem", intermediate.certificate_pem, 0o644)
        _write(authority / "key.pem", intermediate.key_pem, 0o600)
        _write(folder / "ca.pem", root.public_bytes(serialization.Encoding.PEM), 0o644)
        return _install(folder, *_new_leaf(intermediate, now))


def initialise(folder: Path, *, now: datetime | None = None) -> KeyPaths:
    """The current identity's paths; a development authority is made first if the folder has none."""
    if (folder / "current").exists():
        return current(folder)
    try:
        return create_development_ca(folder, now=now)
    except CredentialsError as error:
        if error.code != "keys_exist":
            raise
        return current(folder)  # another process was quicker


def import_pem(
    folder: Path,
    chain_pem: bytes,
    key_pem: bytes,
    *,
    anchor_pem: bytes | None = None,
    password: bytes | None = None,
    now: datetime | None = None,
) -> KeyPaths:
    """Make the operator's own certificate and key the current identity.

    Args:
        folder: the key folder.
        chain_pem: PEM chain, leaf first.
        key_pem: PEM private key; stored unencrypted with mode 0600.
        anchor_pem: certificate of the authority that verifiers should trust; kept in `anchors/`. May be left
            out if the chain ends with its self-signed root, or if an anchor kept before vouches for it.
        password: of the key, if it is encrypted.
        now: time at which the chain must be valid; the clock if omitted.

    Raises:
        CredentialsError: `anchor_missing`, `anchor_mismatch`, or any of `Identity.from_pem`.
    """
    Identity.from_pem(chain_pem, key_pem, password=password, now=now)
    plain = load_key(key_pem, password).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    top = load_chain(chain_pem)[-1]
    if anchor_pem is not None:
        anchors = load_chain(anchor_pem)
        if not any(_issued(anchor, top) for anchor in anchors):
            raise CredentialsError(
                "anchor_mismatch", "The anchor did not issue the chain's last certificate."
            )
    else:
        anchors = [top] if top.issuer == top.subject else []
    with _locked(folder):
        if not anchors and _kept_anchor(folder, top) is None:
            raise CredentialsError(
                "anchor_missing",
                "Nothing here vouches for this chain, so its signatures would not verify: give "
                "the certificate of the authority that issued it as the anchor.",
            )
        if anchors:
            (folder / "anchors").mkdir(mode=0o700, exist_ok=True)
        for anchor in anchors:
            name = anchor.fingerprint(hashes.SHA256()).hex()[:16]
            _write(folder / "anchors" / f"{name}.pem", anchor.public_bytes(serialization.Encoding.PEM), 0o644)
        return _install(folder, chain_pem, plain)


def rotate(folder: Path, *, now: datetime | None = None) -> KeyPaths:
    """Issue a new development leaf and make it current; the old one stays readable and trusted.

    Raises:
        CredentialsError: `no_authority` if the current identity was not issued here: import its successor
        instead.
    """
    with _locked(folder):
        authority = folder / "authority"
        if not (authority / "key.pem").exists() or not _load(folder, now=None, checked=False).development:
            raise CredentialsError(
                "no_authority",
                "The current key was brought by the operator, so only its issuer can renew it: get a new "
                "certificate and import it.",
            )
        certificate = x509.load_pem_x509_certificate((authority / "certificate.pem").read_bytes())
        key = load_key((authority / "key.pem").read_bytes())
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise CredentialsError("key_unreadable", "The development authority's key is not an EC key.")
        return _install(folder, *_new_leaf(development.Issued(certificate, key), now))


def current(folder: Path) -> KeyPaths:
    """Where the current identity lies.

    Raises:
        CredentialsError: `no_keys`.
    """
    try:
        name = (folder / "current").read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        name = ""
    if not _ID.fullmatch(name):
        raise CredentialsError(
            "no_keys", f"{folder} holds no signing key; run `guard keys init` or import one."
        )
    home = folder / "identities" / name
    try:
        anchor = _anchor(folder, home)
    except OSError:
        raise CredentialsError(
            "no_keys", f"The current identity in {folder} cannot be read; check owner and mode of the folder."
        ) from None
    return KeyPaths(anchor=anchor, chain=home / "chain.pem", key=home / "key.pem")


def load_identity(folder: Path, *, now: datetime | None = None) -> Identity:
    """The identity that signs now.

    Raises:
        CredentialsError: `no_keys`, or any of `Identity.from_pem`.
    """
    return _load(folder, now=now, checked=True)


def status(folder: Path, *, now: datetime | None = None) -> KeyStatus:
    """What to show of the current identity; works for an expired one too.

    Raises:
        CredentialsError: `no_keys`, `certificate_unreadable`.
    """
    paths = current(folder)
    identity = _load(folder, now=None, checked=False)
    days = (identity.expires - (now or datetime.now(UTC))).days
    return KeyStatus(
        id=paths.chain.parent.name,
        name=identity.name,
        organisation=identity.organisation,
        alg=identity.alg,
        expires=identity.expires,
        days_left=days,
        development=identity.development,
        profile=profile.problems(identity.chain[0]),
        due=days < WARN_DAYS,
    )


def _load(folder: Path, *, now: datetime | None, checked: bool) -> Identity:
    paths = current(folder)
    try:
        chain_pem, key_pem = paths.chain.read_bytes(), paths.key.read_bytes()
    except OSError:
        raise CredentialsError(
            "no_keys", f"The current identity in {folder} cannot be read; check owner and mode of the folder."
        ) from None
    if not checked:
        now = max(certificate.not_valid_before_utc for certificate in load_chain(chain_pem))
    return Identity.from_pem(chain_pem, key_pem, now=now)


def _new_leaf(issuer: development.Issued, now: datetime | None) -> tuple[bytes, bytes]:
    leaf = development.issue_leaf(issuer, now=now)
    return leaf.certificate_pem + issuer.certificate_pem, leaf.key_pem


def _install(folder: Path, chain_pem: bytes, key_pem: bytes) -> KeyPaths:
    leaf = load_chain(chain_pem)[0]
    name = leaf.fingerprint(hashes.SHA256()).hex()[:16]
    home = folder / "identities" / name
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "identities").chmod(0o700)
    _write(home / "chain.pem", chain_pem, 0o644)
    _write(home / "key.pem", key_pem, 0o600)
    _write(folder / "current", name.encode("ascii") + b"\n", 0o644)
    return current(folder)


def _anchor(folder: Path, home: Path) -> Path:
    """The anchor to hand out for an identity: the development root, the operator's, or the chain itself."""
    top = load_chain((home / "chain.pem").read_bytes())[-1]
    return _kept_anchor(folder, top) or home / "chain.pem"


def _kept_anchor(folder: Path, top: x509.Certificate) -> Path | None:
    for path in (folder / "ca.pem", *sorted((folder / "anchors").glob("*.pem"))):
        if path.exists() and any(_issued(anchor, top) for anchor in load_chain(path.read_bytes())):
            return path
    return None


def _issued(anchor: x509.Certificate, child: x509.Certificate) -> bool:
    if anchor == child:
        return True
    try:
        child.verify_directly_issued_by(anchor)
    except Exception:  # noqa: BLE001 - any failure means "not this one"
        return False
    return True


def _write(path: Path, data: bytes, mode: int) -> None:
    """Write a file as one rename, durable, with its mode from the first byte on."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, making the folder (0700) first."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
