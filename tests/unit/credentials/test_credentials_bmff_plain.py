"""Files that FFmpeg is not asked about: in them it must find every sample where our own tables say."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from guard.credentials import bmff, bmff_samples
from guard.credentials.bmff_boxes import C2PA_USER_TYPE, read_boxes
from guard.credentials.bmff_plain import is_plain
from guard.media import MediaError
from guard.media.reading import VideoFile, packet_extents
from guard.media.writing import encode
from tests import media
from tests.credentials_forge import write_mp4

HOLDERS = {b"moov", b"trak", b"edts", b"mdia", b"minf", b"dinf", b"stbl", b"udta"}

Tree = list[tuple[bytes, "bytes | Tree"]]
"""Boxes by type, each with its content or the boxes in it."""


def plain(path: Path) -> bool:
    with path.open("rb") as file:
        return is_plain(file)


def encoded(
    path: Path, codec: str = "libx264", sound: str | None = None, pictures: int = 16, **more: str
) -> Path:
    scene = media.scene(64, 48, pictures)
    return media.write_clip(path, scene, codec=codec, sound=sound, seconds=0.5, options=more or None)


KINDS: dict[str, Callable[[Path], Path]] = {
    "last.mp4": lambda path: write_mp4(path, "", pictures=16),
    "first.mp4": lambda path: write_mp4(path, "faststart", pictures=16),
    "aac.mp4": lambda path: encoded(path, sound="aac"),
    "opus.mp4": lambda path: encoded(path, sound="libopus"),
    "hevc.mp4": lambda path: encoded(path, "libx265", **{"x265-params": "log-level=none"}),
    "vp9.mp4": lambda path: encoded(path, "libvpx-vp9", **{"cpu-used": "8", "deadline": "realtime"}),
    "av1.mp4": lambda path: encoded(path, "libsvtav1", pictures=4, preset="12"),
    "h264.mov": encoded,
}
OTHERS: dict[str, Callable[[Path], Path]] = {
    "fragments.mp4": lambda path: write_mp4(path, "frag_keyframe+empty_moov+default_base_moof"),
    "pcm.mov": lambda path: encoded(path, sound="pcm_s16le"),
    "aac.mov": lambda path: encoded(path, sound="aac"),
    "mpeg4.mp4": lambda path: encoded(path, "mpeg4"),
}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("plain")
    return {name: make(folder / name) for name, make in KINDS.items()}


def test_what_ffmpeg_writes_is_plain_in_common_kinds_and_no_others(
    clips: dict[str, Path], signed: Path, tmp_path: Path
) -> None:
    ours = tmp_path / "ours.mp4"
    encode(VideoFile(clips["aac.mp4"]), ours, audio_from=clips["aac.mp4"])
    assert all(plain(path) for path in (*clips.values(), signed, ours))
    others = [make(tmp_path / name) for name, make in OTHERS.items()]
    assert not any(plain(path) for path in others)
    for path in (*clips.values(), signed, *others):
        with path.open("rb") as file:
            assert bmff.check_protected(file) == ()


def parsed(data: bytes) -> Tree:
    found: Tree = []
    while data:
        size, kind = struct.unpack_from(">I4s", data)
        content = data[8:size]
        found.append((kind, parsed(content) if kind in HOLDERS else content))
        data = data[size:]
    return found


def joined(tree: Tree) -> bytes:
    parts = [(kind, content if isinstance(content, bytes) else joined(content)) for kind, content in tree]
    return b"".join(struct.pack(">I4s", 8 + len(content), kind) + content for kind, content in parts)


def operated(tree: Tree, chance: random.Random) -> None:
    """Change one thing in a tree of boxes: its order, number, types, or the numbers in one of them."""
    holders, waiting = [], [tree]
    while waiting:
        holders.append(waiting.pop())
        waiting.extend(content for _, content in holders[-1] if not isinstance(content, bytes))
    holder = chance.choice(holders)
    place = chance.randrange(len(holder))
    kind, content = holder[place]
    what = chance.randrange(8)
    flat = content if isinstance(content, bytes) else joined(content)
    if what == 0:
        chance.choice(holders).insert(0, (kind, flat))
    elif what == 1 and len(holder) > 1:
        del holder[place]
    elif what == 2:
        chance.shuffle(holder)
    elif what == 3:
        names = (b"free", b"stco", b"co64", b"udta", b"tref", b"stz2", b"mdia", b"wave", b"hoov", b"cmov")
        holder[place] = (chance.choice(names), flat)
    elif isinstance(content, bytes) and len(content) >= 4:  # most often: a number becomes another
        at = chance.randrange(len(content) // 4) * 4
        number = int.from_bytes(content[at : at + 4])
        other = chance.choice((0, 1, 2, number + 1, number * 2, 1 << 31, chance.randrange(1 << 32), 5000))
        holder[place] = (kind, content[:at] + (other % (1 << 32)).to_bytes(4) + content[at + 4 :])


def changed(data: bytes, chance: random.Random) -> bytes:
    """A file with some bytes of its boxes changed, or with boxes that were operated on."""
    if chance.random() < 0.4:
        content = bytearray(data)
        header = data.index(b"moov")
        size = int.from_bytes(data[header - 4 : header])
        for _ in range(chance.choice((1, 1, 2, 4))):
            at = chance.choice((chance.randrange(60), header - 4 + chance.randrange(size)))
            content[at] = chance.choice((content[at] ^ 1 << chance.randrange(8), chance.randrange(256)))
        return bytes(content)
    tree = parsed(data)
    for _ in range(chance.choice((1, 1, 2))):
        operated(chance.choice((tree, *(inner for kind, inner in tree if kind == b"moov"))), chance)  # type: ignore[arg-type]
    return joined(tree)


def test_where_we_ask_nobody_ffmpeg_finds_every_sample_where_we_do(
    clips: dict[str, Path], tmp_path: Path
) -> None:
    chance = random.Random(20261126)
    sources = [path.read_bytes() for path in clips.values()]
    path = tmp_path / "changed.mp4"
    agreed = unread = asked = 0
    reasons = set()
    for _ in range(800):
        path.write_bytes(changed(chance.choice(sources), chance))
        if not plain(path):
            asked += 1
            continue
        with path.open("rb") as file:
            boxes = read_boxes(file)
            extents = np.concatenate([rows for _, rows in bmff_samples.extents(file, boxes)])
        (held,) = boxes.at("/mdat")
        try:
            packets = packet_extents(path)
        except (MediaError, MemoryError) as error:  # FFmpeg plays nothing of it, so nothing else than we saw
            reasons.add(getattr(error, "code", "memory"))
            unread += 1
            continue
        begins, ends = extents[:, 0], extents.sum(axis=1)
        assert all(((begins <= start) & (start + size <= ends)).any() for start, size in packets.tolist())
        assert begins.min() >= held.payload
        assert ends.max() <= held.end
        agreed += 1
    assert reasons <= {"media_unreadable", "memory"}
    assert agreed > 100
    assert asked > 100
    assert unread < agreed / 4


Edit = Callable[[Tree], None]


def within(tree: Tree, *path: bytes) -> Tree:
    """The boxes of a box."""
    for kind in path:
        tree = next(content for name, content in tree if name == kind and not isinstance(content, bytes))
    return tree


def replaced(*path: bytes, change: Callable[[bytes], bytes], kind: bytes | None = None) -> Edit:
    """Give a box another content, and another type."""

    def edit(tree: Tree) -> None:
        holder = within(tree, *path[:-1])
        place = [name for name, _ in holder].index(path[-1])
        content = holder[place][1]
        holder[place] = (kind or path[-1], change(content if isinstance(content, bytes) else joined(content)))

    return edit


def added(*path: bytes, box: tuple[bytes, bytes], place: int = 1000) -> Edit:
    """Put a box into another."""
    return lambda tree: within(tree, *path).insert(place, box)


def at(offset: int, new: bytes) -> Callable[[bytes], bytes]:
    return lambda content: content[:offset] + new + content[offset + len(new) :]


def turned(tree: Tree) -> None:
    """The handler behind what is read by it."""
    holder = within(tree, b"moov", b"trak", b"mdia")
    holder[1:] = holder[:0:-1]


def disguised(tree: Tree) -> None:
    """Boxes whose types, one after another, read like those of a track, of which there is nothing."""
    kinds = b">mdia<mdhdhdlrminf<vmhddinf<dref>stbl<stsdsttsstscstszstco>>"
    track = within(tree, b"moov", b"trak")
    within(track, b"edts").extend((kinds[start : start + 4], b"") for start in range(0, len(kinds), 4))
    del track[2:]


def grouped(*runs: tuple[int, int], chunks: int = 2) -> Edit:
    """Samples in chunks by these runs; all chunks begin where the media do."""

    def edit(tree: Tree) -> None:
        rows = struct.pack(">II", 0, len(runs)) + b"".join(struct.pack(">III", *run, 1) for run in runs)
        replaced(*TRACK, b"stsc", change=lambda _: rows)(tree)
        replaced(*TRACK, b"stco", change=lambda data: struct.pack(">II", 0, chunks) + data[8:] * chunks)(tree)

    return edit


TRACK = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
SETTINGS = 8 + 86 + 4
HIDDEN = struct.pack(">I4sIII", 20, b"stco", 0, 1, 8)
ATTACKS: dict[str, Edit] = {
    "brand of another kind": replaced(b"ftyp", change=at(0, b"jp2 ")),
    "brand of a still": replaced(b"ftyp", change=at(8, b"avif")),
    "foreign uuid": added(box=(b"uuid", bytes.fromhex("ffcc8263f8554a93 8814587a02521fdd") + bytes(9))),
    "second header": lambda tree: tree.append(tree[-1]),
    "fragment": added(box=(b"moof", b"")),
    "index of fragments": added(box=(b"mfra", b"")),
    "still beside the film": added(box=(b"meta", bytes(8))),
    "header in a free box": added(box=(b"free", bytes(4) + b"mvhd")),
    "media in a free box": replaced(b"mdat", change=bytes, kind=b"free"),
    "wide box with something in it": added(box=(b"wide", struct.pack(">I4s", 8, b"mdat"))),
    "compressed header": added(b"moov", box=(b"cmov", b"")),
    "fragments to come": added(b"moov", box=(b"mvex", b"")),
    "MPEG in a handler": replaced(
        b"moov", b"trak", b"mdia", b"hdlr", change=lambda _: bytes(4) + b"mhlrMPEG" + bytes(13)
    ),
    "MPEG behind the header": added(box=(b"free", bytes(40) + b"hdlr\0\0\0\0mhlrMPEG")),
    "handler behind the tables": turned,
    "types that join to others": disguised,
    "other handler": replaced(b"moov", b"trak", b"mdia", b"hdlr", change=at(8, b"text")),
    "sound in pictures": replaced(b"moov", b"trak", b"mdia", b"hdlr", change=at(8, b"soun")),
    "timecode": added(b"moov", b"trak", place=1, box=(b"tref", struct.pack(">I4sI", 12, b"tmcd", 2))),
    "chapters": added(b"moov", b"trak", place=1, box=(b"tref", struct.pack(">I4sI", 12, b"chap", 2))),
    "chapters in user data": added(b"moov", b"udta", box=(b"chpl", bytes(9))),
    "cover": added(b"moov", b"udta", box=(b"covr", bytes(9))),
    "table in user data": added(b"moov", b"udta", box=(b"stco", HIDDEN[8:])),
    "media elsewhere": replaced(*TRACK[:-1], b"dinf", b"dref", change=at(16, bytes(4))),
    "another reference": replaced(*TRACK, b"stsd", change=at(8 + 15, b"\2")),
    "two descriptions": replaced(*TRACK, b"stsd", change=lambda data: at(7, b"\2")(data) + data[8:]),
    "encrypted": replaced(*TRACK, b"stsd", change=at(8 + 4, b"encv")),
    "uncommon kind": replaced(*TRACK, b"stsd", change=at(8 + 4, b"mp4v")),
    "palette": replaced(*TRACK, b"stsd", change=at(8 + 82, b"\0\x08\0\0")),
    "settings of another kind": replaced(*TRACK, b"stsd", change=at(SETTINGS, b"wave")),
    "table in a description": replaced(
        *TRACK, b"stsd", change=lambda data: at(8, struct.pack(">I", len(data) - 8 + 20))(data) + HIDDEN
    ),
    "bytes behind a description": replaced(*TRACK, b"stsd", change=lambda data: data + HIDDEN),
    "second table": added(*TRACK, box=(b"co64", bytes(8))),
    "packed sizes": replaced(*TRACK, b"stsz", change=bytes, kind=b"stz2"),
    "where to find keys": added(*TRACK, box=(b"saio", bytes(8))),
    "second description in use": replaced(*TRACK, b"stsc", change=at(16, b"\0\0\0\2")),
    "late first chunk": replaced(*TRACK, b"stsc", change=at(8, b"\0\0\0\2")),
    "empty chunks": replaced(*TRACK, b"stsc", change=at(12, bytes(4))),
    "more samples in chunks": replaced(*TRACK, b"stsc", change=at(12, b"\0\0\0\x40")),
    "fewer samples with a time": replaced(*TRACK, b"stts", change=at(8, b"\0\0\0\2")),
    "fewer samples with a size": replaced(*TRACK, b"stsz", change=at(8, b"\0\0\0\2")),
    "sizes of two kinds": replaced(*TRACK, b"stsz", change=at(4, b"\0\0\0\2")),
    "media before the film": replaced(*TRACK, b"stco", change=at(8, bytes(4))),
    "media behind the film": replaced(*TRACK, b"stco", change=at(8, b"\x7f\xff\xff\xff")),
    "longer table than it says": replaced(*TRACK, b"stco", change=lambda data: data + bytes(4)),
    "longer table by less than a row": replaced(*TRACK, b"stsc", change=lambda data: data + bytes(4)),
    "table without rows": replaced(*TRACK, b"stco", change=lambda _: bytes(8)),
    "fewer samples in chunks": replaced(*TRACK, b"stsc", change=at(12, b"\0\0\0\1")),
    "sizes of another version": replaced(*TRACK, b"stsz", change=at(0, b"\1")),
    "more key pictures than listed": replaced(*TRACK, b"stss", change=at(4, b"\0\0\0\x40")),
    "more offsets than listed": replaced(*TRACK, b"ctts", change=at(4, b"\0\0\0\x40")),
    "uncommon kind without settings": replaced(
        *TRACK, b"stsd", change=lambda data: data[:8] + struct.pack(">I4s", 86, b"mp4v") + data[16 : 8 + 86]
    ),
    "box behind a description": replaced(
        *TRACK, b"stsd", change=lambda data: data + struct.pack(">I4sII", 16, b"pasp", 1, 1)
    ),
    "first chunk in no run": grouped((2, 16)),
    "chunk without samples": grouped((1, 0), (2, 16)),
    "two runs from one chunk on": grouped((1, 99), (1, 16), chunks=1),
    "settings without an end": replaced(*TRACK, b"stsd", change=at(SETTINGS - 4, bytes(4))),
    "settings that are too long": replaced(*TRACK, b"stsd", change=at(SETTINGS - 4, b"\x7f\xff\xff\xff")),
    "brand far behind": replaced(b"ftyp", change=lambda data: data + b"isom" * 20 + b"avif"),
    "two manifests": lambda tree: tree.extend([(b"uuid", C2PA_USER_TYPE + bytes(9))] * 2),
    "many boxes": lambda tree: tree.extend([(b"free", b"")] * 1000),
    "many tracks": lambda tree: within(tree, b"moov").__setitem__(
        slice(1, 2), [(b"trak", within(tree, b"moov", b"trak"))] * 50
    ),
    "other metadata": replaced(b"moov", b"udta", b"meta", change=at(0, b"\1")),
    "metadata by keys": replaced(b"moov", b"udta", b"meta", change=at(4 + 8 + 8, b"mdta")),
    "long header": replaced(b"moov", b"trak", b"edts", b"elst", change=lambda data: data + bytes(5 << 20)),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_could_be_read_otherwise_is_not_plain(
    attack: str, clips: dict[str, Path], tmp_path: Path
) -> None:
    tree = parsed(clips["last.mp4"].read_bytes())
    path = tmp_path / "attack.mp4"
    path.write_bytes(joined(tree))
    assert plain(path)
    ATTACKS[attack](tree)
    path.write_bytes(joined(tree))
    assert not plain(path)


def test_a_second_handler_says_where_the_media_are_and_nothing_else(
    clips: dict[str, Path], tmp_path: Path
) -> None:
    tree = parsed(clips["h264.mov"].read_bytes())
    replaced(b"moov", b"trak", b"mdia", b"minf", b"hdlr", change=at(8, b"soun"))(tree)
    path = tmp_path / "handler.mov"
    path.write_bytes(joined(tree))
    assert not plain(path)


@pytest.mark.parametrize(
    "edit",
    [
        replaced(b"moov", b"trak", b"mdia", b"minf", b"stbl", b"sgpd", change=at(4, b"sync")),
        replaced(b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stts", change=at(12, b"\0\0\0\1")),
        replaced(b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stts", change=at(12, b"\xff\xff\xff\xf0")),
        replaced(
            b"moov",
            b"trak",
            b"mdia",
            b"minf",
            b"stbl",
            b"stsz",
            change=lambda data: at(4, b"\0\0\0\4")(data[:12]),
        ),
        replaced(b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", change=at(8 + 16, b"\0\1")),
        replaced(b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", change=at(8 + 4, b"sowt")),
    ],
    ids=["groups", "one unit", "times too long", "one size", "version", "uncompressed"],
)
def test_sound_that_ffmpeg_reads_in_its_own_way_is_not_plain(
    edit: Edit, clips: dict[str, Path], tmp_path: Path
) -> None:
    tree = parsed(clips["aac.mp4"].read_bytes())
    first = next(content for kind, content in within(tree, b"moov") if kind == b"trak")
    assert b"soun" in joined(within([(b"trak", first)], b"trak"))
    edit(tree)
    path = tmp_path / "sound.mp4"
    path.write_bytes(joined(tree))
    assert not plain(path)


def test_boxes_whose_size_can_be_read_in_two_ways_are_not_plain(
    clips: dict[str, Path], tmp_path: Path
) -> None:
    data = clips["last.mp4"].read_bytes()
    header = data.index(b"moov") - 4
    path = tmp_path / "sizes.mp4"
    for end in (struct.pack(">I4s", 0, b"moov"), struct.pack(">I4sQ", 1, b"moov", len(data) - header + 8)):
        path.write_bytes(data[:header] + end + data[header + 8 :])
        assert not plain(path)
    path.write_bytes(data + bytes(4))
    assert not plain(path)


def test_a_long_media_box_is_plain_and_a_signature_that_leaves_it_out_is_looked_into(
    clips: dict[str, Path], tmp_path: Path
) -> None:
    data = clips["last.mp4"].read_bytes()
    place = data.index(b"free", 0, 64) - 4  # eight bytes before the media, for a size of 64 bits
    size = int.from_bytes(data[place + 8 : place + 12])
    path = tmp_path / "long.mp4"
    path.write_bytes(data[:place] + struct.pack(">I4sQ", 1, b"mdat", size + 8) + data[place + 16 :])
    assert plain(path)
    with path.open("rb") as file:
        assert bmff.check_protected(file, (bmff.Exclusion("/mdat"),))[0].code == "sample_in_excluded_box"


def test_an_empty_box_before_the_header_holds_no_header(clips: dict[str, Path], tmp_path: Path) -> None:
    tree = parsed(clips["last.mp4"].read_bytes())
    tree.insert(-1, (b"free", b""))
    path = tmp_path / "empty.mp4"
    for more, is_it in (([], True), ([(b"uuid", bytes(16))], False)):
        path.write_bytes(joined([*tree, *more]))
        assert plain(path) is is_it
        with path.open("rb") as file:
            assert bmff.check_protected(file) == ()
