"""What can be read off a file: evidence, detectors, and the verdict.

This room imports nothing else of the project.
"""

from __future__ import annotations

from detectors.declared_metadata import DeclaredMetadata
from detectors.errors import DetectorError
from detectors.evidence import Claim, Evidence, EvidenceType, Outcome, Segment, Strength
from detectors.examine import examine
from detectors.known_watermarks import KnownWatermarks
from detectors.protocol import Chunk, ClipInfo, Detector, FrameSource, Subject
from detectors.verdict import Verdict, decide
from detectors.wording import VerdictName

__all__ = [
    "Chunk",
    "Claim",
    "ClipInfo",
    "DeclaredMetadata",
    "Detector",
    "DetectorError",
    "Evidence",
    "EvidenceType",
    "FrameSource",
    "KnownWatermarks",
    "Outcome",
    "Segment",
    "Strength",
    "Subject",
    "Verdict",
    "VerdictName",
    "decide",
    "examine",
]
