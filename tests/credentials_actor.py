"""A file whose manifest names an actor (CAWG identity) whom only a web address can vouch for.

The library writes no such assertion, and the assertion holds the hash of another one, which the library salts anew
with every signature. So a file is signed with a blank in the place of that hash; the blank is then filled, and the
claim signed again, by hand.
"""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import c2pa

from guard.credentials import Identity, Trust
from guard.credentials.context import context_for
from tests.credentials_forge import created, definition, sign_as_is

_BINDING = "self#jumbf=c2pa.assertions/c2pa.hash.bmff.v3"
_KIND = "cawg.identity_claims_aggregation"
_BLANK = bytes([0xEE] * 32)


def sign_with_actor(
    source: Path, out: Path, identity: Identity, *, did: str = "did:web:nobody.invalid"
) -> Path:
    """Sign a clip as a recording by a named actor; `did` says where the actor's key would be looked up."""
    theirs = definition(created("digitalCapture"), assertions=(_assertion(did),))
    sign_as_is(source, out, theirs, identity)
    with c2pa.Reader(out, context=context_for(Trust())) as reader:
        store = json.loads(reader.detailed_json())
    claim = store["manifests"][store["active_manifest"]]["claim"]
    hashes = {entry["url"]: base64.b64decode(entry["hash"]) for entry in claim["created_assertions"]}
    data = bytearray(out.read_bytes())
    _fill(data, hashes[_BINDING])
    start, end = _content(data, b"cawg.identity")
    named = next(value for url, value in hashes.items() if url.endswith("/cawg.identity"))
    _replace(data, named, sha256(data[start:end]).digest())
    _sign_again(data, identity)
    out.write_bytes(data)
    return out


def _assertion(did: str) -> dict[str, Any]:
    asset = {
        "referenced_assertions": [{"url": _BINDING, "hash": _text(_BLANK), "alg": "sha256"}],
        "sig_type": _KIND,
    }
    person = {
        "type": "cawg.social_media",
        "username": "somebody",
        "uri": "https://nowhere.invalid/somebody",
        "verifiedAt": "2026-01-01T00:00:00Z",
        "provider": {"id": "https://nowhere.invalid", "name": "nowhere"},
    }
    credential = {
        "@context": [
            "https://www.w3.org/ns/credentials/v2",
            "https://cawg.io/identity/1.1/ica/context/",
        ],
        "type": ["VerifiableCredential", "IdentityClaimsAggregationCredential"],
        "issuer": did,
        "validFrom": "2026-01-01T00:00:00Z",
        "credentialSubject": {"id": f"{did}:1", "verifiedIdentities": [person], "c2paAsset": asset},
        "credentialSchema": [{"id": "https://cawg.io/identity/1.1/ica/schema/", "type": "JSONSchema"}],
    }
    protected = b"\xa2\x01\x27\x03\x6eapplication/vc"  # EdDSA, and the type of what is signed
    cose = (
        b"\xd2\x84"
        + _bytes(protected)
        + b"\xa0"
        + _bytes(json.dumps(credential).encode())
        + _bytes(bytes(64))
    )
    payload = {"referenced_assertions": [{"url": _BINDING, "hash": list(_BLANK)}], "sig_type": _KIND}
    return {
        "label": "cawg.identity",
        "created": True,
        "data": {"signer_payload": payload, "signature": list(cose), "pad1": [0]},
    }


def _fill(data: bytearray, value: bytes) -> None:
    """The hash, where the blank is: as numbers, and as the codes of its base64."""
    for old, new in ((_BLANK, value), (_text(_BLANK).encode(), _text(value).encode())):
        _replace(data, _numbers(old), _numbers(new))


def _sign_again(data: bytearray, identity: Identity) -> None:
    claim = data[slice(*_cbor(data, b"c2pa.claim.v2"))]
    start, end = _cbor(data, b"c2pa.signature")
    assert data[start : start + 3] == b"\xd2\x84\x59"
    length = int.from_bytes(data[start + 3 : start + 5])
    protected = data[start + 5 : start + 5 + length]
    signed = b"\x84\x6aSignature1" + _bytes(protected) + b"\x40" + _bytes(claim)
    data[end - 64 : end] = identity.cose_signature(signed)


def _content(data: bytearray, label: bytes) -> tuple[int, int]:
    """Where the box of this label has its content: the header of its description takes 33 bytes up to the label."""
    start = data.index(label + b"\0") - 33
    return start + 8, start + int.from_bytes(data[start : start + 4])


def _cbor(data: bytearray, label: bytes) -> tuple[int, int]:
    start, end = _content(data, label)
    start += int.from_bytes(data[start : start + 4])
    assert data[start + 4 : start + 8] == b"cbor"
    return start + 8, end


def _replace(data: bytearray, old: bytes, new: bytes) -> None:
    assert (data.count(old), len(old)) == (1, len(new))
    data[:] = data.replace(old, new)


def _numbers(value: bytes) -> bytes:
    """Numbers of two bytes each, the small ones too."""
    return b"".join(bytes((0x18, number)) for number in value)


def _bytes(value: bytes | bytearray) -> bytes:
    count = len(value)
    if count < 24:
        return bytes((0x40 | count,)) + value
    return (b"\x58" + bytes((count,)) if count < 256 else b"\x59" + count.to_bytes(2)) + value


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
