"""The folder of signing keys: what `guard keys` works on.

    ca.pem                     public root of the development authority, if one was made here
    authority/                 the development intermediate that issues new leaves (certificate and key)
    identities/<id>/           chain.pem of each identity that ever signed, with key.pem, or key.uri for one elsewhere
    requests/<id>/             keys whose certificate is asked for (`guard.credentials.requests`)
    anchors/<name>.pem         public anchors of keys that the operator brought
    current                    id of the identity that signs now

Folders are 0700 and keys 0600. Changing `current` is one rename, so a reader sees the old pair or the new one
and never half of each. Old identities stay, since files signed with them must keep their anchor.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from guard.credentials import development, external, profile
from guard.credentials.errors import CredentialsError
from guard.credentials.identity import Identity, load_chain, load_key
from guard.credentials.keyfolder import locked, write
from guard.credentials.requests import KEY_FILE, URI_FILE, forget_request, pending, requested_key

WARN_DAYS = 30
"""An identity that expires sooner than this is reported as due for rotation."""

_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class KeyPaths:
    """Where the current identity lies; `anchor` is what verifiers get.

    `key` is a PEM file, or holds the URI of a key in a token or service (`guard.credentials.external`).
    """

    anchor: Path
    chain: Path
    key: Path


@dataclass(frozen=True)
class KeyStatus:
    """What there is to know about the current identity without its key.

    Attributes:
        profile: what the certificate lacks of C2PA's profile; empty if it conforms.
        due: whether it expires within `WARN_DAYS` days or has expired.
        key: URI of the key where it is in a token or service, else empty.
        requests: ids of certificate requests that wait for their certificate.
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
    key: str = ""
    requests: tuple[str, ...] = ()


def create_development_ca(folder: Path, *, now: datetime | None = None) -> KeyPaths:
    """Make a development authority and a first identity in `folder`, which must hold no identity yet.

    Raises:
        CredentialsError: `keys_exist`.
    """
    with locked(folder):
        if (folder / "current").exists() or (folder / "ca.pem").exists():
            raise CredentialsError(
                "keys_exist", f"{folder} already holds signing keys; use rotate or import."
            )
        root, intermediate = development.make_authority(now=now)
        authority = folder / "authority"
        authority.mkdir(mode=0o700, exist_ok=True)
        write(authority / "certificate.pem", intermediate.certificate_pem, 0o644)
        write(authority / "key.pem", intermediate.key_pem, 0o600)
        write(folder / "ca.pem", root.public_bytes(serialization.Encoding.PEM), 0o644)
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
    key: bytes | str | None = None,
    *,
    anchor_pem: bytes | None = None,
    password: bytes | None = None,
    now: datetime | None = None,
) -> KeyPaths:
    """Make the operator's own certificate and key the current identity.

    Args:
        folder: the key folder.
        chain_pem: PEM chain, leaf first.
        key: PEM private key, which is stored unencrypted with mode 0600; or the URI of one in a token or service; left
            out if the certificate was requested from here (`guard.credentials.requests`).
        anchor_pem: certificate of the authority that verifiers should trust; kept in `anchors/`. May be left
            out if the chain ends with its self-signed root, or if an anchor kept before vouches for it.
        password: of the key, if it is encrypted.
        now: time at which the chain must be valid; the clock if omitted.

    Raises:
        CredentialsError: `key_missing`, `anchor_missing`, `anchor_mismatch`, or any of `Identity.from_pem` and
            `external.open_key`.
    """
    chain = load_chain(chain_pem)
    leaf, top = chain[0], chain[-1]
    key = requested_key(folder, leaf) if key is None else key
    if key is None:
        raise CredentialsError(
            "key_missing", "This certificate was not requested from here, so its key must be given with it."
        )
    _check(chain_pem, key, password, now)
    if isinstance(key, bytes):
        key = load_key(key, password).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    if anchor_pem is not None:
        anchors = load_chain(anchor_pem)
        if not any(_issued(anchor, top) for anchor in anchors):
            raise CredentialsError(
                "anchor_mismatch", "The anchor did not issue the chain's last certificate."
            )
    else:
        anchors = [top] if top.issuer == top.subject else []
    with locked(folder):
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
            write(folder / "anchors" / f"{name}.pem", anchor.public_bytes(serialization.Encoding.PEM), 0o644)
        installed = _install(folder, chain_pem, key)
        forget_request(folder, leaf)
        return installed


