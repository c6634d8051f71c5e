"""`guard audit`, `guard policy test` and `guard report`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from guard.ledger import VerifyKey
from tests.policy import write_policy


def test_the_log_of_the_installation_verifies(here: Any) -> None:
    ran = here("audit", "verify", "--json")
    assert ran.code == 0
    assert ran.json.keys() == {
        "origin", "size", "root", "replayed", "pending", "checks", "problems", "found",
    }  # fmt: skip
    assert (ran.json["problems"], ran.json["found"]) == ([], 0)
    assert ran.json["checks"][-3:] == ["prompts", "objects", "manifests"]
    assert ran.json["size"] + ran.json["pending"] == ran.json["replayed"]
    assert here("audit", "verify", "--no-objects", "--json").json["checks"][-1] == "prompts"
    assert here("audit", "verify").out.endswith("no problem found\n")


def test_a_changed_row_is_found(copied: Any, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / ".guard/guard.db") as database:
        database.execute("UPDATE decisions SET reason = 'score.violence'")
    database.close()
    ran = copied("audit", "verify")
    assert ran.code == 1
    assert "PROBLEM" in ran.out
    assert copied("audit", "verify", "--json").json["problems"]


def test_an_audit_under_another_policy_writes_nothing(copied: Any, tmp_path: Path) -> None:
    # `copied` runs with the default policy, and the installation was made with another.
    data = tmp_path / ".guard"

    def leaves() -> int:
        with sqlite3.connect(data / "guard.db") as database:
            (count,) = database.execute("SELECT count(*) FROM ledger_entries").fetchone()
        database.close()
        return int(count)

    before = leaves(), (data / "keys/log.checkpoint").read_bytes()
    assert copied("audit", "verify").code == 0
    assert copied("videos", "list").code == 0
    assert (leaves(), (data / "keys/log.checkpoint").read_bytes()) == before


def test_leaves_that_no_checkpoint_covers_are_said(copied: Any, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / ".guard/guard.db") as database:
        database.execute("DROP TRIGGER ledger_checkpoints_no_delete")
        database.execute("DELETE FROM ledger_checkpoints WHERE size > 3")
    database.close()
    ran = copied("audit", "verify")
    assert "pending: " in ran.out
    # Leaves that wait for the next checkpoint are none, but one is kept beside the key that covered these.
    assert ran.code == 1
    assert "PROBLEM [checkpoint_missing]" in ran.out


def test_a_released_file_that_was_overwritten_is_found(copied: Any, prepared: Any, tmp_path: Path) -> None:
    (file,) = (tmp_path / ".guard/objects/videos" / prepared.made.video_id).iterdir()
    file.write_bytes(b"something else entirely")
    ran = copied("audit", "verify")
    assert ran.code == 1
    assert "PROBLEM [object_altered]" in ran.out
    assert copied("audit", "verify", "--no-objects").code == 0


@pytest.mark.parametrize("spoil", [Path.unlink, lambda file: file.write_bytes(b"another one")])
def test_a_manifest_that_is_gone_or_another_is_found(
    copied: Any, prepared: Any, tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    with sqlite3.connect(tmp_path / ".guard/guard.db") as database:
        [(release, digest)] = database.execute("SELECT id, manifest_digest FROM releases").fetchall()
    database.close()
    kept = tmp_path / ".guard/objects/manifests" / f"{digest.removeprefix('sha256:')}.c2pa"
    spoil(kept)
    ran = copied("audit", "verify")
    assert ran.code == 1
    code = "object_altered" if kept.exists() else "object_missing"
    assert f"PROBLEM [{code}]: manifests/" in ran.out
    assert f"the manifest of {release}" in ran.out
    assert copied("audit", "verify", "--no-objects").code == 0


def test_without_an_installation_an_audit_makes_none(guard: Any, tmp_path: Path) -> None:
    ran = guard("audit", "verify")
    assert ran.code == 1
    assert ran.err.startswith("error [key_missing]")
    assert not (tmp_path / ".guard").exists()


def test_an_export_is_checked_with_the_public_key_alone(here: Any, tmp_path: Path) -> None:
    key = here("audit", "key").out.strip()
    assert str(VerifyKey.parse(key)) == key
    assert key in here("audit", "export", tmp_path / "log").out
    ran = here("audit", "verify", tmp_path / "log", "--log-key", key, "--json")
    assert (ran.code, ran.json["problems"]) == (0, [])
    assert here("audit", "verify", tmp_path / "log").code == 2
    assert here("audit", "verify", "--log-key", key).code == 2
    tile = next(file for file in (tmp_path / "log/tile/entries").rglob("*") if file.is_file())
    tile.write_bytes(tile.read_bytes().replace(b"decision", b"decisiom"))
    assert here("audit", "verify", tmp_path / "log", "--log-key", key).code == 1


def test_a_checkpoint_kept_from_before_is_checked_too(here: Any, held: str, tmp_path: Path) -> None:
    here("audit", "export", tmp_path / "before")
    here("review", "reject", held)
    here("audit", "export", tmp_path / "after")
    kept = tmp_path / "before" / "checkpoint"
    assert here("audit", "verify", "--previous", kept).code == 0
    foreign = tmp_path / "foreign"
    foreign.write_text(kept.read_text().replace("\n", "x\n", 1))
    assert here("audit", "verify", "--previous", foreign).code == 1


def test_the_proof_of_a_release_is_the_one_that_came_with_it(here: Any, prepared: Any) -> None:
    proof = here("audit", "proof", prepared.made.video_id)
    assert proof.code == 0
    assert proof.out.startswith("c2sp.org/tlog-proof@v1\n")
    assert proof.out == here("audit", "proof", prepared.made.release_id).out


def test_the_embedded_policy_passes_its_own_cases(guard: Any) -> None:
    ran = guard("policy", "test", "--json")
    assert ran.code == 0
    assert ran.json.keys() == {"policy", "version", "digest", "cases", "failed", "results"}
    assert (ran.json["policy"], ran.json["failed"]) == ("default", [])
    assert ran.json["cases"] >= 20


def test_a_failing_case_is_named(guard: Any, tmp_path: Path) -> None:
    policy = write_policy(tmp_path / "policy.yaml")
    assert guard("policy", "test", policy).code == 0
    case = "- {id: wrong, language: en, text: a quagga grazes, expect: allow}\n"
    policy.write_text(policy.read_text("utf-8").replace("cases:\n", f"cases:\n{case}"), "utf-8")
    ran = guard("policy", "test", policy)
    assert ran.code == 1
    assert "failed: wrong: wanted allow, got block" in ran.err
    assert guard("policy", "test", policy, "--json").json["failed"] == ["wrong"]


def test_a_broken_policy_says_where(guard: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("id: mine\nversion: none\n")
    ran = guard("policy", "test", "mine.yaml")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error [policy_invalid]: mine.yaml")


def test_a_report_is_written_in_three_forms(here: Any, prepared: Any, tmp_path: Path) -> None:
    ran = here("report", "--out", tmp_path / "out", "--lang", "de", "--json")
    assert ran.code == 0
    files = [Path(name) for name in ran.json]
    assert [file.suffix for file in files] == [".json", ".html", ".pdf"]
    assert "Bericht" in files[1].read_text("utf-8")
    figures = {figure["name"]: figure["value"] for figure in json.loads(files[0].read_text())["figures"]}
    assert figures["released"] >= 1
    assert figures["generated"] >= 1


def test_a_report_ends_now_if_no_end_is_given(here: Any, tmp_path: Path) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    ran = here("report", "--out", tmp_path / "out", "--json")
    report = json.loads(Path(ran.json[0]).read_text())
    start, end = (datetime.fromisoformat(report[name]) for name in ("start", "end"))
    assert before <= end <= datetime.now(UTC)
    assert (end - start).days == 30


@pytest.mark.parametrize("option", ["--from", "--to"])
@pytest.mark.parametrize("day", ["2026-13-01", "2026-11-40", "yesterday"])
def test_what_is_no_day_is_said_in_plain_words(guard: Any, option: str, day: str) -> None:
    ran = guard("report", option, day)
    assert (ran.code, ran.out) == (2, "")
    said = " ".join(ran.err.replace("│", " ").split())
    assert f"{day} is no day of the calendar; write one as 2026-11-01" in said
    assert "Value error" not in said


@pytest.mark.parametrize("last", ["2026-11-01", "2026-10-01"])
def test_a_report_needs_a_period_that_ends_after_it_starts(guard: Any, last: str) -> None:
    ran = guard("report", "--from", "2026-11-01", "--to", last)
    assert (ran.code, ran.out) == (2, "")
    assert "must end after it starts" in ran.err
