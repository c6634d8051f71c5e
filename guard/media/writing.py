"""Writing clips: lossless for what must stay exact, H.264 in MP4 for what is released."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np

from guard.media.colour import from_rgb
from guard.media.errors import MediaError
from guard.media.files import whole
from guard.media.info import Chunk, ClipInfo, Frames, FrameSource
from guard.media.reading import VideoFile, open_container, probe
from guard.media.sound import Samples, SampleTrack, SoundTrack

Progress = Callable[[float], None]
Encoder = Literal["libx264", "libsvtav1", "h264_nvenc", "h264_vaapi"]

_BITEXACT = int(av.codec.context.Flags.bitexact)
_MP4 = {"fflags": "+bitexact", "movflags": "+faststart"}
_BT709, _LIMITED = 1, 1
_PRESETS = {"libx264": "veryfast", "libsvtav1": "8", "h264_nvenc": "p4"}
# Ut Video: exact RGB at 7 ms to write and 5 ms to read a 720p picture on one core, where FFV1 takes 37 and 44
# and makes files only a tenth smaller (measured on textured pictures). Matroska cannot hold it; AVI can, with
# exact rates and the number of frames.
_LOSSLESS = ("utvideo", "gbrp", {"pred": "left"})


def write_lossless(
    path: str | Path,
    chunks: Iterable[Chunk | Frames],
    *,
    width: int,
    height: int,
    fps: Fraction | int,
    frames: int | None = None,
    sound: Callable[[], Samples | None] = lambda: None,
    progress: Progress | None = None,
) -> ClipInfo:
    """Write pictures so that reading them back gives the same bytes (Ut Video in AVI, mode 0600), and sound likewise.

    Args:
        path: replaced atomically.
        chunks: `Chunk`s or arrays of shape (n, height, width, 3), uint8 RGB; times are ignored, the rate is
            `fps`.
        width: pixels.
        height: pixels.
        fps: frames per second.
        frames: how many will come, for `progress` only.
        sound: what sounds with them, or None; asked once the first chunk is there.
        progress: called with the fraction done, 0 to 1.

    Raises:
        MediaError: ``media_write_failed``, ``media_size_unsupported``.
    """
    target = Path(path)
    rate = Fraction(fps)
    with whole(target) as draft:
        with av.open(str(draft), "w", format="avi", container_options={"fflags": "+bitexact"}) as output:
            codec, pixel_format, options = _LOSSLESS
            stream: Any = output.add_stream(codec, rate=rate, options=options)
            _shape(stream, width, height, pixel_format)
            stream.codec_context.time_base = 1 / rate
            count = 0
            track: SampleTrack | None = None
            for chunk in chunks:
                if count == 0 and (samples := sound()) is not None:
                    track = SampleTrack(samples, output)
                for picture in _pictures(chunk, width, height):
                    frame = from_rgb(picture, pixel_format)
                    frame.pts, frame.time_base = count, 1 / rate
                    output.mux(stream.encode(frame))
                    count += 1
                    if track is not None:
                        output.mux(list(track.until(float(count / rate))))
                if progress is not None and frames:
                    progress(min(1.0, count / frames))
            output.mux(stream.encode())
            if track is not None:
                output.mux(list(track.until(math.inf)))
        _need_pictures(count)
        info = probe(draft)
    if progress is not None:
        progress(1.0)
    return info


def encode(
    source: FrameSource,
    out: str | Path,
    *,
    transform: Callable[[Frames], Frames] | None = None,
    encoder: Encoder = "libx264",
    crf: int = 18,
    preset: str | None = None,
    threads: int = 2,
    audio_from: str | Path | None = None,
    progress: Progress | None = None,
) -> ClipInfo:
    """Encode a source in one streaming pass to MP4: 4:2:0, BT.709, index first, mode 0600.

    The same source and settings give the same bytes; `threads` is one of the settings, which is why it does
    not follow the machine. Sound is copied from `audio_from` where MP4 can hold it, else encoded to AAC.

    Args:
        source: pictures and their times; width and height must be even.
        out: replaced atomically.
        transform: applied to each chunk's frames, (n, height, width, 3) uint8 to the same shape; None to
            leave them.
        encoder: libavcodec's encoder.
        crf: constant quality; lower is better and larger.
        preset: the encoder's speed setting; None for veryfast or its like.
        threads: encoder threads.
        audio_from: file whose first sound track goes along.
        progress: called with the fraction done, 0 to 1.

    Raises:
        MediaError: ``media_write_failed``, ``media_size_unsupported``, ``media_encoder_missing``, and what
            reading the source raises; ``media_truncated`` if pictures of the source could not be decoded.
    """
    info = source.info
    if info.width % 2 or info.height % 2 or info.width < 16 or info.height < 16:
        raise MediaError("media_size_unsupported", "Width and height must be even and at least 16 pixels.")
    rate = info.fps or Fraction(25)
    ticks = rate.numerator * math.ceil(90_000 / rate.numerator)
    with whole(Path(out)) as draft:
        with av.open(str(draft), "w", format="mp4", container_options=_MP4) as output:
            stream = _add_pictures(output, encoder, rate, crf, preset, threads, info)
            stream.codec_context.time_base = Fraction(1, ticks)
            sound = SoundTrack(Path(audio_from), output) if audio_from is not None else None
            try:
                _stream(source, transform, output, stream, sound, ticks, progress)
            finally:
                if sound is not None:
                    sound.close()
        if isinstance(source, VideoFile) and source.damaged_packets:
            raise MediaError("media_truncated", "Some pictures of the source could not be decoded.")
        written = probe(draft)
    if progress is not None:
        progress(1.0)
    return written


def strip_metadata(path: str | Path, out: str | Path) -> ClipInfo:
    """Copy pictures and sound of a clip, unchanged, into a new MP4 without anything else.

    Credentials, tags, chapters and other tracks are left behind, as they are when platforms re-mux uploads.

    Raises:
        MediaError: ``media_codec_unsupported`` where MP4 cannot hold the streams, ``media_write_failed``, and what
            `probe` raises.
    """
    if probe(path).kind != "video":
        raise MediaError("media_no_video", "Only clips can be copied without metadata.")
    with whole(Path(out)) as draft:
        with (
            open_container(Path(path)) as source,
            av.open(str(draft), "w", format="mp4", container_options=_MP4) as output,
        ):
            kept = [*source.streams.video[:1], *source.streams.audio[:1]]
            targets = {stream.index: _copied(output, stream) for stream in kept}
            for packet in _timed(packet for packet in source.demux(kept) if packet.size):
                packet.stream = targets[packet.stream.index]
                output.mux(packet)
        return probe(draft)


def _timed(packets: Iterable[Any]) -> Iterator[Any]:
    """Packets with a decoding time each: Matroska stores none, and its reader knows none of the first pictures'."""
    waiting: dict[int, list[Any]] = {}
    for packet in packets:
        held = waiting.setdefault(packet.stream.index, [])
        if packet.dts is None:
            held.append(packet)
            continue
        step = packet.duration or 1
        for before, earlier in enumerate(reversed(held), start=1):
            earlier.dts = packet.dts - before * step
        yield from held
        held.clear()
        yield packet
    for held in waiting.values():  # shorter than the reader's look ahead
        shown = sorted(packet.pts for packet in held)
        late = max((time - packet.pts for time, packet in zip(shown, held, strict=True)), default=0)
        for time, packet in zip(shown, held, strict=True):
            packet.dts = time - late
        yield from held


