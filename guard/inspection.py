"""Reading an untrusted file: everything that parses it runs here, in a sandboxed child process.

The parent gets back plain values (:class:`Inspection`); what they mean, it decides with the registry at hand.
"""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from detectors import Evidence, Subject, examine
from detectors.declared_metadata import DeclaredMetadata
from detectors.known_watermarks import KnownWatermarks
from guard import fingerprints
from guard.credentials import CredentialsDetector, CredentialsReport, Trust
from guard.fingerprints import Fingerprint
from guard.marks import ALGORITHM, MarkKey, Reading
from guard.marks.codecs import DEFAULT_CODEC, Codec, codec
from guard.marks.front import MIN_SIDE
from guard.media import ClipInfo, MediaError, ReadLimits, VideoFile, sandbox
from guard.media.parts import Part, Within
from guard.media.previews import thumbnail
from guard.media.sandbox import Limits
from guard.media.selection import FIRST_STRETCH, Viewer

_TARGET, _DRAW = "guard.inspection:inspect", "guard.inspection:draw_inside"
PREVIEW_WIDTH = 480
"""Pixels across a picture that is shown beside another."""
_UPLOAD, _OURS = (256, 64), (64, 16)
"""Pictures that the watermark and the fingerprint are read from, at most, of an upload and of a file that just left our
own encoder, whose mark nothing has worn. At least half as many are, where there are as many."""
_SHARE = 0.6
"""Of our own file it is known how long it is, so that no more pictures are looked at than this share of the most."""
_SECRET = "mark_keys"  # noqa: S105 - the name of a field


@dataclass(frozen=True)
class Inspector:
    """How files are inspected.

    Attributes:
        trust: gives whose signatures are believed; asked for each file, so that a new key counts at once.
        mark_keys: keys to read the watermark with; none where the service is not at hand.
        mark_codec: what marks our clips; what the lattice has marked is read as well.
        mark_weights: of that codec, where it needs any.
        limits: of the child process.
        reading: of what is decoded.
    """

    trust: Callable[[], Trust]
    mark_keys: tuple[MarkKey, ...] = field(repr=False)
    limits: Limits
    reading: ReadLimits
    mark_codec: str = DEFAULT_CODEC
    mark_weights: Path | None = None


@dataclass(frozen=True)
class Inspection:
    """What was read off a file.

    Attributes:
        sha256: 64 lower-case hex digits.
        size: bytes.
        info: of the clip or picture.
        credentials: the C2PA report, or None if its detector failed.
        reading: of our watermark; None without keys or pictures.
        mark_algorithm: of the codec that the reading is of.
        fingerprint: of the pictures; None without pictures.
        evidence: of the detectors that need nothing of ours.
    """

    sha256: str
    size: int
    info: ClipInfo
    credentials: CredentialsReport | None
    reading: Reading | None
    mark_algorithm: str
    fingerprint: Fingerprint | None
    evidence: tuple[Evidence, ...]


def inspect_file(
    inspector: Inspector, path: Path, *, foreign: bool = True, part: Part | None = None
) -> Inspection:
    """Inspect a file in a fresh child process.

    Args:
        inspector: how.
        path: the file; it is only read.
        foreign: also look for what others leave in files: known watermarks, declared metadata.
        part: read watermark and fingerprint off this part of the pictures alone; None for all of them.

    Raises:
        MediaError: the file is empty, damaged, no medium, too large, or its reading took too long;
            ``region_outside`` if it has no picture in the part.
    """
    # Whatever a file makes of its reader, which file it is was not for the reader to say.
    sha256, size = _digest(path)
    answer = sandbox.call(
        _TARGET,
        {
            "path": str(path),
            "sha256": sha256,
            "size": size,
            "trust": inspector.trust().model_dump(mode="json"),
            "limits": asdict(inspector.reading),
            "foreign": foreign,
            "part": (part or Part()).to_json(),
            "codec": inspector.mark_codec,
            "weights": None if inspector.mark_weights is None else str(inspector.mark_weights.absolute()),
        },
        limits=inspector.limits,
        readable=[path, *([] if inspector.mark_weights is None else [inspector.mark_weights])],
        secrets={_SECRET: ",".join(f"{key.id}:{key.secret.hex()}" for key in inspector.mark_keys)},
    )
    reading, fingerprint, credentials = answer["reading"], answer["fingerprint"], answer["credentials"]
    return Inspection(
        sha256=sha256,
        size=size,
        info=ClipInfo.from_json(answer["info"]),
        credentials=None if credentials is None else CredentialsReport.model_validate(credentials),
        reading=None if reading is None else Reading.from_json(reading),
        mark_algorithm=answer["mark_algorithm"],
        fingerprint=None if fingerprint is None else Fingerprint.from_json(fingerprint),
        evidence=tuple(Evidence.model_validate(item) for item in answer["evidence"]),
    )


