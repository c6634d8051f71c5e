"""Run detectors over a file."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from detectors.errors import DetectorError
from detectors.evidence import Evidence, EvidenceType, Outcome, Strength
from detectors.protocol import Detector, Subject

_log = logging.getLogger(__name__)


def examine(subject: Subject, detectors: Sequence[Detector]) -> list[Evidence]:
    """Ask each detector in turn.

    A detector that raises, or that answers with something else than evidence, gives one piece of evidence of
    the outcome ``error`` for each type it stands for: never an exception, never a positive.

    Args:
        subject: The file.
        detectors: Whom to ask.

    Returns:
        All evidence, in the detectors' order.
    """
    evidence: list[Evidence] = []
    for detector in detectors:
        name, version, types = detector.id, detector.version, detector.types
        try:
            found = [Evidence.model_validate(item) for item in detector.examine(subject)]
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not become a verdict
            # The text of a foreign exception may quote the file; its type is enough to find the cause.
            code = error.code if isinstance(error, DetectorError) else "detector_failed"
            _log.warning("detector %s failed: %s (%s)", name, code, type(error).__name__)
            found = [failure(name, version, kind, code) for kind in types]
        evidence.extend(found)
    return evidence


def failure(detector: str, version: str, kind: EvidenceType, code: str) -> Evidence:
    """Evidence that a check could not be completed.

    Args:
        detector: The detector's id.
        version: The detector's version.
        kind: The kind of evidence that is missing now.
        code: Stable code of the cause.
    """
    return Evidence(
        type=kind,
        detector=detector,
        version=version,
        outcome=Outcome.ERROR,
        strength=Strength.HINT,
        summary={
            "en": "This check could not be completed and says nothing either way.",
            "de": "Diese Prüfung ließ sich nicht abschließen und sagt in keiner Richtung etwas aus.",
        },
        details={"code": code},
    )