def _copied(output: Any, stream: Any) -> Any:
    """A track for the same coded pictures or sound."""
    try:
        return output.add_stream_from_template(stream, opaque=True)
    except ValueError:
        raise MediaError(
            "media_codec_unsupported",
            f"MP4 does not hold {stream.codec_context.name}: encode the file anew, for example with H.264 and AAC.",
        ) from None


def _stream(
    source: FrameSource,
    transform: Callable[[Frames], Frames] | None,
    output: Any,
    stream: Any,
    sound: SoundTrack | None,
    ticks: int,
    progress: Progress | None,
) -> None:
    """Pictures and sound into the container, side by side in time."""
    info = source.info
    last = -1
    for chunk in source.chunks():
        pictures = chunk.frames if transform is None else transform(chunk.frames)
        for picture, time in zip(_pictures(pictures, info.width, info.height), chunk.times, strict=True):
            frame = from_rgb(picture, "yuv420p")
            last = max(last + 1, round(float(time) * ticks))
            frame.pts, frame.time_base = last, Fraction(1, ticks)
            output.mux(stream.encode(frame))
            if sound is not None:
                output.mux(list(sound.until(float(time))))
        if progress is not None and info.duration > 0:
            progress(min(1.0, float(chunk.times[-1]) / info.duration))
    _need_pictures(last + 1)
    output.mux(stream.encode())
    if sound is not None:
        output.mux(list(sound.until(math.inf)))


def _add_pictures(
    output: Any, encoder: str, rate: Fraction, crf: int, preset: str | None, threads: int, info: ClipInfo
) -> Any:
    quality = {"h264_nvenc": "cq", "h264_vaapi": "qp"}.get(encoder, "crf")
    options = {quality: str(crf)}
    if encoder == "libx264" and _has_avx512():
        options["x264-params"] = "asm=AVX2"
    if preset or encoder in _PRESETS:
        options["preset"] = preset or _PRESETS[encoder]
    try:
        stream = output.add_stream(encoder, rate=rate, options=options)
    except (ValueError, av.error.FFmpegError) as error:
        raise MediaError(
            "media_encoder_missing", f"The encoder {encoder} is not available; use libx264."
        ) from error
    _shape(stream, info.width, info.height, "yuv420p")
    context = stream.codec_context
    context.thread_count = threads
    context.color_range = _LIMITED
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    return stream


@cache
def _has_avx512() -> bool:
    """Whether x264 would use its AVX-512 code, whose macroblock-tree step reads uninitialised memory.

    The bytes then differ from run to run (seen with MALLOC_PERTURB_, small pictures). Its AVX2 code does not.
    """
    try:
        return " avx512f " in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False


def _shape(stream: Any, width: int, height: int, pixel_format: str) -> None:
    stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
    stream.codec_context.flags |= _BITEXACT


def _pictures(chunk: Chunk | Frames, width: int, height: int) -> Frames:
    frames = chunk.frames if isinstance(chunk, Chunk) else chunk
    if frames.ndim != 4 or frames.shape[1:] != (height, width, 3) or frames.dtype != np.uint8:
        raise MediaError(
            "media_size_unsupported",
            f"Expected uint8 pictures of shape (n, {height}, {width}, 3), got {frames.shape}.",
        )
    return frames


def _need_pictures(count: int) -> None:
    if count <= 0:
        raise MediaError("media_no_video", "The source yielded no pictures.")
