"""Reading clips, pictures and sound."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from guard.media import ClipInfo, MediaError, ReadLimits, VideoFile, probe, strip_metadata
from guard.media.info import chunk_length
from tests import media


def test_a_clip_is_described(clip_360: Path, clip_with_sound: Path) -> None:
    info = probe(clip_360)
    assert (info.width, info.height, info.fps, info.frames) == (640, 360, Fraction(24), 48)
    assert (info.codec, info.audio, info.kind) == ("h264", False, "video")
    assert info.duration == pytest.approx(2.0)
    assert probe(clip_with_sound).audio
    assert ClipInfo.from_json(info.to_json()) == info


def test_frames_come_back_in_small_chunks(clip_360: Path, pictures_360: np.ndarray) -> None:
    chunks = list(VideoFile(clip_360).chunks())
    assert [len(chunk.frames) for chunk in chunks] == [32, 16]
    assert np.concatenate([chunk.times for chunk in chunks]) == pytest.approx(np.arange(48) / 24)
    assert chunks[0].picture_types[0] == "I"
    assert {"P", "B"} <= set(chunks[0].picture_types)
    frames = np.concatenate([chunk.frames for chunk in chunks])
    assert frames.dtype == np.uint8
    assert media.psnr(frames, pictures_360) > 33
    assert abs(np.mean(frames.astype(float) - pictures_360)) < 0.7


def test_chunks_shrink_for_large_pictures() -> None:
    assert chunk_length(640, 360) == 32
    assert 1 <= chunk_length(1920, 1080) < 32
    assert chunk_length(8192, 8192) == 1


def test_every_and_span_choose_pictures(clip_360: Path) -> None:
    source = VideoFile(clip_360)
    everything = np.concatenate([chunk.frames for chunk in source.chunks()])
    some = list(source.chunks(every=10))
    assert np.concatenate([c.times for c in some]) == pytest.approx(np.arange(0, 48, 10) / 24)
    assert np.array_equal(some[0].frames, everything[::10])
    part = list(source.chunks(every=2, span=(1.0, 1.5)))
    assert np.concatenate([c.times for c in part]) == pytest.approx(1 + np.arange(0, 12, 2) / 24)
    assert np.array_equal(part[0].frames, everything[24:36:2])
    assert list(source.chunks(span=(50.0, 60.0))) == []


def test_rotation_is_honoured(clip_360: Path, tmp_path: Path) -> None:
    turned = tmp_path / "turned.mp4"
    with av.open(str(clip_360)) as source, av.open(str(turned), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0], opaque=True)
        stream.set_display_rotation(90)
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    upright = next(VideoFile(clip_360).chunks()).frames[0]
    info = probe(turned)
    assert (info.width, info.height) == (360, 640)
    # a display rotation counts anticlockwise, as numpy.rot90 does
    assert np.array_equal(next(VideoFile(turned).chunks()).frames[0], np.rot90(upright, 1))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF"])
def test_a_picture_is_one_frame(kind: str, tmp_path: Path) -> None:
    picture = next(media.scene(320, 180, 1, seed=3))
    path = tmp_path / "still.bin"
    Image.fromarray(picture).save(path, format=kind, quality=90)
    source = VideoFile(path)
    assert (source.info.kind, source.info.width, source.info.height, source.info.frames) == (
        "image",
        320,
        180,
        1,
    )
    (chunk,) = source.chunks()
    assert chunk.frames.shape == (1, 180, 320, 3)
    assert media.psnr(chunk.frames[0], picture) > 28


def test_the_first_bytes_decide_what_a_file_is(
    clip_360: Path, pictures_360: np.ndarray, tmp_path: Path
) -> None:
    others = list(media.scene(640, 360, 4, seed=9))
    path = media.write_taken_for_mxf(clip_360, tmp_path / "two.mp4", others)
    with av.open(str(path)) as container:  # what opening it without care would do
        assert container.format.name == "mxf"
        assert media.psnr(next(container.decode(video=0)).to_ndarray(format="rgb24"), others[0]) > 25
    source = VideoFile(path)
    assert source.info.container == "mov"
    frames = np.concatenate([chunk.frames for chunk in source.chunks()])
    assert media.psnr(frames, pictures_360) > 33
    strip_metadata(path, tmp_path / "bare.mp4")
    assert media.psnr(next(VideoFile(tmp_path / "bare.mp4").chunks()).frames[0], pictures_360[0]) > 33


@pytest.mark.parametrize(
    ("name", "codec", "demuxer"),
    [
        ("clip.mov", "libx264", "mov"),
        ("clip.mkv", "libx264", "matroska"),
        ("clip.webm", "libvpx", "matroska"),
        ("clip.avi", "libx264", "avi"),
        ("clip.ts", "libx264", "mpegts"),
        ("clip.m2ts", "libx264", "mpegts"),
        ("clip.mpg", "mpeg2video", "mpeg"),
        ("clip.flv", "libx264", "flv"),
        ("clip.ogv", "libvpx", "ogg"),
        ("clip.asf", "libx264", "asf"),
        ("clip.ivf", "libvpx", "ivf"),
        ("clip.mxf", "mpeg2video", "mxf"),
        ("clip.h264", "libx264", "h264"),
        ("clip.hevc", "libx265", "hevc"),
    ],
)
def test_every_container_is_known_by_its_first_bytes(
    name: str, codec: str, demuxer: str, tmp_path: Path
) -> None:
    path = media.write_clip(tmp_path / name, media.scene(160, 96, 5), fps=25, codec=codec)
    source = VideoFile(path)
    assert source.info.container == demuxer
    assert sum(len(chunk.frames) for chunk in source.chunks()) == 5


@pytest.mark.parametrize(
    ("name", "codec", "demuxer"),
    [
        ("a.mp3", "libmp3lame", "mp3"),
        ("a.wav", "pcm_s16le", "wav"),
        ("a.flac", "flac", "flac"),
        ("a.aac", "aac", "aac"),
    ],
)
def test_sound_is_known_by_its_first_bytes(name: str, codec: str, demuxer: str, tmp_path: Path) -> None:
    path = media.write_clip(tmp_path / name, [], sound=codec, seconds=1)
    assert (probe(path).kind, probe(path).container) == ("audio", demuxer)


def test_viewers_are_shown_pictures_for_as_long_as_a_player_shows_them(clip_360: Path) -> None:
    class Everything:
        def __init__(self) -> None:
            self.ends: list[float] = []

        def wants(self, end: float) -> bool:
            return len(self.ends) < 40

        def see(self, end: float, frame: np.ndarray) -> None:
            assert frame.shape == (360, 640, 3)
            self.ends.append(end)

    seen = Everything()
    VideoFile(clip_360).show(seen)
    assert seen.ends == pytest.approx(np.arange(1, 41) / 24)


def test_a_camera_picture_is_turned_upright(tmp_path: Path) -> None:
    picture = next(media.scene(320, 180, 1, seed=3))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held sideways: turn clockwise by 90 degrees to view
    path = tmp_path / "turned.png"
    Image.fromarray(picture).save(path, exif=exif)
    source = VideoFile(path)
    assert (source.info.width, source.info.height) == (180, 320)
    assert np.array_equal(next(source.chunks()).frames[0], np.rot90(picture, -1))


def test_sound_alone_is_audio(tmp_path: Path) -> None:
    path = media.write_clip(tmp_path / "tone.m4a", iter(()), sound="aac", seconds=1)
    source = VideoFile(path)
    assert (source.info.kind, source.info.audio, source.info.width) == ("audio", True, 0)
    assert source.info.duration == pytest.approx(1.0, abs=0.05)
    assert list(source.chunks()) == []


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("empty.mp4", b"", "media_empty"),
        ("text.mp4", b"It was a dark and stormy night.\n" * 400, "media_unreadable"),
        ("list.mp4", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n", "media_unreadable"),
        ("concat.mp4", b"ffconcat version 1.0\nfile /etc/hostname\n", "media_unreadable"),
        ("picture.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "media_unreadable"),
        ("picture.jpg", b"\xff\xd8\xff\xe0" + b"\0" * 50, "media_unreadable"),
    ],
)
def test_what_is_not_media_is_refused(name: str, content: bytes, code: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(MediaError) as caught:
        probe(path)
    assert caught.value.code == code
    if code == "media_unreadable":
        assert "Error" not in str(caught.value)
        assert "JPEG" in str(caught.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path, code in ((tmp_path / "none.mp4", "media_missing"), (tmp_path, "media_unreadable")):
        with pytest.raises(MediaError) as caught:
            probe(path)
        assert caught.value.code == code


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9, 0.999])
def test_a_truncated_clip_is_called_so(share: float, clip_360: Path, tmp_path: Path) -> None:
    content = clip_360.read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(MediaError) as caught:
        probe(path)
    assert caught.value.code == "media_truncated"


def save_heif(path: Path, mode: str) -> Path:
    """A picture by the brand of HEIC, which Pillow does not read; its codec is AVIF's."""
    pixels = np.random.default_rng(0).integers(0, 255, (96, 160, len(mode)), np.uint8)
    Image.fromarray(pixels, mode).save(path, "AVIF")
    path.write_bytes(path.read_bytes().replace(b"ftypavif", b"ftypheic", 1))
    return path


