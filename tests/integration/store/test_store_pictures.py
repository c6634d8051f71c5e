"""Releases are found by their pictures, with an index or without one, from the moment they are recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from guard import store
from guard.store import Coverage, Database, NewRelease, Pictures, Video

from .conftest import NOW, Frame

NewVideo = Callable[..., Video]
Releases = Callable[..., NewRelease]
Frames = Callable[..., list[Frame]]
Release = Callable[[int], str]


@pytest.fixture
def release(database: Database, new_video: NewVideo, new_release: Releases, frames: Frames) -> Release:
    def make(number: int) -> str:
        video = new_video(number)
        with database.write() as session:
            return store.record_release(session, video.id, new_release(number), frames(number), now=NOW).id

    return make


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pictures.index"


def rebuild(database: Database, path: Path) -> int:
    with database.read() as session:
        return Pictures(path).rebuild(session)


def like(
    database: Database, pictures: Pictures, hashes: list[Frame], *, revoked_only: bool = False, limit: int = 9
) -> list[tuple[str, int]]:
    with database.read() as session:
        return pictures.like(session, hashes, revoked_only=revoked_only, limit=limit)


def covered(database: Database, pictures: Pictures) -> Coverage:
    with database.read() as session:
        return pictures.coverage(session)


@pytest.mark.parametrize("indexed", [False, True])
def test_like_pictures_are_found_within_31_bits(
    database: Database, release: Release, frames: Frames, path: Path, indexed: bool
) -> None:
    released = [release(number) for number in range(4)]
    with database.write() as session:
        store.revoke_release(session, released[2], "x", now=NOW)
    if indexed:
        assert rebuild(database, path) == 32
    pictures = Pictures(path)
    assert like(database, pictures, frames(1)) == [(released[1], 8)]
    assert like(database, pictures, frames(1, flip=31)) == [(released[1], 8)]
    assert like(database, pictures, frames(1, flip=32)) == []
    assert like(database, pictures, frames(99)) == []
    assert like(database, pictures, []) == []
    mixed = frames(1)[:5] + frames(3)[:2]
    assert like(database, pictures, mixed) == [(released[1], 5), (released[3], 2)]
    assert like(database, pictures, mixed, limit=1) == [(released[1], 5)]
    assert like(database, pictures, frames(1), revoked_only=True) == []
    assert like(database, pictures, frames(2), revoked_only=True) == [(released[2], 8)]
    assert like(database, pictures, frames(1, quality=10)) == []
    assert covered(database, pictures) == (
        Coverage(32, 0, None) if indexed else Coverage(0, 32, "index_missing")
    )


def test_what_is_released_after_the_index_is_found_at_once_and_by_others(
    database: Database, release: Release, frames: Frames, path: Path
) -> None:
    first = release(0)
    rebuild(database, path)
    here, elsewhere = Pictures(path), Pictures(path)
    assert like(database, here, frames(1)) == []
    second = release(1)
    for pictures in (here, elsewhere, Pictures(path)):
        assert like(database, pictures, frames(1)) == [(second, 8)]
        assert like(database, pictures, frames(0)) == [(first, 8)]
    assert covered(database, here) == Coverage(8, 8, None)
    with database.write() as session:
        store.revoke_release(session, first, "x", now=NOW)
    assert like(database, here, frames(0), revoked_only=True) == [(first, 8)]


def test_an_index_that_is_made_anew_is_taken_up_by_who_runs(
    database: Database, release: Release, frames: Frames, path: Path
) -> None:
    running = Pictures(path)
    released = [release(number) for number in range(3)]
    assert covered(database, running) == Coverage(0, 24, "index_missing")
    rebuild(database, path)
    assert covered(database, running) == Coverage(24, 0, None)
    assert like(database, running, frames(2)) == [(released[2], 8)]


def test_a_release_that_is_rolled_back_is_not_found(
    database: Database, new_video: NewVideo, new_release: Releases, frames: Frames, path: Path
) -> None:
    pictures = Pictures(path)
    video = new_video(0)

    def cut_short() -> None:
        with database.write() as session:
            store.record_release(session, video.id, new_release(0), frames(0), now=NOW)
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power"):
        cut_short()
    assert like(database, pictures, frames(0)) == []
    with database.write() as session:
        store.record_release(session, video.id, new_release(0), frames(0), now=NOW)
    assert len(like(database, pictures, frames(0))) == 1


def test_a_damaged_index_costs_time_and_nothing_else(
    database: Database, release: Release, frames: Frames, path: Path
) -> None:
    released = release(0)
    rebuild(database, path)
    path.write_bytes(path.read_bytes()[:-1])
    pictures = Pictures(path)
    assert like(database, pictures, frames(0)) == [(released, 8)]
    assert covered(database, pictures) == Coverage(0, 8, "index_damaged")


def test_an_index_of_a_later_state_is_not_believed(
    database: Database, release: Release, frames: Frames, path: Path
) -> None:
    """As after a restored backup, in which other releases took the place of those that the index knows."""
    released = release(0)
    rebuild(database, path)
    path.write_bytes(path.read_bytes().replace(released.encode(), released[::-1].encode()))
    found = Pictures(path)
    assert like(database, found, frames(0)) == [(released, 8)]
    assert covered(database, found) == Coverage(0, 8, "index_foreign")
