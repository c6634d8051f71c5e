"""Streaming frames out of files, in bounded memory whatever the length."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import av
import numpy as np
import numpy.typing as npt
from av.video.frame import PictureType

from guard.media import stills
from guard.media.boxes import is_picture, is_truncated
from guard.media.colour import to_rgb
from guard.media.containers import DEMUXERS, demuxer
from guard.media.errors import MediaError
from guard.media.info import Chunk, ClipInfo, Frames, ReadLimits, chunk_length
from guard.media.parts import Stretch
from guard.media.selection import FIRST_STRETCH, Viewer

_THREADS = 2
_LAST_PICTURE = 0.04
"""Seconds for which the last picture counts."""
_TYPES = {int(PictureType.I): "I", int(PictureType.P): "P", int(PictureType.B): "B"}
_NOT_MEDIA = (
    "The file is no clip, picture or sound that can be read; send MP4, MOV, MKV, WebM, PNG, JPEG or WebP."
)

_T = TypeVar("_T")

logging.getLogger("libav").setLevel(logging.CRITICAL)  # its messages quote file contents


def probe(path: str | Path, *, limits: ReadLimits | None = None) -> ClipInfo:
    """What a file is, after decoding its first picture.

    Raises:
        MediaError: ``media_missing``, ``media_empty``, ``media_unreadable``, ``media_truncated``,
            ``media_no_video``, ``media_too_large`` or ``media_bomb``.
    """
    return VideoFile(path, limits=limits).info


class VideoFile:
    """A file as a stream of RGB pictures: a clip, a still picture (one frame), or sound alone (none).

    Pixels are taken as square. Each call of `chunks` opens the file anew, so a source can be read many times.

    Args:
        path: local file.
        limits: what counts as too much; the default suits uploads.

    Raises:
        MediaError: as `probe`.
    """

    def __init__(self, path: str | Path, *, limits: ReadLimits | None = None) -> None:
        self.path = Path(path)
        self.limits = limits or ReadLimits()
        self.damaged_packets = 0
        """Packets that could not be decoded in the latest `chunks`; their pictures are missing."""
        try:
            size = self.path.stat().st_size
        except OSError as error:
            raise MediaError("media_missing", "The file does not exist or may not be read.") from error
        if not self.path.is_file():
            raise MediaError("media_unreadable", "The path is not a regular file.")
        if size == 0:
            raise MediaError("media_empty", "The file is empty; send the complete original.")
        self.is_still = stills.is_still(self.path)
        self.info = stills.describe(self.path, self.limits) if self.is_still else self._describe()

    def chunks(self, *, every: int = 1, span: tuple[float, float] | None = None) -> Iterator[Chunk]:
        """Pictures in order of presentation, at most 32 (and about 24 MiB) at a time.

        Args:
            every: keep each `every`-th picture, counted from the first one of the clip or of `span`.
            span: seconds from the start of the clip, end excluded; None for all.

        Raises:
            MediaError: ``media_bomb`` past the limits, ``media_no_video``, ``media_unreadable``.
        """
        if every < 1:
            raise ValueError("every must be at least 1")
        self.damaged_packets = 0
        if self.info.kind == "audio":
            return
        if self.is_still:
            if span is None or span[0] <= 0.0 < span[1]:
                yield Chunk(np.zeros(1), ("I",), stills.decode(self.path, self.limits))
            return
        yield from self._collect(every, span)

    def show(self, *viewers: Viewer, stretch: Stretch | None = None) -> None:
        """Show the clip to viewers, each picture for as long as a player would; only what one wants is converted.

        Args:
            viewers: who looks.
            stretch: what comes after it is not even decoded; None for nothing. What comes before is: where a picture
                lies, a file's index may say otherwise than its playing shows.

        Raises:
            MediaError: as `chunks`.
        """
        self.damaged_packets = 0
        if self.info.kind == "audio":
            return
        if self.is_still:
            picture = stills.decode(self.path, self.limits)[0]
            for viewer in viewers:
                if viewer.wants(FIRST_STRETCH):
                    viewer.see(FIRST_STRETCH, picture)
            return
        with open_container(self.path) as container:
            for number, (end, frame) in enumerate(_until(self._frames(container))):
                wanting = [viewer for viewer in viewers if viewer.wants(end)]
                if wanting:
                    picture = self._converted(frame)
                    for viewer in wanting:
                        viewer.see(end, picture)
                if stretch is not None and stretch.over(number, end):
                    return

    def _converted(self, frame: av.VideoFrame) -> Frames:
        picture = _guarded(partial(to_rgb, frame))
        if picture.shape != (self.info.height, self.info.width, 3):
            raise MediaError("media_unreadable", "The picture size changes within the clip; re-encode it.")
        return picture

    def _collect(self, every: int, span: tuple[float, float] | None) -> Iterator[Chunk]:
        length = chunk_length(self.info.width, self.info.height)
        times: list[float] = []
        types: list[str] = []
        frames: np.ndarray[Any, np.dtype[np.uint8]] | None = None
        with open_container(self.path) as container:
            for index, (time, frame) in enumerate(self._frames(container, span)):
                if index % every:
                    continue
                if frames is None:
                    frames = np.empty((length, self.info.height, self.info.width, 3), np.uint8)
                frames[len(times)] = self._converted(frame)
                times.append(time)
                types.append(_TYPES.get(int(frame.pict_type), "?"))
                if len(times) == length:
                    yield Chunk(np.array(times), tuple(types), frames)
                    times, types, frames = [], [], None
        if frames is not None:
            yield Chunk(np.array(times), tuple(types), frames[: len(times)])

    def _frames(
        self, container: Any, span: tuple[float, float] | None = None
    ) -> Iterator[tuple[float, av.VideoFrame]]:
        """Decoded pictures with their times, within the limits; damaged packets are counted, not fatal."""
        stream = _pictures_of(container)
        stream.codec_context.thread_type = "AUTO"
        stream.codec_context.thread_count = _THREADS
        base = float(stream.time_base or 0)
        first = stream.start_time or 0
        rate = float(stream.average_rate or 25)
        start, end = span if span is not None else (0.0, float("inf"))
        if start > 0.0 and stream.time_base:
            _guarded(lambda: container.seek(first + int(start / base), stream=stream))
        decoded = 0
        pixels = 0
        time = -1.0 / rate
        for frame in self._decode(container, stream):
            if frame.pts is None:
                time += 1.0 / rate
            else:
                time = _regular((frame.pts - first) * base, base, rate)
            decoded += 1
            pixels += frame.width * frame.height
            self._check(frame.width * frame.height, decoded, pixels, time)
            if time >= end:
                return
            if time >= start:
                yield time, frame
        if decoded == 0 and span is None:
            code = "media_unreadable" if self.damaged_packets else "media_no_video"
            raise MediaError(code, "The file holds no picture that can be decoded.")

    def _decode(self, container: Any, stream: Any) -> Iterator[av.VideoFrame]:
        packets = container.demux(stream)
        while True:
            packet = _guarded(lambda: next(packets, None))
            if packet is None:
                return
            try:
                yield from packet.decode()
            except av.error.InvalidDataError:
                self.damaged_packets += 1
            except MemoryError:
                raise
            except av.error.FFmpegError as error:
                raise _unreadable() from error

    def _check(self, size: int, decoded: int, pixels: int, time: float) -> None:
        limits = self.limits
        if (
            size > limits.pixels
            or decoded > limits.frames
            or pixels * 3 > limits.decoded_bytes
            or time > limits.seconds
        ):
            raise MediaError(
                "media_bomb",
                f"More than what is decoded: {limits.pixels} pixels a picture, {limits.frames} pictures, "
                f"{limits.seconds:.0f} s; send less.",
            )

    def _describe(self) -> ClipInfo:
        if is_truncated(self.path):
            raise MediaError(
                "media_truncated",
                "The file does not end where its last box ends: a part is missing, or something was appended that "
                "is no box. Send the original.",
            )
        with open_container(self.path) as container:
            sound = any(True for _ in container.streams.audio)
            duration = (container.duration or 0) / av.time_base
            name = container.format.name
            stream = next((s for s in container.streams.video if not _is_cover(s)), None)
            if len(container.streams.video) > 1 and is_picture(self.path):
                # Tiles, a smaller copy, transparency: the first one need not be what a viewer shows.
                raise MediaError(
                    "media_unreadable", "The picture is made of several; convert it to PNG or JPEG."
                )
            if stream is None:
                if not sound:
                    raise MediaError("media_no_video", "The file holds neither pictures nor sound.")
                codec = container.streams.audio[0].codec_context.name
                return ClipInfo(0, 0, Fraction(0), 0, duration, codec, name, audio=True, kind="audio")
            if stream.codec_context is None:
                raise MediaError(
                    "media_unreadable", "No decoder for the file's pictures; convert it to MP4 (H.264)."
                )
            self._check(stream.width * stream.height, 0, 0, 0.0)
            if stream.duration is not None and stream.time_base is not None:
                duration = float(stream.duration * stream.time_base)
            if duration > self.limits.seconds:
                raise MediaError("media_too_large", f"The clip is longer than {self.limits.seconds:.0f} s.")
            fps = Fraction(stream.average_rate or stream.guessed_rate or 25)
            frames, codec = stream.frames or None, stream.codec_context.name
            info = ClipInfo(0, 0, fps, frames, duration, codec, name, audio=sound, kind="video")
            _, frame = next(self._frames(container))
            upright = round(frame.rotation / 90) % 2 == 0
            width, height = (frame.width, frame.height) if upright else (frame.height, frame.width)
        return replace(info, width=width, height=height)


def _until(pictures: Iterator[tuple[float, av.VideoFrame]]) -> Iterator[tuple[float, av.VideoFrame]]:
    """Each picture with the time at which the next one takes its place, in seconds from the first picture.

    What stands in the file about how long the last one lasts is not believed: it could outlast the clip.
    """
    held, first, end = None, 0.0, 0.0
    for time, frame in pictures:
        if held is None:
            first = time
        else:
            end = max(end, time - first)
            yield end, held
        held = frame
    if held is not None:
        yield end + _LAST_PICTURE, held


def _regular(time: float, base: float, rate: float) -> float:
    """Undo a coarse clock's rounding (Matroska counts milliseconds) where pictures come at a fixed rate."""
    exact = round(time * rate) / rate
    return exact if abs(exact - time) <= base else time


