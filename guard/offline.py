"""Verification without the service: the file, public keys and the log proof are enough for what cryptography can show.

The watermark is symmetric, so only the service can read it; the fingerprint needs the registry. Both are reported as
unavailable, never as absent.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from detectors import Claim, Evidence, EvidenceType, Outcome, Strength, Subject, Verdict, decide, examine
from guard.inspection import Inspection, Inspector, inspect_file
from guard.ledger import LedgerError, Proven, ReleaseEntry, VerifyKey, from_leaf, verify_proof
from guard.marks import ALGORITHM

_NO_PROOF = {
    "en": "What was given as the log proof is none, or is damaged.",
    "de": "Was als Log-Beweis angegeben wurde, ist keiner oder ist beschädigt.",
}
_DOES_NOT_HOLD = {
    "en": "The log proof contradicts itself: it does not show that the log holds this file.",
    "de": "Der Log-Beweis widerspricht sich: Er zeigt nicht, dass das Log diese Datei enthält.",
}
_WHY_NOT = {
    "note_malformed": _NO_PROOF,
    "proof_malformed": _NO_PROOF,
    "proof_other_file": {
        "en": "The log proof belongs to another file.",
        "de": "Der Log-Beweis gehört zu einer anderen Datei.",
    },
    "signature_invalid": {
        "en": "The log proof is not signed with the log key that was given.",
        "de": "Der Log-Beweis ist nicht mit dem angegebenen Log-Schlüssel signiert.",
    },
}
"""Why a proof shows nothing, by the code of the error; whatever else is wrong with it, it does not hold."""


class ProofMismatchError(Exception):
    """A log proof holds, but speaks of another file.

    Attributes:
        code: ``proof_other_file``.
    """

    code = "proof_other_file"


@dataclass(frozen=True)
class LogProof:
    """Whether a transparency log has this very file among its releases.

    Attributes:
        text: content of a ``.tlog-proof`` file.
        key: the log's public key.
    """

    text: str
    key: VerifyKey
    id = "guard.log_proof"
    version = "1"
    types = (EvidenceType.REGISTRY,)

    def examine(self, subject: Subject) -> list[Evidence]:
        """One piece of evidence; a proof that does not hold, or of another file, proves nothing."""
        try:
            proven, entry = self.check(subject.sha256)
        except (LedgerError, ProofMismatchError) as error:
            return [
                Evidence(
                    type=EvidenceType.REGISTRY,
                    detector=self.id,
                    version=self.version,
                    outcome=Outcome.NOT_DETECTED,
                    strength=Strength.CRYPTOGRAPHIC,
                    summary=_WHY_NOT.get(error.code, _DOES_NOT_HOLD),
                    details={"code": error.code},
                )
            ]
        return [
            Evidence(
                type=EvidenceType.REGISTRY,
                detector=self.id,
                version=self.version,
                outcome=Outcome.DETECTED,
                strength=Strength.CRYPTOGRAPHIC,
                claim=Claim.OWN_RELEASE,
                summary={
                    "en": f"The log {proven.checkpoint.origin} proves that exactly this file was released;"
                    " a revocation since then cannot be seen offline.",
                    "de": f"Das Log {proven.checkpoint.origin} beweist, dass genau diese Datei freigegeben wurde;"
                    " ein Widerruf seitdem ist offline nicht zu sehen.",
                },
                details={
                    "release_id": entry.release_id,
                    "video_id": entry.video_id,
                    "log": proven.checkpoint.origin,
                    "index": proven.index,
                    "size": proven.checkpoint.size,
                },
            )
        ]

    def check(self, sha256: str) -> tuple[Proven, ReleaseEntry]:
        """Check the proof and that its leaf is the release of this file.

        Raises:
            LedgerError: the proof does not hold.
            ProofMismatchError: it holds, but for another file or another kind of entry.
        """
        proven = verify_proof(self.text, None, self.key)
        entry, _ = from_leaf(proven.leaf)
        if not isinstance(entry, ReleaseEntry) or entry.asset_digest != f"sha256:{sha256}":
            raise ProofMismatchError(
                "This proof belongs to another file; use the proof that came with this one."
            )
        return proven, entry


@dataclass(frozen=True)
class _Unavailable:
    """Says of a kind of evidence that it needs the service."""

    id: str
    kind: EvidenceType
    en: str
    de: str
    version = "1"

    @property
    def types(self) -> tuple[EvidenceType, ...]:
        return (self.kind,)

    def examine(self, subject: Subject) -> list[Evidence]:
        return [
            Evidence(
                type=self.kind,
                detector=self.id,
                version=self.version,
                outcome=Outcome.UNAVAILABLE,
                strength=Strength.STATISTICAL,
                summary={"en": self.en, "de": self.de},
            )
        ]


_NEED_THE_SERVICE = (
    _Unavailable(
        ALGORITHM,
        EvidenceType.WATERMARK,
        "The watermark cannot be read without the service that holds its key.",
        "Das Wasserzeichen lässt sich nur mit dem Dienst lesen, der seinen Schlüssel hat.",
    ),
    _Unavailable(
        "guard.fingerprint",
        EvidenceType.FINGERPRINT,
        "The fingerprint cannot be compared without the service's registry.",
        "Der Fingerabdruck lässt sich nur mit dem Register des Dienstes vergleichen.",
    ),
)


def verify_offline(inspector: Inspector, path: Path, proof: LogProof | None) -> tuple[Verdict, Inspection]:
    """Examine a file with public information alone.

    Args:
        inspector: with a trust list and without mark keys.
        path: the file.
        proof: its log proof and the log's public key, if at hand.

    Raises:
        MediaError: the file cannot be examined.
    """
    seen = inspect_file(inspector, path)
    subject = Subject(path=path, media=None, size=seen.size, sha256=seen.sha256)
    own = examine(subject, [*((proof,) if proof is not None else ()), *_NEED_THE_SERVICE])
    return decide([*seen.evidence, *own], sound=seen.info.audio), seen
