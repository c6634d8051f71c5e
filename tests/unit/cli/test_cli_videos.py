"""`guard generate`, `guard videos` and `guard verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from guard.ledger import Checkpoint, LogKey
from guard.ledger.merkle import leaf_hash
from guard.ledger.proofs import Proof
from tests.policy import BLOCKED_RULE, BLOCKED_WORD, HELD_WORD


def test_generate_saves_the_released_file_and_its_proof(here: Any, tmp_path: Path) -> None:
    ran = here(
        "generate", "a boat on a lake", "--seconds", 2, "--size", "640x360", "--seed", 3,
        "--out", tmp_path / "made", "--json",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert ran.json.keys() == {"video_id", "release_id", "file", "proof", "log_index"}
    verdict = here("verify", ran.json["file"], "--json").json
    assert verdict["verdict"] == "generated_here"
    assert Path(ran.json["proof"]).read_text() == here("audit", "proof", ran.json["video_id"]).out
    listed = {row["id"]: row for row in here("videos", "list", "--json").json}
    assert listed[ran.json["video_id"]]["status"] == "completed"
    assert ran.json["video_id"] in here("videos", "list", "--limit", 50).out


def test_generate_makes_a_picture_too(here: Any, tmp_path: Path) -> None:
    ran = here(
        "generate", "a boat on a lake", "--picture", "--format", "webp", "--seed", 3,
        "--out", tmp_path / "made", "--json",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    file = Path(ran.json["file"])
    assert (file.suffix, file.read_bytes()[8:12]) == (".webp", b"WEBP")
    assert file.stem == ran.json["video_id"]
    assert here("verify", file, "--json").json["verdict"] == "generated_here"
    assert Path(ran.json["proof"]).read_text() == here("audit", "proof", ran.json["video_id"]).out
    listed = {row["id"]: row for row in here("videos", "list", "--json").json}
    assert [listed[file.stem][name] for name in ("format", "size", "seconds")] == ["webp", "1024x1024", 0]
    again = here("videos", "fetch", file.stem, "--out", tmp_path / "again", "--json")
    assert Path(again.json["file"]).read_bytes() == file.read_bytes()
    assert here("audit", "verify", "--objects").code == 0


def test_a_folder_that_cannot_be_used_is_said_before_any_work(here: Any, tmp_path: Path) -> None:
    before = here("videos", "list", "--json").json
    (tmp_path / "notes").write_text("a file")
    for folder in (tmp_path / "notes", tmp_path / "notes" / "deeper"):
        for command in (("generate", "a boat"), ("videos", "resume"), ("report",)):
            ran = here(*command, "--out", folder)
            assert (ran.code, ran.out) == (2, "")
            assert "is a file" in ran.err
    assert here("videos", "list", "--json").json == before


@pytest.mark.parametrize(("lang", "word"), [("en", "Please"), ("de", "Bitte")])
def test_a_blocked_prompt_makes_no_job(here: Any, lang: str, word: str) -> None:
    before = here("videos", "list", "--json").json
    ran = here("generate", f"a {BLOCKED_WORD} grazes", "--size", "640x360", "--lang", lang)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"blocked [rule.{BLOCKED_RULE}]: ")
    assert word in ran.err
    assert BLOCKED_WORD not in ran.err
    as_json = here("generate", f"a {BLOCKED_WORD} grazes", "--size", "640x360", "--json")
    assert (as_json.code, as_json.json["action"]) == (1, "block")
    assert as_json.json["decision_id"].startswith("decision_")
    assert BLOCKED_WORD not in as_json.out
    assert here("videos", "list", "--json").json == before


@pytest.mark.parametrize("limit", [-1, 0])
def test_a_list_of_none_is_not_asked_for(guard: Any, limit: int) -> None:
    assert guard("videos", "list", "--limit", limit).code == 2


def test_a_held_prompt_waits_for_a_reviewer(here: Any) -> None:
    ran = here("generate", f"an {HELD_WORD} grazes", "--seconds", 2, "--size", "640x360", "--json")
    assert ran.code == 1
    assert (ran.json["status"], ran.json["hold"]) == ("in_progress", "prompt")
    reviews = here("review", "list", "--json").json
    assert ran.json["video_id"] in {row["video_id"] for row in reviews}


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--size", "17x17"), "size_unsupported"),
        (("--size", "640x360", "--seconds", 3), "seconds_unsupported"),
        (("--model", "nobody"), "model_not_found"),
    ],
)
def test_what_the_model_cannot_do_is_said_before_a_worker_starts(
    here: Any, monkeypatch: pytest.MonkeyPatch, options: tuple[object, ...], code: str
) -> None:
    monkeypatch.setattr("guard.installation.Installation.work", lambda _: pytest.fail("works"))
    ran = here("generate", "a boat", *options)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"error [{code}]: ")


def test_verify_tells_verdict_basis_and_limits(here: Any, prepared: Any) -> None:
    found = here("verify", prepared.made.file, "--json")
    assert found.code == 0
    assert found.json["verdict"] == "generated_here"
    assert {"registry", "c2pa", "watermark"} <= {item["type"] for item in found.json["evidence"]}
    german = here("verify", prepared.made.file, "--lang", "de").out
    assert german.startswith("Ergebnis: generated_here\n")
    assert "Grenzen:" in german


def test_a_stranger_verifies_with_anchor_key_and_proof(here: Any, guard: Any, prepared: Any) -> None:
    key = here("audit", "key").out.strip()
    public = ("--offline", "--anchor", prepared.anchor)
    ran = guard(
        "verify", prepared.made.file, *public, "--proof", prepared.made.proof, "--log-key", key, "--json"
    )
    assert ran.code == 0
    outcomes = {item["type"]: item["outcome"] for item in ran.json["evidence"]}
    assert outcomes["c2pa"] == "detected"
    assert outcomes["watermark"] == "unavailable"
    assert ran.json["verdict"] != "inconclusive"
    assert guard("verify", prepared.made.file, *public, "--proof", prepared.made.proof).code == 2


def test_what_only_a_stranger_needs_is_refused_without_offline(
    guard: Any, prepared: Any, clip_360: Path, tmp_path: Path
) -> None:
    for option in (
        ("--anchor", prepared.anchor),
        ("--proof", prepared.made.proof),
        ("--log-key", "a+b+c"),
        ("--offline", "--url", "http://127.0.0.1:9"),
    ):
        ran = guard("verify", clip_360, *option)
        assert (ran.code, ran.out) == (2, ""), option
        assert "--offline" in ran.err
    assert not (tmp_path / ".guard").exists()


def test_a_proof_of_another_file_does_not_hold(here: Any, guard: Any, prepared: Any, clip_360: Path) -> None:
    key = here("audit", "key").out.strip()
    ran = guard("verify", clip_360, "--offline", "--proof", prepared.made.proof, "--log-key", key, "--json")
    assert ran.code == 1
    assert "proof_other_file" in ran.out
    assert "belongs to another file" in ran.out
    ran = guard("verify", clip_360, "--offline", "--proof", prepared.made.proof, "--log-key", "nokey.pub")
    assert (ran.code, ran.out) == (2, "")
    assert "there is no file nokey.pub" in ran.err


def test_a_key_of_another_log_is_not_taken_for_a_wrong_proof(
    guard: Any, prepared: Any, tmp_path: Path
) -> None:
    key = LogKey.create(tmp_path / "log.key", "guard.example/log")
    shown = ("--offline", "--proof", prepared.made.proof, "--log-key", key.public)
    ran = guard("verify", prepared.made.file, *shown)
    assert ran.code == 1
    assert "not signed with the log key" in ran.out


@pytest.mark.parametrize("damage", ["binary", "foreign leaf", "detector"])
def test_a_proof_that_cannot_be_checked_does_not_hold_either(
    guard: Any, prepared: Any, clip_360: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    key = LogKey.create(tmp_path / "log.key", "log.example/elsewhere")
    leaf = b"not an entry of ours"
    note = key.sign(Checkpoint(key.name, 1, leaf_hash(leaf)).text())
    proof = tmp_path / "file.tlog-proof"
    proof.write_text(Proof(0, (), note, leaf).format(), "utf-8")
    code = {"binary": "proof_malformed", "foreign leaf": "entry_invalid", "detector": "detector_failed"}[
        damage
    ]
    if damage == "binary":
        proof.write_bytes(b"\xff\x00\xfe" * 100)
    if damage == "detector":
        monkeypatch.setattr("guard.offline.verify_proof", lambda *_: 1 / 0)
    ran = guard("verify", clip_360, "--offline", "--proof", proof, "--log-key", key.public, "--json")
    assert ran.code == 1
    assert ("is none, or is damaged" in ran.out) == (damage == "binary")
    assert code in ran.out


def test_a_file_that_is_no_medium_is_an_error_line(here: Any, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a clip")
    ran = here("verify", tmp_path / "notes.txt")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error [media_unreadable]: ")


def test_a_service_that_does_not_answer_is_an_error_line(guard: Any, clip_360: Path) -> None:
    half = guard("verify", clip_360, "--url", "127.0.0.1:9")
    assert (half.code, half.out) == (2, "")
    assert "http://" in half.err
    ran = guard("verify", clip_360, "--url", "http://127.0.0.1:9")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error [service_unreachable]: http://127.0.0.1:9 did not answer")
