"""Media that tests make for themselves: moving textured scenes, with sound or without, and small pictures."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Frames = NDArray[np.uint8]


def texture(height: int, width: int, seed: int) -> NDArray[np.float32]:
    """Natural-looking colour noise (energy falls with frequency), shape (height, width, 3), range 0 to 1."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width, 3), np.float32)
    for octave in range(1, 7):
        cells = 2**octave
        grid = rng.random((cells, cells * 2, 3)).astype(np.float32)
        tile = Image.fromarray((grid * 255).astype(np.uint8)).resize(
            (width, height), Image.Resampling.BICUBIC
        )
        total += np.asarray(tile, np.float32) / 255 * 1.7**-octave
    total += rng.normal(0, 0.008, total.shape).astype(np.float32)
    low, high = np.quantile(total[::8, ::8], (0.01, 0.99))
    return np.clip((total - low) / (high - low), 0, 1)


def scene(width: int, height: int, frames: int, seed: int = 0) -> Iterator[Frames]:
    """A camera moves over textured ground and two things cross it; one (height, width, 3) at a time."""
    rng = np.random.default_rng(seed)
    margin = 2 * frames + 2
    ground = (texture(height + margin, width + margin, seed) * 235 + 8).astype(np.uint8)
    things = []
    for index in range(2):
        size = int(height * rng.uniform(0.2, 0.35))
        patch = (texture(size, size, seed * 7 + 100 + index) * 200 + rng.integers(0, 55, 3)).astype(np.uint8)
        rows, columns = np.mgrid[:size, :size]
        disc = (rows - size / 2) ** 2 + (columns - size / 2) ** 2 < (size / 2) ** 2
        start = rng.uniform(0, 1, 2) * (height - size, width - size)
        things.append((patch, disc[..., None], start, rng.uniform(-2.5, 2.5, 2)))
    for number in range(frames):
        picture = ground[number : number + height, 2 * number : 2 * number + width].copy()
        for patch, disc, start, step in things:
            size = len(patch)
            row, column = np.clip(start + number * step, 0, (height - size, width - size)).astype(int)
            place = picture[row : row + size, column : column + size]
            place[:] = np.where(disc, patch, place)
        yield picture


def write_clip(
    path: Path,
    pictures: Sequence[Frames] | Iterator[Frames],
    *,
    fps: Fraction | int = 24,
    sound: str | None = None,
    crf: int = 16,
    options: dict[str, str] | None = None,
    codec: str = "libx264",
    seconds: float = 2.0,
) -> Path:
    """Encode pictures with PyAV alone, so that the code under test has no part in it.

    Args:
        sound: ``aac``, ``pcm_s16le`` or another encoder for a 440 Hz tone of `seconds`; None for silence.
    """
    with av.open(str(path), "w") as output:
        stream = None
        track = output.add_stream(sound, rate=48000) if sound else None
        for picture in pictures:
            if stream is None:
                chosen = {"crf": str(crf), "preset": "veryfast"} if codec == "libx264" else {}
                stream = output.add_stream(codec, rate=fps, options={**chosen, **(options or {})})
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.codec_context.thread_count = 1
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        if stream is not None:
            output.mux(stream.encode())
        if track is not None:
            for frame in tone(seconds):
                output.mux(track.encode(frame))
            output.mux(track.encode())
    return path


def write_taken_for_mxf(clip: Path, path: Path, pictures: Sequence[Frames]) -> Path:
    """A copy of an MP4 that FFmpeg, left to itself, takes for an MXF file of other pictures.

    The first box names a brand that scores little. A box after it begins like an MXF file, whose first part seems
    to reach to the last box, where the film lies. No C2PA hash covers such boxes.
    """
    film = path.with_suffix(".mxf")
    with av.open(str(film), "w") as output:
        stream = output.add_stream("mpeg2video", rate=25, options={"b": "2000000"})
        stream.height, stream.width, stream.pix_fmt = *pictures[0].shape[:2], "yuv420p"
        for picture in pictures:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode())
    body = bytearray(film.read_bytes())
    film.unlink()
    data = bytearray(clip.read_bytes())
    first, room = int.from_bytes(data[:4]), 4096
    table = data.find(b"stco") + 8
    for place in range(table + 4, table + 4 + 4 * int.from_bytes(data[table : table + 4]), 4):
        data[place : place + 4] = (int.from_bytes(data[place : place + 4]) + room).to_bytes(4)
    pack = first + 8
    end = len(data) + room + 8
    fields = bytearray(body[20:124])
    fields[8:48] = bytes(40)
    head = body[:16] + b"\x83" + (end - pack - 20).to_bytes(3) + fields
    data[8:12] = b"jp2 "
    data[first:first] = struct.pack(">I4s", room, b"free") + head.ljust(room - 8, b"\0")
    index = body.find(bytes.fromhex("060e2b34020501010d01020101110100"))
    del body[index if index > 0 else len(body) :]
    key, place = bytes.fromhex("060e2b34020501010d010201"), -1
    while (place := body.find(key, place + 1)) >= 0:
        if body[place + 12] == 1 and body[place + 13] in (2, 3, 4):
            start = place + 17 + (body[place + 16] & 127 if body[place + 16] & 128 else 0)
            body[start + 8 : start + 32] = (end + place - pack).to_bytes(8) + bytes(16)
    path.write_bytes(bytes(data) + struct.pack(">I4s", 8 + len(body), b"free") + body)
    return path


def tone(seconds: float, rate: int = 48000) -> Iterator[av.AudioFrame]:
    """A 440 Hz sine as stereo frames of 1024 samples."""
    for start in range(0, int(seconds * rate), 1024):
        times = (start + np.arange(1024)) / rate
        wave = (np.sin(2 * np.pi * 440 * times) * 12000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.repeat(wave, 2)[None], format="s16", layout="stereo")
        frame.sample_rate, frame.pts = rate, start
        yield frame


def zero_png(path: Path, width: int, height: int) -> Path:
    """A valid PNG of nothing but zeros: huge in pixels, small in bytes, and made in no time.

    One compressed block of zeros is repeated, since the checksum of zeros is known: with a first sum that
    stays 1 the second one counts the bytes (RFC 1950, Adler-32).
    """
    total = height * (1 + 3 * width)
    size = 2**20
    squeeze = zlib.compressobj(9, wbits=-15)
    block = squeeze.compress(bytes(size)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    last = zlib.compressobj(9, wbits=-15)
    rest = last.compress(bytes(total % size)) + last.flush()
    adler = (total % 65521) << 16 | 1
    data = b"\x78\xda" + block * (total // size) + rest + struct.pack(">I", adler)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for kind, body in ((b"IHDR", header), (b"IDAT", data), (b"IEND", b"")):
            file.write(
                struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
            )
    return path


def psnr(first: Frames, second: Frames) -> float:
    """Peak signal-to-noise ratio in dB."""
    error = np.mean((first.astype(np.float32) - second.astype(np.float32)) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))
