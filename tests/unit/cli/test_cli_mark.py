"""`guard mark`: embedding a payload of one's own, and reading it second by second."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tests import media

from .conftest import Guard

PAYLOAD = "0123456789abcdef"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return media.write_clip(tmp_path / "clip.mp4", media.scene(480, 270, 30, seed=4))


def test_what_is_embedded_is_read(here: Guard, clip: Path, tmp_path: Path) -> None:
    made = here("mark", "embed", clip, tmp_path / "marked.mp4", "--payload", PAYLOAD.upper(), "--json").json
    assert made == {
        "file": str(tmp_path / "marked.mp4"),
        "payload": PAYLOAD,
        "key_id": "mark-1",
        "preset": "robust",
    }
    read = here("mark", "read", tmp_path / "marked.mp4", "--json")
    assert read.code == 0
    assert (read.json["status"], read.json["payload"], read.json["key_id"]) == ("read", PAYLOAD, "mark-1")
    assert [part["payload"] for part in read.json["timeline"]] == [PAYLOAD]
    said = here("mark", "read", tmp_path / "marked.mp4")
    assert said.out.startswith(f"payload {PAYLOAD}\n")
    assert "only a pointer" in said.out
    assert "verweist nur" in here("mark", "read", tmp_path / "marked.mp4", "--lang", "de").out


def test_what_is_marked_already_is_not_marked_again(here: Guard, clip: Path, tmp_path: Path) -> None:
    here("mark", "embed", clip, tmp_path / "marked.mp4", "--payload", PAYLOAD)
    again = here("mark", "embed", tmp_path / "marked.mp4", tmp_path / "again.mp4", "--payload", "0" * 16)
    assert again.code != 0
    assert PAYLOAD in again.err
    assert not (tmp_path / "again.mp4").exists()


def test_where_a_mark_is_is_shown(here: Guard, clip: Path, tmp_path: Path) -> None:
    here("mark", "embed", clip, tmp_path / "marked.mp4", "--payload", PAYLOAD)
    with av.open(str(tmp_path / "marked.mp4")) as container:
        ours = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    strange = list(media.scene(480, 270, 48, seed=9))
    mixed = media.write_clip(tmp_path / "mixed.mp4", [*strange, *ours[:24]])
    lines = here("mark", "read", mixed).out.splitlines()
    assert lines[1:3] == ["  0.0 s to 2.0 s: no mark", f"  2.0 s to 3.0 s: payload {PAYLOAD}"]


def test_a_picture_is_marked_with_the_preset_for_stills(here: Guard, tmp_path: Path) -> None:
    Image.fromarray(next(media.scene(640, 512, 1, seed=3))).save(tmp_path / "in.png")
    made = here(
        "mark", "embed", tmp_path / "in.png", tmp_path / "new" / "out.jpg", "--payload", PAYLOAD, "--json"
    ).json
    assert made["preset"] == "still"
    assert here("mark", "read", tmp_path / "new" / "out.jpg", "--json").json["payload"] == PAYLOAD
    assert np.asarray(Image.open(tmp_path / "new" / "out.jpg")).shape == (512, 640, 3)


def test_an_unmarked_file_says_so_and_ends_with_one(here: Guard, clip: Path) -> None:
    read = here("mark", "read", clip)
    assert read.code == 1
    assert read.out.startswith("no mark\n")
    assert "nothing about where the file comes from" in read.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["clip.mp4", "out.mp4", "--payload", "0123"], "16 hexadecimal digits"),
        (["clip.mp4", "out.mp4", "--payload", "x" * 16], "16 hexadecimal digits"),
        (["clip.mp4", "out.png", "--payload", PAYLOAD], "must end in .mp4"),
        (["clip.mp4", "clip.mp4", "--payload", PAYLOAD], "left as it is"),
        (["clip.mp4", "clip.mp4/out.mp4", "--payload", PAYLOAD], "is a file; name a folder"),
        (["clip.mp4", "out.mp4", "--payload", PAYLOAD, "--preset", "loud"], "mark_preset_unknown"),
    ],
)
def test_refusals_say_what_to_do(here: Guard, clip: Path, arguments: list[str], says: str) -> None:
    refused = here("mark", "embed", *arguments)
    assert refused.code != 0
    assert says in refused.err
    assert not Path("out.mp4").exists()
