"""Who is compared: this watermark and its peers, each as one way to mark pictures and to read them."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from benchmarks.watermark.coding import Frames
from guard import marks
from guard.marks import Embedder, MarkKey, polar
from guard.media import Chunk

KEY = MarkKey("benchmark", hashlib.sha256(b"the benchmark's watermark key").digest())
CODED = "dwtDctSvd + code"
"""invisible-watermark's best method with our code word and soft votes, at the package's strength."""
WEAKER = "the same, step 30"
"""The same, its step lowered from 36 to come nearer to the PSNR that `robust` keeps."""
_USUAL_STEP = 36
OTHERS = ("carriers.py", "codecs.py", "dwt.py", "words.py")
"""Source files of `guard.marks` that the lattice does not use."""
Outcome = Literal["exact", "wrong", "unreadable", "absent"]
"""``exact``: the payload. ``wrong``: another one. ``unreadable``: a mark is there, its payload is lost."""


@dataclass(frozen=True)
class Contestant:
    """One way to mark pictures.

    Attributes:
        name: of the rows.
        digest: changes with what it does; results are kept under it.
        frames: pictures of a clip that it is given, at most.
        payload: bytes that it carries.
        mark: (n, height, width, 3) RGB and the payload to the same shape.
        read: RGB pictures, the size at which they were marked, the payload, to what was made of them.
    """

    name: str
    digest: str
    frames: int
    payload: int
    mark: Callable[[Frames, bytes], Frames]
    read: Callable[[Frames, tuple[int, int], bytes], Outcome]


def contestant(name: str) -> Contestant:
    """By name: a preset of ours, or ``dwtDctSvd``, ``dwtDctSvd + code``, ``dwtDct``, ``rivaGan``."""
    if name in marks.PRESETS:
        return _ours(name)
    return _PEERS[name]()


def payload_for(contestant: Contestant, clip: str) -> bytes:
    """What a contestant writes into a clip: the same for all, as far as they can carry it."""
    return hashlib.sha256(clip.encode()).digest()[: contestant.payload]


def chunks(frames: Frames) -> list[Chunk]:
    """Pictures as the reader takes them."""
    return [
        Chunk(np.arange(i, i + len(part)) / 25.0, ("?",) * len(part), part)
        for i in range(0, len(frames), 32)
        for part in (frames[i : i + 32],)
    ]


def _ours(preset: str) -> Contestant:
    def mark(frames: Frames, payload: bytes) -> Frames:
        height, width = frames.shape[1:3]
        return Embedder(KEY, payload, width, height, preset)(frames)

    def read(frames: Frames, _: tuple[int, int], payload: bytes) -> Outcome:
        reading = marks.read(chunks(frames), [KEY])
        if reading.status != "read":
            return reading.status
        return "exact" if reading.payload == payload else "wrong"

    return Contestant(preset, f"{preset} {source_digest()}", 10**6, polar.PAYLOAD_BYTES, mark, read)


@cache
def source_digest() -> str:
    """Of the watermark's source, its comments and docstrings left out."""
    files = Path(marks.__file__).parent.glob("*.py")
    return _of_source(*(path for path in files if path.name not in OTHERS))


def _of_source(*paths: Path) -> str:
    together = hashlib.sha256()
    for path in sorted(paths):
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(body := getattr(node, "body", None), list):
                node.body = [line for line in body if not _is_text(line)]  # type: ignore[attr-defined]
        together.update(f"{path.name} {ast.dump(tree)}".encode())
    return together.hexdigest()[:16]


def _is_text(line: ast.stmt) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)


def _digest(name: str, *more: str) -> str:
    """Of a peer: its package, how it is run here, and what else matters."""
    parts = (version("invisible-watermark"), _of_source(Path(marks.__file__).with_name("dwt.py")), *more)
    return f"{name} {hashlib.sha256(' '.join(parts).encode()).hexdigest()[:16]}"


def _bgr(frame: Frames) -> Frames:
    return np.ascontiguousarray(frame[..., ::-1])


def _sizes(frames: Frames, size: tuple[int, int]) -> list[Frames]:
    """As they are, and as an oracle that knows the size of the original would scale them back."""
    if frames.shape[1:3] == (size[1], size[0]):
        return [frames]
    back = [cv2.resize(frame, size, interpolation=cv2.INTER_CUBIC) for frame in frames]
    return [frames, np.stack(back)] if min(frames.shape[1:3]) >= 256 else [np.stack(back)]


