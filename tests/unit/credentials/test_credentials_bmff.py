"""Media that a signature does not cover: found before signing, and found in files that others signed."""

from __future__ import annotations

import contextlib
import io
import struct
import time
from collections.abc import Sequence
from pathlib import Path

import av
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from guard.credentials import CredentialsError, Identity, ManifestSpec, Trust, bmff, read, sign
from guard.credentials.bmff_boxes import Exclusion, read_boxes
from guard.media.reading import open_container, packet_extents
from tests import media
from tests.credentials_forge import (
    altered,
    box,
    created,
    definition,
    flipped,
    nested,
    retyped,
    sign_as_is,
    write_mp4,
)

CAPTURE = definition(created("digitalCapture"))


def findings(
    path: Path, exclusions: Sequence[Exclusion] = bmff.DEFAULT_EXCLUSIONS
) -> tuple[bmff.Finding, ...]:
    with path.open("rb") as file:
        return bmff.check_protected(file, exclusions)


def codes(path: Path) -> set[str]:
    return {finding.code for finding in findings(path)}


def pictures(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_ordinary_files_have_no_findings(clip: Path, fragmented: Path, signed: Path, tmp_path: Path) -> None:
    later = write_mp4(tmp_path / "later.mp4", "")  # header last
    sounding = media.write_clip(tmp_path / "sound.mp4", media.scene(64, 48, 8), sound="aac", seconds=0.3)
    quicktime = media.write_clip(
        tmp_path / "clip.mov", media.scene(64, 48, 8), sound="pcm_s16le", seconds=0.3
    )
    for path in (clip, fragmented, signed, later, sounding, quicktime):
        assert findings(path) == ()


def test_media_in_a_free_box_is_not_signed(
    clip: Path, spec: ManifestSpec, identity: Identity, tmp_path: Path
) -> None:
    hollow = retyped(clip, tmp_path / "hollow.mp4", "/mdat", b"free")
    assert pictures(hollow) == 24
    with pytest.raises(CredentialsError) as error:
        sign(hollow, tmp_path / "out.mp4", spec, identity)
    assert error.value.code == "not_fully_protected"
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("kind", [b"free", b"skip"])
@pytest.mark.parametrize("source", ["clip", "fragmented"])
def test_media_in_an_excluded_box_is_found_although_the_library_trusts_it(
    kind: bytes, source: str, identity: Identity, trust: Trust, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    hollow = retyped(request.getfixturevalue(source), tmp_path / "hollow.mp4", "/mdat", kind)
    foreign = sign_as_is(hollow, tmp_path / "signed.mp4", CAPTURE, identity)
    inside = box(foreign, f"/{kind.decode()}").payload + 400
    changed = flipped(foreign, tmp_path / "changed.mp4", inside)
    for path in (foreign, changed):
        report = read(path, trust)
        assert report.failures == ()  # the library's hashes all match
        assert (report.state, report.reason) == ("not_fully_protected", "sample_in_excluded_box")
        assert report.protection[0].box == f"/{kind.decode()}"


def test_a_sample_that_spills_over_into_a_free_box_is_found(clip: Path, tmp_path: Path) -> None:
    padded = tmp_path / "padded.mp4"
    padded.write_bytes(clip.read_bytes() + struct.pack(">I4s", 1008, b"free") + bytes(1000))
    assert findings(padded) == ()
    sizes = box(padded, "/moov/trak/mdia/minf/stbl/stsz")

    def grow_last(data: bytearray) -> None:
        last = int.from_bytes(data[sizes.end - 4 : sizes.end])
        data[sizes.end - 4 : sizes.end] = (last + 500).to_bytes(4)

    spilling = altered(padded, tmp_path / "spilling.mp4", grow_last)
    assert codes(spilling) == {"sample_in_excluded_box"}


def test_one_chunk_of_many_in_a_free_box_is_found(clip: Path, tmp_path: Path) -> None:
    table = box(clip, "/moov/trak/mdia/minf/stbl/stco")
    free = box(clip, "/free").start

    def move(data: bytearray) -> None:
        data[table.end - 4 : table.end] = (free + 2).to_bytes(4)

    assert "sample_in_excluded_box" in codes(altered(clip, tmp_path / "moved.mp4", move))


def test_samples_beyond_the_file_are_found(clip: Path, tmp_path: Path) -> None:
    table = box(clip, "/moov/trak/mdia/minf/stbl/stco")

    def move(data: bytearray) -> None:
        data[table.end - 4 : table.end] = (1 << 31).to_bytes(4)

    assert codes(altered(clip, tmp_path / "moved.mp4", move)) == {"sample_outside_file"}


def test_a_header_hidden_in_a_free_box_is_found(clip: Path, tmp_path: Path) -> None:
    hidden = retyped(clip, tmp_path / "hidden.mp4", "/moov", b"free")
    assert pictures(hidden) == 24  # FFmpeg looks for a header there when it finds none elsewhere
    assert codes(hidden) == {"header_in_excluded_box"}


def boxed(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def wrapped(data: bytes, *around: bytes) -> bytes:
    """Boxes within boxes of these kinds, the outermost first."""
    for kind in reversed(around):
        data = boxed(kind, data)
    return data


def renested(path: Path, out: Path, inner: str, *around: bytes) -> Path:
    """A clip with its header last, in which one box of the header lies in others of these kinds; its media are
    in a `free` box, which no hash covers."""
    places = inner.strip("/").split("/")
    parents = [box(path, "/" + "/".join(places[: depth + 1])) for depth in range(len(places))]
    data = path.read_bytes()
    chosen = parents.pop()
    content = wrapped(data[chosen.start : chosen.end], *around)
    for parent in reversed(parents):
        before, after = data[parent.payload : chosen.start], data[chosen.end : parent.end]
        content, chosen = boxed(parent.type, before + content + after), parent
    media = box(path, "/mdat")
    start = (
        data[: media.start]
        + data[media.start : media.start + 4]
        + b"free"
        + data[media.payload : chosen.start]
    )
    out.write_bytes(start + content)
    return out


TRAK = "/moov/trak"


@pytest.mark.parametrize(
    ("inner", "around"),
    [
        ("/moov", (b"moov",)),
        (TRAK, (b"moov",)),
        (TRAK, (b"udta", b"moov")),
        (f"{TRAK}/mdia", (b"mdia",)),
        (f"{TRAK}/mdia", (b"udta",)),
        (f"{TRAK}/mdia/minf/stbl", (b"udta",)),
        (f"{TRAK}/mdia/minf/stbl/stco", (b"schi", b"sinf")),
    ],
)
def test_tables_where_they_do_not_belong_are_found(
    inner: str, around: tuple[bytes, ...], identity: Identity, trust: Trust, tmp_path: Path
) -> None:
    clip = write_mp4(tmp_path / "clip.mp4", "")
    nest = renested(clip, tmp_path / "nest.mp4", inner, *around)
    assert pictures(nest) == 24
    assert {"misplaced_header", "sample_in_excluded_box"} <= codes(nest)
    report = read(sign_as_is(nest, tmp_path / "signed.mp4", CAPTURE, identity), trust)
    assert report.failures == ()
    assert (report.state, report.reason) == ("not_fully_protected", "misplaced_header")


def test_a_track_beside_its_movie_is_found(tmp_path: Path) -> None:
    clip = write_mp4(tmp_path / "clip.mp4", "")
    movie, track = box(clip, "/moov"), box(clip, "/moov/trak")
    data = clip.read_bytes()
    rest = data[movie.payload : track.start] + data[track.end : movie.end]
    beside = tmp_path / "beside.mp4"
    beside.write_bytes(data[: movie.start] + boxed(b"moov", rest) + data[track.start : track.end])
    assert pictures(beside) == 24
    assert codes(beside) == {"misplaced_header"}


def test_tables_that_only_the_demuxer_finds_are_found(tmp_path: Path) -> None:
    clip = write_mp4(tmp_path / "clip.mp4", "")
    # inside the description of the samples, which nobody walks for tables but FFmpeg
    stsd, stco = (box(clip, f"{TRAK}/mdia/minf/stbl/{name}") for name in ("stsd", "stco"))
    data = clip.read_bytes()
    media = data[box(clip, "/mdat").payload : box(clip, "/mdat").end]
    free = len(data) + stco.size
    table = boxed(b"stco", struct.pack(">IIII", 0, 1, free + 8, 0)[:12])
    entry = data[stsd.payload + 8 : stsd.end]
    longer = struct.pack(">I", len(entry) + len(table)) + entry[4:] + table
    content, chosen = boxed(b"stsd", data[stsd.payload : stsd.payload + 8] + longer), stsd
    for name in ("/mdia/minf/stbl", "/mdia/minf", "/mdia", ""):
        parent = box(clip, TRAK + name)
        content = boxed(
            parent.type, data[parent.payload : chosen.start] + content + data[chosen.end : parent.end]
        )
        chosen = parent
    movie = box(clip, "/moov")
    content = boxed(b"moov", data[movie.payload : chosen.start] + content + data[chosen.end : movie.end])
    hidden = tmp_path / "hidden.mp4"
    hidden.write_bytes(data[: movie.start] + content + boxed(b"free", media))
    assert pictures(hidden) == 24
    assert codes(hidden) == {"sample_in_excluded_box"}


def test_a_file_that_ffmpeg_takes_for_another_is_found(
    identity: Identity, trust: Trust, tmp_path: Path
) -> None:
    clip = write_mp4(tmp_path / "clip.mp4", "")
    two = media.write_taken_for_mxf(clip, tmp_path / "two.mp4", list(media.scene(160, 96, 4, seed=9)))
    assert codes(two) == {"other_container"}
    with pytest.raises(CredentialsError) as error:
        bmff.require_protected(two)
    assert error.value.code == "not_fully_protected"


def test_packets_are_located_without_decoding_as_with_it(
    clip: Path, fragmented: Path, tmp_path: Path
) -> None:
    sounding = media.write_clip(tmp_path / "sounding.mp4", media.scene(64, 48, 20), sound="aac")
    for path in (clip, fragmented, sounding):
        with open_container(path) as container:
            wanted = [[packet.pos, packet.size] for packet in container.demux() if packet.size]
        assert packet_extents(path).tolist() == wanted
        assert len(wanted) >= 20


def test_an_index_that_leads_to_a_fragment_outside_the_hash_is_found(
    fragmented: Path, tmp_path: Path
) -> None:
    data = fragmented.read_bytes()[: box(fragmented, "/mfra").start]
    start = box(fragmented, "/moof").start
    for place, found in ((start, set()), (len(data) + 8, {"stray_fragment"})):
        index = boxed(b"tfra", struct.pack(">IIII", 0, 1, 0, 1) + struct.pack(">II", 0, place) + b"\1\1\1")
        path = tmp_path / "indexed.mp4"
        path.write_bytes(data + boxed(b"free", data[start:]) + boxed(b"mfra", index))
        assert codes(path) == found


def test_media_in_another_file_is_found(clip: Path, tmp_path: Path) -> None:
    reference = box(clip, "/moov/trak/mdia/minf/dinf/dref/url?")

    def point_elsewhere(data: bytearray) -> None:
        data[reference.payload + 3] = 0

    assert codes(altered(clip, tmp_path / "external.mp4", point_elsewhere)) == {"external_media"}


def test_a_still_in_a_free_box_is_found(identity: Identity, trust: Trust, tmp_path: Path) -> None:
    still = tmp_path / "still.avif"
    Image.fromarray(next(media.scene(64, 48, 1))).save(still)
    assert findings(still) == ()
    hollow = retyped(still, tmp_path / "hollow.avif", "/mdat", b"free")
    Image.open(hollow).load()
    foreign = sign_as_is(hollow, tmp_path / "signed.avif", CAPTURE, identity, kind="image/avif")
    report = read(foreign, trust)
    assert (report.state, report.reason) == ("not_fully_protected", "sample_in_excluded_box")


def test_the_manifests_own_exclusions_count(clip: Path) -> None:
    assert findings(clip, (Exclusion("/mdat"),))[0].code == "sample_in_excluded_box"
    elsewhere = Exclusion.parse({"xpath": "/mdat[1]", "data": [{"offset": 8, "value": [1, 2, 3, 4]}]})
    assert findings(clip, (elsewhere,)) == ()
    part = Exclusion.parse({"xpath": "/mdat", "subset": [{"offset": 300, "length": 10}]})
    assert findings(clip, (part,))[0].code == "sample_in_excluded_box"


@pytest.mark.parametrize(
    "content",
    [
        nested(1000),
        struct.pack(">I4s", 8, b"free") * 150_000,
        struct.pack(">I4sQ", 1, b"mdat", 1 << 62),
        struct.pack(">I4s", 3, b"moov"),
        b"\0\0\0\x08ftyp\0\0",
    ],
    ids=["nested", "many", "huge", "small", "cut"],
)
def test_bombs_end_quickly_with_a_code(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bomb.mp4"
    path.write_bytes(content)
    start = time.process_time()
    with pytest.raises(CredentialsError) as error:
        findings(path)
    assert error.value.code in ("bmff_malformed", "bmff_too_complex")
    assert time.process_time() - start < 5


def test_tables_that_lie_about_their_size_are_refused(clip: Path, tmp_path: Path) -> None:
    for name in ("stco", "stsz", "stsc"):
        table = box(clip, f"/moov/trak/mdia/minf/stbl/{name}")
        count = table.payload + (8 if name == "stsz" else 4)

        def inflate(data: bytearray, count: int = count) -> None:
            data[count : count + 4] = b"\xff\xff\xff\xf0"

        with pytest.raises(CredentialsError) as error:
            findings(altered(clip, tmp_path / "lying.mp4", inflate))
        assert error.value.code == "bmff_malformed"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damaged_file_breaks_the_walk(
    data: st.DataObject, clip: Path, fragmented: Path, tmp_path: Path
) -> None:
    source = data.draw(st.sampled_from([clip, fragmented]))
    content = bytearray(source.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, min(len(content), 4000) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged.mp4"
    path.write_bytes(content)
    with contextlib.suppress(CredentialsError):
        findings(path)


def test_boxes_of_64_bit_sizes_and_to_the_end_are_walked() -> None:
    wide = struct.pack(">I4sQ", 1, b"mdat", 20) + bytes(4)
    rest = struct.pack(">I4s", 0, b"free") + bytes(9)
    boxes = read_boxes(io.BytesIO(wide + rest))
    assert [(b.type, b.start, b.payload, b.end) for b in boxes.top] == [
        (b"mdat", 0, 16, 20),
        (b"free", 20, 28, 37),
    ]
