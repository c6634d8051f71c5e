"""Objects are written once, in a folder and in S3."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from guard.store import Objects, Stored, StoreError
from tests.s3 import OPTIONS

Content = Callable[[bytes], Path]


@pytest.fixture(params=["folder", "s3"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    if request.param == "folder":
        return Objects(tmp_path / "objects")
    endpoint: str = request.getfixturevalue("s3_endpoint")
    return Objects(f"s3://bucket/{tmp_path.name}", {"endpoint": endpoint, **OPTIONS})


@pytest.fixture
def content(tmp_path: Path) -> Content:
    made = iter(range(1000))

    def write(data: bytes) -> Path:
        path = tmp_path / f"file{next(made)}"
        path.write_bytes(data)
        return path

    return write


LARGE = os.urandom(11 * 1024 * 1024 + 7)


def test_large_file_comes_back_whole_and_in_ranges(objects: Objects, content: Content) -> None:
    assert objects.put("videos/one.mp4", content(LARGE)) == Stored("videos/one.mp4", len(LARGE))
    assert objects.head("videos/one.mp4").size == len(LARGE)
    chunks = list(objects.stream("videos/one.mp4"))
    assert b"".join(chunks) == LARGE
    assert max(len(chunk) for chunk in chunks) <= 1024 * 1024
    assert b"".join(objects.stream("videos/one.mp4", 5, 3_000_000)) == LARGE[5:3_000_000]
    assert b"".join(objects.stream("videos/one.mp4", len(LARGE) - 3, len(LARGE) + 100)) == LARGE[-3:]
    assert list(objects.stream("videos/one.mp4", 9, 9)) == []
    assert objects.sha256("videos/one.mp4") == hashlib.sha256(LARGE).hexdigest()


def test_same_content_again_is_fine_and_other_content_is_not(objects: Objects, content: Content) -> None:
    objects.put("videos/one.mp4", content(b"first"))
    objects.put("videos/one.mp4", content(b"first"))
    for other in (b"other", b"longer than the first", b""):
        with pytest.raises(StoreError) as caught:
            objects.put("videos/one.mp4", content(other))
        assert caught.value.code == "object_exists"
    assert b"".join(objects.stream("videos/one.mp4")) == b"first"


def test_of_two_writers_at_once_one_wins(objects: Objects, content: Content) -> None:
    files = [content(bytes([number]) * 100_000) for number in range(4)]
    outcomes: list[str] = []

    def put(path: Path) -> None:
        try:
            objects.put("videos/race.mp4", path)
            outcomes.append("stored")
        except StoreError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=put, args=(path,)) for path in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["object_exists"] * 3 + ["stored"]
    assert objects.sha256("videos/race.mp4") in {
        hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def test_object_that_is_not_what_was_stored_is_refused(
    objects: Objects, content: Content, tmp_path: Path
) -> None:
    digest = f"sha256:{hashlib.sha256(b'first').hexdigest()}"
    objects.put("videos/one.mp4", content(b"first"))
    for _ in range(2):
        assert objects.require("videos/one.mp4", digest) == Stored("videos/one.mp4", 5)
    objects.fetch("videos/one.mp4", tmp_path / "copy", digest)
    assert (tmp_path / "copy").read_bytes() == b"first"
    objects.delete("videos/one.mp4")
    objects.put("videos/one.mp4", content(b"other"))
    for call in (
        lambda: objects.require("videos/one.mp4", digest),
        lambda: objects.fetch("videos/one.mp4", tmp_path / "copy", digest),
    ):
        with pytest.raises(StoreError) as caught:
            call()
        assert caught.value.code == "object_altered"
    assert not (tmp_path / "copy").exists()


def test_deleted_object_is_missing_and_may_be_deleted_again(objects: Objects, content: Content) -> None:
    objects.put("videos/one.mp4", content(b"x"))
    objects.delete("videos/one.mp4")
    objects.delete("videos/one.mp4")
    for call in (objects.head, objects.stream, objects.sha256):
        with pytest.raises(StoreError) as caught:
            call("videos/one.mp4")
        assert caught.value.code == "object_missing"
    objects.check()


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "../one", "a/../b", "a//b", "a/.hidden", "uploads/x", "a b", "ä", "a" * 513]
)
def test_odd_keys_are_refused(objects: Objects, content: Content, key: str) -> None:
    for call in (objects.head, objects.delete, lambda k: objects.put(k, content(b"x"))):
        with pytest.raises(StoreError) as caught:
            call(key)
        assert caught.value.code == "object_key_invalid"


def test_folder_is_private_and_keeps_no_upload(tmp_path: Path, content: Content) -> None:
    objects = Objects(tmp_path / "objects")
    objects.put("videos/one.mp4", content(b"x"))
    with pytest.raises(StoreError):
        objects.put("videos/one.mp4", content(b"y"))
    assert (tmp_path / "objects").stat().st_mode & 0o777 == 0o700
    files = [path for path in (tmp_path / "objects").rglob("*") if path.is_file()]
    assert [path.name for path in files] == ["one.mp4"]
    assert files[0].stat().st_mode & 0o777 == 0o600


def test_store_that_is_away_says_so_without_its_credentials(content: Content) -> None:
    objects = Objects("s3://bucket/x", {"endpoint": "http://127.0.0.1:9", **OPTIONS})
    with pytest.raises(StoreError) as caught:
        objects.put("videos/one.mp4", content(b"x"))
    assert caught.value.code == "object_store_unavailable"
    assert OPTIONS["secret_access_key"] not in str(caught.value)


def test_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError) as caught:
        Objects(tmp_path / "file" / "objects")
    assert caught.value.code == "object_store_unavailable"


def test_unknown_url_says_so() -> None:
    with pytest.raises(StoreError) as caught:
        Objects("nonsense://place")
    assert caught.value.code == "object_store_unavailable"
