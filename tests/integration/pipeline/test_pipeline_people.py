"""What people decide: reviews at both stages, their end by time, revocation, deletion; and tampering on the way."""

from __future__ import annotations

import os
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from guard.pipeline import afterwards
from guard.pipeline.errors import PipelineError
from guard.pipeline.steps import WorkFolder
from guard.pipeline.submit import RefusedError
from guard.pipeline.workflow import Outcome
from guard.store import StoreError, audit, audit_objects, kept_manifests, released_objects
from guard.store.models import Prompt
from guard.verification import verify
from tests.house import ALLOWED, BLOCKED, HELD, House


@pytest.fixture(scope="module")
def approved(house: House) -> str:
    """A video held for its prompt, then for its pictures, approved twice, and released."""
    house.scorer.score_now = 0.6
    video_id = house.submit(HELD, seed=11)
    first = house.video(video_id)
    assert (first.status, first.hold, first.attempts) == ("in_progress", "prompt", 0)
    assert house.generator.clips == 0
    afterwards.approve(house.services, house.engine, house.review_id(video_id, "prompt"), reviewer="Kim")
    second = house.until(video_id, lambda video: video.hold == "output")
    assert second.status == "in_progress"
    assert house.objects() == []
    house.run_ended(video_id)
    afterwards.approve(house.services, house.engine, house.review_id(video_id, "output"), reviewer="Kim")
    house.scorer.score_now = 0.0
    assert house.ended(video_id).status == "completed"
    return video_id


def test_a_video_held_twice_and_approved_twice_is_released_from_the_clip_that_was_seen(
    approved: str, house: House
) -> None:
    assert house.generator.clips == 1
    assert house.video(approved).attempts == 2


def test_a_review_is_decided_once(approved: str, house: House) -> None:
    with pytest.raises(StoreError) as error:
        afterwards.reject(house.services, house.review_id(approved, "prompt"), reviewer="Kim")
    assert error.value.code == "review_decided"
    assert house.video(approved).status == "completed"


def test_a_rejected_prompt_never_becomes_a_clip(house: House) -> None:
    before = house.generator.clips
    video_id = house.submit(HELD, seed=12)
    afterwards.reject(house.services, house.review_id(video_id, "prompt"), reviewer="Kim", note="no")
    house.engine.resume()
    video = house.video(video_id)
    assert (video.status, video.error_code, video.hold) == ("failed", "moderation_blocked", None)
    assert house.generator.clips == before


def test_a_blocked_prompt_is_no_job(house: House) -> None:
    with pytest.raises(RefusedError) as refused:
        house.submit(BLOCKED)
    assert refused.value.code == "moderation_blocked"
    assert refused.value.decision.reason == "rule.test.blocked"


def test_blocked_pictures_fail_the_job_and_are_destroyed(house: House) -> None:
    stored = house.objects()
    house.scorer.score_now = 0.95
    try:
        video_id = house.submit(seed=13)
        video = house.ended(video_id)
    finally:
        house.scorer.score_now = 0.0
    assert (video.status, video.error_code) == ("failed", "moderation_blocked")
    house.run_ended(video_id)
    assert video_id not in house.work_left()
    assert house.objects() == stored


def test_pictures_held_for_too_long_are_rejected_and_destroyed(house: House) -> None:
    house.scorer.score_now = 0.6
    try:
        video_id = house.submit(seed=14)
        house.held(video_id)
        house.run_ended(video_id)
    finally:
        house.scorer.score_now = 0.0
    assert video_id in house.work_left()
    house.ahead += timedelta(hours=73)
    house.engine.resume()
    house.steps.upkeep()
    video = house.video(video_id)
    assert (video.status, video.error_code) == ("failed", "moderation_blocked")
    assert video_id not in house.work_left()


def test_an_approval_holds_only_for_the_clip_that_was_seen(house: House) -> None:
    house.scorer.score_now = 0.6
    try:
        video_id = house.submit(seed=15)
        house.held(video_id)
        house.run_ended(video_id)
    finally:
        house.scorer.score_now = 0.0
    for path in (house.data / "work" / video_id).iterdir():
        path.unlink()
    afterwards.approve(house.services, house.engine, house.review_id(video_id, "output"), reviewer="Kim")
    video = house.ended(video_id)
    assert (video.status, video.error_code) == ("failed", "approved_clip_lost")


@pytest.mark.parametrize("name", ["raw", "marked", "fingerprint"])
@pytest.mark.parametrize("content", [b"", bytes(80)])
def test_a_damaged_note_is_no_note_and_the_step_is_done_again(
    house: House, name: str, content: bytes
) -> None:
    """Empty or zeros: what a power cut can leave of a file that was not synced."""
    house.signer_fails = True
    try:
        video_id = house.submit(seed=len(name) + 100 * len(content))
        assert house.stalled(video_id).stalled_code == "signer_failed"
        house.run_ended(video_id)
    finally:
        house.signer_fails = False
    (house.data / "work" / video_id / f"{name}.json").write_bytes(content)
    house.resume()
    assert house.ended(video_id).status == "completed"