def test_a_whole_heif_picture_is_not_called_truncated(tmp_path: Path) -> None:
    path = save_heif(tmp_path / "a.heic", "RGB")
    info = probe(path)
    assert (info.width, info.height, info.frames) == (160, 96, 1)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(MediaError) as caught:
        probe(path)
    assert caught.value.code == "media_truncated"


def test_a_picture_of_which_only_a_part_would_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="PNG or JPEG") as caught:
        probe(save_heif(tmp_path / "a.heic", "RGBA"))
    assert caught.value.code == "media_unreadable"


def test_a_truncated_picture_is_called_so(picture_jpg: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.jpg"
    path.write_bytes(picture_jpg.read_bytes()[:4000])
    with pytest.raises(MediaError) as caught:
        list(VideoFile(path).chunks())
    assert caught.value.code == "media_truncated"


def test_a_clip_without_pictures_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "hollow.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=24)
        stream.width, stream.height = 64, 64
        output.start_encoding()
    with pytest.raises(MediaError) as caught:
        probe(path)
    assert caught.value.code == "media_no_video"


def test_damage_inside_a_clip_costs_only_the_pictures_it_hits(clip_360: Path, tmp_path: Path) -> None:
    content = bytearray(clip_360.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = b"\x55" * 3000
    path = tmp_path / "damaged.mp4"
    path.write_bytes(content)
    source = VideoFile(path)
    count = sum(len(chunk.frames) for chunk in source.chunks())
    assert 24 <= count <= 48


@pytest.mark.parametrize(
    "limits",
    [ReadLimits(pixels=640 * 359), ReadLimits(frames=40), ReadLimits(decoded_bytes=640 * 360 * 3 * 10)],
)
def test_the_limits_hold(limits: ReadLimits, clip_360: Path) -> None:
    with pytest.raises(MediaError) as caught:
        list(VideoFile(clip_360, limits=limits).chunks())
    assert caught.value.code == "media_bomb"


def test_a_clip_that_says_it_is_too_long_is_not_decoded(clip_360: Path) -> None:
    with pytest.raises(MediaError) as caught:
        probe(clip_360, limits=ReadLimits(seconds=1.5))
    assert caught.value.code == "media_too_large"


def test_a_huge_picture_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = media.zero_png(tmp_path / "bomb.png", 30_000, 30_000)
    assert path.stat().st_size < 4 * 2**20
    with pytest.raises(MediaError) as caught:
        probe(path)
    assert caught.value.code == "media_bomb"
