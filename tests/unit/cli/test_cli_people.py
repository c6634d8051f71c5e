"""`guard review` and `guard release`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.unit.cli.conftest import hold
from tests.worker import PROMPT


def test_a_held_video_is_listed_and_shown_with_its_prompt(here: Any, held: str) -> None:
    rows = {row["id"]: row for row in here("review", "list", "--json").json}
    assert rows[held]["state"] == "open"
    assert rows[held].keys() == {
        "id", "video_id", "stage", "state", "reason", "reviewer", "note", "created", "expires_at"
    }  # fmt: skip
    shown = here("review", "show", held, "--json").json
    assert shown["prompt"] == PROMPT
    assert (shown["categories"], shown["policy"]) == (["ip_copyright"], "test-policy@1")
    assert shown["clip"] is None
    assert held in here("review", "list").out
    said = here("review", "show", held).out
    assert f"prompt           {PROMPT}\n" in said
    assert "categories       ip_copyright\nscores           ip_copyright 0.5\n" in said
    assert "None" not in said


def test_a_long_list_comes_in_pages_oldest_first(here: Any, prepared: Any) -> None:
    first, second = hold(prepared), hold(prepared)
    page = here("review", "list", "--after", first, "--json").json
    assert [row["id"] for row in page] == [second]
    hold(prepared)
    shown = here("review", "list", "--after", first, "--limit", "1").out
    assert second in shown
    assert shown.endswith(f"There are more: --after {second}\n")


def test_a_rejection_ends_the_video_and_stays(here: Any, held: str) -> None:
    ran = here("review", "reject", held, "--reviewer", "someone", "--json")
    assert (ran.code, ran.json["state"], ran.json["reviewer"]) == (0, "rejected", "someone")
    again = here("review", "approve", held)
    assert (again.code, again.out) == (1, "")
    assert again.err == f"error [review_decided]: The review {held} is rejected already.\n"
    assert held in {row["id"] for row in here("review", "list", "--state", "rejected", "--json").json}
    assert held not in here("review", "list", "--json").out
    assert here("audit", "verify").code == 0


def test_an_approval_lets_the_video_go_on(here: Any, held: str, tmp_path: Path) -> None:
    assert here("review", "approve", held, "--note", "harmless").out == f"{held} approved\n"
    shown = here("review", "show", held, "--json").json
    assert shown["note"] == "harmless"
    video_id = shown["video_id"]
    rows = {row["id"]: row for row in here("videos", "list", "--json").json}
    assert rows[video_id]["hold"] is None
    assert rows[video_id]["status"] in ("queued", "in_progress")
    refused = here("videos", "fetch", video_id)
    assert (refused.code, refused.err.split("]")[0]) == (1, "error [video_not_ready")
    ended = here("videos", "resume", "--json")
    (row,) = (row for row in ended.json if row["id"] == video_id)
    assert (ended.code, row["status"]) == (0, "completed")
    assert row["file"] == f"out/{video_id}.mp4"
    assert Path(row["proof"]).read_text() == here("audit", "proof", video_id).out
    again = here("videos", "fetch", video_id, "--out", tmp_path / "again", "--json")
    assert Path(again.json["file"]).read_bytes() == Path(row["file"]).read_bytes()


def test_nothing_held_is_said(guard: Any) -> None:
    assert guard("review", "list").out == "Nothing is held.\n"
    assert guard("review", "list", "--state", "nonsense").code == 2
    assert guard("review", "list", "--json").json == []


def test_unknown_ids_are_errors(guard: Any) -> None:
    guard("keys", "init")
    for arguments in (
        ("review", "show", "review_none"),
        ("review", "reject", "review_none"),
        ("release", "show", "release_none"),
        ("release", "show", "video_none"),
        ("release", "revoke", "video_none", "--reason", "x"),
        ("audit", "proof", "video_none"),
        ("videos", "fetch", "video_none"),
    ):
        ran = guard(*arguments)
        assert (ran.code, ran.out) == (1, ""), arguments
        assert ran.err.startswith("error [not_found]"), arguments


def test_a_release_is_shown_by_either_id(here: Any, prepared: Any) -> None:
    by_release = here("release", "show", prepared.made.release_id, "--json").json
    assert by_release == here("release", "show", prepared.made.video_id, "--json").json
    assert by_release["log_index"] == prepared.made.log_index
    assert by_release["asset_digest"].startswith("sha256:")
    assert by_release["revoked_at"] is None


def test_a_revoked_release_is_remembered_and_verifies_as_such(copied: Any, prepared: Any) -> None:
    assert copied("release", "revoke", prepared.made.video_id, "--reason", " ").code == 2
    revoked = copied("release", "revoke", prepared.made.video_id, "--reason", "shows a person", "--json").json
    assert revoked["revoked_at"] is not None
    assert revoked["revoke_reason"] == "shows a person"
    again = copied("release", "revoke", prepared.made.video_id, "--reason", "another")
    assert (again.code, again.out) == (1, "")
    assert again.err.startswith("error [already_revoked]")
    assert revoked["revoked_at"] in again.err
    assert "shows a person" in copied("release", "show", prepared.made.release_id).out
    verdict = copied("verify", prepared.made.file, "--json").json
    registry = [item for item in verdict["evidence"] if item["type"] == "registry"]
    assert [item["claim"] for item in registry] == ["own_release_revoked"]
    assert copied("audit", "verify").code == 0
    assert copied("videos", "fetch", prepared.made.video_id).err.startswith("error [video_revoked]")