def test_a_note_is_on_disk_before_it_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[int, bool]] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        synced.append((os.fstat(descriptor).st_ino, (tmp_path / "raw.json").exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    folder = WorkFolder(tmp_path)
    folder.note("raw", {"digest": "sha256:00"})
    assert folder.noted("raw") == {"digest": "sha256:00"}
    file, root = (path.stat().st_ino for path in (tmp_path / "raw.json", tmp_path))
    assert synced == [(file, False), (root, True)]
    assert [path.name for path in tmp_path.iterdir()] == ["raw.json"]


def test_a_damaged_clip_is_made_and_judged_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged: list[str] = []
    real = house.steps.examine_output

    def spoiled(video_id: str) -> Outcome:
        outcome = real(video_id)
        if not damaged:
            damaged.append(video_id)
            with (house.data / "work" / video_id / "raw.avi").open("r+b") as file:
                file.seek(100_000)
                file.write(b"spoiled")
        return outcome

    spoiled.__name__ = "examine_output"
    before = house.generator.clips
    monkeypatch.setattr(house.steps, "examine_output", spoiled)
    video_id = house.submit(seed=16)
    stalled = house.stalled(video_id)
    assert (stalled.status, stalled.stalled_code) == ("in_progress", "work_files_missing")
    house.resume()
    house.until(video_id, lambda video: video.progress > 85)
    assert house.generator.clips == before + 2
    assert house.ended(video_id).status == "completed"


@pytest.mark.parametrize("step", ["sign", "self_check"])
def test_a_file_changed_after_a_step_is_never_released(
    house: House, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    stored = house.objects()
    real = getattr(house.steps, step)

    def tampering(video_id: str) -> Outcome:
        outcome: Outcome = real(video_id)
        path = house.data / "work" / video_id / "signed"
        data = bytearray(path.read_bytes())
        data[-1000] ^= 1
        path.write_bytes(data)
        return outcome

    tampering.__name__ = step
    monkeypatch.setattr(house.steps, step, tampering)
    video = house.stalled(house.submit(seed=17))
    if step == "sign":
        assert (video.status, video.error_code) == ("failed", "self_check_failed")
    else:
        assert (video.status, video.stalled_code) == ("in_progress", "work_files_missing")
    assert house.objects() == stored
    assert house.release_of(video.id) is None


def test_deleting_destroys_file_and_prompt_and_keeps_what_recognises_copies(house: House) -> None:
    video_id = house.submit("a paper boat floats down a stream", seed=18)
    with pytest.raises(PipelineError) as refused:
        afterwards.delete(house.services, video_id, tenant_id=house.tenant)
    assert refused.value.code == "video_in_progress"
    assert house.ended(video_id).status == "completed"
    house.run_ended(video_id)
    release = house.release_of(video_id)
    assert release is not None
    copy = house.data / "copy.mp4"
    copy.write_bytes((house.data / "objects" / release.object_key).read_bytes())
    with house.services.database.read() as session:
        prompt = session.get(Prompt, house.video(video_id).prompt_id)
        assert prompt is not None
        wrapped = prompt.wrapped_key
    assert wrapped is not None

    afterwards.delete(house.services, video_id, tenant_id=house.tenant)
    assert release.object_key not in house.objects()
    for name in ("guard.db", "guard.db-wal"):
        assert wrapped[12:44] not in (house.data / name).read_bytes()
    with house.services.database.read() as session, pytest.raises(StoreError) as erased:
        house.services.vault.read(session, str(house.video(video_id).prompt_id))
    assert erased.value.code == "prompt_erased"
    assert verify(house.services.inspector, house.services.registry, copy).verdict.verdict == "generated_here"


def test_revoking_withdraws_the_file_and_blocks_its_pictures(approved: str, house: House) -> None:
    release = house.release_of(approved)
    assert release is not None
    copy = house.data / "revoked.mp4"
    copy.write_bytes((house.data / "objects" / release.object_key).read_bytes())
    for _ in range(2):  # again changes nothing
        afterwards.revoke(house.services, approved, "asked by the depicted person")
    assert release.object_key not in house.objects()
    found = verify(house.services.inspector, house.services.registry, copy).verdict
    assert found.revoked
    assert "own_release_revoked" in {str(item.claim) for item in found.evidence}
    again = house.submit(ALLOWED, seed=11)
    video = house.ended(again)
    assert (video.status, video.error_code) == ("failed", "revoked_content")
    house.run_ended(again)
    assert again not in house.work_left()
    assert house.release_of(again) is None


def test_the_audit_finds_nothing_after_all_of_this(approved: str, house: House) -> None:
    house.steps.upkeep()
    services = house.services
    kept = services.log.kept()
    with services.database.read() as session:
        report = audit(session, services.log, kept=kept, vault=services.vault)
        released, manifests = released_objects(session), kept_manifests(session)
    audit_objects(report, services.objects, released, manifests)
    assert report.problems == []
    assert report.pending == 0
    with sqlite3.connect(house.data / "guard.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