def _bits(payload: bytes) -> list[int]:
    return [int(bit) for bit in np.unpackbits(np.frombuffer(payload, np.uint8))]


def _votes(name: str, codec: str) -> Contestant:
    """A method of invisible-watermark as it is; the votes of all pictures are added up."""
    from guard.marks import dwt

    kind = getattr(dwt, codec)

    def mark(frames: Frames, payload: bytes) -> Frames:
        bits = _bits(payload)
        return np.stack([_bgr(kind(bits, len(bits)).encode(_bgr(frame))) for frame in frames])

    def read(frames: Frames, size: tuple[int, int], payload: bytes) -> Outcome:
        wanted = np.array(_bits(payload), bool)
        for pictures in _sizes(frames, size):
            reader = kind([], len(wanted))
            found = np.mean([reader.decode(_bgr(picture)) for picture in pictures], axis=0) > 0.5
            if (found == wanted).all():
                return "exact"
        return "absent"  # nothing in it says whether what was read is a payload

    return Contestant(name, _digest(name), 10**6, 8, mark, read)


def _coded(name: str, step: int) -> Contestant:
    """DwtDctSvd that carries our code word, its soft votes added up over the pictures.

    Args:
        name: of the rows.
        step: strength; the package's own is 36.
    """
    from guard.marks import dwt, words

    scales = [0, step, 0]

    def mark(frames: Frames, payload: bytes) -> Frames:
        bits = words.written(KEY, payload, polar.LENGTH).tolist()
        writer = dwt.Svd(bits, len(bits), scales)
        return np.stack([_bgr(writer.encode(_bgr(frame))) for frame in frames])

    def read(frames: Frames, size: tuple[int, int], payload: bytes) -> Outcome:
        reader = dwt.Svd([], polar.LENGTH, scales)
        for pictures in _sizes(frames, size):
            total = np.sum([dwt.soft(reader, _bgr(picture)) for picture in pictures], axis=0)
            if (found := words.read(KEY, total)) is not None:
                return "exact" if found == payload else "wrong"
        return "absent"

    # which code it is; in what order its bits are sent is immaterial here
    code = f"{polar.LENGTH} {polar.PAYLOAD_BITS + polar.CHECK_BITS} {polar.LONG_LIST}"
    strength = () if step == _USUAL_STEP else (str(step),)
    return Contestant(name, _digest(name, code, *strength), 10**6, 8, mark, read)


def _riva() -> Contestant:
    """rivaGan: 32 bits, slow; given eight pictures, and two of them are read."""
    import onnxruntime
    import torch
    from imwatermark.rivaGan import RivaWatermark

    torch.set_num_threads(1)
    folder = Path(__import__("imwatermark").__file__).parent
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1

    def mark(frames: Frames, payload: bytes) -> Frames:
        RivaWatermark.encoder = onnxruntime.InferenceSession(str(folder / "rivagan_encoder.onnx"), options)
        bits = _bits(payload)
        marked = [_bgr(RivaWatermark(bits, 32).encode(_bgr(frame))) for frame in frames]
        RivaWatermark.encoder = None
        return np.stack(marked)

    def read(frames: Frames, size: tuple[int, int], payload: bytes) -> Outcome:
        if RivaWatermark.decoder is None:
            RivaWatermark.decoder = onnxruntime.InferenceSession(
                str(folder / "rivagan_decoder.onnx"), options
            )
        wanted = np.array(_bits(payload), bool)
        chosen = frames[[0, len(frames) // 2]] if len(frames) > 1 else frames
        for pictures in _sizes(chosen, size)[-1:]:
            reader = RivaWatermark([], 32)
            found = np.mean([reader.decode(_bgr(picture)) for picture in pictures], axis=0) > 0.5
            if (found == wanted).all():
                return "exact"
        return "absent"

    return Contestant("rivaGan", _digest("rivaGan"), 8, 4, mark, read)


_PEERS: dict[str, Callable[[], Contestant]] = {
    "dwtDctSvd": lambda: _votes("dwtDctSvd", "Svd"),
    CODED: lambda: _coded(CODED, _USUAL_STEP),
    WEAKER: lambda: _coded(WEAKER, 30),
    "dwtDct": lambda: _votes("dwtDct", "MaxDct"),
    "rivaGan": _riva,
}
