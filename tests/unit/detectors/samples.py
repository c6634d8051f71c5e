"""Evidence of every kind, frames in memory, and textured pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np

from detectors import Evidence, EvidenceType, Outcome, Strength, Subject
from detectors.evidence import CLAIMS, DECLARATIONS, Claim

TEXT = {"en": "A sentence.", "de": "Ein Satz."}


def positive(type_: EvidenceType, claim: Claim, strength: Strength | None = None, **details: Any) -> Evidence:
    """A positive of a claim, with the details that the claim needs."""
    strength = strength or min(CLAIMS[claim].strengths[type_])
    if CLAIMS[claim].names_release:
        details.setdefault("release_id", "video_1")
    if type_ is EvidenceType.C2PA and claim in DECLARATIONS:
        details.setdefault("trusted", strength is Strength.CRYPTOGRAPHIC)
    return Evidence(
        type=type_,
        detector="test",
        version="1",
        outcome=Outcome.DETECTED,
        strength=strength,
        claim=claim,
        summary=TEXT,
        details=details,
    )


def negative(type_: EvidenceType, outcome: Outcome) -> Evidence:
    return Evidence(
        type=type_, detector="test", version="1", outcome=outcome, strength=Strength.HINT, summary=TEXT
    )


def every_positive() -> list[Evidence]:
    """One positive for each claim, type and strength that the table allows."""
    return [
        positive(type_, claim, strength)
        for claim, rule in CLAIMS.items()
        for type_, strengths in rule.strengths.items()
        for strength in sorted(strengths)
    ]


@dataclass(frozen=True)
class Info:
    width: int
    height: int
    codec: str
    kind: Literal["video", "image", "audio"]
    duration: float
    fps: Fraction = Fraction(25)
    frames: int | None = None
    container: str = "test"
    audio: bool = False


@dataclass(frozen=True)
class Piece:
    times: np.ndarray
    frames: np.ndarray

    @property
    def picture_types(self) -> tuple[str, ...]:
        return ("?",) * len(self.frames)


@dataclass
class Frames:
    """A frame source over an array ``(n, height, width, 3)``; remembers which spans were asked for."""

    pictures: np.ndarray
    codec: str = "png"
    kind: Literal["video", "image", "audio"] = "image"
    fps: int = 25
    duration: float | None = None
    rate: int | None = None  # what the container says, if not the truth
    asked: list[tuple[float, float] | None] = field(default_factory=list)

    @property
    def info(self) -> Info:
        count, height, width = self.pictures.shape[:3]
        known = 0.0 if self.kind == "image" else count / self.fps
        duration = known if self.duration is None else self.duration
        return Info(width, height, self.codec, self.kind, duration, Fraction(self.rate or self.fps))

    def chunks(self, *, every: int = 1, span: tuple[float, float] | None = None) -> Iterator[Piece]:
        self.asked.append(span)
        times = np.arange(len(self.pictures)) / self.fps
        start, end = span or (0.0, float("inf"))
        chosen = np.flatnonzero((times >= start) & (times < end))[::every]
        for at in range(0, len(chosen), 32):
            index = chosen[at : at + 32]
            yield Piece(times[index], self.pictures[index])


def subject(media: Frames | None = None, path: Path = Path("unused")) -> Subject:
    return Subject(path=path, media=media, size=0, sha256="0" * 64)


def texture(seed: int, height: int = 384, width: int = 448) -> np.ndarray:
    """A colourful picture ``(height, width, 3)`` uint8 with the falling spectrum of natural ones."""
    random = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    frequency[0, 0] = 1
    slope = random.uniform(0.9, 1.8)
    layers = []
    for _ in range(3):
        noise = np.fft.rfft2(random.standard_normal((height, width))) / frequency**slope
        noise[0, 0] = 0
        layer = np.fft.irfft2(noise, s=(height, width))
        layers.append(layer / layer.std() * random.uniform(15, 45) + random.uniform(80, 170))
    return np.clip(np.stack(layers, -1), 0, 255).astype(np.uint8)
