"""What somebody without the service can show: the file, public keys and a log proof."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from detectors import Claim, EvidenceType, Outcome, Subject, VerdictName
from guard import inspection
from guard.credentials import Trust
from guard.installation import stranger
from guard.ledger import Log, LogKey, PolicyEntry, ReleaseEntry, append
from guard.media import VideoFile
from guard.offline import LogProof, ProofMismatchError, verify_offline
from guard.store import Database

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DIGEST = "sha256:" + "ab" * 32


def release(sha256: str) -> ReleaseEntry:
    return ReleaseEntry(
        release_id="release_1",
        tenant_commitment="hmac-sha256:" + "cd" * 32,
        video_id="video_1",
        asset_digest=f"sha256:{sha256}",
        size=1000,
        manifest_id="urn:c2pa:1",
        manifest_digest=DIGEST,
        fingerprint_digest=DIGEST,
        model_digest=DIGEST,
        policy_digest=DIGEST,
        mark_algorithm="lattice",
        mark_key_id="mark-1",
        payload_commitment="hmac-sha256:" + "cd" * 32,
    )


@pytest.fixture(scope="module")
def sha256(signed: Path) -> str:
    return hashlib.sha256(signed.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    folder = tmp_path_factory.mktemp("offline")
    return Log(LogKey.create(folder / "log.key", "log.example/offline"), folder / "log.checkpoint")


@pytest.fixture(scope="module")
def proofs(tmp_path_factory: pytest.TempPathFactory, log: Log, sha256: str) -> Iterator[list[str]]:
    """Proofs of three leaves: this file's release, another file's, and a policy."""
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('offline') / 'guard.db'}")
    database.migrate()
    policy = PolicyEntry(policy_id="default", policy_version=1, policy_digest=DIGEST)
    with database.write() as session:
        conn = session.connection()
        indices = [append(conn, entry, now=NOW) for entry in (release(sha256), release("f" * 64), policy)]
        log.checkpoint(conn, now=NOW)
    with database.read() as session:
        yield [log.proof(session.connection(), index) for index in indices]
    database.close()


def subject(sha256: str) -> Subject:
    return Subject(path=Path("clip.mp4"), media=None, size=1000, sha256=sha256)


def test_the_files_own_proof_shows_that_it_was_released(log: Log, proofs: list[str], sha256: str) -> None:
    (found,) = LogProof(proofs[0], log.public_key).examine(subject(sha256))
    assert (found.outcome, found.claim) == (Outcome.DETECTED, Claim.OWN_RELEASE)
    assert found.details["release_id"] == "release_1"
    assert found.details["log"] == "log.example/offline"


@pytest.mark.parametrize("index", [1, 2])
def test_a_proof_of_another_leaf_shows_nothing(log: Log, proofs: list[str], sha256: str, index: int) -> None:
    proof = LogProof(proofs[index], log.public_key)
    with pytest.raises(ProofMismatchError) as error:
        proof.check(sha256)
    assert error.value.code == "proof_other_file"
    (found,) = proof.examine(subject(sha256))
    assert (found.outcome, found.claim, found.details["code"]) == (
        Outcome.NOT_DETECTED,
        None,
        "proof_other_file",
    )


@pytest.mark.parametrize("damage", ["other key", "one character", "cut", "empty", "other text"])
def test_a_proof_that_does_not_hold_shows_nothing(
    log: Log, proofs: list[str], sha256: str, damage: str, tmp_path: Path
) -> None:
    text, key = proofs[0], log.public_key
    if damage == "other key":
        key = LogKey.create(tmp_path / "other.key", "log.example/offline").public
    elif damage == "one character":
        line = text.splitlines()[2]
        text = text.replace(line, ("A" if line[0] != "A" else "B") + line[1:], 1)
    else:
        text = {"cut": text[: len(text) // 2], "empty": "", "other text": "no proof\n"}[damage]
    (found,) = LogProof(text, key).examine(subject(sha256))
    assert (found.outcome, found.claim) == (Outcome.NOT_DETECTED, None)


def test_a_stranger_learns_from_the_file_and_the_proof_what_cryptography_can_show(
    log: Log, proofs: list[str], signed: Path, trust: Trust
) -> None:
    verdict, seen = verify_offline(stranger(trust), signed, LogProof(proofs[0], log.public_key))
    assert verdict.verdict is VerdictName.GENERATED_HERE
    assert seen.reading is None
    outcomes = {item.type: item.outcome for item in verdict.evidence}
    assert outcomes[EvidenceType.REGISTRY] is Outcome.DETECTED
    assert outcomes[EvidenceType.C2PA] is Outcome.DETECTED
    assert outcomes[EvidenceType.WATERMARK] is Outcome.UNAVAILABLE
    assert outcomes[EvidenceType.FINGERPRINT] is Outcome.UNAVAILABLE


def test_which_file_was_read_is_not_what_the_reader_says(
    signed: Path, sha256: str, trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = VideoFile(signed).info.to_json()
    claimed = {"sha256": "f" * 64, "size": 1, "info": info, "credentials": None, "reading": None}
    claimed |= {"mark_algorithm": "", "fingerprint": None, "evidence": []}
    monkeypatch.setattr(inspection.sandbox, "call", lambda *_, **__: claimed)
    seen = inspection.inspect_file(stranger(trust), signed)
    assert (seen.sha256, seen.size) == (sha256, signed.stat().st_size)


def test_without_a_proof_the_issuers_word_remains(signed: Path, trust: Trust) -> None:
    verdict, _ = verify_offline(stranger(trust), signed, None)
    assert verdict.verdict is VerdictName.DECLARED_AI_BY_ISSUER
    unknown, _ = verify_offline(stranger(Trust()), signed, None)
    assert unknown.verdict is VerdictName.DECLARED_AI_UNSIGNED