def open_container(path: Path) -> Any:
    """The file as PyAV's container, read as what its first bytes say and as nothing else.

    Raises:
        MediaError: ``media_unreadable``.
    """
    kind = _guarded(partial(demuxer, path))
    if kind is None:
        raise MediaError("media_unreadable", _NOT_MEDIA)
    return _open(path, kind, format_whitelist=kind)


def packet_extents(path: Path) -> npt.NDArray[np.int64]:
    """Where in the file everything lies that the demuxer would hand to a decoder.

    Returns:
        (n, 2): first byte in the file, -1 where the demuxer does not say; bytes.

    Raises:
        MediaError: ``media_ambiguous`` if FFmpeg, left to itself as in many players, would read the file as something
            else than we do; ``media_unreadable``.
    """
    # Opening would decode the first pictures, to learn of the streams what is not asked for here.
    with _open(path, None, format_whitelist=DEMUXERS, codec_whitelist="none") as container:
        if _guarded(partial(demuxer, path)) not in container.format.name.split(","):
            raise MediaError("media_ambiguous", "Players take the file for different things; re-encode it.")
        packets = ((p.pos, p.size) for p in container.demux() if p.size)
        numbers = (-1 if number is None else number for pair in packets for number in pair)
        return _guarded(lambda: np.fromiter(numbers, dtype=np.int64)).reshape(-1, 2)


def _open(path: Path, kind: str | None, **lists: str) -> Any:
    options = {"protocol_whitelist": "file", **lists}
    return _guarded(lambda: av.open(str(path), "r", kind, options=options, metadata_errors="replace"))


def _pictures_of(container: Any) -> Any:
    return next(stream for stream in container.streams.video if not _is_cover(stream))


def _is_cover(stream: Any) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _guarded(action: Callable[[], _T]) -> _T:
    try:
        return action()
    except MemoryError:
        raise
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise _unreadable() from error


def _unreadable() -> MediaError:
    return MediaError("media_unreadable", _NOT_MEDIA)