def _check(chain_pem: bytes, key: bytes | str, password: bytes | None, now: datetime | None) -> None:
    """Refuse a chain that cannot sign, or a key that is not the certificate's."""
    if isinstance(key, bytes):
        Identity.from_pem(chain_pem, key, password=password, now=now)
        return
    identity = Identity.from_callback(chain_pem, external.signer(key), now=now)
    try:
        identity.prove()
    except CredentialsError as error:
        if error.code != "signer_mismatch":
            raise
        raise CredentialsError(
            "key_mismatch", "The private key does not belong to the first certificate of the chain."
        ) from None


def rotate(folder: Path, *, now: datetime | None = None) -> KeyPaths:
    """Issue a new development leaf and make it current; the old one stays readable and trusted.

    Raises:
        CredentialsError: `no_authority` if the current identity was not issued here: import its successor
        instead.
    """
    with locked(folder):
        authority = folder / "authority"
        if not (authority / "key.pem").exists() or not status(folder).development:
            raise CredentialsError(
                "no_authority",
                "The current key was brought by the operator, so only its issuer can renew it: make a request with "
                "guard keys csr, and import the certificate. The current key signs until then.",
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
    return KeyPaths(anchor=anchor, chain=home / "chain.pem", key=_key_file(home))


def load_identity(folder: Path, *, now: datetime | None = None) -> Identity:
    """The identity that signs now.

    Raises:
        CredentialsError: `no_keys`, or any of `Identity.from_pem`.
    """
    paths = current(folder)
    chain_pem, key = _read(folder, paths.chain), _read(folder, paths.key)
    if paths.key.name == URI_FILE:
        return Identity.from_callback(chain_pem, external.signer(key.decode().strip()), now=now)
    return Identity.from_pem(chain_pem, key, now=now)


def status(folder: Path, *, now: datetime | None = None) -> KeyStatus:
    """What to show of the current identity; works for an expired one and one that cannot sign, too.

    Raises:
        CredentialsError: `no_keys`, `certificate_unreadable`, `certificate_profile` for a kind of key that C2PA lacks.
    """
    paths = current(folder)
    identity = Identity.unchecked(_read(folder, paths.chain))
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
        key=paths.key.read_text("utf-8").strip() if paths.key.name == URI_FILE else "",
        requests=pending(folder),
    )


def _read(folder: Path, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise CredentialsError(
            "no_keys", f"The current identity in {folder} cannot be read; check owner and mode of the folder."
        ) from None


def _key_file(home: Path) -> Path:
    return home / (URI_FILE if (home / URI_FILE).exists() else KEY_FILE)


def _new_leaf(issuer: development.Issued, now: datetime | None) -> tuple[bytes, bytes]:
    leaf = development.issue_leaf(issuer, now=now)
    return leaf.certificate_pem + issuer.certificate_pem, leaf.key_pem


def _install(folder: Path, chain_pem: bytes, key: bytes | str) -> KeyPaths:
    leaf = load_chain(chain_pem)[0]
    name = leaf.fingerprint(hashes.SHA256()).hex()[:16]
    home = folder / "identities" / name
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "identities").chmod(0o700)
    write(home / "chain.pem", chain_pem, 0o644)
    if isinstance(key, str):
        write(home / URI_FILE, key.encode() + b"\n", 0o600)
    else:
        write(home / KEY_FILE, key, 0o600)
        (home / URI_FILE).unlink(missing_ok=True)
    write(folder / "current", name.encode("ascii") + b"\n", 0o644)
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
