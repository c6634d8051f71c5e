"""Key files: made once, private, agreed upon by whoever starts at the same time, and never silently replaced."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from guard.keyfiles import KeyFileError, load_or_create, mark_keys, rotate_mark_key


def test_a_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "prompts.key"
    key = load_or_create(path)
    assert len(key) == 32
    assert load_or_create(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["prompts.key"]


def test_who_starts_at_the_same_time_gets_the_same_key(tmp_path: Path) -> None:
    gate, found = threading.Barrier(8), []

    def start() -> None:
        gate.wait()
        found.append(load_or_create(tmp_path / "prompts.key"))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 8
    assert len(set(found)) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["prompts.key"]


@pytest.mark.parametrize("content", [b"", b"abc", b"00" * 31, b"00" * 33, b"zz" * 32, b"\xff" * 64])
def test_a_damaged_key_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "prompts.key"
    path.write_bytes(content)
    with pytest.raises(KeyFileError) as refused:
        load_or_create(path)
    assert refused.value.code == "key_unreadable"
    assert "restore it from a backup" in str(refused.value)
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(KeyFileError) as refused:
        load_or_create(blocked / "prompts.key")
    assert refused.value.code == "key_unreadable"


def test_rotating_keeps_the_two_before_for_reading_and_retires_none_unasked(tmp_path: Path) -> None:
    first = mark_keys(tmp_path)
    assert [key.id for key in first] == ["mark-1"]
    assert [key.id for key in rotate_mark_key(tmp_path)] == ["mark-2", "mark-1"]
    assert [key.id for key in rotate_mark_key(tmp_path)] == ["mark-3", "mark-2", "mark-1"]
    with pytest.raises(KeyFileError, match="marks made with mark-1") as refused:
        rotate_mark_key(tmp_path)
    assert refused.value.code == "key_in_use"
    assert not (tmp_path / "mark-4.key").exists()
    keys = rotate_mark_key(tmp_path, retire=True)
    assert keys == mark_keys(tmp_path)
    assert [key.id for key in keys] == ["mark-4", "mark-3", "mark-2"]
    assert (tmp_path / "mark-1.key").exists()
    assert len({key.secret for key in (*keys, *first)}) == 4
    assert first[0].secret.hex() not in repr(first)


def test_numbers_are_ordered_as_numbers(tmp_path: Path) -> None:
    for number in (9, 10):
        load_or_create(tmp_path / f"mark-{number}.key")
    (tmp_path / "mark-x.key").write_text("not one of ours")
    assert [key.id for key in mark_keys(tmp_path)] == ["mark-10", "mark-9"]
