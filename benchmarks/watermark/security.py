"""Three things that an attacker can do who has no key: copy a mark, remove it, and mix several."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.watermark.coding import Frames
from benchmarks.watermark.contestants import KEY, chunks
from guard import marks
from guard.marks import Embedder
from guard.marks.lattice import LINES, TILE, canonical_size

PROBES = ("copy, 44 dB", "copy, 40 dB", "notch", "collusion of 2", "collusion of 4", "collusion of 8")
COPIED_FROM, SHOWN = 40, 24
"""Frames that the copyist averages; frames of the other probes."""
Plane = NDArray[np.float32]


def probe(name: str, preset: str, original: Frames, stranger: Frames) -> dict[str, Any]:
    """Carry one of :data:`PROBES` out.

    Args:
        name: of the probe.
        preset: with which our clips are marked.
        original: (n, height, width, 3) uint8 RGB, a clip of ours before it is marked.
        stranger: another clip of the same size, to which a mark is copied.

    Returns:
        ``outcome``: ``read`` if a payload was (the copied one; one of those mixed), else ``unreadable`` or
        ``absent``. ``psnr``: of what the attacker passes on, against what he had, in dB.
    """
    if name.startswith("copy"):
        had = stranger[:SHOWN]
        passed = _pasted(had, _residual(_marked(preset, original[:COPIED_FROM], 0)), float(name.split()[1]))
    elif name == "notch":
        had = _marked(preset, original[:SHOWN], 0)
        passed = np.stack([_notched(frame) for frame in had])
    else:
        count = int(name.rsplit(maxsplit=1)[-1])
        copies = [_marked(preset, original[:SHOWN], number) for number in range(count)]
        had = copies[0]
        passed = np.round(np.mean(copies, axis=0)).astype(np.uint8)
    reading = marks.read(chunks(passed), [KEY])
    ratio = 10 * np.log10(255**2 / max(float(np.mean((had.astype(np.float32) - passed) ** 2)), 1e-9))
    known = [bytes([number]) * 8 for number in range(8)]
    outcome = "wrong" if reading.status == "read" and reading.payload not in known else reading.status
    return {"outcome": outcome, "psnr": round(float(ratio), 1)}


def _marked(preset: str, frames: Frames, number: int) -> Frames:
    return Embedder(KEY, bytes([number]) * 8, frames.shape[2], frames.shape[1], preset)(frames)


def _residual(frames: Frames) -> Plane:
    """What remains of a clip's luma when what changes and what is smooth is taken out, (height, width)."""
    total = np.zeros(frames.shape[1:3], np.float32)
    for frame in frames:
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
        total += np.clip(grey - cv2.GaussianBlur(grey, (0, 0), 4), -8, 8)
    total /= len(frames)
    return np.asarray(total - cv2.GaussianBlur(total, (0, 0), 12), np.float32)


def _pasted(frames: Frames, residual: Plane, psnr: float) -> Frames:
    """The residual on top of other frames, at that PSNR."""
    gain = 255 / 10 ** (psnr / 20) / float(residual.std())
    return np.clip(frames + (gain * residual)[None, :, :, None] + 0.5, 0, 255).astype(np.uint8)


def _notched(frame: Frames) -> Frames:
    """A frame without anything at the lattice's public frequencies."""
    height, width = frame.shape[:2]
    columns, rows = canonical_size(width, height)
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
    spectrum = np.fft.fft2(cv2.resize(grey, (columns, rows), interpolation=cv2.INTER_AREA))
    kept = np.zeros_like(spectrum)
    for kx, ky in (*LINES, *-LINES):
        x, y = round(kx * columns / TILE) % columns, round(ky * rows / TILE) % rows
        kept[y, x] = spectrum[y, x]
    at_lines = np.fft.ifft2(kept).real.astype(np.float32)
    removed = cv2.resize(at_lines, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(frame - removed[..., None] + 0.5, 0, 255).astype(np.uint8)
