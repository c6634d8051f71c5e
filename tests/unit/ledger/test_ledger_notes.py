"""Keys, signed notes and checkpoints, against a published note and against bent ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from guard.ledger import Checkpoint, LedgerError, LogKey, VerifyKey, open_checkpoint

# Published in the documentation of Go's golang.org/x/mod/sumdb/note.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1"
    "FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ROOT = bytes(range(32))


@pytest.fixture
def key(tmp_path: Path) -> LogKey:
    return LogKey.create(tmp_path / "log.key", "log.example/one")


@pytest.fixture
def note(key: LogKey) -> str:
    return key.sign(Checkpoint(key.name, 42, ROOT).text())


def test_published_note_verifies_and_bent_ones_do_not() -> None:
    key = VerifyKey.parse(GO_KEY)
    assert str(key) == GO_KEY
    assert key.verify(GO_NOTE).startswith("If you think")
    with pytest.raises(LedgerError) as caught:
        key.verify(GO_NOTE.replace("answer", "answers"))
    assert caught.value.code == "signature_invalid"


def test_key_file_is_private_and_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "log.key"
    key = LogKey.create(path, "log.example/one")
    assert path.stat().st_mode & 0o777 == 0o600
    assert LogKey.load(path) == key
    assert key.seed.hex() not in repr(key)
    assert VerifyKey.parse(str(key.public)) == key.public


def test_key_is_never_overwritten(tmp_path: Path) -> None:
    LogKey.create(tmp_path / "log.key", "log.example/one")
    before = (tmp_path / "log.key").read_bytes()
    with pytest.raises(LedgerError) as caught:
        LogKey.create(tmp_path / "log.key", "log.example/two")
    assert caught.value.code == "key_exists"
    assert (tmp_path / "log.key").read_bytes() == before


def test_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    LogKey.create(tmp_path / "log.key", "log.example/one")
    (tmp_path / "log.key").chmod(0o640)
    with pytest.raises(LedgerError) as caught:
        LogKey.load(tmp_path / "log.key")
    assert caught.value.code == "key_permissions"


@pytest.mark.parametrize("change", [lambda t: t[:-6] + "\n", lambda t: "", lambda t: t.replace("one", "two")])
def test_damaged_key_is_refused_without_its_content(tmp_path: Path, change: object) -> None:
    path = tmp_path / "log.key"
    key = LogKey.create(path, "log.example/one")
    path.write_text(change(path.read_text()))  # type: ignore[operator]
    with pytest.raises(LedgerError) as caught:
        LogKey.load(path)
    assert caught.value.code == "key_invalid"
    assert key.seed.hex() not in str(caught.value)


def test_missing_key_says_so(tmp_path: Path) -> None:
    with pytest.raises(LedgerError) as caught:
        LogKey.load(tmp_path / "none")
    assert caught.value.code == "key_missing"


@pytest.mark.parametrize("origin", ["", "with space", "with+plus", "with\ttab", "with\nline"])
def test_origin_fits_a_note(tmp_path: Path, origin: str) -> None:
    with pytest.raises(LedgerError) as caught:
        LogKey.create(tmp_path / "log.key", origin)
    assert caught.value.code == "key_invalid"


@pytest.mark.parametrize(
    "text",
    ["", "a+b", "log+00000000+AQ==", GO_KEY.replace("c74f20a3", "c74f20a4"), GO_KEY[:-4], GO_KEY + "!"],
)
def test_bad_public_key_is_refused(text: str) -> None:
    with pytest.raises(LedgerError) as caught:
        VerifyKey.parse(text)
    assert caught.value.code == "key_invalid"


def test_checkpoint_opens_with_its_key(key: LogKey, note: str) -> None:
    assert open_checkpoint(note, key.public) == Checkpoint("log.example/one", 42, ROOT)
    assert open_checkpoint(note, str(key.public)).size == 42


def test_checkpoint_opens_among_signatures_of_others(tmp_path: Path, key: LogKey, note: str) -> None:
    witness = LogKey.create(tmp_path / "witness.key", "witness.example")
    cosigned = note + witness.sign(note.partition("\n\n")[0] + "\n").rpartition("\n\n")[2]
    assert open_checkpoint(cosigned, key.public).size == 42


def test_checkpoint_does_not_open_with_another_key(tmp_path: Path, note: str) -> None:
    other = LogKey.create(tmp_path / "other.key", "log.example/one")
    with pytest.raises(LedgerError) as caught:
        open_checkpoint(note, other.public)
    assert caught.value.code == "signature_invalid"


def test_checkpoint_of_another_log_under_the_same_key_is_refused(key: LogKey) -> None:
    note = key.sign(Checkpoint("log.example/elsewhere", 42, ROOT).text())
    with pytest.raises(LedgerError) as caught:
        open_checkpoint(note, key.public)
    assert caught.value.code == "signature_invalid"


@pytest.mark.parametrize(
    "change",
    [
        lambda n: n.replace("\n42\n", "\n43\n"),
        lambda n: n.replace("\n42\n", "\n042\n"),
        lambda n: n.replace("AAEC", "AAED"),
        lambda n: n.replace("log.example/one\n", "log.example/two\n"),
        lambda n: n.rstrip("\n"),
        lambda n: n.replace("\n\n", "\n"),
        lambda n: n.replace("\u2014", "-"),
        lambda n: n.partition("\n\n")[0] + "\n\n",
        lambda n: n[:-8] + n[-4:],
        lambda n: n.replace("\n42", "\r\n42"),
        lambda n: "",
        lambda n: "x" * 100_000 + n,
    ],
)
def test_bent_checkpoint_is_refused(key: LogKey, note: str, change: object) -> None:
    with pytest.raises(LedgerError) as caught:
        open_checkpoint(change(note), key.public)  # type: ignore[operator]
    assert caught.value.code in ("note_malformed", "signature_invalid")


@pytest.mark.parametrize(
    "text",
    ["o\n1\n", "o\n-1\nAAAA\n", "o\n1\nAAAA\n", "o\n01\n" + "A" * 43 + "=\n", "\n1\n" + "A" * 43 + "=\n"],
)
def test_signed_text_that_is_no_checkpoint_is_refused(key: LogKey, text: str) -> None:
    with pytest.raises(LedgerError) as caught:
        open_checkpoint(key.sign(text), key.public)
    assert caught.value.code == "note_malformed"
