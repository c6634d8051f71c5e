"""The way of an upload: inspect it in a sandbox, ask the registry, decide."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from detectors import Detector, Evidence, Subject, Verdict, decide, examine
from guard.inspection import Inspection, Inspector, inspect_file
from guard.provenance import ExactRelease, OwnFingerprint, OwnMark, Registry


@dataclass(frozen=True)
class Verification:
    """A verdict and what it was reached from.

    Attributes:
        verdict: the verdict with its evidence.
        inspection: what was read off the file.
    """

    verdict: Verdict
    inspection: Inspection


def verify(inspector: Inspector, registry: Registry | None, path: Path) -> Verification:
    """Examine a file and decide.

    Args:
        inspector: how to read it.
        registry: what this service released; None for a stranger without the service, who then learns nothing of
            watermark and registry.
        path: the file; it is only read.

    Raises:
        MediaError: the file cannot be examined; the code and message say why.
    """
    seen = inspect_file(inspector, path)
    evidence: list[Evidence] = list(seen.evidence)
    if registry is not None:
        subject = Subject(path=path, media=None, size=seen.size, sha256=seen.sha256)
        own: list[Detector] = [
            ExactRelease(registry),
            OwnMark(registry, seen.reading, seen.fingerprint, seen.mark_algorithm),
            OwnFingerprint(registry, seen.fingerprint),
        ]
        evidence.extend(examine(subject, own))
    return Verification(decide(evidence, sound=seen.info.audio), seen)