def draw(inspector: Inspector, path: Path, time: float) -> bytes:
    """One picture of a file as a small WebP, decoded in a fresh child process.

    Args:
        inspector: for its limits.
        path: the file; it is only read.
        time: seconds from the start.

    Raises:
        MediaError: as `inspect_file`.
    """
    arguments = {"path": str(path), "time": time, "limits": asdict(inspector.reading)}
    answer = sandbox.call(_DRAW, arguments, limits=inspector.limits, readable=[path])
    return base64.b64decode(answer["picture"], validate=True)


def draw_inside(arguments: dict[str, Any]) -> dict[str, Any]:
    """The child's side of :func:`draw`."""
    media = VideoFile(Path(arguments["path"]), limits=ReadLimits(**arguments["limits"]))
    picture = thumbnail(media, time=arguments["time"], width=PREVIEW_WIDTH, declared=False)
    return {"picture": base64.b64encode(picture).decode("ascii")}


def _digest(path: Path) -> tuple[str, int]:
    """Hex sha256 and size of a file."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), file.tell()
    except OSError:
        raise MediaError("media_missing", "The file does not exist or may not be read.") from None


def inspect(arguments: dict[str, Any], secrets: dict[str, str]) -> dict[str, Any]:
    """The child's side of :func:`inspect_file`; see there.

    Raises:
        MediaError: as above.
    """
    path = Path(arguments["path"])
    media = VideoFile(path, limits=ReadLimits(**arguments["limits"]))
    pictures = media.info.kind != "audio"
    subject = Subject(
        path=path,
        media=media if pictures else None,
        size=arguments["size"],
        sha256=arguments["sha256"],
    )
    credentials = CredentialsDetector(Trust.model_validate(arguments["trust"]))
    foreign = (KnownWatermarks(), DeclaredMetadata()) if arguments["foreign"] else ()
    evidence = examine(subject, [credentials, *foreign])
    keys = secrets.get(_SECRET, "")
    # What is looked at in an upload must not be known beforehand to whoever made it. Of our own file it is always the
    # same, so that the answer is.
    lot = random.SystemRandom() if arguments["foreign"] else random.Random(0)  # noqa: S311 - the latter is no secret
    most = _UPLOAD if arguments["foreign"] else _OURS
    lasts = 0.0 if arguments["foreign"] else media.info.duration
    codecs = _codecs(arguments["codec"], arguments["weights"]) if keys else []
    reading, algorithm, fingerprint = None, ALGORITHM, None
    if pictures:
        part = Part.from_json(arguments["part"])
        reading, algorithm, fingerprint = _look(media, part, keys, codecs, most, lot, lasts)
    report = credentials.last_report
    return {
        "info": media.info.to_json(),
        "credentials": None if report is None else report.model_dump(mode="json"),
        "reading": None if reading is None else reading.to_json(),
        "mark_algorithm": algorithm,
        "fingerprint": None if fingerprint is None else fingerprint.to_json(),
        "evidence": [item.model_dump(mode="json") for item in evidence],
    }


def _codecs(name: str, weights: str | None) -> list[Codec]:
    """What our files may be marked with: what marks them now, and the lattice."""
    chosen = codec(name, None if weights is None else Path(weights))
    return [chosen] if name == DEFAULT_CODEC else [chosen, codec()]


def _look(
    media: VideoFile,
    part: Part,
    keys: str,
    codecs: Sequence[Codec],
    most: tuple[int, int],
    lot: random.Random,
    lasts: float,
) -> tuple[Reading | None, str, Fingerprint]:
    """Watermark, its algorithm and fingerprint, from one pass over the pictures and from different ones of them.

    Args:
        lasts: how long the clip is, in seconds, where that can be believed; 0 otherwise.
    """
    apart = [max(FIRST_STRETCH, lasts / (_SHARE * number)) for number in most]
    parsed = [
        MarkKey(name, bytes.fromhex(secret))
        for name, _, secret in (k.partition(":") for k in keys.split(","))
        if name
    ]
    taker = fingerprints.Taker(lot, most=most[1], stretch=apart[1])
    size = media.info.width, media.info.height
    top, bottom, left, right = part.box(*size)
    readable = parsed and min(bottom - top, right - left) >= MIN_SIDE
    looks = [of.look(most[0], lot, stretch=apart[0]) for of in codecs] if readable else []
    viewers: list[Viewer] = [taker, *looks]
    shown = [Within(viewer, part, *size) for viewer in viewers]
    media.show(*shown, stretch=part.stretch)
    shown[0].check()
    if not looks:
        return None, ALGORITHM, taker.fingerprint()
    readings = [(look.read(parsed), of.algorithm) for look, of in zip(looks, codecs, strict=True)]
    told = ("read", "unreadable", "absent")
    reading, algorithm = min(readings, key=lambda pair: told.index(pair[0].status))
    return reading, algorithm, taker.fingerprint()
