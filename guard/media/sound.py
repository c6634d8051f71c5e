"""Sound that travels with new pictures: samples kept exactly, tracks copied where MP4 can hold them, else AAC."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np
from numpy.typing import NDArray

from guard.media.reading import open_container

_COPIED = {"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"}
_AAC_RATES = {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000}
_SPEECH_RATE = 16_000


_BLOCK = 1024


class Samples(Protocol):
    """Sound as numbers: (n, channels) float32 from -1 to 1, one channel or two, at `rate` Hz."""

    @property
    def samples(self) -> NDArray[np.float32]:
        """The numbers."""
        ...

    @property
    def rate(self) -> int:
        """Samples per second."""
        ...


def speech(path: Path) -> bytes | None:
    """The sound of one of our own files as recognisers of speech take it: a WAV file, 16 kHz, mono, 16 bits.

    Returns:
        None if there is no sound.
    """
    target = io.BytesIO()
    with open_container(path) as container:
        source: Any = next(iter(container.streams.audio), None)
        if source is None:
            return None
        resampler = av.AudioResampler("s16", "mono", _SPEECH_RATE)
        with wave.open(target, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(_SPEECH_RATE)
            for decoded in container.decode(source):
                for frame in resampler.resample(decoded):
                    file.writeframes(frame.to_ndarray().tobytes())
            for frame in resampler.resample(None):
                file.writeframes(frame.to_ndarray().tobytes())
    return target.getvalue()


class SampleTrack:
    """Samples as packets for a container, exact: 32-bit floating point.

    Add it to the output before the first packet is muxed, then call `until` between pictures.
    """

    def __init__(self, sound: Samples, output: Any) -> None:
        self._sound, self._next = sound, 0
        self._layout = "mono" if sound.samples.shape[1] == 1 else "stereo"
        self._target = output.add_stream("pcm_f32le", rate=sound.rate)
        self._target.codec_context.layout = self._layout
        self._target.codec_context.flags |= int(av.codec.context.Flags.bitexact)

    def until(self, seconds: float) -> Iterator[Any]:
        """Packets that begin before `seconds` and were not yet yielded."""
        samples, rate = self._sound.samples, self._sound.rate
        while self._next < len(samples) and self._next < seconds * rate:
            block = np.ascontiguousarray(samples[self._next : self._next + _BLOCK], np.float32)
            frame = av.AudioFrame.from_ndarray(block.reshape(1, -1), format="flt", layout=self._layout)
            frame.sample_rate, frame.pts = rate, self._next
            self._next += len(block)
            yield from self._target.encode(frame)


class SoundTrack:
    """The first sound stream of a file, as packets for another container.

    Add it to the output before the first packet is muxed, then call `until` between pictures so that the
    output is interleaved and nothing piles up in memory. Times are shifted so that the source's first picture
    is at zero.
    """

    def __init__(self, path: Path, output: Any) -> None:
        self._input: Any = open_container(path)
        self._source = next(iter(self._input.streams.audio), None)
        self._shift = 0.0
        self._packets: Iterator[tuple[float, Any]] = iter(())
        self._held: tuple[float, Any] | None = None
        if self._source is None:
            return
        pictures = next(iter(self._input.streams.video), None)
        if pictures is not None and pictures.start_time is not None and pictures.time_base is not None:
            self._shift = float(pictures.start_time * pictures.time_base)
        if self._source.codec_context.name in _COPIED:
            self._target = output.add_stream_from_template(self._source, opaque=True)
            self._packets = self._copied()
        else:
            rate = self._source.codec_context.sample_rate
            self._target = output.add_stream("aac", rate=rate if rate in _AAC_RATES else 48000)
            mono = self._source.codec_context.channels == 1
            self._target.codec_context.layout = "mono" if mono else "stereo"
            self._target.codec_context.bit_rate = 160_000
            self._target.codec_context.flags |= int(av.codec.context.Flags.bitexact)
            self._packets = self._encoded()

    def until(self, seconds: float) -> Iterator[Any]:
        """Packets that begin before `seconds` and were not yet yielded."""
        while True:
            if self._held is None:
                self._held = next(self._packets, None)
            if self._held is None or self._held[0] >= seconds:
                return
            packet = self._held[1]
            self._held = None
            yield packet

    def close(self) -> None:
        """Close the source file."""
        self._input.close()

    def _copied(self) -> Iterator[tuple[float, Any]]:
        for packet in self._input.demux(self._source):
            if packet.dts is None or packet.pts is None:
                continue
            shift = round(self._shift / packet.time_base)
            packet.pts -= shift
            packet.dts -= shift
            packet.stream = self._target
            yield float(packet.dts * packet.time_base), packet

    def _encoded(self) -> Iterator[tuple[float, Any]]:
        context = self._target.codec_context
        resampler = av.AudioResampler("fltp", context.layout, context.sample_rate, frame_size=1024)
        for frame in self._input.decode(self._source):
            if frame.pts is not None:
                frame.pts -= round(self._shift / frame.time_base)
            yield from self._compressed(resampler.resample(frame))
        yield from self._compressed([*resampler.resample(None), None])

    def _compressed(self, frames: list[Any]) -> Iterator[tuple[float, Any]]:
        for frame in frames:
            for packet in self._target.encode(frame):
                yield float(packet.dts * packet.time_base), packet
