"""What a file's credentials are evidence of."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import JsonValue

from detectors import Claim, Evidence, EvidenceType, Outcome, Strength, Subject
from guard.credentials import source_types
from guard.credentials.reading import read
from guard.credentials.report import CredentialsReport, IngredientReport
from guard.credentials.trust import Trust
from guard.credentials.wording import SENTENCES, Sentence

_NON_EDITORIAL = frozenset(
    "c2pa." + name
    for name in (
        "created",
        "opened",
        "converted",
        "transcoded",
        "repackaged",
        "published",
        "resized.proportional",
        "edited.metadata",
        "watermarked",
        "watermarked.bound",
        "watermarked.unbound",
        "redacted",
    )
)
"""Actions that leave a recording a recording."""

_OTHERS_WORD = ("signingCredential.", "timeStamp.", "cawg.")
_CHANGED = ("mismatch", "missing", "undeclared")
_LEFT_OUT = frozenset({"assertion.required.missing", "claim.hardBindings.missing"})
"""What the signer never put in: a claim lists all that was signed, so these cannot come of a later change."""


def _shows_change(codes: Sequence[str]) -> bool:
    """Whether a signature or a hash fails, rather than a certificate, a time, an identity or a form."""
    return any(
        code.endswith(_CHANGED) and not code.startswith(_OTHERS_WORD) and code not in _LEFT_OUT
        for code in codes
    )


class CredentialsDetector:
    """Reads Content Credentials; implements the protocol of `detectors`.

    Args:
        trust: whom to believe.

    Attributes:
        last_report: of the last file examined; None before that, or if it could not be opened.
    """

    id = "guard.credentials"
    version = "1"
    types = (EvidenceType.C2PA,)

    def __init__(self, trust: Trust) -> None:
        self._trust = trust
        self.last_report: CredentialsReport | None = None

    def examine(self, subject: Subject) -> list[Evidence]:
        """One piece of evidence on the file's own manifest, and one more if an ingredient is broken.

        Raises:
            CredentialsError: `file_unreadable`.
        """
        self.last_report = None
        self.last_report = read(subject.path, self._trust)
        return evidence_of(self.last_report)


def evidence_of(report: CredentialsReport) -> list[Evidence]:
    """The evidence that a report amounts to."""
    found = [_own(report)]
    if _shows_change(report.ingredient_failures) and report.state != "not_fully_protected":
        found.append(_detected(report, Claim.INGREDIENT_TAMPERED, "ingredient_tampered"))
    return found


def _own(report: CredentialsReport) -> Evidence:
    match report.state:
        case "absent" if report.reason == "format_unsupported":
            return _undetected(report, Outcome.UNAVAILABLE, "unsupported")
        case "absent":
            return _undetected(report, Outcome.NOT_DETECTED, "absent")
        case "remote":
            return _undetected(report, Outcome.UNAVAILABLE, "remote")
        case "malformed":
            return _undetected(report, Outcome.INCONCLUSIVE, "malformed")
        case "not_fully_protected":
            return _detected(report, Claim.NOT_FULLY_PROTECTED, "not_fully_protected")
        case "invalid":
            if _shows_change(report.failures):
                return _detected(report, Claim.TAMPERED, "tampered")
            return _undetected(report, Outcome.INCONCLUSIVE, "unreliable")
        case "trusted" | "valid":
            claim, sentence = _declaration(report)
            return _detected(report, claim, sentence)


def _declaration(report: CredentialsReport) -> tuple[Claim, Sentence]:
    own = set(report.claims.digital_source_types) if report.claims else set()
    disclosed = report.claims is not None and report.claims.ai_disclosure is not None
    inherited = own or _parent_types(report.ingredients)
    parts = _component_types(report.ingredients)
    if inherited & source_types.AI_EDIT and not own & source_types.AI:
        return Claim.DECLARES_AI_EDIT, "declares_ai_edit"
    if inherited & source_types.AI or (disclosed and not own):
        return Claim.DECLARES_AI, "declares_ai"
    if (parts | _parent_types(report.ingredients)) & (source_types.AI | source_types.AI_EDIT) or disclosed:
        return Claim.DECLARES_AI_EDIT, "declares_ai_edit"
    if own and own <= source_types.CAPTURE and _unedited(report):
        return Claim.DECLARES_CAPTURE, "declares_capture"
    return Claim.DECLARES_OTHER, "declares_other"


def _unedited(report: CredentialsReport) -> bool:
    actions = report.claims.actions if report.claims else ()
    return all(action.action in _NON_EDITORIAL for action in actions) and not report.truncated


def _parent_types(nodes: Sequence[IngredientReport]) -> set[str]:
    """Source types along the line of parents, nearest first that states any."""
    for node in nodes:
        if node.relationship == "parentOf" and node.claims is not None and node.state in ("trusted", "valid"):
            return set(node.claims.digital_source_types) or _parent_types(node.ingredients)
    return set()


def _component_types(nodes: Sequence[IngredientReport]) -> set[str]:
    """Source types of what was built in, and of what that was made from; mere inputs to a process are not."""
    found: set[str] = set()
    for node in nodes:
        if node.relationship != "inputTo" and node.claims is not None and node.state in ("trusted", "valid"):
            found |= set(node.claims.digital_source_types) | _component_types(node.ingredients)
    return found


def _detected(report: CredentialsReport, claim: Claim, sentence: Sentence) -> Evidence:
    declared = report.state == "valid" and claim is not Claim.INGREDIENT_TAMPERED
    return _evidence(
        report, Outcome.DETECTED, Strength.DECLARED if declared else Strength.CRYPTOGRAPHIC, claim, sentence
    )


def _undetected(report: CredentialsReport, outcome: Outcome, sentence: Sentence) -> Evidence:
    return _evidence(report, outcome, Strength.CRYPTOGRAPHIC, None, sentence)


def _evidence(
    report: CredentialsReport, outcome: Outcome, strength: Strength, claim: Claim | None, sentence: Sentence
) -> Evidence:
    return Evidence(
        type=EvidenceType.C2PA,
        detector=CredentialsDetector.id,
        version=CredentialsDetector.version,
        outcome=outcome,
        strength=strength,
        claim=claim,
        summary=_summary(report, sentence),
        details=_details(report),
    )


def _summary(report: CredentialsReport, sentence: Sentence) -> dict[str, str]:
    said = [SENTENCES[sentence]]
    if report.development:
        said.append(SENTENCES["development"])
    if "identity_not_examined" in report.warnings:
        said.append(SENTENCES["identity_not_examined"])
    return {language: " ".join(part[language] for part in said) for language in said[0]}


def _details(report: CredentialsReport) -> dict[str, JsonValue]:
    details: dict[str, JsonValue] = {"state": report.state}
    if report.state in ("trusted", "valid"):
        details["trusted"] = report.state == "trusted"
    optional: dict[str, JsonValue] = {
        "reason": report.reason,
        "failures": list(report.failures),
        "ingredient_failures": list(report.ingredient_failures),
        "warnings": list(report.warnings),
        "trust_list": report.trust_list,
        "trust_list_date": report.trust_list_date,
        "retired_list": report.retired_list,
        "retired_list_date": report.retired_list_date,
        "trust_lists": [f"{entry.name} ({entry.kind}, {entry.dated})" for entry in report.trust_lists],
        "remote_url": report.remote_url,
    }
    if report.claims is not None:
        optional |= {
            "manifest_id": report.claims.manifest_id,
            "issuer": report.claims.issuer,
            "claim_generator": report.claims.claim_generator,
            "signed_at": report.claims.signed_at,
            "digital_source_types": list(report.claims.digital_source_types),
            "unknown_source_types": list(report.claims.unknown_source_types),
        }
    return details | {name: value for name, value in optional.items() if value not in (None, [])}
